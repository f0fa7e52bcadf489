import type { ObjectRecord } from '../api/records.ts';
import type { WatchEvent } from './watch.ts';

/** The reading side of a store. */
export interface View<R> {
  get(namespace: string, name: string): R | undefined;
  /** All records in a namespace. */
  in(namespace: string): Iterable<R>;
  all(): Iterable<R>;
  readonly size: number;
  /** Whether everything has been listed once: before that, absence means nothing. */
  readonly synced: boolean;
  /** Why the watch is interrupted; undefined while it runs. */
  readonly error: unknown;
}

/** Called with what was and what is, at every change: whom a change concerns may lie in either. */
export type Changed<R> = (before: R | undefined, after: R | undefined) => void;

/** What is there, kept up to date by a watch. Fed by one watch and by the answers to our own writes. */
export class Store<R extends ObjectRecord> implements View<R> {
  readonly #byNamespace = new Map<string, Map<string, R>>();
  readonly #changed: Changed<R>;
  /** While a list comes in: the keys that it has had so far. */
  #listed: Set<string> | undefined;
  /** The newest resourceVersion that the watch has brought. */
  #seen = '';
  #size = 0;
  synced = false;
  error: unknown;

  constructor(changed: Changed<R>) {
    this.#changed = changed;
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

  get size(): number {
    return this.#size;
  }

  /** Takes in what the watch brings. */
  accept(event: WatchEvent<R>): void {
    switch (event.type) {
      case 'init':
        this.#listed = new Set();
        return;
      case 'listed':
        // A list is believed even where it is older than what is known: the cluster may have been restored from a backup.
        this.#listed?.add(keyOf(event.record));
        if (this.#known(event.record)?.resourceVersion !== event.record.resourceVersion) this.#put(event.record);
        return;
      case 'initDone':
        this.#dropUnlisted();
        this.#seen = event.resourceVersion;
        this.synced = true;
        this.error = undefined;
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
      case 'failed':
        this.error = event.error;
        return;
      default:
        event satisfies never;
    }
  }

  /**
   * Takes in the answer to one of our own writes, ahead of the watch, so that the next decision does not rest on what was
   * before it. Where the watch is past it already, the watch knows better: the object may be deleted by now.
   */
  wrote(record: R): void {
    if (!newer(record.resourceVersion, this.#seen)) return;
    this.#listed?.add(keyOf(record)); // A list that began before the write does not have it.
    this.#putNewer(record);
  }

  #see(resourceVersion: string): void {
    this.error = undefined;
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
    this.#changed(before, record);
  }

  #dropUnlessNewer(record: R): void {
    const before = this.#known(record);
    // An object made again under the same name meanwhile is not the one that was deleted.
    if (before && !newer(before.resourceVersion, record.resourceVersion)) this.#drop(before);
  }

  #drop(before: R): void {
    const records = this.#byNamespace.get(before.namespace);
    records?.delete(before.name);
    if (records?.size === 0) this.#byNamespace.delete(before.namespace);
    this.#size--;
    this.#changed(before, undefined);
  }

  #dropUnlisted(): void {
    const listed = this.#listed ?? new Set();
    this.#listed = undefined;
    for (const record of [...this.all()]) if (!listed.has(keyOf(record))) this.#drop(record);
  }
}

const keyOf = ({ namespace, name }: ObjectRecord) => `${namespace}/${name}`;

/**
 * Whether one resourceVersion is later than another of the same kind. They are whole numbers of any length, and may be
 * compared as such: https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions
 */
export const newer = (a: string, b: string) => a.length > b.length || (a.length === b.length && a > b);
