/** Why a pod does not name the Secret of a RegistryCredential that exists in its namespace. */
import { formatCredential } from '../../api/credential-ref.ts';
import { LABEL } from '../../api/names.ts';
import type { AccountRecord, CredentialRecord } from '../../api/records.ts';
import { secretNameOf } from '../../plan/placement/intent.ts';
import { explainAccount } from '../../plan/targets/targets.ts';
import { editCommand } from '../credential-name.ts';
import { explainByStatus, type WhyNot } from './explain-by-status.ts';
import type { Pod, Surroundings } from './observed.ts';
import { originOf } from './pull-secret-origin.ts';

/** Undefined if the pod names it, or if the ServiceAccount that could tell cannot be read. */
export function whyNotNamed(credential: CredentialRecord, pod: Pod, surroundings: Surroundings): WhyNot | undefined {
  const name = secretNameOf(credential);
  if (pod.pullSecrets.includes(name)) return undefined;
  const secret = `Secret ${name} of ${formatCredential(credential)}`;
  if (pod.existing?.isStatic)
    return {
      reason: 'StaticPod',
      message: `The kubelet reads this pod from a file on its node, so no ServiceAccount applies to it. It does not name ${secret}.`,
      fix: 'Configure credentials on the node itself: in the kubelet or in the container runtime.',
    };
  const account = surroundings.account.state === 'found' ? surroundings.account.value : undefined;
  const accountHasName = account?.pullSecrets.some((entry) => entry.name === name) ?? false;
  if (hasOwnList(pod, surroundings)) return ownList(pod, name, secret);
  if (account === undefined) return undefined;
  return accountHasName ? createdTooEarly(credential, pod) : whyAccountLacksName(credential, account, pod, secret);
}

/** Whether the pod or its template was written with a list. If that is not known, a name that nothing adds at present suggests it. */
const hasOwnList = (pod: Pod, surroundings: Surroundings): boolean =>
  pod.written
    ? pod.written.length > 0
    : surroundings.account.state === 'found' && pod.pullSecrets.some((own) => originOf(own, pod, surroundings) === 'unknown');

function ownList(pod: Pod, name: string, secret: string): WhyNot {
  const subject = pod.existing ? 'pod' : 'template';
  return {
    reason: 'OwnList',
    message: `The ${subject} has its own imagePullSecrets (${pod.pullSecrets.join(', ')}), so Kubernetes adds none from the ServiceAccount. They do not include ${secret}.`,
    fix: `Add ${name} to imagePullSecrets in the template, or remove that list.`,
  };
}

function createdTooEarly(credential: CredentialRecord, { existing, account, namespace, pullSecrets, written }: Pod): WhyNot {
  const command = `kubectl delete pod ${existing?.name} -n ${namespace}`;
  const recovery =
    credential.spec.podRecovery === 'Recreate'
      ? ''
      : `. To let the operator do this, set spec.podRecovery: Recreate on ${credential.name} and apply the rights in manifests/components/pod-recovery`;
  const otherCause =
    written === undefined && pullSecrets.length > 0 ? ' Or its template has its own list, to which Kubernetes adds nothing.' : '';
  return {
    reason: 'MadeTooEarly',
    message: `The pod was created before ServiceAccount ${account} had the name ${secretNameOf(credential)} of ${formatCredential(credential)}. Kubernetes copies the list only when it creates a pod.${otherCause}`,
    fix: existing?.owner
      ? `Delete it, and ${existing.owner} re-creates it with the name: ${command}${recovery}`
      : `No controller re-creates this pod: save its manifest, delete the pod, and apply the manifest again. ${command}`,
  };
}

function whyAccountLacksName(credential: CredentialRecord, account: AccountRecord, pod: Pod, secret: string): WhyNot {
  const subject = `ServiceAccount ${pod.account}`;
  const verdict = explainAccount(credential.spec, account);
  switch (verdict) {
    case 'terminating':
      return {
        reason: 'AccountTerminating',
        message: `${subject} is being deleted, so the operator does not add ${secret} to it.`,
        fix: 'Use another ServiceAccount, or create this one again after the deletion.',
      };
    case 'opted-out':
      return {
        reason: 'AccountOptedOut',
        message: `${subject} has the label ${LABEL.exclude}: "true", so the operator does not add ${secret} to it.`,
        fix: `kubectl label serviceaccount ${pod.account} -n ${pod.namespace} ${LABEL.exclude}-`,
      };
    case 'not-matched':
      return {
        reason: 'AccountNotMatched',
        message: `${formatCredential(credential)} does not select ${subject}, which the pod uses: no entry of spec.serviceAccounts.names and no spec.serviceAccounts.selector matches it.`,
        fix: `Add ${pod.account} to spec.serviceAccounts.names (${editCommand(credential)}), or add ${secretNameOf(credential)} to imagePullSecrets of the pod.`,
      };
    case 'selected': {
      const object = { kind: 'ServiceAccount', namespace: pod.namespace, name: pod.account };
      const message = `${formatCredential(credential)} has not added the name ${secretNameOf(credential)} to ServiceAccount ${pod.namespace}/${pod.account}`;
      return explainByStatus(credential, object, message, 'NotReferenced');
    }
    default:
      return verdict satisfies never;
  }
}
