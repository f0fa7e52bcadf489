/** The steps about what has many pods: a workload, a ServiceAccount, the whole cluster. */
import { formatCredential } from '../../api/credential-ref.ts';
import type { CredentialRecord } from '../../api/records.ts';
import { readyOf } from '../../plan/coverage/ready.ts';
import { secretNameOf } from '../../plan/placement/intent.ts';
import { seeStatus } from '../credential-name.ts';
import { askForRight, type Pod, type ReadResult, rightToSeeAll, type SeenCredentials, type Step, type Surroundings } from './observed.ts';
import { whyNot, whyNotSelected } from './why-not.ts';
import { waitsForImage, worstPod } from './worst-pod.ts';

/** The steps about the template of a workload, and one about its pods. */
export const examineWorkload = (template: readonly Step[], pods: ReadResult<readonly Pod[]>): Step[] => [...template, podsStep(pods)];

/** The steps about the pull secrets of new pods with this ServiceAccount, and one about each RegistryCredential that selects its namespace. */
export function examineAccount(
  template: readonly Step[],
  { pod, surroundings, pods }: { readonly pod: Pod; readonly surroundings: Surroundings; readonly pods: ReadResult<readonly Pod[]> },
): Step[] {
  const { credentials } = surroundings;
  const all = credentials.state === 'found' ? credentials.value : [];
  const selecting = all.filter((credential) => whyNotSelected(credential, pod.namespace, surroundings) === undefined);
  return [
    ...template,
    ...unlisted(credentials),
    ...selecting.map((credential) => credentialStep(credential, pod, surroundings)),
    podsStep(pods),
  ];
}

function credentialStep(credential: CredentialRecord, pod: Pod, surroundings: Surroundings): Step {
  const why = whyNot(credential, pod, surroundings);
  if (why) return { check: 'Credential', mark: why.reason === 'AccountNotMatched' ? 'note' : 'wrong', ...why };
  const name = secretNameOf(credential);
  const message = `Pods with ServiceAccount ${pod.account} get the name ${name} of ${formatCredential(credential)}.`;
  return { check: 'Credential', mark: 'ok', reason: 'Referenced', message };
}

/** Which RegistryCredentials are not Ready, and how many pods wait for an image in each namespace. */
export function examineCluster(credentials: SeenCredentials, pods: ReadResult<readonly Pod[]>, shown: number): Step[] {
  const all = credentials.state === 'found' ? credentials.value : [];
  return [...unlisted(credentials), ...all.map(readyStep), waitingStep(pods, shown)];
}

function readyStep(credential: CredentialRecord): Step {
  const ready = readyOf(credential);
  if (ready.status === 'True')
    return {
      check: 'Credential',
      mark: 'ok',
      reason: ready.reason,
      message: `${formatCredential(credential)} is Ready (${ready.reason}).`,
    };
  const message = `${formatCredential(credential)} is not Ready (${ready.reason}): ${ready.message}`;
  const mark = ready.status === 'False' ? 'wrong' : 'unseen';
  return {
    check: 'Credential',
    mark,
    reason: ready.reason,
    message,
    fix: seeStatus(credential),
  };
}

function waitingStep(pods: ReadResult<readonly Pod[]>, shown: number): Step {
  if (pods.state !== 'found') return podsUnseen(pods);
  const count = pods.value.length;
  if (count === 0) return { check: 'Kubelet', mark: 'ok', reason: 'NoneWaits', message: 'No pod waits for an image.' };
  const perNamespace = new Map<string, number>();
  for (const { namespace } of pods.value) perNamespace.set(namespace, (perNamespace.get(namespace) ?? 0) + 1);
  const most = [...perNamespace].sort(([, a], [, b]) => b - a).slice(0, shown);
  const rest = perNamespace.size > shown ? `, and ${perNamespace.size - shown} more namespaces` : '';
  const where = most.map(([namespace, number]) => `${namespace} ${number}`).join(', ') + rest;
  const message = `${count === 1 ? 'One pod waits' : `${count} pods wait`} for an image (${where}). ${count > shown ? `The first ${shown} follow` : 'Details follow'} below.`;
  return { check: 'Kubelet', mark: 'wrong', reason: 'PodsWait', message };
}

/** How many pods there are, and which one is explained. */
function podsStep(pods: ReadResult<readonly Pod[]>): Step {
  if (pods.state !== 'found') return podsUnseen(pods);
  const worst = worstPod(pods.value);
  if (!worst) return { check: 'Kubelet', mark: 'note', reason: 'NoPods', message: 'It has no pods at present.' };
  const total = pods.value.length;
  const waiting = pods.value.filter(waitsForImage).length;
  const below = `pod/${worst.existing?.name} follows below.`;
  if (waiting === 0) {
    const message = `${total === 1 ? 'Its pod does not wait' : `None of its ${total} pods waits`} for an image; ${below}`;
    return { check: 'Kubelet', mark: 'ok', reason: 'NoneWaits', message };
  }
  const message = `${waiting} of ${total} pods ${waiting === 1 ? 'waits' : 'wait'} for an image; ${below}`;
  return { check: 'Kubelet', mark: 'wrong', reason: 'PodsWait', message };
}

const podsUnseen = (pods: Exclude<ReadResult<unknown>, { state: 'found' }>): Step => ({
  check: 'Kubelet',
  mark: 'unseen',
  reason: 'Forbidden',
  message: 'The pods cannot be listed.',
  ...(pods.state === 'forbidden' && { fix: askForRight(pods) }),
});

function unlisted(credentials: SeenCredentials): Step[] {
  if (credentials.state === 'missing') {
    const message = 'This cluster has no RegistryCredentials: regcred is not installed.';
    return [{ check: 'Credential', mark: 'wrong', reason: 'NotInstalled', message, fix: 'kubectl apply -k .' }];
  }
  const right = rightToSeeAll(credentials);
  if (right === undefined) return [];
  const fix = askForRight({ right });
  return [{ check: 'Credential', mark: 'unseen', reason: 'Forbidden', message: 'The RegistryCredentials cannot be listed.', fix }];
}
