import type { Labels } from '../api/records.ts';
import type { RegistryCredentialSpec } from '../api/types.ts';

export type Selector = NonNullable<RegistryCredentialSpec['namespaces']['selector']>;

/**
 * Whether `glob` matches the whole of `name`: `*` stands for any characters, `?` for one.
 *
 * Goes back to the last `*` only, so it takes at most length × length steps: a regular expression made from a hostile
 * glob (`*a*a*a*…`) could take exponentially many.
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
    } else if (inGlob < glob.length && (glob[inGlob] === '?' || glob[inGlob] === name[at])) {
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
 * Whether a label selector matches, as metav1.LabelSelectorAsSelector reads it: all parts must hold, an empty selector
 * matches everything, and NotIn holds where the label is absent.
 */
export function matchesSelector(selector: Selector, labels: Labels): boolean {
  const exact = Object.entries(selector.matchLabels ?? {});
  return (
    exact.every(([key, value]) => labelOf(labels, key) === value) &&
    (selector.matchExpressions ?? []).every((requirement) => holds(requirement, labels))
  );
}

function holds(requirement: NonNullable<Selector['matchExpressions']>[number], labels: Labels): boolean {
  const value = labelOf(labels, requirement.key);
  const listed = value !== undefined && (requirement.values ?? []).includes(value);
  switch (requirement.operator) {
    case 'In':
      return listed;
    case 'NotIn':
      return !listed;
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
    default:
      return requirement.operator satisfies never;
  }
}

/** A label of the name `constructor` is absent where nobody set it. */
const labelOf = (labels: Labels, key: string) => (Object.hasOwn(labels, key) ? labels[key] : undefined);

/** Whether one of the globs, or the selector, matches. Where neither is given, nothing does. */
export function matches(
  wanted: { readonly names?: readonly string[]; readonly selector?: Selector } | undefined,
  object: { readonly name: string; readonly labels: Labels },
): boolean {
  return (
    (wanted?.names?.some((glob) => matchesGlob(glob, object.name)) ?? false) ||
    (wanted?.selector !== undefined && matchesSelector(wanted.selector, object.labels))
  );
}
