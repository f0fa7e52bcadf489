/** Writes the table of the last `npm run test:faults` into docs/reliability.md, between its markers. */
import { readFileSync, writeFileSync } from 'node:fs';

interface Record {
  readonly date: string;
  readonly seed: number;
  readonly seconds: number;
  readonly checks: number;
  readonly failed: boolean;
  readonly rows: readonly {
    readonly fault: string;
    readonly times: number;
    readonly meanwhile: string;
    readonly longestRecoveryMs: number;
    readonly lost: number;
    readonly figures: { readonly [what: string]: number };
  }[];
}

const FILE = 'docs/reliability.md';
const BEGIN = '<!-- faults: written by `node scripts/reliability.ts` from dist/faults.json -->';
const END = '<!-- /faults -->';

const { date, seed, seconds, checks, failed, rows } = JSON.parse(readFileSync('dist/faults.json', 'utf8')) as Record;
if (failed) throw new Error('The last run of the fault suite failed: there is nothing to be shown before it is green.');
const page = readFileSync(FILE, 'utf8');
const [before, rest] = page.split(BEGIN);
const [, after] = rest?.split(END) ?? [];
if (before === undefined || after === undefined) throw new Error(`${FILE} has not the markers ${BEGIN} and ${END}.`);

const lines = rows.map(({ fault, times, meanwhile, longestRecoveryMs, lost, figures }) => {
  const beside = Object.entries(figures).map(([what, value]) => `${what}: ${value}`);
  return `| ${fault} | ${times} | ${meanwhile} | ${(longestRecoveryMs / 1000).toFixed(1)} s | lost: ${lost}${beside.map((one) => `; ${one}`).join('')} |`;
});
const lost = rows.reduce((sum, row) => sum + row.lost, 0);
const table = [
  BEGIN,
  `Run of ${date.slice(0, 10)}, seed ${seed}: ${seconds} s, the whole cluster looked at ${checks} times, **lost: ${lost}**.`,
  '',
  '| fault | times | changed meanwhile | longest recovery | |',
  '| --- | --- | --- | --- | --- |',
  ...lines,
  END,
];
writeFileSync(FILE, before + table.join('\n') + after);
