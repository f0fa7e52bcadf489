/**
 * `npm run test:mutants`: changes one place of the decisions at a time, and runs the unit tests that reach it. A change that no test notices
 * is either a missing test, or no change of behaviour. `npm run test:mutants -- --help` shows its options.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { cpSync, globSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import process from 'node:process';
import { pathToFileURL } from 'node:url';
import { Command, InvalidArgumentError } from 'commander';
import { ACCEPTED } from './mutants/accepted.ts';
import type { Mutant } from './mutants/load.ts';
import { type Mutation, mutationsOf } from './mutants/mutations.ts';
import { readImports, testsOf, unitTests } from './mutants/tests-of.ts';

/** Folders and files that only decide: they have no I/O, and unit tests are all that they need. */
const DECISIONS = [
  ...['src/plan', 'src/queue', 'src/triggers'],
  ...['src/registry/answer.ts', 'src/registry/challenge.ts', 'src/net/address.ts', 'src/net/retry-after.ts'],
  ...['src/cloud/checked.ts', 'src/status/placement-counts.ts'],
];
const MOCHA = resolve('node_modules/mocha/bin/mocha.js');
const LOAD = pathToFileURL(resolve('scripts/mutants/load.ts')).href;
const NEAREST = 4;
/** A change may make a loop endless. The tests need less than a third of these times, also on a busy machine: a slow test must not count as noticed. */
const NEAREST_TIMEOUT_MS = 60_000;
const TIMEOUT_MS = 300_000;
const GOAL = 0.95;

interface Changed {
  readonly file: string;
  readonly line: number;
  /** The line before and after the change, without the space around it. */
  readonly before: string;
  readonly after: string;
  readonly source: string;
  readonly what: string;
}

const command = new Command('npm run test:mutants --')
  .description('Changes the decisions at random places, one at a time, and runs the unit tests on each change.')
  .argument('[paths...]', 'files and directories to change', DECISIONS)
  .option('-n, --count <n>', 'how many changes', wholeNumber, 200)
  .option('-j, --jobs <n>', 'how many run at the same time', wholeNumber, 2)
  .option('--seed <n>', 'the seed of the choice; the same seed makes the same changes', wholeNumber, Date.now() % 1_000_000)
  .parse();
const { count, jobs, seed } = command.opts<{ count: number; jobs: number; seed: number }>();

const files = (command.processedArgs[0] as string[]).flatMap((path) => (path.endsWith('.ts') ? [path] : globSync(join(path, '**/*.ts'))));
const all = files.sort().flatMap(changesOf);
const chosen = shuffled(all, seed).slice(0, count);
console.log(`${chosen.length} of ${all.length} possible changes in ${files.length} files, seed ${seed}.`);

const scratch = mkdtempSync(join(tmpdir(), 'regcred-mutants-'));
const tests = unitTests();
const importsOf = readImports();
const unnoticed: Changed[] = [];
let accepted = 0;
let done = 0;
const waiting = chosen.values();
// Otherwise whatever fails without a change would pass for a test that notices every change.
const [unchanged] = chosen;
if (unchanged && !(await isUnnoticed({ ...unchanged, source: readFileSync(unchanged.file, 'utf8') }, join(scratch, 'unchanged.json')))) {
  throw new Error(`The tests that reach ${unchanged.file} or the compiler fail without a change. See npm run test:unit and npx tsc.`);
}
await Promise.all(Array.from({ length: jobs }, (_, index) => work(join(scratch, `${index}.json`))));
rmSync(scratch, { recursive: true });

const noticed = chosen.length - unnoticed.length - accepted;
const considered = chosen.length - accepted;
console.log(
  `\n${noticed} of ${considered} changes were noticed (${((100 * noticed) / considered).toFixed(1)} %), ${accepted} change no behaviour.`,
);
if (noticed < GOAL * considered) {
  console.log(`\nThe goal is ${100 * GOAL} %. Add a test for each change above, or a row with the reason to scripts/mutants/accepted.ts.`);
  process.exitCode = 1;
}

/** Takes one change after the other until none is left. */
async function work(mutantFile: string): Promise<void> {
  for (const change of waiting) {
    const isAccepted = ACCEPTED.some(
      ({ file, before, after }) => file === change.file && before === change.before && after === change.after,
    );
    if (isAccepted) accepted++;
    else if (await isUnnoticed(change, mutantFile)) {
      unnoticed.push(change);
      console.log(`\n${change.file}:${change.line}  ${change.what}\n  - ${change.before}\n  + ${change.after}`);
    }
    if (++done % 20 === 0) console.log(`${done} done, ${unnoticed.length} unnoticed.`);
  }
}

/** The nearest tests first: they notice most changes, and an endless loop within seconds. */
async function isUnnoticed({ file, source }: Changed, mutantFile: string): Promise<boolean> {
  const reaching = testsOf(file, tests, importsOf);
  writeFileSync(mutantFile, JSON.stringify({ url: pathToFileURL(resolve(file)).href, source } satisfies Mutant));
  return (
    (await pass(reaching.slice(0, NEAREST), mutantFile, NEAREST_TIMEOUT_MS)) &&
    (await compiles(file, source)) &&
    (await pass(reaching.slice(NEAREST), mutantFile, TIMEOUT_MS))
  );
}

/** Whether the compiler accepts the change: `npm run verify` notices what it refuses. */
async function compiles(file: string, source: string): Promise<boolean> {
  const copy = mkdtempSync(join(scratch, 'types-'));
  for (const name of ['src', 'package.json']) cpSync(name, join(copy, name), { recursive: true });
  symlinkSync(resolve('node_modules'), join(copy, 'node_modules'));
  // The page in the browser has settings of its own for the compiler, and no decisions.
  const config = { extends: resolve('tsconfig.json'), include: [join(copy, 'src')], exclude: [join(copy, 'src/page/client')] };
  writeFileSync(join(copy, 'tsconfig.json'), JSON.stringify(config));
  writeFileSync(join(copy, file), source);
  const code = await exitOf(spawn(resolve('node_modules/.bin/tsc'), ['--noEmit', '-p', copy], { stdio: 'ignore' }));
  rmSync(copy, { recursive: true });
  return code === 0;
}

/** Whether these tests pass with the change, in time. */
async function pass(files: readonly string[], mutantFile: string, timeout: number): Promise<boolean> {
  if (files.length === 0) return true;
  const args = ['--import', LOAD, MOCHA, '--config', '.mocharc.unit.json', '--bail', '--reporter', 'min', '--exit', ...files];
  const env = { ...process.env, REGCRED_MUTANT: mutantFile };
  const child = spawn(process.execPath, args, { stdio: 'ignore', env, timeout, killSignal: 'SIGKILL' });
  return (await exitOf(child)) === 0;
}

function exitOf(child: ChildProcess): Promise<number | null> {
  return new Promise((ended, reject) => child.once('error', reject).once('close', ended));
}

function changesOf(file: string): Changed[] {
  const source = readFileSync(file, 'utf8');
  return mutationsOf(source).map((mutation) => changed(file, source, mutation));
}

function changed(file: string, source: string, { start, end, with: replacement, what }: Mutation): Changed {
  const lineStart = source.lastIndexOf('\n', start - 1) + 1;
  const lineEnd = source.indexOf('\n', end);
  const after = source.slice(lineStart, start) + replacement + source.slice(end, lineEnd);
  return {
    file,
    line: source.slice(0, start).split('\n').length,
    before: source.slice(lineStart, lineEnd).trim(),
    after: after.trim(),
    source: source.slice(0, start) + replacement + source.slice(end),
    what,
  };
}

/** Fisher and Yates' shuffle with a small generator of its own (mulberry32), so that a seed repeats a run. */
function shuffled<T>(values: readonly T[], from: number): T[] {
  const result = [...values];
  let state = from;
  const random = () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  for (let last = result.length - 1; last > 0; last--) {
    const other = Math.floor(random() * (last + 1));
    [result[last], result[other]] = [result[other] as T, result[last] as T];
  }
  return result;
}

function wholeNumber(text: string): number {
  if (!/^[1-9]\d*$/.test(text)) throw new InvalidArgumentError('It is a whole number from 1 on.');
  return Number(text);
}
