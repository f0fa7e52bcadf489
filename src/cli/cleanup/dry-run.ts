/** client: print what would be done. server: also ask the API server whether it would accept that. none: do it. */
export const DRY_RUNS = ['client', 'server', 'none'] as const;
export type DryRun = (typeof DRY_RUNS)[number];

/** The words of a command line, with `--dry-run` alone as the dry run that it says: a NAME after it is not its value. */
export const withDryRunValue = (words: readonly string[]): string[] =>
  words.map((word, at) => {
    const next = words[at + 1];
    return word === '--dry-run' && !DRY_RUNS.some((how) => how === next) ? '--dry-run=client' : word;
  });
