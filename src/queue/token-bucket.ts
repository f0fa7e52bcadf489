/** The rate of a token bucket: it holds `capacity` tokens and gains one more every `refillMs` milliseconds. */
export interface Rate {
  readonly capacity: number;
  readonly refillMs: number;
}

export interface TokenBucket {
  readonly tokens: number;
  /** When `tokens` was computed, in milliseconds. */
  readonly at: number;
  /** How many requests were denied since the last granted one. */
  readonly denied: number;
}

/** Asks for one token. `before` is undefined for a full bucket. */
export function takeToken(
  before: TokenBucket | undefined,
  now: number,
  { capacity, refillMs }: Rate,
): { readonly granted: boolean; readonly after: TokenBucket } {
  const { tokens, at, denied } = before ?? { tokens: capacity, at: now, denied: 0 };
  const available = Math.min(capacity, tokens + (now - at) / refillMs);
  return available >= 1
    ? { granted: true, after: { tokens: available - 1, at: now, denied: 0 } }
    : { granted: false, after: { tokens: available, at: now, denied: denied + 1 } };
}
