/**
 * Whether somebody keeps undoing what we do. Each write to an object that puts the same thing right again fills a bucket,
 * which leaks by one a minute. Within the budget drift is repaired at once; beyond it we wait, twice as long each time,
 * and say so: two managers that answer one another at full speed help nobody.
 *
 * One that comes by every few minutes, as Argo CD's self-healing and Flux do, is answered at once for ever. But that it keeps
 * coming is told of, too, once there were as many repairs in a row: in between there are moments without what we place.
 */
export interface Contest {
  /** What was written: a write of something else begins anew. */
  readonly what: string;
  readonly level: number;
  /** Milliseconds on any clock that does not jump. */
  readonly at: number;
  /** How many writes there were in a row, each within an hour of the one before, */
  readonly row: number;
  /** and how long before the last of them the one before it was. */
  readonly gap: number;
}

export const CONTEST = { budget: 10, leakMs: 60_000, firstWaitMs: 1000, longestWaitMs: 300_000, rowMs: 3_600_000 } as const;

/** The state after one more write. */
export function wrote(before: Contest | undefined, what: string, now: number): Contest {
  if (before?.what !== what) return { what, level: 1, at: now, row: 1, gap: 0 };
  const gap = now - before.at;
  return { what, level: leaked(before, now) + 1, at: now, row: gap < CONTEST.rowMs ? before.row + 1 : 1, gap };
}

/**
 * How long to wait before writing `what` again, in milliseconds: 0 within the budget, and 0 once the last write has stood
 * for as long as we would have waited: then the contest is over.
 */
export function waitMs(contest: Contest | undefined, what: string, now: number): number {
  if (contest?.what !== what) return 0;
  return Math.max(0, contest.at + waitAt(contest.level) - now);
}

/**
 * How long there is a contest to tell of, in milliseconds: as long as we wait, and where writes are minutes apart until the
 * last one has stood for twice as long as the one before it did.
 */
export function tellMs(contest: Contest | undefined, what: string, now: number): number {
  const wait = waitMs(contest, what, now);
  if (contest?.what !== what || contest.row < CONTEST.budget) return wait;
  return Math.max(wait, contest.at + 2 * contest.gap - now);
}

/** Whether nothing is left in the bucket and the row has ended, so that the contest can be forgotten. */
export const isForgotten = (contest: Contest, now: number): boolean => leaked(contest, now) === 0 && now - contest.at >= CONTEST.rowMs;

/** The time that we waited is no time in which our write stood: only what comes after it leaks. */
function leaked({ level, at }: Contest, now: number): number {
  const stood = Math.max(0, now - at - waitAt(level));
  return Math.max(0, level - stood / CONTEST.leakMs);
}

function waitAt(level: number): number {
  const beyond = Math.floor(level - CONTEST.budget);
  return beyond < 0 ? 0 : Math.min(CONTEST.longestWaitMs, CONTEST.firstWaitMs * 2 ** Math.min(30, beyond));
}
