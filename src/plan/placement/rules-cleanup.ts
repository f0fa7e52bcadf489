import type { CredentialRecord, ObjectRecord } from '../../api/records.ts';
import { secretNameOf } from './intent.ts';

/** The PullSecretRules that the policy for new pods reads, as far as a cleanup needs them. */
export interface ObservedRules extends ObjectRecord {
  readonly rules: readonly { readonly imagePullSecrets: readonly { readonly name: string }[] }[];
}

export type RulesStep =
  | { readonly kind: 'delete-rules'; readonly rules: ObservedRules }
  /** `removed`: the names that the patch removes. */
  | { readonly kind: 'patch-rules'; readonly rules: ObservedRules; readonly patch: object; readonly removed: readonly string[] };

/**
 * Without an operator, new pods would get the names of deleted credentials for ever. Removes the names that no remaining credential has. If
 * no credential remains, deletes the object: an operator that starts later writes it again. The rules keep their positions, because the
 * indexes of the object refer to them; one without names adds nothing.
 */
export function rulesCleanup(rules: ObservedRules | undefined, remaining: readonly CredentialRecord[]): RulesStep[] {
  if (rules === undefined) return [];
  if (remaining.length === 0) return [{ kind: 'delete-rules', rules }];
  const names = new Set(remaining.map(secretNameOf));
  const removed = new Set(
    rules.rules.flatMap(({ imagePullSecrets }) => imagePullSecrets.map(({ name }) => name)).filter((name) => !names.has(name)),
  );
  if (removed.size === 0) return [];
  const kept = rules.rules.map((rule) => ({ ...rule, imagePullSecrets: rule.imagePullSecrets.filter(({ name }) => names.has(name)) }));
  const { uid, resourceVersion } = rules;
  return [{ kind: 'patch-rules', rules, patch: { metadata: { uid, resourceVersion }, spec: { rules: kept } }, removed: [...removed] }];
}
