import type { ObservedCluster } from '../cluster/observed-cluster.ts';
import type { Intent } from '../plan/placement/intent.ts';
import type { KeyOf } from '../queue/keys.ts';

/** Whether the Secrets of a name in one namespace are listed. */
export type NameWatch = { readonly state: 'known' | 'loading' } | { readonly state: 'failed'; readonly error: unknown };

/**
 * Watches the Secrets that a tenant's credential wants in one namespace, or had there under a former name. A cluster-scoped credential
 * watches its names in all namespaces. For one of a tenant, that would let it choose which Secrets of others the operator reads.
 *
 * Each watch is a connection, and there may be thousands of tenants. So an operator that finds its own Secrets by label watches only after
 * the API server refused to create one because another one has the name (`watchOtherSecret`).
 */
export function watchName(
  { credentials, secrets }: Pick<ObservedCluster, 'credentials' | 'secrets'>,
  key: KeyOf<'secret'>,
  { secretName, mode }: Intent,
): NameWatch {
  const { namespace } = key;
  if (!secrets.knowsWatchedNamesOnly && secrets.watchOf(secretName, namespace) === undefined) return { state: 'known' };
  const former = credentials.get(key.credential.namespace, key.credential.name)?.status?.secretName;
  const names = [...new Set(former === undefined ? [secretName] : [secretName, former])];
  secrets.watchNamesIn(key, namespace, names);
  const views = names.map((name) => secrets.watchOf(name, namespace));
  const failed = views.find((view) => !view?.synced && view?.error !== undefined);
  // What cannot be listed cannot be removed either: a cleanup does not wait for it.
  if (failed) return mode === 'sync' ? { state: 'failed', error: failed.error } : { state: 'known' };
  return { state: views.every((view) => view?.synced) ? 'known' : 'loading' };
}

/** The API server says that a Secret of this name exists, and it is none of the operator's. From now on the operator observes it. */
export function watchOtherSecret({ secrets }: Pick<ObservedCluster, 'secrets'>, key: KeyOf<'secret'>, name: string): void {
  secrets.watchNamesIn(key, key.namespace, [name]);
}

/** The Secret is in place, so no other one has the name. */
export function stopNameWatch({ secrets }: Pick<ObservedCluster, 'secrets'>, key: KeyOf<'secret'>): void {
  if (!secrets.knowsWatchedNamesOnly) secrets.watchNamesIn(key, key.namespace, []);
}
