import type { TokenRequest } from '../api/cloud-token.ts';
import { type Rate, type TokenBucket, takeToken } from '../queue/token-bucket.ts';

/** AWS STS throttles at a few calls a second (fluxcd/source-controller#938), and a start may ask for many tokens at once. */
const RATE: Rate = { capacity: 5, refillMs: 200 };

/** Limits how often each cloud is asked. Returns false if the caller must wait. */
export function askRate(now: () => number): (cloud: TokenRequest['cloud']) => boolean {
  const buckets = new Map<TokenRequest['cloud'], TokenBucket>();
  return (cloud) => {
    const { granted, after } = takeToken(buckets.get(cloud), now(), RATE);
    buckets.set(cloud, after);
    return granted;
  };
}
