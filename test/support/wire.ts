/** A TCP proxy between the operator and the API server that can break connections. It does not interpret the data. */
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export interface Wire {
  readonly port: number;
  /** Closes every connection at once, as a load balancer does when it restarts. */
  cut(): void;
  /**
   * Makes every open connection half-open: the proxy drops all data in both directions, and neither side gets an error. New
   * connections work. This happens when a router on the path loses its state.
   */
  swallow(): void;
  close(): Promise<void>;
}

interface Pair {
  readonly near: Socket;
  readonly far: Socket;
}

export async function startWire(targetPort: number): Promise<Wire> {
  const pairs = new Set<Pair>();
  const server = createServer((near) => {
    const far = connect(targetPort, '127.0.0.1');
    const pair = { near, far };
    pairs.add(pair);
    near.pipe(far);
    far.pipe(near);
    for (const side of [near, far]) {
      // A close always follows an error, and the close handler ends the other side: no handler is needed here.
      side.on('error', () => {});
      side.once('close', () => {
        pairs.delete(pair);
        near.destroy();
        far.destroy();
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const cut = () => {
    for (const { near, far } of pairs) {
      near.destroy();
      far.destroy();
    }
  };
  return {
    port: (server.address() as AddressInfo).port,
    cut,
    swallow: () => {
      for (const { near, far } of pairs) {
        for (const side of [near, far]) side.unpipe().resume();
        // The proxy does not pass on a close by the API server. It passes on a close by the operator, or connections would pile up here.
        far.removeAllListeners('close');
      }
    },
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        cut();
      }),
  };
}
