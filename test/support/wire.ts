/** A wire that can break: a TCP proxy between the operator and the API server, which knows nothing of what it carries. */
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export interface Wire {
  readonly port: number;
  /** Ends every connection at once, as a load balancer does that restarts. */
  cut(): void;
  /**
   * Makes every open connection half-open: what is sent is taken and goes nowhere, in both directions, and neither side is
   * told. New connections work. So it is when a router on the way has forgotten them.
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
      // The other side is told of an end, and an error is an end: nobody is to fail here.
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
        // An end of the API server's is not passed on; one of the operator's is, or connections would pile up here.
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
