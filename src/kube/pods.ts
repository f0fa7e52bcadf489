import type { JobRecord, PodRecord } from '../api/records.ts';
import type { Kube } from './client.ts';
import { type KubeObject, readJob, readPod } from './records.ts';
import { path } from './resources.ts';
import type { Target } from './watch.ts';

/** Every pod in one phase: of Pending ones there are few, and those that wait for an image are among them. */
export const podsIn = (phase: string): Target<PodRecord> => ({ path: path.allPods, fieldSelector: `status.phase=${phase}`, read: readPod });

/** Asks for one Job. Not watched: it is seldom asked for, and many clusters have thousands that are done. */
export const jobsOf =
  (kube: Kube) =>
  async (namespace: string, name: string): Promise<JobRecord> =>
    readJob(await kube.call<KubeObject>('GET', path.job(namespace, name)));
