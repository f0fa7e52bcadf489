import { REASON, type Reason } from '../api/reasons.ts';
import { classify, type Failure as FailureKind, KubeError, retryAfterMsOf } from '../kube/errors.ts';
import type { Content } from '../plan/resolve.ts';
import { repeatable } from '../plan/words.ts';
import { type Backoff, backoffMs } from '../queue/backoff.ts';
import type { Again } from '../queue/queue.ts';
import { idOf, type Key } from '../triggers/keys.ts';
import type { Context } from './context.ts';
import type { Failure } from './tally.ts';

/** What has become of one action. */
export type Outcome = { readonly done: true } | { readonly failed: FailureKind; readonly error: unknown };

/** Runs one step. Whatever it throws is an outcome, to be counted, reported and tried again. */
export async function attempt(step: () => Promise<void>): Promise<Outcome> {
  try {
    await step();
    return { done: true };
  } catch (error) {
    return { failed: classify(error), error };
  }
}

/** Waits between two tries: short where the watch is about to bring what we did not know, long where a person must act. */
const BACKOFF: Record<FailureKind, Backoff> = {
  stale: { firstMs: 20, longestMs: 10_000 },
  gone: { firstMs: 100, longestMs: 30_000 },
  passing: { firstMs: 200, longestMs: 30_000 },
  refused: { firstMs: 500, longestMs: 60_000 },
};

/** How often something has to fail, with nobody saying no, before it is called a failure and not work under way. */
const PATIENCE = 5;

/** The whole retry policy: when a key whose work failed is to be run again, and whether a person should hear of it. */
export function retry(context: Context, key: Key, outcomes: readonly Outcome[]): { again?: Again; tell: boolean } {
  const id = idOf(key);
  const failed = outcomes.filter((outcome) => 'failed' in outcome);
  for (const { failed: reason } of failed) context.failed(key.kind, reason);
  if (failed.length === 0) {
    context.failures.delete(id);
    return { tell: false };
  }
  const attempts = context.failures.get(id) ?? 0;
  context.failures.set(id, attempts + 1);
  const waits = failed.map(({ failed, error }) => Math.max(backoffMs(BACKOFF[failed], attempts, context.random()), retryAfterMsOf(error)));
  return {
    again: { afterMs: Math.max(...waits) },
    tell: failed.some(({ failed }) => failed === 'refused') || attempts + 1 >= PATIENCE,
  };
}

/** A failed write as the status tells it: what was being done, and the API server's words. */
export function failureOf(
  at: Pick<Failure, 'namespace' | 'kind' | 'name'>,
  doing: string,
  error: unknown,
  content: Content | undefined,
): Failure {
  const words = repeatable(error instanceof Error ? error.message : String(error), content);
  return { ...at, reason: reasonOf(error), message: `${doing} failed: ${words}`, conflict: false, final: isFinal(error) };
}

/** What a status calls it that a write, or what had to be known for it, failed. */
export function reasonOf(error: unknown): Reason {
  if (error instanceof KubeError && error.status === 403) return REASON.forbidden;
  return classify(error) === 'refused' ? REASON.refused : REASON.unavailable;
}

/**
 * Whether the API server gave its answer, and waiting will not mend it. A failing admission webhook comes as 500; a server
 * that asks for patience, or is not there, may yet say yes.
 */
const isFinal = (error: unknown) =>
  error instanceof KubeError && error.status >= 400 && error.status <= 500 && ![408, 409, 429].includes(error.status);
