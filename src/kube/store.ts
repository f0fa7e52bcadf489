import { isDeepStrictEqual } from 'node:util';
import type { ObjectRecord } from '../api/records.ts';
import { newer } from './resource-version.ts';
import type { WatchEvent } from './watch.ts';

/** The reading side of a store. */
export interface View<R> {
  get(namespace: string, name: string): R | undefined;
  in(namespace: string): Iterable<R>;
  all(): Iterable<R>;
  readonly size: number;
  /** Whether the collection has been listed once. Before that, a missing record does not mean a missing object. */
  readonly synced: boolean;
  /** Why the watch is interrupted; undefined while it runs. */
  readonly error: unknown;
  /** Whether the watch has been interrupted for a minute, so that the records may be outdated. */
  readonly isOutdated: boolean;
}

/** Called at every change, with the record before and after it. */
export type OnChange<R> = (before: R | undefined, after: R | undefined) => void;

/** The observed objects of one kind. One watch and the answers to own writes keep it up to date. */
export class Store<R extends ObjectRecord> implements View<R> {
  readonly #byNamespace = new Map<string, Map<string, R>>();
  readonly #onChange: OnChange<R>;
  readonly #indexOf: ((record: R) => string | undefined) | undefined;
  /** The records by the value that `indexOf` gives them. */
  readonly #byIndex = new Map<string, Set<R>>();
  /** While a list arrives: the keys of the records that have arrived so far. */
  #listed: Set<string> | undefined;
  /** The newest resourceVersion that the watch has delivered. */
  #seen = '';
  #size = 0;
  synced = false;
  error: unknown;
  isOutdated = false;

  /** `indexOf`: by which value `indexed` finds a record; undefined for none. */
  constructor(onChange: OnChange<R>, indexOf?: (record: R) => string | undefined) {
    this.#onChange = onChange;
    this.#indexOf = indexOf;
  }

  get(namespace: string, name: string): R | undefined {
    return this.#byNamespace.get(namespace)?.get(name);
  }

  in(namespace: string): Iterable<R> {
    return this.#byNamespace.get(namespace)?.values() ?? [];
  }

  *all(): Iterable<R> {
    for (const records of this.#byNamespace.values()) yield* records.values();
  }

  /** The records with this value, without a look at all others. */
  indexed(value: string): Iterable<R> {
    return this.#byIndex.get(value) ?? [];
  }

  get size(): number {
    return this.#size;
  }

  /** Applies an event of the watch. */
  accept(event: WatchEvent<R> | { readonly type: 'outdated' }): void {
    switch (event.type) {
      case 'init':
        this.#listed = new Set();
        return;
      case 'listed':
        // A list also replaces newer records, and different records of the same version: etcd may have been restored from a backup.
        this.#listed?.add(keyOf(event.record));
        if (!isDeepStrictEqual(this.#known(event.record), event.record)) this.#put(event.record);
        return;
      case 'unlisted':
        this.#dropUnlessNewer(event.record);
        return;
      case 'initDone':
        this.#dropUnlisted();
        this.#seen = event.resourceVersion;
        this.synced = true;
        this.error = undefined;
        this.isOutdated = false;
        return;
      case 'applied':
        this.#see(event.record.resourceVersion);
        this.#putNewer(event.record);
        return;
      case 'deleted':
        this.#see(event.record.resourceVersion);
        this.#dropUnlessNewer(event.record);
        return;
      case 'seen':
        this.#see(event.resourceVersion);
        return;
      case 'opened':
        // The watch delivers everything since it was interrupted.
        this.isOutdated = false;
        return;
      case 'outdated':
        this.isOutdated = true;
        return;
      case 'failed':
        this.error = event.error;
        return;
      default:
        event satisfies never;
    }
  }

  /**
   * Applies the answer to an own write before the watch delivers it, so that the next decision sees it. Ignores the answer if the watch has
   * already passed that version: the object may have changed since.
   */
  applyOwnWrite(record: R): void {
    if (!newer(record.resourceVersion, this.#seen)) return;
    this.#listed?.add(keyOf(record)); // A list that began before the write does not contain it.
    this.#putNewer(record);
  }

  /** Drops exactly this object before the watch reports it: it no longer exists, or the watch no longer selects it. */
  dropGone(gone: Pick<ObjectRecord, 'namespace' | 'name' | 'uid'>): void {
    const known = this.get(gone.namespace, gone.name);
    if (known?.uid === gone.uid) this.#drop(known);
  }

  #see(resourceVersion: string): void {
    this.error = undefined;
    this.isOutdated = false;
    if (newer(resourceVersion, this.#seen)) this.#seen = resourceVersion;
  }

  #known(record: R): R | undefined {
    return this.get(record.namespace, record.name);
  }

  #putNewer(record: R): void {
    const before = this.#known(record);
    if (!before || newer(record.resourceVersion, before.resourceVersion)) this.#put(record);
  }

  #put(record: R): void {
    const before = this.#known(record);
    const records = this.#byNamespace.get(record.namespace) ?? new Map<string, R>();
    this.#byNamespace.set(record.namespace, records.set(record.name, record));
    if (!before) this.#size++;
    this.#reindex(before, record);
    this.#onChange(before, record);
  }

  #dropUnlessNewer(record: R): void {
    const before = this.#known(record);
    // An object that was created again under the same name is not the one that was deleted.
    if (before && !newer(before.resourceVersion, record.resourceVersion)) this.#drop(before);
  }

  #drop(before: R): void {
    const records = this.#byNamespace.get(before.namespace);
    records?.delete(before.name);
    if (records?.size === 0) this.#byNamespace.delete(before.namespace);
    this.#size--;
    this.#reindex(before, undefined);
    this.#onChange(before, undefined);
  }

  #reindex(before: R | undefined, after: R | undefined): void {
    const from = before && this.#indexOf?.(before);
    const to = after && this.#indexOf?.(after);
    if (before && from !== undefined) {
      const records = this.#byIndex.get(from);
      records?.delete(before);
      if (records?.size === 0) this.#byIndex.delete(from);
    }
    if (after && to !== undefined) this.#byIndex.set(to, (this.#byIndex.get(to) ?? new Set()).add(after));
  }

  #dropUnlisted(): void {
    const listed = this.#listed ?? new Set();
    this.#listed = undefined;
    for (const record of [...this.all()]) if (!listed.has(keyOf(record))) this.#drop(record);
  }
}

const keyOf = ({ namespace, name }: ObjectRecord) => `${namespace}/${name}`;
