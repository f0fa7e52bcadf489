import type { KubeConfig } from '@kubernetes/client-node';
import { type Connection, connect } from './connection.ts';
import { KubeError } from './errors.ts';

/** The keeper reads certificate and token files again, and runs exec plugins again, after this time. */
const REFRESH_MS = 60_000;

/** The minimum time between two reloads of the configuration while calls get no answer. */
const RELOAD_INTERVAL_MS = 10_000;

/**
 * Keeps the connection to the API server. It follows changes of token and certificate files, the CA, the address and the whole kubeconfig.
 * Open connections stay open until something changes that they depend on.
 */
export class ConnectionKeeper {
  readonly #load: () => KubeConfig;
  #config: KubeConfig;
  #connection: Promise<Connection> | undefined;
  /** The last connection that could be made. */
  #last: Connection | undefined;
  #refreshedAt = 0;
  #reloadedAt = Number.NEGATIVE_INFINITY;

  constructor(load: () => KubeConfig) {
    this.#load = load;
    this.#config = load();
  }

  /** The connection to use now. Rejects if there is none: the kubeconfig has no cluster, or its exec plugin fails. */
  async current(): Promise<Connection> {
    const connection = await (this.#connection ?? this.#made(connect(this.#config, this.#last)));
    if (Date.now() - this.#refreshedAt < REFRESH_MS) return connection;
    return this.#made(this.#orKeep(connection, connect(this.#config, connection)));
  }

  /** Call when the API server does not accept the credentials. Reloads the configuration once for all calls that failed with these credentials. */
  async rejected(connection: Connection): Promise<Connection> {
    const current = this.#connection;
    if ((await current) !== connection || this.#connection !== current) return this.current();
    this.#config = this.#reload();
    return this.#made(connect(this.#config, connection));
  }

  /** Call when a call got no answer. The CA, a certificate or the address may have changed, so this reloads the configuration in the background. */
  unanswered(failed: Connection): void {
    const now = performance.now();
    if (now - this.#reloadedAt < RELOAD_INTERVAL_MS) return;
    this.#reloadedAt = now;
    try {
      const config = this.#reload();
      // Another call may already have made a newer connection.
      const connection = this.#last ?? failed;
      void this.#made(this.#orKeep(connection, connect(config, connection)));
      this.#config = config;
    } catch {
      // The file may be half written. The next failure tries again.
    }
  }

  async close(): Promise<void> {
    const connection = await this.#connection?.catch(() => undefined);
    await Promise.all([connection?.dispatchers.calls.destroy(), connection?.dispatchers.watches.destroy()]);
  }

  #made(making: Promise<Connection>): Promise<Connection> {
    const made = making.then(
      (connection) => {
        this.#last = connection;
        return connection;
      },
      (error: unknown) => {
        if (this.#connection === made) this.#connection = undefined;
        throw error;
      },
    );
    this.#connection = made;
    this.#refreshedAt = Date.now();
    return made;
  }

  /** Keeps a connection that works while a file cannot be read. If the connection no longer works, `rejected` reports why. */
  #orKeep(connection: Connection, making: Promise<Connection>): Promise<Connection> {
    return making.catch(() => connection);
  }

  #reload(): KubeConfig {
    try {
      return this.#load();
    } catch (cause) {
      // The first line only: a YAML parser quotes the text in the next lines, and a kubeconfig contains secrets.
      const [why] = (cause as Error).message.split('\n');
      throw new KubeError(`the kubeconfig cannot be loaded again: ${why}`, 0);
    }
  }
}
