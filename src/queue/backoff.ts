/** The waits between attempts, in milliseconds. Each is twice the previous one, from `firstMs` up to `longestMs`. */
export interface Backoff {
  readonly firstMs: number;
  readonly longestMs: number;
}

/**
 * The wait before the next attempt. It varies by up to 25 % in both directions, so that many keys do not retry at the same moment.
 *
 * @param attempt 0 for the first wait
 * @param random between 0 and 1
 */
export function backoffMs({ firstMs, longestMs }: Backoff, attempt: number, random: number): number {
  const full = Math.min(longestMs, firstMs * 2 ** attempt);
  return full * (0.75 + 0.5 * random);
}
