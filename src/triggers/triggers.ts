import { type CredentialRef, credentialId, isHome, isNamespaced, parseQualifiedName, refOf } from '../api/credential-ref.ts';
import { credentialUidOf } from '../api/managed-secret.ts';
import { PENDING } from '../api/names.ts';
import type { AccountRecord, CredentialRecord, NamespaceRecord, ObjectRecord, PodRecord, SecretRecord } from '../api/records.ts';
import type { CredentialIndex } from '../cluster/credential-index.ts';
import type { ObservedCluster } from '../cluster/observed-cluster.ts';
import type { View } from '../kube/store.ts';
import { sourcesOf } from '../plan/content/candidates.ts';
import type { StateSecret } from '../plan/placement/cleanup.ts';
import { type Intent, isFinalized, secretNameOf } from '../plan/placement/intent.ts';
import { MAX_PER_NAMESPACE } from '../plan/targets/served.ts';
import { selectsNamespace } from '../plan/targets/targets.ts';
import { identityAccountOf } from '../plan/tokens/identity.ts';
import type { Key } from '../queue/keys.ts';
import { PRIORITY, type Priority } from '../queue/queue.ts';

/** What the triggers read of the observed cluster. */
export interface Observed {
  readonly credentials: Pick<CredentialIndex, 'all' | 'in' | 'byUid' | 'readersOf' | 'homesReaching' | 'tenantOf'>;
  readonly namespaces: Pick<View<NamespaceRecord>, 'get'>;
  readonly accounts: View<AccountRecord>;
  readonly secrets: Pick<ObservedCluster['secrets'], 'managedIn' | 'ofCredential'>;
  readonly stateSecrets: Pick<View<StateSecret>, 'all'>;
  readonly pods: { view(phase: string): View<PodRecord> | undefined };
  readonly tokenSecrets: View<ObjectRecord>;
}

/** The intents that the reconcilers of credentials decided last. */
export interface CurrentIntents {
  readonly hasIntents: boolean;
  intentOf(credential: CredentialRef): Intent | undefined;
  intentsConcerning(namespace: string, homes: Iterable<string>): Iterable<Intent>;
}

/**
 * Enqueues the keys that a change concerns. These are the credentials that select the object before or after the change, and those that have
 * a Secret or reference there. The reconcilers never learn what has changed: they read the current state.
 */
export class Triggers {
  readonly #observed: Observed;
  readonly #intents: CurrentIntents;
  readonly #add: (key: Key, priority: Priority) => void;

  constructor(observed: Observed, intents: CurrentIntents, add: (key: Key, priority: Priority) => void) {
    this.#observed = observed;
    this.#intents = intents;
    this.#add = add;
  }

  /** Enqueues everything when a leader term begins. */
  all(): void {
    this.rules();
    const { credentials, accounts, stateSecrets, tokenSecrets } = this.#observed;
    for (const credential of credentials.all()) this.#credential(credential);
    for (const token of tokenSecrets.all()) this.token(token);
    // With the fan-outs, so that they are planned once, after every credential is decided.
    for (const { namespace, recorded } of accounts.all()) {
      if (recorded.length > 0) this.#add({ kind: 'accounts', namespace }, PRIORITY.fanOut);
    }
    for (const state of stateSecrets.all()) this.stateSecret(undefined, state);
  }

  credential(before: CredentialRecord | undefined, after: CredentialRecord | undefined): void {
    const changed = (after ?? before) as CredentialRecord;
    this.#credential(changed);
    if (before?.generation !== after?.generation || before?.uid !== after?.uid) this.rules();
    if (!before && after) this.#youngerSiblings(after);
    if (!before || (after && !isFinalized(after) && after.generation === before.generation)) return;
    // Other credentials may have reported a conflict with this one's Secret or source: reconcile them again.
    const namespaces = new Set(Array.from(this.#observed.secrets.ofCredential(before.uid), ({ namespace }) => namespace));
    if (isNamespaced(before)) namespaces.add(before.namespace);
    for (const namespace of namespaces) this.#others(changed, namespace, secretNameOf(before));
    for (const source of sourcesOf(before.spec)) this.#others(changed, source.namespace, source.name);
    if (!isNamespaced(before) || (after && !isFinalized(after))) return;
    // The garbage collector leaves its state, and another credential of the namespace may now be within the limit.
    this.#add({ kind: 'state', credential: refOf(before) }, PRIORITY.now);
    const remaining = [...this.#observed.credentials.in(before.namespace)];
    if (remaining.length >= MAX_PER_NAMESPACE) for (const other of remaining) this.#credential(other);
  }

  /** Of the credentials of one second, those with the lower uid go first: one that is created later can put another beyond the limit. */
  #youngerSiblings(created: CredentialRecord): void {
    if (!isNamespaced(created)) return;
    const siblings = [...this.#observed.credentials.in(created.namespace)];
    if (siblings.length <= MAX_PER_NAMESPACE) return;
    for (const other of siblings) if (other.createdAt === created.createdAt && other.uid > created.uid) this.#credential(other);
  }

  /** Every other credential that wants the Secret of this name in the namespace. */
  #others(credential: CredentialRef, namespace: string, secretName: string): void {
    for (const other of this.#concerning(namespace)) {
      if (other.secretName === secretName && credentialId(other) !== credentialId(credential)) this.#secret(other, namespace);
    }
  }

  /** Call when something changed that every status reports: the policy that adds names to pods, or the state of a watch. */
  allCredentials(): void {
    for (const credential of this.#observed.credentials.all()) this.#credential(credential);
  }

  /** The rules for new pods may have changed, in the cluster or because a credential changed. */
  rules(): void {
    this.#add({ kind: 'rules' }, PRIORITY.now);
  }

  source({ namespace, name }: Pick<ObjectRecord, 'namespace' | 'name'>): void {
    for (const credential of this.#observed.credentials.readersOf({ namespace, name })) this.#credential(credential);
  }

  /** A watch that these keys depend on became synced, failed or recovered. */
  watchState(owners: Iterable<Key>): void {
    for (const key of owners) this.#urgent(key);
  }

  namespace(before: NamespaceRecord | undefined, after: NamespaceRecord | undefined): void {
    const { name } = (after ?? before) as NamespaceRecord;
    const owners = new Set(Array.from(this.#observed.secrets.managedIn(name), credentialUidOf));
    const intents = new Set([...this.#concerning(name, before), ...this.#concerning(name, after), ...this.#intentsOf(owners)]);
    let isConcerned = false;
    for (const intent of intents) {
      const isSelected = [before, after].some((namespace) => namespace && maySelect({ ...intent, isConfined: false }, namespace));
      if (!isSelected && !owners.has(intent.uid)) continue;
      // It needs a finalizer first.
      if (intent.isConfined && !isHome(intent, name)) this.#credential(intent);
      this.#secret(intent, name);
      isConcerned = true;
    }
    if (isConcerned || this.#hasRecords(name)) this.#accountsIn(name);
    this.#tenant(before, after);
    if ([before, after].some((namespace) => namespace && this.#hasTenantRules(namespace))) this.rules();
  }

  /** Whether the rules for new pods may name the namespace, because a namespaced credential can reach it. */
  #hasTenantRules(namespace: NamespaceRecord): boolean {
    const { credentials } = this.#observed;
    for (const home of credentials.homesReaching(namespace)) {
      if (home !== '') for (const _ of credentials.in(home)) return true;
    }
    return false;
  }

  /** The credentials of a namespace depend on its tenant, and on whether it is Terminating. */
  #tenant(before: NamespaceRecord | undefined, after: NamespaceRecord | undefined): void {
    const { credentials } = this.#observed;
    const { name } = (after ?? before) as NamespaceRecord;
    const [was, is] = [before, after].map((namespace) => [credentials.tenantOf(namespace)?.value, namespace?.terminating].join());
    if (was !== is) for (const credential of credentials.in(name)) this.#credential(credential);
  }

  /** The intents that can concern a namespace, as it is or was. */
  #concerning(name: string, namespace = this.#observed.namespaces.get('', name)): Iterable<Intent> {
    const homes = namespace ? this.#observed.credentials.homesReaching(namespace) : ['', name];
    return this.#intents.intentsConcerning(name, homes);
  }

  #intentsOf(uids: ReadonlySet<string | undefined>): Intent[] {
    return Array.from(uids).flatMap((uid) => {
      const credential = uid === undefined ? undefined : this.#observed.credentials.byUid(uid);
      return (credential && this.#intents.intentOf(credential)) ?? [];
    });
  }

  account(before: AccountRecord | undefined, after: AccountRecord | undefined): void {
    const { namespace } = (after ?? before) as AccountRecord;
    // The plan decides whether a credential selects this account: the event of its namespace may come later.
    if (this.#intents.hasIntents || before?.recorded.length || after?.recorded.length) this.#accountsIn(namespace);
    this.#podsIn(namespace);
    if (before?.uid !== after?.uid || before?.cloud !== after?.cloud) this.#identity((after ?? before) as AccountRecord);
  }

  /** A managed Secret, or one under the name of a pull secret. */
  secret(before: SecretRecord | undefined, after: SecretRecord | undefined): void {
    const { namespace, name } = (after ?? before) as SecretRecord;
    const owners = this.#intentsOf(new Set([before, after].map((secret) => secret && credentialUidOf(secret))));
    const ofThatName = [...this.#concerning(namespace)].filter(({ secretName }) => secretName === name);
    for (const intent of new Set([...owners, ...ofThatName])) this.#secret(intent, namespace);
    // A reference can depend on its Secret: one that was retained, or one whose source is invalid.
    if (!before || !after) this.#accountsIn(namespace);
    this.#podsIn(namespace);
  }

  /** The state Secret of a credential, which another user may have changed or deleted. */
  stateSecret(before: StateSecret | undefined, after: StateSecret | undefined): void {
    const { credential: uid, ofNamespaced } = (after ?? before) as StateSecret;
    const credential = this.#observed.credentials.byUid(uid) ?? (ofNamespaced === undefined ? undefined : parseQualifiedName(ofNamespaced));
    if (credential) this.#add({ kind: 'state', credential: refOf(credential) }, PRIORITY.now);
  }

  /** The Secret of a token, which another user may have changed or deleted. */
  token({ name }: Pick<ObjectRecord, 'name'>): void {
    this.#add({ kind: 'token', name }, PRIORITY.now);
  }

  /** A ServiceAccount that may be the identity behind a token. */
  #identity({ namespace, name }: AccountRecord): void {
    for (const credential of this.#observed.credentials.all()) {
      const accounts = (credential.spec.registries ?? []).flatMap(({ token }) => (token && identityAccountOf(token)) ?? []);
      if (accounts.some((ref) => ref.namespace === namespace && ref.name === name)) this.#credential(credential);
    }
  }

  /** A pending pod. Only pods that wait for an image now or before the change matter. */
  pod(before: PodRecord | undefined, after: PodRecord | undefined): void {
    const { namespace, name } = (after ?? before) as PodRecord;
    if (before?.failingImages.length || after?.failingImages.length) this.#pod(namespace, name);
  }

  #hasRecords(namespace: string): boolean {
    for (const { recorded } of this.#observed.accounts.in(namespace)) if (recorded.length > 0) return true;
    return false;
  }

  #credential(credential: CredentialRef): void {
    this.#add({ kind: 'credential', credential: refOf(credential) }, PRIORITY.now);
  }

  #secret(credential: CredentialRef, namespace: string): void {
    this.#add({ kind: 'secret', credential: refOf(credential), namespace }, PRIORITY.now);
  }

  #podsIn(namespace: string): void {
    for (const { name, failingImages } of this.#observed.pods.view(PENDING)?.in(namespace) ?? []) {
      if (failingImages.length > 0) this.#pod(namespace, name);
    }
  }

  /** A new namespace goes first: a stuck pod has already waited for seconds. */
  #pod(namespace: string, name: string): void {
    this.#add({ kind: 'pod', namespace, name }, PRIORITY.fanOut);
  }

  #accountsIn(namespace: string): void {
    this.#urgent({ kind: 'accounts', namespace });
  }

  #urgent(key: Key): void {
    this.#add(key, key.kind === 'accounts' ? PRIORITY.references : PRIORITY.now);
  }
}

/**
 * Whether the credential may select the namespace. True if a fault of the program prevents the decision: then the key of this credential runs
 * and reports the fault, and the other credentials continue.
 */
function maySelect(intent: Intent, namespace: NamespaceRecord): boolean {
  try {
    return selectsNamespace(intent, namespace);
  } catch {
    return true;
  }
}
