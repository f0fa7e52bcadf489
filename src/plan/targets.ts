import { LABEL } from '../api/names.ts';
import type { AccountRecord, Labels, NamespaceRecord } from '../api/records.ts';
import type { RegistryCredentialSpec } from '../api/types.ts';
import { matches } from './match.ts';

/**
 * A namespace is a target when a glob or the selector matches it and `exclude` does not, it is not Terminating, and it
 * does not carry the opt-out label.
 */
export function isTarget(spec: RegistryCredentialSpec, namespace: NamespaceRecord): boolean {
  return (
    !namespace.terminating &&
    !optedOut(namespace.labels) &&
    matches(spec.namespaces, namespace) &&
    !matches(spec.namespaces.exclude, namespace)
  );
}

/** Whether any ServiceAccount is meant at all. */
export const wantsAccounts = ({ serviceAccounts }: RegistryCredentialSpec) =>
  serviceAccounts.names.length > 0 || serviceAccounts.selector !== undefined;

/** In a target namespace: whether pods under this ServiceAccount are to inherit the pull secret. */
export function coversAccount(spec: RegistryCredentialSpec, account: AccountRecord): boolean {
  return !account.terminating && !optedOut(account.labels) && matches(spec.serviceAccounts, account);
}

const optedOut = (labels: Labels) => labels[LABEL.exclude] === 'true';
