/** Pods, the controllers that create them, and the status that a kubelet would write. */
import type { KubeObject, Scene } from './cluster.ts';
import { eventually } from './eventually.ts';

/** The controllers of kube-controller-manager that re-create pods. */
export const POD_CONTROLLERS = ['replicaset-controller', 'statefulset-controller', 'daemonset-controller', 'job-controller'];

export const IMAGE = 'registry.example.com/team/app:1.2';

export interface Pod extends KubeObject {
  readonly spec: { readonly imagePullSecrets?: readonly { readonly name: string }[] };
}

type Labels = Record<string, string>;
const template = (labels: Labels, spec: object = {}) => ({
  metadata: { labels },
  spec: { containers: [{ name: 'main', image: IMAGE }], ...spec },
});

const WORKLOADS = {
  ReplicaSet: { path: 'apps/v1', plural: 'replicasets', spec: { replicas: 1 } },
  StatefulSet: { path: 'apps/v1', plural: 'statefulsets', spec: { replicas: 1, serviceName: 'web' } },
  DaemonSet: { path: 'apps/v1', plural: 'daemonsets', spec: {} },
  Job: { path: 'batch/v1', plural: 'jobs', spec: {} },
} as const;
export type Workload = keyof typeof WORKLOADS;

/** Creates a workload, and waits for its pods. */
export async function workload(scene: Scene, namespace: string, kind: Workload, spec: object = {}, podSpec: object = {}): Promise<Pod[]> {
  const { path, plural, spec: usual } = WORKLOADS[kind];
  const labels = { app: `${scene.name}-${kind.toLowerCase()}` };
  const isJob = kind === 'Job';
  const body = {
    metadata: { name: labels.app },
    spec: {
      ...usual,
      ...(!isJob && { selector: { matchLabels: labels } }),
      template: template(labels, { ...(isJob && { restartPolicy: 'Never' }), ...podSpec }),
      ...spec,
    },
  };
  await scene.api.call('POST', `/apis/${path}/namespaces/${namespace}/${plural}`, { body });
  const { replicas = 1, parallelism = replicas } = spec as { replicas?: number; parallelism?: number };
  return eventually(`${kind} has its pods`, async () => {
    const made = await pods(scene, namespace);
    if (made.length < parallelism) throw new Error(`${made.length}`);
    return made;
  });
}

/** Waits until new pods get the name from their ServiceAccount: the API server reads the accounts of a namespace from a watch. */
export function podsInherit(scene: Scene, namespace: string, name = scene.name): Promise<void> {
  return eventually(`a new pod in ${namespace} has ${name}`, async () => {
    const body = { ...template({}), metadata: { name: 'probe' } };
    const { spec } = await scene.api.call<Pod>('POST', `/api/v1/namespaces/${namespace}/pods`, { query: { dryRun: 'All' }, body });
    const names = (spec.imagePullSecrets ?? []).map((entry) => entry.name);
    if (!names.includes(name)) throw new Error(`[${names}]`);
  });
}

/** Creates a pod that no controller would re-create. */
export function barePod(scene: Scene, namespace: string, name: string, spec: object = {}): Promise<Pod> {
  const body = { ...template({}, spec), metadata: { name } };
  return scene.api.call('POST', `/api/v1/namespaces/${namespace}/pods`, { body });
}

export async function pods(scene: Scene, namespace: string): Promise<Pod[]> {
  const { items } = await scene.api.call<{ items: Pod[] }>('GET', `/api/v1/namespaces/${namespace}/pods`);
  return items;
}

/** Writes the status of a pod whose image the kubelet cannot pull: after an attempt, or while it waits for the next one. */
export async function hangs(
  scene: Scene,
  { metadata: { namespace, name } }: KubeObject,
  reason = 'ImagePullBackOff',
  init = false,
  beside: readonly { name: string; state: object }[] = [],
): Promise<void> {
  const state = { waiting: { reason, message: 'pull access denied' } };
  const status = { image: IMAGE, imageID: '', ready: false, restartCount: 0, state };
  const waits = { image: IMAGE, imageID: '', ready: false, restartCount: 0, state: { waiting: { reason: 'PodInitializing' } } };
  const body = {
    status: init
      ? { initContainerStatuses: [{ ...status, name: 'init' }], containerStatuses: [{ ...waits, name: 'main' }] }
      : { containerStatuses: [{ ...status, name: 'main' }, ...beside.map((other) => ({ ...status, ...other }))] },
  };
  await scene.api.call('PATCH', `/api/v1/namespaces/${namespace}/pods/${name}/status`, { body, query: { fieldManager: 'kubelet' } });
}

/** Waits until the same number of other pods has replaced these, and returns the new ones. */
export function replaced(scene: Scene, namespace: string, former: readonly Pod[]): Promise<Pod[]> {
  const uids = new Set(former.map(({ metadata }) => metadata.uid));
  return eventually(`the pods in ${namespace} are re-created`, async () => {
    const now = await pods(scene, namespace);
    const left = now.filter(({ metadata }) => uids.has(metadata.uid));
    if (left.length > 0 || now.length < former.length) throw new Error(`${left.length} of ${former.length} are left, ${now.length} there`);
    return now;
  });
}

/** The Events of the operator on the pods of a namespace. */
export async function podEvents(
  scene: Scene,
  namespace: string,
): Promise<{ reason: string; message: string; involvedObject: { uid: string } }[]> {
  const { items } = await scene.api.call<{ items: { reason: string; message: string; involvedObject: { uid: string } }[] }>(
    'GET',
    `/api/v1/namespaces/${namespace}/events`,
    { query: { fieldSelector: 'involvedObject.kind=Pod,source=regcred' } },
  );
  return items;
}
