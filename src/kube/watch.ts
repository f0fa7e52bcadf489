import { setTimeout as delay } from 'node:timers/promises';
import type { Call, Kube } from './client.ts';
import { isExpired, isNotFound, KubeError, type Status } from './errors.ts';
import type { KubeObject } from './records.ts';

/** A collection to follow, and what to keep of each object in it. */
export interface Target<R> {
  /** The path of the collection, for example /api/v1/namespaces. */
  readonly path: string;
  /** The same in an older version of the API, for API servers that know none at `path`. */
  readonly olderPath?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  readonly read: (object: KubeObject) => R;
}

/**
 * - init, listed…, initDone: all that is there. What was there before and is not listed has been deleted meanwhile, so
 *   a deletion cannot be lost over a reconnect
 * - applied, deleted: a change since
 * - seen: nothing changed up to this resourceVersion
 * - failed: the watch is interrupted, and goes on by itself
 */
export type WatchEvent<R> =
  | { readonly type: 'init' }
  | { readonly type: 'listed'; readonly record: R }
  | { readonly type: 'initDone'; readonly resourceVersion: string }
  | { readonly type: 'applied'; readonly record: R }
  | { readonly type: 'deleted'; readonly record: R }
  | { readonly type: 'seen'; readonly resourceVersion: string }
  | { readonly type: 'failed'; readonly error: unknown };

interface List {
  readonly metadata: { readonly resourceVersion: string; readonly continue?: string };
  readonly items: readonly KubeObject[];
}

interface WatchLine {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  readonly object: KubeObject & Status;
}

const PAGE = '500';

/**
 * Follows a collection until the signal is aborted: list, then watch from there, again from where it ended, and from the
 * list where that is too long ago. It never gives up, and never ends by itself.
 *
 * https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes
 */
export async function* watch<R>(
  kube: Kube,
  target: Target<R>,
  retryMs: (attempt: number) => number,
  signal: AbortSignal,
): AsyncGenerator<WatchEvent<R>, void, undefined> {
  let resourceVersion: string | undefined;
  let { path } = target;
  let failures = 0;
  while (!signal.aborted) {
    const begun = performance.now();
    try {
      if (resourceVersion === undefined) {
        yield { type: 'init' };
        let listed = '';
        for await (const page of pages(kube, { ...target, path }, signal)) {
          for (const item of page.items) yield { type: 'listed', record: target.read(item) };
          listed = page.metadata.resourceVersion;
        }
        // Only now: a list that broke off in the middle has to be begun anew.
        resourceVersion = listed;
        yield { type: 'initDone', resourceVersion };
      }
      for await (const { type, object } of kube.lines<WatchLine>(path, watchCall(target, resourceVersion, signal))) {
        if (type === 'ERROR') throw new KubeError(object.message ?? 'the watch failed', object.code ?? 0, object);
        failures = 0;
        resourceVersion = object.metadata.resourceVersion;
        if (type === 'BOOKMARK') yield { type: 'seen', resourceVersion };
        else yield { type: type === 'DELETED' ? 'deleted' : 'applied', record: target.read(object) };
      }
      // The API server ends every watch after a while. One that ends at once is not that, and must not become a hot loop.
      if (performance.now() - begun > 1000) continue;
    } catch (error) {
      if (signal.aborted) return;
      // Too old to go on from, or a kind that is not served any more and may come back empty: all has to be listed anew.
      if (isExpired(error) || isNotFound(error)) resourceVersion = undefined;
      if (isExpired(error) && failures++ === 0) continue;
      if (isNotFound(error)) {
        // The older one at once; and in the end again the newer, as the cluster may be upgraded.
        const older = path === target.path ? target.olderPath : undefined;
        path = older ?? target.path;
        if (older !== undefined) continue;
      }
      yield { type: 'failed', error };
    }
    await delay(retryMs(failures++), undefined, { signal }).catch(() => {});
  }
}

/** All that is there now. Throws a KubeError. */
export async function* list<R>(kube: Kube, target: Target<R>, signal?: AbortSignal): AsyncGenerator<R, void, undefined> {
  for await (const { items } of pages(kube, target, signal)) for (const item of items) yield target.read(item);
}

/** Lists page by page, so that a large cluster is never held in memory as a whole. */
async function* pages<R>(kube: Kube, target: Target<R>, signal?: AbortSignal): AsyncGenerator<List, void, undefined> {
  let next: string | undefined;
  do {
    const page: List = await kube.call('GET', target.path, {
      query: { ...selectors(target), limit: PAGE, ...(next && { continue: next }) },
      ...(signal && { signal }),
    });
    yield page;
    next = page.metadata.continue;
  } while (next);
}

function watchCall<R>(target: Target<R>, resourceVersion: string, signal: AbortSignal): Call {
  // A different end for each watch, as client-go has it, so that they do not all come back at the same moment.
  const timeoutSeconds = String(300 + Math.floor(Math.random() * 300));
  return { query: { ...selectors(target), watch: 'true', allowWatchBookmarks: 'true', resourceVersion, timeoutSeconds }, signal };
}

function selectors({ labelSelector, fieldSelector }: Target<unknown>): Record<string, string> {
  return { ...(labelSelector && { labelSelector }), ...(fieldSelector && { fieldSelector }) };
}
