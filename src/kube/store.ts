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
  readonly #indexOf: (record: R) => readonly string[];
  /** The records by the values that `indexOf` gives them. */
  readonly #byIndex = new Map<string, Set<R>>();
  /** While a list arrives: the records that stay when it ends. Undefined if the store was empty when it began: then there is nothing to drop. */
  #listed: Set<R> | undefined;
  /** The newest resourceVersion that the watch has delivered. */
  #seen = '';
  #size = 0;
  synced = false;
  error: unknown;
  isOutdated = false;

  /** `indexOf`: by which values `indexed` finds a record. */
  constructor(onChange: OnChange<R>, indexOf: (record: R) => readonly string[] = () => NO_VALUES) {
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
        this.#listed = this.#size === 0 ? undefined : new Set();
        return;
      case 'listed':
        for (const record of event.records) this.#list(record);
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
    this.#putNewer(record);
    this.#listed?.add(this.#known(record) as R); // A list that began before the write does not contain it.
  }

  /** Drops exactly this object before the watch reports it: it no longer exists, or the watch no longer selects it. */
  dropGone(gone: Pick<ObjectRecord, 'namespace' | 'name' | 'uid'>): void {
    const known = this.get(gone.namespace, gone.name);
    if (known?.uid === gone.uid) this.#drop(known);
  }

  /** A list also replaces newer records, and different records of the same version: etcd may have been restored from a backup. */
  #list(record: R): void {
    const known = this.#known(record);
    const isSame = known !== undefined && isDeepStrictEqual(known, record);
    this.#listed?.add(isSame ? known : record);
    if (!isSame) this.#put(record);
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
    for (const value of before ? this.#indexOf(before) : NO_VALUES) {
      const records = this.#byIndex.get(value);
      records?.delete(before as R);
      if (records?.size === 0) this.#byIndex.delete(value);
    }
    for (const value of after ? this.#indexOf(after) : NO_VALUES) {
      this.#byIndex.set(value, (this.#byIndex.get(value) ?? new Set()).add(after as R));
    }
  }

  #dropUnlisted(): void {
    const listed = this.#listed;
    this.#listed = undefined;
    if (listed === undefined) return;
    for (const record of Array.from(this.all()).filter((record) => !listed.has(record))) this.#drop(record);
  }
}

const NO_VALUES: readonly string[] = [];
