/** The table of docs/performance.md, between its markers. */
import { withMarkedPart } from '../marked-part.ts';
import type { Figures } from './measure.ts';
import { judge, ms, type Row } from './targets.ts';

/** The figures of one run of the bench, as it writes them to a file. */
export interface BenchRun {
  /** As in `2026-11-28T10:00:00.000Z`. */
  readonly date: string;
  readonly machine: { readonly cores: number; readonly node: string; readonly kubernetes: string };
  readonly figures: readonly Figures[];
}

const MARKERS = { begin: '<!-- bench: written by `npm run bench` -->', end: '<!-- /bench -->' };

/** The page with the table of these runs. Throws if a marker is missing. */
export const withTable = (page: string, runs: readonly BenchRun[]): string => withMarkedPart(page, MARKERS, () => tableOf(runs));

/** Pure. A column for each size, and a row for each figure. Values that miss their target are bold. */
function tableOf(runs: readonly BenchRun[]): string {
  const [first] = runs;
  if (first === undefined) throw new Error('There are no figures.');
  const { cores, node, kubernetes } = first.machine;
  const dates = [...new Set(runs.map(({ date }) => date.slice(0, 10)))].join(' and ');
  const columns = runs
    .flatMap(({ figures }) => figures)
    .sort((a, b) => a.credentials - b.credentials || a.namespaces - b.namespaces)
    .map((figures) => ({ name: `${figures.namespaces} × ${figures.credentials}`, rows: [...floorsOf(figures), ...judge(figures)] }));
  const rows = columns[0]?.rows.map(({ what }, n) => {
    const cells = columns.map(({ rows }) => rows[n] as Row);
    const values = cells.map(({ value, met }) => (met === false ? `**${value}**` : value));
    return `| ${[what, ...values, targetOf(cells)].join(' | ')} |`;
  });
  return [
    `${cores} cores, Kubernetes ${kubernetes}, Node.js ${node.slice(1)}; ${dates}.`,
    '',
    `| | ${columns.map(({ name }) => name).join(' | ')} | target |`,
    `| --- |${' --- |'.repeat(columns.length + 1)}`,
    ...(rows ?? []),
  ].join('\n');
}

const floorsOf = ({ floorMs, rotationFloorMs }: Figures): Row[] => [
  { what: 'floor: the bare writer makes all writes of a placement', value: ms(floorMs), target: '', met: undefined },
  { what: 'floor: the bare writer makes all writes of a rotation', value: ms(rotationFloorMs), target: '', met: undefined },
];

/** Without what a target comes to for one size. */
const targetOf = (cells: readonly Row[]): string =>
  [...new Set(cells.map(({ target }) => target.replace(/ = .*/, '')).filter((target) => target !== ''))].join(', ');
