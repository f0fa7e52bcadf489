import { isNamespaced, qualifiedName } from '../api/credential-ref.ts';
import type { ObservedCluster } from '../cluster/observed-cluster.ts';
import { statePatch, stateSecret, stateSecretName } from '../cluster/state-secrets.ts';
import type { ClusterWriter } from '../cluster/writer.ts';
import type { Log } from '../log.ts';
import { serializeMemory } from '../plan/checks/credential-memory.ts';
import type { KeyOf } from '../queue/keys.ts';
import type { Requeue } from '../queue/queue.ts';
import type { CredentialStates } from '../status/credential-state.ts';
import { attempt, type RetryPolicy } from './retry.ts';

export interface StateReconciler {
  readonly observed: Pick<ObservedCluster, 'credentials' | 'stateSecrets' | 'stateNamespace'>;
  readonly states: CredentialStates;
  readonly writer: Pick<ClusterWriter, 'createState' | 'patchState' | 'deleteSecret'>;
  readonly retries: RetryPolicy;
  readonly log: Log;
}

/** Writes the memory of one credential into its state Secret, if it has changed. A new leader continues with it. */
export async function reconcileState(reconciler: StateReconciler, key: KeyOf<'state'>): Promise<Requeue | undefined> {
  const { observed, states, writer, retries, log } = reconciler;
  const { credentials, stateSecrets, stateNamespace } = observed;
  const credential = credentials.get(key.credential.namespace, key.credential.name);
  if (!credential && isNamespaced(key.credential)) return deleteStates(reconciler, key);
  const memory = states.stateOf(key.credential)?.memory;
  if (!credential || credential.terminating || !memory) return undefined;
  const text = serializeMemory(memory);
  const record = stateSecrets.get(stateNamespace, stateSecretName(credential.uid));
  if (record?.text === text) {
    log.debug('The state Secret needs no write.', { credential: qualifiedName(credential) });
    retries.succeeded(key);
    return undefined;
  }
  const outcome = await attempt(async () => {
    const written = record
      ? await writer.patchState(stateNamespace, record.name, statePatch(record, text))
      : await writer.createState(stateNamespace, stateSecret(credential, stateNamespace, text));
    stateSecrets.applyOwnWrite(written);
  });
  const { requeue, isReported } = retries.decide(key, outcome);
  if (isReported && 'failed' in outcome) {
    log.warn('Cannot write the state Secret; retrying. A restart would forget what was released.', {
      credential: qualifiedName(credential),
      error: outcome.error,
    });
  }
  return requeue;
}

/** Deletes the state of a namespaced credential that no longer exists. The garbage collector does not: the owner is in another namespace. */
async function deleteStates({ observed, writer, retries, log }: StateReconciler, key: KeyOf<'state'>): Promise<Requeue | undefined> {
  const { credentials, stateSecrets } = observed;
  // A kind that is not listed yet may still have the credential.
  if (!credentials.namespaced.synced) return undefined;
  for (const record of stateSecrets.all()) {
    if (record.ofNamespaced !== qualifiedName(key.credential) || credentials.byUid(record.credential)) continue;
    const outcome = await attempt(async () => {
      await writer.deleteSecret(record);
      stateSecrets.dropGone(record);
    });
    const { requeue, isReported } = retries.decide(key, outcome);
    if (isReported && 'failed' in outcome) {
      log.warn('Cannot delete the state Secret of a deleted credential; retrying.', { secret: record.name, error: outcome.error });
    }
    if ('failed' in outcome) return requeue;
  }
  retries.succeeded(key);
  return undefined;
}
