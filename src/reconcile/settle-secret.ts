import { isNamespaced } from '../api/credential-ref.ts';
import { planSecret } from '../plan/placement/secret.ts';
import { idOf, type KeyOf } from '../queue/keys.ts';
import { placement } from '../status/placement-counts.ts';
import { observeSecrets } from './observe-secrets.ts';
import type { SecretReconciler } from './secret.ts';

/**
 * Records a Secret that is as desired as synced, without a run of its key. False if the key must run, and then nothing is recorded. Call it only
 * in a fan-out, which reports the status at its end. The credential must have no Secret of another name in that namespace.
 */
export function settleSecret(reconciler: Pick<SecretReconciler, 'observed' | 'states' | 'drift'>, key: KeyOf<'secret'>): boolean {
  const { observed, states, drift } = reconciler;
  const { credential, namespace } = key;
  const intent = states.intentOf(credential);
  const placements = states.stateOf(credential)?.secrets;
  // Its key waits, for example because another Secret of this credential has appeared.
  if (placements?.get(namespace)?.isPending) return false;
  // The memory of repairs and retries belongs to the key.
  if (intent?.mode !== 'sync' || isNamespaced(intent) || drift.has(idOf(key))) return false;
  // The cheap comparison first: after a rotation, nearly all differ.
  if (!intent.content || observed.secrets.at(namespace, intent.secretName)?.contentHash !== intent.content.hash) return false;
  const secrets = observeSecrets(reconciler, intent, namespace, []);
  if (secrets.isUndecided || planSecret(intent, observed.namespaces.get('', namespace), secrets).kind !== 'synced') return false;
  placements?.set(namespace, placement.synced());
  return true;
}
