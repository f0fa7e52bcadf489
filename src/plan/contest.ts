/**
 * Whether somebody keeps undoing what we do. Each write to an object that puts the same thing right again fills a bucket,
 * which leaks by one a minute. Within the budget drift is repaired at once; beyond it we wait, twice as long each time,
 * and say so: two managers that answer one another at full speed help nobody.
 */
export interface Contest {
  /** What was written: a write of something else begins anew. */
  readonly what: string;
  readonly level: number;
  /** Milliseconds on any clock that does not jump. */
  readonly at: number;
}

export const CONTEST = { budget: 10, leakMs: 60_000, firstWaitMs: 1000, longestWaitMs: 300_000 } as const;

/** The state after one more write. */
export function wrote(before: Contest | undefined, what: string, now: number): Contest {
  const level = before?.what === what ? leaked(before, now) : 0;
  return { what, level: level + 1, at: now };
}

/**
 * How long to wait before writing `what` again, in milliseconds: 0 within the budget, and 0 once the last write has stood
 * for as long as we would have waited: then the contest is over.
 */
export function waitMs(contest: Contest | undefined, what: string, now: number): number {
  if (contest?.what !== what) return 0;
  return Math.max(0, contest.at + waitAt(contest.level) - now);
}

/** Whether nothing is left in the bucket, and the contest can be forgotten. */
export const isForgotten = (contest: Contest, now: number): boolean => leaked(contest, now) === 0;

/** The time that we waited is no time in which our write stood: only what comes after it leaks. */
function leaked({ level, at }: Contest, now: number): number {
  const stood = Math.max(0, now - at - waitAt(level));
  return Math.max(0, level - stood / CONTEST.leakMs);
}

function waitAt(level: number): number {
  const beyond = Math.floor(level - CONTEST.budget);
  return beyond < 0 ? 0 : Math.min(CONTEST.longestWaitMs, CONTEST.firstWaitMs * 2 ** Math.min(30, beyond));
}
