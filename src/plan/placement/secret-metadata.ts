import { qualifiedName } from '../../api/credential-ref.ts';
import { ANNOTATION, LABEL, MANAGER } from '../../api/names.ts';
import type { Labels, SecretRecord } from '../../api/records.ts';
import type { Intent } from './intent.ts';

type MetadataField = 'labels' | 'annotations';

/** The labels of the copy: those of spec.secretMetadata, and the operator's own, which win. */
export function desiredLabels(intent: Intent): Labels {
  return { ...intent.spec.secretMetadata?.labels, [LABEL.managedBy]: MANAGER, [LABEL.credentialUid]: intent.uid };
}

/** The annotations of the copy. One of them lists the keys of spec.secretMetadata, so that they can be removed later. */
export function desiredAnnotations(intent: Intent): Labels {
  const { labels = {}, annotations = {} } = intent.spec.secretMetadata ?? {};
  const given = [...Object.keys(labels).map((key) => `labels:${key}`), ...Object.keys(annotations).map((key) => `annotations:${key}`)];
  return {
    ...annotations,
    [ANNOTATION.credential]: qualifiedName(intent),
    ...(given.length > 0 && { [ANNOTATION.secretMetadata]: given.sort().join(',') }),
  };
}

/**
 * The first label or annotation that differs from the desired one, such as `metadata.labels["team"]`; undefined if there is none. Only those
 * that the spec asks for, or asked for before, count.
 */
export function firstDifferingMetadata(intent: Intent, secret: SecretRecord): string | undefined {
  const [former] = formerMetadata(intent, secret);
  const desiredList = desiredAnnotations(intent)[ANNOTATION.secretMetadata];
  // Check this first: a SecretRecord contains only the labels and annotations that this annotation lists.
  if (desiredList !== secret.annotations[ANNOTATION.secretMetadata]) return metadataField('annotations', ANNOTATION.secretMetadata);
  return (
    firstDifference('labels', secret.labels, desiredLabels(intent)) ??
    firstDifference('annotations', secret.annotations, desiredAnnotations(intent)) ??
    (former && metadataField(former.field, former.key))
  );
}

/** The labels and annotations of a merge patch: the desired ones, and null for each that only an earlier spec asked for. */
export function metadataPatch(intent: Intent, secret: SecretRecord): { readonly labels: object; readonly annotations: object } {
  const labels: Record<string, string | null> = {};
  const annotations: Record<string, string | null> = { [ANNOTATION.secretMetadata]: null };
  for (const { field, key } of formerMetadata(intent, secret)) (field === 'labels' ? labels : annotations)[key] = null;
  return { labels: { ...labels, ...desiredLabels(intent) }, annotations: { ...annotations, ...desiredAnnotations(intent) } };
}

const metadataField = (field: MetadataField, key: string) => `metadata.${field}[${JSON.stringify(key)}]`;

function firstDifference(field: MetadataField, observed: Labels, desired: Labels): string | undefined {
  const different = Object.keys(desired).find((key) => observed[key] !== desired[key]);
  return different === undefined ? undefined : metadataField(field, different);
}

/** The keys that an earlier spec.secretMetadata asked for and the current one does not. */
function formerMetadata(intent: Intent, secret: SecretRecord): MetadataKey[] {
  const desired = recordedMetadata(desiredAnnotations(intent)).map(({ field, key }) => `${field}:${key}`);
  return recordedMetadata(secret.annotations).filter(
    ({ field, key }) => !desired.includes(`${field}:${key}`) && Object.hasOwn(secret[field], key),
  );
}

export interface MetadataKey {
  readonly field: MetadataField;
  readonly key: string;
}

const NO_KEYS: readonly MetadataKey[] = Object.freeze([]);

/** The keys that spec.secretMetadata asked for when the Secret was written. An annotation lists them: `labels:team,annotations:note`. */
export function recordedMetadata(annotations: Labels): readonly MetadataKey[] {
  const recorded = annotations[ANNOTATION.secretMetadata];
  if (recorded === undefined) return NO_KEYS;
  return recorded.split(',').flatMap((given) => {
    const colon = given.indexOf(':');
    const field = given.slice(0, colon);
    return field === 'labels' || field === 'annotations' ? [{ field, key: given.slice(colon + 1) }] : [];
  });
}
