import type { AccountRecord, NamespaceRecord, ObjectRecord, RulesRecord, SecretRecord } from '../api/records.ts';
import { accountsTarget } from '../cluster/accounts.ts';
import { CredentialIndex, credentialStore, isUnavailable, namespaceStore } from '../cluster/credential-index.ts';
import { credentialsTarget, namespacedCredentialsTarget } from '../cluster/credentials.ts';
import { getJobFrom } from '../cluster/jobs.ts';
import { namespacesTarget } from '../cluster/namespaces.ts';
import { silentWhileNotServed } from '../cluster/not-served.ts';
import type { ObservedCluster } from '../cluster/observed-cluster.ts';
import { PodPolicy } from '../cluster/pod-policy.ts';
import { podsTarget } from '../cluster/pods.ts';
import { rulesTarget } from '../cluster/pull-secret-rules.ts';
import { managedSecretStore, namespaceOfKey, secretsByLabel, secretsByName } from '../cluster/secret-index.ts';
import { managedSecretsTarget, namedSecretsTarget, unmanagedSecretsTarget } from '../cluster/secrets.ts';
import { sourceTarget } from '../cluster/sources.ts';
import { type StateRecord, stateSecretsTarget } from '../cluster/state-secrets.ts';
import { type StoredToken, tokenSecretsTarget } from '../cluster/token-secrets.ts';
import { classify } from '../kube/errors.ts';
import { type FollowContext, follow } from '../kube/follow.ts';
import { Store } from '../kube/store.ts';
import type { WatchTarget } from '../kube/watch.ts';
import { WatchSet } from '../kube/watch-set.ts';
import { backoffMs } from '../queue/backoff.ts';
import { idOf } from '../queue/keys.ts';
import type { Dispatcher } from './dispatcher.ts';

/** The policy for pods may never be installed, so the waits grow to five minutes. */
const POLICY_BACKOFF = { firstMs: 250, longestMs: 300_000 };

/** The kind that the policy reads may be installed at any time, for example by an upgrade. */
const RULES_BACKOFF = { firstMs: 250, longestMs: 15_000 };

/** What the watches depend on, by the settings of the operator. */
export interface WatchSettings {
  readonly sourceNamespaces: readonly string[] | undefined;
  /** The operator's own namespace. */
  readonly stateNamespace: string;
  readonly tenantLabel: string | undefined;
}

/** What the watches of the lifetime have listed once. */
export interface Listed {
  /** The credentials of both kinds, and the namespaces. */
  readonly credentials: Promise<unknown>;
  readonly all: Promise<unknown>;
}

/** The observed cluster for one leader term, with watches that start and stop during the term. `stop` ends all of them. */
export interface TermWatches {
  readonly observed: ObservedCluster;
  readonly stop: () => void;
}

/** The watches of the whole lifetime and those of one leader term. A replica that does not lead watches too, so that a takeover is quick. */
export class ClusterWatches {
  readonly #context: FollowContext;
  readonly #dispatcher: Dispatcher;
  readonly #sourceNamespaces: readonly string[] | undefined;
  readonly #podPolicy: PodPolicy;
  readonly #managed: Store<SecretRecord>;
  readonly credentials: CredentialIndex;
  readonly namespaces: Store<NamespaceRecord>;
  readonly #accounts: Store<AccountRecord>;
  readonly #rules: Store<RulesRecord>;
  readonly #stateSecrets: Store<StateRecord>;
  readonly #tokenSecrets: Store<StoredToken>;
  readonly #stateNamespace: string;

  constructor(context: FollowContext, dispatcher: Dispatcher, { sourceNamespaces, stateNamespace, tenantLabel }: WatchSettings) {
    this.#context = context;
    this.#dispatcher = dispatcher;
    this.#sourceNamespaces = sourceNamespaces;
    this.namespaces = namespaceStore(dispatcher.namespace, tenantLabel);
    const [clusterScoped, namespaced] = [credentialStore(dispatcher.credential), credentialStore(dispatcher.credential)];
    this.credentials = new CredentialIndex(clusterScoped, namespaced, this.namespaces, tenantLabel);
    this.#accounts = new Store(dispatcher.account);
    this.#managed = managedSecretStore(dispatcher.secret);
    this.#rules = new Store<RulesRecord>(dispatcher.rules);
    this.#stateSecrets = new Store<StateRecord>(dispatcher.stateSecret);
    this.#tokenSecrets = new Store<StoredToken>((before, after) => dispatcher.token((after ?? before) as StoredToken));
    this.#stateNamespace = stateNamespace;
    const retryMs = (attempt: number) => backoffMs(POLICY_BACKOFF, attempt, Math.random());
    this.#podPolicy = new PodPolicy({ ...context, retryMs }, dispatcher.allCredentials);
  }

  /** Starts the watches of the lifetime. */
  start(signal: AbortSignal): Listed {
    const credentials = Promise.all([
      this.#follow(credentialsTarget, this.credentials.clusterScoped, signal),
      this.#followNamespaced(signal),
      this.#follow(namespacesTarget, this.namespaces, signal),
    ]);
    const all = Promise.all([
      credentials,
      this.#follow(accountsTarget, this.#accounts, signal),
      this.#podPolicy.follow(signal),
      this.#followRules(signal),
      this.#followOptional(stateSecretsTarget(this.#stateNamespace), this.#stateSecrets, signal),
      this.#followOptional(tokenSecretsTarget(this.#stateNamespace), this.#tokenSecrets, signal),
      ...(this.#sourceNamespaces ? [] : [this.#follow(managedSecretsTarget, this.#managed, signal)]),
    ]);
    return { credentials, all };
  }

  /** The number of ServiceAccounts and managed Secrets. */
  get listedObjects(): number {
    return this.#accounts.size + this.#managed.size;
  }

  /** The kinds that are not listed yet, and why, for /readyz. */
  notReady(): string[] {
    const stores = {
      registrycredentials: this.credentials.clusterScoped,
      ...(isUnavailable(this.credentials.namespaced) ? {} : { namespacedregistrycredentials: this.credentials.namespaced }),
      namespaces: this.namespaces,
      serviceaccounts: this.#accounts,
      ...(this.#sourceNamespaces ? {} : { secrets: this.#managed }),
    };
    return Object.entries(stores).flatMap(([kind, { synced, error }]) =>
      synced ? [] : `waiting for ${kind}: ${error instanceof Error ? error.message : 'still listing'}`,
    );
  }

  forTerm(): TermWatches {
    const { watchState, secret, source, pod } = this.#dispatcher;
    const named = new WatchSet(this.#context, {
      targetOf: this.#sourceNamespaces ? namedSecretsTarget : unmanagedSecretsTarget,
      idOf,
      groupOf: namespaceOfKey,
      onChange: secret,
      onStateChange: watchState,
    });
    const sources = new WatchSet(this.#context, {
      targetOf: sourceTarget,
      idOf,
      onChange: (before, after) => source((after ?? before) as ObjectRecord),
      onStateChange: watchState,
    });
    const pods = new WatchSet(this.#context, { targetOf: podsTarget, idOf, onChange: pod, onStateChange: watchState });
    const observed = {
      credentials: this.credentials,
      namespaces: this.namespaces,
      accounts: this.#accounts,
      secrets: this.#sourceNamespaces ? secretsByName(named) : secretsByLabel(this.#managed, named),
      sources,
      pods,
      stateSecrets: this.#stateSecrets,
      tokenSecrets: this.#tokenSecrets,
      stateNamespace: this.#stateNamespace,
      podPolicy: this.#podPolicy,
      rules: this.#rules,
      getJob: getJobFrom(this.#context.kube),
      sourceNamespaces: this.#sourceNamespaces,
    };
    const stop = () => {
      for (const watches of [named, sources, pods]) watches.stop();
    };
    return { observed, stop };
  }

  /** Resolves also if the operator may not list them: without that right it works, but forgets over a restart. */
  #followOptional<R extends ObjectRecord>(target: WatchTarget<R>, store: Store<R>, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      void follow(this.#context, target, store, signal, () => {
        if (store.synced || classify(store.error) === 'refused') resolve();
      });
    });
  }

  /** Resolves also if the cluster does not have the kind, or the operator may not read it: it matters for new pods only. */
  #followRules(signal: AbortSignal): Promise<void> {
    const store = this.#rules;
    const retryMs = (attempt: number) => backoffMs(RULES_BACKOFF, attempt, Math.random());
    return new Promise((resolve) => {
      void follow(silentWhileNotServed({ ...this.#context, retryMs }), rulesTarget, store, signal, () => {
        if (store.synced || store.error !== undefined) resolve();
        this.#dispatcher.rules();
        this.#dispatcher.allCredentials();
      });
    });
  }

  /** Resolves also if the cluster does not have this kind, or the operator may not list it. It is served as soon as it can be listed. */
  #followNamespaced(signal: AbortSignal): Promise<void> {
    const { namespaced } = this.credentials;
    return new Promise((resolve) => {
      let wasOutdated = false;
      void follow(this.#context, namespacedCredentialsTarget, namespaced, signal, () => {
        if (namespaced.synced || isUnavailable(namespaced)) resolve();
        const { isOutdated } = this.credentials;
        if (isOutdated !== wasOutdated) this.#dispatcher.allCredentials();
        wasOutdated = isOutdated;
      });
    });
  }

  #follow<R extends ObjectRecord>(target: WatchTarget<R>, store: Store<R>, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      let wasOutdated = false;
      void follow(this.#context, target, store, signal, () => {
        if (store.synced) resolve();
        // The status of every credential reports it.
        if (store.isOutdated !== wasOutdated) this.#dispatcher.allCredentials();
        wasOutdated = store.isOutdated;
      });
    });
  }
}
