import type { ObjectRecord, PodPolicyState } from '../api/records.ts';
import { classify, isNotFound } from './errors.ts';
import { type Following, follow } from './follow.ts';
import { podPolicy } from './resources.ts';
import { Store } from './store.ts';

/** Knows whether the cluster has the policy that adds our names to new pods, by a watch of that one object and one of its binding. */
export class PodPolicy {
  readonly #following: Following;
  readonly #changed: () => void;
  readonly #stores: readonly Store<ObjectRecord>[];

  constructor(following: Following, changed: () => void) {
    // Not to be served is no interruption: most clusters older than 1.36 are so.
    const interrupted: Following['interrupted'] = (target, error) => {
      if (!isNotFound(error)) following.interrupted(target, error);
    };
    this.#following = { ...following, interrupted };
    this.#changed = changed;
    this.#stores = podPolicy.map(() => new Store<ObjectRecord>(() => changed()));
  }

  /** Follows both until the signal is aborted. Resolves when it is known whether they are there, or that it cannot be known at present. */
  async follow(signal: AbortSignal): Promise<void> {
    await Promise.all(podPolicy.map((target, at) => this.#follow(target, this.#stores[at] as Store<ObjectRecord>, signal)));
  }

  get state(): PodPolicyState {
    const errors = this.#stores.flatMap(({ error }) => error ?? []);
    if (errors.some(isNotFound)) return 'notServed';
    if (this.#stores.every(({ synced }) => synced)) return this.#stores.every(({ size }) => size > 0) ? 'installed' : 'notInstalled';
    return errors.some((error) => classify(error) === 'refused') ? 'unreadable' : 'unknown';
  }

  #follow(target: (typeof podPolicy)[number], store: Store<ObjectRecord>, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      void follow(this.#following, target, store, signal, () => {
        if (store.synced || store.error !== undefined) resolve();
        this.#changed();
      });
    });
  }
}
