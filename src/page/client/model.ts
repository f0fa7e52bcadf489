/** What the page knows: the last snapshot with all changes since then. */
import type { Change, Row, Snapshot } from '../messages.ts';

export interface Model extends Snapshot {
  /** How often something changed in a namespace. What is opened reads again when its number changes. */
  readonly versions: ReadonlyMap<string, number>;
}

/** The model from a whole snapshot: the first one, or after a lost connection. */
export const fromSnapshot = (snapshot: Snapshot, before?: Model): Model => ({
  ...snapshot,
  rows: sorted(snapshot.rows),
  // Anything may have changed in each namespace: the credentials are others, or the connection was lost.
  versions: new Map(before ? snapshot.rows.map(({ name }) => [name, (before.versions.get(name) ?? 0) + 1]) : []),
});

/** The model after a change. What the change does not name stays as it is. */
export function withChange(model: Model, { rows = [], gone = [], ...parts }: Change): Model {
  const versions = rows.length + gone.length === 0 ? model.versions : new Map(model.versions);
  if (versions instanceof Map)
    for (const name of [...rows.map((row) => row.name), ...gone]) versions.set(name, (versions.get(name) ?? 0) + 1);
  return { ...model, ...parts, rows: mergedRows(model.rows, rows, gone), versions };
}

function mergedRows(before: readonly Row[], changed: readonly Row[], gone: readonly string[]): readonly Row[] {
  if (changed.length + gone.length === 0) return before;
  const byName = new Map(changed.map((row) => [row.name, row]));
  const removed = new Set(gone);
  const kept = before.flatMap((row) => {
    const next = byName.get(row.name) ?? row;
    byName.delete(row.name);
    return removed.has(row.name) ? [] : [next];
  });
  return byName.size === 0 ? kept : sorted([...kept, ...byName.values()]);
}

const sorted = (rows: readonly Row[]): Row[] => [...rows].sort((a, b) => (a.name < b.name ? -1 : 1));
