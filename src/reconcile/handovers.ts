/** How long a credential that leaves waits for the one that takes over its Secret. Then it deletes the Secret itself. */
const MAX_WAIT_MS = 10_000;

/**
 * The Secrets that change hands in place, by the id of the key of the credential that leaves. A Secret that is updated keeps its uid, and pods
 * can pull at every moment.
 */
export class Handovers {
  readonly #since = new Map<string, number>();
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  mayWait(id: string): boolean {
    const since = this.#since.get(id) ?? this.#now();
    this.#since.set(id, since);
    return this.#now() - since < MAX_WAIT_MS;
  }

  forget(id: string): void {
    this.#since.delete(id);
  }
}
