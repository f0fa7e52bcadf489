/** The problems that the status reports when another writer keeps changing an object of the operator. */
import { type Problem, REASON } from '../../api/reasons.ts';

/** How to find the policy or webhook that changed a write. The API server does not name it in its answer. */
export const FIND_POLICY =
  'Find it with kubectl get mutatingwebhookconfigurations and kubectl get mutatingadmissionpolicies, and change that policy so that it skips objects that regcred writes.';

/** These two fields of a Secret cannot be changed once they are stored. */
const isFixed = (field: string) => field === 'type' || field === 'immutable';

/** @param field the field that the API server did not store as sent; undefined if another writer changes or deletes the Secret later */
export const contestedSecret = (field: string | undefined): Problem => ({
  reason: REASON.contested,
  message:
    field === undefined
      ? 'Another controller or user keeps changing or deleting this Secret. Find it with kubectl get secret -o yaml --show-managed-fields. If it is Argo CD or Flux, take the Secret out of Git. Or exclude the namespace.'
      : `A mutating admission policy or webhook changes ${field} whenever the operator writes this Secret. ${FIND_POLICY}${isFixed(field) ? ' Then delete this copy: the field cannot be changed, and the operator creates the copy again.' : ''} Or exclude the namespace.`,
});

/** @param field the field that the API server did not store as sent; undefined if another writer changes the account later */
export const contestedAccount = (field: string | undefined): Problem => ({
  reason: REASON.contested,
  message:
    field === undefined
      ? 'Another controller or user keeps removing the entry from imagePullSecrets, and pods that are created in between cannot pull. If it is Argo CD, Flux or kubectl apply: remove imagePullSecrets from the account in Git, or add this Secret to it, or have the field ignored (Argo CD: ignoreDifferences with RespectIgnoreDifferences=true; Flux: spec.ignore). Or exclude the account with the label regcred.dev/exclude: "true".'
      : `A mutating admission policy or webhook changes ${field} whenever the operator writes this ServiceAccount. ${FIND_POLICY} Or let it add its entry to imagePullSecrets instead of replacing the list. Or exclude the account with the label regcred.dev/exclude: "true".`,
});

/** @param isDeleted whether the credential is deleted, so that its finalizer must be removed and not added */
export const contestedFinalizers = (name: string, isDeleted: boolean): Problem => ({
  reason: REASON.contested,
  message: `A mutating admission policy or webhook changes metadata.finalizers whenever the operator writes RegistryCredential ${name}. ${isDeleted ? 'So the object stays, although the operator has removed everything that it created for it.' : 'Without its finalizer the operator places nothing, because it could not clean up.'} ${FIND_POLICY}`,
});

/** The error of a command whose write the API server did not store as sent. */
export const formatRejected = (field: string): string =>
  `the API server accepted the write, but a mutating admission policy or webhook changed ${field}. ${FIND_POLICY}`;
