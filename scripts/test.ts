/** `npm test`: runs the test files in several mocha processes, the longest files first. `npm test -- --help` shows its options. */
import { fork } from 'node:child_process';
import { globSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { Command, InvalidArgumentError, Option } from 'commander';
import type { Message } from './test/reporter.ts';
import { split, type TimedFile } from './test/split.ts';

const MOCHA = join(import.meta.dirname, '../node_modules/mocha/bin/mocha.js');
const REPORTER = join(import.meta.dirname, 'test/reporter.ts');
/** How long each test file takes, in seconds. `npm test -- --record` writes it. A wrong time makes the run longer, and does no other harm. */
const TIMES = 'test/times.json';
const UNKNOWN_SECONDS = 1;
/** A process whose tests are done ends by itself at once. Otherwise a timer, a child process or a connection keeps it running. */
const ENDS_WITHIN_MS = 10_000;
const SLOWEST = 10;
/** Of a file that takes less, no line is printed. */
const SHOWN_MS = 1000;
/** More processes than cores: a process waits for more than half of its time. */
const MORE_THAN_CORES = 2;

interface Options {
  readonly jobs: number;
  readonly grep?: string;
  readonly config: string;
  readonly record?: true;
}

interface Case {
  readonly file: string;
  readonly title: string;
  readonly ms: number;
}

/** The result of one process. */
interface Result {
  readonly cases: readonly Case[];
  readonly pending: number;
  readonly failed: number;
  readonly fileMs: ReadonlyMap<string, number>;
}

const command = new Command('npm test --')
  .description('Runs all tests, or those in the files and directories that are named.')
  .argument('[paths...]', 'test files and directories', ['test/unit', 'test/kubelet', 'test/registry', 'test/page', 'test/cluster'])
  .option('-j, --jobs <n>', 'how many processes run at the same time', wholeNumber, availableParallelism() + MORE_THAN_CORES)
  .option('-g, --grep <pattern>', 'only the cases whose full title matches')
  .option('--config <file>', "mocha's configuration", '.mocharc.json')
  .addOption(new Option('--record', `write how long each file took to ${TIMES}`).conflicts('grep'))
  .parse();
const options = command.opts<Options>();

const since = performance.now();
const files = command.processedArgs[0].flatMap(filesIn) as string[];
if (files.length === 0) command.error('There are no test files in what was named. Test files end in .test.ts.');
const known = JSON.parse(readFileSync(TIMES, 'utf8')) as Record<string, number>;
const timed = [...new Set(files)].map((file) => ({ file, seconds: known[file] ?? UNKNOWN_SECONDS }));
const shares = split(timed, options.jobs);
console.log(
  `Running ${timed.length} test files in ${shares.length} processes. Each file that takes a second or more is named when it is done.`,
);
const results = await Promise.all(shares.map(run));

const cases = results.flatMap((result) => result.cases).sort((a, b) => b.ms - a.ms);
console.log(`\n  The slowest cases:`);
for (const { file, title, ms } of cases.slice(0, SLOWEST)) console.log(`  ${inSeconds(ms).padStart(8)}  ${title} (${file})`);
if (options.record) record(results);

const sum = (of: (result: Result) => number) => results.reduce((total, result) => total + of(result), 0);
const failed = sum((result) => result.failed);
const pending = sum((result) => result.pending);
// .ci/run adds these lines up.
console.log(`\n  ${cases.length} passing (${inSeconds(performance.now() - since)}, ${results.length} processes)`);
console.log(`  ${pending} pending`);
console.log(`  ${failed} failing`);
const isEmpty = cases.length === 0 && pending === 0;
if (isEmpty) console.log('\nNo case ran. Correct --grep, or the files that are named.');
else if (cases.length === 0) console.log('\nEvery case was skipped. The reasons are above.');
process.exitCode = failed > 0 || isEmpty ? 1 : 0;

/** Runs mocha over some files in a process of its own. Prints a line for each file that is done, and at the end what the process has printed. */
async function run(share: readonly TimedFile[], index: number): Promise<Result> {
  const args = ['--config', options.config, '--reporter', REPORTER, ...(options.grep === undefined ? [] : ['--grep', options.grep])];
  if (process.stdout.isTTY) args.push('--color');
  const child = fork(MOCHA, [...args, ...share.map(({ file }) => file)], { stdio: ['ignore', 'pipe', 'pipe', 'ipc'] });
  const terminate = () => void child.kill('SIGTERM');
  process.once('SIGTERM', terminate);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream?.setEncoding('utf8').on('data', (chunk: string) => (output += chunk));

  const cases: Case[] = [];
  const fileMs = new Map<string, number>();
  const counts = { pending: 0, failed: 0 };
  let isDone = false;
  let tooLate: NodeJS.Timeout | undefined;
  child.on('message', (message: Message) => {
    switch (message.kind) {
      case 'passed':
        return void cases.push(message);
      case 'pending':
        return void counts.pending++;
      case 'failed':
        counts.failed++;
        return console.log(`✖ ${message.title} (${message.file})`);
      case 'file':
        fileMs.set(message.file, message.ms);
        if (message.ms >= SHOWN_MS) console.log(`  ${inSeconds(message.ms).padStart(8)}  ${message.file}`);
        return;
      case 'end':
        isDone = true;
        tooLate = setTimeout(() => child.kill('SIGKILL'), ENDS_WITHIN_MS);
        return;
      default:
        return message satisfies never;
    }
  });
  const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve, reject) =>
    child.once('error', reject).once('close', (...ended) => resolve(ended)),
  );
  clearTimeout(tooLate);
  process.off('SIGTERM', terminate);

  const how = signal ? `was ended by ${signal}` : `ended with exit code ${code}`;
  const crash = !isDone
    ? `${how} before its tests were done`
    : signal
      ? `had not ended ${ENDS_WITHIN_MS / 1000} s after its tests were done: a timer, a child process or a connection is left`
      : code !== 0 && counts.failed === 0
        ? `${how} although no case failed`
        : undefined;
  if (crash !== undefined) {
    counts.failed++;
    output += `\n✖ The process ${crash}. It ran:\n${share.map(({ file }) => `    ${file}`).join('\n')}\n`;
  }
  const ran = `${share.length} ${share.length === 1 ? 'file' : 'files'}, ${cases.length + counts.pending} cases`;
  console.log(`\nProcess ${index + 1} is done after ${inSeconds(performance.now() - since)}: ${ran}, ${counts.failed} failed.\n${output}`);
  return { cases, fileMs, ...counts };
}

function filesIn(path: string): string[] {
  const found = statSync(path, { throwIfNoEntry: false });
  if (!found) command.error(`There is no file or directory ${path}.`);
  return found?.isDirectory() ? globSync(join(path, '**/*.test.ts')) : [path];
}

function record(measured: readonly Result[]): void {
  const seconds = measured.flatMap(({ fileMs }) => Array.from(fileMs, ([file, ms]) => [file, Math.ceil(ms / 1000)] as const));
  const all = Object.entries({ ...known, ...Object.fromEntries(seconds) }).sort(([a], [b]) => a.localeCompare(b));
  writeFileSync(TIMES, `${JSON.stringify(Object.fromEntries(all), null, 2)}\n`);
}

function inSeconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

function wholeNumber(text: string): number {
  if (!/^[1-9]\d*$/.test(text)) throw new InvalidArgumentError('It is a whole number from 1 on.');
  return Number(text);
}
