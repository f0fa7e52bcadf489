import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Registry } from 'prom-client';

export interface HttpAddress {
  /** '' for all interfaces. */
  readonly host: string;
  /** 0 for any free port. */
  readonly port: number;
}

/**
 * Serves /healthz (the process works), /readyz (it has listed the cluster, leading or not) and /metrics. `notReady` returns what is still
 * missing, `notHealthy` what a restart may help against. Resolves with the address once it listens. Rejects if it cannot listen.
 */
export async function serveHttp(
  address: HttpAddress,
  registry: Registry,
  notReady: () => string[],
  notHealthy: () => string[],
): Promise<{ server: Server; at: string }> {
  const server = createServer((request, response) => {
    const answer = (status: number, body: string, type = 'text/plain; charset=utf-8') => {
      response.writeHead(status, { 'content-type': type }).end(body);
    };
    const answerProbe = (problems: string[]) => (problems.length === 0 ? answer(200, 'ok\n') : answer(503, `${problems.join('\n')}\n`));
    switch (request.url?.split('?')[0]) {
      case '/healthz':
        return answerProbe(notHealthy());
      case '/readyz':
        return answerProbe(notReady());
      case '/metrics':
        return void registry.metrics().then(
          (text) => answer(200, text, registry.contentType),
          () => answer(500, 'The metrics could not be collected.\n'),
        );
      default:
        return answer(404, 'Not found. This server has /healthz, /readyz and /metrics.\n');
    }
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(address.port, address.host || undefined, resolve);
  });
  const { address: host, port, family } = server.address() as AddressInfo;
  return { server, at: family === 'IPv6' ? `[${host}]:${port}` : `${host}:${port}` };
}
