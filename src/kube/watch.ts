import { setTimeout as delay } from 'node:timers/promises';
import { type Call, type KubeClient, WATCH_SILENCE_MS } from './client.ts';
import { classify, isExpired, isNotFound, isUnanswered, KubeError, type Status } from './errors.ts';
import { type ListForm, pages, type Selection, selectors, watchForm } from './list.ts';
import type { KubeObject } from './object.ts';
import { Position } from './position.ts';
import type { Timeline } from './timeline.ts';

/** A collection to watch, and how to read a record from each object. */
export interface WatchTarget<R> extends Selection {
  /** The same collection in an older version of the API, for API servers that do not serve `path`. */
  readonly olderPath?: string;
  /** How to list the collection the first time. The default is a streaming list, or `pages` where the API server does not serve it. */
  readonly firstList?: Exclude<ListForm, 'pages'>;
  readonly read: (object: KubeObject) => R;
}

/** What every watch needs apart from its target. */
export interface WatchContext {
  readonly kube: KubeClient;
  readonly timeline: Timeline;
  readonly retryMs: (attempt: number) => number;
  /** After this many milliseconds without any line, not even a bookmark, a watch lists again. */
  readonly maxSilenceMs?: number;
  /** After this many milliseconds, a streaming list that has not ended counts as broken. */
  readonly maxStreamedListMs?: number;
}

/** A little less than the client's own limit, because the two clocks do not start at the same moment. */
const MAX_SILENCE_MS = WATCH_SILENCE_MS - 5_000;

/** A streaming list whose end never comes is not silent while objects change. 50,000 Secrets arrive within seconds. */
const MAX_STREAMED_LIST_MS = 120_000;

/**
 * - init, listed…, initDone: the whole collection, in parts. Objects that are not listed no longer exist, so a reconnect cannot lose a deletion
 * - unlisted: an object that was deleted while the list arrived
 * - applied, deleted: a change since then
 * - seen: nothing has changed up to this resourceVersion
 * - opened: the API server has accepted the watch, and delivers the changes since the resourceVersion
 * - failed: the watch is interrupted, and retries by itself
 */
export type WatchEvent<R> =
  | { readonly type: 'init' }
  | { readonly type: 'listed'; readonly records: readonly R[] }
  | { readonly type: 'unlisted'; readonly record: R }
  | { readonly type: 'initDone'; readonly resourceVersion: string }
  | { readonly type: 'applied'; readonly record: R }
  | { readonly type: 'deleted'; readonly record: R }
  | { readonly type: 'seen'; readonly resourceVersion: string }
  | { readonly type: 'opened' }
  | { readonly type: 'failed'; readonly error: unknown };

interface WatchLine {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  readonly object: KubeObject & Status;
}

/** Lines in batches, as they have arrived together. A list has many lines, and passing on each of them alone costs half as much as parsing it. */
type Lines = AsyncGenerator<readonly WatchLine[], void, undefined>;

/**
 * Lists a collection and then watches it until the signal is aborted. When a watch ends, the next one resumes. This lists again when the
 * resourceVersion is too old, when the timeline has ended, and when the API server stays silent. It retries for ever.
 *
 * https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes
 */
export async function* watch<R>(
  { kube, timeline, retryMs, maxSilenceMs = MAX_SILENCE_MS, maxStreamedListMs = MAX_STREAMED_LIST_MS }: WatchContext,
  target: WatchTarget<R>,
  signal: AbortSignal,
): AsyncGenerator<WatchEvent<R>, void, undefined> {
  const position = new Position(timeline, { maxSilenceMs, maxStreamedListMs });
  let { path } = target;
  let failures = 0;
  while (!signal.aborted) {
    const startedAt = performance.now();
    try {
      const begin = position.resumeAt === undefined ? listAndWatch : watchFrom;
      for await (const event of begin(kube, { ...target, path }, position, signal)) {
        if (isChange(event)) failures = 0;
        yield event;
      }
      // The API server ends every watch after some minutes. If a watch ends at once, wait before the next one: this must not become a hot loop.
      if (performance.now() - startedAt > 1000) continue;
    } catch (error) {
      if (signal.aborted) return;
      if (position.era.aborted) continue;
      // List again: the resourceVersion is too old, or the API server no longer serves the kind, which may be empty when it returns.
      if (isExpired(error) || isNotFound(error)) position.lost();
      if (isExpired(error) && failures++ === 0) continue;
      if (isNotFound(error)) {
        // Try the older path at once, and then the newer path again, because the cluster may be upgraded meanwhile.
        const older = path === target.path ? target.olderPath : undefined;
        path = older ?? target.path;
        if (older !== undefined) continue;
      }
      yield { type: 'failed', error };
    }
    await delay(retryMs(failures++), undefined, { signal }).catch(() => {});
  }
}

/** Whether an event shows that the watch works. A list can succeed again and again while each watch after it fails. */
const isChange = ({ type }: WatchEvent<unknown>) => type === 'applied' || type === 'deleted' || type === 'seen';

async function* listAndWatch<R>(
  kube: KubeClient,
  target: WatchTarget<R>,
  position: Position,
  signal: AbortSignal,
): AsyncGenerator<WatchEvent<R>, void, undefined> {
  const { firstList } = target;
  // To list again, never use the cache: it may be older than what the watch delivered.
  const form = firstList === 'cached' && position.hasListed ? undefined : firstList;
  position.listing();
  yield { type: 'init' };
  const { era } = position;
  const lines = form === undefined && position.mayStream() ? await openStream(kube, target, position, signal) : undefined;
  try {
    const rest = lines && (yield* listFromStream(lines, target, position));
    if (!rest) yield* listInPages(kube, target, position, form ?? 'pages', signal);
    // A stream continues as the watch, unless the end of its list showed that the timeline has ended.
    else if (position.era === era) return yield* changes(rest, target, position);
  } finally {
    await lines?.return();
  }
  yield* watchFrom(kube, target, position, signal);
}

async function* listInPages<R>(
  kube: KubeClient,
  target: WatchTarget<R>,
  position: Position,
  form: ListForm,
  signal: AbortSignal,
): AsyncGenerator<WatchEvent<R>, void, undefined> {
  let resourceVersion = '';
  for await (const page of pages(kube, target, form, signal)) {
    yield { type: 'listed', records: page.items.map((item) => target.read(item)) };
    ({ resourceVersion } = page.metadata);
  }
  // Call this after the last page: a list that fails in the middle must start again from its first page.
  position.listed(resourceVersion);
  yield { type: 'initDone', resourceVersion };
}

/** Opens a streaming list. Undefined if the API server does not serve it: then a list in pages shows whether listing is allowed at all. */
async function openStream<R>(
  kube: KubeClient,
  target: WatchTarget<R>,
  position: Position,
  signal: AbortSignal,
): Promise<Lines | undefined> {
  try {
    const lines = await kube.open<WatchLine>(target.path, watchCall(target, STREAM, AbortSignal.any([signal, position.era])));
    position.streaming();
    return lines;
  } catch (error) {
    if (isNotStreamed(error)) return undefined;
    if (isUnanswered(error)) position.streaming();
    throw error;
  }
}

/**
 * Reads the beginning of a streaming list, up to the bookmark that ends it, and returns the lines that follow. Undefined if the API server reports
 * an error instead of the first object. It answers with 200 before it asks its cache, so it sends an error of the cache as a line of the stream.
 */
async function* listFromStream<R>(
  lines: Lines,
  target: WatchTarget<R>,
  position: Position,
): AsyncGenerator<WatchEvent<R>, Lines | undefined, undefined> {
  const begunAt = performance.now();
  let isFirst = true;
  // Not `for await`, which would close the stream at the end of the list.
  for (let next = await lines.next(); !next.done; next = await lines.next()) {
    const batch = next.value;
    const stop = batch.findIndex((line) => line.type === 'ERROR' || isEndOfList(line));
    yield* listedBy(stop < 0 ? batch : batch.slice(0, stop), target);
    const last = batch[stop];
    if (last?.type === 'ERROR') {
      const error = errorOf(last.object);
      if (isFirst && stop === 0 && !isExpired(error)) return undefined;
      throw error;
    }
    if (last) {
      const { resourceVersion } = last.object.metadata;
      position.listed(resourceVersion);
      yield { type: 'initDone', resourceVersion };
      return continued(batch.slice(stop + 1), lines);
    }
    isFirst = false;
    if (performance.now() - begunAt > position.maxStreamedListMs) throw new KubeError('the API server does not end the list', 0);
  }
  throw new KubeError('the API server ended the list before it was complete', 0);
}

const isEndOfList = ({ type, object }: WatchLine) => type === 'BOOKMARK' && object.metadata.annotations?.[INITIAL_EVENTS_END] === 'true';

/** Pure. An object may be deleted while the list arrives. */
function* listedBy<R>(lines: readonly WatchLine[], target: WatchTarget<R>): Iterable<WatchEvent<R>> {
  let records: R[] = [];
  for (const { type, object } of lines) {
    if (type === 'ADDED' || type === 'MODIFIED') records.push(target.read(object));
    if (type !== 'DELETED') continue;
    if (records.length > 0) yield { type: 'listed', records };
    records = [];
    yield { type: 'unlisted', record: target.read(object) };
  }
  if (records.length > 0) yield { type: 'listed', records };
}

/** The lines that were read already, then the rest. The function that opened the stream closes it. */
async function* continued(read: readonly WatchLine[], lines: Lines): Lines {
  yield read;
  yield* lines;
}

async function* watchFrom<R>(
  kube: KubeClient,
  target: WatchTarget<R>,
  position: Position,
  signal: AbortSignal,
): AsyncGenerator<WatchEvent<R>, void, undefined> {
  const { resumeAt } = position;
  if (resumeAt === undefined) return; // The timeline ended during the list.
  const call = watchCall(target, { resourceVersion: resumeAt }, AbortSignal.any([signal, position.era]));
  yield* changes(await kube.open<WatchLine>(target.path, call), target, position);
}

async function* changes<R>(lines: Lines, target: WatchTarget<R>, position: Position): AsyncGenerator<WatchEvent<R>, void, undefined> {
  const openedAt = performance.now();
  try {
    yield { type: 'opened' };
    for await (const batch of lines) {
      for (const { type, object } of batch) {
        if (type === 'ERROR') throw errorOf(object);
        const { resourceVersion } = object.metadata;
        position.heard(resourceVersion);
        if (type === 'BOOKMARK') yield { type: 'seen', resourceVersion };
        else yield { type: type === 'DELETED' ? 'deleted' : 'applied', record: target.read(object) };
      }
    }
  } finally {
    position.ended(performance.now() - openedAt);
  }
}

const errorOf = (object: WatchLine['object']) => new KubeError(object.message ?? 'the watch failed', object.code ?? 0, object);

/**
 * Asks for a streaming list: a watch that begins with every object in its latest state, then a bookmark, then the changes. Its cost is linear
 * in the number of objects, and neither side holds the collection as a whole.
 * https://kubernetes.io/docs/reference/using-api/api-concepts/#streaming-lists
 */
const STREAM = { sendInitialEvents: 'true', resourceVersionMatch: 'NotOlderThan' };
const INITIAL_EVENTS_END = 'k8s.io/initial-events-end';

/** The API server refuses the parameters if it does not serve streaming lists (422, before 1.32 and in 1.33). A gateway may answer 504. */
const isNotStreamed = (error: unknown) => classify(error) === 'refused' || (error instanceof KubeError && error.status === 504);

function watchCall(
  target: Selection,
  from: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Call & { readonly signal: AbortSignal } {
  // A random timeout for each watch, as in client-go, so that they do not all reconnect at the same moment.
  const timeoutSeconds = String(300 + Math.floor(Math.random() * 300));
  const query = { ...selectors(target), watch: 'true', allowWatchBookmarks: 'true', ...from, timeoutSeconds };
  return { query, signal, ...watchForm(target) };
}
