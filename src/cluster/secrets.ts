import { contentHash } from '../api/hash.ts';
import { ANNOTATION, DOCKER_CONFIG_JSON_KEY, LABEL, MANAGER } from '../api/names.ts';
import type { Labels, SecretRecord } from '../api/records.ts';
import { identityOf, isTerminating, type KubeObject } from '../kube/object.ts';
import type { WatchTarget } from '../kube/watch.ts';
import { type MetadataKey, recordedMetadata } from '../plan/placement/secret-metadata.ts';
import { interned } from './interning.ts';
import { path } from './paths.ts';
import { namespaceOfKey } from './secret-index.ts';

/** Every Secret with the operator's label `app.kubernetes.io/managed-by`. */
export const managedSecretsTarget: WatchTarget<SecretRecord> = {
  path: path.secrets,
  labelSelector: `${LABEL.managedBy}=${MANAGER}`,
  read: readSecret,
};

/**
 * Every Secret of one name without that label, in all namespaces or in one. Such a Secret may conflict with a pull secret of that name. An old list does
 * no harm, because the API server refuses to create a Secret that exists.
 */
export const unmanagedSecretsTarget = (key: string): WatchTarget<SecretRecord> => ({
  ...namedSecretsTarget(key),
  firstList: namespaceOfKey(key) === '' ? 'cached' : 'whole',
  labelSelector: `${LABEL.managedBy}!=${MANAGER}`,
});

/**
 * Every Secret of one name, with and without the label, by its `nameKey`: for an operator that may list Secrets by name only. Each target namespace has one,
 * so the list comes in pages.
 */
export function namedSecretsTarget(key: string): WatchTarget<SecretRecord> {
  const namespace = namespaceOfKey(key);
  const name = key.slice(key.indexOf('/') + 1);
  return {
    path: namespace === '' ? path.secrets : path.secretsIn(namespace),
    fieldSelector: `metadata.name=${name}`,
    ...(namespace !== '' && { firstList: 'whole' as const }),
    read: readSecret,
  };
}

/** The metadata of every managed Secret. Its record has no type and no hash: nothing of the data is sent. */
export const managedSecretsMetadata: WatchTarget<SecretRecord> = { ...managedSecretsTarget, isMetadataOnly: true };

/** Likewise for the unmanaged Secrets of one name. */
export const unmanagedSecretsMetadata = (name: string): WatchTarget<SecretRecord> => ({
  ...unmanagedSecretsTarget(name),
  isMetadataOnly: true,
});

/** @param sent the metadata of the own write that this is the answer to. Its labels and annotations are kept, to compare them. */
export function readSecret(object: KubeObject, sent: Pick<KubeObject['metadata'], 'labels' | 'annotations'> = {}): SecretRecord {
  const { labels = NONE, annotations = NONE } = object.metadata;
  const given = recordedMetadata(annotations);
  const data = object.data?.[DOCKER_CONFIG_JSON_KEY];
  // Interned together: the Secrets of one credential usually have all of them in common.
  const shared = interned({
    type: object.type ?? '',
    immutable: object.immutable ?? false,
    labels: pick(labels, OWN_LABELS, keysOf(given, 'labels'), Object.keys(sent.labels ?? NONE)),
    annotations: pick(annotations, OWN_ANNOTATIONS, keysOf(given, 'annotations'), Object.keys(sent.annotations ?? NONE)),
    owners: object.metadata.ownerReferences ?? [],
    contentHash: data === undefined ? '' : contentHash(data),
    strayKeys: Object.keys(object.data ?? NONE).filter((key) => key !== DOCKER_CONFIG_JSON_KEY),
  });
  return { ...identityOf(object), terminating: isTerminating(object), ...shared };
}

const NONE: Labels = Object.freeze({});

/** The keys that decisions read. Others are dropped: they may contain the data of the Secret, like kubectl's `last-applied-configuration`. */
const OWN_LABELS = [LABEL.managedBy, LABEL.credentialUid];
const OWN_ANNOTATIONS = [ANNOTATION.credential, ANNOTATION.secretMetadata];

const keysOf = (given: readonly MetadataKey[], of: MetadataKey['field']) => given.flatMap(({ field, key }) => (field === of ? [key] : []));

function pick(all: Labels, ...lists: readonly (readonly string[])[]): Labels {
  const picked: Record<string, string> = {};
  for (const keys of lists) for (const key of keys) if (Object.hasOwn(all, key)) picked[key] = all[key] as string;
  return picked;
}
