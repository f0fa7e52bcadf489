import { CONDITION } from '../../api/reasons.ts';
import type { CredentialRecord } from '../../api/records.ts';
import { type Condition, type ConditionVerdict, conditionIn } from '../status/condition.ts';

/** How a person checks whether the operator runs. */
export const CHECK_OPERATOR = 'kubectl get deployment -n regcred-system regcred';

/** The reason if the operator has not observed the current generation yet. */
export const NOT_SEEN = 'NotSeenYet';

/** The condition Ready of the current spec. A status of an older generation does not count. */
export function readyOf({ generation, status }: Pick<CredentialRecord, 'generation' | 'status'>): ConditionVerdict & Partial<Condition> {
  const ready = conditionIn(status, CONDITION.ready);
  if (ready !== undefined && (ready.observedGeneration ?? 0) >= generation) return ready;
  return {
    status: 'Unknown',
    reason: NOT_SEEN,
    message: `The operator has not observed ${ready ? 'the last change of the spec' : 'this RegistryCredential'} yet. If this lasts, check whether it runs: ${CHECK_OPERATOR}`,
  };
}
