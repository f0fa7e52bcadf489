import type { PodPolicyState } from '../api/records.ts';
import type { RegistryCredentialSpec } from '../api/types.ts';

/**
 * Whether the API server adds the name of the Secret to new pods (manifests/components/pod-injection):
 * - injected: to those of all ServiceAccounts that are meant
 * - byNameOnly: to those whose ServiceAccount is meant by its name, while others are meant by labels, which admission does not see
 * - bySelectorOnly: to none, as all are meant by labels
 * - noAccounts: to none, as none are meant
 * - off: to none, as nobody wants it
 * - else: to none, for what is known of the policy
 */
export type Injection = 'injected' | 'byNameOnly' | 'bySelectorOnly' | 'noAccounts' | 'off' | Exclude<PodPolicyState, 'installed'>;

export function injectionOf({ podInjection, serviceAccounts }: RegistryCredentialSpec, policy: PodPolicyState): Injection {
  const { names, selector } = serviceAccounts;
  if (podInjection === 'None') return 'off';
  if (names.length === 0) return selector === undefined ? 'noAccounts' : 'bySelectorOnly';
  if (policy !== 'installed') return policy;
  return selector === undefined ? 'injected' : 'byNameOnly';
}
