import { LABEL } from '../api/names.ts';
import type { AccountRecord, Labels, NamespaceRecord } from '../api/records.ts';
import type { RegistryCredentialSpec } from '../api/types.ts';
import { matches, matchesGlob, matchesSelector } from './match.ts';

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

/** Which parts of spec.namespaces match none of the targets. Where others do that is a slip of the pen, as likely as not. */
export function matchNothing(
  { namespaces: { names = [], selector } }: RegistryCredentialSpec,
  targets: Iterable<NamespaceRecord>,
): string[] {
  let idle = names;
  let isSelectorIdle = selector !== undefined;
  for (const { name, labels } of targets) {
    idle = idle.filter((glob) => !matchesGlob(glob, name));
    isSelectorIdle &&= selector === undefined || !matchesSelector(selector, labels);
    if (idle.length === 0 && !isSelectorIdle) break; // As a rule after a few of the thousands.
  }
  return [...idle.map((glob) => JSON.stringify(glob)), ...(isSelectorIdle ? ['the selector'] : [])];
}

/** Whether any ServiceAccount is meant at all. */
export const wantsAccounts = ({ serviceAccounts }: RegistryCredentialSpec) =>
  serviceAccounts.names.length > 0 || serviceAccounts.selector !== undefined;

/** In a target namespace: whether pods under this ServiceAccount are to inherit the pull secret. */
export function coversAccount(spec: RegistryCredentialSpec, account: AccountRecord): boolean {
  return !account.terminating && !optedOut(account.labels) && matches(spec.serviceAccounts, account);
}

const optedOut = (labels: Labels) => labels[LABEL.exclude] === 'true';
