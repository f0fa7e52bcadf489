/** From what a person names, or a file of manifests has, to the pods that it is about. */
import type { Container, ContainerState, Made, Pod } from './observed.ts';

/** Of the API's objects what the doctor reads; anything of it may be missing in a file. */
export interface Manifest {
  readonly kind?: string;
  readonly metadata?: {
    readonly name?: string;
    readonly namespace?: string;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly ownerReferences?: readonly { readonly kind: string; readonly name: string; readonly controller?: boolean }[];
  };
  readonly spec?: PodSpec & { readonly template?: Manifest; readonly jobTemplate?: Manifest };
  readonly template?: Manifest;
  readonly status?: PodStatus;
  readonly items?: readonly Manifest[];
}

interface PodSpec {
  readonly serviceAccountName?: string;
  readonly imagePullSecrets?: readonly { readonly name?: string }[];
  readonly initContainers?: readonly ContainerSpec[];
  readonly containers?: readonly ContainerSpec[];
  readonly ephemeralContainers?: readonly ContainerSpec[];
  readonly volumes?: readonly { readonly name: string; readonly image?: { readonly reference?: string; readonly pullPolicy?: string } }[];
}

interface ContainerSpec {
  readonly name: string;
  readonly image?: string;
  readonly imagePullPolicy?: string;
}

interface PodStatus {
  readonly initContainerStatuses?: readonly ContainerStatus[];
  readonly containerStatuses?: readonly ContainerStatus[];
  readonly ephemeralContainerStatuses?: readonly ContainerStatus[];
}

interface ContainerStatus {
  readonly name: string;
  readonly imageID?: string;
  readonly state?: {
    readonly waiting?: { readonly reason?: string; readonly message?: string };
    readonly running?: object;
    readonly terminated?: object;
  };
}

/** What is waited for under these names is not the image, or not yet. */
const BEFORE = new Set(['', 'ContainerCreating', 'PodInitializing']);
const AFTER = new Set([
  'CrashLoopBackOff',
  'CreateContainerConfigError',
  'CreateContainerError',
  'RunContainerError',
  'PostStartHookError',
]);

/** A pod as the API server has it. */
export function podOf(object: Manifest, namespace: string): Pod {
  const { metadata = {}, status = {} } = object;
  const owner = metadata.ownerReferences?.find(({ controller }) => controller);
  const made: Made = {
    name: metadata.name ?? '',
    owner: owner && `${owner.kind} ${owner.name}`,
    isStatic: metadata.annotations?.['kubernetes.io/config.mirror'] !== undefined,
  };
  const statuses = [status.initContainerStatuses, status.containerStatuses, status.ephemeralContainerStatuses].flatMap(
    (some) => some ?? [],
  );
  return { ...templateOf(object, namespace, new Map(statuses.map((one) => [one.name, stateOf(one)]))), made };
}

function stateOf({ imageID, state: { waiting, running, terminated } = {} }: ContainerStatus): ContainerState {
  const reason = waiting?.reason ?? '';
  if (running || terminated || AFTER.has(reason)) return { at: 'pulled' };
  if (BEFORE.has(reason)) return { at: imageID ? 'pulled' : 'before' };
  return { at: 'failing', reason, message: waiting?.message ?? '' };
}

/** The pod that would come of a template, of one image for example. */
export function templateOf({ spec }: Manifest, namespace: string, states: ReadonlyMap<string, ContainerState> = new Map()): Pod {
  const { serviceAccountName, imagePullSecrets, initContainers, containers, ephemeralContainers, volumes } = spec ?? {};
  const mounted = listOf(volumes).flatMap(({ name, image }) =>
    image ? [{ name, image: image.reference, imagePullPolicy: image.pullPolicy }] : [],
  );
  return {
    namespace,
    account: serviceAccountName || 'default',
    // The kubelet leaves out entries without a name, which the API admits.
    pullSecrets: listOf(imagePullSecrets).flatMap(({ name }) => name || []),
    containers: [...listOf(initContainers), ...listOf(containers), ...listOf(ephemeralContainers), ...mounted].flatMap(
      ({ name, image, imagePullPolicy }): Container[] =>
        typeof image === 'string' && image !== ''
          ? [{ name, image, pullPolicy: imagePullPolicy, state: states.get(name) ?? { at: 'before' } }]
          : [],
    ),
    made: undefined,
  };
}

/** Everything in a file that pods are made of, each by its name: `Deployment/web`. What else is in it is left out. */
export function podsIn(objects: readonly Manifest[], namespace: string): { name: string; pod: Pod }[] {
  return objects.flatMap((object) => {
    if (Array.isArray(object.items)) return podsIn(listOf(object.items), namespace);
    const template =
      object.kind === 'Pod' ? object : (object.spec?.jobTemplate?.spec?.template ?? object.spec?.template ?? object.template);
    if (listOf(template?.spec?.containers).length === 0) return [];
    const { name = '', namespace: own } = object.metadata ?? {};
    return [{ name: `${object.kind ?? 'template'}/${name}`, pod: templateOf(template ?? {}, own ?? namespace) }];
  });
}

/** Nobody has checked what a file has in the place of a list. */
const listOf = <T extends object>(list: readonly T[] | undefined): readonly T[] =>
  Array.isArray(list) ? list.filter((item) => typeof item === 'object' && item !== null) : [];
