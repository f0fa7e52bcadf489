/** Who may ask the page's server, and for what. */
import { createHash, timingSafeEqual } from 'node:crypto';

export interface PageRequest {
  readonly method: string;
  /** The path with its query. */
  readonly url: string;
  readonly host: string | undefined;
  readonly origin: string | undefined;
}

export interface PageAccess {
  readonly port: number;
  readonly token: string;
}

export type Verdict =
  | { readonly route: 'page' | 'stream' | 'namespace'; readonly query: URLSearchParams }
  | { readonly refused: 403 | 404 | 405; readonly message: string };

const ROUTES: Readonly<Record<string, 'page' | 'stream' | 'namespace'>> = { '': 'page', stream: 'stream', namespace: 'namespace' };

/**
 * Another program or web page on this machine can reach the port. So a request must have the token in its path. `Host` must name the loopback
 * address: with another name, a web page could reach the server through a DNS name that it controls (DNS rebinding). `Origin`, which a
 * browser sends with requests of scripts, must be the page itself.
 */
export function judge({ method, url, host = '', origin }: PageRequest, { port, token }: PageAccess): Verdict {
  const hosts = [`127.0.0.1:${port}`, `localhost:${port}`];
  if (!hosts.includes(host)) return refused(403, 'The Host header does not name this server. Open the address that the command printed.');
  if (origin !== undefined && origin !== `http://${host}`)
    return refused(403, 'The request comes from another page. Open the address that the command printed.');
  if (method !== 'GET' && method !== 'HEAD') return refused(405, 'This page only reads. Use GET.');
  const { pathname, searchParams } = new URL(url, `http://${host}`);
  const [, given = '', name, ...rest] = pathname.split('/');
  if (!isSame(given, token))
    return refused(403, 'The address has no token, or another one. Each run of the command has its own: open the address that it printed.');
  const route = name === undefined || rest.length > 0 || !Object.hasOwn(ROUTES, name) ? undefined : ROUTES[name];
  return route === undefined ? refused(404, 'There is nothing at this address.') : { route, query: searchParams };
}

const refused = (status: 403 | 404 | 405, message: string): Verdict => ({ refused: status, message });

/** In constant time, whatever the lengths: the time of an answer tells nothing about the token. */
const isSame = (a: string, b: string) => timingSafeEqual(digest(a), digest(b));

const digest = (text: string) => createHash('sha256').update(text).digest();
