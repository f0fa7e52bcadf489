/** Whether a credential needs its finalizer. */
import { isHome, isNamespaced } from '../api/credential-ref.ts';
import { FINALIZER } from '../api/names.ts';
import type { CredentialRecord } from '../api/records.ts';
import type { Intent } from '../plan/placement/intent.ts';
import { selectsNamespace, type TargetRules } from '../plan/targets/targets.ts';
import type { CredentialReconciler } from './credential-reconciler.ts';
import { candidates } from './fan-out.ts';

type Need = Pick<CredentialReconciler, 'observed' | 'states'>;

/**
 * A cluster-scoped credential always needs a finalizer. A namespaced one needs it only for other namespaces: in its own, the garbage
 * collector removes its Secret, and a finalizer could keep the namespace Terminating.
 */
export function lacksFinalizer(need: Need, credential: CredentialRecord & TargetRules, isNotServed: boolean): boolean {
  if (credential.finalizers.includes(FINALIZER)) return false;
  if (!isNamespaced(credential)) return true;
  return !credential.terminating && !isNotServed && !credential.spec.suspend && selectsOthers(need, credential);
}

/** Nothing of a namespaced credential is in another namespace any more, and nothing is desired there. */
export function hasNeedlessFinalizer(need: Need, intent: Intent, { finalizers }: CredentialRecord): boolean {
  if (!isNamespaced(intent) || !finalizers.includes(FINALIZER) || intent.mode !== 'sync') return false;
  const { observed, states } = need;
  const state = states.stateOf(intent);
  if (state === undefined || selectsOthers(need, intent)) return false;
  const placedIn = [...state.secrets.namespaces(), ...state.accounts.namespaces()];
  const observedIn = Array.from(observed.secrets.ofCredential(intent.uid), ({ namespace }) => namespace);
  return [...placedIn, ...observedIn].every((namespace) => isHome(intent, namespace));
}

function selectsOthers({ observed }: Need, rules: TargetRules): boolean {
  for (const namespace of candidates(observed, rules)) {
    if (!isHome(rules, namespace.name) && selectsNamespace(rules, namespace)) return true;
  }
  return false;
}
