import type { Labels, ObjectRecord, OwnerReference } from '../api/records.ts';

/** An object as the API server sends it. Each kind uses its own part of this. */
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

/** The identity and version of an object, which every record contains. */
export function identityOf({ metadata }: KubeObject): ObjectRecord {
  const { namespace = '', name, uid, resourceVersion } = metadata;
  return { namespace, name, uid, resourceVersion };
}

/** In whole seconds since 1970; 0 if the API server does not say. */
export const createdAt = ({ metadata }: KubeObject): number => Math.floor((Date.parse(metadata.creationTimestamp ?? '') || 0) / 1000);

/** Whether someone asked to delete the object. Finalizers may still keep it. */
export const isTerminating = ({ metadata }: KubeObject): boolean => metadata.deletionTimestamp !== undefined;

/**
 * When `field` was last changed, in seconds since 1970. The API server records this in managedFields for each writer, so the value
 * survives a restart of the operator. Falls back to the creation time.
 */
export function changedAt({ metadata }: KubeObject, field: 'f:data' | 'f:imagePullSecrets'): number {
  const writers = (metadata.managedFields ?? []).filter(({ fieldsV1 }) => fieldsV1 !== undefined && field in fieldsV1);
  const times = [metadata.creationTimestamp, ...writers.map(({ time }) => time)].map((time) => Date.parse(time ?? ''));
  return Math.max(0, ...times.filter((time) => !Number.isNaN(time))) / 1000;
}
