/** What tests of the token fetcher share. */
import { CloudError, type FetchToken } from '../../../src/api/cloud-token.ts';
import { createTokenFetcher } from '../../../src/cloud/cloud.ts';
import type { Clouds } from './clouds.ts';

/** The error of a fetch that must fail. */
export async function failureOf(fetch: Promise<unknown>): Promise<CloudError> {
  try {
    await fetch;
  } catch (error) {
    if (error instanceof CloudError) return error;
    throw new Error('the fetch failed with another error than a CloudError', { cause: error });
  }
  throw new Error('the fetch did not fail');
}

/** Makes fetchers that use the fakes, one for each environment of a pod: to read the trusted roots takes 50 ms. */
export function fetchersFor(clouds: Clouds): (env?: Readonly<Record<string, string>>) => FetchToken {
  const known = new Map<string, FetchToken>();
  return (env = {}) => {
    const id = JSON.stringify(env);
    const fetcher = known.get(id) ?? createTokenFetcher({ env: { ...clouds.env, ...env }, caFile: [clouds.ca], now: Date.now });
    known.set(id, fetcher);
    return fetcher;
  };
}
