/** The entries of a docker config with repeated names, which Docker and the kubelet merge, and JSON.parse drops. */
import { asObject, fieldOf } from './go-syntax.ts';
import { membersOf } from './json-members.ts';

/** The fields of an entry that the kubelet or Docker reads. */
const FIELDS = ['auth', 'username', 'password', 'email', 'identitytoken', 'registrytoken'];

export interface ConfigMembers {
  /** By server as the config writes it. Undefined if there is no object under this name. */
  readonly entries: ReadonlyMap<string, unknown> | undefined;
  /** The servers that have two entries with different content, or an entry that has one field twice with different values. */
  readonly ambiguous: ReadonlySet<string>;
}

/**
 * Merges all members of a docker config with one name, in any case, as Go's encoding/json does for a map: later members add to earlier
 * ones, and the last entry of a server wins. Only null differs: Go empties the map there, and here nothing is lost.
 *
 * @param json valid JSON of an object.
 * @param name `auths` or `credHelpers`; undefined for the legacy format, whose entries are the members of the config itself.
 */
export function mergedMembers(json: string, name: string | undefined): ConfigMembers {
  const maps = name === undefined ? [json] : membersOf(json).flatMap(([key, value]) => (isNamed(key, name) ? [value] : []));
  let entries: Map<string, unknown> | undefined;
  const ambiguous = new Set<string>();
  for (const map of maps) {
    const value = JSON.parse(map);
    if (value === null) continue;
    if (asObject(value) === undefined) return { entries: undefined, ambiguous: new Set() };
    entries ??= new Map();
    for (const [server, text] of membersOf(map)) {
      const entry = JSON.parse(text);
      if (hasAmbiguousField(entry, text) || (entries.has(server) && !isEqual(entries.get(server), entry))) ambiguous.add(server);
      entries.set(server, entry);
    }
  }
  return { entries, ambiguous };
}

function hasAmbiguousField(entry: unknown, json: string): boolean {
  if (asObject(entry) === undefined) return false;
  const values = new Map<string, string>();
  return membersOf(json).some(([key, value]) => {
    const name = key.toLowerCase();
    const text = value.trim();
    // Go reads null as absent.
    if (!FIELDS.includes(name) || text === 'null') return false;
    const before = values.get(name);
    values.set(name, text);
    return before !== undefined && before !== text;
  });
}

/** Whether two entries give the same credentials. */
export function isEqual(one: unknown, other: unknown): boolean {
  const [a, b] = [asObject(one), asObject(other)];
  return a !== undefined && b !== undefined ? FIELDS.every((field) => fieldOf(a, field) === fieldOf(b, field)) : one === other;
}

const isNamed = (key: string, name: string) => key.toLowerCase() === name.toLowerCase();
