/** The table of docs/performance.md, between its markers. */
import { withMarkedPart } from '../marked-part.ts';
import type { Figures } from './measure.ts';
import { judge, ms, type Row } from './targets.ts';

/** The figures of one run of the bench, as it writes them to a file. */
export interface BenchRun {
  /** As in `2026-11-28T10:00:00.000Z`. */
  readonly date: string;
  readonly machine: { readonly cores: number; readonly node: string; readonly kubernetes: string };
  /** How often each placement was repeated. */
  readonly rounds: number;
  readonly figures: readonly Figures[];
}

const MARKERS = { begin: '<!-- bench: written by `npm run bench -- --docs` -->', end: '<!-- /bench -->' };

/** The page with the table of these runs. Throws if a marker is missing, or if the runs were on different machines or versions. */
export const withTable = (page: string, runs: readonly BenchRun[]): string => withMarkedPart(page, MARKERS, () => tableOf(runs));

/** The figures of all runs, first those with the fewest credentials, then with the fewest namespaces. */
export const inOrder = (runs: readonly BenchRun[]): Figures[] =>
  runs.flatMap(({ figures }) => figures).sort((a, b) => a.credentials - b.credentials || a.namespaces - b.namespaces);

/** Pure. A column for each size, and a row for each figure. Values that miss their target are bold. */
function tableOf(runs: readonly BenchRun[]): string {
  const columns = inOrder(runs).map((figures) => ({
    name: `${figures.namespaces} × ${figures.credentials}`,
    rows: [...floorsOf(figures), ...judge(figures)],
  }));
  const rows = (columns[0]?.rows ?? []).map(({ what }, n) => {
    const cells = columns.map(({ name, rows }) => ({ ...(rows[n] as Row), name }));
    const values = cells.map(({ value, met }) => (met === false ? `**${value}**` : value));
    return `| ${[what, ...values, targetOf(cells)].join(' | ')} |`;
  });
  return [
    `${machineOf(runs)}. ${roundsOf(runs)}`,
    '',
    `| | ${columns.map(({ name }) => name).join(' | ')} | target |`,
    `| --- |${' --- |'.repeat(columns.length + 1)}`,
    ...rows,
  ].join('\n');
}

function machineOf(runs: readonly BenchRun[]): string {
  const [machine, ...others] = new Set(
    runs.map(({ machine: { cores, node, kubernetes } }) => `${cores} cores, Kubernetes ${kubernetes}, Node.js ${node.slice(1)}`),
  );
  if (machine === undefined || others.length > 0)
    throw new Error(`The figures are of different machines or versions: ${[machine, ...others].join('; ')}. Measure them again.`);
  return `${machine}; ${[...new Set(runs.map(({ date }) => date.slice(0, 10)))].sort().join(' and ')}`;
}

function roundsOf(runs: readonly BenchRun[]): string {
  const once = inOrder(runs.filter(({ rounds }) => rounds === 1)).map(({ namespaces, credentials }) => `${namespaces} × ${credentials}`);
  return once.length === 0
    ? 'Times of placements are medians.'
    : `Times of placements are medians, except for ${once.join(' and ')}, which was measured once.`;
}

const floorsOf = ({ floorMs, rotationFloorMs }: Figures): Row[] => [
  { what: 'floor: the bare writer makes all writes of a placement', value: ms(floorMs), target: '', met: undefined },
  { what: 'floor: the bare writer makes all writes of a rotation', value: ms(rotationFloorMs), target: '', met: undefined },
];

/** Without what a target comes to for one size. If the sizes have different targets, each stands with its size. */
function targetOf(cells: readonly (Row & { readonly name: string })[]): string {
  const targets = cells.map(({ name, target }) => ({ name, target: target.replace(/ = .*/, '') })).filter(({ target }) => target !== '');
  const [first, ...others] = new Set(targets.map(({ target }) => target));
  if (first === undefined || others.length === 0) return first ?? '';
  return targets.map(({ name, target }) => `${target} at ${name}`).join(', ');
}
