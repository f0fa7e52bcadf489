import { isNamespaced } from '../api/credential-ref.ts';
import type { KeyOf } from '../queue/keys.ts';
import type { CredentialReconciler } from './credential-reconciler.ts';
import { fanOut } from './fan-out.ts';

/**
 * A namespaced credential without a finalizer is gone before the operator can clean up in its namespace. The garbage collector would delete
 * its Secret within a minute. The operator deletes it at once, and removes the references. Returns whether something is left.
 */
export async function cleanUpOrphan(
  reconciler: Pick<CredentialReconciler, 'observed' | 'states' | 'add' | 'settle' | 'turns'>,
  { credential }: KeyOf<'credential'>,
): Promise<boolean> {
  const { states } = reconciler;
  const [last, state] = [states.intentOf(credential), states.stateOf(credential)];
  if (!isNamespaced(credential) || !last || !state || last.spec.deletionPolicy === 'Retain') return false;
  if (last.mode !== 'cleanup') {
    const intent = { ...last, mode: 'cleanup' as const };
    states.setIntent(intent);
    await fanOut(reconciler, { intent, former: last, state, withAccounts: true });
  }
  return !state.isEmpty;
}
