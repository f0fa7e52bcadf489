import type { Labels } from '../../api/records.ts';
import type { RegistryCredentialSpec } from '../../api/types.ts';

export type Selector = NonNullable<RegistryCredentialSpec['namespaces']['selector']>;

/**
 * Whether `glob` matches the whole `name`: `*` stands for any characters, also none; `?` stands for exactly one.
 *
 * It backtracks only to the last `*`, so it takes at most length × length steps. A regular expression made from a hostile glob
 * (`*a*a*a*…`) could take exponentially many.
 */
export function matchesGlob(glob: string, name: string): boolean {
  let at = 0;
  let inGlob = 0;
  let star = -1;
  let resume = 0;
  while (at < name.length) {
    if (glob[inGlob] === '*') {
      star = inGlob++;
      resume = at;
    } else if (glob[inGlob] === '?' || glob[inGlob] === name[at]) {
      inGlob++;
      at++;
    } else if (star >= 0) {
      inGlob = star + 1;
      at = ++resume;
    } else {
      return false;
    }
  }
  while (glob[inGlob] === '*') inGlob++;
  return inGlob === glob.length;
}

/**
 * Whether a label selector matches, as in metav1.LabelSelectorAsSelector: every part must match, an empty selector matches
 * everything, and NotIn matches if the label is absent.
 */
export function matchesSelector(selector: Selector, labels: Labels): boolean {
  const exact = Object.entries(selector.matchLabels ?? {});
  return (
    exact.every(([key, value]) => labelOf(labels, key) === value) &&
    (selector.matchExpressions ?? []).every((requirement) => matchesRequirement(requirement, labels))
  );
}

function matchesRequirement(requirement: NonNullable<Selector['matchExpressions']>[number], labels: Labels): boolean {
  const value = labelOf(labels, requirement.key);
  const isListed = value !== undefined && (requirement.values ?? []).includes(value);
  switch (requirement.operator) {
    case 'In':
      return isListed;
    case 'NotIn':
      return !isListed;
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
    default:
      return requirement.operator satisfies never;
  }
}

/** Own properties only: every object of JavaScript inherits a property `constructor`, which is not a label. */
const labelOf = (labels: Labels, key: string) => (Object.hasOwn(labels, key) ? labels[key] : undefined);

/** Whether one of the globs or the selector matches. Without both, nothing matches. */
export function matches(
  selection: { readonly names?: readonly string[]; readonly selector?: Selector } | undefined,
  object: { readonly name: string; readonly labels: Labels },
): boolean {
  return (
    (selection?.names?.some((glob) => matchesGlob(glob, object.name)) ?? false) ||
    (selection?.selector !== undefined && matchesSelector(selection.selector, object.labels))
  );
}
