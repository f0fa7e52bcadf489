import { type CredentialRef, qualifiedName, refOf } from '../../api/credential-ref.ts';
import type { AccountRecord, JobRecord, PodRecord } from '../../api/records.ts';
import { parseImage } from '../matching/image.ts';
import { matchingEntries } from '../matching/keyring.ts';
import type { Intent } from '../placement/intent.ts';

/**
 * The rate of evictions. The kube-controller-manager makes 20 calls a second by default (--kube-api-qps), for all controllers
 * together, and re-creating a pod takes about three. So two thirds stay for the rest of the cluster. Faster is not needed: the
 * kubelet backs off for at most five minutes, in which the operator can evict six hundred pods.
 */
export const EVICTION_RATE = { capacity: 10, refillMs: 500 } as const;

/**
 * How long an eviction must have been due before it happens, in milliseconds. Creation times are whole seconds, and the clocks of
 * API servers differ a little. After this time the successor of a pod is younger by its creation time too. The kubelet waits twice
 * as long before its own second attempt.
 */
export const SETTLE_MS = 5000;

/** In seconds. Admission reads ServiceAccounts from a watch of its own, so it may see a new reference a moment later. */
const ADMISSION_LAG = 2;

/** Controllers that re-create a pod without counting it as a failure: `apiVersion kind`. */
const CONTROLLERS = new Set(['apps/v1 ReplicaSet', 'apps/v1 StatefulSet', 'apps/v1 DaemonSet']);
const JOB = 'batch/v1 Job';

/** What is observed around a pod. */
export interface PodSurroundings {
  readonly account: AccountRecord | undefined;
  /** The managed Secrets in its namespace: the content hash of each, by name. */
  readonly placed: ReadonlyMap<string, string>;
  /** The credentials with podRecovery that select its namespace. */
  readonly intents: readonly Intent[];
}

/** What the operator remembers of a stuck pod. */
export interface PullAttempt {
  readonly uid: string;
  readonly resourceVersion: string;
  /** By name of the Secret: its content hash when the kubelet last tried to pull. */
  readonly triedWith: ReadonlyMap<string, string>;
  /** Since when there is a reason to evict it, in milliseconds of a clock that does not jump, and which reason. */
  readonly due?: { readonly since: number; readonly reason: string } | undefined;
}

/** Why a pod is stuck although its successor would not be. */
export interface Cause {
  readonly credential: CredentialRef;
  readonly secretName: string;
  readonly image: string;
  readonly kind: 'no reference' | 'other content';
  /** Identifies the credential, its content and the pod's owner. The operator evicts at most once for each. */
  readonly evictionId: string;
}

export interface RecoveryPlan {
  readonly causes: readonly Cause[];
  /**
   * What re-creates the pod. A Job may not: ask it first (`jobRecreates`). A pod with a running container counts as 'nobody', because
   * the operator never stops a running container.
   */
  readonly recreatedBy: 'controller' | 'job' | 'nobody';
}

/** By `evictionId`: the pods of that owner that were there at the first eviction. Later pods were created with what the credential offers. */
export type EvictedFor = ReadonlyMap<string, ReadonlySet<string>>;

/**
 * The next observation of a stuck pod. A pod does not report with which content its pull failed. So the operator takes the content that
 * the Secret has when the failure is reported. A pod in back-off has not tried again.
 */
export function observePullAttempt(pod: PodRecord, placed: PodSurroundings['placed'], before: PullAttempt | undefined): PullAttempt {
  const { uid, resourceVersion } = pod;
  const known = before?.uid === uid ? before : undefined;
  if (known && !(pod.hasJustTried && known.resourceVersion !== resourceVersion)) return { ...known, resourceVersion };
  const triedWith = new Map(pod.pullSecrets.flatMap((name) => (placed.has(name) ? [[name, placed.get(name) as string]] : [])));
  return { uid, resourceVersion, triedWith, ...(known?.due && { due: known.due }) };
}

/**
 * Whether to evict a pod that waits for its images; undefined: leave it to the kubelet. By the kubelet's rules, a credential with
 * podRecovery must cover each image. At least one of these credentials must be missing in this pod, or must have other content since its
 * last pull. And a new pod must get it.
 */
export function planRecovery(
  pod: PodRecord,
  surroundings: PodSurroundings,
  pullAttempt: PullAttempt,
  evictedFor: EvictedFor,
): RecoveryPlan | undefined {
  if (pod.terminating || pod.isOptedOut) return undefined;
  const found = pod.failingImages.map((image) => ({
    image,
    covering: surroundings.intents.filter((intent) => contentCovers(intent, image)),
  }));
  if (found.some(({ covering }) => covering.length === 0)) return undefined;
  const causes = found.flatMap(({ image, covering }) =>
    covering.flatMap((intent) => causeOf({ pod, surroundings, pullAttempt }, intent, image) ?? []),
  );
  const left = causes.filter(({ evictionId }) => evictedFor.get(evictionId)?.has(pod.uid) ?? true);
  return left.length > 0 ? { causes: left, recreatedBy: pod.hasRunningContainer ? 'nobody' : recreatorOf(pod) } : undefined;
}

/**
 * Whether a Job re-creates this number of pods. It counts each deleted pod as a failure, and fails when it has more than its backoffLimit
 * (isPodFailed and exceedsBackoffLimit in k8s.io/kubernetes/pkg/controller/job/job_controller.go).
 */
export const jobRecreates = ({ failed, backoffLimit, countsOtherwise }: JobRecord, pods: number): boolean =>
  !countsOtherwise && failed + pods <= backoffLimit;

/** A pod that waits for an image, and what is known about it. */
interface StuckPod {
  readonly pod: PodRecord;
  readonly surroundings: PodSurroundings;
  readonly pullAttempt: PullAttempt;
}

/** Why the pod lacks what this credential offers for the image, although a new pod would have it; undefined if neither holds. */
function causeOf({ pod, surroundings, pullAttempt }: StuckPod, intent: Intent, image: string): Cause | undefined {
  const { secretName, content } = intent;
  // Before the current content is in place, a new pod could not pull either.
  if (content === undefined || surroundings.placed.get(secretName) !== content.hash) return undefined;
  const evictionId = `${intent.uid} ${content.hash} ${pod.owner?.uid ?? pod.uid}`;
  const cause = { credential: refOf(intent), secretName, image, evictionId };
  if (!pod.pullSecrets.includes(secretName))
    return wouldInherit(pod, surroundings.account, secretName) ? { ...cause, kind: 'no reference' } : undefined;
  const tried = pullAttempt.triedWith.get(secretName);
  return tried !== undefined && tried !== content.hash ? { ...cause, kind: 'other content' } : undefined;
}

/**
 * Whether a new pod would inherit the name that this pod lacks. A pod with a list of its own inherits nothing. A pod does not say where its
 * list comes from, but a name that the account lacks comes from the template. A pod that is younger than the account's list lacks the name
 * for another reason, and a new pod would lack it too. So no pod is replaced twice, even if the operator has forgotten the first time.
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

function contentCovers({ content }: Intent, written: string): boolean {
  const image = parseImage(written);
  return image !== undefined && matchingEntries(content?.names.map((name) => [name, undefined] as const) ?? [], image).length > 0;
}

function recreatorOf({ owner }: PodRecord): RecoveryPlan['recreatedBy'] {
  const kind = `${owner?.apiVersion} ${owner?.kind}`;
  if (kind === JOB) return 'job';
  return CONTROLLERS.has(kind) ? 'controller' : 'nobody';
}

/** The cause in words, without a final full stop. */
export function formatCause(pod: PodRecord, { credential, secretName, image, kind }: Cause): string {
  const covered = `${credential.kind} ${qualifiedName(credential)} covers ${image}, but`;
  return kind === 'no reference'
    ? `${covered} the pod was created before ServiceAccount ${pod.serviceAccount} referred to the Secret ${secretName}, and the pull secrets of a pod cannot be changed`
    : `${covered} the last pull failed with an earlier content of the Secret ${secretName}`;
}
