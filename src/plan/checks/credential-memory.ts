import type { Auth } from '../content/auth.ts';
import { asObject, parseObject } from '../content/go-syntax.ts';
import { RESULTS, type Result } from './interpret.ts';
import type { ReleasedEntries, ReleasedEntry } from './release.ts';
import { REQUEST_PAUSE } from './schedule.ts';

/** What is known of one answered question. */
export interface CheckRecord {
  readonly result: Result;
  /** For messageFor: the answer may be shared. */
  readonly message: string;
  /** When the answer came, in milliseconds since 1970. */
  readonly at: number;
  /** How many answers in a row had this result. */
  readonly times: number;
  readonly retryAfterSeconds?: number;
  /** The value of GitHub's header, if GitHub was asked when the token expires. */
  readonly githubExpiry?: string;
}

/** What survives a restart and a change of leader: one Secret per credential holds it as JSON. */
export interface CredentialMemory {
  readonly released: ReleasedEntries;
  /** By a keyed hash of the question. */
  readonly checks: ReadonlyMap<string, CheckRecord>;
  /** Probe images that were pulled once, as `server image`. Only then is a later denial a refusal. */
  readonly proven: ReadonlySet<string>;
  /** The key of that hash, in hexadecimal. */
  readonly key: string;
  /** The last value of the annotation check-now that was acted on. */
  readonly checkNow?: string;
}

/** Equal memories have equal text, so an unchanged one is never written again. */
export function serializeMemory({ released, checks, proven, key, checkNow }: CredentialMemory): string {
  const sorted = <T>(map: ReadonlyMap<string, T>) => [...map].sort(([a], [b]) => (a < b ? -1 : 1));
  const entries = sorted(released).map(([server, { auth, source }]) => [server, { auth: auth.auth, email: auth.email, source }]);
  return JSON.stringify({ version: 1, key, checkNow, released: entries, checks: sorted(checks), proven: [...proven].sort() });
}

/**
 * The answers to remember: the present ones, and for a short while those to questions that are no longer asked. A source that is deleted
 * and created again within a minute thus causes no second question.
 */
export function rememberedChecks(
  before: ReadonlyMap<string, CheckRecord>,
  present: ReadonlyMap<string, CheckRecord>,
  now: number,
): ReadonlyMap<string, CheckRecord> {
  const recent = [...before].filter(([hash, { at }]) => !present.has(hash) && now - at < REQUEST_PAUSE);
  return new Map([...present, ...recent.slice(-MAX_RECENT)]);
}

/** A source that changes all the time must not make the state grow. */
const MAX_RECENT = 64;

/** Undefined for a text that this version did not write: the state is then built again. */
export function parseMemory(text: string): CredentialMemory | undefined {
  const state = parseObject(text);
  if (state?.version !== 1 || typeof state.key !== 'string' || !/^[0-9a-f]{64}$/.test(state.key)) return undefined;
  const released = entriesOf(state.released, releasedEntry);
  const checks = entriesOf(state.checks, (value) => (isCheckRecord(value) ? value : undefined));
  if (!released || !checks || !Array.isArray(state.proven)) return undefined;
  const proven = new Set(state.proven.filter((one) => typeof one === 'string'));
  return { released, checks, proven, key: state.key, ...(typeof state.checkNow === 'string' && { checkNow: state.checkNow }) };
}

function entriesOf<T>(value: unknown, read: (entry: unknown) => T | undefined): ReadonlyMap<string, T> | undefined {
  if (!Array.isArray(value)) return undefined;
  const map = new Map<string, T>();
  for (const pair of value) {
    if (!Array.isArray(pair) || typeof pair[0] !== 'string') return undefined;
    const entry = read(pair[1]);
    if (entry === undefined) return undefined;
    map.set(pair[0], entry);
  }
  return map;
}

/** `auth` holds the username and the password, so that they are not stored twice: a Secret holds at most 1 MiB. */
function releasedEntry(value: unknown): ReleasedEntry | undefined {
  const { auth, email, source } = asObject(value) ?? {};
  if (typeof auth !== 'string' || typeof source !== 'string') return undefined;
  const pair = Buffer.from(auth, 'base64').toString('utf8');
  const colon = pair.indexOf(':');
  if (colon < 0) return undefined;
  const entry: Auth = { username: pair.slice(0, colon), password: pair.slice(colon + 1), auth };
  return { auth: typeof email === 'string' ? { ...entry, email } : entry, source };
}

function isCheckRecord(value: unknown): value is CheckRecord {
  const record = asObject(value);
  return (
    RESULTS.includes(record?.result as Result) &&
    typeof record?.message === 'string' &&
    typeof record.at === 'number' &&
    typeof record.times === 'number'
  );
}
