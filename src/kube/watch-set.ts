import type { ObjectRecord } from '../api/records.ts';
import { type FollowContext, follow } from './follow.ts';
import { type OnChange, Store, type View } from './store.ts';
import type { WatchTarget } from './watch.ts';

interface Watched<R extends ObjectRecord, O> {
  readonly store: Store<R>;
  readonly stop: AbortController;
  readonly owners: Map<string, O>;
}

export interface WatchSetOptions<R extends ObjectRecord, O> {
  readonly targetOf: (key: string) => WatchTarget<R>;
  readonly idOf: (owner: O) => string;
  /** Keys of one group are found together by `views(group)`. */
  readonly groupOf?: (key: string) => string;
  readonly onChange: OnChange<R>;
  /** Called with the owners of a watch when it becomes synced, fails or recovers. */
  readonly onStateChange: (owners: Iterable<O>) => void;
}

/** Watches that start and stop. Each one runs as long as at least one owner needs it. */
export class WatchSet<R extends ObjectRecord, O> {
  readonly #context: FollowContext;
  readonly #options: WatchSetOptions<R, O>;
  readonly #watched = new Map<string, Watched<R, O>>();
  /** By the id of an owner: the keys that it needs. */
  readonly #keysOf = new Map<string, readonly string[]>();
  /** By group: the keys that are watched. */
  readonly #groups = new Map<string, Set<string>>();

  constructor(context: FollowContext, options: WatchSetOptions<R, O>) {
    this.#context = context;
    this.#options = options;
  }

  /** From now on `owner` needs exactly these keys. Stops each watch without an owner and forgets its records. */
  keepFor(owner: O, keys: readonly string[]): void {
    const id = this.#options.idOf(owner);
    for (const key of keys) this.#start(key).owners.set(id, owner);
    for (const key of this.#keysOf.get(id) ?? []) if (!keys.includes(key)) this.#release(key, id);
    if (keys.length > 0) this.#keysOf.set(id, [...keys]);
    else this.#keysOf.delete(id);
  }

  #release(key: string, id: string): void {
    const watched = this.#watched.get(key);
    watched?.owners.delete(id);
    if (!watched || watched.owners.size > 0) return;
    watched.stop.abort();
    this.#watched.delete(key);
    const group = this.#options.groupOf?.(key) ?? '';
    const others = this.#groups.get(group);
    others?.delete(key);
    if (others?.size === 0) this.#groups.delete(group);
  }

  view(key: string): View<R> | undefined {
    return this.#watched.get(key)?.store;
  }

  /** The records of all keys, or of those in one group. */
  *views(group?: string): Iterable<View<R>> {
    if (group === undefined) for (const { store } of this.#watched.values()) yield store;
    else for (const key of this.#groups.get(group) ?? []) yield (this.#watched.get(key) as Watched<R, O>).store;
  }

  *records(): Iterable<R> {
    for (const view of this.views()) yield* view.all();
  }

  applyOwnWrite(key: string, record: R): void {
    this.#watched.get(key)?.store.applyOwnWrite(record);
  }

  dropGone(key: string, gone: Pick<R, 'namespace' | 'name' | 'uid'>): void {
    this.#watched.get(key)?.store.dropGone(gone);
  }

  stop(): void {
    for (const { stop } of this.#watched.values()) stop.abort();
    this.#watched.clear();
    this.#keysOf.clear();
    this.#groups.clear();
  }

  #start(key: string): Watched<R, O> {
    const watched = this.#watched.get(key);
    if (watched) return watched;
    const { targetOf, onChange, onStateChange } = this.#options;
    const started = { store: new Store<R>(onChange), stop: new AbortController(), owners: new Map<string, O>() };
    this.#watched.set(key, started);
    const group = this.#options.groupOf?.(key) ?? '';
    this.#groups.set(group, (this.#groups.get(group) ?? new Set()).add(key));
    void follow(this.#context, targetOf(key), started.store, started.stop.signal, () => onStateChange(started.owners.values()));
    return started;
  }
}
