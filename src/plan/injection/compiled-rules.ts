import type { Selector } from '../targets/match.ts';

/**
 * What the policy for new pods reads: which names of Secrets it adds to a pod in which namespace. `spec` of the object PullSecretRules
 * (crds/pullsecretrules.yaml describes each field).
 *
 * `rules` is a list, and everything else is an index from what the API server knows of a namespace to positions in it. So a pod costs a few
 * lookups and the rules that it finds, however many rules there are.
 */
export interface CompiledRules {
  readonly rules: readonly CompiledRule[];
  /** By the name of a namespace. */
  readonly names: Positions;
  /** By the first characters of a name, and how many characters the keys have. */
  readonly prefixes: Positions;
  readonly prefixLengths: readonly number[];
  /** By the last characters of a name. */
  readonly suffixes: Positions;
  readonly suffixLengths: readonly number[];
  /** For globs with a wildcard in the middle: tried one after another. */
  readonly patterns: readonly { readonly pattern: string; readonly rules: readonly number[] }[];
  /** By `key=value` of a label. */
  readonly labels: Positions;
  /** Rules whose selector requires no value of a label: tried one after another. */
  readonly otherSelectors: readonly number[];
  /** Whether the labels of a namespace matter at all. */
  readonly usesLabels: boolean;
  /** Whether a pod could find the same name twice, because two credentials have the same name of a Secret. */
  readonly repeats: boolean;
}

export type Positions = Readonly<Record<string, readonly number[]>>;

export interface CompiledRule extends Conditions {
  /** The entries that a pod gets, in the form in which its spec has them: the API server takes longer to make them than to copy them. */
  readonly imagePullSecrets: readonly { readonly name: string }[];
}

/** What must be true of a pod, beside the namespace that the index led from. */
export interface Conditions {
  /** The names of the ServiceAccounts. Without this and `accountPattern`: all. */
  readonly accounts?: readonly string[];
  readonly accountPattern?: string;
  /** The namespaces that are excluded by name. */
  readonly excludes?: readonly string[];
  readonly excludePattern?: string;
  readonly excludeSelector?: Selector;
  /** What the labels of the namespace must match, if the rule was found by them. */
  readonly selector?: Selector;
  /** The namespaces in which the rule was already found by their name, so that it does not count again. */
  readonly namedPattern?: string;
}
