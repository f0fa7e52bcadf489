/** An HTTP proxy in front of the API server that refuses requests, loses answers, or delays them. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { Agent, request as forward } from 'node:https';
import type { AddressInfo } from 'node:net';

/**
 * What the proxy does with one request instead of passing it on:
 * - refuse: the API server does not get it; the client gets this error
 * - ignore: the API server does not get it; the client gets no answer
 * - forget: the API server executes it; the client gets no answer
 * - deny: the API server executes it; the client gets this error
 */
export type Disturbance =
  | { readonly kind: 'refuse' | 'deny'; readonly status: number; readonly reason: string; readonly retryAfterSeconds?: number }
  | { readonly kind: 'ignore' | 'forget' };

export interface Gateway {
  /** Plain HTTP: the proxy has no certificate of the cluster. */
  readonly url: string;
  /** Called for every request; undefined passes it on. */
  disturb: (method: string, url: URL) => Disturbance | undefined;
  /** The delay of watch events, in milliseconds. */
  watchDelayMs: number;
  /** Closes the open watches, so that new watches use the current settings. */
  cutWatches(): void;
  /** While true, the proxy closes every connection, including new ones. */
  shut: boolean;
  /** The number of watches that got 410 Gone (resourceVersion too old). */
  readonly gone: number;
  close(): Promise<void>;
}

export async function startGateway(apiServer: string, ca: Buffer): Promise<Gateway> {
  const agent = new Agent({ ca, keepAlive: true, maxSockets: 1000 });
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '', apiServer);
    const disturbance = gateway.disturb(request.method ?? '', url);
    switch (disturbance?.kind) {
      case 'ignore':
        return void request.resume();
      case 'refuse':
        request.resume();
        return answer(response, disturbance);
      case 'forget':
        return void pass(request, response, url, (from) => from.resume());
      case 'deny':
        return void pass(request, response, url, (from) => {
          from.resume();
          answer(response, disturbance);
        });
      case undefined:
        return void pass(request, response, url, (from) => bringBack(from, response, url));
      default:
        return disturbance satisfies never;
    }
  });
  const watches = new Set<ServerResponse>();
  let shut = false;
  let gone = 0;
  server.on('connection', (socket) => {
    if (shut) socket.destroy();
  });

  function pass(request: IncomingMessage, response: ServerResponse, url: URL, then: (from: IncomingMessage) => void): void {
    const to = forward(url, { agent, method: request.method, headers: { ...request.headers, host: url.host } }, then);
    // The client's connection ends as it would without this proxy.
    to.on('error', () => request.socket.destroy());
    response.once('close', () => to.destroy());
    request.pipe(to);
  }

  function bringBack(from: IncomingMessage, response: ServerResponse, url: URL): void {
    response.writeHead(from.statusCode ?? 502, from.headers);
    const isWatch = url.searchParams.get('watch') === 'true';
    const delayMs = isWatch ? gateway.watchDelayMs : 0;
    // All chunks have the same delay, so that they stay in order.
    const late = (step: () => void) => void (delayMs > 0 ? setTimeout(step, delayMs) : step());
    if (isWatch) {
      response.flushHeaders();
      watches.add(response);
      response.once('close', () => watches.delete(response));
    }
    from.on('data', (chunk: Buffer) => {
      if (isWatch && chunk.includes('"type":"ERROR"') && chunk.includes('"code":410')) gone++;
      late(() => response.write(chunk));
    });
    from.once('end', () => late(() => response.end()));
    from.once('error', () => response.destroy());
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const gateway: Gateway = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    disturb: () => undefined,
    watchDelayMs: 0,
    cutWatches: () => {
      for (const watch of watches) watch.destroy();
    },
    get shut() {
      return shut;
    },
    set shut(now) {
      shut = now;
      if (now) server.closeAllConnections();
    },
    get gone() {
      return gone;
    },
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
        agent.destroy();
      }),
  };
  return gateway;
}

function answer(response: ServerResponse, { status, reason, retryAfterSeconds }: Extract<Disturbance, { status: number }>): void {
  const body = {
    kind: 'Status',
    apiVersion: 'v1',
    status: 'Failure',
    code: status,
    reason,
    message: `a disturbance of the test's: ${reason}`,
  };
  const headers = { 'content-type': 'application/json', ...(retryAfterSeconds && { 'retry-after': String(retryAfterSeconds) }) };
  response.writeHead(status, headers).end(JSON.stringify(body));
}
