/** Which credentials, namespaces and columns are shown. */
import { CELL_STATES, type CellState } from '../../plan/coverage/cell-state.ts';
import { CODE_OF, type CredentialView, type Row } from '../messages.ts';

export const STATE_OF: ReadonlyMap<string, CellState> = new Map(CELL_STATES.map((state) => [CODE_OF[state], state]));

export interface Shown {
  readonly credentials: readonly CredentialView[];
  readonly rows: readonly Row[];
  /** The indices of the credentials that have a column. */
  readonly columns: readonly number[];
  /** How many cells of the rows that match the text have each state. */
  readonly counts: ReadonlyMap<CellState, number>;
}

interface Everything {
  readonly credentials: readonly CredentialView[];
  readonly rows: readonly Row[];
}

/**
 * The text matches names of namespaces and credentials, and registries. If it matches credentials but no namespace, the matrix has their columns
 * only; otherwise it has the namespaces that match. If it matches namespaces but no credential, all credentials stay. The states select the
 * namespaces that have a cell with one of them.
 */
export function shownOf({ credentials, rows }: Everything, query: string, states: readonly CellState[]): Shown {
  const text = query.trim().toLowerCase();
  const matching = credentials.filter((credential) => matchesCredential(credential, text));
  const named = text === '' ? rows : rows.filter(({ name }) => name.includes(text));
  const isByColumn = text !== '' && named.length === 0 && matching.length > 0;
  const columns = isByColumn ? matching.map((credential) => credentials.indexOf(credential)) : credentials.map((_, at) => at);
  const candidates = isByColumn ? rows : named;
  const codes = new Set(states.map((state) => CODE_OF[state]));
  return {
    credentials: text === '' || (matching.length === 0 && named.length > 0) ? credentials : matching,
    rows: codes.size === 0 ? candidates : candidates.filter(({ cells }) => columns.some((at) => codes.has(cells[at] ?? ''))),
    columns,
    counts: countsOf(candidates, columns, credentials.length),
  };
}

const matchesCredential = ({ title, registries, secretName }: CredentialView, text: string): boolean =>
  [title, secretName, ...registries.map(({ server }) => server)].some((name) => name.toLowerCase().includes(text));

function countsOf(rows: readonly Row[], columns: readonly number[], all: number): ReadonlyMap<CellState, number> {
  const byCode = new Map<string, number>();
  const isEvery = columns.length === all;
  for (const { cells } of rows) {
    for (let at = 0; at < columns.length; at++) {
      const code = cells[isEvery ? at : (columns[at] as number)] ?? '';
      byCode.set(code, (byCode.get(code) ?? 0) + 1);
    }
  }
  return new Map(CELL_STATES.flatMap((state) => (byCode.has(CODE_OF[state]) ? [[state, byCode.get(CODE_OF[state]) as number]] : [])));
}
