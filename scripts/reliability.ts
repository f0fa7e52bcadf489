/** Writes the table of the last `npm run test:faults` into docs/reliability.md, between its markers. */
import { readFileSync, writeFileSync } from 'node:fs';
import type { FaultRecord } from '../test/faults/record.ts';
import { withMarkedPart } from './marked-part.ts';

const FILE = 'docs/reliability.md';
const MARKERS = {
  begin: '<!-- faults: written by `node scripts/reliability.ts` from dist/faults.json -->',
  end: '<!-- /faults -->',
};

const { date, seed, seconds, checks, failed, rows } = JSON.parse(readFileSync('dist/faults.json', 'utf8')) as FaultRecord;
if (failed)
  throw new Error('The last run of the fault suite failed. Run `npm run test:faults` until it passes, then run this script again.');

const lines = rows.map(({ fault, times, meanwhile, longestRecoveryMs, lost, figures }) => {
  const beside = Object.entries(figures).map(([what, value]) => `${what}: ${value}`);
  return `| ${fault} | ${times} | ${meanwhile} | ${(longestRecoveryMs / 1000).toFixed(1)} s | lost: ${lost}${beside.map((one) => `; ${one}`).join('')} |`;
});
const lost = rows.reduce((sum, row) => sum + row.lost, 0);
const table = [
  `Run of ${date.slice(0, 10)}, seed ${seed}: ${seconds} s, the whole cluster checked ${checks} times, **lost: ${lost}**.`,
  '',
  '| fault | times | changed meanwhile | longest recovery | |',
  '| --- | --- | --- | --- | --- |',
  ...lines,
];
writeFileSync(
  FILE,
  withMarkedPart(readFileSync(FILE, 'utf8'), MARKERS, () => table.join('\n')),
);
