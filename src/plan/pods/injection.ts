import { isNamespaced } from '../../api/credential-ref.ts';
import { type Problem, REASON } from '../../api/reasons.ts';
import type { CredentialRecord, PodPolicyState } from '../../api/records.ts';
import type { Capped } from '../injection/compile.ts';

/**
 * Whether the API server adds the name of the pull secret to new pods (manifests/components/pod-injection):
 * - injected: to pods of all selected ServiceAccounts
 * - byNameOnly: to pods whose ServiceAccount is selected by name. Others are selected by labels, which admission cannot see
 * - perCredential: the same, by the policy of an earlier version
 * - perClusterCredential: to no pods, because the policy of an earlier version does not know namespaced credentials
 * - bySelectorOnly: to no pods, because all ServiceAccounts are selected by labels
 * - noAccounts: to no pods, because spec.serviceAccounts selects none
 * - off: to no pods, because spec.podInjection is None
 * - pending: the operator is about to write the rules
 * - noRules: to no pods, because the kind of object that the policy reads is not installed
 * - otherwise: to no pods, because of the state of the policy or of a problem with the rules
 */
export type Injection =
  | 'injected'
  | 'byNameOnly'
  | 'perClusterCredential'
  | 'bySelectorOnly'
  | 'noAccounts'
  | 'off'
  | 'pending'
  | 'noRules'
  | Exclude<PodPolicyState, 'installed'>
  | Problem;

/** How far the rules of one credential are written into the PullSecretRules. `capped`: they are not, or not for all namespaces. */
export type RulesState = 'pending' | 'noRules' | { readonly problem: Problem } | { readonly capped: Capped | undefined };

/** What the policy for new pods does for one credential, by its spec, the state of the policy, and how far its rules are written. */
export function injectionOf(
  { kind, spec: { podInjection, serviceAccounts } }: Pick<CredentialRecord, 'kind' | 'spec'>,
  policy: PodPolicyState,
  rules: RulesState,
): Injection {
  const { names, selector } = serviceAccounts;
  if (podInjection === 'None') return 'off';
  if (names.length === 0) return selector === undefined ? 'noAccounts' : 'bySelectorOnly';
  if (policy === 'perCredential' && isNamespaced({ kind })) return 'perClusterCredential';
  if (policy !== 'installed') return policy;
  if (typeof rules === 'string') return rules;
  if ('problem' in rules) return rules.problem;
  if (rules.capped) return { reason: REASON.podInjectionCapped, message: formatCapped(rules.capped) };
  return selector === undefined ? 'injected' : 'byNameOnly';
}

function formatCapped(capped: Capped): string {
  switch (capped.cap) {
    case 'credential':
      return 'The lists and globs of this credential are too long for the policy that adds names to new pods. Shorten spec.namespaces or spec.serviceAccounts.names, or use fewer wildcards.';
    case 'tenant':
      return 'The credentials of this namespace have used up its share of the rules for new pods. Merge credentials, or set podInjection: None where ServiceAccounts suffice.';
    case 'namespaces':
      return `In ${capped.count} of its namespaces the credentials of others have used up the share of the rules for new pods, so the policy does not add the name there. Let these namespaces accept fewer credentials.`;
    case 'total':
      return 'The credentials of the cluster have used up the space for rules for new pods. Merge credentials, or set podInjection: None where ServiceAccounts suffice.';
    default:
      return capped satisfies never;
  }
}
