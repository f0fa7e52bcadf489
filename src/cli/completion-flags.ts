import type { ClusterFlags } from './kubeconfig.ts';

/** The flags of an unfinished command line that choose a cluster and a namespace. */
export function clusterFlags(words: readonly string[]): ClusterFlags & { readonly namespace?: string } {
  const flag = (name: 'kubeconfig' | 'context' | 'namespace', ...spellings: string[]) => {
    const value = valueAfter(words.slice(0, -1), spellings);
    return value === undefined ? {} : { [name]: value };
  };
  return { ...flag('kubeconfig', '--kubeconfig'), ...flag('context', '--context'), ...flag('namespace', '--namespace', '-n') };
}

/** The value of a flag: the next word, or the part after =. */
function valueAfter(words: readonly string[], spellings: readonly string[]): string | undefined {
  for (const [at, word] of words.entries()) {
    if (spellings.includes(word)) return words[at + 1];
    const assigned = spellings.find((spelling) => word.startsWith(`${spelling}=`));
    if (assigned !== undefined) return word.slice(assigned.length + 1);
  }
  return undefined;
}
