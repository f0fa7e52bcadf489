import { isNamespaced, qualifiedName } from '../api/credential-ref.ts';
import { FINALIZER } from '../api/names.ts';
import { REASON } from '../api/reasons.ts';
import type { CredentialRecord } from '../api/records.ts';
import type { Intent } from '../plan/placement/intent.ts';
import { formatCount } from '../plan/status/condition.ts';
import type { Requeue } from '../queue/queue.ts';
import type { CredentialState } from '../status/credential-state.ts';
import type { PlacementFailure } from '../status/placement-counts.ts';
import type { CredentialReconciler } from './credential-reconciler.ts';
import { removeFinalizer } from './finalizer.ts';

type Deletion = Pick<
  CredentialReconciler,
  'observed' | 'states' | 'writer' | 'reporter' | 'retries' | 'drift' | 'cleanupTimeoutMs' | 'log' | 'now'
>;

/**
 * Removes the finalizer when nothing of the credential is left. Also removes it when every remaining write was refused and there was no
 * progress for `cleanupTimeoutMs`: a deletion must not hang for ever.
 */
export async function finishDeletion(deletion: Deletion, credential: CredentialRecord, intent: Intent): Promise<Requeue | undefined> {
  const { states, cleanupTimeoutMs, now, log } = deletion;
  const state = states.stateOf(credential) as CredentialState;
  if (!credential.finalizers.includes(FINALIZER)) return undefined;
  if (!state.isEmpty) {
    const endingMs = now() - (state.endingAt ?? now());
    if (isHomeTerminating(deletion, credential)) {
      if (endingMs < TERMINATING_MS) return { afterMs: TERMINATING_MS - endingMs };
      log.warn('The namespace of the credential is Terminating. Stopped an incomplete cleanup, so that it can go.', {
        credential: qualifiedName(credential),
      });
      return removeFinalizer(deletion, credential);
    }
    const idleMs = now() - state.progressAt;
    const failures = [...state.secrets.failures(), ...state.accounts.failures()];
    const isHopeless = failures.length > 0 && failures.every(({ needsPerson }) => needsPerson) && state.pending === 0;
    if (idleMs < cleanupTimeoutMs || !isHopeless) return { afterMs: Math.max(1000, cleanupTimeoutMs - idleMs) };
    await reportIncomplete(deletion, credential, { mode: intent.mode, failures, idleMs });
  }
  return removeFinalizer(deletion, credential);
}

/** How long a finalizer may keep a namespace Terminating. */
const TERMINATING_MS = 60_000;

function isHomeTerminating({ observed }: Deletion, credential: CredentialRecord): boolean {
  return isNamespaced(credential) && (observed.namespaces.get('', credential.namespace)?.terminating ?? true);
}

interface IncompleteCleanup extends Pick<Intent, 'mode'> {
  readonly failures: readonly PlacementFailure[];
  /** For how long nothing was removed. */
  readonly idleMs: number;
}

/** In an Event and in the log: the object is about to be deleted, so no status can report it. */
async function reportIncomplete(
  { reporter, log }: Deletion,
  credential: CredentialRecord,
  { mode, failures, idleMs }: IncompleteCleanup,
): Promise<void> {
  const named = failures.slice(0, 10).map(({ kind, namespace, name, message }) => `${kind} ${namespace}/${name}: ${message}`);
  const todo =
    mode === 'retain'
      ? `${formatCount(failures.length, 'Secret still has', 'Secrets still have')} ${credential.kind} ${credential.name} as owner. Remove that owner reference now, or the garbage collector will delete what is listed here`
      : `${formatCount(failures.length, 'object is', 'objects are')} left. Remove by hand what is listed here`;
  const message = `The operator stopped the cleanup after ${Math.round(idleMs / 1000)} s without progress. ${todo}: ${named.join(' ')}`;
  log.warn('Stopped an incomplete cleanup.', { credential: qualifiedName(credential), left: failures.length });
  await reporter.event(credential, { type: 'Warning', reason: REASON.cleanupIncomplete, message });
}
