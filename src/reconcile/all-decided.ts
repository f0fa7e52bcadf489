import type { ObservedCluster } from '../cluster/observed-cluster.ts';
import { isFinalized } from '../plan/placement/intent.ts';
import type { CredentialStates } from '../status/credential-state.ts';

/** Whether this term has an intent for every credential. Then a Secret name that no intent has belongs to no credential. */
export function areAllDecided({
  observed,
  states,
}: {
  readonly observed: Pick<ObservedCluster, 'credentials'>;
  readonly states: CredentialStates;
}): boolean {
  for (const credential of observed.credentials.all()) if (!isFinalized(credential) && !states.intentOf(credential)) return false;
  return true;
}
