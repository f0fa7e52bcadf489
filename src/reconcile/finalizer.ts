import { qualifiedName, refOf } from '../api/credential-ref.ts';
import { FINALIZER } from '../api/names.ts';
import type { CredentialRecord } from '../api/records.ts';
import { contestedFinalizers } from '../plan/placement/contested.ts';
import { idOf } from '../queue/keys.ts';
import type { Requeue } from '../queue/queue.ts';
import { CredentialState } from '../status/credential-state.ts';
import type { CredentialReconciler } from './credential-reconciler.ts';
import { attempt } from './retry.ts';

type FinalizerWriter = Pick<CredentialReconciler, 'observed' | 'states' | 'writer' | 'reporter' | 'retries' | 'drift' | 'log' | 'now'>;

/** Adds the operator's finalizer. Returns when to try again if that failed; a failed write is logged and retried, never thrown. */
export const addFinalizer = (reconciler: FinalizerWriter, credential: CredentialRecord): Promise<Requeue | undefined> =>
  patchFinalizers(reconciler, credential, [...credential.finalizers, FINALIZER]);

/** Removes the operator's finalizer. Kubernetes then deletes the object, if it is being deleted and no other finalizer keeps it. Failures as in `addFinalizer`. */
export const removeFinalizer = (reconciler: FinalizerWriter, credential: CredentialRecord): Promise<Requeue | undefined> =>
  patchFinalizers(
    reconciler,
    credential,
    credential.finalizers.filter((finalizer) => finalizer !== FINALIZER),
  );

/** Writes the credential's list of finalizers. The API server refuses it if the credential has changed since it was observed. */
async function patchFinalizers(
  reconciler: FinalizerWriter,
  credential: CredentialRecord,
  finalizers: readonly string[],
): Promise<Requeue | undefined> {
  const { observed, writer, retries, drift, log } = reconciler;
  const key = { kind: 'credential' as const, credential: refOf(credential) };
  const version = finalizers.join();
  const delayMs = drift.repairDelayMs(idOf(key), version);
  if (delayMs > 0) {
    block(reconciler, credential);
    return { afterMs: delayMs };
  }

  const metadata = { uid: credential.uid, resourceVersion: credential.resourceVersion, finalizers };
  let stored = finalizers;
  const outcome = await attempt(async () => {
    const answer = await writer.patchCredential(credential, { metadata });
    stored = answer.finalizers;
    observed.credentials.applyOwnWrite(answer);
  });
  const { requeue, isReported } = retries.decide(key, outcome);
  if (isReported && 'failed' in outcome) {
    log.warn('Cannot write the finalizer; retrying.', { credential: qualifiedName(credential), error: outcome.error });
  }
  if ('failed' in outcome) return requeue;
  // Other controllers may add their own finalizers, so only ours counts.
  if (stored.includes(FINALIZER) !== finalizers.includes(FINALIZER)) return reportRejected(reconciler, credential, version);
  drift.drop(idOf(key));
  return undefined;
}

/** Without the finalizer the operator must not create anything. With it Kubernetes cannot delete the object. */
function reportRejected(reconciler: FinalizerWriter, credential: CredentialRecord, version: string): Requeue {
  const { drift, log } = reconciler;
  const id = idOf({ kind: 'credential', credential: refOf(credential) });
  drift.recordRejection(id, version, { field: 'metadata.finalizers', uid: credential.uid });
  log.warn('The API server did not store the finalizers as they were sent; retrying.', { credential: qualifiedName(credential) });
  block(reconciler, credential);
  return { afterMs: drift.repairDelayMs(id, version) };
}

function block({ states, reporter, now }: FinalizerWriter, credential: CredentialRecord): void {
  const state = states.stateOf(credential) ?? states.setState(credential, new CredentialState(now(), credential.generation));
  state.generation = credential.generation;
  state.blocked = contestedFinalizers(credential.name, credential.terminating);
  reporter.touch(credential);
}
