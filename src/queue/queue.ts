/** Lower comes first: what people wait for, then what follows from a change, in its thousands. */
export const PRIORITY = { now: 0, fanOut: 1 } as const;
export type Priority = (typeof PRIORITY)[keyof typeof PRIORITY];

/** What a run of a key asks for: to be run again after a while. */
export interface Again {
  readonly afterMs: number;
}

interface Entry<K> {
  readonly key: K;
  readonly priority: Priority;
  /** When it began to wait, in milliseconds of a clock that does not jump. */
  readonly since: number;
}

/**
 * Keys to be worked on. A key that waits already is not added twice; a key that is being worked on is run once more
 * afterwards, and never at the same time; at most `width()` keys are worked on at once.
 *
 * As client-go's workqueue has it: https://pkg.go.dev/k8s.io/client-go/util/workqueue
 */
export class WorkQueue<K> {
  readonly #idOf: (key: K) => string;
  readonly #run: (key: K) => Promise<Again | undefined>;
  readonly #width: () => number;
  readonly #waiting = new Map<string, Entry<K>>();
  /** Ids in order of arrival. One that has since moved to another lane, or been taken, is skipped when its turn comes. */
  readonly #lanes: [Lane, Lane] = [new Lane(), new Lane()];
  readonly #running = new Map<string, Entry<K> | undefined>();
  readonly #delayed = new Map<string, NodeJS.Timeout>();
  #state: 'filling' | 'open' | 'closed' = 'filling';
  #pause: NodeJS.Timeout | undefined;
  #pauseEndsAt = Number.NEGATIVE_INFINITY;
  #idle: (() => void)[] = [];

  /** `run` must not reject: what went wrong is its own to report. */
  constructor(idOf: (key: K) => string, run: (key: K) => Promise<Again | undefined>, width: () => number) {
    this.#idOf = idOf;
    this.#run = run;
    this.#width = width;
  }

  /** Keys that wait for their turn, those that wait for a time not counted. */
  get depth(): number {
    return this.#waiting.size;
  }

  /** How many may be worked on at once at the moment. */
  get width(): number {
    return this.#pause === undefined ? this.#width() : 0;
  }

  /** When the key that waits longest began to; undefined where none waits. A map keeps the order in which its keys came. */
  get oldestSince(): number | undefined {
    return this.#waiting.values().next().value?.since;
  }

  add(key: K, priority: Priority): void {
    if (this.#state === 'closed') return;
    const id = this.#idOf(key);
    const entry = { key, priority, since: performance.now() };
    clearTimeout(this.#delayed.get(id));
    this.#delayed.delete(id);
    if (this.#running.has(id)) {
      const again = this.#running.get(id);
      this.#running.set(id, { ...entry, priority: again && again.priority < priority ? again.priority : priority });
      return;
    }
    const waiting = this.#waiting.get(id);
    if (waiting && waiting.priority <= priority) return;
    this.#waiting.set(id, { ...entry, since: waiting?.since ?? entry.since });
    this.#lanes[priority].push(id);
    this.#pump();
  }

  /** Starts the work. Keys may be added before; they wait. */
  open(): void {
    this.#state = 'open';
    this.#pump();
  }

  /** Starts nothing for so many milliseconds, or longer if that was asked for before; what is under way goes on. */
  pause(ms: number): void {
    const endsAt = performance.now() + ms;
    if (this.#state === 'closed' || endsAt <= this.#pauseEndsAt) return;
    clearTimeout(this.#pause);
    this.#pauseEndsAt = endsAt;
    this.#pause = setTimeout(() => {
      this.#pause = undefined;
      this.#pump();
    }, ms);
  }

  /** Takes no more keys, and resolves when those under way are done. What waits is forgotten. */
  async close(): Promise<void> {
    this.#state = 'closed';
    this.#waiting.clear();
    for (const lane of this.#lanes) lane.clear();
    for (const timer of this.#delayed.values()) clearTimeout(timer);
    this.#delayed.clear();
    clearTimeout(this.#pause);
    if (this.#running.size > 0) await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  #pump(): void {
    while (this.#state === 'open' && this.#running.size < this.width) {
      const next = this.#take();
      if (!next) return;
      void this.#work(next);
    }
  }

  #take(): Entry<K> | undefined {
    for (const priority of [PRIORITY.now, PRIORITY.fanOut]) {
      for (let id = this.#lanes[priority].shift(); id !== undefined; id = this.#lanes[priority].shift()) {
        const entry = this.#waiting.get(id);
        if (entry?.priority !== priority) continue;
        this.#waiting.delete(id);
        return entry;
      }
    }
    return undefined;
  }

  async #work({ key, priority }: Entry<K>): Promise<void> {
    const id = this.#idOf(key);
    this.#running.set(id, undefined);
    const again = await this.#run(key);
    const added = this.#running.get(id);
    this.#running.delete(id);
    if (this.#state === 'open') {
      if (added) this.add(added.key, added.priority);
      else if (again)
        this.#delayed.set(
          id,
          setTimeout(() => this.add(key, priority), again.afterMs),
        );
    }
    if (this.#running.size === 0) for (const resolve of this.#idle.splice(0)) resolve();
    this.#pump();
  }
}

/** First in, first out, in constant time: an array's own shift moves all that remain. */
class Lane {
  #ids: string[] = [];
  #head = 0;

  push(id: string): void {
    this.#ids.push(id);
  }

  shift(): string | undefined {
    const id = this.#ids[this.#head];
    if (id === undefined) {
      this.clear();
      return undefined;
    }
    if (++this.#head > 1024 && this.#head * 2 > this.#ids.length) {
      this.#ids = this.#ids.slice(this.#head);
      this.#head = 0;
    }
    return id;
  }

  clear(): void {
    this.#ids = [];
    this.#head = 0;
  }
}
