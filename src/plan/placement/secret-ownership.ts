import { type CredentialRef, isHome, isNamespaced, qualifiedName } from '../../api/credential-ref.ts';
import { carriesUid, isManaged } from '../../api/managed-secret.ts';
import { ANNOTATION, API_VERSION, GROUP, KIND, NAMESPACED_KIND } from '../../api/names.ts';
import type { OwnerReference, SecretRecord } from '../../api/records.ts';
import type { Intent } from './intent.ts';

type Owner = CredentialRef & Pick<Intent, 'uid'>;

/**
 * Whether the operator may write a Secret for this credential. Either the Secret carries the credential's uid. Or the operator created it
 * for a former credential of this name, which was deleted under Retain or restored from a backup with another uid.
 *
 * @param otherCredential another live credential whose uid the Secret carries
 */
export function belongsTo(intent: Owner, secret: SecretRecord, otherCredential: CredentialRef | undefined): boolean {
  return (
    carriesUid(secret, intent.uid) ||
    (otherCredential === undefined && isManaged(secret) && secret.annotations[ANNOTATION.credential] === qualifiedName(intent))
  );
}

/** Whether the Secret names the credential of this uid as an owner. */
export const isOwnedBy = ({ uid }: Pick<Intent, 'uid'>, { owners }: SecretRecord): boolean => owners.some((owner) => owner.uid === uid);

/** The owner references of others. A former credential of the same name does not count, because a Secret can have only one controller. */
export const ownersOfOthers = (intent: Owner, owners: readonly OwnerReference[]): readonly OwnerReference[] =>
  owners.filter(
    ({ uid, kind, apiVersion, name }) =>
      uid !== intent.uid && !(isCredential({ kind, apiVersion }) && kind === intent.kind && name === intent.name),
  );

/** Whether an owner reference names a credential, whatever the version of its API. */
export const isCredential = ({ kind, apiVersion }: Pick<OwnerReference, 'kind' | 'apiVersion'>): boolean =>
  (kind === KIND || kind === NAMESPACED_KIND) && apiVersion.startsWith(`${GROUP}/`);

/**
 * The desired owner references. Those of others stay. Outside of its own namespace a namespaced credential owns nothing: the garbage collector
 * takes an owner in another namespace for a deleted one.
 */
export function desiredOwners(
  intent: Owner & Pick<Intent, 'spec'>,
  namespace: string,
  owners: readonly OwnerReference[],
): readonly OwnerReference[] {
  const others = ownersOfOthers(intent, owners);
  if (!isOwner(intent, namespace)) return others;
  // No blockOwnerDeletion: with OwnerReferencesPermissionEnforcement it requires permissions on the owner's finalizers.
  return [...others, { apiVersion: API_VERSION, kind: intent.kind, name: intent.name, uid: intent.uid, controller: true }];
}

/** Whether the credential owns its Secret in the namespace, so that the garbage collector deletes both. */
export const isOwner = (intent: CredentialRef & Pick<Intent, 'spec'>, namespace: string): boolean =>
  intent.spec.deletionPolicy !== 'Retain' && (!isNamespaced(intent) || isHome(intent, namespace));
