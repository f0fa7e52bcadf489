import { matchesGlob } from '../targets/match.ts';

/** Globs, sorted by how the policy looks them up. No name matches two of the four, except for `patterns`, which are one regular expression. */
export interface SortedGlobs {
  /** Without wildcards. */
  readonly names: readonly string[];
  /** `team-*`, without the wildcard. */
  readonly prefixes: readonly string[];
  /** `*-prod`, without the wildcard. */
  readonly suffixes: readonly string[];
  /** The others, as one regular expression; undefined if there are none. */
  readonly pattern: string | undefined;
}

const isName = (glob: string) => !/[*?]/.test(glob);
const isPrefix = (glob: string) => /^[^*?]*\*$/.test(glob);
const isSuffix = (glob: string) => /^\*[^*?]+$/.test(glob);

/** Sorts globs by how the policy looks them up. Globs that match only what another one matches are left out. */
export function sortGlobs(globs: readonly string[]): SortedGlobs {
  const all = withoutCovered([...new Set(globs.map(shortest))]);
  const names = all.filter(isName);
  const wild = all.filter((glob) => !isName(glob));
  const prefixes = wild.filter(isPrefix);
  const suffixes = wild.filter(isSuffix);
  // A name can match a prefix and a suffix, and would be found twice. One expression finds it once.
  const isOverlapping = prefixes.length + suffixes.length < wild.length || (prefixes.length > 0 && suffixes.length > 0);
  if (isOverlapping) return { names, prefixes: [], suffixes: [], pattern: regularExpression(wild) };
  return {
    names,
    prefixes: prefixes.map((glob) => glob.slice(0, -1)),
    suffixes: suffixes.map((glob) => glob.slice(1)),
    pattern: undefined,
  };
}

/** `**` matches what `*` matches, and costs twice as much. */
export const shortest = (glob: string): string => glob.replace(/\*+/g, '*');

/** One regular expression that matches what one of the globs matches. Only * and ? are special in a glob. */
export const regularExpression = (globs: readonly string[]): string =>
  `^(${globs
    .map((glob) =>
      glob
        .replace(/[^\w*?-]/g, '\\$&')
        .replaceAll('*', '.*')
        .replaceAll('?', '.'),
    )
    .join('|')})$`;

/** Without the globs that match only what another one matches: names that a wildcard matches, and longer prefixes and suffixes. */
function withoutCovered(globs: readonly string[]): string[] {
  const wild = globs.filter((glob) => !isName(glob));
  // As a name, a prefix or suffix stands for itself: `team-*` matches the text `team-a-*`.
  const coverable = (glob: string) => isName(glob) || isPrefix(glob) || isSuffix(glob);
  const covers = (other: string, glob: string) =>
    other !== glob && (isName(glob) || isPrefix(other) || isSuffix(other)) && matchesGlob(other, glob);
  return globs.filter((glob) => !coverable(glob) || !wild.some((other) => covers(other, glob)));
}
