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

/** Answers one request. One that does nothing leaves the caller waiting. */
export type Answer = (response: ServerResponse, asked: Asked) => void;

/** Stands for the API server where a test has to say what goes wrong, and when. */
export interface ApiServer {
  /** What it was asked for, in order. */
  readonly asked: readonly Asked[];
  /** How many connections have been made to it. */
  readonly connections: () => number;
  /** How many requests wait for the end of their answer. */
  readonly open: () => number;
  config(user?: Omit<User, 'name'>, pathPrefix?: string): KubeConfig;
  close(): Promise<void>;
}

export async function serve(answer: Answer): Promise<ApiServer> {
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
      // client-node takes plain HTTP only so.
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

/** A metav1.Status, as the API server sends it with every refusal. */
export const refusal = (code: number, reason: string, message: string, details: object = {}) =>
  json(code, { kind: 'Status', apiVersion: 'v1', status: 'Failure', code, reason, message, details });
