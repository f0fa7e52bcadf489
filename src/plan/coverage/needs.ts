/** What needs a person in the whole cluster, the most urgent first, each with its fix. */
import { type CredentialKind, qualifiedName } from '../../api/credential-ref.ts';
import type { CredentialRecord, OwnerReference } from '../../api/records.ts';
import { compare } from '../status/facts.ts';
import { commandIn, fixFor } from './fix.ts';
import { byUrgency, type Urgency, urgentConditions } from './urgent.ts';

/** A pod that waits for an image. */
export interface WaitingPod {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly owner: OwnerReference | undefined;
  readonly images: readonly string[];
  /** In the kubelet's words, for example ImagePullBackOff. */
  readonly reason: string;
  /** In milliseconds since 1970. */
  readonly createdAt: number;
}

/** The first wrong step of the doctor's finding about a pod. */
export interface Diagnosis {
  readonly message: string;
  readonly fix: string | undefined;
}

export interface Need {
  /** Stable while the same thing is wrong with the same object. */
  readonly key: string;
  readonly urgency: Urgency;
  readonly about:
    | { readonly kind: CredentialKind; readonly namespace: string; readonly name: string }
    | { readonly kind: 'Pod'; readonly namespace: string; readonly name: string };
  readonly title: string;
  readonly message: string;
  /** An RFC 3339 time. */
  readonly since: string | undefined;
  /** What to do, in a sentence, if the message does not say it. */
  readonly fix: string | undefined;
  /** A command to begin with. */
  readonly command: string;
}

/** People do not read a longer list to its end. */
const MAX_POD_NEEDS = 50;

/**
 * Everything that needs a person, the most urgent first, and of equally urgent ones the oldest first.
 *
 * @param diagnosisOf the doctor's finding about a pod; undefined until there is one
 */
export function needsOf(
  credentials: Iterable<CredentialRecord>,
  pods: Iterable<WaitingPod>,
  diagnosisOf: (pod: WaitingPod) => Diagnosis | undefined,
): Need[] {
  const ofCredentials = Array.from(credentials, credentialNeeds).flat();
  const ofPods = [...groupsOf(pods)].slice(0, MAX_POD_NEEDS).map((group) => podNeed(group, diagnosisOf));
  return [...ofCredentials, ...ofPods].sort((a, b) => byUrgency(a, b) || compare(a.since ?? '', b.since ?? '') || compare(a.key, b.key));
}

function credentialNeeds(credential: CredentialRecord): Need[] {
  const { kind, namespace, name } = credential;
  return urgentConditions(credential).map((urgent) => ({
    key: `${kind} ${namespace}/${name} ${urgent.condition}`,
    urgency: urgent.urgency,
    about: { kind, namespace, name },
    title: qualifiedName(credential),
    message: urgent.message,
    since: urgent.since,
    fix: undefined,
    command: fixFor(credential, urgent),
  }));
}

/** Pods of one owner wait for the same reason, so one of them stands for all. */
function groupsOf(pods: Iterable<WaitingPod>): Iterable<readonly WaitingPod[]> {
  const groups = new Map<string, WaitingPod[]>();
  for (const pod of pods) {
    const key = `${pod.namespace} ${pod.owner?.uid ?? pod.uid} ${pod.images.join()}`;
    const group = groups.get(key);
    if (group) group.push(pod);
    else groups.set(key, [pod]);
  }
  return groups.values();
}

function podNeed(group: readonly WaitingPod[], diagnosisOf: (pod: WaitingPod) => Diagnosis | undefined): Need {
  const [first] = [...group].sort((a, b) => a.createdAt - b.createdAt || compare(a.name, b.name)) as [WaitingPod];
  const { namespace, name, owner, images, reason, createdAt } = first;
  const diagnosis = diagnosisOf(first);
  const subject = group.length === 1 ? 'It waits' : `${group.length} pods of ${owner ? `${owner.kind} ${owner.name}` : 'one owner'} wait`;
  const doctor = `kubectl regcred doctor pod/${name} -n ${namespace}`;
  return {
    key: `Pod ${namespace}/${owner?.uid ?? first.uid} ${images.join()}`,
    urgency: 'stuck',
    about: { kind: 'Pod', namespace, name },
    title: `${namespace}/${name}`,
    message: `${subject} for ${images.join(', ')} (${reason}).${diagnosis ? ` ${diagnosis.message}` : ''}`,
    since: Number.isNaN(createdAt) ? undefined : new Date(createdAt).toISOString(),
    fix: diagnosis?.fix,
    command: commandIn(diagnosis?.fix ?? '') ?? doctor,
  };
}
