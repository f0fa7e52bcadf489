/** First in, first out, in constant time. Array.shift would move all remaining elements. */
export class Lane {
  #ids: string[] = [];
  #head = 0;

  push(id: string): void {
    this.#ids.push(id);
  }

  get first(): string | undefined {
    return this.#ids[this.#head];
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
