/** Which namespaces accept the credentials of another namespace. */
import type { NamespaceRecord } from '../../api/records.ts';

/** The label by which namespaces belong to one tenant, and its value on a credential's own namespace. */
export interface Tenant {
  readonly label: string;
  readonly value: string;
}

const NOBODY: readonly string[] = Object.freeze([]);

/** The names in the annotation `regcred.dev/accept-from`. They are exact: a glob matches no namespace. */
export function acceptedNames(annotation: string | undefined): readonly string[] {
  if (annotation === undefined) return NOBODY;
  const names = new Set(annotation.split(',').map((name) => name.trim()));
  names.delete('');
  return names.size > 0 ? [...names] : NOBODY;
}

/** The tenant of a namespace; undefined without the setting `--tenant-label`, and for an empty value. */
export function tenantOf(namespace: Pick<NamespaceRecord, 'labels'> | undefined, label: string | undefined): Tenant | undefined {
  if (label === undefined || namespace === undefined || !Object.hasOwn(namespace.labels, label)) return undefined;
  const value = namespace.labels[label];
  return value ? { label, value } : undefined;
}

/**
 * Whether a namespace accepts credentials from another one: its annotation lists that name, or both have the same tenant.
 *
 * @param tenant the tenant of the namespace `home`
 */
export const accepts = (namespace: Pick<NamespaceRecord, 'acceptFrom' | 'labels'>, home: string, tenant: Tenant | undefined): boolean =>
  namespace.acceptFrom.includes(home) || (tenant !== undefined && tenantOf(namespace, tenant.label)?.value === tenant.value);
