import { type CredentialRef, isHome, isNamespaced } from '../../api/credential-ref.ts';
import { LABEL } from '../../api/names.ts';
import type { AccountRecord, NamespaceRecord } from '../../api/records.ts';
import type { RegistryCredentialSpec } from '../../api/types.ts';
import { accepts, type Tenant } from './acceptance.ts';
import { matches, matchesGlob, matchesSelector } from './match.ts';

/**
 * Whether a credential selects a namespace, and if not, why:
 * - selected: it is a target
 * - terminating: it is being deleted
 * - opted-out: it carries the label `regcred.dev/exclude: "true"`
 * - not-matched: no entry of spec.namespaces.names and no spec.namespaces.selector matches it
 * - excluded: spec.namespaces.exclude matches it
 * - not-accepted: it does not accept credentials from the namespace of the credential
 */
export type NamespaceVerdict = 'selected' | 'terminating' | 'opted-out' | 'not-matched' | 'excluded' | 'not-accepted';

/** What decides which namespaces a credential selects. An Intent has it, and for a cluster-scoped credential its record. */
export interface TargetRules extends Pick<CredentialRef, 'kind' | 'namespace'> {
  readonly spec: RegistryCredentialSpec;
  /** The tenant of the credential's own namespace, if it has one. */
  readonly tenant?: Tenant | undefined;
  /** Limited to its own namespace, because it has no finalizer yet: what is placed elsewhere could not be cleaned up. */
  readonly isConfined?: boolean;
}

/** The one rule about target namespaces: the operator acts on it, the doctor explains it. */
export function explainNamespace(rules: TargetRules, namespace: NamespaceRecord): NamespaceVerdict {
  const { spec } = rules;
  const blocked = blockedForAll(namespace);
  if (blocked !== undefined) return blocked;
  if (!matches(spec.namespaces, namespace)) return 'not-matched';
  if (matches(spec.namespaces.exclude, namespace)) return 'excluded';
  return reaches(rules, namespace) ? 'selected' : 'not-accepted';
}

/**
 * The same for someone who does not know the operator's `--tenant-label`. Where the operator has placed a copy, the namespace accepts the
 * credential: the operator removes the copy at once when that ends.
 */
export function explainObserved(rules: TargetRules, namespace: NamespaceRecord, isPlaced: boolean): NamespaceVerdict {
  const verdict = explainNamespace(rules, namespace);
  return verdict === 'not-accepted' && isPlaced ? 'selected' : verdict;
}

/** A cluster-scoped credential reaches every namespace. A namespaced one reaches its own, and those that accept it. */
function reaches(rules: TargetRules, namespace: NamespaceRecord): boolean {
  if (!isNamespaced(rules) || isHome(rules, namespace.name)) return true;
  return !rules.isConfined && accepts(namespace, rules.namespace, rules.tenant);
}

/** Whether the namespace is a target of the credential. */
export const selectsNamespace = (rules: TargetRules, namespace: NamespaceRecord): boolean =>
  explainNamespace(rules, namespace) === 'selected';

/** The only namespaces that spec.namespaces can select; undefined if any name may match. Most specs of tenants list exact names. */
export function exactNames({ namespaces: { names = [], selector } }: RegistryCredentialSpec): readonly string[] | undefined {
  return selector === undefined && !names.some((name) => /[*?]/.test(name)) ? names : undefined;
}

/** In a target namespace: whether pods of a ServiceAccount inherit the pull secret, and if not, why. The words are those of `NamespaceVerdict`. */
export type AccountVerdict = Exclude<NamespaceVerdict, 'excluded' | 'not-accepted'>;

/** Whether the credential selects a ServiceAccount of a target namespace, and if not, why. */
export function explainAccount(spec: RegistryCredentialSpec, account: AccountRecord): AccountVerdict {
  return blockedForAll(account) ?? (matches(spec.serviceAccounts, account) ? 'selected' : 'not-matched');
}

/** Whether the ServiceAccount must have the reference, in a target namespace. */
export const selectsAccount = (spec: RegistryCredentialSpec, account: AccountRecord): boolean =>
  explainAccount(spec, account) === 'selected';

/** Whether spec.serviceAccounts can select any account at all. */
export const selectsAnyAccount = ({ serviceAccounts }: RegistryCredentialSpec): boolean =>
  serviceAccounts.names.length > 0 || serviceAccounts.selector !== undefined;

/** The parts of spec.namespaces that match none of the targets. If other parts do, that is probably a typing error. */
export function unmatchedParts(
  { namespaces: { names = [], selector } }: RegistryCredentialSpec,
  targets: Iterable<NamespaceRecord>,
): string[] {
  let unmatched = names;
  let isSelectorUnmatched = selector !== undefined;
  for (const { name, labels } of targets) {
    unmatched = unmatched.filter((glob) => !matchesGlob(glob, name));
    isSelectorUnmatched &&= selector === undefined || !matchesSelector(selector, labels);
    if (unmatched.length === 0 && !isSelectorUnmatched) break; // Usually after a few of thousands.
  }
  return [...unmatched.map((glob) => JSON.stringify(glob)), ...(isSelectorUnmatched ? ['the selector'] : [])];
}

/** Why no credential selects this namespace or ServiceAccount, whatever its spec; undefined if there is no such reason. */
export function blockedForAll({
  labels,
  terminating,
}: Pick<NamespaceRecord, 'labels' | 'terminating'>): 'terminating' | 'opted-out' | undefined {
  if (terminating) return 'terminating';
  return labels[LABEL.exclude] === 'true' ? 'opted-out' : undefined;
}
