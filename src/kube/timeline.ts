/**
 * The history of changes. Each resourceVersion is a point in it. After a restore of etcd from a backup, resourceVersions that this process
 * has seen may lie in the future. The API server sends nothing to a watch from there. The first watch or Lease call that notices this
 * ends the timeline. Then every watch lists again.
 */
export class Timeline {
  readonly #onRewound: () => void;
  #current = new AbortController();

  constructor(onRewound: () => void = () => {}) {
    this.#onRewound = onRewound;
  }

  /** The current timeline. Aborted when it ends. */
  get current(): AbortSignal {
    return this.#current.signal;
  }

  /** Call when the API server no longer knows a resourceVersion of the timeline `seen`. Does nothing if that timeline has already ended. */
  rewound(seen: AbortSignal): void {
    if (seen !== this.#current.signal) return;
    const ended = this.#current;
    this.#current = new AbortController();
    this.#onRewound();
    ended.abort();
  }
}
