/**
 * How often another controller or user reverted the operator's writes to one object.
 *
 * Each repair of the same desired state adds one to a bucket, which leaks by one a minute. Within the budget the operator repairs at once.
 * Beyond the budget it waits before each repair, and doubles the wait each time. It also reports Contested.
 *
 * A controller that reverts every few minutes, such as Argo CD's self-heal or Flux, never exceeds the budget, so the operator always repairs
 * at once. After ten repairs in a row it still reports Contested, because pods lack the Secret or the reference between repairs.
 */
export interface DriftHistory {
  /** The desired state that was written. A write of another state starts a new history. */
  readonly desiredState: string;
  readonly bucketLevel: number;
  /** When the last repair was written, in milliseconds of a clock that does not jump. */
  readonly at: number;
  /** The number of repairs in a row. A repair continues the row if it comes within an hour of the previous one. */
  readonly repairsInRow: number;
  /** Milliseconds between the last two repairs. */
  readonly gapMs: number;
  /** Set if the API server accepted the last write, but did not store it as sent. */
  readonly rejected?: Rejection;
}

/** A part of a write that an admission policy or webhook of the API server replaced or removed. */
export interface Rejection {
  /** Such as `metadata.labels["team"]`. */
  readonly field: string;
  /** The uid of the object that the API server stored. */
  readonly uid: string;
  /** For a ServiceAccount: the names that the write recorded as the operator's. */
  readonly names?: readonly string[];
}

/** The limits of the back-off, as DriftHistory explains them. `rowMs`: a repair after a longer time begins a new row. */
export const DRIFT_LIMITS = { budget: 10, leakMs: 60_000, firstWaitMs: 1000, longestWaitMs: 300_000, rowMs: 3_600_000 } as const;

/** The history after one more repair of `desiredState`. */
export function afterRepair(before: DriftHistory | undefined, desiredState: string, now: number): DriftHistory {
  if (before?.desiredState !== desiredState) return { desiredState, bucketLevel: 1, at: now, repairsInRow: 1, gapMs: 0 };
  const gapMs = now - before.at;
  return {
    desiredState,
    bucketLevel: leaked(before, now) + 1,
    at: now,
    repairsInRow: gapMs < DRIFT_LIMITS.rowMs ? before.repairsInRow + 1 : 1,
    gapMs,
  };
}

/**
 * The history after a write that the API server accepted, but did not store as sent. The same write has the same result until a person
 * changes the policy, so the operator waits from the first rejection on.
 */
export function afterRejection(before: DriftHistory | undefined, desiredState: string, now: number, rejected: Rejection): DriftHistory {
  const counted = afterRepair(before, desiredState, now);
  return { ...counted, bucketLevel: Math.max(counted.bucketLevel, DRIFT_LIMITS.budget), rejected };
}

/**
 * Milliseconds to wait before the next repair of `desiredState`: 0 within the budget. It is also 0 once the last repair has lasted as long
 * as the operator would have waited, because then the conflict is over.
 */
export function repairDelayMs(history: DriftHistory | undefined, desiredState: string, now: number): number {
  if (history?.desiredState !== desiredState) return 0;
  return Math.max(0, history.at + waitAt(history.bucketLevel) - now);
}

/**
 * For how many more milliseconds to report Contested: as long as the operator waits. If repairs are minutes apart, until the last repair
 * has lasted twice as long as the previous one.
 */
export function contestedForMs(history: DriftHistory | undefined, desiredState: string, now: number): number {
  const wait = repairDelayMs(history, desiredState, now);
  if (history?.desiredState !== desiredState || history.repairsInRow < DRIFT_LIMITS.budget) return wait;
  return Math.max(wait, history.at + 2 * history.gapMs - now);
}

/** Whether the bucket is empty and the row has ended, so that the history can be dropped. */
export const isOver = (history: DriftHistory, now: number): boolean => leaked(history, now) === 0 && now - history.at >= DRIFT_LIMITS.rowMs;

/** The bucket does not leak during the back-off, only afterwards. */
function leaked({ bucketLevel, at }: DriftHistory, now: number): number {
  const lastedMs = Math.max(0, now - at - waitAt(bucketLevel));
  return Math.max(0, bucketLevel - lastedMs / DRIFT_LIMITS.leakMs);
}

function waitAt(level: number): number {
  const beyond = Math.floor(level - DRIFT_LIMITS.budget);
  return beyond < 0 ? 0 : Math.min(DRIFT_LIMITS.longestWaitMs, DRIFT_LIMITS.firstWaitMs * 2 ** beyond);
}
