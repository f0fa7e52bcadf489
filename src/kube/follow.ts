import type { ObjectRecord } from '../api/records.ts';
import type { Kube } from './client.ts';
import { type Changed, Store, type View } from './store.ts';
import { type Target, watch } from './watch.ts';

/** What following needs beside the target. */
export interface Following {
  readonly kube: Kube;
  readonly retryMs: (attempt: number) => number;
  /** Told of each interruption, after which the watch goes on by itself, and with no error when it does. */
  readonly interrupted: (target: Target<unknown>, error: unknown) => void;
  /** Told when it is followed no longer, interrupted or not. */
  readonly ended: (target: Target<unknown>) => void;
}

/** Keeps a store as the API server has it, until the signal is aborted. `turned` is called when it becomes synced, fails or recovers. */
export async function follow<R extends ObjectRecord>(
  following: Following,
  target: Target<R>,
  store: Store<R>,
  signal: AbortSignal,
  turned: () => void = () => {},
): Promise<void> {
  for await (const event of watch(following.kube, target, following.retryMs, signal)) {
    const { synced, error } = store;
    store.accept(event);
    if (event.type === 'failed' || store.error !== error) following.interrupted(target, store.error);
    if (store.synced !== synced || (store.error === undefined) !== (error === undefined)) turned();
  }
  following.ended(target);
}

/** A set of watches that come and go: each is kept as long as some owner needs it. */
export class Watches<R extends ObjectRecord> {
  readonly #following: Following;
  readonly #targetOf: (key: string) => Target<R>;
  readonly #changed: Changed<R>;
  readonly #turned: (key: string) => void;
  readonly #running = new Map<string, { store: Store<R>; stop: AbortController; owners: Set<string> }>();

  constructor(following: Following, targetOf: (key: string) => Target<R>, changed: Changed<R>, turned: (key: string) => void) {
    this.#following = following;
    this.#targetOf = targetOf;
    this.#changed = changed;
    this.#turned = turned;
  }

  /** Says what `owner` needs from now on; what nobody needs any more is ended and forgotten. */
  want(owner: string, keys: readonly string[]): void {
    for (const key of keys) this.#start(key).owners.add(owner);
    for (const [key, { stop, owners }] of this.#running) {
      if (keys.includes(key) || !owners.delete(owner) || owners.size > 0) continue;
      stop.abort();
      this.#running.delete(key);
    }
  }

  view(key: string): View<R> | undefined {
    return this.#running.get(key)?.store;
  }

  *views(): Iterable<View<R>> {
    for (const { store } of this.#running.values()) yield store;
  }

  /** Everything that is known. */
  *records(): Iterable<R> {
    for (const view of this.views()) yield* view.all();
  }

  /** Takes in the answer to one of our own writes, ahead of the watch. */
  wrote(key: string, record: R): void {
    this.#running.get(key)?.store.wrote(record);
  }

  stop(): void {
    for (const { stop } of this.#running.values()) stop.abort();
    this.#running.clear();
  }

  #start(key: string) {
    const running = this.#running.get(key);
    if (running) return running;
    const started = { store: new Store<R>(this.#changed), stop: new AbortController(), owners: new Set<string>() };
    this.#running.set(key, started);
    void follow(this.#following, this.#targetOf(key), started.store, started.stop.signal, () => this.#turned(key));
    return started;
  }
}
