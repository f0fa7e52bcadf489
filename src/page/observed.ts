/** What the page observes in the cluster, with the rights of the person who runs it: one watch for each kind. Of Secrets it reads metadata only. */
import { GROUP } from '../api/names.ts';
import type { AccountRecord, CredentialRecord, NamespaceRecord, ObjectRecord, SecretRecord } from '../api/records.ts';
import { accountsTarget } from '../cluster/accounts.ts';
import { credentialsTarget, namespacedCredentialsTarget } from '../cluster/credentials.ts';
import { namespacesTarget } from '../cluster/namespaces.ts';
import { managedSecretsMetadata, unmanagedSecretsMetadata } from '../cluster/secrets.ts';
import { type PendingPod, waitingPodsTarget } from '../cluster/waiting-pods.ts';
import type { KubeClient } from '../kube/client.ts';
import { isNotFound, KubeError } from '../kube/errors.ts';
import { type FollowContext, follow } from '../kube/follow.ts';
import { Store, type View } from '../kube/store.ts';
import { Timeline } from '../kube/timeline.ts';
import type { WatchTarget } from '../kube/watch.ts';
import { WatchSet } from '../kube/watch-set.ts';
import type { Seen } from '../plan/coverage/cell.ts';
import { secretNameOf } from '../plan/placement/intent.ts';
import type { Notice } from './messages.ts';

/** Called when something changes that the page shows. */
export interface Listener {
  /** Something in this namespace changed. */
  readonly row: (namespace: string) => void;
  readonly credential: (before: CredentialRecord | undefined, after: CredentialRecord | undefined) => void;
  /** A watch became synced, failed or recovered. `isReadDifferent`: a kind has become known or unknown. */
  readonly state: (isReadDifferent: boolean) => void;
}

const RIGHT = {
  credentials: `list and watch registrycredentials.${GROUP}`,
  namespaced: `list and watch namespacedregistrycredentials.${GROUP} in all namespaces`,
  namespaces: 'list and watch namespaces',
  accounts: 'list and watch serviceaccounts in all namespaces',
  secrets: 'list and watch secrets in all namespaces',
  pods: 'list and watch pods in all namespaces',
} as const;

/** What a person calls the objects of a watch. */
const NAME = {
  credentials: 'RegistryCredentials',
  namespaced: 'NamespacedRegistryCredentials',
  namespaces: 'namespaces',
  accounts: 'ServiceAccounts',
  secrets: 'Secrets',
  pods: 'pods',
} as const;

type Kind = keyof typeof RIGHT;

/** The longest wait before the next attempt. A right that is granted meanwhile shows after that time at most. */
const LONGEST_RETRY_MS = 5_000;

/** A shorter interruption is not worth a notice: the API server ends every watch after some minutes. */
const OUTDATED_AFTER_MS = 1_500;

const retryMs = (attempt: number) => Math.min(LONGEST_RETRY_MS, 200 * 2 ** Math.min(attempt, 10));

/** All unmanaged Secrets of the names that are needed have one owner: the page. */
const PAGE = 'page';

/** The cluster as the person with this kubeconfig may see it. A kind that may not be listed stays empty, and a notice says so. */
export class Observed {
  readonly #clusterScoped: Store<CredentialRecord>;
  readonly #namespaced: Store<CredentialRecord>;
  readonly namespaces: Store<NamespaceRecord>;
  readonly accounts: Store<AccountRecord>;
  readonly pods: Store<PendingPod>;
  readonly managed: Store<SecretRecord>;
  readonly #unmanaged: WatchSet<SecretRecord, string>;
  readonly #context: FollowContext;
  readonly #listener: Listener;
  /** Since when each kind has its present state, in milliseconds since 1970. */
  readonly #since = new Map<string, number>();
  readonly #now: () => number;
  /** Which watches are known, as JSON. */
  #known = '';

  constructor(kube: KubeClient, listener: Listener, now: () => number) {
    this.#listener = listener;
    this.#now = now;
    const state = () => this.#state();
    this.#context = {
      kube,
      timeline: new Timeline(),
      retryMs,
      interrupted: state,
      outdated: state,
      ended: () => {},
      outdatedAfterMs: OUTDATED_AFTER_MS,
    };
    // Before a kind has been read once, its cells are unknown: its first list would only cost time.
    const row = (of: () => View<unknown>) => (before: ObjectRecord | undefined, after: ObjectRecord | undefined) => {
      if (of().synced) listener.row((after ?? before)?.namespace ?? '');
    };
    const credential = (before: CredentialRecord | undefined, after: CredentialRecord | undefined) => {
      listener.credential(before, after);
      this.#watchNames();
    };
    this.#clusterScoped = new Store(credential);
    this.#namespaced = new Store(credential);
    this.namespaces = new Store((before, after) => listener.row((after ?? before)?.name ?? ''));
    this.accounts = new Store<AccountRecord>(row(() => this.accounts));
    this.pods = new Store<PendingPod>(row(() => this.pods));
    this.managed = new Store<SecretRecord>(row(() => this.managed));
    this.#unmanaged = new WatchSet(this.#context, {
      targetOf: unmanagedSecretsMetadata,
      idOf: (owner) => owner,
      onChange: row(() => this.managed),
      onStateChange: state,
    });
  }

  /** Watches until the signal is aborted. */
  start(signal: AbortSignal): void {
    const start = <R extends ObjectRecord>(target: WatchTarget<R>, store: Store<R>) =>
      void follow(this.#context, target, store, signal, () => this.#state());
    start(credentialsTarget, this.#clusterScoped);
    start(namespacedCredentialsTarget, this.#namespaced);
    start(namespacesTarget, this.namespaces);
    start(accountsTarget, this.accounts);
    start(waitingPodsTarget, this.pods);
    start(managedSecretsMetadata, this.managed);
    signal.addEventListener('abort', () => this.#unmanaged.stop(), { once: true });
  }

  /** The credentials of both kinds. */
  *credentials(): Iterable<CredentialRecord> {
    yield* this.#clusterScoped.all();
    yield* this.#namespaced.all();
  }

  /** The Secret under this name, managed or not. */
  secretAt(namespace: string, name: string): Seen<SecretRecord | undefined> {
    const managed = this.managed.get(namespace, name);
    if (managed && isKnown(this.managed)) return { known: true, value: managed };
    const unmanaged = this.#unmanaged.view(name);
    for (const view of [this.managed, unmanaged]) if (!view || !isKnown(view)) return { known: false, why: whyUnknown('secrets', view) };
    return { known: true, value: unmanaged?.get(namespace, name) };
  }

  accountsIn(namespace: string): Seen<Iterable<AccountRecord>> {
    if (!isKnown(this.accounts)) return { known: false, why: whyUnknown('accounts', this.accounts) };
    return { known: true, value: this.accounts.in(namespace) };
  }

  podsIn(namespace: string): Seen<readonly PendingPod[]> {
    if (!isKnown(this.pods)) return { known: false, why: whyUnknown('pods', this.pods) };
    return { known: true, value: Array.from(this.pods.in(namespace)).filter(({ images }) => images.length > 0) };
  }

  /** What is missing or may be old, and why. One notice for each kind at most. */
  notices(): Notice[] {
    const notices = this.#views().flatMap(
      ([kind, views]) => views.map((view) => noticeOf(kind, view)).find((one) => one !== undefined) ?? [],
    );
    const current = new Set(notices.map(({ kind, message }) => `${kind} ${message}`));
    for (const key of this.#since.keys()) if (!current.has(key)) this.#since.delete(key);
    return notices.map(({ kind, message }) => {
      const key = `${kind} ${message}`;
      const since = this.#since.get(key) ?? this.#now();
      this.#since.set(key, since);
      return { kind, message, since };
    });
  }

  /** Resolves when each kind has been read once or cannot be read. Rejects if the signal is aborted before that. */
  async read(signal: AbortSignal): Promise<void> {
    while (this.#views().some(([, views]) => views.some((view) => !view.synced && !isForbidden(view)))) {
      await new Promise((resolve, reject) => {
        setTimeout(resolve, 50);
        signal.addEventListener('abort', () => reject(signal.reason), { once: true });
      });
    }
  }

  #views(): readonly (readonly [Kind, readonly View<unknown>[]])[] {
    return [
      ['credentials', [this.#clusterScoped]],
      // A cluster may have regcred without this kind.
      ['namespaced', isNotFound(this.#namespaced.error) ? [] : [this.#namespaced]],
      ['namespaces', [this.namespaces]],
      ['secrets', [this.managed, ...this.#unmanaged.views()]],
      ['accounts', [this.accounts]],
      ['pods', [this.pods]],
    ];
  }

  #state(): void {
    const known = JSON.stringify(this.#views().map(([, views]) => views.map(isKnown)));
    this.#listener.state(known !== this.#known);
    this.#known = known;
  }

  #watchNames(): void {
    this.#unmanaged.keepFor(PAGE, [...new Set(Array.from(this.credentials(), secretNameOf))]);
  }
}

/** After an interruption the error stays until the next event, but the watch runs again when the records are no longer outdated. */
const isInterrupted = ({ synced, error, isOutdated }: View<unknown>) => isOutdated || (!synced && error !== undefined);

const isForbidden = (view: View<unknown>) => isInterrupted(view) && view.error instanceof KubeError && view.error.status === 403;

const isKnown = (view: View<unknown>) => view.synced && !isForbidden(view);

function whyUnknown(kind: Kind, view: View<unknown> | undefined): string {
  if (view && isForbidden(view)) return `Missing right: ${RIGHT[kind]}.`;
  return view?.error instanceof Error
    ? `The ${NAME[kind]} cannot be read: ${view.error.message}.`
    : `The ${NAME[kind]} are still being read.`;
}

function noticeOf(kind: Kind, view: View<unknown>): Pick<Notice, 'kind' | 'message'> | undefined {
  if (isForbidden(view)) return { kind: 'right', message: `${NAME[kind]} cannot be read. Missing right: ${RIGHT[kind]}.` };
  if (isInterrupted(view) && view.error instanceof Error)
    return { kind: 'lost', message: `The watch of ${NAME[kind]} is interrupted: ${view.error.message}.` };
  return view.synced ? undefined : { kind: 'reading', message: `Reading ${NAME[kind]}.` };
}
