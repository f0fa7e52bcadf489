import type { AccountRecord, CredentialRecord, SecretRecord } from '../../src/api/records.ts';
import type { Kube } from '../../src/kube/client.ts';
import { follow } from '../../src/kube/follow.ts';
import { accounts, credentials, managedSecrets } from '../../src/kube/resources.ts';
import { Store } from '../../src/kube/store.ts';

const DEADLINE_MS = 30_000;

/** Sees the cluster by watching it, as anybody can with `kubectl get -w`: nothing is asked of the operator. */
export class Eyes {
  readonly #looking = new Set<() => void>();
  readonly #closed = new AbortController();
  readonly secrets = new Store<SecretRecord>(() => this.#look());
  readonly accounts = new Store<AccountRecord>(() => this.#look());
  readonly credentials = new Store<CredentialRecord>(() => this.#look());

  constructor(kube: Kube) {
    const following = { kube, retryMs: () => 200, interrupted: () => {}, ended: () => {} };
    const { signal } = this.#closed;
    void follow(following, managedSecrets, this.secrets, signal);
    void follow(following, accounts, this.accounts, signal);
    void follow(following, credentials, this.credentials, signal);
  }

  /** Resolves with what `look` sees as soon as it sees something; fails where it throws, or sees nothing in time. */
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
