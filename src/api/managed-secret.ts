import { LABEL, MANAGER } from './names.ts';
import type { SecretRecord } from './records.ts';

/** Whether a Secret carries the operator's label. The watch of managed Secrets selects by it. */
export const isManaged = ({ labels }: Pick<SecretRecord, 'labels'>): boolean => labels[LABEL.managedBy] === MANAGER;

/** The uid of the credential that a managed Secret was made for; undefined for every other Secret. */
export const credentialUidOf = (secret: Pick<SecretRecord, 'labels'>): string | undefined =>
  isManaged(secret) ? secret.labels[LABEL.credentialUid] : undefined;

/**
 * Whether the Secret carries the credential's uid, as a label or in an owner reference. Only such Secrets are ever deleted. The label
 * `managed-by` may be missing: another writer may have removed or replaced it.
 */
export function carriesUid({ labels, owners }: Pick<SecretRecord, 'labels' | 'owners'>, uid: string): boolean {
  if (labels[LABEL.credentialUid] === uid) return true;
  // A loop is faster than `some`: this runs for every Secret of a namespace and every credential.
  for (const owner of owners) if (owner.uid === uid) return true;
  return false;
}
