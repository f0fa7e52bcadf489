/** Local servers that behave as a registry should not, a token service, and a proxy. They record the requests that they get. */
import { createServer as createPlain, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import { createServer as createTls } from 'node:https';
import { type AddressInfo, connect, createServer as createTcp, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import type { Issued } from './certificates.ts';

export interface Sent {
  readonly method: string;
  /** Includes the query. */
  readonly url: string;
  readonly authorization: string | undefined;
  readonly host: string | undefined;
  readonly accept: string | undefined;
  /** The server name in the TLS handshake. */
  readonly servername: string | undefined;
}

export interface BadServer {
  readonly port: number;
  /** `127.0.0.1:PORT`. */
  readonly host: string;
  readonly sent: readonly Sent[];
  /** The number of connections so far. */
  readonly connections: () => number;
  /** The Authorization headers that the server got. */
  readonly authorizations: () => string[];
  close(): void;
}

export type Answering = (request: IncomingMessage, response: ServerResponse, self: { port: number }) => unknown;

/** Starts a server that answers every request with `answer`; over TLS if it gets a certificate. */
export async function startBad(answer: Answering, tls?: Issued): Promise<BadServer> {
  const sent: Sent[] = [];
  const listener: RequestListener = (request, response) => {
    const { authorization, host, accept } = request.headers;
    const servername = (request.socket as Socket & { servername?: string | false }).servername || undefined;
    sent.push({ method: request.method ?? '', url: request.url ?? '', authorization, host, accept, servername });
    answer(request, response, { port: portOf(server) });
  };
  const server = tls ? createTls({ ...tls }, listener) : createPlain(listener);
  return { ...(await listening(server)), sent, authorizations: () => sent.flatMap(({ authorization }) => authorization ?? []) };
}

/** Starts a TCP server that hands every connection to `take`. */
export async function startRaw(take: (socket: Socket) => unknown): Promise<BadServer> {
  return { ...(await listening(createTcp(take))), sent: [], authorizations: () => [] };
}

/** Starts a TLS endpoint in front of a local server that speaks plain HTTP. */
export async function startTlsFront(issued: Issued, port: number): Promise<BadServer> {
  const server = createTlsServer({ ...issued }, (near) => {
    const far = connect(port, '127.0.0.1');
    near.on('error', () => {}).on('close', () => far.destroy());
    far.on('error', () => near.destroy());
    near.pipe(far).pipe(near);
  });
  return { ...(await listening(server)), sent: [], authorizations: () => [] };
}

export interface TunnelProxy extends BadServer {
  /** `host:port` of each requested tunnel, with the login. */
  readonly asked: readonly { readonly authority: string; readonly login: string | undefined }[];
}

/**
 * Starts a proxy that opens every tunnel to this machine, for any host name: to the port of `portOf`, or else to the requested one. With
 * `refuse`, it answers every request with that status.
 */
export async function startProxy(refuse?: number, portOf: Readonly<Record<string, number>> = {}): Promise<TunnelProxy> {
  const asked: { authority: string; login: string | undefined }[] = [];
  const server = createPlain((_request, response) => response.writeHead(405).end());
  server.on('connect', (request, socket: Socket) => {
    socket.on('error', () => {});
    asked.push({ authority: request.url ?? '', login: request.headers['proxy-authorization'] });
    if (refuse !== undefined) return socket.end(`HTTP/1.1 ${refuse} No\r\nContent-Length: 0\r\n\r\n`);
    const [host = '', port] = (request.url ?? '').split(':');
    const far = connect(portOf[host] ?? Number(port), '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      far.pipe(socket).pipe(far);
    });
    far.on('error', () => socket.destroy());
    socket.on('close', () => far.destroy());
    return far;
  });
  return { ...(await listening(server)), sent: [], authorizations: () => [], asked };
}

const portOf = (server: Server) => (server.address() as AddressInfo).port;

async function listening(server: Server): Promise<Pick<BadServer, 'port' | 'host' | 'connections' | 'close'>> {
  const open = new Set<Socket>();
  let connections = 0;
  server.on('connection', (socket: Socket) => {
    connections += 1;
    open.add(socket);
    socket.on('error', () => {}).on('close', () => open.delete(socket));
  });
  server.on('tlsClientError', () => {});
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: portOf(server),
    host: `127.0.0.1:${portOf(server)}`,
    connections: () => connections,
    close: () => {
      server.close();
      for (const socket of open) socket.destroy();
    },
  };
}
