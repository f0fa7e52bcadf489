import { ANNOTATION } from '../api/names.ts';
import type { ObjectRecord, SourceRecord } from '../api/records.ts';
import { changedAt, identityOf, type KubeObject } from '../kube/object.ts';
import type { WatchTarget } from '../kube/watch.ts';
import { path } from './paths.ts';

/** A source's key among the watched sources: `namespace/name`. */
export const sourceKey = ({ namespace, name }: Pick<ObjectRecord, 'namespace' | 'name'>): string => `${namespace}/${name}`;

/** The reverse of `sourceKey`. */
export function parseSourceKey(key: string): Pick<ObjectRecord, 'namespace' | 'name'> {
  const slash = key.indexOf('/');
  return { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
}

/** One Secret that credentials are read from, by its `sourceKey`. */
export function sourceTarget(key: string): WatchTarget<SourceRecord> {
  const { namespace, name } = parseSourceKey(key);
  return { path: path.secretsIn(namespace), fieldSelector: `metadata.name=${name}`, firstList: 'whole', read: readSource };
}

/** Reads a source with its data, which is secret: never log the record. */
export function readSource(object: KubeObject): SourceRecord {
  const expiresAt = object.metadata.annotations?.[ANNOTATION.expiresAt];
  return {
    ...identityOf(object),
    type: object.type ?? '',
    labels: object.metadata.labels ?? {},
    changedAt: changedAt(object, 'f:data'),
    data: object.data ?? {},
    ...(expiresAt !== undefined && { expiresAt }),
  };
}
