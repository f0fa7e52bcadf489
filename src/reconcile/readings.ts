import type { WorkQueue } from '../queue/queue.ts';
import type { Key } from '../triggers/keys.ts';
import type { Context } from './context.ts';
import type { Tally } from './tally.ts';

/** How the work of one term stands, for whoever looks: made when it is asked for. */
export interface Readings {
  readonly queueDepth: number;
  readonly queueAgeSeconds: number;
  /** How many keys the API server lets us work on at once. */
  readonly queueWidth: number;
  placements(): Iterable<{ credential: string; kind: 'Secret' | 'ServiceAccount'; states: Record<string, number> }>;
  /** As the status says it. */
  conditions(): Iterable<{ credential: string; type: string; status: string; reason: string }>;
  sources(): Iterable<{ source: string; changedAt: number }>;
}

export function readingsOf({ books, world, now }: Context, queue: WorkQueue<Key>): Readings {
  return {
    get queueDepth() {
      return queue.depth;
    },
    get queueAgeSeconds() {
      return (now() - (queue.oldestSince ?? now())) / 1000;
    },
    get queueWidth() {
      return queue.width;
    },
    *placements() {
      for (const [credential, book] of books) {
        yield { credential, kind: 'Secret', states: statesOf(book.secrets) };
        yield { credential, kind: 'ServiceAccount', states: statesOf(book.accounts) };
      }
    },
    *conditions() {
      for (const { name, status } of world.credentials.all()) {
        for (const { type, status: holds, reason } of status?.conditions ?? []) yield { credential: name, type, status: holds, reason };
      }
    },
    *sources() {
      for (const { namespace, name, changedAt } of world.sources.records()) yield { source: `${namespace}/${name}`, changedAt };
    },
  };
}

/** So that the sum over all states is what is wanted. */
function statesOf(tally: Tally): Record<string, number> {
  const { desired, synced, failed, conflicted } = tally.counters();
  return { synced, failed, conflicted, pending: Math.max(0, desired - synced - failed - conflicted) };
}
