/** A TLS front before the API server, as a load balancer is one: it has certificates of a CA of the test's own. */
import type { AddressInfo } from 'node:net';
import { connect, createServer, type TLSSocket } from 'node:tls';
import type { Issued } from './certificates.ts';

export interface Front {
  readonly url: string;
  /** From now on it has another certificate. All connections are cut. */
  renew(certificate: Issued): void;
  close(): Promise<void>;
}

export async function startFront(apiServer: string, ca: Buffer, certificate: Issued): Promise<Front> {
  const { hostname, port } = new URL(apiServer);
  const open = new Set<TLSSocket>();
  const server = createServer(certificate, (near) => {
    const far = connect({ host: hostname, port: Number(port), ca });
    near.pipe(far).pipe(near);
    for (const [side, other] of [
      [near, far],
      [far, near],
    ] as const) {
      open.add(side);
      side.on('error', () => {});
      side.once('close', () => {
        open.delete(side);
        other.destroy();
      });
    }
  });
  // A client that does not trust the certificate ends the handshake.
  server.on('tlsClientError', () => {});
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const cut = () => {
    for (const socket of open) socket.destroy();
  };
  return {
    url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    renew: (next) => {
      server.setSecureContext(next);
      // Otherwise a client resumes its session, and does not look at the new certificate.
      server.setTicketKeys(Buffer.from(crypto.getRandomValues(new Uint8Array(48))));
      cut();
    },
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        cut();
      }),
  };
}
