import type { AgentOptions, RequestOptions } from 'node:https';
import { createSecureContext } from 'node:tls';
import { type KubeConfig, RequestContext } from '@kubernetes/client-node';
import { Agent, type Dispatcher, ProxyAgent } from 'undici';
import { KubeError, type Status } from './errors.ts';

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

export interface Call {
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: object;
  readonly signal?: AbortSignal;
  /**
   * Asked when the request goes onto the wire, and throws where it may not: it may have waited for a connection since it
   * was made, and the process may have been frozen meanwhile.
   */
  readonly fence?: () => void;
}

/** What of the connection is kept from call to call. */
interface Session {
  readonly origin: string;
  readonly pathPrefix: string;
  readonly dispatchers: Dispatchers;
  readonly headers: Readonly<Record<string, string>>;
  /** When the headers were made, in milliseconds. Token files and exec plugins are asked again after a while. */
  readonly at: number;
}

/** Apart, because a watch holds its connection for minutes, and there may be hundreds of them. */
interface Dispatchers {
  readonly calls: Dispatcher;
  readonly watches: Dispatcher;
}

/** More calls than that at once gain nothing, and each new connection costs as much as ten calls. */
const MOST_CONNECTIONS = 40;

/** The server that client-node's `loadFromDefault` falls back to where it finds no configuration at all. */
export const NO_KUBECONFIG = 'http://localhost:8080';

const REFRESH_CREDENTIALS_MS = 60_000;
/** Longer than any admission webhook may take (30 s), so that the API server says which it was. */
const CALL_TIMEOUT_MS = 35_000;

/** Nobody who asks to be left alone for longer is obeyed: it may be a proxy that is not told when the API server is back. */
const LONGEST_RETRY_AFTER_MS = 60_000;

/**
 * How long a watch may be silent before it is taken for dead: nothing else tells of a connection that somebody on the way
 * has forgotten. The API server sends a bookmark about once a minute (defaultBookmarkFrequency in
 * k8s.io/apiserver/pkg/storage/cacher), so this is one of them a quarter of a minute late. To be wrong about it costs one
 * request: the watch goes on from where it was.
 */
const WATCH_SILENCE_MS = 75_000;

/**
 * Calls to the API server over connections that are kept open. Addresses, certificates, tokens, exec plugins and proxies
 * are client-node's KubeConfig's; its generated client is not used, because it makes a new TLS connection for every call
 * (docs/adr/0003-transport.md).
 */
export class Kube {
  readonly #load: () => KubeConfig;
  readonly #observe: (verb: string, status: number) => void;
  #config: KubeConfig;
  #session: Promise<Session> | undefined;

  /** `load` reads the configuration, and is called again when its credentials are no longer accepted. */
  constructor(load: () => KubeConfig, observe: (verb: string, status: number) => void = () => {}) {
    this.#load = load;
    this.#observe = observe;
    this.#config = load();
  }

  /** One call, and the object that comes back. Throws a KubeError with the API server's words. */
  async call<T>(method: Method, path: string, call: Call = {}): Promise<T> {
    const response = await this.#send('calls', method, path, call);
    const text = await response.body.text().catch((cause: unknown) => {
      throw unreachable(cause);
    });
    return parse<T>(text);
  }

  /** The lines of an answer as they come in, each one JSON: a watch. */
  async *lines<T>(path: string, call: Call): AsyncGenerator<T, void, undefined> {
    const response = await this.#send('watches', 'GET', path, call);
    let begun: string[] = [];
    response.body.setEncoding('utf8');
    try {
      for await (const chunk of response.body as AsyncIterable<string>) {
        let from = 0;
        for (let end = chunk.indexOf('\n'); end >= 0; end = chunk.indexOf('\n', from)) {
          begun.push(chunk.slice(from, end));
          from = end + 1;
          yield parse<T>(begun.join(''));
          begun = [];
        }
        if (from < chunk.length) begun.push(chunk.slice(from));
      }
    } catch (cause) {
      throw unreachable(cause);
    }
  }

  async close(): Promise<void> {
    const session = await this.#session;
    await Promise.all([session?.dispatchers.calls.destroy(), session?.dispatchers.watches.destroy()]);
  }

  async #send(over: keyof Dispatchers, method: Method, path: string, call: Call): Promise<Dispatcher.ResponseData> {
    const session = await this.#connected();
    const first = await this.#request(session, over, method, path, call);
    if (first.statusCode !== 401) return accepted(first);
    // Credentials that ran out or were changed: read them anew, once for all calls that fail on the same ones.
    await first.body.dump();
    if ((await this.#session) === session) {
      for (const dispatcher of Object.values(session.dispatchers)) void dispatcher.close(); // When what is under way is done.
      this.#config = this.#load();
      this.#session = this.#connect();
    }
    return accepted(await this.#request(await this.#connected(), over, method, path, call));
  }

  async #request(session: Session, over: keyof Dispatchers, method: Method, path: string, call: Call) {
    const dispatcher = session.dispatchers[over];
    try {
      const response = await (call.fence ? dispatcher.compose(askingAtTheWire(call.fence)) : dispatcher).request({
        origin: session.origin,
        path: session.pathPrefix + path,
        method,
        headers: { ...session.headers, ...(call.body && { 'content-type': contentType(method) }) },
        body: call.body ? JSON.stringify(call.body) : null,
        signal: call.signal ?? null,
        headersTimeout: CALL_TIMEOUT_MS,
        bodyTimeout: over === 'watches' ? WATCH_SILENCE_MS : CALL_TIMEOUT_MS,
        reset: false, // Else undici gives up the connection after every DELETE that has a body.
        ...(call.query && { query: call.query }),
      });
      this.#observe(verbOf(method, call), response.statusCode);
      return response;
    } catch (cause) {
      this.#observe(verbOf(method, call), 0);
      throw unreachable(cause);
    }
  }

  async #connected(): Promise<Session> {
    this.#session ??= this.#connect();
    const session = await this.#session.catch((error: unknown) => {
      this.#session = undefined;
      throw error;
    });
    if (Date.now() - session.at < REFRESH_CREDENTIALS_MS) return session;
    this.#session = this.#connect(session);
    return this.#session;
  }

  async #connect(before?: Session): Promise<Session> {
    const cluster = this.#config.getCurrentCluster();
    if (!cluster) throw new KubeError('The kubeconfig has no cluster for its current context.', 0);
    const options: RequestOptions = {};
    await this.#config.applyToHTTPSOptions(options).catch((cause: Error) => {
      throw loginFailed(cause, this.#config.getCurrentUser()?.exec?.command);
    });
    const url = new URL(cluster.server);
    return {
      origin: url.origin,
      pathPrefix: url.pathname.replace(/\/$/, ''),
      dispatchers: before?.dispatchers ?? {
        calls: await this.#dispatcher(options, MOST_CONNECTIONS),
        watches: await this.#dispatcher(options, null),
      },
      headers: {
        'user-agent': 'regcred',
        accept: 'application/json',
        ...(options.auth && { authorization: `Basic ${Buffer.from(options.auth).toString('base64')}` }),
        ...(options.headers as Record<string, string>),
      },
      at: Date.now(),
    };
  }

  async #dispatcher(options: RequestOptions, connections: number | null): Promise<Dispatcher> {
    const cluster = this.#config.getCurrentCluster();
    const how = this.#config.createDispatcherOptions(cluster, options as AgentOptions);
    // HTTP/1.1, a connection for each call under way: HTTP/2 is no faster here, and one stuck connection would hold up all calls.
    const kept = { keepAliveTimeout: 60_000, allowH2: false, connections };
    switch (how.type) {
      case 'agent':
        // The certificates are read once, not for each connection.
        return new Agent({ ...kept, connect: { ...how.connect, secureContext: createSecureContext(how.connect) } });
      case 'none':
        return new Agent(kept);
      case 'proxy':
        return new ProxyAgent({ ...kept, uri: how.uri, requestTls: how.requestTls, connect: how.connect });
      case 'socks': {
        // The connector for SOCKS is private to client-node, but the dispatcher that it makes of it is not.
        const context = new RequestContext(cluster?.server ?? '', 'GET');
        await this.#config.applySecurityAuthentication(context);
        return context.getDispatcher() ?? new Agent(kept);
      }
      default:
        return how satisfies never;
    }
  }
}

/** As the API server's audit log names it. */
function verbOf(method: Method, { query }: Call): string {
  if (method === 'GET') return query?.watch ? 'watch' : query?.limit ? 'list' : 'get';
  return { POST: 'create', PUT: 'update', PATCH: 'patch', DELETE: 'delete' }[method];
}

const askingAtTheWire =
  (fence: () => void): Dispatcher.DispatcherComposeInterceptor =>
  (dispatch) =>
  (options, handler) =>
    dispatch(options, {
      onRequestStart: (...start) => {
        fence();
        handler.onRequestStart?.(...start);
      },
      onResponseStart: (...head) => handler.onResponseStart?.(...head),
      onResponseData: (...data) => handler.onResponseData?.(...data),
      onResponseEnd: (...end) => handler.onResponseEnd?.(...end),
      onResponseError: (...error) => handler.onResponseError?.(...error),
    });

/** Merge patches only: they are plain to read, and with a resourceVersion in them they hold for one version only. */
const contentType = (method: Method) => (method === 'PATCH' ? 'application/merge-patch+json' : 'application/json');

async function accepted(response: Dispatcher.ResponseData): Promise<Dispatcher.ResponseData> {
  if (response.statusCode < 400) return response;
  const text = await response.body.text().catch(() => '');
  const status = tryParse<Status>(text);
  const retryAfter = Number(response.headers['retry-after'] ?? status?.details?.retryAfterSeconds);
  const message = status?.message ?? `the API server answered with HTTP ${response.statusCode}`;
  throw new KubeError(
    message,
    response.statusCode,
    status,
    Number.isFinite(retryAfter) ? Math.min(retryAfter * 1000, LONGEST_RETRY_AFTER_MS) : undefined,
  );
}

function parse<T>(text: string): T {
  const parsed = tryParse<T>(text);
  if (parsed === undefined) throw new KubeError('the API server answered with something that is not JSON', 0);
  return parsed;
}

function tryParse<T>(text: string): T | undefined {
  try {
    return JSON.parse(text) as T;
  } catch {
    return undefined; // The error of JSON.parse quotes the text, which may be secret.
  }
}

const unreachable = (cause: unknown) =>
  cause instanceof KubeError
    ? cause
    : new KubeError(`the API server cannot be reached: ${(cause as Error).message}`, 0, undefined, undefined, { cause });

/** What an exec plugin answered is not repeated, as JSON.parse would: it may be the token. What it said on standard error was for people. */
function loginFailed(cause: Error, plugin: string | undefined): Error {
  if (plugin === undefined) return cause;
  const isMissing = (cause as NodeJS.ErrnoException).code === 'ENOENT';
  const isUnread = cause instanceof SyntaxError || cause instanceof TypeError;
  const [line = ''] = cause.message.trim().split('\n');
  const why = isMissing ? 'there is no such program' : isUnread ? 'its answer is no ExecCredential' : line || 'it did not say why';
  return new Error(`${plugin}, the program by which it logs in, failed: ${why}`, { cause });
}
