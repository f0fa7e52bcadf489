import type { JobRecord, OwnerReference, PodRecord } from '../api/records.ts';
import type { Kube } from './client.ts';
import { isNotFound } from './errors.ts';
import { type KubeObject, readJob, readPod } from './records.ts';
import { path } from './resources.ts';
import type { Target } from './watch.ts';

/** Every pod in one phase: of Pending ones there are few, and those that wait for an image are among them. */
export const podsIn = (phase: string): Target<PodRecord> => ({ path: path.allPods, fieldSelector: `status.phase=${phase}`, read: readPod });

/**
 * Asks for the Job that a pod names as its owner; undefined where there is none such. Not watched: it is seldom asked for, and many
 * clusters have thousands that are done. Anybody who may make a pod may write anything for the name of its owner.
 */
export const jobsOf =
  (kube: Kube) =>
  async (namespace: string, { name, uid }: OwnerReference): Promise<JobRecord | undefined> => {
    if (!/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/.test(name)) return undefined;
    const job = await kube.call<KubeObject>('GET', path.job(namespace, name)).catch((error: unknown) => {
      if (isNotFound(error)) return undefined;
      throw error;
    });
    return job?.metadata.uid === uid ? readJob(job) : undefined;
  };
