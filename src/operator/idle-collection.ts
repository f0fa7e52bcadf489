import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** As many keys or listed objects leave garbage that is worth a short pause (docs/adr/0022-idle-collection.md). */
const MANY = 1000;

/** As few keys in a span of QUIET_MS are no work that a short pause would hold up. */
const FEW = 100;
const QUIET_MS = 10_000;

/**
 * Collects garbage once after much work. Node.js does not collect while a program is idle: after a rotation of 50,000 Secrets, half of the heap
 * would stay garbage until the next large change. The collection stops the program for a few tens of milliseconds.
 */
export class IdleCollection {
  readonly #collect: () => void;
  #done = 0;
  #timer: NodeJS.Timeout | undefined;
  #hasEnded = false;

  constructor(collect: () => void) {
    this.#collect = collect;
  }

  /** Call when keys have run, Secrets were found to be synced, or objects were listed. */
  worked(count = 1): void {
    this.#done += count;
    if (this.#done >= MANY && !this.#hasEnded) this.#timer ??= this.#lookLater();
  }

  end(): void {
    this.#hasEnded = true;
    clearTimeout(this.#timer);
  }

  #lookLater(): NodeJS.Timeout {
    const before = this.#done;
    return setTimeout(() => {
      if (this.#done - before > FEW) {
        this.#timer = this.#lookLater();
        return;
      }
      this.#timer = undefined;
      this.#done = 0;
      this.#collect();
    }, QUIET_MS);
  }
}

/** Collects all garbage. V8 gives the function only to a context that was created with this flag. Without the function, this does nothing. */
export function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  const collect: unknown = runInNewContext('globalThis.gc');
  setFlagsFromString('--no-expose-gc');
  if (typeof collect === 'function') collect();
}
