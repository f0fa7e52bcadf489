import { contentHash } from '../api/hash.ts';
import { API_VERSION, LABEL, MANAGER, RULES_KIND, RULES_NAME } from '../api/names.ts';
import type { ObjectRecord, RulesRecord } from '../api/records.ts';
import { identityOf, type KubeObject } from '../kube/object.ts';
import type { WatchTarget } from '../kube/watch.ts';
import type { CompiledRules } from '../plan/injection/compiled-rules.ts';
import type { ObservedRules } from '../plan/placement/rules-cleanup.ts';
import { path } from './paths.ts';

/** The PullSecretRules. The API server does not know the kind if its CustomResourceDefinition is not installed. */
export const rulesTarget: WatchTarget<RulesRecord> = {
  path: path.rules,
  fieldSelector: `metadata.name=${RULES_NAME}`,
  firstList: 'whole',
  read: readRules,
};

/** Keeps a hash only: the object may have hundreds of kilobytes, and the operator can compile it again. */
export function readRules(object: KubeObject): RulesRecord {
  return { ...identityOf(object), hash: hashOfRules(object.spec) };
}

/** The same object for a command that changes it, with its rules. */
export const wholeRulesTarget: WatchTarget<ObservedRules> = {
  ...rulesTarget,
  read: (object) => ({ ...identityOf(object), rules: (object.spec as CompiledRules | undefined)?.rules ?? [] }),
};

/** Equal for equal rules, in whatever order their fields are written. */
export const hashOfRules = (spec: unknown): string => contentHash(JSON.stringify(sorted(spec)) ?? '');

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([key, inner]) => [key, sorted(inner)] as const);
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** The object to write. `before`: the one that it replaces. */
export const pullSecretRules = (spec: CompiledRules, before: ObjectRecord | undefined): object => ({
  apiVersion: API_VERSION,
  kind: RULES_KIND,
  metadata: {
    name: RULES_NAME,
    labels: { [LABEL.managedBy]: MANAGER },
    ...(before && { uid: before.uid, resourceVersion: before.resourceVersion }),
  },
  spec,
});
