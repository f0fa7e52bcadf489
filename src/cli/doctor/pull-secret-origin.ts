/** Where the names of a pod's pull secrets come from, and which names a new pod would have. */
import { CONDITION } from '../../api/reasons.ts';
import type { CredentialRecord } from '../../api/records.ts';
import { secretNameOf } from '../../plan/placement/intent.ts';
import { matches } from '../../plan/targets/match.ts';
import { explainObserved } from '../../plan/targets/targets.ts';
import { type Pod, rightToSeeAll, type Surroundings } from './observed.ts';
import { placedSecretOf } from './placed-secret.ts';

/**
 * Where one name comes from, as far as that can be known:
 * - written: the pod's own spec, or the template that it was created from
 * - account: its ServiceAccount, which has the name
 * - policy: the admission policy, for a RegistryCredential that selects the pod
 * - formerly-account-or-policy: it was added when the pod was created. What added it has the name no longer
 * - formerly-policy: the same, and the pod had a list of its own, to which a ServiceAccount adds nothing
 * - unknown: it may be any of these
 */
export type Origin = 'written' | 'account' | 'policy' | 'formerly-account-or-policy' | 'formerly-policy' | 'unknown';

/**
 * Kubernetes copies the list of the ServiceAccount if the pod has none (plugin/pkg/admission/serviceaccount in k8s.io/kubernetes). The
 * admission policy adds the names of the credentials that select the pod.
 */
export function originOf(name: string, pod: Pod, surroundings: Surroundings): Origin {
  const { account, credentials } = surroundings;
  if (pod.written?.includes(name)) return 'written';
  if (account.state === 'found' && account.value.pullSecrets.some((entry) => entry.name === name)) return 'account';
  if (injectedNames(pod, surroundings).includes(name)) return 'policy';
  if (account.state === 'forbidden' || rightToSeeAll(credentials) !== undefined || pod.written === undefined) return 'unknown';
  return pod.written.length > 0 ? 'formerly-policy' : 'formerly-account-or-policy';
}

/** The pull secrets that a pod from this template would have. */
export function namesAfterAdmission(template: Pod, surroundings: Surroundings): readonly string[] {
  const { account } = surroundings;
  const inherited = account.state === 'found' ? account.value.pullSecrets.flatMap(({ name }) => name || []) : [];
  return [...new Set([...(template.pullSecrets.length > 0 ? template.pullSecrets : inherited), ...injectedNames(template, surroundings)])];
}

/** What the admission policy adds to new pods, if it is in force. It knows the name of a ServiceAccount, but not its labels. */
function injectedNames({ account: name }: Pod, { namespace, credentials, secrets }: Surroundings): readonly string[] {
  if (namespace.state !== 'found' || credentials.state !== 'found') return [];
  return credentials.value
    .filter(isInjected)
    .filter((credential) => explainObserved(credential, namespace.value, placedSecretOf(credential, secrets) !== undefined) === 'selected')
    .filter(({ spec }) => matches({ names: spec.serviceAccounts.names }, { name, labels: {} }))
    .map(secretNameOf);
}

const isInjected = ({ terminating, spec, status }: CredentialRecord): boolean =>
  !terminating &&
  !spec.suspend &&
  spec.podInjection === 'Append' &&
  (status?.conditions?.some(({ type, status }) => type === CONDITION.podInjection && status === 'True') ?? false);
