/** Which RegistryCredential should let a pod pull an image, and why it does not. */
import { LABEL } from '../../api/names.ts';
import { CONDITION } from '../../api/reasons.ts';
import type { CredentialRecord } from '../../api/records.ts';
import { sayServer } from '../../plan/docker-config.ts';
import type { Image } from '../../plan/image.ts';
import { secretNameOf } from '../../plan/intent.ts';
import { matching } from '../../plan/keyring.ts';
import { matches } from '../../plan/match.ts';
import { readPullSecret } from '../../plan/pull-secret.ts';
import { canonicalServer, namesOf } from '../../plan/server.ts';
import { coversAccount, isTarget } from '../../plan/targets.ts';
import { readyOf } from '../view.ts';
import type { Pod, Surroundings } from './observed.ts';

/** Why a credential that should have done it did not. */
export interface WhyNot {
  readonly reason: string;
  readonly message: string;
  readonly mend: string;
}

/** Whether its servers cover the image, as far as that is known: of `dockerConfigs` the servers are seen where they are placed. */
export function covers(credential: CredentialRecord, image: Image, { secrets }: Surroundings): boolean {
  const servers = (credential.spec.registries ?? []).map(({ server }) => canonicalServer(server));
  const named = servers.flatMap((server) => namesOf(server, servers)).map((server) => [server, undefined] as const);
  if (matching(named, image).length > 0) return true;
  const secret = secrets.get(secretNameOf(credential));
  return secret?.state === 'there' && isOf(credential, secret.value) && matching(readPullSecret(secret.value).entries, image).length > 0;
}

const isOf = (credential: CredentialRecord, secret: { readonly credential: { readonly name: string; readonly uid: string } | undefined }) =>
  secret.credential !== undefined && (secret.credential.uid === credential.uid || secret.credential.name === credential.name);

/** The first thing that keeps a credential from being of use to the pod; undefined where nothing does. */
export function whyNot(credential: CredentialRecord, pod: Pod, around: Surroundings): WhyNot | undefined {
  return notWanted(credential, pod, around) ?? notPlaced(credential, pod, around) ?? notNamed(credential, pod, around);
}

/** Its spec does not mean this namespace, or not at present. */
export function notWanted(
  { name, deleting, spec }: CredentialRecord,
  pod: Pick<Pod, 'namespace'>,
  { namespace }: Surroundings,
): WhyNot | undefined {
  const who = `RegistryCredential ${name}`;
  if (deleting)
    return {
      reason: 'Deleting',
      message: `${who} is being deleted.`,
      mend: 'Make it again once it is gone, or have another one cover this.',
    };
  if (spec.suspend)
    return { reason: 'Suspended', message: `${who} is suspended.`, mend: `Set spec.suspend of it to false: kubectl edit regcred ${name}` };
  if (namespace.state !== 'there' || isTarget(spec, namespace.value)) return undefined;
  const { labels, terminating } = namespace.value;
  const where = `namespace ${pod.namespace}`;
  if (terminating)
    return {
      reason: 'NamespaceTerminating',
      message: `The ${where} is being deleted, so nothing is put into it.`,
      mend: 'Use another namespace, or make it again once it is gone.',
    };
  if (labels[LABEL.exclude] === 'true')
    return {
      reason: 'NamespaceOptedOut',
      message: `The ${where} carries the label ${LABEL.exclude}: "true", which keeps ${who} out of it.`,
      mend: `kubectl label namespace ${pod.namespace} ${LABEL.exclude}-`,
    };
  if (matches(spec.namespaces, namespace.value))
    return {
      reason: 'NamespaceExcluded',
      message: `${who} leaves out the ${where}: spec.namespaces.exclude matches it.`,
      mend: `Take it out of spec.namespaces.exclude: kubectl edit regcred ${name}`,
    };
  return {
    reason: 'NamespaceNotMatched',
    message: `${who} is not meant for the ${where}: neither a name nor the selector under spec.namespaces matches it.`,
    mend: spec.namespaces.selector
      ? `Add ${pod.namespace} to spec.namespaces.names (kubectl edit regcred ${name}), or give the namespace the labels that its selector asks for.`
      : `Add ${pod.namespace} to spec.namespaces.names: kubectl edit regcred ${name}`,
  };
}

/** It is meant for this namespace, and its Secret is not there as it should be. */
export function notPlaced(
  credential: CredentialRecord,
  { namespace }: Pick<Pod, 'namespace'>,
  { secrets }: Surroundings,
): WhyNot | undefined {
  const name = secretNameOf(credential);
  const secret = secrets.get(name);
  if (secret === undefined || secret.state === 'forbidden' || (secret.state === 'there' && isOf(credential, secret.value)))
    return undefined;
  const what = secret.state === 'missing' ? 'has not put its Secret' : 'does not own the Secret';
  return saidOf(credential, 'Secret', namespace, name, `RegistryCredential ${credential.name} ${what} ${namespace}/${name}`, 'NotPlaced');
}

/** Its Secret is there, and the pod does not name it. */
function notNamed(credential: CredentialRecord, pod: Pod, around: Surroundings): WhyNot | undefined {
  const name = secretNameOf(credential);
  if (pod.pullSecrets.includes(name)) return undefined;
  const { account: looked } = around;
  const ours = `the Secret ${name} of RegistryCredential ${credential.name}`;
  if (pod.made?.isStatic)
    return {
      reason: 'StaticPod',
      message: `The pod is read from a file of its node, so no ServiceAccount is asked, and it does not name ${ours}.`,
      mend: 'Give the nodes themselves credentials: the configuration of the kubelet or of the container runtime.',
    };
  const account = looked.state === 'there' ? looked.value : undefined;
  const isReferring = account?.pullSecrets.some((entry) => entry.name === name) ?? false;
  // One that there would be has all that its account has, unless it has a list.
  if (pod.pullSecrets.some((own) => originOf(own, pod, around) === 'pod') || (isReferring && pod.made === undefined))
    return {
      reason: 'OwnList',
      message: `The ${pod.made ? 'pod has' : 'template has'} imagePullSecrets of its own (${pod.pullSecrets.join(', ')}), and Kubernetes then adds none of its ServiceAccount's; ${ours} is not among them.`,
      mend: `Add ${name} to imagePullSecrets in the template, or take the list out of it.`,
    };
  if (account === undefined) return undefined;
  if (isReferring) return tooEarly(credential, pod);
  if (account.labels[LABEL.exclude] === 'true')
    return {
      reason: 'AccountOptedOut',
      message: `ServiceAccount ${pod.account} carries the label ${LABEL.exclude}: "true", which keeps ${ours} out of it.`,
      mend: `kubectl label serviceaccount ${pod.account} -n ${pod.namespace} ${LABEL.exclude}-`,
    };
  if (!coversAccount(credential.spec, account))
    return {
      reason: 'AccountNotMatched',
      message: `${ours.replace(/^t/, 'T')} is not meant for ServiceAccount ${pod.account}, which the pod runs under: spec.serviceAccounts does not match it.`,
      mend: `Add ${pod.account} to spec.serviceAccounts.names: kubectl edit regcred ${credential.name}. Or name ${name} under imagePullSecrets of the pod.`,
    };
  const message = `RegistryCredential ${credential.name} has not put the name ${name} onto ServiceAccount ${pod.namespace}/${pod.account}`;
  return saidOf(credential, 'ServiceAccount', pod.namespace, pod.account, message, 'NotReferenced');
}

/**
 * Where the name of a pull secret in a pod comes from. Kubernetes copies the list of the ServiceAccount where the pod has none
 * (plugin/pkg/admission/serviceaccount); the admission policy appends the names of the credentials that cover the pod.
 */
export function originOf(name: string, pod: Pod, around: Surroundings): 'account' | 'policy' | 'pod' | 'unknown' {
  const { account, credentials } = around;
  if (account.state === 'there' && account.value.pullSecrets.some((entry) => entry.name === name)) return 'account';
  if (injectedNames(pod, around).includes(name)) return 'policy';
  return account.state === 'forbidden' || credentials.state === 'forbidden' ? 'unknown' : 'pod';
}

/** The pull secrets that a pod made of a template would have. */
export function wouldHave(pod: Pod, around: Surroundings): readonly string[] {
  const { account } = around;
  const inherited = account.state === 'there' ? account.value.pullSecrets.flatMap(({ name }) => name || []) : [];
  return [...new Set([...(pod.pullSecrets.length > 0 ? pod.pullSecrets : inherited), ...injectedNames(pod, around)])];
}

/** What the admission policy adds to new pods, where it is in force: it sees the name of a ServiceAccount, and not its labels. */
function injectedNames({ account: name }: Pod, { namespace, credentials }: Surroundings): readonly string[] {
  if (namespace.state !== 'there' || credentials.state !== 'there') return [];
  return credentials.value
    .filter(({ status }) =>
      status?.conditions?.some((condition) => condition.type === CONDITION.podInjection && condition.status === 'True'),
    )
    .filter(({ deleting, spec }) => !deleting && !spec.suspend && spec.podInjection === 'Append' && isTarget(spec, namespace.value))
    .filter(({ spec }) => matches({ names: spec.serviceAccounts.names }, { name, labels: {} }))
    .map(secretNameOf);
}

function tooEarly(credential: CredentialRecord, pod: Pod): WhyNot {
  const again = `kubectl delete pod ${pod.made?.name} -n ${pod.namespace}`;
  return {
    reason: 'MadeTooEarly',
    message: `The pod was made before ServiceAccount ${pod.account} had the name ${secretNameOf(credential)} of RegistryCredential ${credential.name}, and Kubernetes copies the list only when a pod is made${pod.pullSecrets.length > 0 ? '. Or its template has a list of its own, to which Kubernetes adds nothing' : ''}.`,
    mend: pod.made?.owner
      ? `Delete it, and ${pod.made.owner} makes it again, with the name: ${again}${credential.spec.podRecovery === 'Recreate' ? '' : `. Set spec.podRecovery: Recreate on ${credential.name}, with the rights in manifests/components/pod-recovery, and the operator does that`}`
      : `Nobody makes it again by itself: keep its manifest, delete it, and apply it anew. ${again}`,
  };
}

/** In the words of its status, where that says something of the very object, or why all of it stands still. */
function saidOf(credential: CredentialRecord, kind: string, namespace: string, name: string, message: string, otherwise: string): WhyNot {
  const { status, spec, generation } = credential;
  const failure = status?.failures?.find((one) => one.namespace === namespace && one.kind === kind && one.name === name);
  if (failure) return { reason: failure.reason, message: `${message}.`, mend: failure.message };
  const ready = readyOf({ metadata: { name: credential.name, generation }, spec, ...(status && { status }) });
  if (ready.status !== 'True')
    return { reason: ready.reason, message: `${message}. It is not Ready (${ready.reason}).`, mend: ready.message };
  return {
    reason: otherwise,
    message: `${message}, though it says that it is Ready.`,
    mend: 'See whether the operator runs: kubectl get deployment -n regcred-system regcred',
  };
}

/** The servers that there are credentials for, as a person would write them. */
export const serversOf = (credentials: readonly CredentialRecord[]) => [
  ...new Set(credentials.flatMap(({ spec }) => (spec.registries ?? []).map(({ server }) => sayServer(server)))),
];
