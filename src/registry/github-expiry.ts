/** When a token for ghcr.io expires: the registry does not say it, GitHub's API does (`--expiry-lookup=github`). */

import type { Transport } from '../net/transport.ts';
import type { GitHubExpiry } from '../plan/checks/observation.ts';
import type { Login } from './exchange.ts';

/** The only server whose tokens are sent to GitHub. */
export const GITHUB_REGISTRY = 'ghcr.io';

export const GITHUB_API = 'https://api.github.com';

/** A request to it does not count against the rate limit. https://docs.github.com/en/rest/rate-limit/rate-limit */
const PATH = '/rate_limit';

/** Sent for a token that expires, like `2027-01-31 12:00:00 UTC`. https://github.blog/changelog/2021-07-26-expiration-options-for-personal-access-tokens/ */
const HEADER = 'github-authentication-token-expiration';

/** Anything else is no token of GitHub. */
const TOKEN = /^[A-Za-z0-9_]{20,255}$/;

/** Asks GitHub when the token in a login expires. Rejects only if the program ends. */
export async function gitHubExpiry({ auth }: Login, api: string, transport: Transport): Promise<GitHubExpiry> {
  const pair = Buffer.from(auth, 'base64').toString('utf8');
  const token = pair.slice(pair.indexOf(':') + 1);
  if (!TOKEN.test(token)) return 'none';
  const reply = await transport.send({ method: 'GET', url: new URL(PATH, api), authorization: `Bearer ${token}` });
  if (reply.kind === 'failure' || reply.status !== 200) return 'unknown';
  const value = reply.headers[HEADER];
  // It becomes part of a status, so nothing but a time may be in it.
  return typeof value === 'string' && /^[-0-9: UTC+]{19,40}$/.test(value) ? { at: value } : 'none';
}
