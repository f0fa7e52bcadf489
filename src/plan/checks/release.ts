import { type Problem, REASON } from '../../api/reasons.ts';
import type { Auth, Auths } from '../content/auth.ts';
import type { Candidate, Candidates } from '../content/candidates.ts';
import { type Content, contentOf } from '../content/content.ts';
import { nameOfServer } from './asked-host.ts';
import type { Interpretation } from './interpret.ts';

/** An entry that was released, and the source that it came from. */
export interface ReleasedEntry {
  readonly auth: Auth;
  /** `namespace/name`. */
  readonly source: string;
}

/** The entries that were released last, by canonical server. */
export type ReleasedEntries = ReadonlyMap<string, ReleasedEntry>;

export interface ReleaseInput {
  readonly candidates: Extract<Candidates, { state: 'read' }>;
  /** Empty before the first placement. */
  readonly released: ReleasedEntries;
  /** Whether a refused entry is held back, unless it is a token that the operator fetched: spec.verification.mode is Require, and checks are on. */
  readonly isGated: boolean;
  /** What the registry answered about the candidate of a server. */
  readonly checkOf: (server: string) => Pick<Interpretation, 'result' | 'message'>;
  /** For how long the candidate of a server has waited for its first answer, in milliseconds. */
  readonly pendingMs: (server: string) => number;
}

/** What is released, and what is held back and why. */
export interface Release {
  readonly entries: ReleasedEntries;
  /** Made of the entries; undefined if there are none. */
  readonly content: Content | undefined;
  /** Nothing was released yet, and nothing is released now. */
  readonly isNothingReleased: boolean;
  /** Problems of sources, by which a server keeps its last released entry. */
  readonly sourceProblems: readonly Problem[];
  /** Entries that a registry refuses, and that are therefore held back. */
  readonly refusals: readonly Problem[];
  /** Servers whose new entry waits for the first answer of the registry. */
  readonly verifying: readonly string[];
}

/** A new entry waits at most this long for the first answer of its registry. Then it is released. */
export const MAX_PENDING_MS = 2 * 60_000;

/**
 * Decides which entries are released, that is, placed in the namespaces.
 *
 * Before the first placement, one unusable source or one refused entry holds everything back. After that, the rule applies to each server
 * separately. A server whose source is missing or invalid, or whose new entry is refused, keeps its last released entry. The new
 * entries of the other servers are released. A refusal never removes an entry that was released before.
 */
export function decideRelease(input: ReleaseInput): Release {
  const { candidates, released } = input;
  const sourceProblems = [...candidates.invalid, ...candidates.broken.map(({ problem }) => problem)];
  const gates = new Map(Array.from(candidates.entries, ([server, candidate]) => [server, gateOf(input, server, candidate)]));
  const refusals = Array.from(gates).flatMap(([server, gate]) => (gate === 'closed' ? [refusal(input, server)] : []));
  const verifying = Array.from(gates).flatMap(([server, gate]) => (gate === 'pending' ? [nameOfServer(server)] : []));
  const unchanged = () => ({ entries: released, content: releasedContent(released), isNothingReleased: released.size === 0 });
  const findings = { sourceProblems, refusals, verifying };

  if (released.size === 0 && sourceProblems.length + refusals.length + verifying.length > 0) return { ...unchanged(), ...findings };
  // Two entries are for one server, and the spec does not say which one counts.
  if (candidates.invalid.length > 0) return { ...unchanged(), ...findings };
  const next = nextEntries(input, gates);
  // What is placed is never emptied.
  const entries = next.size > 0 ? next : released;
  const content = contentOf(authsOf(entries));
  if ('ok' in content) return { entries, content: content.ok, isNothingReleased: false, ...findings };
  return { ...unchanged(), ...findings, sourceProblems: [...sourceProblems, content.problem] };
}

/** The docker config of what was released; undefined if nothing was. */
export function releasedContent(released: ReleasedEntries): Content | undefined {
  const content = released.size > 0 ? contentOf(authsOf(released)) : undefined;
  return content && 'ok' in content ? content.ok : undefined;
}

const authsOf = (released: ReleasedEntries): Auths => new Map(Array.from(released, ([server, { auth }]) => [server, auth]));

/** Whether an entry is released. closed: its registry refuses it. pending: its registry has not answered yet. */
type Gate = 'open' | 'closed' | 'pending';

function gateOf({ isGated, released, checkOf, pendingMs }: ReleaseInput, server: string, { auth, fetched }: Candidate): Gate {
  // The operator fetched the token itself, and the former one expires. An entry that is released already stays released.
  if (!isGated || fetched || isSame(released.get(server)?.auth, auth)) return 'open';
  const { result } = checkOf(server);
  if (result === 'Refused') return 'closed';
  return result === 'Pending' && pendingMs(server) < MAX_PENDING_MS ? 'pending' : 'open';
}

function nextEntries({ candidates, released }: ReleaseInput, gates: ReadonlyMap<string, Gate>): ReleasedEntries {
  const { entries, broken } = candidates;
  const next = new Map<string, ReleasedEntry>();
  for (const [server, { auth, source }] of entries) {
    const last = released.get(server);
    if (gates.get(server) === 'open') next.set(server, { auth, source });
    else if (last) next.set(server, last);
  }
  const brokenServers = new Set(broken.flatMap(({ server }) => server ?? []));
  const brokenConfigs = new Set(broken.filter(({ server }) => server === undefined).map(({ source }) => source));
  const present = new Set([...Array.from(entries.values(), ({ source }) => source), ...broken.map(({ source }) => source)]);
  for (const [server, entry] of released) {
    if (next.has(server) || entries.has(server)) continue;
    // A docker config that cannot be read may hold any server: also one that came from a source which the spec no longer names.
    const mayBeInBrokenConfig = brokenConfigs.has(entry.source) || (brokenConfigs.size > 0 && !present.has(entry.source));
    if (brokenServers.has(server) || mayBeInBrokenConfig) next.set(server, entry);
  }
  return next;
}

function refusal({ released, checkOf }: ReleaseInput, server: string): Problem {
  const effect =
    released.size === 0
      ? 'Nothing is placed until the registry accepts it.'
      : released.has(server)
        ? 'The last accepted entry stays in place.'
        : 'This server is left out until the registry accepts it.';
  return { reason: REASON.registryRefused, message: `${checkOf(server).message} ${effect}` };
}

const isSame = (a: Auth | undefined, b: Auth) => a?.auth === b.auth && a.email === b.email;
