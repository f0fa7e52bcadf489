/** `npm run bench`: what the built program costs and how fast it is, against a bare writer in the same run. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import process from 'node:process';
import { Command, InvalidArgumentError } from 'commander';
import { Arena } from './bench/arena.ts';
import { type Figures, measure, type Rounds } from './bench/measure.ts';
import { plot } from './bench/plot.ts';
import { judge, judgeFlatness, type Row } from './bench/targets.ts';
import { Screen } from './quickstart/screen.ts';

interface Options {
  readonly namespaces: number[];
  readonly credentials: number[];
  readonly rounds: number;
  readonly json: string;
  readonly plot?: string;
}

const numbers = (text: string) =>
  text.split(',').map((part) => {
    if (!/^[1-9]\d{0,5}$/.test(part)) throw new InvalidArgumentError('Give whole numbers, for example 500,2000.');
    return Number(part);
  });
const number = (text: string) => numbers(text)[0] as number;

const options = new Command('npm run bench --')
  .description('Measures the built program against a bare writer, on a control plane of its own, and fails where a target is missed.')
  .option('--namespaces <list>', 'sizes of cluster, from small to large', numbers, [500])
  .option('--credentials <list>', 'numbers of RegistryCredentials', numbers, [1])
  .option('--rounds <n>', 'how often each is placed; times are medians', number, 3)
  .option('--json <file>', 'where the figures go', 'dist/bench.json')
  .option('--plot <file>', 'draw time and memory against namespaces, as SVG')
  .parse()
  .opts<Options>();

const screen = new Screen();
const arena = await Arena.open((line) => screen.progress(line));
const all: Figures[] = [];
const rows: Row[] = [];
try {
  const rounds: Rounds = { placing: options.rounds, newNamespaces: 100, drifts: 100, idleSeconds: 30 };
  for (const namespaces of [...options.namespaces].sort((a, b) => a - b)) {
    for (const credentials of options.credentials) {
      const title = `${namespaces} namespaces × ${credentials} ${credentials === 1 ? 'credential' : 'credentials'}`;
      const figures = await measure(arena, namespaces, credentials, rounds, (what) => screen.progress(`${title}: ${what}`));
      all.push(figures);
      show(`${title}; floor ${Math.round(figures.floorMs)} ms, rotation floor ${Math.round(figures.rotationFloorMs)} ms`, judge(figures));
    }
  }
} finally {
  await arena.close();
}
const flatness = judgeFlatness(all);
if (flatness.length > 0) show('Between the sizes', flatness);

mkdirSync('dist', { recursive: true });
const machine = { cpu: cpus()[0]?.model, cores: cpus().length, memoryGiB: Math.round(totalmem() / 2 ** 30), node: process.version };
writeFileSync(options.json, `${JSON.stringify({ date: new Date().toISOString(), machine, figures: all }, null, 2)}\n`);
screen.line(`\nThe figures are in ${options.json}.`);
if (options.plot) writeFileSync(options.plot, plot(all));
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
