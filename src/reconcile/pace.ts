/** At least this long between two runs, so that many changes at once become one. */
const SHORTEST_MS = 200;

/** Rest ten times as long as the computation took, so that computing uses at most a tenth of the time. */
const REST_FOR_EACH_MS = 10;

/** etcd keeps each version of an object for minutes, so a large one must not be written often. */
const BYTES_PER_MS = 100;

/** How often work that concerns the whole cluster may run. The first run is not delayed. */
export class Pace {
  readonly #now: () => number;
  #nextAt = Number.NEGATIVE_INFINITY;

  /** @param now milliseconds of a clock that does not jump */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** Milliseconds until the next run may begin. */
  get waitMs(): number {
    return Math.max(0, this.#nextAt - this.#now());
  }

  /** Call it when a run that began at `begunAt` has computed what to do. */
  computed(begunAt: number): void {
    const now = this.#now();
    this.#next(now + Math.max(SHORTEST_MS, (now - begunAt) * REST_FOR_EACH_MS));
  }

  /** Call it when an object of this size is written. */
  wrote(bytes: number): void {
    this.#next(this.#now() + bytes / BYTES_PER_MS);
  }

  #next(at: number): void {
    this.#nextAt = Math.max(this.#nextAt, at);
  }
}
