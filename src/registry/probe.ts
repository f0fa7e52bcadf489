/**
 * The entry of src/registry: asks a registry over HTTP whether it accepts a login, and whether that login may pull an image. This folder
 * knows how to ask, and where a password may be sent. It must not know who asks, when, or what an answer means: the result is an
 * observation, and src/plan/checks/interpret.ts decides what it means.
 *
 * The exchange is that of `docker login` and of a container runtime's pull:
 * https://github.com/opencontainers/distribution-spec/blob/main/spec.md and
 * https://distribution.github.io/distribution/spec/auth/token/
 */
import { lookup } from 'node:dns/promises';
import type { SecureContext } from 'node:tls';
import type { AddressRules } from '../net/address.ts';
import type { Resolve } from '../net/dial.ts';
import type { ProxySettings } from '../net/proxy.ts';
import { openTransport } from '../net/transport.ts';
import { trustIn } from '../net/trust.ts';
import type { Attempt, GitHubExpiry, Observation } from '../plan/checks/observation.ts';
import { type Exchange, type Image, type Login, startExchange } from './exchange.ts';
import { GITHUB_API, GITHUB_REGISTRY, gitHubExpiry } from './github-expiry.ts';

export interface ProbeSettings {
  readonly proxy: ProxySettings;
  /** `--insecure-registries`: `host[:port]` of servers that may speak plain HTTP and be at any address. */
  readonly insecureRegistries: readonly string[];
  /** The certificates of `--registry-ca-file`, each in PEM. */
  readonly caFile: readonly string[];
  /** Where the cluster's own API server listens. */
  readonly apiServers: AddressRules['apiServers'];
  /** The clock, in milliseconds since 1970. */
  readonly now: () => number;
  /** Default: the resolver of the system. */
  readonly resolve?: Resolve;
  /** For everything that is asked of one server together. Default 20 s. */
  readonly timeoutMs?: number;
  /** Default: GitHub's API. */
  readonly gitHubApi?: string;
}

export interface ProbeQuestion {
  /** `host[:port]` to ask (hostToAsk). */
  readonly host: string;
  /** Undefined to ask without a login. */
  readonly login: Login | undefined;
  readonly image?: Image;
  /** The certificates of caBundle, each in PEM. */
  readonly caBundle?: readonly string[];
  /** False for the credentials of tenants: they must not reach private addresses. */
  readonly allowPrivate: boolean;
  /** Ask GitHub as well when an accepted login expires. It concerns ghcr.io only. */
  readonly withGitHubExpiry?: boolean;
}

export interface RegistryClient {
  /** Asks whether the login is accepted, and with an image whether it may be pulled with the login and without. */
  check(question: ProbeQuestion, signal: AbortSignal): Promise<Observation>;
  /** Asks for one image, as a container runtime does: without the login first, and with it only if the registry wants one. */
  pull(question: ProbeQuestion & { readonly image: Image }, signal: AbortSignal): Promise<Attempt>;
}

const TIMEOUT_MS = 20_000;

const systemResolve: Resolve = (hostname) => lookup(hostname, { all: true, order: 'verbatim' });

interface ClientSettings extends ProbeSettings {
  /** The trusted certificates, with those of a caBundle added. */
  readonly trust: (caBundle: readonly string[]) => SecureContext;
}

/** A client with the settings of the operator, or of the person who runs the doctor. It rejects if its signal aborts. */
export function registryClient(settings: ProbeSettings): RegistryClient {
  const client = { ...settings, trust: trustIn(settings.caFile) };
  return {
    check: async (question, signal) => {
      const observation = await withExchange(client, question, signal, (exchange) => observe(exchange, question));
      const { host, login, withGitHubExpiry } = question;
      const isAsked =
        withGitHubExpiry && host === GITHUB_REGISTRY && login && observation.state === 'asked' && isAccepted(observation.login);
      return isAsked ? { ...observation, githubExpiry: await askGitHub(client, login, signal) } : observation;
    },
    pull: (question, signal) => withExchange(client, question, signal, (exchange) => pull(exchange, question)),
  };
}

/** Asks for the login, and if that is accepted for the image. */
export async function observe(exchange: Exchange, { login, image }: Pick<ProbeQuestion, 'login' | 'image'>): Promise<Observation> {
  const root = await exchange.ping();
  // A token without a scope: what is tested is the login. `docker login` does the same, and some registries name a scope here
  // that is only an example (ghcr.io: repository:user/image:pull).
  const atRoot = await exchange.answer(root, login, undefined);
  // One refusal is enough: after some more, registries lock the account.
  if (image === undefined || !isAccepted(atRoot)) return { state: 'asked', login: atRoot };
  const manifest = await exchange.manifest(image);
  const anonymous = await exchange.answer(manifest, undefined, pullScope(image));
  if (!isDenied(anonymous)) return { state: 'asked', login: atRoot, image: { anonymous } };
  // Without a login, some registries answer 404 for a private image. Then the challenge of the root is the one to answer.
  const challenged = manifest.challenges.length > 0 ? manifest : { ...manifest, challenges: root.challenges };
  return { state: 'asked', login: atRoot, image: { anonymous, login: await exchange.answer(challenged, login, pullScope(image)) } };
}

async function askGitHub(
  { proxy, apiServers, insecureRegistries, trust, resolve = systemResolve, timeoutMs = TIMEOUT_MS, gitHubApi = GITHUB_API }: ClientSettings,
  login: Login,
  signal: AbortSignal,
): Promise<GitHubExpiry> {
  const rulesFor = (url: URL) => (isInsecureAt(url, insecureRegistries) ? undefined : { allowPrivate: true, apiServers });
  const transport = openTransport({ resolve, proxy, trust: trust([]), rulesFor, signal, timeoutMs });
  try {
    return await gitHubExpiry(login, gitHubApi, transport);
  } finally {
    await transport.close();
  }
}

async function pull(exchange: Exchange, { login, image }: { login: Login | undefined; image: Image }): Promise<Attempt> {
  return exchange.answer(await exchange.manifest(image), login, pullScope(image));
}

const pullScope = ({ repository }: Image) => `repository:${repository}:pull`;

const isAccepted = ({ reply, sent }: Attempt) =>
  reply.kind === 'answer' &&
  !reply.isHtml &&
  ((reply.status >= 200 && reply.status < 300) || (sent === 'token' && reply.codes.includes('insufficient_scope')));

/** The registry denied the image without a login, so the client asks with the login. After a fault of the registry it does not. */
const isDenied = ({ reply }: Attempt) =>
  reply.kind === 'failure'
    ? reply.why === 'no-token'
    : reply.status >= 400 && reply.status < 500 && ![407, 408, 429].includes(reply.status);

async function withExchange<T>(
  { proxy, insecureRegistries, apiServers, trust, now, resolve = systemResolve, timeoutMs = TIMEOUT_MS }: ClientSettings,
  { host, login, caBundle = [], allowPrivate }: ProbeQuestion,
  signal: AbortSignal,
  run: (exchange: Exchange) => Promise<T>,
): Promise<T> {
  const isListed = (url: URL) => isInsecureAt(url, insecureRegistries);
  const server = URL.canParse(`https://${host}`) ? new URL(`https://${host}`) : undefined;
  // A token service at the same host as such a server is as trusted as the server, whatever its port.
  const isExempt = (url: URL) => isListed(url) || (server !== undefined && isListed(server) && url.hostname === server.hostname);
  const rulesFor = (url: URL) => (isExempt(url) ? undefined : { allowPrivate, apiServers });
  const transport = openTransport({ resolve, proxy, trust: trust(caBundle), rulesFor, signal, timeoutMs });
  try {
    return await run(startExchange({ host, isInsecure: isListed, transport, now, hidden: login }));
  } finally {
    await transport.close();
  }
}

/** Whether a URL is of a server in `--insecure-registries`. Without a port, a server is at that of https or of http. */
function isInsecureAt({ hostname, port }: URL, insecureRegistries: readonly string[]): boolean {
  const forms = port === '' ? [hostname, `${hostname}:443`, `${hostname}:80`] : [`${hostname}:${port}`];
  return insecureRegistries.some((entry) => forms.includes(entry.toLowerCase()));
}
