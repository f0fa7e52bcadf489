import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { KubeConfig, type User } from '@kubernetes/client-node';

export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly headers: IncomingHttpHeaders;
  readonly body: unknown;
}

/** Answers one request. An answer that does nothing leaves the client waiting. */
export type Answer = (response: ServerResponse, asked: Asked) => void;

/** A test API server for errors and delays that a real one does not produce on demand. */
export interface ApiServer {
  /** The requests so far, in order. */
  readonly asked: readonly Asked[];
  /** The number of connections so far. */
  readonly connections: () => number;
  /** The number of requests that wait for the end of their answer. */
  readonly open: () => number;
  config(user?: Omit<User, 'name'>, pathPrefix?: string): KubeConfig;
  close(): Promise<void>;
}

/** Without `servesStreams` it refuses streaming lists, as API servers before 1.32 do, and does not count these requests. */
export async function serve(answer: Answer, servesStreams = false): Promise<ApiServer> {
  const asked: Asked[] = [];
  let connections = 0;
  let open = 0;
  const server = createServer(async (request, response) => {
    open++;
    response.once('close', () => open--);
    let text = '';
    for await (const chunk of request.setEncoding('utf8')) text += chunk;
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://apiserver');
    const body: unknown = text === '' ? undefined : JSON.parse(text);
    const one = { method: request.method ?? '', path: pathname, query: Object.fromEntries(searchParams), headers: request.headers, body };
    if (one.query.sendInitialEvents && !servesStreams) return NOT_STREAMED(response, one);
    asked.push(one);
    answer(response, one);
  });
  server.on('connection', () => connections++);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    asked,
    connections: () => connections,
    open: () => open,
    config: (user = {}, pathPrefix = '') => {
      const config = new KubeConfig();
      // client-node accepts plain HTTP only with this option.
      config.loadFromClusterAndUser(
        { name: 'test', server: `http://127.0.0.1:${port}${pathPrefix}`, skipTLSVerify: true },
        { name: 'test', ...user },
      );
      return config;
    },
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

export const json =
  (status: number, body: unknown, headers: Record<string, string> = {}): Answer =>
  (response) =>
    void response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));

/** A metav1.Status, as the API server sends it with every error. */
export const refusal = (code: number, reason: string, message: string, details: object = {}) =>
  json(code, { kind: 'Status', apiVersion: 'v1', status: 'Failure', code, reason, message, details });

const NOT_STREAMED = refusal(
  422,
  'Invalid',
  'ListOptions.meta.k8s.io "" is invalid: sendInitialEvents: Forbidden: sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled',
);
