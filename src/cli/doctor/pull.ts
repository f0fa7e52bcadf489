/**
 * Asks a registry whether it lets an image be pulled, as a container runtime would: the manifest, then what the registry
 * wants for it, a password or a token of its token server, then the manifest again. Nothing is downloaded: HEAD does not
 * count as a pull at Docker Hub. https://distribution.github.io/distribution/spec/auth/token/
 */
import type { Image } from '../../plan/image.ts';
import { repeatable } from '../../plan/words.ts';
import type { Asked } from './observed.ts';

/** `auth` is base64 of `username:password`, of the very bytes. */
export interface Login {
  readonly username: string;
  readonly auth: string;
}

const TIMEOUT_MS = 20_000;
const MANIFESTS = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
].join(', ');

/** What the registry says to one who asks with the login, or without. */
export async function askRegistry(image: Image, login: Login | undefined): Promise<Asked['answer']> {
  const url = new URL(`${originOf(image.host)}/v2/${image.path}/manifests/${image.digest ?? image.tag}`);
  try {
    const first = await head(url);
    if (first.status !== 401) return answerOf(first);
    const authorization = await authorize(first.headers.get('www-authenticate') ?? '', url, image, login);
    if (typeof authorization === 'object') return authorization;
    return answerOf(await head(url, authorization));
  } catch (error) {
    return refused(wordsOf(error));
  }
}

const head = (url: URL, authorization?: string) =>
  fetch(url, {
    method: 'HEAD',
    // Redirects are followed, and fetch sends no credentials to another origin.
    headers: { accept: MANIFESTS, 'user-agent': 'regcred', ...(authorization !== undefined && { authorization }) },
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });

function answerOf(response: Response): Asked['answer'] {
  if (response.ok) return { ok: true };
  // The token is good, and not for this: the registry says so in a 401 as well.
  const [, error = ''] = /error="([^"]+)"/.exec(response.headers.get('www-authenticate') ?? '') ?? [];
  return refused(`${response.status} ${response.statusText} ${error}`);
}

/** What the registry wants to see next time, or why it cannot be had. */
async function authorize(challenge: string, url: URL, image: Image, login: Login | undefined): Promise<string | Asked['answer']> {
  const [, wanted] = /\bBearer\s+((?:[a-z_]+="[^"]*"[\s,]*)+)/i.exec(challenge) ?? [];
  if (wanted === undefined) {
    if (login === undefined || !/\bBasic\b/i.test(challenge)) return refused('401 Unauthorized');
    return `Basic ${login.auth}`;
  }
  const {
    realm = '',
    service,
    scope,
  } = Object.fromEntries(Array.from(wanted.matchAll(/([a-z_]+)="([^"]*)"/gi), ([, name, value]) => [name, value]));
  if (!URL.canParse(realm)) return refused('it names no token server that could be asked');
  const server = new URL(realm);
  // A registry may name any server here, and it gets the password: not one where others can listen.
  if (server.protocol !== 'https:' && !(isLoopback(url.hostname) && isLoopback(server.hostname))) {
    return refused(`its token server ${server.origin} is not asked by TLS, so no password was sent there`);
  }
  if (service !== undefined) server.searchParams.set('service', service);
  server.searchParams.set('scope', scope ?? `repository:${image.path}:pull`);
  const response = await fetch(server, {
    headers: { 'user-agent': 'regcred', ...(login && { authorization: `Basic ${login.auth}` }) },
    redirect: 'error',
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  if (!response.ok) return refused(`${response.status} ${response.statusText} of its token server ${server.origin}`);
  const { token, access_token } = (await response.json().catch(() => ({}))) as { token?: unknown; access_token?: unknown };
  const given = token ?? access_token;
  return typeof given === 'string' ? `Bearer ${given}` : refused(`its token server ${server.origin} gave no token`);
}

const refused = (words: string): Asked['answer'] => ({ ok: false, words: repeatable(words, undefined).trim() });

/** As container runtimes have it: TLS, but for a registry on the same machine. Docker Hub's images are at a host of another name. */
function originOf(host: string): string {
  const { hostname } = new URL(`http://${host}`);
  return `${isLoopback(hostname) ? 'http' : 'https'}://${host === 'docker.io' ? 'registry-1.docker.io' : host}`;
}

const isLoopback = (hostname: string) => hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d+){3}$/.test(hostname);

/** fetch itself says only that it failed. */
function wordsOf(error: unknown): string {
  const { message, cause } = error as Error;
  const inner = cause instanceof AggregateError ? cause.errors[0] : cause;
  return inner instanceof Error ? inner.message : message;
}
