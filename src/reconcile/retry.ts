import { REASON, type Reason } from '../api/reasons.ts';
import { classify, type ErrorKind, KubeError, retryAfterMsOf } from '../kube/errors.ts';
import type { Content } from '../plan/content/content.ts';
import { redact } from '../plan/content/redact.ts';
import { type Backoff, backoffMs } from '../queue/backoff.ts';
import { idOf, type Key } from '../queue/keys.ts';
import type { Requeue } from '../queue/queue.ts';
import type { PlacementFailure } from '../status/placement-counts.ts';
import { forgetOldest } from './forget-oldest.ts';

/** The outcome of one step of a reconciler. */
export type StepOutcome = { readonly done: true } | { readonly failed: ErrorKind; readonly error: unknown };

/** Runs one step, and returns an error as an outcome: the caller counts, reports and retries it. */
export async function attempt(step: () => Promise<void>): Promise<StepOutcome> {
  try {
    await step();
    return { done: true };
  } catch (error) {
    return { failed: classify(error), error };
  }
}

/** Waits between two attempts. They are short where the watch is about to deliver the missing change, and long where a person must act. */
const BACKOFF: Record<ErrorKind, Backoff> = {
  stale: { firstMs: 20, longestMs: 10_000 },
  gone: { firstMs: 100, longestMs: 30_000 },
  passing: { firstMs: 200, longestMs: 30_000 },
  refused: { firstMs: 500, longestMs: 60_000 },
};

/** After this many failures in a row, the status reports the failure, even if nothing was refused. Before that, it reports pending work. */
const REPORT_AFTER = 5;

/** When to run a key again, and whether the status reports the failure. */
export interface RetryDecision {
  readonly requeue?: Requeue;
  readonly isReported: boolean;
}

/** An attempt that failed, and when the next one follows. */
export interface FailedAttempt {
  readonly key: Key;
  /** Which object of the key, if the key has several. */
  readonly part: string;
  readonly reason: ErrorKind;
  readonly error: unknown;
  readonly afterMs: number;
}

/** The retry policy of the reconcilers. It counts the failures in a row of each key, or of each object of a key that has several. */
export class RetryPolicy {
  readonly #failuresInRow = new Map<string, number>();
  readonly #onFailure: (failure: FailedAttempt) => void;
  readonly #random: () => number;

  constructor(onFailure: (failure: FailedAttempt) => void, random: () => number) {
    this.#onFailure = onFailure;
    this.#random = random;
  }

  /**
   * Call it with the outcome of each attempt.
   *
   * @param part which object of the key, if the key has several. Each object has its own count.
   */
  decide(key: Key, outcome: StepOutcome, part = ''): RetryDecision {
    if ('done' in outcome) {
      this.succeeded(key, part);
      return { isReported: false };
    }
    const { failed, error } = outcome;
    const id = partId(key, part);
    const attempts = this.#failuresInRow.get(id) ?? 0;
    this.#failuresInRow.set(id, attempts + 1);
    forgetOldest(this.#failuresInRow);
    const afterMs = Math.max(backoffMs(BACKOFF[failed], attempts, this.#random()), retryAfterMsOf(error));
    this.#onFailure({ key, part, reason: failed, error, afterMs });
    return { requeue: { afterMs }, isReported: failed === 'refused' || attempts + 1 >= REPORT_AFTER };
  }

  succeeded(key: Key, part = ''): void {
    this.#failuresInRow.delete(partId(key, part));
  }
}

const partId = (key: Key, part: string) => `${idOf(key)} ${part}`;

/** A failed write, as the status reports it: the step, the API server's message without secret values, and the fix if a person must act. */
export function failureOf(
  at: Pick<PlacementFailure, 'namespace' | 'kind' | 'name'>,
  step: string,
  error: unknown,
  content: Content | undefined,
): PlacementFailure {
  const cause = redact(error instanceof Error ? error.message : String(error), content).replace(/\.$/, '');
  const reason = reasonOf(error);
  const message = [`${step} failed: ${cause}.`, ...fixOf(reason)].join(' ');
  return { ...at, reason, message, isConflict: false, needsPerson: needsPersonToAct(error) };
}

/** The reason that the status gives for a failed request. */
export function reasonOf(error: unknown): Reason {
  if (error instanceof KubeError && error.status === 403) return REASON.forbidden;
  return classify(error) === 'refused' ? REASON.refused : REASON.unavailable;
}

function fixOf(reason: Reason): string[] {
  if (reason === REASON.forbidden) return ['Grant the permissions in manifests/rbac.yaml, or find the policy that refuses.'];
  return reason === REASON.refused ? ['Find the admission policy or webhook that refuses this write.'] : [];
}

/**
 * Whether the API server has answered and waiting does not help. A failing admission webhook answers with 500. A server that asks
 * to wait, or does not answer, may still accept the write later.
 */
const needsPersonToAct = (error: unknown) =>
  error instanceof KubeError && error.status >= 400 && error.status <= 500 && ![408, 409, 429].includes(error.status);
