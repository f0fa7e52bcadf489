import { carriesUid, isManaged } from '../api/managed-secret.ts';
import { LABEL } from '../api/names.ts';
import type { CredentialRecord, SecretRecord } from '../api/records.ts';
import { type OnChange, Store, type View } from '../kube/store.ts';
import type { WatchSet } from '../kube/watch-set.ts';
import type { Key, KeyOf } from '../queue/keys.ts';

/**
 * The observed Secrets: those that the operator manages, and those that have the name of a pull secret. There are two implementations, one
 * for an operator that may list Secrets by label, and one for an operator that may list them by name only.
 */
export interface SecretIndex {
  /** The Secret of that name, managed or not. */
  at(namespace: string, name: string): SecretRecord | undefined;
  managed(): Iterable<SecretRecord>;
  managedIn(namespace: string): Iterable<SecretRecord>;
  /** The Secrets that carry a credential's uid, even if another writer replaced the label by which they are managed. */
  ofCredential(uid: string): Iterable<SecretRecord>;
  ofCredentialIn(namespace: string, uid: string): Iterable<SecretRecord>;
  /** From now on watches the Secrets of these names for a credential's key, managed or not. */
  watchNames(owner: Key, names: readonly string[]): void;
  /** Whether managed Secrets, too, are known only under watched names. */
  readonly knowsWatchedNamesOnly: boolean;
  /** The same for one namespace only, for the key of a tenant's credential. */
  watchNamesIn(owner: Key, namespace: string, names: readonly string[]): void;
  /** Watches these names, which the accounts of one namespace have recorded, so that `isKnown` becomes true for them. */
  watchRecorded(owner: KeyOf<'accounts'>, names: readonly string[]): void;
  /** Whether a managed Secret of that name, if there is one, has been observed. */
  isKnown(namespace: string, name: string): boolean;
  /** Every watch that shows Secrets of that name, in all namespaces or in one. */
  watchesOf(name: string, namespace?: string): readonly (View<SecretRecord> | undefined)[];
  /** The watch of a name, in all namespaces or in one; undefined if there is none. */
  watchOf(name: string, namespace?: string): Pick<View<SecretRecord>, 'synced' | 'error'> | undefined;
  /** Names other than `spec.secretName` that must be watched, because they may still hold Secrets of the credential. */
  formerNamesOf(credential: CredentialRecord): readonly string[];
  applyOwnWrite(record: SecretRecord): void;
  /** Drops a Secret that no longer exists, before the watch reports it. */
  dropGone(gone: Pick<SecretRecord, 'namespace' | 'name' | 'uid'>): void;
}

/** The Secrets with the operator's label, findable by the uid of their credential. */
export const managedSecretStore = (onChange: OnChange<SecretRecord>) =>
  new Store<SecretRecord>(onChange, ({ labels, owners }) => {
    const uid = labels[LABEL.credentialUid] ?? owners.find(({ controller }) => controller)?.uid;
    return uid === undefined ? [] : [uid];
  });

/** Watches per Secret name, for the keys that need them. */
export type NamedSecrets = Pick<WatchSet<SecretRecord, Key>, 'keepFor' | 'view' | 'views' | 'records' | 'applyOwnWrite' | 'dropGone'>;

/** The key of a watched name: `name` in all namespaces, or `namespace/name`. */
export const nameKey = (name: string, namespace = ''): string => (namespace === '' ? name : `${namespace}/${name}`);

/** The namespace of a `nameKey`; '' for all. */
export const namespaceOfKey = (key: string): string => key.slice(0, Math.max(0, key.indexOf('/')));

/** Both watches that may show a Secret. */
const recordAt = (named: NamedSecrets, namespace: string, name: string) =>
  named.view(name)?.get(namespace, name) ?? named.view(nameKey(name, namespace))?.get(namespace, name);

const watchNamesIn = (named: NamedSecrets) => (owner: Key, namespace: string, names: readonly string[]) =>
  named.keepFor(
    owner,
    names.map((name) => nameKey(name, namespace)),
  );

function applyToBoth(
  named: NamedSecrets,
  { namespace, name }: Pick<SecretRecord, 'namespace' | 'name'>,
  apply: (key: string) => void,
): void {
  for (const key of [name, nameKey(name, namespace)]) if (named.view(key)) apply(key);
}

/** The default: one watch by label finds every managed Secret, and one watch per name finds the unmanaged ones of that name. */
export function secretsByLabel(managed: Store<SecretRecord>, unmanaged: NamedSecrets): SecretIndex {
  const ofCredential = (uid: string) => carrying(uid, [managed.indexed(uid), unmanaged.records()]);
  return {
    at: (namespace, name) => managed.get(namespace, name) ?? recordAt(unmanaged, namespace, name),
    managed: () => managed.all(),
    managedIn: (namespace) => managed.in(namespace),
    ofCredential,
    ofCredentialIn: (namespace, uid) => carrying(uid, [managed.in(namespace), ...recordsIn(unmanaged, namespace)]),
    watchNames: (owner, names) => unmanaged.keepFor(owner, names),
    knowsWatchedNamesOnly: false,
    watchNamesIn: watchNamesIn(unmanaged),
    watchRecorded: () => {},
    isKnown: () => true,
    watchesOf: (name, namespace) => [managed, unmanaged.view(nameKey(name, namespace))],
    watchOf: (name, namespace) => unmanaged.view(nameKey(name, namespace)),
    formerNamesOf: (credential) => formerNamesOf(credential, carrying(credential.uid, [unmanaged.records()])),
    applyOwnWrite(record) {
      if (isManaged(record)) return managed.applyOwnWrite(record);
      // An admission policy replaced the label, so the watch by label never reports this Secret again. The one by name does.
      managed.dropGone(record);
      applyToBoth(unmanaged, record, (key) => unmanaged.applyOwnWrite(key, record));
    },
    dropGone(gone) {
      managed.dropGone(gone);
      applyToBoth(unmanaged, gone, (key) => unmanaged.dropGone(key, gone));
    },
  };
}

/**
 * For an operator with `--source-namespaces`. It may not list Secrets by label, because RBAC would have to let it list all Secrets
 * (docs/adr/0007-source-namespaces.md). It knows only the Secrets under watched names.
 */
export function secretsByName(named: NamedSecrets): SecretIndex {
  const ofCredential = (uid: string) => carrying(uid, [named.records()]);
  return {
    at: (namespace, name) => recordAt(named, namespace, name),
    managed: () => filter(named.records(), isManaged),
    *managedIn(namespace) {
      for (const records of recordsIn(named, namespace)) yield* filter(records, isManaged);
    },
    ofCredential,
    ofCredentialIn: (namespace, uid) => carrying(uid, recordsIn(named, namespace)),
    watchNames: (owner, names) => named.keepFor(owner, names),
    knowsWatchedNamesOnly: true,
    watchNamesIn: watchNamesIn(named),
    watchRecorded(owner, names) {
      const watched = names.filter(isSecretName).slice(0, MAX_RECORDED_WATCHES);
      named.keepFor(
        owner,
        watched.map((name) => recordedKey(named, owner.namespace, name)),
      );
    },
    isKnown: (namespace, name) => (named.view(name)?.synced || named.view(nameKey(name, namespace))?.synced) ?? false,
    watchesOf: (name, namespace) => [named.view(nameKey(name, namespace))],
    watchOf: (name, namespace) => named.view(nameKey(name, namespace)),
    formerNamesOf: (credential) => formerNamesOf(credential, ofCredential(credential.uid)),
    applyOwnWrite: (record) => applyToBoth(named, record, (key) => named.applyOwnWrite(key, record)),
    dropGone: (gone) => applyToBoth(named, gone, (key) => named.dropGone(key, gone)),
  };
}

/**
 * One watch in all namespaces serves the accounts of all of them. But the operator may list the names of tenants' credentials in their
 * namespaces only: such a watch is there already, or the one in all namespaces fails.
 */
function recordedKey(named: NamedSecrets, namespace: string, name: string): string {
  const everywhere = named.view(name);
  const isRefused = everywhere?.error !== undefined && !everywhere.synced;
  const inNamespace = nameKey(name, namespace);
  return isRefused || named.view(inNamespace) ? inNamespace : name;
}

/** The names, other than the current one, of the credential's Secrets now and when its status was last written. */
function formerNamesOf({ name, spec, status }: CredentialRecord, own: Iterable<SecretRecord>): readonly string[] {
  const names = new Set(status?.secretName === undefined ? [] : [status.secretName]);
  for (const secret of own) names.add(secret.name);
  names.delete(spec.secretName ?? name);
  return [...names];
}

/** A limit is needed, because any user who may write a ServiceAccount can record names there. The owners of further names stay unknown. */
const MAX_RECORDED_WATCHES = 10;

const isSecretName = (name: string) => /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/.test(name);

/** The records in a namespace. Most watches have no records, so this skips those. */
function recordsIn(named: NamedSecrets, namespace: string): Iterable<SecretRecord>[] {
  const all: Iterable<SecretRecord>[] = [];
  for (const group of ['', namespace]) for (const view of named.views(group)) if (view.size > 0) all.push(view.in(namespace));
  return all;
}

function* carrying(uid: string, all: readonly Iterable<SecretRecord>[]): Iterable<SecretRecord> {
  for (const secrets of all) for (const secret of secrets) if (carriesUid(secret, uid)) yield secret;
}

function* filter(secrets: Iterable<SecretRecord>, accept: (secret: SecretRecord) => boolean): Iterable<SecretRecord> {
  for (const secret of secrets) if (accept(secret)) yield secret;
}
