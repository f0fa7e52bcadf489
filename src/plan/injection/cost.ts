import type { Selector } from '../targets/match.ts';
import type { Conditions } from './compiled-rules.ts';

/**
 * The most that one rule can cost when a pod is created, in the units in which the API server counts the cost of an expression. A list is
 * compared entry by entry, and a regular expression costs its length times that of the text (RuntimeCallCost in cel-go/interpreter and
 * ActualCallCost in k8s.io/apiserver/pkg/cel/library).
 */
export function costOf({
  accounts,
  accountPattern,
  excludes,
  excludePattern,
  excludeSelector,
  selector,
  namedPattern,
}: Conditions): number {
  return (
    RULE_COST +
    (accounts?.length ?? 0) +
    (excludes?.length ?? 0) +
    patternCost(accountPattern, MAX_ACCOUNT) +
    patternCost(excludePattern, MAX_NAMESPACE) +
    patternCost(namedPattern, MAX_NAMESPACE) +
    selectorCost(selector) +
    selectorCost(excludeSelector)
  );
}

/** The cost of a regular expression on the name of a namespace. */
export const namespacePatternCost = (pattern: string): number => patternCost(pattern, MAX_NAMESPACE);

/** A rule with nothing but the name of a Secret, with room to spare. */
const RULE_COST = 60;

/** The longest names that Kubernetes accepts. */
const MAX_ACCOUNT = 253;
const MAX_NAMESPACE = 63;

const patternCost = (pattern: string | undefined, length: number) =>
  pattern === undefined ? 0 : Math.ceil((length + 1) * 0.1) * Math.ceil(pattern.length * 0.25);

function selectorCost({ matchLabels = {}, matchExpressions = [] }: Selector = {}): number {
  const expressions = matchExpressions.reduce((sum, { values = [] }) => sum + 30 + values.length, 0);
  return 20 * Object.keys(matchLabels).length + expressions;
}
