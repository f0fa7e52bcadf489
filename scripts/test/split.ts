/** Which test files run in which process. */

export interface TimedFile {
  readonly file: string;
  /** How long it takes, in seconds. */
  readonly seconds: number;
}

/**
 * Splits the files over at most `jobs` processes, so that all of them end at about the same time: the longest file first, each to the process
 * that has the least to do. In every process the longest file comes first.
 */
export function split(files: readonly TimedFile[], jobs: number): TimedFile[][] {
  const shares = Array.from({ length: Math.min(jobs, files.length) }, () => ({ files: [] as TimedFile[], seconds: 0 }));
  // By name where the time is the same: the same files always run together.
  const longestFirst = files.toSorted((a, b) => b.seconds - a.seconds || a.file.localeCompare(b.file));
  for (const one of longestFirst) {
    const share = shares.reduce((least, next) => (next.seconds < least.seconds ? next : least));
    share.files.push(one);
    share.seconds += one.seconds;
  }
  return shares.map((share) => share.files);
}
