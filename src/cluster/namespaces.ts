import { ANNOTATION } from '../api/names.ts';
import type { NamespaceRecord } from '../api/records.ts';
import { identityOf, isTerminating, type KubeObject } from '../kube/object.ts';
import type { WatchTarget } from '../kube/watch.ts';
import { acceptedNames } from '../plan/targets/acceptance.ts';
import { path } from './paths.ts';

/** Every Namespace. */
export const namespacesTarget: WatchTarget<NamespaceRecord> = { path: path.namespaces, read: readNamespace };

/** Reads from a Namespace what decisions need. A namespace counts as Terminating from the request to delete it on. */
export function readNamespace(object: KubeObject): NamespaceRecord {
  const phase = (object.status as { phase?: string } | undefined)?.phase;
  return {
    ...identityOf(object),
    labels: object.metadata.labels ?? {},
    acceptFrom: acceptedNames(object.metadata.annotations?.[ANNOTATION.acceptFrom]),
    terminating: isTerminating(object) || phase === 'Terminating',
  };
}
