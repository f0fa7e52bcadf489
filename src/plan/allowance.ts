/** So many at once, and one more after each of these times, in milliseconds. */
export interface Rate {
  readonly atOnce: number;
  readonly oneMoreMs: number;
}

/** How many may still be had. */
export interface Allowance {
  readonly left: number;
  /** When that was so, in milliseconds. */
  readonly at: number;
  /** How many have been withheld since the last that was not. */
  readonly withheld: number;
}

/**
 * Events of one object. A source that comes and goes would have one each second, which would bury all others, and live in
 * etcd for an hour each; client-go's recorder holds back in the same way (EventSourceObjectSpamFilter).
 */
export const EVENTS: Rate = { atOnce: 10, oneMoreMs: 5 * 60_000 };

/** Asks for one. */
export function spend(before: Allowance | undefined, now: number, rate: Rate): { readonly granted: boolean; readonly after: Allowance } {
  const { left, at, withheld } = before ?? { left: rate.atOnce, at: now, withheld: 0 };
  const there = Math.min(rate.atOnce, left + (now - at) / rate.oneMoreMs);
  return there >= 1
    ? { granted: true, after: { left: there - 1, at: now, withheld: 0 } }
    : { granted: false, after: { left: there, at: now, withheld: withheld + 1 } };
}
