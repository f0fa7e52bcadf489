/** How long to wait before the next try, in milliseconds: doubling from `firstMs` up to `longestMs`, spread so that many do not come back at once. */
export interface Backoff {
  readonly firstMs: number;
  readonly longestMs: number;
}

/** @param attempt 0 for the first wait. @param random between 0 and 1. */
export function backoffMs({ firstMs, longestMs }: Backoff, attempt: number, random: number): number {
  const full = Math.min(longestMs, firstMs * 2 ** Math.min(attempt, 30));
  return full * (0.75 + 0.5 * random);
}
