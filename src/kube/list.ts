import type { KubeClient } from './client.ts';
import type { KubeObject } from './object.ts';

/** Which objects to list or to watch. */
export interface Selection {
  /** The path of the collection, for example /api/v1/namespaces. */
  readonly path: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  /** Only the metadata of the objects: their data is not sent. */
  readonly isMetadataOnly?: boolean;
}

/**
 * How to ask for metadata only. An API server that cannot would answer with 406, but all of them can.
 * https://kubernetes.io/docs/reference/using-api/api-concepts/#metadata-only-fetches
 */
const METADATA_LIST = 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1';
const METADATA = 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1';

/**
 * How to ask for a list. This decides whether the API server answers from etcd or from its watch cache (`shouldDelegateList` in
 * k8s.io/apiserver/pkg/storage/cacher, https://kubernetes.io/docs/reference/using-api/api-concepts/#semantics-for-get-and-list):
 *
 * - pages: the latest state, some megabytes at a time, so that a large collection is never in memory as a whole. API servers before 1.34
 *   answer from etcd: only later ones keep snapshots of their cache for the next page (KEP-4988).
 * - whole: the latest state in one answer, for one object by namespace and name. From 1.31 on, the cache answers (KEP-2340). Before, it is
 *   a read of one key (`ListPredicate` in k8s.io/apiserver/pkg/registry/generic/registry).
 * - cached: the content of the cache in one answer, for the few objects in all namespaces that a field selects. etcd has no index, so it
 *   would read and decrypt every object of the kind. The answer may be old, but the watch that follows brings the rest. It must never
 *   be used to list again: the cache may be older than what the watch delivered.
 */
export type ListForm = 'pages' | 'whole' | 'cached';

const FIRST_PAGE_SIZE = 500;

const LISTS: Record<ListForm, Readonly<Record<string, string>>> = {
  pages: { limit: String(FIRST_PAGE_SIZE) },
  whole: {},
  // The cache ignores the limit. For a kind without a cache, the limit makes the API server answer in pages.
  cached: { resourceVersion: '0', limit: String(FIRST_PAGE_SIZE) },
};

/** As much as one page may hold, in characters of JSON. */
const PAGE_LENGTH = 2 * 2 ** 20;
const MAX_PAGE_SIZE = 10_000;

/**
 * How many objects to ask for in the next page. Each page costs the API server a look at all objects that remain, so small pages would cost
 * the square of their number. A page is at most four times as large as the one before it: its objects may be larger.
 *
 * @param size how many objects the last page was to have
 * @param length the characters of its answer
 */
export function nextPageSize(size: number, length: number): number {
  const fitting = Math.floor((size * PAGE_LENGTH) / Math.max(1, length));
  return Math.max(FIRST_PAGE_SIZE, Math.min(fitting, size * 4, MAX_PAGE_SIZE));
}

/** A list, or one page of a list. */
export interface List {
  readonly metadata: { readonly resourceVersion: string; readonly continue?: string };
  readonly items: readonly KubeObject[];
}

/** A list as the API server sends it. An empty list of metadata has null for its items (PartialObjectMetadataList has no default for it). */
type Page = Pick<List, 'metadata'> & { readonly items: List['items'] | null };

/** All lists of objects go through here. Throws a KubeError. */
export async function* pages(
  kube: KubeClient,
  selection: Selection,
  form: ListForm,
  signal?: AbortSignal,
): AsyncGenerator<List, void, undefined> {
  let next: string | undefined;
  let size = FIRST_PAGE_SIZE;
  do {
    // The token already contains the resourceVersion, so the next page must not name one.
    const query: Record<string, string> = next ? { limit: String(size), continue: next } : LISTS[form];
    const page = await kube.call<Page>('GET', selection.path, {
      query: { ...selectors(selection), ...query },
      onBody: (length) => {
        size = nextPageSize(size, length);
      },
      ...(signal && { signal }),
      ...(selection.isMetadataOnly && { accept: METADATA_LIST }),
    });
    yield { ...page, items: page.items ?? [] };
    next = page.metadata.continue;
  } while (next);
}

/** All objects of a collection in their latest state. Throws a KubeError. */
export async function* list<R>(
  kube: KubeClient,
  target: Selection & { readonly read: (object: KubeObject) => R },
  signal?: AbortSignal,
): AsyncGenerator<R, void, undefined> {
  for await (const { items } of pages(kube, target, 'pages', signal)) for (const item of items) yield target.read(item);
}

/** The query parameters that select the objects. */
export function selectors({ labelSelector, fieldSelector }: Selection): Record<string, string> {
  return { ...(labelSelector && { labelSelector }), ...(fieldSelector && { fieldSelector }) };
}

/** The form of the objects that a watch delivers. */
export const watchForm = ({ isMetadataOnly }: Selection): { readonly accept?: string } => (isMetadataOnly ? { accept: METADATA } : {});
