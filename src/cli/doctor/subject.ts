/** Makes pods of what a person names: an object of the API server, one image, or a file of manifests. */
import { type ContainerStatus, type ImageState, imageStateOf } from '../../plan/pods/image-state.ts';
import type { Selector } from '../../plan/targets/match.ts';
import type { Container, ExistingPod, Pod } from './observed.ts';

/** The fields of an object that the doctor reads. In a file, each of them may be missing. */
export interface Manifest {
  readonly kind?: string;
  readonly metadata?: {
    readonly name?: string;
    readonly namespace?: string;
    readonly uid?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly creationTimestamp?: string;
    readonly managedFields?: readonly ManagedFields[];
    readonly ownerReferences?: readonly OwnerReference[];
  };
  readonly spec?: PodSpec & { readonly template?: Manifest; readonly jobTemplate?: Manifest; readonly selector?: Selector };
  readonly template?: Manifest;
  readonly status?: PodStatus;
  readonly items?: readonly Manifest[];
}

interface OwnerReference {
  readonly kind: string;
  readonly name: string;
  readonly uid?: string;
  readonly controller?: boolean;
}

/** https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management */
interface ManagedFields {
  readonly fieldsV1?: { readonly 'f:spec'?: { readonly 'f:imagePullSecrets'?: Readonly<Record<string, unknown>> } };
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

/** A pod of the API server. */
export function podOf(object: Manifest, namespace: string): Pod {
  const { metadata = {}, status = {} } = object;
  const owner = controllerOf(object);
  const existing: ExistingPod = {
    name: metadata.name ?? '',
    owner: owner && `${owner.kind} ${owner.name}`,
    isStatic: metadata.annotations?.['kubernetes.io/config.mirror'] !== undefined,
    createdAt: metadata.creationTimestamp ?? '',
  };
  const statuses = [status.initContainerStatuses, status.containerStatuses, status.ephemeralContainerStatuses].flatMap(
    (list) => list ?? [],
  );
  const states = new Map(statuses.map((container) => [container.name, imageStateOf(container)]));
  const pod = podOfTemplate(object, namespace, states);
  return { ...pod, existing, written: writtenPullSecrets(object, pod.pullSecrets) };
}

/** The owner that re-creates the object after a deletion; undefined if there is none. */
export const controllerOf = ({ metadata }: Manifest): OwnerReference | undefined =>
  metadata?.ownerReferences?.find(({ controller }) => controller);

/**
 * The pull secrets that the request for this pod had. The API server records its fields before admission adds to them
 * (createHandler in k8s.io/apiserver/pkg/endpoints/handlers/create.go). Undefined if someone removed the record.
 */
function writtenPullSecrets({ metadata }: Manifest, names: readonly string[]): readonly string[] | undefined {
  const specs = (metadata?.managedFields ?? []).flatMap(({ fieldsV1 }) => fieldsV1?.['f:spec'] ?? []);
  if (specs.length === 0) return undefined;
  const fields = specs.flatMap((spec) => spec['f:imagePullSecrets'] ?? []);
  const keys = new Set(fields.flatMap((field) => Object.keys(field as object)));
  // Older API servers record the list as a whole.
  if (fields.length > 0 && keys.size === 0) return names;
  return names.filter((name) => keys.has(`k:${JSON.stringify({ name })}`));
}

/** The pod that a template would create. */
export function podOfTemplate({ spec }: Manifest, namespace: string, states: ReadonlyMap<string, ImageState> = new Map()): Pod {
  const { serviceAccountName, imagePullSecrets, initContainers, containers, ephemeralContainers, volumes } = spec ?? {};
  const imageVolumes = listOf(volumes).flatMap(({ name, image }) =>
    image ? [{ name, image: image.reference, imagePullPolicy: image.pullPolicy }] : [],
  );
  // The API server admits entries without a name; the kubelet ignores them.
  const names = listOf(imagePullSecrets).flatMap(({ name }) => name || []);
  return {
    namespace,
    account: serviceAccountName || 'default',
    pullSecrets: names,
    written: names,
    containers: [...listOf(initContainers), ...listOf(containers), ...listOf(ephemeralContainers), ...imageVolumes].flatMap(
      ({ name, image, imagePullPolicy }): Container[] =>
        typeof image === 'string' && image !== ''
          ? [{ name, image, pullPolicy: imagePullPolicy, imageState: states.get(name) ?? { status: 'pending' } }]
          : [],
    ),
    existing: undefined,
  };
}

/** The pods that the objects in a file create, each with the name of its object: `Deployment/web`. Other objects are ignored. */
export function podsIn(objects: readonly Manifest[], namespace: string): { name: string; pod: Pod }[] {
  return objects.flatMap((object) => {
    if (Array.isArray(object.items)) return podsIn(listOf(object.items), namespace);
    const template = templateOf(object);
    if (listOf(template?.spec?.containers).length === 0) return [];
    const { name = '', namespace: own } = object.metadata ?? {};
    return [{ name: `${object.kind ?? 'template'}/${name}`, pod: podOfTemplate(template ?? {}, own ?? namespace) }];
  });
}

/** The part of an object that describes its pods; undefined if it creates none. */
export const templateOf = (object: Manifest): Manifest | undefined =>
  object.kind === 'Pod' ? object : (object.spec?.jobTemplate?.spec?.template ?? object.spec?.template ?? object.template);

/** A file is not validated: anything can be in the place of a list. */
const listOf = <T extends object>(list: readonly T[] | undefined): readonly T[] =>
  Array.isArray(list) ? list.filter((item) => typeof item === 'object' && item !== null) : [];
