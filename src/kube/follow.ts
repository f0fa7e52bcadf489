import { setTimeout as delay } from 'node:timers/promises';
import type { ObjectRecord } from '../api/records.ts';
import type { Store } from './store.ts';
import { type WatchContext, type WatchEvent, type WatchTarget, watch } from './watch.ts';

/** What every watch of a store needs, apart from its target. */
export interface FollowContext extends WatchContext {
  /** Called at each interruption, and without an error when the watch has recovered. The watch retries by itself. */
  readonly interrupted: (target: WatchTarget<unknown>, error: unknown) => void;
  /** Called when an interruption has lasted for `outdatedAfterMs`, so that the store may be outdated. Called again when that is over. */
  readonly outdated: (target: WatchTarget<unknown>, isOutdated: boolean, error: unknown) => void;
  /** Called when the watch begins to list the collection, and when the API server begins to deliver its changes. */
  readonly progress?: (target: WatchTarget<unknown>, what: 'lists' | 'watches') => void;
  /** Called when the watch is stopped, interrupted or not. */
  readonly ended: (target: WatchTarget<unknown>) => void;
  readonly outdatedAfterMs?: number;
}

/** Longer than the restart of an API server usually takes. */
const OUTDATED_AFTER_MS = 60_000;

/**
 * Keeps a store in sync with the API server until the signal is aborted. Calls `onStateChange` when the store becomes synced, fails, recovers
 * or may be outdated. Never rejects: after a fault of the program it lists again.
 */
export async function follow<R extends ObjectRecord>(
  context: FollowContext,
  target: WatchTarget<R>,
  store: Store<R>,
  signal: AbortSignal,
  onStateChange: () => void = () => {},
): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const becomesOutdated = () => {
    store.accept({ type: 'outdated' });
    context.outdated(target, true, store.error);
    onStateChange();
  };
  for (let faults = 0; !signal.aborted; faults++) {
    try {
      for await (const event of watch(context, target, signal)) {
        if (event.type === 'failed') timer ??= setTimeout(becomesOutdated, context.outdatedAfterMs ?? OUTDATED_AFTER_MS);
        else if (!isPartOfList(event.type)) {
          clearTimeout(timer);
          timer = undefined;
        }
        acceptInto(store, event, context, target, onStateChange);
      }
    } catch (fault) {
      context.interrupted(target, fault);
      await delay(context.retryMs(faults), undefined, { signal }).catch(() => {});
    }
  }
  clearTimeout(timer);
  if (store.isOutdated) context.outdated(target, false, undefined);
  context.ended(target);
}

function acceptInto<R extends ObjectRecord>(
  store: Store<R>,
  event: WatchEvent<R>,
  context: FollowContext,
  target: WatchTarget<R>,
  onStateChange: () => void,
): void {
  const { synced, error, isOutdated } = store;
  if (event.type === 'init') context.progress?.(target, 'lists');
  if (event.type === 'opened') context.progress?.(target, 'watches');
  store.accept(event);
  if (event.type === 'failed' || store.error !== error) context.interrupted(target, store.error);
  if (isOutdated && !store.isOutdated) context.outdated(target, false, undefined);
  const hasRecovered = (store.error === undefined) !== (error === undefined);
  if (store.synced !== synced || hasRecovered || store.isOutdated !== isOutdated) onStateChange();
}

/** These events do not end an interruption, because the list may still fail. */
const isPartOfList = (type: string) => type === 'init' || type === 'listed' || type === 'unlisted';
