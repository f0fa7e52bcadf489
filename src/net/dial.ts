/** Opens one connection: looks the name up, checks where it leads, and connects to exactly that. */
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { connect as connectTcp, isIP, type LookupFunction, type Socket } from 'node:net';
import { connect as connectTls, type SecureContext } from 'node:tls';
import type { FailureClass } from '../plan/checks/observation.ts';
import { type AddressRules, addressOfHost, refusalOf } from './address.ts';
import { type ProxySettings, proxyFor } from './proxy.ts';

export interface FoundAddress {
  readonly address: string;
  readonly family: number;
}

/** Resolves a name to all of its addresses; rejects if there is none. */
export type Resolve = (hostname: string) => Promise<readonly FoundAddress[]>;

export interface DialSettings {
  readonly resolve: Resolve;
  readonly proxy: ProxySettings;
  /** Undefined for a server that may be at any address. */
  readonly rules: AddressRules | undefined;
  readonly trust: SecureContext;
  readonly signal: AbortSignal;
}

/** A connection that does not come about. */
export class DialError extends Error {
  readonly why: FailureClass;
  readonly code: string | undefined;

  constructor(why: FailureClass, code?: string, cause?: unknown) {
    super(`cannot connect: ${why}${code === undefined ? '' : ` (${code})`}`, { cause });
    this.why = why;
    this.code = code;
  }
}

const LONGEST_PROXY_ANSWER = 16_384;

/** Opens a connection for requests to the origin of a URL, with TLS for https. Rejects with a DialError. */
export async function dial(url: URL, settings: DialSettings): Promise<Socket> {
  const { rules, proxy, trust, signal } = settings;
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const port = Number(url.port || (url.protocol === 'https:' ? 443 : 80));
  const literal = addressOfHost(url.hostname);
  const via = proxyFor(url, proxy);
  if (via === 'malformed') throw new DialError('proxy', 'MALFORMED_PROXY');
  if (literal !== undefined) check([{ address: literal, family: isIP(literal) }], port, rules);
  // Behind a proxy, the proxy resolves names: what this machine resolves says nothing about where the proxy goes.
  const plain = via
    ? await tunnel(via, `${url.hostname}:${port}`, settings)
    : await connectTo(check(await resolved(host, literal, settings), port, rules), host, port, signal);
  return url.protocol === 'https:' ? secured(plain, host, trust, signal) : plain;
}

function check(found: readonly FoundAddress[], port: number, rules: AddressRules | undefined): readonly FoundAddress[] {
  if (rules === undefined) return found;
  // One bad address is enough: which of them is connected to is a matter of chance, and of who answers the DNS.
  for (const { address } of found) {
    const refusal = refusalOf(address, port, rules);
    if (refusal !== undefined) throw new DialError('address', refusal);
  }
  return found;
}

async function resolved(host: string, literal: string | undefined, { resolve, signal }: DialSettings): Promise<readonly FoundAddress[]> {
  if (literal !== undefined) return [{ address: literal, family: isIP(literal) }];
  try {
    const found = await Promise.race([resolve(host), aborted(signal)]);
    if (found.length > 0) return found;
  } catch (error) {
    throw signal.aborted ? error : new DialError('dns', codeOf(error), error);
  }
  throw new DialError('dns', 'ENODATA');
}

/** Rejects when the signal aborts; a resolver cannot be stopped. */
function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}

/** Connects to one of these addresses, and to no other: Node.js gets them in place of a resolver, so there is no second look-up. */
function connectTo(addresses: readonly FoundAddress[], host: string, port: number, signal: AbortSignal): Promise<Socket> {
  const lookup = ((_hostname, _options, callback) => callback(null, [...addresses])) as LookupFunction;
  const [only] = addresses;
  const isLiteral = isIP(host) !== 0;
  const socket = connectTcp({ host: isLiteral && only ? only.address : host, port, lookup, autoSelectFamily: true });
  return opened(socket, 'connect', signal, (error) => {
    const code = codeOf(error);
    return new DialError(code === 'ECONNREFUSED' ? 'connection-refused' : code === 'ETIMEDOUT' ? 'timeout' : 'network', code, error);
  });
}

/** TLS on a connection. The certificate must be for the host of the URL, whatever address it led to. */
function secured(socket: Socket, host: string, trust: SecureContext, signal: AbortSignal): Promise<Socket> {
  const tls = connectTls({
    socket,
    secureContext: trust,
    // A server name is a name (RFC 6066, section 3); the certificate is compared with the host in either case.
    ...(isIP(host) === 0 && { servername: host }),
    host,
    ALPNProtocols: ['http/1.1'],
    rejectUnauthorized: true,
  });
  return opened(tls, 'secureConnect', signal, (error) => new DialError('tls', codeOf(error), error));
}

function opened<S extends Socket>(socket: S, event: 'connect' | 'secureConnect', signal: AbortSignal, failure: (error: unknown) => Error) {
  return new Promise<S>((resolve, reject) => {
    const end = (error: unknown) => {
      socket.destroy();
      reject(error);
    };
    const onAbort = () => end(signal.reason);
    const onError = (error: unknown) => settle(() => end(failure(error)));
    const onClose = () => settle(() => end(failure({ code: 'ECONNRESET' })));
    const settle = (then: () => void) => {
      signal.removeEventListener('abort', onAbort);
      socket.off('error', onError).off('close', onClose);
      // A socket without a listener for errors would end the process.
      socket.on('error', () => {});
      then();
    };
    signal.addEventListener('abort', onAbort, { once: true });
    socket.once('error', onError).once('close', onClose);
    socket.once(event, () => settle(() => resolve(socket)));
    if (signal.aborted) onAbort();
  });
}

/** A connection through a proxy (CONNECT). The proxy itself is configured by the administrator: its address is not checked. */
async function tunnel(proxy: URL, authority: string, settings: DialSettings): Promise<Socket> {
  const socket = await toProxy(proxy, settings);
  const { response, rest } = await asked(socket, proxy, authority, settings.signal);
  const { statusCode = 0 } = response;
  if (statusCode >= 200 && statusCode < 300) {
    if (rest.length > 0) socket.unshift(rest);
    return socket;
  }
  socket.destroy();
  throw new DialError(statusCode === 407 ? 'proxy-login' : 'proxy', `HTTP ${statusCode}`);
}

async function toProxy(proxy: URL, { resolve, trust, signal }: DialSettings): Promise<Socket> {
  try {
    return await dial(new URL(proxy.origin), { resolve, trust, signal, proxy: {}, rules: undefined });
  } catch (error) {
    if (error instanceof DialError) throw new DialError('proxy', error.code ?? error.why, error);
    throw error;
  }
}

function asked(socket: Socket, proxy: URL, authority: string, signal: AbortSignal): Promise<{ response: IncomingMessage; rest: Buffer }> {
  const login = proxy.username === '' ? undefined : [proxy.username, proxy.password].map(decoded).join(':');
  const headers = { host: authority, ...(login && { 'proxy-authorization': `Basic ${Buffer.from(login).toString('base64')}` }) };
  return new Promise((resolve, reject) => {
    const request = httpRequest({
      method: 'CONNECT',
      path: authority,
      headers,
      createConnection: () => socket,
      maxHeaderSize: LONGEST_PROXY_ANSWER,
      signal,
    });
    request.once('connect', (response, _socket, rest) => resolve({ response, rest }));
    request.once('error', (error) => {
      socket.destroy();
      reject(signal.aborted ? signal.reason : new DialError('proxy', codeOf(error), error));
    });
    request.end();
  });
}

/** A part of a URL without its percent-encoding; as it is written, if that is malformed. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** The code of an error of Node.js; of several tries at once that of the first. */
function codeOf(error: unknown): string | undefined {
  const { code, errors } = error as { code?: unknown; errors?: unknown };
  const [first] = Array.isArray(errors) ? errors : [];
  const inner = code ?? (first as { code?: unknown } | undefined)?.code;
  return typeof inner === 'string' && /^[A-Z][A-Z0-9_]{0,63}$/.test(inner) ? inner : undefined;
}
