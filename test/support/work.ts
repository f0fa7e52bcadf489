/** Runs the keys of one leader term over a cluster in memory, without a queue: a test turns the clock. */
import { expect } from 'chai';
import type { reconcilers } from './reconcilers.ts';

export type Term = ReturnType<typeof reconcilers>;

/** The leader observes the cluster for the first time, and enqueues everything. */
export function begin(term: Term): void {
  term.cluster.deliver();
  term.triggers.all();
}

/** Runs the enqueued keys until nothing is left. Notes in `waits` when each token wants to be looked at again, by the term's clock. */
export async function work(term: Term, waits = new Map<string, number>()): Promise<void> {
  for (let round = 0; round < 50; round++) {
    term.cluster.deliver();
    const keys = new Set([...term.enqueued.splice(0), ...term.enqueuedStates.splice(0)]);
    if (keys.size === 0) return;
    for (const key of keys) {
      const [kind, ...at] = key.split(' ');
      if (kind === 'credential') await term.run.credential(at[0]);
      if (kind === 'accounts') await term.run.accounts(at[0]);
      if (kind === 'secret') await term.run.secret(at[1], at[0]);
      if (kind === 'state') await term.run.state(at[0]);
      if (kind !== 'token') continue;
      const requeue = await term.run.token(at[0] as string);
      if (requeue) waits.set(at[0] as string, term.clock.now + requeue.afterMs);
    }
  }
  expect.fail('the keys never come to an end');
}
