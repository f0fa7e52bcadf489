import { PENDING } from '../api/names.ts';
import type { ObjectRecord } from '../api/records.ts';
import { identityOf, isTerminating, type KubeObject } from '../kube/object.ts';
import type { WatchTarget } from '../kube/watch.ts';
import type { WaitingPod } from '../plan/coverage/needs.ts';
import { imageStateOf } from '../plan/pods/image-state.ts';
import { containersOf, podsTarget } from './pods.ts';

/** A pod in the phase Pending. It waits for an image if `images` is not empty. */
export type PendingPod = WaitingPod & ObjectRecord;

/** Every pod in the phase Pending, as the page shows it. */
export const waitingPodsTarget: WatchTarget<PendingPod> = { ...podsTarget(PENDING), read: readWaitingPod };

/** Reads from a pod which images it waits for, and why. A Terminating pod waits for none. */
export function readWaitingPod(object: KubeObject): PendingPod {
  const { containers, statuses } = containersOf(object);
  const failed = statuses.flatMap((status) => {
    const state = imageStateOf(status);
    return state.status === 'failed' ? [{ name: status.name, reason: state.reason }] : [];
  });
  const images = containers.flatMap(({ name, image }) => (failed.some((one) => one.name === name) && image) || []);
  return {
    ...identityOf(object),
    owner: object.metadata.ownerReferences?.find(({ controller }) => controller),
    images: isTerminating(object) ? [] : [...new Set(images)],
    reason: failed[0]?.reason ?? '',
    createdAt: Date.parse(object.metadata.creationTimestamp ?? ''),
  };
}
