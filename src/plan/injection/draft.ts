import { matchesGlob, type Selector } from '../targets/match.ts';
import type { Conditions } from './compiled-rules.ts';
import { regularExpression, type SortedGlobs, shortest, sortGlobs } from './globs.ts';
import type { ClusterRule } from './rule.ts';

/** One rule, and where the indexes lead to it. */
export interface Draft {
  readonly secret: string;
  readonly conditions: Conditions;
  readonly globs: SortedGlobs;
  /** `key=value` of the labels that lead to it. */
  readonly labels: readonly string[];
  /** It has a selector, but no value of a label leads to it. */
  readonly hasOtherSelector: boolean;
}

/** The draft of a rule of a cluster-scoped credential. A name that `exclude` matches is left out, because the rule could never apply there. */
export function draftOf({ secretName, accounts, selection }: ClusterRule): Draft {
  const { exclude } = selection;
  const selectsAll = selection.selector !== undefined && isEmpty(selection.selector);
  const globs = selectsAll ? ['*'] : (selection.names ?? []).filter((glob) => !isExcludedName(glob, exclude?.names));
  const selector = selectsAll ? undefined : selection.selector;
  const labels = selector === undefined ? [] : requiredValues(selector);
  return {
    globs: sortGlobs(globs),
    labels,
    hasOtherSelector: selector !== undefined && labels.length === 0,
    secret: secretName,
    conditions: {
      ...accountsOf(accounts),
      ...excludesOf(exclude?.names ?? []),
      ...(exclude?.selector && { excludeSelector: exclude.selector }),
      ...(selector && { selector }),
      ...(selector && globs.length > 0 && { namedPattern: regularExpression([...new Set(globs.map(shortest))]) }),
    },
  };
}

/** The fields of a rule about ServiceAccounts. */
export function accountsOf(globs: readonly string[]): Pick<Conditions, 'accounts' | 'accountPattern'> {
  const { names, wild } = split(globs);
  if (wild.includes('*')) return {};
  return { ...(names.length > 0 && { accounts: names }), ...(wild.length > 0 && { accountPattern: regularExpression(wild) }) };
}

function excludesOf(globs: readonly string[]): Pick<Conditions, 'excludes' | 'excludePattern'> {
  const { names, wild } = split(globs);
  return { ...(names.length > 0 && { excludes: names }), ...(wild.length > 0 && { excludePattern: regularExpression(wild) }) };
}

/** A comparison with a list of names is cheaper than a regular expression. */
function split(globs: readonly string[]) {
  const all = [...new Set(globs.map(shortest))];
  const isWild = (glob: string) => /[*?]/.test(glob);
  return { names: all.filter((glob) => !isWild(glob)), wild: all.filter(isWild) };
}

const isExcludedName = (glob: string, excludes: readonly string[] = []) =>
  !/[*?]/.test(glob) && excludes.some((exclude) => matchesGlob(exclude, glob));

const isEmpty = ({ matchLabels = {}, matchExpressions = [] }: Selector) =>
  Object.keys(matchLabels).length === 0 && matchExpressions.length === 0;

/** The values of one label, as `key=value`, of which a matching namespace has exactly one. Empty if the selector requires no value. */
function requiredValues({ matchLabels = {}, matchExpressions = [] }: Selector): string[] {
  const [label] = Object.entries(matchLabels);
  if (label) return [label.join('=')];
  const listed = matchExpressions.find(({ operator }) => operator === 'In');
  return [...new Set(listed?.values)].map((value) => `${listed?.key}=${value}`);
}
