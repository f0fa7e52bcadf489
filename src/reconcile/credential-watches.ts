import { type CredentialRef, isNamespaced, refOf } from '../api/credential-ref.ts';
import { PENDING } from '../api/names.ts';
import type { CredentialRecord } from '../api/records.ts';
import type { ObservedCluster } from '../cluster/observed-cluster.ts';
import { sourceKey } from '../cluster/sources.ts';
import { sourcesOf } from '../plan/content/candidates.ts';
import { redact } from '../plan/content/redact.ts';
import type { SecretRef, SourceState } from '../plan/content/source.ts';
import { secretNameOf, wantsPodRecovery } from '../plan/placement/intent.ts';
import { whyNotServed } from '../plan/targets/served.ts';
import type { Key, KeyOf } from '../queue/keys.ts';
import type { CredentialReconciler } from './credential-reconciler.ts';

type Watches = Pick<CredentialReconciler, 'observed' | 'states' | 'podMemory'>;
type SourceWatches = Pick<ObservedCluster, 'credentials' | 'sources' | 'sourceNamespaces'>;

/**
 * What is known about the Secrets under a credential's current and former names:
 * - known: they are listed. During a deletion, a name whose watch failed counts as listed
 * - later: they are not listed yet, but what is in place can be decided already
 * - loading: nothing can be decided yet
 */
export interface Names {
  readonly state: 'known' | 'later' | 'loading';
  /** Why the Secrets under the current name are not listed. */
  readonly error: unknown;
}

/**
 * Watches the sources of every credential that is in use, before it is decided. Their content arrives while longer lists still run.
 *
 * @returns the keys of these credentials, which must run: one may be deleted before the term connects the triggers
 */
export function watchAhead(observed: SourceWatches, isNamespacedOn: boolean): Key[] {
  const keys: Key[] = [];
  for (const credential of observed.credentials.all()) {
    const isServed = whyNotServed(credential, observed.credentials.in(credential.namespace), isNamespacedOn) === undefined;
    if (credential.terminating || !isServed) continue;
    const key = { kind: 'credential', credential: refOf(credential) } as const;
    watchSources(observed, key, sourcesOf(credential.spec));
    keys.push(key);
  }
  return keys;
}

/** Watches what the credential depends on: its sources, the Secrets of its names, and stuck pods if it has podRecovery. The names may come later. */
export function keepWatches(watches: Watches, key: KeyOf<'credential'>, credential: CredentialRecord, isLeaving: boolean): Names {
  const { observed } = watches;
  watchSources(observed, key, isLeaving ? [] : sourcesOf(credential.spec));
  watchPods(watches, key, !isLeaving && wantsPodRecovery(credential));
  // Each key of a Secret watches the name in its own namespace.
  if (isNamespaced(credential)) return { state: 'known', error: undefined };
  if (!isLeaving && mayNamesComeLater(watches, credential)) return { state: 'later', error: undefined };
  watchNames(observed, key, credential);

  const current = observed.secrets.watchOf(secretNameOf(credential));
  const areFormerKnown = observed.secrets.formerNamesOf(credential).every((name) => {
    const watch = observed.secrets.watchOf(name);
    return watch?.synced || watch?.error !== undefined;
  });
  const isCurrentKnown = current?.synced || (credential.terminating && current?.error !== undefined);
  const mayContinue = !isLeaving && stateOf(watches, credential)?.isWaitingForNames && isSameName(watches, credential);
  const unknown = mayContinue ? 'later' : 'loading';
  return { state: isCurrentKnown && areFormerKnown ? 'known' : unknown, error: current?.synced ? undefined : current?.error };
}

/**
 * Whether the first decision of a term comes before the other Secrets of the credential's name are listed. A Secret with the operator's label
 * shows that no other one has its name, so what is in place can be decided. For each name the API server looks at every Secret of the cluster
 * (docs/adr/0021-fan-outs.md).
 */
function mayNamesComeLater(watches: Watches, credential: CredentialRecord): boolean {
  const { secrets } = watches.observed;
  const isWatched = secrets.watchOf(secretNameOf(credential)) !== undefined;
  if (isWatched || secrets.knowsWatchedNamesOnly || secrets.formerNamesOf(credential).length > 0) return false;
  if (stateOf(watches, credential)?.fannedOut) return false;
  for (const _ of secrets.ofCredential(credential.uid)) return true;
  return false;
}

/** Undefined if the credential was created again since. */
const stateOf = ({ states }: Watches, credential: CredentialRecord) =>
  states.intentOf(credential)?.uid === credential.uid ? states.stateOf(credential) : undefined;

/** A new name is decided when both names are listed: otherwise what has the former name would be forgotten. */
const isSameName = ({ states }: Watches, credential: CredentialRecord) =>
  states.intentOf(credential)?.secretName === secretNameOf(credential);

function watchSources(observed: SourceWatches, key: KeyOf<'credential'>, refs: readonly SecretRef[]): void {
  const allowed = refs.filter(({ namespace }) => isSourceAllowed(observed, key.credential, namespace));
  observed.sources.keepFor(key, allowed.map(sourceKey));
}

/** Watches the Secrets of the current and former names. Each watch that begins enqueues the credential's key when it has listed. */
export function watchNames({ secrets }: Pick<ObservedCluster, 'secrets'>, key: KeyOf<'credential'>, credential: CredentialRecord): void {
  secrets.watchNames(key, [secretNameOf(credential), ...secrets.formerNamesOf(credential)]);
}

/** @param namespaces where the credential was placed */
export function stopWatches(watches: Watches, key: KeyOf<'credential'>, namespaces: readonly string[]): void {
  const { secrets, sources } = watches.observed;
  sources.keepFor(key, []);
  secrets.watchNames(key, []);
  const { credential } = key;
  if (isNamespaced(credential)) {
    for (const namespace of namespaces) secrets.watchNamesIn({ kind: 'secret', credential, namespace }, namespace, []);
  }
  watchPods(watches, key, false);
}

/** Watches pending pods as long as at least one credential has podRecovery. */
function watchPods({ observed, states, podMemory }: Watches, key: KeyOf<'credential'>, isWanted: boolean): void {
  observed.pods.keepFor(key, isWanted ? [PENDING] : []);
  if (!isWanted) states.stateOf(key.credential)?.notEvicted.clear();
  if (observed.pods.view(PENDING) === undefined) podMemory.pullAttempts.clear();
}

/** What is known about one source. */
export function sourceStateOf(
  observed: Pick<ObservedCluster, 'sources' | 'sourceNamespaces'>,
  credential: CredentialRef,
  ref: SecretRef,
): SourceState {
  if (!isSourceAllowed(observed, credential, ref.namespace)) return { state: 'notAllowed', allowed: observed.sourceNamespaces ?? [] };
  const source = observed.sources.view(sourceKey(ref));
  if (!source?.synced) {
    return source?.error === undefined
      ? { state: 'loading' }
      : { state: 'unreadable', why: redact((source.error as Error).message, undefined) };
  }
  const secret = source.get(ref.namespace, ref.name);
  return secret ? { state: 'present', secret } : { state: 'missing' };
}

/** The setting limits cluster-scoped credentials. Of a namespaced one every source is in its own namespace, and RBAC limits it. */
export const isSourceAllowed = (
  { sourceNamespaces }: Pick<ObservedCluster, 'sourceNamespaces'>,
  credential: CredentialRef,
  namespace: string,
) => isNamespaced(credential) || (sourceNamespaces?.includes(namespace) ?? true);
