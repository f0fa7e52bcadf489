/** `npm run bench`: measures the cost and speed of the built program, and compares it with a bare writer in the same run. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { resolve } from 'node:path';
import process from 'node:process';
import { Command, InvalidArgumentError, Option } from 'commander';
import { Arena } from './bench/arena.ts';
import { type Compared, compare, linesOf, PARTS, type Part, worseBy } from './bench/compare.ts';
import { type Figures, measure, type Rounds } from './bench/measure.ts';
import { plot } from './bench/plot.ts';
import { type BenchRun, inOrder, withTable } from './bench/table.ts';
import { judge, judgeFlatness, type Row } from './bench/targets.ts';
import { Screen } from './quickstart/screen.ts';

interface Options {
  readonly namespaces: number[];
  readonly credentials: number[];
  readonly rounds: number;
  readonly json: string;
  readonly docs?: string[];
  readonly before?: string;
  readonly parts: Part[];
  readonly limit?: number;
}

const numbers = (text: string) =>
  text.split(',').map((part) => {
    if (!/^[1-9]\d{0,5}$/.test(part)) throw new InvalidArgumentError('Use whole numbers, for example 500,2000.');
    return Number(part);
  });
const number = (text: string) => numbers(text)[0] as number;

const options = new Command('npm run bench --')
  .description('Compares the built program with a bare writer, on its own control plane. Fails if a target is missed.')
  .option('--namespaces <list>', 'numbers of namespaces to measure with', numbers, [500])
  .option('--credentials <list>', 'numbers of RegistryCredentials', numbers, [1])
  .option('--rounds <n>', 'how often to repeat each measurement; times are medians', number, 3)
  .option('--json <file>', 'the file to write the figures to', 'dist/bench.json')
  .option('--docs <files...>', 'measure nothing: write the table and the picture of docs/performance.md from the figures in these files')
  .option('--before <directory>', 'compare with another build, by turns: the directory dist of another checkout')
  .addOption(new Option('--parts <part...>', 'what to compare').choices(PARTS).default(PARTS))
  .option('--limit <ratio>', 'with --before: fail if a figure is more than this many times as high as before', Number)
  .parse()
  .opts<Options>();

const screen = new Screen();
if (options.docs) {
  writeDocs(options.docs.map((file) => JSON.parse(readFileSync(file, 'utf8')) as BenchRun));
  process.exit();
}
const arena = await Arena.open((line) => screen.progress(line));
const kubernetes = await arena.version();
const all: Figures[] = [];
const rows: Row[] = [];
const comparisons: { readonly title: string; readonly compared: readonly Compared[] }[] = [];
try {
  const rounds: Rounds = { placing: options.rounds, newNamespaces: 100, drifts: 100, idleSeconds: 30 };
  for (const namespaces of [...options.namespaces].sort((a, b) => a - b)) {
    for (const credentials of options.credentials) {
      const size = { namespaces, credentials, rounds: options.rounds };
      const title = `${namespaces} namespaces × ${credentials} ${credentials === 1 ? 'credential' : 'credentials'}`;
      if (options.before !== undefined) {
        const compared = await compare(arena, size, resolve(options.before), options.parts, (what) => screen.progress(`${title}: ${what}`));
        screen.heading(`${title}: before → after, medians (least–most)`);
        for (const line of linesOf(compared)) screen.line(`  ${line}`);
        comparisons.push({ title, compared });
        continue;
      }
      const figures = await measure(arena, namespaces, credentials, rounds, (what) => screen.progress(`${title}: ${what}`));
      all.push(figures);
      show(`${title}; floor ${Math.round(figures.floorMs)} ms, rotation floor ${Math.round(figures.rotationFloorMs)} ms`, judge(figures));
    }
  }
} finally {
  await arena.close();
}
mkdirSync('dist', { recursive: true });
if (options.before !== undefined) process.exit(judgeComparison());
const flatness = judgeFlatness(all);
if (flatness.length > 0) show('Between the sizes', flatness);

const machine = {
  cpu: cpus()[0]?.model,
  cores: cpus().length,
  memoryGiB: Math.round(totalmem() / 2 ** 30),
  node: process.version,
  kubernetes,
};
writeFileSync(
  options.json,
  `${JSON.stringify({ date: new Date().toISOString(), machine, rounds: options.rounds, figures: all }, null, 2)}\n`,
);
screen.line(`\nThe figures are in ${options.json}.`);
const missed = rows.filter(({ met }) => met === false).length;
if (missed > 0) {
  screen.failed(`${missed} ${missed === 1 ? 'target is' : 'targets are'} missed.`);
  process.exitCode = 1;
}

function show(title: string, judged: readonly Row[]): void {
  rows.push(...judged);
  screen.heading(title);
  for (const { what, value, target, met } of judged) {
    const mark = met === undefined ? ' ' : met ? '✔' : '✘';
    screen.line(`  ${mark} ${what.padEnd(58)} ${value.padStart(12)}   ${target}`);
  }
}

function writeDocs(runs: readonly BenchRun[]): void {
  const page = 'docs/performance.md';
  writeFileSync(page, withTable(readFileSync(page, 'utf8'), runs));
  writeFileSync('docs/performance.svg', plot(inOrder(runs)));
}

/** The exit code. */
function judgeComparison(): number {
  writeFileSync(options.json, `${JSON.stringify({ date: new Date().toISOString(), comparisons }, null, 2)}\n`);
  const worse = comparisons.flatMap(({ title, compared }) => worseBy(compared, options.limit).map((what) => `${title}: ${what}`));
  for (const what of worse) screen.failed(`${what} is more than ${options.limit} × as high as before.`);
  return worse.length > 0 ? 1 : 0;
}
