/** First in, first out, in constant time on average. Array.shift would move all remaining elements. */
export class Lane {
  #arrived: string[] = [];
  /** The ids before those that arrived, the first one last. */
  #reversed: string[] = [];

  push(id: string): void {
    this.#arrived.push(id);
  }

  get first(): string | undefined {
    return this.#reversed.at(-1) ?? this.#arrived[0];
  }

  shift(): string | undefined {
    if (this.#reversed.length === 0) {
      this.#reversed = this.#arrived.reverse();
      this.#arrived = [];
    }
    return this.#reversed.pop();
  }

  clear(): void {
    this.#arrived = [];
    this.#reversed = [];
  }
}
