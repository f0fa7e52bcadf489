import type { CredentialRecord } from '../../api/records.ts';
import { CHECK_OPERATOR, readyOf } from '../../plan/coverage/ready.ts';
import { seeStatus } from '../credential-name.ts';
import type { Step } from './observed.ts';

/** Why a credential does not help the pod, and what to do about it. */
export type WhyNot = Pick<Step, 'reason' | 'message'> & { readonly fix: string };

/** Explains with the credential's status: its failure for this object, or why it is not Ready. Otherwise gives `reason`. */
export function explainByStatus(
  credential: CredentialRecord,
  object: { readonly kind: string; readonly namespace: string; readonly name: string },
  message: string,
  reason: string,
): WhyNot {
  const { status, generation } = credential;
  const failure = status?.failures?.find(
    (one) => one.namespace === object.namespace && one.kind === object.kind && one.name === object.name,
  );
  const fix = seeStatus(credential);
  if (failure) return { reason: failure.reason, message: `${message}. ${failure.message}`, fix };
  const ready = readyOf({ generation, status });
  if (ready.status !== 'True')
    return { reason: ready.reason, message: `${message}. It is not Ready (${ready.reason}): ${ready.message}`, fix };
  return {
    reason,
    message: `${message}, although its status is Ready.`,
    fix: `Check whether the operator runs: ${CHECK_OPERATOR}`,
  };
}
