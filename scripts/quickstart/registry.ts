/** A registry on this machine that knows one login and holds no image: enough to show what the operator does with its answers. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface LocalRegistry {
  /** `127.0.0.1:PORT`. */
  readonly host: string;
  /** From now on the registry accepts this password, and no other. */
  accept(password: string): void;
  close(): void;
}

export const ROBOT = 'robot';

/** Starts the registry. It listens on the loopback address only, and accepts no password yet. */
export async function startLocalRegistry(): Promise<LocalRegistry> {
  let accepted: string | undefined;
  const server = createServer((request, response) => {
    if (accepted !== undefined && request.headers.authorization === accepted) {
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
      return;
    }
    const headers = { 'content-type': 'application/json', 'www-authenticate': 'Basic realm="quickstart"' };
    response.writeHead(401, headers).end(JSON.stringify({ errors: [{ code: 'UNAUTHORIZED', message: 'authentication required' }] }));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    accept: (password) => {
      accepted = `Basic ${Buffer.from(`${ROBOT}:${password}`).toString('base64')}`;
    },
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}
