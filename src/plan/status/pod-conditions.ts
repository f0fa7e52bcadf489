import { REASON } from '../../api/reasons.ts';
import { isEnding } from '../placement/intent.ts';
import { type ConditionVerdict, falseVerdict, formatCount, trueVerdict, unknownVerdict } from './condition.ts';
import type { PodRecoveryFacts, StatusFacts } from './facts.ts';

/** The condition PodInjection: whether the API server adds the pull secret to new pods. It does not count for Ready. */
export function podInjection(facts: StatusFacts): ConditionVerdict {
  const { secretName, injection } = facts;
  const instead =
    'A new pod gets the pull secrets that its ServiceAccount has when the pod is created. A pod that was created too early must be re-created.';
  if (isEnding(facts)) return falseVerdict(REASON.deleting, `The ${facts.ref.kind} is being deleted, so no name is added to new pods.`);
  if (facts.mode === 'suspend') return falseVerdict(REASON.suspended, `spec.suspend is true, so no name is added to new pods. ${instead}`);
  if (typeof injection === 'object') return falseVerdict(injection.reason, `${injection.message} ${instead}`);
  switch (injection) {
    case 'injected':
      return trueVerdict(REASON.injected, `The API server adds ${secretName} to the imagePullSecrets of new pods that lack it.`);
    case 'perCredential':
      return trueVerdict(
        REASON.injected,
        `The API server adds ${secretName} to the imagePullSecrets of new pods that lack it. The policy is that of an earlier version, and costs more for each credential. Upgrade it with: kubectl apply -k manifests/components/pod-injection.`,
      );
    case 'perClusterCredential':
      return falseVerdict(
        REASON.policyNotInstalled,
        `The policy that adds names to new pods is that of an earlier version, which knows RegistryCredentials only. ${instead} An administrator upgrades it with: kubectl apply -k manifests/components/pod-injection.`,
      );
    case 'pending':
      return unknownVerdict(REASON.resolving, 'The operator is writing the rules for new pods.');
    case 'noRules':
      return falseVerdict(
        REASON.policyNotInstalled,
        `The CustomResourceDefinition pullsecretrules.regcred.dev is not installed, so the policy that adds ${secretName} to new pods has nothing to read. ${instead} Install it with: kubectl apply -f crds/.`,
      );
    case 'byNameOnly':
      return trueVerdict(
        REASON.selectorOnAccounts,
        `The API server adds ${secretName} to new pods that lack it, if spec.serviceAccounts.names selects their ServiceAccount. It cannot see the labels of ServiceAccounts. Pods of an account that only spec.serviceAccounts.selector selects get what the account has when the pod is created.`,
      );
    case 'bySelectorOnly':
      return falseVerdict(
        REASON.selectorOnAccounts,
        `spec.serviceAccounts has no names, and the API server cannot see the labels of ServiceAccounts when a pod is created. ${instead} To have the name added, list the ServiceAccounts in spec.serviceAccounts.names; globs are allowed.`,
      );
    case 'noAccounts':
      return falseVerdict(REASON.podInjectionOff, 'spec.serviceAccounts selects none, so no name is added to new pods.');
    case 'off':
      return falseVerdict(REASON.podInjectionOff, `spec.podInjection is None. ${instead}`);
    case 'notInstalled':
      return falseVerdict(
        REASON.policyNotInstalled,
        `The policy that adds ${secretName} to new pods is not installed. ${instead} Install it with: kubectl apply -k manifests/components/pod-injection.`,
      );
    case 'notServed':
      return falseVerdict(
        REASON.policyNotServed,
        `This cluster does not serve MutatingAdmissionPolicy (Kubernetes 1.36 and newer do), so no name is added to new pods. ${instead}`,
      );
    case 'unreadable':
      return unknownVerdict(
        REASON.forbidden,
        'The operator may not read whether the policy that adds the name to new pods is installed. Grant the permissions in manifests/rbac.yaml.',
      );
    case 'unknown':
      return unknownVerdict(
        REASON.resolving,
        'The operator is still reading whether the policy that adds the name to new pods is installed.',
      );
    default:
      return injection satisfies never;
  }
}

/** The fix for every refusal about pods. A separate component grants these permissions. */
const FIX_POD_RIGHTS =
  'Grant the permissions in manifests/components/pod-recovery (Helm value podRecovery), find the policy that refuses, or set spec.podRecovery: None.';

/** The condition PodRecovery: whether the operator evicts stuck pods. It does not count for Ready. */
export function podRecovery(recovery: PodRecoveryFacts): ConditionVerdict {
  switch (recovery.state) {
    case 'starting':
      return unknownVerdict(REASON.resolving, 'The operator is listing the pending pods.');
    case 'blind':
      return falseVerdict(
        REASON.forbidden,
        `The operator cannot watch pending pods, so it does nothing about stuck pods: ${recovery.why}. ${FIX_POD_RIGHTS}`,
      );
    case 'watching': {
      const [first] = recovery.notEvicted;
      if (first === undefined)
        return trueVerdict(REASON.watchingPods, 'The operator evicts pods that are stuck for lack of these credentials.');
      const affected = formatCount(recovery.notEvicted.length, 'stuck pod', 'stuck pods');
      return falseVerdict(first.reason, `${affected} cannot be evicted: ${first.message}. ${FIX_POD_RIGHTS}`);
    }
    default:
      return recovery satisfies never;
  }
}
