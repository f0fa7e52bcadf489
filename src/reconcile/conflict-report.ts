import type { Problem } from '../api/reasons.ts';
import type { ObservedCluster } from '../cluster/observed-cluster.ts';
import type { ObservedSecrets } from '../plan/placement/secret.ts';
import type { KeyOf } from '../queue/keys.ts';
import type { CredentialStates } from '../status/credential-state.ts';
import type { Reporter } from '../status/reporter.ts';

interface ConflictReport {
  readonly observed: Pick<ObservedCluster, 'credentials'>;
  readonly states: CredentialStates;
  readonly reporter: Pick<Reporter, 'conflict'>;
}

/** Writes an Event about a new conflict, if people in the namespace can resolve it: the Secret is theirs, and it is no source. */
export function reportConflict(
  { observed, states, reporter }: ConflictReport,
  { credential, namespace }: KeyOf<'secret'>,
  { named, isSource, otherCredential }: ObservedSecrets,
  problem: Problem,
): void {
  const credentialRecord = observed.credentials.get(credential.namespace, credential.name);
  if (!credentialRecord || !named || isSource || otherCredential !== undefined) return;
  // An earlier run has reported it, or an earlier leader.
  const before = [...(states.stateOf(credential)?.secrets.get(namespace)?.failures ?? []), ...(credentialRecord.status?.failures ?? [])];
  const isKnown = before.some(
    (one) => one.kind === 'Secret' && one.namespace === namespace && one.name === named.name && one.reason === problem.reason,
  );
  if (!isKnown) void reporter.conflict(credentialRecord, named, problem);
}
