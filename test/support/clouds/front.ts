/**
 * An HTTPS proxy (CONNECT) of the tests. It leads the real host names of the clouds to the fakes, with TLS by an authority of its own,
 * and no other name anywhere. Metadata services have no TLS and are never asked through a proxy: they get an address of their own.
 */
import { createServer as createPlain, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import { createServer as createTls } from 'node:https';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { createSecureContext, type SecureContext, type TLSSocket } from 'node:tls';
import type { Authority } from '../certificates.ts';
import type { CloudAnswer, CloudRequest } from './answers.ts';

export interface FrontSettings {
  readonly authority: Authority;
  /** Whether there is such a host. The proxy refuses a tunnel to any other. */
  readonly isKnown: (host: string) => boolean;
  readonly answer: (request: CloudRequest, isLocal: boolean) => CloudAnswer | undefined;
  /** Called for each tunnel; false closes the connection, as a network that is down. */
  readonly onTunnel: (host: string) => boolean;
}

export interface Front {
  readonly proxyUrl: string;
  /** `127.0.0.1:PORT` of the metadata services. */
  readonly local: string;
  close(): Promise<void>;
}

export async function startFront({ authority, isKnown, answer, onTunnel }: FrontSettings): Promise<Front> {
  const tls = createTls({ SNICallback: contexts(authority) }, listener(answer, false));
  const plain = createPlain(listener(answer, true));
  await Promise.all([listening(tls), listening(plain)]);
  const proxy = createPlain((_request, response) => void response.writeHead(405).end());
  const sockets = new Set<Socket>();
  proxy.on('connection', (socket) => void sockets.add(socket.once('close', () => sockets.delete(socket))));
  proxy.on('connect', (request: IncomingMessage, socket: Socket) => {
    socket.on('error', () => {});
    const [, host = '', port] = /^([^:]+):(\d+)$/.exec(request.url ?? '') ?? [];
    if (!onTunnel(host)) return void socket.destroy();
    if (!isKnown(host) || port !== '443') return void socket.end('HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n');
    const far = connect(portOf(tls), '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      socket.pipe(far).pipe(socket);
    });
    far.on('error', () => socket.destroy());
    socket.on('close', () => far.destroy());
  });
  await listening(proxy);
  return {
    proxyUrl: `http://127.0.0.1:${portOf(proxy)}`,
    local: `127.0.0.1:${portOf(plain)}`,
    async close() {
      for (const socket of sockets) socket.destroy();
      await Promise.all([proxy, tls, plain].map((server) => closed(server)));
    },
  };
}

/** One certificate for each name, issued when a client names it. */
function contexts(authority: Authority) {
  const known = new Map<string, SecureContext>();
  return (name: string, done: (error: Error | null, context?: SecureContext) => void) => {
    const context = known.get(name) ?? createSecureContext(authority.issue([name]));
    known.set(name, context);
    done(null, context);
  };
}

function listener(answer: FrontSettings['answer'], isLocal: boolean): RequestListener {
  return (request, response) => void handle(request, response, answer, isLocal);
}

async function handle(
  request: IncomingMessage,
  response: ServerResponse,
  answer: FrontSettings['answer'],
  isLocal: boolean,
): Promise<void> {
  const host = request.headers.host ?? '';
  const url = new URL(request.url ?? '/', `http://${host}`);
  const body = await text(request);
  const { servername } = request.socket as TLSSocket & { servername?: string | false };
  const given = { method: request.method ?? '', host, path: url.pathname, query: url.searchParams, headers: request.headers, body };
  // The name in the handshake and the header must be one: a cloud refuses a request for another host (421).
  const found = isLocal || servername === host ? answer(given, isLocal) : { status: 421, body: '' };
  const { status, headers = {}, body: said } = found ?? { status: 404, body: 'Not Found' };
  response.writeHead(status, headers).end(said);
}

const portOf = (server: Server) => (server.address() as AddressInfo).port;
const listening = (server: Server) => new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
const closed = (server: Server) =>
  new Promise<void>((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
