/** Whether a process stayed flat while it worked. */

/** What a process used at one moment. */
export interface Sample {
  /** Its resident memory. */
  readonly mebibytes: number;
  /** Its open files and connections. */
  readonly handles: number;
}

export interface Verdict {
  /** The medians of the second quarter and of the last one: the first quarter is the warm-up. */
  readonly before: Sample;
  readonly after: Sample;
  /** What grew too much, one sentence for each. */
  readonly problems: readonly string[];
}

/** Garbage collection and the kernel's lazy reclaim move the memory of a process that leaks nothing. */
const MEMORY_MAY_GROW = { factor: 1.15, mebibytes: 8 };
/** Connections to the API server come and go. */
const HANDLES_MAY_GROW = 8;
const FEWEST = 8;

/** Compares the samples of a run, which are in order and at regular intervals. Throws if there are fewer than eight. */
export function verdictOf(samples: readonly Sample[]): Verdict {
  if (samples.length < FEWEST) throw new Error(`${samples.length} samples are too few: run it longer.`);
  const quarter = Math.floor(samples.length / 4);
  const before = medianOf(samples.slice(quarter, 2 * quarter));
  const after = medianOf(samples.slice(-quarter));
  const problems: string[] = [];
  if (after.mebibytes > before.mebibytes * MEMORY_MAY_GROW.factor + MEMORY_MAY_GROW.mebibytes)
    problems.push(`The memory grew from ${before.mebibytes} to ${after.mebibytes} MiB.`);
  if (after.handles > before.handles + HANDLES_MAY_GROW)
    problems.push(`The open files and connections grew from ${before.handles} to ${after.handles}.`);
  return { before, after, problems };
}

function medianOf(samples: readonly Sample[]): Sample {
  const middle = (of: (sample: Sample) => number) => samples.map(of).sort((a, b) => a - b)[samples.length >> 1] as number;
  return { mebibytes: middle(({ mebibytes }) => mebibytes), handles: middle(({ handles }) => handles) };
}
