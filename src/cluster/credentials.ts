import { type CredentialRef, isNamespaced } from '../api/credential-ref.ts';
import { ANNOTATION, KIND, NAMESPACED_KIND } from '../api/names.ts';
import type { CredentialRecord } from '../api/records.ts';
import type { RegistryCredentialSpec, RegistryCredentialStatus } from '../api/types.ts';
import { createdAt, identityOf, isTerminating, type KubeObject } from '../kube/object.ts';
import type { WatchTarget } from '../kube/watch.ts';
import { path } from './paths.ts';

/** Every RegistryCredential. */
export const credentialsTarget: WatchTarget<CredentialRecord> = { path: path.credentials, read: readCredential };

/** Every NamespacedRegistryCredential, in all namespaces. */
export const namespacedCredentialsTarget: WatchTarget<CredentialRecord> = { path: path.namespacedCredentials, read: readCredential };

/** The default in the CustomResourceDefinition. That of the previous version has no such field, and may still be installed after an upgrade. */
const VERIFICATION: RegistryCredentialSpec['verification'] = { mode: 'Report', interval: '6h' };

/** An object of either kind. Only the namespaced one has a namespace. */
export function readCredential(object: KubeObject): CredentialRecord {
  const { metadata } = object;
  const spec = object.spec as Omit<RegistryCredentialSpec, 'verification'> & Partial<RegistryCredentialSpec>;
  const checkNow = metadata.annotations?.[ANNOTATION.checkNow];
  const identity = { kind: metadata.namespace === undefined ? KIND : NAMESPACED_KIND, ...identityOf(object) } as const;
  return {
    ...identity,
    generation: metadata.generation ?? 0,
    createdAt: createdAt(object),
    finalizers: metadata.finalizers ?? [],
    ...(checkNow !== undefined && { checkNow }),
    terminating: isTerminating(object),
    spec: located({ ...spec, verification: spec.verification ?? VERIFICATION }, identity),
    status: object.status as RegistryCredentialStatus | undefined,
  };
}

/**
 * The spec of a namespaced credential as a RegistryCredential would have it. Each reference means the credential's own namespace, whatever
 * the object has there: this is what keeps a tenant from reading the Secrets of others.
 */
function located(spec: RegistryCredentialSpec, credential: CredentialRef): RegistryCredentialSpec {
  if (!isNamespaced(credential)) return spec;
  const { namespace } = credential;
  return {
    ...spec,
    ...(spec.registries && { registries: spec.registries.map((one) => withNamespace(one, namespace)) }),
    ...(spec.dockerConfigs && { dockerConfigs: spec.dockerConfigs.map((one) => withNamespace(one, namespace)) }),
    namespaces: (spec.namespaces as RegistryCredentialSpec['namespaces'] | undefined) ?? { names: [namespace] },
  };
}

/** Sets the namespace of every reference in an entry, however deep. */
function withNamespace<T>(value: T, namespace: string): T {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const fields = Object.entries(value).map(([name, field]) => {
    const inner = withNamespace(field, namespace);
    return [name, isReference(name) ? { ...inner, namespace } : inner];
  });
  return Object.fromEntries(fields) as T;
}

const isReference = (field: string) => field === 'secretRef' || field === 'serviceAccountRef';
