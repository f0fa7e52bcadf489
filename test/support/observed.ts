import type { AccountRecord, ObjectRecord, RulesRecord, SecretRecord } from '../../src/api/records.ts';
import { accountsTarget } from '../../src/cluster/accounts.ts';
import { CredentialIndex, credentialStore, namespaceStore } from '../../src/cluster/credential-index.ts';
import { credentialsTarget, namespacedCredentialsTarget } from '../../src/cluster/credentials.ts';
import { namespacesTarget } from '../../src/cluster/namespaces.ts';
import type { ObservedCluster } from '../../src/cluster/observed-cluster.ts';
import { podsTarget } from '../../src/cluster/pods.ts';
import { managedSecretStore, namespaceOfKey, secretsByLabel, secretsByName } from '../../src/cluster/secret-index.ts';
import { managedSecretsTarget, namedSecretsTarget, unmanagedSecretsTarget } from '../../src/cluster/secrets.ts';
import { sourceTarget } from '../../src/cluster/sources.ts';
import { type StateRecord, stateSecretsTarget } from '../../src/cluster/state-secrets.ts';
import { type StoredToken, tokenSecretsTarget } from '../../src/cluster/token-secrets.ts';
import { type OnChange, Store } from '../../src/kube/store.ts';
import type { WatchTarget } from '../../src/kube/watch.ts';
import { Dispatcher } from '../../src/operator/dispatcher.ts';
import { idOf, type Key } from '../../src/queue/keys.ts';
import type { MemoryApi } from './memory-api.ts';

/** The namespace that the operator runs in, and keeps its state Secrets in. */
export const OPERATOR_NAMESPACE = 'regcred-system';

/** The label by which the tests group namespaces. */
export const TENANT_LABEL = 'capsule.clastix.io/tenant';

/** Watches that come and go, as a WatchSet has them. They see the API server only when `deliver` is called. */
export class LateWatchSet<R extends ObjectRecord> {
  readonly #api: MemoryApi;
  readonly #targetOf: (key: string) => WatchTarget<R>;
  readonly #onChange: OnChange<R>;
  readonly #onStateChange: (owners: Iterable<Key>) => void;
  readonly #watched = new Map<string, { readonly store: Store<R>; readonly owners: Map<string, Key> }>();
  /** By key: why the watch cannot list. */
  readonly failing = new Map<string, Error>();

  constructor(
    api: MemoryApi,
    targetOf: (key: string) => WatchTarget<R>,
    onChange: OnChange<R> = () => {},
    onStateChange: (owners: Iterable<Key>) => void = () => {},
  ) {
    this.#api = api;
    this.#targetOf = targetOf;
    this.#onChange = onChange;
    this.#onStateChange = onStateChange;
  }

  keepFor(owner: Key, keys: readonly string[]): void {
    const id = idOf(owner);
    for (const key of keys) {
      const watched = this.#watched.get(key) ?? { store: new Store<R>(this.#onChange), owners: new Map<string, Key>() };
      this.#watched.set(key, watched);
      watched.owners.set(id, owner);
    }
    for (const [key, { owners }] of this.#watched) {
      if (!keys.includes(key) && owners.delete(id) && owners.size === 0) this.#watched.delete(key);
    }
  }

  view(key: string): Store<R> | undefined {
    return this.#watched.get(key)?.store;
  }

  *views(group?: string): Iterable<Store<R>> & Generator<Store<R>> {
    for (const [key, { store }] of this.#watched) if (group === undefined || namespaceOfKey(key) === group) yield store;
  }

  *records(): Iterable<R> & Generator<R> {
    for (const store of this.views()) yield* store.all();
  }

  applyOwnWrite(key: string, record: R): void {
    this.view(key)?.applyOwnWrite(record);
  }

  dropGone(key: string, gone: Pick<R, 'namespace' | 'name' | 'uid'>): void {
    this.view(key)?.dropGone(gone);
  }

  /** What is watched at present. */
  get keys(): string[] {
    return [...this.#watched.keys()];
  }

  deliver(): void {
    for (const [key, { store, owners }] of [...this.#watched]) {
      const { synced, error } = store;
      const failure = this.failing.get(key);
      if (failure) store.accept({ type: 'failed', error: failure });
      else relist(store, this.#api, this.#targetOf(key));
      if (store.synced !== synced || (store.error === undefined) !== (error === undefined)) this.#onStateChange([...owners.values()]);
    }
  }
}

/** The observed cluster on the real stores. They see the API server only when `deliver` is called, so a test decides how late they are. */
export class LateCluster {
  readonly #api: MemoryApi;
  readonly dispatcher = new Dispatcher((fault) => {
    throw fault;
  });
  readonly #namespaces = namespaceStore(this.dispatcher.namespace, TENANT_LABEL);
  readonly #credentials = new CredentialIndex(
    credentialStore(this.dispatcher.credential),
    credentialStore(this.dispatcher.credential),
    this.#namespaces,
    TENANT_LABEL,
  );
  readonly #accounts = new Store<AccountRecord>(this.dispatcher.account);
  readonly #managed = managedSecretStore(this.dispatcher.secret);
  readonly #stateSecrets = new Store<StateRecord>(this.dispatcher.stateSecret);
  readonly #tokenSecrets = new Store<StoredToken>((before, after) => this.dispatcher.token((after ?? before) as StoredToken));
  /** Not listed: the cluster in memory does not have the kind. */
  readonly rules = new Store<RulesRecord>(this.dispatcher.rules);
  readonly #byName: boolean;
  readonly named: LateWatchSet<SecretRecord>;
  readonly sources;
  readonly pods;
  readonly observed: ObservedCluster;

  constructor(api: MemoryApi, sourceNamespaces?: readonly string[]) {
    const { secret, source, pod, watchState } = this.dispatcher;
    this.#api = api;
    this.#byName = sourceNamespaces !== undefined;
    this.named = new LateWatchSet(api, this.#byName ? namedSecretsTarget : unmanagedSecretsTarget, secret, watchState);
    this.sources = new LateWatchSet(api, sourceTarget, (before, after) => source((after ?? before) as ObjectRecord), watchState);
    this.pods = new LateWatchSet(api, podsTarget, pod, watchState);
    this.observed = {
      credentials: this.#credentials,
      namespaces: this.#namespaces,
      accounts: this.#accounts,
      secrets: this.#byName ? secretsByName(this.named) : secretsByLabel(this.#managed, this.named),
      sources: this.sources,
      pods: this.pods,
      stateSecrets: this.#stateSecrets,
      tokenSecrets: this.#tokenSecrets,
      stateNamespace: OPERATOR_NAMESPACE,
      podPolicy: { state: 'perCredential' },
      rules: this.rules,
      getJob: async () => undefined,
      sourceNamespaces,
    };
  }

  /** The watches deliver everything that the API server has at present. */
  deliver(): void {
    relist(this.#namespaces, this.#api, namespacesTarget);
    relist(this.#credentials.clusterScoped, this.#api, credentialsTarget);
    relist(this.#credentials.namespaced, this.#api, namespacedCredentialsTarget);
    relist(this.#accounts, this.#api, accountsTarget);
    relist(this.#stateSecrets, this.#api, stateSecretsTarget(OPERATOR_NAMESPACE));
    relist(this.#tokenSecrets, this.#api, tokenSecretsTarget(OPERATOR_NAMESPACE));
    if (!this.#byName) relist(this.#managed, this.#api, managedSecretsTarget);
    for (const watches of [this.named, this.sources, this.pods]) watches.deliver();
  }
}

function relist<R extends ObjectRecord>(store: Store<R>, api: MemoryApi, target: WatchTarget<R>): void {
  store.accept({ type: 'init' });
  for (const record of api.list(target)) store.accept({ type: 'listed', records: [record] });
  store.accept({ type: 'initDone', resourceVersion: api.resourceVersion });
}
