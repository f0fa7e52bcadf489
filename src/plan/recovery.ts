import type { AccountRecord, JobRecord, PodRecord } from '../api/records.ts';
import type { Rate } from './allowance.ts';
import { parseImage } from './image.ts';
import type { Intent } from './intent.ts';
import { matching } from './keyring.ts';

/**
 * Evictions. The kube-controller-manager makes 20 calls a second as it is shipped (--kube-api-qps), for all controllers
 * together, and a pod that is made again costs it about three: this leaves it two thirds. And what would be faster is not
 * needed: the kubelet's own back-off is five minutes at most, in which six hundred pods have had their turn.
 */
export const RECOVERIES: Rate = { atOnce: 10, oneMoreMs: 500 };

/**
 * How long an eviction has to have been due, in milliseconds. Creation times are whole seconds, by API servers whose clocks are
 * not quite the same: after this, the pod that takes the place of another is the younger one by its creation time as well. The
 * kubelet waits twice as long for its own second try.
 */
export const SETTLE_MS = 5000;

/** In seconds: admission has the ServiceAccounts from a watch of its own, and may know a reference a moment later. */
const ADMISSION_LAG = 2;

/** Controllers that make a pod again without counting it: `apiVersion kind`. */
const MAKERS = new Set(['apps/v1 ReplicaSet', 'apps/v1 StatefulSet', 'apps/v1 DaemonSet']);
const JOB = 'batch/v1 Job';

/** What there is around a pod. */
export interface PodSurroundings {
  readonly account: AccountRecord | undefined;
  /** The Secrets of ours in its namespace, by name: the hash of what is in each. */
  readonly placed: ReadonlyMap<string, string>;
  /** The credentials that ask for recovery and place into its namespace. */
  readonly intents: readonly Intent[];
}

/** What is remembered of a stuck pod. */
export interface Sighting {
  readonly uid: string;
  readonly resourceVersion: string;
  /** By name of the Secret: the hash of what was in it when the kubelet last tried. */
  readonly triedWith: ReadonlyMap<string, string>;
  /** Since when, in milliseconds of any clock that does not jump, there has been reason to evict it, and which. */
  readonly due?: { readonly since: number; readonly what: string } | undefined;
}

/** Why a pod hangs that would not if it were made anew. */
export interface Cause {
  readonly credential: string;
  readonly secretName: string;
  readonly image: string;
  readonly why: 'no reference' | 'other content';
  /** The credential, its content and the pod's owner: what nothing is done twice for. */
  readonly once: string;
}

export interface RecoveryPlan {
  readonly causes: readonly Cause[];
  /** Who makes the pod again: nobody, or one that may have to be asked first. What runs in a pod is not ended for what waits in it, so for that one, too, nobody. */
  readonly maker: 'controller' | 'job' | 'nobody';
}

/** By `once`: the pods of that owner that were there the first time. Later ones were made with what the credential offers. */
export type Done = ReadonlyMap<string, ReadonlySet<string>>;

/**
 * What is known of a pod that hangs, now that it has been looked at. With what content the kubelet failed is not to be seen
 * in the pod: it is what lies in the Secret when the failure comes in. A pod in back-off has not tried again.
 */
export function sight(pod: PodRecord, placed: PodSurroundings['placed'], before: Sighting | undefined): Sighting {
  const { uid, resourceVersion } = pod;
  const known = before?.uid === uid ? before : undefined;
  if (known && !(pod.tried && known.resourceVersion !== resourceVersion)) return { ...known, resourceVersion };
  const triedWith = new Map(pod.pullSecrets.flatMap((name) => (placed.has(name) ? [[name, placed.get(name) as string]] : [])));
  return { uid, resourceVersion, triedWith, ...(known?.due && { due: known.due }) };
}

/**
 * Whether a pod that waits for its images is to be made anew: each image that it waits for is covered by one of the
 * credentials that ask for it, by the kubelet's own rules, and at least one of these credentials would be there in a new pod and
 * is not in this one, or not with its present content. Undefined: it is left to the kubelet.
 */
export function planRecovery(pod: PodRecord, there: PodSurroundings, sighting: Sighting, done: Done): RecoveryPlan | undefined {
  if (pod.terminating || pod.excluded) return undefined;
  const found = pod.failing.map((image) => ({ image, covering: there.intents.filter((intent) => covers(intent, image)) }));
  if (found.some(({ covering }) => covering.length === 0)) return undefined;
  const causes = found.flatMap(({ image, covering }) => covering.flatMap((intent) => causeOf(pod, there, sighting, intent, image) ?? []));
  const left = causes.filter(({ once }) => done.get(once)?.has(pod.uid) ?? true);
  return left.length > 0 ? { causes: left, maker: pod.running ? 'nobody' : makerOf(pod) } : undefined;
}

/**
 * Whether a Job makes so many pods again. It counts each that is deleted as a failure, and ends as failed with one more than
 * its backoffLimit (isPodFailed and exceedsBackoffLimit in k8s.io/kubernetes/pkg/controller/job/job_controller.go).
 */
export const makesAgain = ({ failed, backoffLimit, countsOtherwise }: JobRecord, pods: number): boolean =>
  !countsOtherwise && failed + pods <= backoffLimit;

function causeOf(pod: PodRecord, there: PodSurroundings, sighting: Sighting, intent: Intent, image: string): Cause | undefined {
  const { secretName, content } = intent;
  // A new pod would not pull either before the present content is in place.
  if (content === undefined || there.placed.get(secretName) !== content.hash) return undefined;
  const once = `${intent.uid} ${content.hash} ${pod.owner?.uid ?? pod.uid}`;
  const cause = { credential: intent.name, secretName, image, once };
  if (!pod.pullSecrets.includes(secretName))
    return wouldInherit(pod, there.account, secretName) ? { ...cause, why: 'no reference' } : undefined;
  const tried = sighting.triedWith.get(secretName);
  return tried !== undefined && tried !== content.hash ? { ...cause, why: 'other content' } : undefined;
}

/**
 * Whether a pod that lacks a name would have it if it were made now. A list of its own keeps that of the account away, but
 * the pod does not tell whose its list is: one with a name that the account lacks is its own. A pod that is younger than the
 * account's list lacks the name for another reason, and so would the next: by this no pod takes the place of another twice,
 * whatever the operator has forgotten over a restart.
 */
function wouldInherit(pod: PodRecord, account: AccountRecord | undefined, secretName: string): boolean {
  const names = account?.pullSecrets.map(({ name }) => name) ?? [];
  return (
    account !== undefined &&
    names.includes(secretName) &&
    pod.pullSecrets.every((name) => names.includes(name)) &&
    pod.createdAt <= account.changedAt + ADMISSION_LAG
  );
}

function covers({ content }: Intent, written: string): boolean {
  const image = parseImage(written);
  return image !== undefined && matching(content?.names.map((name) => [name, undefined] as const) ?? [], image).length > 0;
}

function makerOf({ owner }: PodRecord): RecoveryPlan['maker'] {
  const kind = `${owner?.apiVersion} ${owner?.kind}`;
  if (kind === JOB) return 'job';
  return MAKERS.has(kind) ? 'controller' : 'nobody';
}

/** Why, in a sentence without its end. */
export function sayCause(pod: PodRecord, { credential, secretName, image, why }: Cause): string {
  const covered = `RegistryCredential ${credential} covers ${image}, but`;
  return why === 'no reference'
    ? `${covered} the pod was made before ServiceAccount ${pod.serviceAccount} referred to the Secret ${secretName}, and the pull secrets of a pod cannot be changed`
    : `${covered} the last pull failed with what was in the Secret ${secretName} before, and it has other content now`;
}
