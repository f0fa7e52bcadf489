import type { AccountRecord, CredentialRecord, SecretRecord } from '../../src/api/records.ts';
import { accountsTarget } from '../../src/cluster/accounts.ts';
import { credentialsTarget } from '../../src/cluster/credentials.ts';
import { managedSecretsTarget } from '../../src/cluster/secrets.ts';
import type { KubeClient } from '../../src/kube/client.ts';
import { follow } from '../../src/kube/follow.ts';
import { Store } from '../../src/kube/store.ts';
import { Timeline } from '../../src/kube/timeline.ts';

const DEADLINE_MS = 30_000;

/** Observes the cluster through watches, like `kubectl get -w`. It does not ask the operator. */
export class Eyes {
  readonly #looking = new Set<() => void>();
  readonly #closed = new AbortController();
  readonly secrets = new Store<SecretRecord>(() => this.#look());
  readonly accounts = new Store<AccountRecord>(() => this.#look());
  readonly credentials = new Store<CredentialRecord>(() => this.#look());

  constructor(kube: KubeClient) {
    const following = { kube, timeline: new Timeline(), retryMs: () => 200, interrupted: () => {}, outdated: () => {}, ended: () => {} };
    const { signal } = this.#closed;
    void follow(following, managedSecretsTarget, this.secrets, signal);
    void follow(following, accountsTarget, this.accounts, signal);
    void follow(following, credentialsTarget, this.credentials, signal);
  }

  /** Resolves with the first defined result of `look`. Rejects if `look` throws, or if there is no result before the deadline. */
  until<T>(what: string, look: () => T | undefined): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const timer = setTimeout(() => end(() => reject(new Error(`${what}: not within ${DEADLINE_MS / 1000} s`))), DEADLINE_MS);
      const end = (settle: () => void) => {
        clearTimeout(timer);
        this.#looking.delete(glance);
        settle();
      };
      const glance = () => {
        try {
          const seen = look();
          if (seen !== undefined) end(() => resolve(seen));
        } catch (error) {
          end(() => reject(error));
        }
      };
      this.#looking.add(glance);
      glance();
    });
  }

  refersTo(namespace: string, secretName: string): boolean {
    return this.accounts.get(namespace, 'default')?.pullSecrets.some(({ name }) => name === secretName) ?? false;
  }

  isPlaced(namespace: string, secretName: string): boolean {
    return this.secrets.get(namespace, secretName) !== undefined && this.refersTo(namespace, secretName);
  }

  close(): void {
    this.#closed.abort();
  }

  #look(): void {
    for (const glance of [...this.#looking]) glance();
  }
}
