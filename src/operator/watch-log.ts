import { path } from '../cluster/paths.ts';
import { classify, isNotFound } from '../kube/errors.ts';
import type { WatchTarget } from '../kube/watch.ts';
import type { Log } from '../log.ts';

/** Logs interruptions of watches and of the Lease. It logs each one once, and again only if the message changes. */
export class WatchLog {
  readonly #log: Log;
  readonly #onInterrupted: (path: string) => void;
  /** The watches whose records may be outdated, and the resource of each. */
  readonly #outdated = new Map<string, string>();
  /** What is interrupted, and the message that was logged. */
  readonly #logged = new Map<string, string>();

  constructor(log: Log, onInterrupted: (path: string) => void) {
    this.#log = log;
    this.#onInterrupted = onInterrupted;
  }

  /** `error` is undefined when the watch has recovered. */
  interrupted(target: WatchTarget<unknown>, error: unknown): void {
    const { path: resource, fieldSelector } = target;
    if (error === undefined) {
      if (this.#logged.delete(idOf(target))) this.#log.info('The watch has recovered.', { path: resource, fieldSelector });
      return;
    }
    this.#onInterrupted(resource);
    this.#log.debug('A watch failed; retrying.', { path: resource, fieldSelector, error });
    this.#once(idOf(target), error, () => {
      if (resource === path.credentials && isNotFound(error)) {
        this.#log.warn(
          'The CustomResourceDefinition registrycredentials.regcred.dev is not installed; waiting for it. Install it with: kubectl apply -f crds/',
        );
      } else if (resource === path.namespacedCredentials && isNotFound(error)) {
        this.#log.info(
          'The CustomResourceDefinition namespacedregistrycredentials.regcred.dev is not installed, so tenants cannot bring credentials. To let them, install it with: kubectl apply -f crds/',
        );
      } else {
        this.#log.warn('A watch is interrupted; retrying.', { path: resource, fieldSelector, error });
      }
    });
  }

  progress({ path, labelSelector, fieldSelector }: WatchTarget<unknown>, what: 'lists' | 'watches'): void {
    this.#log.debug(what === 'lists' ? 'Listing.' : 'Watching.', { path, labelSelector, fieldSelector });
  }

  outdated(target: WatchTarget<unknown>, isOutdated: boolean, error: unknown): void {
    // Without this kind nothing is outdated: the operator works with the other one.
    const isLacking = target.path === path.namespacedCredentials && error !== undefined && classify(error) !== 'passing';
    if (isOutdated && !isLacking) this.#outdated.set(idOf(target), target.path);
    else this.#outdated.delete(idOf(target));
  }

  /** For each watch whose records may be outdated, its path. */
  outdatedPaths(): Iterable<string> {
    return this.#outdated.values();
  }

  ended(target: WatchTarget<unknown>): void {
    this.#logged.delete(idOf(target));
  }

  rewound(): void {
    this.#log.warn(
      'The API server returned an older resourceVersion than before; etcd was probably restored from a backup. All watches list again.',
    );
  }

  leaseFailed(namespace: string, error: unknown): void {
    this.#log.debug('The Lease cannot be acquired or renewed; retrying.', { namespace, error });
    this.#once('Lease', error, () => this.#log.warn('Cannot acquire the Lease; retrying.', { namespace, error }));
  }

  #once(about: string, error: unknown, log: () => void): void {
    const { message } = error as Error;
    if (this.#logged.get(about) === message) return;
    this.#logged.set(about, message);
    log();
  }
}

const idOf = ({ path, labelSelector, fieldSelector }: WatchTarget<unknown>) => [path, labelSelector, fieldSelector].join(' ');
