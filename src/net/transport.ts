/** Requests to a registry, a token service or a cloud, within bounds: of time, of what is read, and of where they go. */
import { Client, type Dispatcher } from 'undici';
import type { Failure } from '../plan/checks/observation.ts';
import type { AddressRules } from './address.ts';
import { DialError, type DialSettings, dial, type Resolve } from './dial.ts';

export interface Request {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT';
  readonly url: URL;
  readonly authorization?: string;
  readonly accept?: string;
  /** Further headers. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

export interface RawReply {
  readonly kind: 'reply';
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body: Buffer;
}

export interface Transport {
  /** Sends one request. A redirect is returned and not followed. Rejects only if `signal` aborts for another reason than time. */
  send(request: Request): Promise<RawReply | Failure>;
  close(): Promise<void>;
}

export interface TransportSettings extends Omit<DialSettings, 'rules' | 'signal'> {
  /** Where the host of a URL may lead; undefined if that does not matter. */
  readonly rulesFor: (url: URL) => AddressRules | undefined;
  /** The end of the program. */
  readonly signal: AbortSignal;
  /** For all requests together. */
  readonly timeoutMs: number;
}

const LARGEST_HEADERS = 16_384;
const LARGEST_BODY = 65_536;

/** Opens the connections for one task, as the check of one server. They are kept until it is closed, one for each origin. */
export function openTransport({ rulesFor, signal, timeoutMs, ...given }: TransportSettings): Transport {
  const settings = { ...given, resolve: once(given.resolve) };
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
  const clients = new Map<string, Client>();

  const clientFor = (url: URL): Client => {
    const known = clients.get(url.origin);
    if (known) return known;
    const client = new Client(url.origin, {
      connect: (_options, done) => {
        dial(url, { ...settings, rules: rulesFor(url), signal: deadline }).then(
          (socket) => done(null, socket),
          (error: Error) => done(error, null),
        );
      },
      maxHeaderSize: LARGEST_HEADERS,
      headersTimeout: timeoutMs,
      bodyTimeout: timeoutMs,
    });
    clients.set(url.origin, client);
    return client;
  };

  return {
    async send(request) {
      try {
        const response = await clientFor(request.url).request({
          method: request.method,
          path: request.url.pathname + request.url.search,
          headers: headersOf(request),
          ...(request.body !== undefined && { body: request.body }),
          signal: deadline,
        });
        return await read(request, response);
      } catch (error) {
        signal.throwIfAborted();
        return failureOf(error, deadline.aborted);
      }
    },
    close: async () => {
      await Promise.all(Array.from(clients.values(), (client) => client.destroy()));
    },
  };
}

/** Every connection of one task goes where the first one went: a name cannot lead somewhere else in between. */
function once(resolve: Resolve): Resolve {
  const found = new Map<string, ReturnType<Resolve>>();
  return (hostname) => {
    const answer = found.get(hostname) ?? resolve(hostname);
    found.set(hostname, answer);
    return answer;
  };
}

const headersOf = ({ authorization, accept, headers }: Request) => ({
  'user-agent': 'regcred',
  ...headers,
  ...(accept !== undefined && { accept }),
  ...(authorization !== undefined && { authorization }),
});

async function read({ method }: Request, response: Dispatcher.ResponseData): Promise<RawReply | Failure> {
  const chunks: Buffer[] = [];
  let size = 0;
  if (method === 'HEAD') await response.body.dump();
  else {
    for await (const chunk of response.body as AsyncIterable<Buffer>) {
      size += chunk.length;
      // To leave the loop destroys the stream, and with it the connection.
      if (size > LARGEST_BODY) return { kind: 'failure', why: 'too-large' };
      chunks.push(chunk);
    }
  }
  return { kind: 'reply', status: response.statusCode, headers: response.headers, body: Buffer.concat(chunks) };
}

function failureOf(error: unknown, isTimeUp: boolean): Failure {
  if (isTimeUp) return { kind: 'failure', why: 'timeout' };
  if (error instanceof DialError) return failure(error.why, error.code);
  const { code, name } = error as { code?: unknown; name?: string };
  const text = typeof code === 'string' && /^[A-Z][A-Z0-9_]{0,63}$/.test(code) ? code : undefined;
  if (text === 'UND_ERR_HEADERS_OVERFLOW' || text === 'HPE_HEADER_OVERFLOW') return failure('too-large');
  if (text === 'UND_ERR_HEADERS_TIMEOUT' || text === 'UND_ERR_BODY_TIMEOUT') return failure('timeout');
  if (name === 'HTTPParserError') return failure('protocol', text);
  return failure('network', text);
}

const failure = (why: Failure['why'], code?: string): Failure => ({ kind: 'failure', why, ...(code !== undefined && { code }) });
