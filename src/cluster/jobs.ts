import type { JobRecord, OwnerReference } from '../api/records.ts';
import type { KubeClient } from '../kube/client.ts';
import { isNotFound } from '../kube/errors.ts';
import type { KubeObject } from '../kube/object.ts';
import { path } from './paths.ts';

/** Gets the Job that owns a pod; undefined if it does not exist. Throws a KubeError. */
export type GetJob = (namespace: string, owner: OwnerReference) => Promise<JobRecord | undefined>;

/**
 * Requests the Job from the API server each time. The operator does not watch Jobs: it rarely needs one, and many clusters keep thousands of
 * finished Jobs. The name comes from a pod's owner reference, which any user who creates pods can write. So this checks the name first.
 */
export const getJobFrom =
  (kube: KubeClient): GetJob =>
  async (namespace, { name, uid }) => {
    if (!/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/.test(name)) return undefined;
    const job = await kube.call<KubeObject>('GET', path.job(namespace, name)).catch((error: unknown) => {
      if (isNotFound(error)) return undefined;
      throw error;
    });
    return job?.metadata.uid === uid ? readJob(job) : undefined;
  };

/** Reads from a Job how many failed pods it tolerates. */
export function readJob(object: KubeObject): JobRecord {
  const { backoffLimit = 6, backoffLimitPerIndex, podFailurePolicy } = object.spec as Record<string, unknown>;
  const { failed = 0 } = (object.status ?? {}) as { failed?: number };
  const countsOtherwise = backoffLimitPerIndex !== undefined || podFailurePolicy !== undefined;
  return { failed, backoffLimit: backoffLimit as number, countsOtherwise };
}
