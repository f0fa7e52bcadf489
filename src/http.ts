import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Registry } from 'prom-client';

export interface HttpAddress {
  /** '' for all interfaces. */
  readonly host: string;
  /** 0 for any free one. */
  readonly port: number;
}

/**
 * Serves /healthz (the process works), /readyz (it knows the cluster: of a follower, too) and /metrics. `waitsFor` says
 * what is still missing. Resolves with the address once it listens; rejects where it cannot.
 */
export async function serveHttp(
  address: HttpAddress,
  registry: Registry,
  waitsFor: () => string[],
): Promise<{ server: Server; at: string }> {
  const server = createServer((request, response) => {
    const answer = (status: number, body: string, type = 'text/plain; charset=utf-8') => {
      response.writeHead(status, { 'content-type': type }).end(body);
    };
    switch (request.url?.split('?')[0]) {
      case '/healthz':
        return answer(200, 'ok\n');
      case '/readyz': {
        const missing = waitsFor();
        return missing.length === 0 ? answer(200, 'ok\n') : answer(503, `${missing.join('\n')}\n`);
      }
      case '/metrics':
        return void registry.metrics().then(
          (text) => answer(200, text, registry.contentType),
          () => answer(500, 'The metrics could not be collected.\n'),
        );
      default:
        return answer(404, 'There are /healthz, /readyz and /metrics.\n');
    }
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(address.port, address.host || undefined, resolve);
  });
  const { address: host, port, family } = server.address() as AddressInfo;
  return { server, at: family === 'IPv6' ? `[${host}]:${port}` : `${host}:${port}` };
}
