import type { KubeConfig } from '@kubernetes/client-node';
import type { Dispatcher } from 'undici';
import type { Connection, Dispatchers } from './connection.ts';
import { ConnectionKeeper } from './connection-keeper.ts';
import { KubeError, type Status } from './errors.ts';
import { fencedAtTheWire } from './fence.ts';

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

export interface Call {
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: object;
  readonly signal?: AbortSignal;
  /** In which form to answer, for example as metadata only; undefined: the whole object as JSON. */
  readonly accept?: string;
  /** Called with the number of characters of the answer. */
  readonly onBody?: (length: number) => void;
  /** Called when the request goes onto the wire. Throws if it may not: see kube/fence.ts. */
  readonly fence?: () => void;
}

/** Longer than the timeout of any admission webhook (30 s), so that the API server's answer names the slow webhook. */
const CALL_TIMEOUT_MS = 35_000;

/** Cap Retry-After: a proxy may keep sending a long one after the API server has recovered. */
const MAX_RETRY_AFTER_MS = 60_000;

/**
 * After this much silence a watch counts as dead. Nothing else shows that a device on the network path has dropped the connection. The API
 * server sends a bookmark about once a minute (defaultBookmarkFrequency in k8s.io/apiserver/pkg/storage/cacher), so a healthy watch is
 * never silent for that long. A wrong guess costs one request, because the watch resumes. It lists again only if it has delivered nothing
 * at all (kube/position.ts).
 */
export const WATCH_SILENCE_MS = 75_000;

/**
 * Calls to the API server over persistent connections. client-node's KubeConfig supplies addresses, certificates, tokens, exec
 * plugins and proxies. Its generated client is not used: it opens a new TLS connection for every call (docs/adr/0003-transport.md).
 */
export class KubeClient {
  readonly #onResponse: (verb: string, status: number) => void;
  readonly #connections: ConnectionKeeper;
  #answeredAt = performance.now();

  /** `load` reads the configuration. The client calls it again when the API server does not accept the credentials or does not answer. */
  constructor(load: () => KubeConfig, onResponse: (verb: string, status: number) => void = () => {}) {
    this.#connections = new ConnectionKeeper(load);
    this.#onResponse = onResponse;
  }

  /** Makes one call and returns the object in the answer. Throws a KubeError with the API server's message. */
  async call<T>(method: Method, path: string, call: Call = {}): Promise<T> {
    const response = await this.#send('calls', method, path, call);
    const text = await response.body.text().catch((cause: unknown) => {
      throw unreachable(cause);
    });
    call.onBody?.(text.length);
    return parse<T>(text);
  }

  /**
   * Opens a watch. Resolves with a generator whose every step gives the lines that have arrived together, parsed as JSON. Abort the signal to close
   * the watch.
   */
  async open<T>(path: string, call: Call & { readonly signal: AbortSignal }): Promise<AsyncGenerator<readonly T[], void, undefined>> {
    return linesOf<T>(await this.#send('watches', 'GET', path, call), () => {
      this.#answeredAt = performance.now();
    });
  }

  /** For how many milliseconds the API server has not answered, or has not accepted the credentials. */
  get unansweredMs(): number {
    return performance.now() - this.#answeredAt;
  }

  close(): Promise<void> {
    return this.#connections.close();
  }

  async #send(pool: keyof Dispatchers, method: Method, path: string, call: Call): Promise<Dispatcher.ResponseData> {
    const connection = await this.#connections.current();
    const first = await this.#request(connection, pool, method, path, call);
    if (first.statusCode !== 401) return accepted(first);
    // The credentials have expired or were replaced.
    await first.body.dump();
    return accepted(await this.#request(await this.#connections.rejected(connection), pool, method, path, call));
  }

  async #request(connection: Connection, pool: keyof Dispatchers, method: Method, path: string, call: Call) {
    const dispatcher = connection.dispatchers[pool];
    try {
      const response = await (call.fence ? dispatcher.compose(fencedAtTheWire(call.fence)) : dispatcher).request({
        origin: connection.origin,
        path: connection.pathPrefix + path,
        method,
        headers: {
          ...connection.headers,
          ...(call.accept && { accept: call.accept }),
          ...(call.body && { 'content-type': contentType(method) }),
        },
        body: call.body ? JSON.stringify(call.body) : null,
        signal: call.signal ?? null,
        headersTimeout: CALL_TIMEOUT_MS,
        bodyTimeout: pool === 'watches' ? WATCH_SILENCE_MS : CALL_TIMEOUT_MS,
        reset: false, // Otherwise undici closes the connection after every DELETE with a body.
        ...(call.query && { query: call.query }),
      });
      this.#onResponse(verbOf(method, call), response.statusCode);
      if (response.statusCode !== 401) this.#answeredAt = performance.now();
      return response;
    } catch (cause) {
      this.#onResponse(verbOf(method, call), 0);
      // If the caller stopped waiting, or the fence threw, the connection may still be good.
      if (!call.signal?.aborted && !(cause instanceof KubeError)) this.#connections.unanswered(connection);
      throw unreachable(cause);
    }
  }
}

/** The verb that the API server's audit log uses. */
function verbOf(method: Method, { query }: Call): string {
  if (method === 'GET') return query?.watch ? 'watch' : query?.limit || query?.fieldSelector ? 'list' : 'get';
  return { POST: 'create', PUT: 'update', PATCH: 'patch', DELETE: 'delete' }[method];
}

/** Merge patches only. With a resourceVersion in the patch, the API server applies it to that version only. */
const contentType = (method: Method) => (method === 'PATCH' ? 'application/merge-patch+json' : 'application/json');

async function* linesOf<T>(response: Dispatcher.ResponseData, onChunk: () => void): AsyncGenerator<readonly T[], void, undefined> {
  let incomplete: string[] = [];
  response.body.setEncoding('utf8');
  try {
    for await (const chunk of response.body as AsyncIterable<string>) {
      onChunk();
      const lines: T[] = [];
      let from = 0;
      for (let end = chunk.indexOf('\n'); end >= 0; end = chunk.indexOf('\n', from)) {
        incomplete.push(chunk.slice(from, end));
        from = end + 1;
        const line = tryParse<T>(incomplete.join(''));
        if (line === undefined) {
          if (lines.length > 0) yield lines; // The caller knows these before the failure.
          throw notJson();
        }
        lines.push(line);
        incomplete = [];
      }
      if (from < chunk.length) incomplete.push(chunk.slice(from));
      if (lines.length > 0) yield lines;
    }
  } catch (cause) {
    throw unreachable(cause);
  }
}

async function accepted(response: Dispatcher.ResponseData): Promise<Dispatcher.ResponseData> {
  if (response.statusCode < 400) return response;
  const text = await response.body.text().catch(() => '');
  const status = tryParse<Status>(text);
  const retryAfter = Number(response.headers['retry-after'] ?? status?.details?.retryAfterSeconds);
  const message = status?.message ?? `the API server answered with HTTP ${response.statusCode}`;
  const retryAfterMs = Number.isFinite(retryAfter) ? Math.min(retryAfter * 1000, MAX_RETRY_AFTER_MS) : undefined;
  throw new KubeError(message, response.statusCode, status, retryAfterMs);
}

function parse<T>(text: string): T {
  const parsed = tryParse<T>(text);
  if (parsed === undefined) throw notJson();
  return parsed;
}

const notJson = () => new KubeError('the API server answered with something that is not JSON', 0);

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
