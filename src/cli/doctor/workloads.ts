/** The kinds of objects whose pods the doctor can explain, and how a person may write them. */
import type { WorkloadResource } from '../../cluster/paths.ts';

export interface WorkloadKind {
  readonly kind: string;
  readonly resource: WorkloadResource;
}

const TABLE: readonly (readonly [kind: string, resource: WorkloadResource, ...short: string[]])[] = [
  ['Deployment', 'deployments', 'deploy'],
  ['StatefulSet', 'statefulsets', 'sts'],
  ['DaemonSet', 'daemonsets', 'ds'],
  ['ReplicaSet', 'replicasets', 'rs'],
  ['Job', 'jobs'],
  ['CronJob', 'cronjobs', 'cj'],
];

/** The kinds that create pods, and that the doctor knows. */
export const WORKLOADS: readonly WorkloadKind[] = TABLE.map(([kind, resource]) => ({ kind, resource }));

const BY_NAME = new Map(
  TABLE.flatMap(([kind, resource, ...short]) =>
    [kind.toLowerCase(), resource, ...short].map((name): [string, WorkloadKind] => [name, { kind, resource }]),
  ),
);

/** The kind that a person wrote as for kubectl: `deployment`, `deployments`, `deploy`, `deployment.apps`. */
export const workloadKind = (written: string): WorkloadKind | undefined =>
  BY_NAME.get(written.toLowerCase().replace(/(\.v1)?\.(apps|batch)$/, ''));
