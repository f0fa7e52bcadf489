import { isNamespaced } from '../api/credential-ref.ts';
import type { CredentialRecord, NamespaceRecord } from '../api/records.ts';
import { classify } from '../kube/errors.ts';
import { Store } from '../kube/store.ts';
import { sourcesOf } from '../plan/content/candidates.ts';
import { secretNameOf } from '../plan/placement/intent.ts';
import { type Tenant, tenantOf } from '../plan/targets/acceptance.ts';

/** Where the index finds the namespaces, and those of one tenant. */
type Namespaces = Pick<Store<NamespaceRecord>, 'get' | 'indexed'>;

/** Every namespace, findable by its tenant. */
export const namespaceStore = (
  onChange: (before: NamespaceRecord | undefined, after: NamespaceRecord | undefined) => void,
  tenantLabel?: string,
) =>
  new Store<NamespaceRecord>(onChange, (namespace) => {
    const tenant = tenantOf(namespace, tenantLabel);
    return tenant ? [tenant.value] : [];
  });

/** One kind of credential, findable by uid and by each of its sources, and a cluster-scoped one by the name of its Secrets. */
export const credentialStore = (onChange: (before: CredentialRecord | undefined, after: CredentialRecord | undefined) => void) =>
  new Store<CredentialRecord>(onChange, (credential) => [
    byUid(credential.uid),
    ...(isNamespaced(credential) ? [] : [bySecretName(secretNameOf(credential))]),
    ...sourcesOf(credential.spec).map(bySource),
  ]);

/** The values of the index. */
const byUid = (uid: string) => `uid ${uid}`;
const bySecretName = (name: string) => `secret ${name}`;
const bySource = ({ namespace, name }: { readonly namespace: string; readonly name: string }) => `source ${namespace}/${name}`;

/**
 * The credentials of both kinds as one collection, in which a cluster-scoped one has the namespace ''. It answers which credentials can
 * concern a namespace without a look at all of them, because every tenant may have some.
 */
export class CredentialIndex {
  readonly clusterScoped: Store<CredentialRecord>;
  readonly namespaced: Store<CredentialRecord>;
  readonly #namespaces: Namespaces;
  readonly #tenantLabel: string | undefined;

  constructor(clusterScoped: Store<CredentialRecord>, namespaced: Store<CredentialRecord>, namespaces: Namespaces, tenantLabel?: string) {
    this.clusterScoped = clusterScoped;
    this.namespaced = namespaced;
    this.#namespaces = namespaces;
    this.#tenantLabel = tenantLabel;
  }

  get(namespace: string, name: string): CredentialRecord | undefined {
    return this.#storeOf(namespace).get(namespace, name);
  }

  in(namespace: string): Iterable<CredentialRecord> {
    return this.#storeOf(namespace).in(namespace);
  }

  *all(): Iterable<CredentialRecord> {
    yield* this.clusterScoped.all();
    yield* this.namespaced.all();
  }

  byUid(uid: string): CredentialRecord | undefined {
    for (const store of [this.clusterScoped, this.namespaced]) for (const record of store.indexed(byUid(uid))) return record;
    return undefined;
  }

  /** The credentials that have this Secret as a source. The sources of a namespaced credential are in its own namespace. */
  *readersOf(source: { readonly namespace: string; readonly name: string }): Iterable<CredentialRecord> {
    yield* this.clusterScoped.indexed(bySource(source));
    yield* this.namespaced.indexed(bySource(source));
  }

  /** The tenant of a namespace, by the setting `--tenant-label`. */
  tenantOf(namespace: string | NamespaceRecord | undefined): Tenant | undefined {
    return tenantOf(typeof namespace === 'string' ? this.#namespaces.get('', namespace) : namespace, this.#tenantLabel);
  }

  /** The namespaces whose credentials can reach this one; '' stands for cluster-scoped ones. */
  homesReaching(namespace: NamespaceRecord): Set<string> {
    const homes = new Set(['', namespace.name, ...namespace.acceptFrom]);
    const tenant = this.tenantOf(namespace);
    if (tenant) for (const { name } of this.#namespaces.indexed(tenant.value)) homes.add(name);
    return homes;
  }

  /** The credentials that can reach a namespace. */
  *reaching(namespace: NamespaceRecord): Iterable<CredentialRecord> {
    for (const home of this.homesReaching(namespace)) yield* this.in(home);
  }

  /** The credentials that can reach a namespace and whose Secrets have this name. Thousands of tenants may use one name, so no index is used for theirs. */
  *reachingWithName(namespace: NamespaceRecord, secretName: string): Iterable<CredentialRecord> {
    yield* this.clusterScoped.indexed(bySecretName(secretName));
    if (this.namespaced.size === 0) return;
    for (const home of this.homesReaching(namespace)) {
      for (const credential of this.namespaced.in(home)) if (secretNameOf(credential) === secretName) yield credential;
    }
  }

  get size(): number {
    return this.clusterScoped.size + this.namespaced.size;
  }

  get synced(): boolean {
    return this.clusterScoped.synced;
  }

  get error(): unknown {
    return this.clusterScoped.error ?? (isUnavailable(this.namespaced) ? undefined : this.namespaced.error);
  }

  get isOutdated(): boolean {
    return this.clusterScoped.isOutdated || (this.namespaced.isOutdated && !isUnavailable(this.namespaced));
  }

  applyOwnWrite(record: CredentialRecord): void {
    (isNamespaced(record) ? this.namespaced : this.clusterScoped).applyOwnWrite(record);
  }

  #storeOf(namespace: string): Store<CredentialRecord> {
    return namespace === '' ? this.clusterScoped : this.namespaced;
  }
}

/** Whether the cluster does not have the namespaced kind, or the operator may not read it. Then it works with the other kind alone. */
export const isUnavailable = ({ error }: Pick<Store<CredentialRecord>, 'error'>): boolean =>
  error !== undefined && ['gone', 'refused'].includes(classify(error));
