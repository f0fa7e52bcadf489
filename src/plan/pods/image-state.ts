/**
 * How far the kubelet is with the image of a container:
 * - pending: it has not tried yet, or it waits for something that comes before the image
 * - pulled: it has the image. If the container waits, then for something else
 * - failed: it could not get the image. `reason` and `message` are the kubelet's
 */
export type ImageState =
  | { readonly status: 'pending' | 'pulled' }
  | { readonly status: 'failed'; readonly reason: string; readonly message: string };

/** What the kubelet reports about a container, as far as this rule needs it. */
export interface ContainerStatus {
  readonly name: string;
  readonly imageID?: string;
  readonly state?: {
    readonly waiting?: { readonly reason?: string; readonly message?: string };
    readonly running?: object;
    readonly terminated?: object;
  };
}

/** Reasons to wait before the kubelet gets to the image. It also reports them between two steps, so they can follow a pull. */
const BEFORE_IMAGE: ReadonlySet<string> = new Set(['', 'ContainerCreating', 'PodInitializing']);

/** Reasons to wait that follow a pull (k8s.io/kubernetes/pkg/kubelet/kuberuntime/kuberuntime_container.go and container/sync_result.go). */
const AFTER_IMAGE: ReadonlySet<string> = new Set([
  'CrashLoopBackOff',
  'CreateContainerConfigError',
  'CreateContainerError',
  'PostStartHookError',
  'PreCreateHookError',
  'PreStartHookError',
  'RunContainerError',
]);

/** ErrImagePull and ErrImagePullBackOff in k8s.io/kubernetes/pkg/kubelet/images/types.go. */
const PULL_FAILURES: ReadonlyMap<string, 'just-tried' | 'backing-off'> = new Map([
  ['ErrImagePull', 'just-tried'],
  ['ImagePullBackOff', 'backing-off'],
]);

/**
 * The one rule about containers that wait for an image: the operator acts on it, the doctor explains it. Every reason that is not
 * known to come before or after the image counts as a failure to get it: if the kubelet cannot read a pull secret, for example, it puts
 * the text of that error into the reason.
 */
export function imageStateOf({ imageID, state: { waiting, running, terminated } = {} }: ContainerStatus): ImageState {
  const reason = waiting?.reason ?? '';
  if (running || terminated || AFTER_IMAGE.has(reason)) return { status: 'pulled' };
  if (BEFORE_IMAGE.has(reason)) return { status: imageID ? 'pulled' : 'pending' };
  return { status: 'failed', reason, message: waiting?.message ?? '' };
}

/**
 * Whether the kubelet asked a registry and failed, and what it does now; undefined for every other state. Only these failures can end
 * with other credentials, so only for these does the operator evict a pod. A wrong image name or a policy of the node stays wrong.
 */
export const failedPullOf = (state: ImageState): 'just-tried' | 'backing-off' | undefined =>
  state.status === 'failed' ? PULL_FAILURES.get(state.reason) : undefined;
