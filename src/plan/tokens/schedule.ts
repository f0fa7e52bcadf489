/** When a token is fetched, and when its refresh is late. */
import type { RegistryToken } from '../../api/cloud-token.ts';
import type { TokenRecord } from './record.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;

/** In the last minutes of a token, the source is asked this often whether it has the next one. */
const LAST_MINUTES = 5 * MINUTE;
const OFTEN = 30 * SECOND;

/** The shortest time between a fetch and the next one. */
const SHORTEST_WAIT = 5 * SECOND;

/** The waits after a failed fetch. */
export const FETCH_BACKOFF = { firstMs: 5 * SECOND, longestMs: 5 * MINUTE };

/** A token that nothing has used for this long is deleted. */
export const UNUSED_MS = 60 * MINUTE;

/**
 * The longest wait before a token is looked at again. Timers stand still while a machine sleeps, so the wall clock is compared at
 * least this often.
 */
export const LONGEST_WAIT_MS = MINUTE;

/** A fetch that failed, after `attempts` in a row. */
export interface FetchFailure {
  readonly attempts: number;
  /** When to try again, in milliseconds of a clock that does not jump. */
  readonly retryAt: number;
}

/** The time on both clocks. `wall` may be set by somebody; `steady` stands still while the machine sleeps. */
export interface Clocks {
  /** Milliseconds since 1970. */
  readonly wall: number;
  /** Milliseconds of a clock that does not jump. */
  readonly steady: number;
}

/**
 * The record of a token that was just fetched. It is refreshed at half of its life, up to a twentieth of its life later, so that many tokens are
 * not refreshed at the same moment. Metadata servers return the same token until shortly before its end: they are asked again at half of
 * what is left, and every 30 seconds in the last 5 minutes.
 *
 * @param random between 0 and 1
 */
export function recordOf(
  { username, password, expiresAt }: RegistryToken,
  before: TokenRecord | undefined,
  proof: string,
  now: number,
  random: number,
): TokenRecord {
  // The same token has the same end. Sources that say for how many seconds it still works round that.
  const isSame = before !== undefined && before.password === password && before.username === username;
  if (isSame) return { ...before, proof, refreshAt: askAgainAt(before.expiresAt, now) };
  const refreshAt = now + Math.max(SHORTEST_WAIT, (expiresAt - now) * (0.5 + random / 20));
  return { username, password, obtainedAt: now, expiresAt, refreshAt, proof };
}

function askAgainAt(expiresAt: number, now: number): number {
  const left = expiresAt - now;
  // The last time is when the token ends, so that no expired one stays in place for up to 30 seconds.
  if (left <= LAST_MINUTES) return now + Math.max(SHORTEST_WAIT, Math.min(OFTEN, left));
  return now + Math.max(OFTEN, Math.min(left / 2, left - LAST_MINUTES));
}

/** Whether the token still works. */
export const isAlive = ({ expiresAt }: TokenRecord, now: number): boolean => expiresAt > now;

/** From then on a refresh is late: a quarter of the lifetime after it was due. */
export const overdueAt = ({ obtainedAt, expiresAt, refreshAt }: TokenRecord): number => refreshAt + (expiresAt - obtainedAt) / 4;

/** When the token of a record is to be refreshed, as known at the moment `seen`. */
export interface SeenRecord {
  readonly record: TokenRecord;
  /** Both clocks at the moment when the record was made or read. */
  readonly seen: Clocks;
}

/**
 * For how many milliseconds a refresh can wait; 0 or less if it is due. Both clocks count. If the wall clock is set back, the steady clock
 * still ends the wait. If the machine sleeps, the wall clock does.
 */
export function refreshWaitMs({ record, seen }: SeenRecord, now: Clocks): number {
  const byWall = record.refreshAt - now.wall;
  // The wall clock may have been set back between the fetch and the start of this process.
  const whole = Math.min(record.refreshAt - seen.wall, record.refreshAt - record.obtainedAt);
  const bySteady = whole - (now.steady - seen.steady);
  return Math.min(byWall, bySteady);
}

export interface TokenSituation {
  readonly current: SeenRecord | undefined;
  readonly failure: FetchFailure | undefined;
  /** The static keys are not those that the token was fetched with. */
  readonly hasOtherProof: boolean;
}

/** For how many milliseconds the next fetch waits; 0 or less to fetch now. */
export function fetchWaitMs({ current, failure, hasOtherProof }: TokenSituation, now: Clocks): number {
  if (failure) return failure.retryAt - now.steady;
  if (current === undefined || hasOtherProof || !isAlive(current.record, now.wall)) return 0;
  return refreshWaitMs(current, now);
}
