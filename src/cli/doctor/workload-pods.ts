/** Which pods belong to a workload. */
import { matchesSelector } from '../../plan/targets/match.ts';
import { type ClusterReader, observePods, observeWorkloads } from './observe.ts';
import { mapFound, type Pod, type ReadResult } from './observed.ts';
import { controllerOf, type Manifest, podOf } from './subject.ts';
import type { WorkloadKind } from './workloads.ts';

/** The pods of a workload: of a Deployment by its selector, of a CronJob through its Jobs, of the others by their controller. */
export async function podsOfWorkload(
  reader: ClusterReader,
  { kind }: WorkloadKind,
  object: Manifest,
  namespace: string,
): Promise<ReadResult<readonly Pod[]>> {
  const pods = await observePods(reader, namespace);
  const jobs = kind === 'CronJob' ? await observeWorkloads(reader, 'jobs', namespace) : undefined;
  if (jobs && jobs.state !== 'found') return jobs;
  const isOf = kind === 'Deployment' ? selectedBy(object) : controlledBy(jobs ? jobs.value.filter(controlledBy([object])) : [object]);
  return mapFound(pods, (all) => all.filter(isOf).map((pod) => podOf(pod, namespace)));
}

/** The controller of a pod of a Deployment is a ReplicaSet. The selectors of two Deployments must not overlap. */
const selectedBy =
  ({ spec }: Manifest) =>
  ({ metadata }: Manifest): boolean =>
    spec?.selector !== undefined && matchesSelector(spec.selector, metadata?.labels ?? {});

function controlledBy(owners: readonly Manifest[]): (object: Manifest) => boolean {
  const uids = new Set(owners.flatMap(({ metadata }) => metadata?.uid ?? []));
  return (object) => uids.has(controllerOf(object)?.uid ?? '');
}
