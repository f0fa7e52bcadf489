import { forgetOldest } from './forget-oldest.ts';
import type { StepOutcome } from './retry.ts';

/** A write that failed, and that is not sent again before `until`. */
export interface FailedWrite {
  /** Everything that the write was decided on. A write with another basis may be sent at once. */
  readonly basis: string;
  /** In milliseconds of a clock that does not jump. */
  readonly until: number;
  readonly outcome: Extract<StepOutcome, { readonly failed: unknown }>;
  readonly isReported: boolean;
}

/** The last failed write of each object, for a key that has several objects. One object's back-off does not delay the others. */
export class FailedWrites {
  readonly #failed = new Map<string, FailedWrite>();
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** The failed write for which this one must wait, and for how many milliseconds; undefined if this one may be sent. */
  waitOf(id: string, basis: string): (FailedWrite & { readonly afterMs: number }) | undefined {
    const failed = this.#failed.get(id);
    const afterMs = (failed?.until ?? 0) - this.#now();
    return failed?.basis === basis && afterMs > 0 ? { ...failed, afterMs } : undefined;
  }

  /** Notes a failed write, which must not be sent again for `afterMs` milliseconds. */
  add(id: string, afterMs: number, failed: Omit<FailedWrite, 'until'>): void {
    this.#failed.set(id, { ...failed, until: this.#now() + afterMs });
    forgetOldest(this.#failed);
  }

  /** Call when the object was written, or needs no write any more. */
  forget(id: string): void {
    this.#failed.delete(id);
  }
}
