import type { CredentialRef } from '../api/credential-ref.ts';
import { RULES_NAME } from '../api/names.ts';
import type { AccountRecord, CredentialRecord, ObjectRecord, RulesRecord, SecretRecord } from '../api/records.ts';
import type { KubeObject } from '../kube/object.ts';
import type { FencedWriter } from '../kube/writer.ts';
import { readAccount } from './accounts.ts';
import { readCredential } from './credentials.ts';
import { readRules } from './pull-secret-rules.ts';
import { request } from './requests.ts';
import { readSecret } from './secrets.ts';
import { readStateSecret, type StateRecord } from './state-secrets.ts';
import { readTokenSecret, type StoredToken } from './token-secrets.ts';

/** Every write of the operator, except for its Lease. Each method returns the object as the API server stored it, and throws a KubeError. */
export class ClusterWriter {
  readonly #writer: FencedWriter;

  constructor(writer: FencedWriter) {
    this.#writer = writer;
  }

  /** The same writer, whose writes stop waiting for their answer when the signal is aborted. */
  until(signal: AbortSignal): ClusterWriter {
    return new ClusterWriter(this.#writer.until(signal));
  }

  async createSecret(namespace: string, body: object): Promise<SecretRecord> {
    return readSecret(await this.#writer.write(request.createSecret(namespace, body)), metadataOf(body));
  }

  async patchSecret(namespace: string, name: string, patch: object): Promise<SecretRecord> {
    return readSecret(await this.#writer.write(request.patchSecret(namespace, name, patch)), metadataOf(patch));
  }

  async deleteSecret(secret: Pick<ObjectRecord, 'namespace' | 'name' | 'uid' | 'resourceVersion'>): Promise<void> {
    await this.#writer.write(request.deleteSecret(secret));
  }

  async patchAccount(namespace: string, name: string, patch: object): Promise<AccountRecord> {
    return readAccount(await this.#writer.write(request.patchAccount(namespace, name, patch)));
  }

  async patchCredential(credential: CredentialRef, patch: object): Promise<CredentialRecord> {
    return readCredential(await this.#writer.write(request.patchCredential(credential, patch)));
  }

  async patchCredentialStatus(credential: CredentialRecord, status: object): Promise<CredentialRecord> {
    return readCredential(await this.#writer.write(request.patchCredentialStatus(credential, status)));
  }

  async evictPod(pod: ObjectRecord): Promise<void> {
    await this.#writer.write(request.evictPod(pod));
  }

  async createState(namespace: string, body: object): Promise<StateRecord> {
    return readStateSecret(await this.#writer.write(request.createSecret(namespace, body)));
  }

  async patchState(namespace: string, name: string, patch: object): Promise<StateRecord> {
    return readStateSecret(await this.#writer.write(request.patchSecret(namespace, name, patch)));
  }

  async createToken(namespace: string, body: object): Promise<StoredToken> {
    return readTokenSecret(await this.#writer.write(request.createSecret(namespace, body)));
  }

  async patchToken(namespace: string, name: string, patch: object): Promise<StoredToken> {
    return readTokenSecret(await this.#writer.write(request.patchSecret(namespace, name, patch)));
  }

  /** Returns a new token of a ServiceAccount: a secret value, which is never logged. */
  async createAccountToken(namespace: string, name: string, audience: string): Promise<string> {
    const answer = await this.#writer.write(request.createAccountToken(namespace, name, audience));
    return (answer.status as { readonly token?: string } | undefined)?.token ?? '';
  }

  async createRules(body: object): Promise<RulesRecord> {
    return readRules(await this.#writer.write(request.createRules(body)));
  }

  async replaceRules(body: object): Promise<RulesRecord> {
    return readRules(await this.#writer.write(request.replaceRules(RULES_NAME, body)));
  }

  async createEvent(namespace: string, body: object): Promise<void> {
    await this.#writer.write(request.createEvent(namespace, body));
  }
}

const metadataOf = (body: object) => (body as Partial<KubeObject>).metadata;
