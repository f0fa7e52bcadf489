import { type CredentialRef, isHome, isNamespaced } from '../../api/credential-ref.ts';
import { SECRET_TYPE } from '../../api/names.ts';
import { type Problem, REASON } from '../../api/reasons.ts';
import type { SecretRecord } from '../../api/records.ts';
import { type Intent, mayActOnOthersIn } from './intent.ts';
import { belongsTo, ownersOfOthers } from './secret-ownership.ts';

/** The other claims on the Secret under the desired name. */
export interface OtherClaims {
  /** Another live credential whose uid the Secret carries. */
  readonly otherCredential: CredentialRef | undefined;
  /** Another credential that wants the same Secret name here and goes first (`outranks`). */
  readonly outrankedBy?: CredentialRef | undefined;
  /** Whether this credential or another one uses the Secret as a source. The Secret need not exist. */
  readonly isSource: boolean;
  /** The uid of the other credential if this one may take over its Secret: the two swap (`isSwap`), it comes second, or it leaves. */
  readonly takesOverFrom?: string | undefined;
}

/** Why the operator must not create a Secret under a free name; undefined if it may. */
export function conflictAtFreeName(intent: Intent, namespace: string, { isSource, outrankedBy }: OtherClaims): Problem | undefined {
  const name = intent.secretName;
  if (outrankedBy) return outranked(intent, namespace, outrankedBy);
  if (!isSource) return undefined;
  return {
    reason: REASON.secretExists,
    message: `Secret ${namespace}/${name} does not exist, but a RegistryCredential uses it as a source, so the operator does not create its copy there. Create the source again, or set another spec.secretName, or exclude the namespace.`,
  };
}

/** Why the operator must not write the Secret under the desired name for this credential; undefined if it may. */
export function conflictWith(intent: Intent, secret: SecretRecord, claims: OtherClaims): Problem | undefined {
  const where = `Secret ${secret.namespace}/${secret.name}`;
  const exists = (message: string): Problem => ({ reason: REASON.secretExists, message: `${where} ${message}` });
  const isOwn = belongsTo(intent, secret, claims.otherCredential);
  // Check this first, because each fix below would destroy a source.
  if (claims.isSource && !isOwn) {
    return exists(
      'is a source of credentials, and the operator would overwrite it. Set another spec.secretName, or exclude the namespace.',
    );
  }
  const first = claims.outrankedBy ?? (isOwn || claims.takesOverFrom !== undefined ? undefined : claims.otherCredential);
  if (first) return outranked(intent, secret.namespace, first);
  const fix = claims.isSource
    ? 'Do not delete it: it is also a source of credentials. Set another spec.secretName.'
    : 'Delete it, and the operator creates its own in its place; or set another spec.secretName.';
  if (secret.type !== SECRET_TYPE.dockerConfigJson) {
    return exists(`exists with type ${JSON.stringify(secret.type.slice(0, 100))}, and the type of a Secret cannot be changed. ${fix}`);
  }
  if (secret.immutable) {
    return { reason: REASON.secretImmutable, message: `${where} is marked immutable, so it could never be rotated. ${fix}` };
  }
  // The API server refuses a second controller.
  const controller = ownersOfOthers(intent, secret.owners).find((owner) => owner.controller);
  if (controller) {
    return exists(
      `is controlled by ${controller.kind} ${controller.name}, which would revert every change. Set another spec.secretName, or stop ${controller.kind} ${controller.name} from writing this Secret.`,
    );
  }
  if (isOwn || claims.takesOverFrom !== undefined || mayAdopt(intent, secret.namespace)) return undefined;
  return exists(
    `exists and is not managed by regcred, so it was left untouched. Delete it, and the operator creates its own in its place; ${adopt(intent, secret.namespace)}or set another spec.secretName.`,
  );
}

const mayAdopt = (intent: Intent, namespace: string) => intent.spec.conflictPolicy === 'Adopt' && mayActOnOthersIn(intent, namespace);

/** The other fix, where the policy applies. */
const adopt = (intent: Intent, namespace: string) =>
  mayActOnOthersIn(intent, namespace) ? 'or set spec.conflictPolicy: Adopt to take it over; ' : '';

/**
 * Another credential has the Secret of this name. A tenant learns the kind of that credential, and its name only where it can see it: in its
 * own namespace, or on the Secret.
 */
function outranked(intent: Intent, namespace: string, first: CredentialRef): Problem {
  const isVisible = !isNamespaced(first) || (isHome(first, namespace) && isHome(intent, namespace));
  const who = isVisible ? `${first.kind} ${first.name}` : `a ${first.kind}${isHome(first, namespace) ? ' of that namespace' : ''}`;
  const fix = isNamespaced(intent)
    ? 'Set another spec.secretName.'
    : 'Set another spec.secretName on one of the two, or let them select different namespaces.';
  return { reason: REASON.secretExists, message: `Secret ${namespace}/${intent.secretName} is managed by ${who}. ${fix}` };
}
