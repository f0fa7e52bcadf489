import { createHash, X509Certificate } from 'node:crypto';
import type { AgentOptions, RequestOptions } from 'node:https';
import { createSecureContext } from 'node:tls';
import { type KubeConfig, RequestContext } from '@kubernetes/client-node';
import { Agent, type Dispatcher, ProxyAgent } from 'undici';
import { KubeError } from './errors.ts';
import type { KubeconfigUser } from './kubeconfig-files.ts';

/** Connections to the API server, and how to authenticate on them. */
export interface Connection {
  readonly origin: string;
  readonly pathPrefix: string;
  readonly dispatchers: Dispatchers;
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  /** A hash of what the dispatchers depend on: the address, the certificates and the proxy. */
  readonly identity: string;
}

/** Two pools, because a watch holds its connection for minutes, and there may be hundreds of watches. */
export interface Dispatchers {
  readonly calls: Dispatcher;
  readonly watches: Dispatcher;
}

/**
 * Opens connections for the current context of a kubeconfig. Reuses the connections of `before` if only the headers differ. Otherwise `before`
 * closes when its calls have finished. Throws if the kubeconfig has no cluster, or if its exec plugin fails.
 */
export async function connect(config: KubeConfig, before?: Connection): Promise<Connection> {
  const cluster = config.getCurrentCluster();
  if (!cluster?.server) throw new KubeError('The kubeconfig has no cluster for its current context.', 0);
  const options: RequestOptions = {};
  await config.applyToHTTPSOptions(options).catch((cause: Error) => {
    throw loginError(cause, config.getCurrentUser()?.exec?.command);
  });
  checkAuthority(options.ca);
  const url = new URL(cluster.server);
  const settings = config.createDispatcherOptions(cluster, options as AgentOptions);
  const identity = createHash('sha256')
    .update(JSON.stringify([url.origin, settings]))
    .digest('hex');
  const kept = before?.identity === identity ? before.dispatchers : undefined;
  const dispatchers = kept ?? {
    calls: await dispatcherFor(config, settings),
    watches: await dispatcherFor(config, settings),
  };
  if (!kept) for (const dispatcher of Object.values(before?.dispatchers ?? {})) dispatcher.close().catch(() => {}); // It may be closed already.
  return {
    origin: url.origin,
    pathPrefix: url.pathname.replace(/\/$/, ''),
    dispatchers,
    headers: {
      'user-agent': 'regcred',
      accept: 'application/json',
      ...(options.auth && { authorization: `Basic ${Buffer.from(options.auth).toString('base64')}` }),
      ...trimmed(options.headers as Record<string, string> | undefined),
      ...(config.getCurrentUser() as KubeconfigUser | null)?.impersonation,
    },
    identity,
  };
}

/** Node.js ignores a CA that is not a certificate, and would then trust no server. */
function checkAuthority(ca: RequestOptions['ca']): void {
  if (ca === undefined) return;
  try {
    new X509Certificate(ca as Buffer);
  } catch (cause) {
    throw new KubeError('The certificate authority of the kubeconfig is not a certificate in PEM.', 0, undefined, undefined, { cause });
  }
}

/** A token file may end in a newline, which is not allowed in a header. */
const trimmed = (headers: Readonly<Record<string, string>> = {}) =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, value.trim()]));

type Settings = ReturnType<KubeConfig['createDispatcherOptions']>;

async function dispatcherFor(config: KubeConfig, settings: Settings): Promise<Dispatcher> {
  const cluster = config.getCurrentCluster();
  // HTTP/1.1 uses one connection for each running call. HTTP/2 is not faster here, and one stuck connection would block all calls.
  // There is no limit for connections: the work queue limits the calls, and calls without an answer must not delay the Lease.
  const kept = { keepAliveTimeout: 60_000, allowH2: false, connections: null };
  switch (settings.type) {
    case 'agent':
      // The secure context parses the certificates once, not for each connection.
      return new Agent({ ...kept, connect: { ...settings.connect, secureContext: createSecureContext(settings.connect) } });
    case 'none':
      return new Agent(kept);
    case 'proxy':
      return new ProxyAgent({ ...kept, uri: settings.uri, requestTls: settings.requestTls, connect: settings.connect });
    case 'socks': {
      // client-node's connector for SOCKS is private, but the dispatcher that it builds with it is not.
      const context = new RequestContext(cluster?.server ?? '', 'GET');
      await config.applySecurityAuthentication(context);
      return context.getDispatcher() ?? new Agent(kept);
    }
    default:
      return settings satisfies never;
  }
}

/** The message must not quote the plugin's answer, as JSON.parse does: it may be the token. The plugin's standard error is for people. */
function loginError(cause: Error, plugin: string | undefined): Error {
  if (plugin === undefined) return cause;
  const isMissing = (cause as NodeJS.ErrnoException).code === 'ENOENT';
  const isUnreadable = cause instanceof SyntaxError || cause instanceof TypeError;
  const [line = ''] = cause.message.trim().split('\n');
  const why = isMissing ? 'there is no such program' : isUnreadable ? 'its answer is not an ExecCredential' : line || 'it did not say why';
  return new Error(`The login program ${plugin} of the kubeconfig failed: ${why}`, { cause });
}
