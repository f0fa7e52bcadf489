import { expect } from 'chai';
import type { Figures } from '../../../scripts/bench/measure.ts';
import { type BenchRun, withTable } from '../../../scripts/bench/table.ts';

const figures: Figures = {
  namespaces: 500,
  credentials: 1,
  floorMs: 1000,
  writeMs: 1200,
  startMs: 1900,
  writesPerNamespace: 2,
  readsBesideListsAndWatches: 0,
  rotationFloorMs: 800,
  rotationMs: 800,
  restartMs: 400,
  restartWrites: 0,
  newNamespaceP50: 4,
  newNamespaceP99: 11,
  newNamespaceInRotationP99: 100,
  bareInRotationP99: 50,
  burstP99: 300,
  bareBurstP99: 200,
  driftP99: 9,
  cpuPerNewNamespaceMs: 4,
  idleCpuPercent: 0.1,
  idleRequestsPerMinute: 0,
  peakMiB: 80,
  idleMiB: 70,
  idlePssMiB: 70,
  rotatedPssMiB: 75,
  idleAgainPssMiB: 71,
};
const run = (date: string, rounds: number, ...all: readonly Partial<Figures>[]): BenchRun => ({
  date,
  rounds,
  machine: { cores: 2, node: 'v24.1.0', kubernetes: '1.37.2' },
  figures: all.map((one) => ({ ...figures, ...one })),
});
const PAGE = 'above\n<!-- bench: written by `npm run bench -- --docs` -->\nold\n<!-- /bench -->\nbelow';

describe('The table of the bench', () => {
  const table = withTable(PAGE, [
    run('2026-11-29T23:00:00Z', 3, { namespaces: 5000 }, {}),
    run('2026-11-28T01:00:00Z', 1, { namespaces: 5000, credentials: 10, writeMs: 1400 }),
  ]);
  const rowOf = (what: string) => table.split('\n').find((line) => line.startsWith(`| ${what}`));

  it('replaces the one on the page, and nothing else', () => {
    expect(table).to.match(/^above\n<!-- bench: .*<!-- \/bench -->\nbelow$/s);
    expect(table).to.not.include('old');
  });
  it('names the machine, the versions, the days, and what was measured once', () =>
    expect(table).to.include(
      '2 cores, Kubernetes 1.37.2, Node.js 24.1.0; 2026-11-28 and 2026-11-29. Times of placements are medians, except for 5000 × 10, which was measured once.',
    ));
  it('has a column for each size of all runs, the smallest first', () =>
    expect(rowOf('|')).to.equal('| | 500 × 1 | 5000 × 1 | 5000 × 10 | target |'));
  it('prints in bold what misses its target', () =>
    expect(rowOf('write phase ÷ floor')).to.equal('| write phase ÷ floor | 1.20 × | 1.20 × | **1.40 ×** | ≤ 1.30 × |'));
  it('has one target for all sizes, or a target for each size', () => {
    expect(rowOf('process start')).to.equal('| process start to all placed | 1.90 s | 1.90 s | 1.90 s | ≤ 2 × floor + 0.6 s |');
    expect(rowOf('peak memory')).to.equal(
      '| peak memory | 80 MiB | 80 MiB | 80 MiB | ≤ 90 MiB at 500 × 1, ≤ 130 MiB at 5000 × 1, ≤ 250 MiB at 5000 × 10 |',
    );
  });
  it('leaves a figure without a target alone', () =>
    expect(rowOf('floor: the bare writer makes all writes of a rotation')).to.match(/\| 800 ms \| {2}\|$/));
  it('is refused if the runs were on different machines', () => {
    const other = run('2026-11-28T01:00:00Z', 1, {});
    expect(() => withTable(PAGE, [run('2026-11-28T01:00:00Z', 1, {}), { ...other, machine: { ...other.machine, cores: 16 } }])).to.throw(
      'different machines',
    );
  });
});
