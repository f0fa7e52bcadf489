import { type CredentialRef, isNamespaced } from '../api/credential-ref.ts';
import { PENDING } from '../api/names.ts';
import type { CredentialRecord } from '../api/records.ts';
import type { ObservedCluster } from '../cluster/observed-cluster.ts';
import { sourceKey } from '../cluster/sources.ts';
import { sourcesOf } from '../plan/content/candidates.ts';
import { redact } from '../plan/content/redact.ts';
import type { SecretRef, SourceState } from '../plan/content/source.ts';
import { secretNameOf, wantsPodRecovery } from '../plan/placement/intent.ts';
import type { KeyOf } from '../queue/keys.ts';
import type { CredentialReconciler } from './credential-reconciler.ts';

type Watches = Pick<CredentialReconciler, 'observed' | 'states' | 'podMemory'>;

/** What is known about the Secrets under a credential's current and former names. */
export interface Names {
  /** True when the Secrets of all names are listed. During a deletion, a name whose watch failed counts as listed. */
  readonly isKnown: boolean;
  /** Why the Secrets under the current name are not listed. */
  readonly error: unknown;
}

/** Watches what the credential depends on: its sources, the Secrets of its names, and stuck pods if it has podRecovery. */
export function keepWatches(watches: Watches, key: KeyOf<'credential'>, credential: CredentialRecord, isLeaving: boolean): Names {
  const { observed } = watches;
  const sources = isLeaving ? [] : sourcesOf(credential.spec).filter(({ namespace }) => isSourceAllowed(observed, credential, namespace));
  observed.sources.keepFor(key, sources.map(sourceKey));
  watchPods(watches, key, !isLeaving && wantsPodRecovery(credential));
  // Each key of a Secret watches the name in its own namespace.
  if (isNamespaced(credential)) return { isKnown: true, error: undefined };
  const formerNames = observed.secrets.formerNamesOf(credential);
  observed.secrets.watchNames(key, [secretNameOf(credential), ...formerNames]);

  const current = observed.secrets.watchOf(secretNameOf(credential));
  const areFormerKnown = formerNames.every((name) => {
    const watch = observed.secrets.watchOf(name);
    return watch?.synced || watch?.error !== undefined;
  });
  const isCurrentKnown = current?.synced || (credential.terminating && current?.error !== undefined);
  return { isKnown: (isCurrentKnown ?? false) && areFormerKnown, error: current?.synced ? undefined : current?.error };
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
