/** How many Events one object may still have: ten at once, and one more every five minutes. */
export interface Allowance {
  readonly left: number;
  /** When that was so, in milliseconds. */
  readonly at: number;
  /** How many have been withheld since the last that was not. */
  readonly withheld: number;
}

const AT_ONCE = 10;
const ONE_MORE_MS = 5 * 60_000;

/**
 * Asks for one Event. A source that comes and goes would have one each second, which would bury all others, and live in
 * etcd for an hour each; client-go's recorder holds back in the same way (EventSourceObjectSpamFilter).
 */
export function spend(before: Allowance | undefined, now: number): { readonly granted: boolean; readonly after: Allowance } {
  const { left, at, withheld } = before ?? { left: AT_ONCE, at: now, withheld: 0 };
  const there = Math.min(AT_ONCE, left + (now - at) / ONE_MORE_MS);
  return there >= 1
    ? { granted: true, after: { left: there - 1, at: now, withheld: 0 } }
    : { granted: false, after: { left: there, at: now, withheld: withheld + 1 } };
}
