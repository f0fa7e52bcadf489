import { Lane } from './lane.ts';

/**
 * References in the accounts of a namespace and other work that people wait for take turns. Then come the keys of a fan-out, then retries after a
 * long wait. References have a priority of their own, because a pod that is admitted without one never gets it. The kubelet retries a missing Secret.
 */
export const PRIORITY = { references: 0, now: 1, fanOut: 2, retry: 3 } as const;
export type Priority = (typeof PRIORITY)[keyof typeof PRIORITY];

/** The order of the priorities, by the urgent one whose turn it is. */
const URGENT = { [PRIORITY.references]: [0, 1], [PRIORITY.now]: [1, 0] } as const;
const ALL = { [PRIORITY.references]: [0, 1, 2, 3], [PRIORITY.now]: [1, 0, 2, 3] } as const;

/** A run of a key asks for another run. */
export interface Requeue {
  readonly afterMs: number;
}

/**
 * A retry after this wait or a longer one runs with the lowest priority. Shorter waits only bridge the time until the watch delivers, so the
 * key keeps its priority.
 */
const LONG_WAIT_MS = 150;

/** A run that takes longer is slow. Often an admission webhook delays the API server's answer. */
const SLOW_AFTER_MS = 1000;

/**
 * How many keys start before other events get a turn of the event loop. A run that writes nothing ends at once, so thousands of them would hold
 * up the events of watches, which bring urgent keys. These many take a few milliseconds. Keys of slow groups do not wait for this: they are few.
 */
const STARTS_PER_TURN = 100;

/** How many keys of slow groups run at once, beside `width`. The number is limited, because each slow run is an open request. */
const SLOW_GROUPS_WIDTH = 8;

/** Runs a key. It must not reject. When the signal is aborted, it ends soon and asks for another run. */
export type Run<K> = (key: K, signal: AbortSignal) => Promise<Requeue | undefined>;

export interface QueueOptions<K> {
  /** Equal for equal keys. */
  readonly idOf: (key: K) => string;
  /** Equal for keys that are likely to wait for the same webhook. Undefined for keys that belong to no group. */
  readonly groupOf: (key: K) => string | undefined;
  /** How many keys may run at once. Keys of slow groups do not count. */
  readonly width: number;
}

interface Entry<K> {
  readonly key: K;
  readonly priority: Priority;
  /** When the key was added, in milliseconds of a clock that does not jump. */
  readonly since: number;
}

/**
 * A work queue with the rules of client-go (https://pkg.go.dev/k8s.io/client-go/util/workqueue). A waiting key is not added twice. A key
 * never runs twice at the same time: if it is added while it runs, it runs again afterwards. At most `width` keys run at once.
 *
 * Keys that wait long for an answer do not delay the others (docs/adr/0008-width.md). The queue stops a slow run when another key needs its
 * slot. From then on all keys of its group share a few separate slots, where the queue stops no run. This ends when that key finishes quickly.
 */
export class WorkQueue<K> {
  readonly #options: QueueOptions<K>;
  #run: Run<K> | undefined;
  readonly #waiting = new Map<string, Entry<K>>();
  /** Ids in order of arrival. The queue skips an id that has moved to another lane or has already started. */
  readonly #lanes: Record<Priority, Lane> = [new Lane(), new Lane(), new Lane(), new Lane()];
  readonly #slowLane = new Lane();
  /** By group: the ids whose last run was slow. */
  readonly #slowGroups = new Map<string, Set<string>>();
  /** By id of each running key: the entry that was added while it runs. */
  readonly #running = new Map<string, Entry<K> | undefined>();
  readonly #count: Record<Slot, number> = { normal: 0, slowGroup: 0 };
  /** The slow runs that can be stopped, the slowest first. */
  readonly #stoppable = new Set<AbortController>();
  readonly #delayed = new Map<string, NodeJS.Timeout>();
  #state: 'filling' | 'open' | 'closed' = 'filling';
  #pause: NodeJS.Timeout | undefined;
  #pauseEndsAt = Number.NEGATIVE_INFINITY;
  #idle: (() => void)[] = [];
  /** How many keys have started in this turn of the event loop. */
  #started = 0;
  /** Whether keys of fan-outs, and those after them, must wait. */
  #isHeld = false;
  /** The urgent priority whose turn it is. */
  #turn: typeof PRIORITY.references | typeof PRIORITY.now = PRIORITY.references;

  constructor(options: QueueOptions<K>) {
    this.#options = options;
  }

  /** Keys that wait to run. Delayed keys do not count. */
  get depth(): number {
    return this.#waiting.size;
  }

  /** How many keys may run at once now: 0 in a pause. */
  get width(): number {
    return this.#pause === undefined ? this.#options.width : 0;
  }

  /** When the longest-waiting key was added; undefined if no key waits. */
  get oldestSince(): number | undefined {
    return this.#waiting.values().next().value?.since;
  }

  add(key: K, priority: Priority): void {
    if (this.#state === 'closed') return;
    const id = this.#options.idOf(key);
    const entry = { key, priority, since: performance.now() };
    clearTimeout(this.#delayed.get(id));
    this.#delayed.delete(id);
    if (this.#running.has(id)) {
      const before = this.#running.get(id)?.priority ?? priority;
      this.#running.set(id, { ...entry, priority: Math.min(before, priority) as Priority });
      return;
    }
    const waiting = this.#waiting.get(id);
    if (waiting && waiting.priority <= priority) return;
    this.#waiting.set(id, { ...entry, since: waiting?.since ?? entry.since });
    (this.#isSlow(key) ? this.#slowLane : this.#lanes[priority]).push(id);
    this.#pump();
  }

  /** Starts the work. Keys may be added before; they wait. */
  open(run: Run<K>): void {
    this.#run = run;
    this.#state = 'open';
    this.#pump();
  }

  /** From now on starts only urgent keys, until `release`. */
  hold(): void {
    this.#isHeld = true;
  }

  release(): void {
    this.#isHeld = false;
    this.#pump();
  }

  /** Starts no key for `ms` milliseconds. A longer pause that has begun stays. Running keys continue. */
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

  /** Accepts no more keys, drops the waiting keys, and resolves when the running keys are done. */
  async close(): Promise<void> {
    this.#state = 'closed';
    this.#waiting.clear();
    for (const lane of [...Object.values(this.#lanes), this.#slowLane]) lane.clear();
    for (const timer of this.#delayed.values()) clearTimeout(timer);
    this.#delayed.clear();
    clearTimeout(this.#pause);
    if (this.#running.size > 0) await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  #pump(): void {
    while (this.#state === 'open' && this.#pause === undefined) {
      const next = this.#started < STARTS_PER_TURN ? this.#next() : undefined;
      if (next && this.#count.normal < this.#options.width) void this.#start(next, 'normal');
      else {
        if (next) this.#stopSlowest();
        const ofSlowGroup = this.#count.slowGroup < SLOW_GROUPS_WIDTH ? this.#nextOfSlowGroups() : undefined;
        if (!ofSlowGroup) return;
        void this.#start(ofSlowGroup, 'slowGroup');
      }
    }
  }

  #nextTurn(): void {
    this.#started = 0;
    this.#pump();
  }

  /** The first waiting key outside of the slow groups. It stays in the queue. */
  #next(): Entry<K> | undefined {
    for (const priority of this.#isHeld ? URGENT[this.#turn] : ALL[this.#turn]) {
      const lane = this.#lanes[priority];
      for (let id = lane.first; id !== undefined; id = lane.first) {
        const entry = this.#waiting.get(id);
        const isHere = entry?.priority === priority;
        if (isHere && !this.#isSlow(entry.key)) return entry;
        // Its group has become slow since it was added.
        if (isHere) this.#slowLane.push(id);
        lane.shift();
      }
    }
    return undefined;
  }

  #nextOfSlowGroups(): Entry<K> | undefined {
    for (let id = this.#slowLane.shift(); id !== undefined; id = this.#slowLane.shift()) {
      const entry = this.#waiting.get(id);
      if (entry) return entry;
    }
    return undefined;
  }

  #stopSlowest(): void {
    const [slowest] = this.#stoppable;
    if (!slowest) return;
    this.#stoppable.delete(slowest);
    slowest.abort();
  }

  #isSlow(key: K): boolean {
    const group = this.#options.groupOf(key);
    return group !== undefined && this.#slowGroups.has(group);
  }

  /** Notes whether the last run of a key was slow. */
  #note(key: K, isSlow: boolean): void {
    const group = this.#options.groupOf(key);
    if (group === undefined) return;
    const ids = this.#slowGroups.get(group) ?? new Set();
    if (isSlow) ids.add(this.#options.idOf(key));
    else ids.delete(this.#options.idOf(key));
    if (ids.size > 0) this.#slowGroups.set(group, ids);
    else this.#slowGroups.delete(group);
  }

  async #start({ key, priority }: Entry<K>, slot: Slot): Promise<void> {
    const id = this.#options.idOf(key);
    if (this.#started++ === 0) setImmediate(() => this.#nextTurn());
    if (slot === 'normal') this.#turn = priority === PRIORITY.references ? PRIORITY.now : PRIORITY.references;
    this.#waiting.delete(id);
    this.#running.set(id, undefined);
    this.#count[slot]++;
    const requeue = await this.#timed(key, slot);
    this.#count[slot]--;
    const added = this.#running.get(id);
    this.#running.delete(id);
    if (this.#state === 'open') {
      if (added) this.add(added.key, added.priority);
      else if (requeue) {
        const next = requeue.afterMs < LONG_WAIT_MS ? priority : PRIORITY.retry;
        const timer = setTimeout(() => this.add(key, next), requeue.afterMs);
        this.#delayed.set(id, timer);
      }
    }
    if (this.#running.size === 0) for (const resolve of this.#idle.splice(0)) resolve();
    this.#pump();
  }

  /** Runs a key, and notes whether the run was slow. */
  async #timed(key: K, slot: Slot): Promise<Requeue | undefined> {
    const controller = new AbortController();
    let isSlow = false;
    const timer = setTimeout(() => {
      isSlow = true;
      this.#note(key, true);
      if (slot === 'normal') this.#stoppable.add(controller);
      this.#pump();
    }, SLOW_AFTER_MS);
    const requeue = await this.#run?.(key, controller.signal);
    clearTimeout(timer);
    this.#stoppable.delete(controller);
    if (!isSlow) this.#note(key, false);
    return requeue;
  }
}

/** Which slot a running key takes: one of `width`, or one of the separate slots of slow groups. */
type Slot = 'normal' | 'slowGroup';
