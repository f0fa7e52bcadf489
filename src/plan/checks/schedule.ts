import type { Result } from './interpret.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** On request, a registry is asked no more often than this. */
export const REQUEST_PAUSE = MINUTE;
/** A registry that asks to be left alone for longer is asked again after this: the header may come from a broken proxy. */
const LONGEST_RETRY_AFTER = DAY;
/** How far the checks of a good credential are spread, so that a restart does not make them all due at once for ever. */
const SPREAD = 0.1;

/** What is remembered of the last check of the same server, content, CA bundle and probe image. */
export interface LastCheck {
  readonly result: Result;
  /** When the answer came, in milliseconds since 1970. */
  readonly at: number;
  /** How many checks in a row had this result, this one included: 1 after the first. */
  readonly times: number;
  readonly retryAfterSeconds?: number;
}

export interface CheckTiming {
  /** Undefined if this content was never asked about. */
  readonly last: LastCheck | undefined;
  /** Someone set the annotation regcred.dev/check-now to a new value since then. */
  readonly isRequested: boolean;
  readonly intervalMs: number;
}

/**
 * When a registry is asked next, in milliseconds since 1970; `now` at the earliest. `random` is in [0, 1) and is drawn once per
 * check, so that the time does not move when it is computed again.
 *
 * A new content has no last check, so a refused credential is asked about at once when it changes. A request does not wait for
 * Retry-After: a person decides, and once a minute at most.
 */
export function nextCheck({ last, isRequested, intervalMs }: CheckTiming, random: number, now: number): number {
  if (last === undefined) return now;
  // The clock of an earlier leader may have been ahead. No check is put off because of that.
  const at = Math.min(last.at, now);
  const regular = at + pauseAfter(last, intervalMs, random);
  return Math.max(now, isRequested ? Math.min(at + REQUEST_PAUSE, regular) : regular);
}

function pauseAfter({ result, times, retryAfterSeconds = 0 }: LastCheck, intervalMs: number, random: number): number {
  // Spread to later times only: too many refusals lock an account, and the pause that a busy registry asks for must not be shorter.
  const later = (pause: number) => pause * (1 + SPREAD * random);
  switch (result) {
    case 'Proven':
    case 'NotRefused':
    case 'Public':
    case 'NotAsked':
      return intervalMs * (1 - SPREAD / 2 + SPREAD * random);
    case 'Refused':
      return later(doubled(HOUR, times, DAY));
    case 'Unreachable':
      return later(Math.max(doubled(MINUTE, times, intervalMs), Math.min(retryAfterSeconds * 1000, LONGEST_RETRY_AFTER)));
    case 'Pending':
      return 0;
    default:
      return result satisfies never;
  }
}

const doubled = (first: number, times: number, most: number) => Math.min(most, first * 2 ** (Math.max(times, 1) - 1));
