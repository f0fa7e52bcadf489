/** Compares a Secret with the desired one. The Secret is the observed one, or the API server's answer to a write. */
import { DOCKER_CONFIG_JSON_KEY, SECRET_TYPE } from '../../api/names.ts';
import type { SecretRecord } from '../../api/records.ts';
import type { Content } from '../content/content.ts';
import type { Intent } from './intent.ts';
import { firstDifferingMetadata } from './secret-metadata.ts';
import { desiredOwners, isOwnedBy, isOwner } from './secret-ownership.ts';

/**
 * The first field in which a Secret differs from the desired one, such as `metadata.labels["team"]`; undefined if it is as desired.
 * Labels, annotations and owners that others add do not count.
 */
export function firstDifferingField(intent: Intent, content: Content, secret: SecretRecord): string | undefined {
  if (secret.type !== SECRET_TYPE.dockerConfigJson) return 'type';
  if (secret.immutable) return 'immutable';
  if (secret.contentHash !== content.hash) return dataField(DOCKER_CONFIG_JSON_KEY);
  const [strayKey] = secret.strayKeys;
  if (strayKey !== undefined) return dataField(strayKey);
  return firstDifferingMetadata(intent, secret) ?? (hasDesiredOwners(intent, secret) ? undefined : OWNERS);
}

/** The field that would still let the garbage collector delete a retained Secret; undefined if there is none. */
export const remainingOwnerField = (intent: Pick<Intent, 'uid'>, secret: SecretRecord): string | undefined =>
  isOwnedBy(intent, secret) ? OWNERS : undefined;

const OWNERS = 'metadata.ownerReferences';

const dataField = (key: string) => `data[${JSON.stringify(key)}]`;

function hasDesiredOwners(intent: Intent, { owners, namespace }: SecretRecord): boolean {
  const owner = owners.find(({ uid }) => uid === intent.uid);
  return desiredOwners(intent, namespace, owners).length === owners.length && (!isOwner(intent, namespace) || owner?.controller === true);
}
