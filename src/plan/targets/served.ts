import { isNamespaced } from '../../api/credential-ref.ts';
import { type Problem, REASON } from '../../api/reasons.ts';
import type { CredentialRecord } from '../../api/records.ts';

/** How many credentials of one namespace are served. Its tenants can create any number, and all tenants share one operator. */
export const MAX_PER_NAMESPACE = 32;

/**
 * Why the operator does not serve a credential, so that nothing of it may be in place; undefined if it does. The oldest credentials of a
 * namespace are served, so a flood of new ones changes nothing for them.
 *
 * @param siblings the credentials of the same namespace
 */
export function whyNotServed(
  credential: CredentialRecord,
  siblings: Iterable<CredentialRecord>,
  isNamespacedOn: boolean,
): Problem | undefined {
  if (!isNamespaced(credential)) return undefined;
  if (!isNamespacedOn) {
    return {
      reason: REASON.kindNotServed,
      message: `The operator runs with --namespaced=false, so it places nothing for this kind. Ask an administrator to change that, or to create a RegistryCredential.`,
    };
  }
  let older = 0;
  for (const sibling of siblings) if (isOlder(sibling, credential) && ++older === MAX_PER_NAMESPACE) break;
  if (older < MAX_PER_NAMESPACE) return undefined;
  return {
    reason: REASON.tooManyCredentials,
    message: `Namespace ${credential.namespace} has more than ${MAX_PER_NAMESPACE} NamespacedRegistryCredentials, and the operator serves the oldest ${MAX_PER_NAMESPACE}. Delete some of them, or list several registries in one.`,
  };
}

const isOlder = (a: CredentialRecord, b: CredentialRecord) => a.createdAt < b.createdAt || (a.createdAt === b.createdAt && a.uid < b.uid);
