/** From an object of the API to the record that is kept of it. What is not in the record is forgotten at once. */
import { contentHash } from '../api/hash.ts';
import { ANNOTATION, DOCKER_CONFIG_JSON_KEY, LABEL } from '../api/names.ts';
import type {
  AccountRecord,
  CredentialRecord,
  JobRecord,
  Labels,
  NamespaceRecord,
  ObjectRecord,
  OwnerReference,
  PodRecord,
  SecretRecord,
  SourceRecord,
} from '../api/records.ts';
import type { RegistryCredentialSpec, RegistryCredentialStatus } from '../api/types.ts';

/** An object as the API server sends it; each kind uses its own part of this. */
export interface KubeObject {
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly uid: string;
    readonly resourceVersion: string;
    readonly generation?: number;
    readonly creationTimestamp?: string;
    readonly deletionTimestamp?: string;
    readonly labels?: Labels;
    readonly annotations?: Labels;
    readonly finalizers?: readonly string[];
    readonly ownerReferences?: readonly OwnerReference[];
    readonly managedFields?: readonly { readonly time?: string; readonly fieldsV1?: object }[];
  };
  readonly type?: string;
  readonly immutable?: boolean;
  readonly data?: Readonly<Record<string, string>>;
  readonly imagePullSecrets?: readonly { readonly name?: string }[];
  readonly spec?: unknown;
  readonly status?: unknown;
}

const NONE = Object.freeze({});

/**
 * Gives equal values as one and the same. The labels, annotations, owners and hash of a thousand Secrets of one credential are
 * kept once, which halves the memory that a Secret takes. It forgets what it knows when that becomes much, and leaves out what
 * is large: that is hardly ours.
 */
function sharing(most: number, large: number) {
  const known = new Map<string, unknown>();
  return <T>(value: T): T => {
    const key = JSON.stringify(value);
    if (key.length > large) return value;
    if (known.size >= most) known.clear();
    if (!known.has(key)) known.set(key, JSON.parse(key)); // A copy: whoever made the value may go on with it.
    return known.get(key) as T;
  };
}
const shared = sharing(1000, 2000);

/** Of an object of which nothing matters but that it is there. */
export function identity({ metadata }: KubeObject): ObjectRecord {
  const { namespace = '', name, uid, resourceVersion } = metadata;
  return { namespace, name, uid, resourceVersion };
}

export function readCredential(object: KubeObject): CredentialRecord {
  const { metadata } = object;
  return {
    ...identity(object),
    generation: metadata.generation ?? 0,
    finalizers: metadata.finalizers ?? [],
    deleting: metadata.deletionTimestamp !== undefined,
    spec: object.spec as RegistryCredentialSpec,
    status: object.status as RegistryCredentialStatus | undefined,
  };
}

export function readNamespace(object: KubeObject): NamespaceRecord {
  const phase = (object.status as { phase?: string } | undefined)?.phase;
  return {
    ...identity(object),
    labels: object.metadata.labels ?? NONE,
    terminating: object.metadata.deletionTimestamp !== undefined || phase === 'Terminating',
  };
}

export function readAccount(object: KubeObject): AccountRecord {
  return {
    ...identity(object),
    labels: object.metadata.labels ?? NONE,
    pullSecrets: shared(object.imagePullSecrets ?? []),
    recorded: shared(recordedNames(object.metadata.annotations?.[ANNOTATION.pullSecrets] ?? '')),
    changedAt: changedAt(object, 'f:imagePullSecrets'),
    terminating: object.metadata.deletionTimestamp !== undefined,
  };
}

/** More than anybody has, and less than what somebody may write there to fill our memory: a name may be one letter of 256 KiB. */
const MOST_RECORDED = 1000;

function recordedNames(text: string): readonly string[] {
  const names = new Set(text.split(',').map((name) => name.trim()));
  names.delete('');
  return [...names].slice(0, MOST_RECORDED);
}

export function readSecret(object: KubeObject): SecretRecord {
  const data = object.data?.[DOCKER_CONFIG_JSON_KEY];
  return {
    ...identity(object),
    type: shared(object.type ?? ''),
    immutable: object.immutable ?? false,
    terminating: object.metadata.deletionTimestamp !== undefined,
    labels: shared(object.metadata.labels ?? NONE),
    annotations: shared(object.metadata.annotations ?? NONE),
    owners: shared(object.metadata.ownerReferences ?? []),
    contentHash: shared(data === undefined ? '' : contentHash(data)),
    strayKeys: shared(Object.keys(object.data ?? NONE).filter((key) => key !== DOCKER_CONFIG_JSON_KEY)),
  };
}

export function readSource(object: KubeObject): SourceRecord {
  return {
    ...identity(object),
    type: object.type ?? '',
    labels: object.metadata.labels ?? NONE,
    changedAt: changedAt(object, 'f:data'),
    data: object.data ?? NONE,
  };
}

/** The API server notes for each writer when it last changed a field of its own. That outlives any process of ours. */
function changedAt({ metadata }: KubeObject, field: 'f:data' | 'f:imagePullSecrets'): number {
  const writers = (metadata.managedFields ?? []).filter(({ fieldsV1 }) => fieldsV1 !== undefined && field in fieldsV1);
  const times = [metadata.creationTimestamp, ...writers.map(({ time }) => time)].map((time) => Date.parse(time ?? ''));
  return Math.max(0, ...times.filter((time) => !Number.isNaN(time))) / 1000;
}

interface PodSpec {
  readonly serviceAccountName?: string;
  readonly imagePullSecrets?: readonly { readonly name?: string }[];
  readonly initContainers?: readonly { readonly name: string; readonly image?: string }[];
  readonly containers?: readonly { readonly name: string; readonly image?: string }[];
}

interface PodStatus {
  readonly initContainerStatuses?: readonly ContainerStatus[];
  readonly containerStatuses?: readonly ContainerStatus[];
}

interface ContainerStatus {
  readonly name: string;
  readonly state?: { readonly waiting?: { readonly reason?: string }; readonly running?: object };
}

/** As the kubelet says it (ErrImagePull and ErrImagePullBackOff in k8s.io/kubernetes/pkg/kubelet/images/types.go). */
const TRIED = 'ErrImagePull';
const WAITS = 'ImagePullBackOff';

export function readPod(object: KubeObject): PodRecord {
  const { metadata } = object;
  const { serviceAccountName = 'default', imagePullSecrets = [], initContainers = [], containers = [] } = object.spec as PodSpec;
  const { initContainerStatuses = [], containerStatuses = [] } = (object.status ?? {}) as PodStatus;
  const reasons = new Map([...initContainerStatuses, ...containerStatuses].map(({ name, state }) => [name, state?.waiting?.reason]));
  const waiting = (...wanted: string[]) =>
    [...initContainers, ...containers].filter(({ name }) => wanted.includes(reasons.get(name) ?? ''));
  return {
    ...identity(object),
    serviceAccount: serviceAccountName,
    pullSecrets: shared(imagePullSecrets.flatMap(({ name }) => name ?? [])),
    owner: metadata.ownerReferences?.find(({ controller }) => controller),
    failing: [...new Set(waiting(TRIED, WAITS).flatMap(({ image }) => image ?? []))],
    tried: waiting(TRIED).length > 0,
    running: containerStatuses.some(({ state }) => state?.running !== undefined),
    createdAt: Date.parse(metadata.creationTimestamp ?? '') / 1000,
    excluded: metadata.labels?.[LABEL.exclude] === 'true',
    terminating: metadata.deletionTimestamp !== undefined,
  };
}

export function readJob(object: KubeObject): JobRecord {
  const { backoffLimit = 6, backoffLimitPerIndex, podFailurePolicy } = object.spec as Record<string, unknown>;
  const { failed = 0 } = (object.status ?? {}) as { failed?: number };
  const countsOtherwise = backoffLimitPerIndex !== undefined || podFailurePolicy !== undefined;
  return { failed, backoffLimit: backoffLimit as number, countsOtherwise };
}
