import { LABEL } from '../api/names.ts';
import type { PodRecord } from '../api/records.ts';
import { identityOf, isTerminating, type KubeObject } from '../kube/object.ts';
import type { WatchTarget } from '../kube/watch.ts';
import { type ContainerStatus, failedPullOf, imageStateOf } from '../plan/pods/image-state.ts';
import { interned } from './interning.ts';
import { path } from './paths.ts';

/** Every pod in one phase. Few pods are Pending, and all pods that wait for an image are. */
export const podsTarget = (phase: string): WatchTarget<PodRecord> => ({
  path: path.allPods,
  fieldSelector: `status.phase=${phase}`,
  firstList: 'cached',
  read: readPod,
});

interface PodSpec {
  readonly serviceAccountName?: string;
  readonly imagePullSecrets?: readonly { readonly name?: string }[];
  readonly initContainers?: readonly Container[];
  readonly containers?: readonly Container[];
}

interface Container {
  readonly name: string;
  readonly image?: string;
}

interface PodStatus {
  readonly initContainerStatuses?: readonly ContainerStatus[];
  readonly containerStatuses?: readonly ContainerStatus[];
}

/** The containers of a pod and their states, the init containers first. */
export function containersOf(pod: KubeObject): {
  readonly containers: readonly Container[];
  readonly statuses: readonly ContainerStatus[];
} {
  const { initContainers = [], containers = [] } = pod.spec as PodSpec;
  const { initContainerStatuses = [], containerStatuses = [] } = (pod.status ?? {}) as PodStatus;
  return { containers: [...initContainers, ...containers], statuses: [...initContainerStatuses, ...containerStatuses] };
}

/** Reads from a pod which images it waits for, and what decides whether a new pod could pull them. */
export function readPod(object: KubeObject): PodRecord {
  const { metadata } = object;
  const { serviceAccountName = 'default', imagePullSecrets = [] } = object.spec as PodSpec;
  const { containerStatuses = [] } = (object.status ?? {}) as PodStatus;
  const { containers, statuses } = containersOf(object);
  const failedPulls = new Map(statuses.map((status) => [status.name, failedPullOf(imageStateOf(status))]));
  const failing = containers.filter(({ name }) => failedPulls.get(name) !== undefined);
  return {
    ...identityOf(object),
    serviceAccount: serviceAccountName,
    pullSecrets: interned(imagePullSecrets.flatMap(({ name }) => name ?? [])),
    owner: metadata.ownerReferences?.find(({ controller }) => controller),
    failingImages: [...new Set(failing.flatMap(({ image }) => image ?? []))],
    hasJustTried: failing.some(({ name }) => failedPulls.get(name) === 'just-tried'),
    hasRunningContainer: containerStatuses.some(({ state }) => state?.running !== undefined),
    createdAt: Date.parse(metadata.creationTimestamp ?? '') / 1000,
    isOptedOut: metadata.labels?.[LABEL.exclude] === 'true',
    terminating: isTerminating(object),
  };
}
