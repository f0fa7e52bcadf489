import { MANAGER } from '../api/names.ts';
import type { AccountRecord, CredentialRecord, ObjectRecord, SecretRecord } from '../api/records.ts';
import type { Kube, Method } from './client.ts';
import { type KubeObject, readAccount, readCredential, readSecret } from './records.ts';
import { path } from './resources.ts';

/** Told of each write how long the API server took for it, in milliseconds, and the error if that was the answer. */
export type Answered = (ms: number, error?: unknown) => void;

/**
 * Every write of the operator but that of its Lease. `fence` is asked before each, and again when it goes onto the wire: it
 * throws when this process may no longer write, because another may have taken over.
 */
export class Writer {
  readonly #kube: Kube;
  readonly #fence: () => void;
  readonly #answered: Answered;

  constructor(kube: Kube, fence: () => void, answered: Answered) {
    this.#kube = kube;
    this.#fence = fence;
    this.#answered = answered;
  }

  async createSecret(namespace: string, body: object): Promise<SecretRecord> {
    return readSecret(await this.#write('POST', path.secretsIn(namespace), body));
  }

  async patchSecret(namespace: string, name: string, patch: object): Promise<SecretRecord> {
    return readSecret(await this.#write('PATCH', `${path.secretsIn(namespace)}/${name}`, patch));
  }

  /** Deletes this very Secret in this very state, and no other that has come to stand in its place. */
  async deleteSecret(namespace: string, name: string, uid: string, resourceVersion: string): Promise<void> {
    await this.#write('DELETE', `${path.secretsIn(namespace)}/${name}`, { preconditions: { uid, resourceVersion } });
  }

  async patchAccount(namespace: string, name: string, patch: object): Promise<AccountRecord> {
    return readAccount(await this.#write('PATCH', path.account(namespace, name), patch));
  }

  async patchCredential(name: string, patch: object): Promise<CredentialRecord> {
    return readCredential(await this.#write('PATCH', path.credential(name), patch));
  }

  async patchCredentialStatus(name: string, status: object): Promise<CredentialRecord> {
    return readCredential(await this.#write('PATCH', `${path.credential(name)}/status`, { status }));
  }

  /**
   * Deletes this very pod in this very state, by way of the Eviction API: unlike the right to delete pods, the right to it does
   * not go beyond a PodDisruptionBudget, once a pod is past the phase Pending. https://kubernetes.io/docs/concepts/scheduling-eviction/api-eviction/
   */
  async evictPod({ namespace, name, uid, resourceVersion }: ObjectRecord): Promise<void> {
    const deleteOptions = { preconditions: { uid, resourceVersion } };
    const body = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { namespace, name }, deleteOptions };
    await this.#write('POST', path.eviction(namespace, name), body);
  }

  async createEvent(namespace: string, body: object): Promise<void> {
    await this.#write('POST', path.events(namespace), body);
  }

  async #write(method: Method, at: string, body: object): Promise<KubeObject> {
    this.#fence();
    const begun = performance.now();
    try {
      const call = { body, fence: this.#fence, ...(method !== 'DELETE' && { query: { fieldManager: MANAGER } }) };
      const object = await this.#kube.call<KubeObject>(method, at, call);
      this.#answered(performance.now() - begun);
      return object;
    } catch (error) {
      this.#answered(performance.now() - begun, error);
      throw error;
    }
  }
}
