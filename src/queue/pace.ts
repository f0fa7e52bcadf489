/** Of our own writes, so many may stand in line at the API server: fewer and it might be idle, more and others wait because of us. */
const LINE = { least: 12, most: 24 } as const;

const FIRST_WIDTH = 8;

/** Fewer, and a call that gets no answer for half a minute would hold up all others. */
const LEAST_WIDTH = 4;

/**
 * How many keys may be worked on at once: as many as the API server keeps up with. What an answer takes longer than the
 * quickest one is time spent in line, so the length of the line follows from it (as in TCP Vegas, Brakmo and Peterson 1995).
 * While the line is short one more is let in with every round of answers, at first with every answer; while it is long, one
 * fewer; and half as many, but never fewer than four, after a refusal.
 */
export class Pace {
  readonly #least: number;
  readonly #most: number;
  #width: number;
  #quickestMs = Number.POSITIVE_INFINITY;
  #starting = true;
  /** When it was last halved: a refusal of what was asked before that says nothing new. */
  #halvedAt = Number.NEGATIVE_INFINITY;

  /** @param most never more than that. */
  constructor(most: number) {
    this.#least = Math.min(most, LEAST_WIDTH);
    this.#most = most;
    this.#width = Math.min(most, FIRST_WIDTH);
  }

  get width(): number {
    return Math.floor(this.#width);
  }

  /** The API server did what it was asked after so many milliseconds. */
  answered(ms: number): void {
    this.#quickestMs = Math.min(ms, this.#quickestMs);
    const line = this.#width * (1 - this.#quickestMs / Math.max(ms, Number.MIN_VALUE));
    if (line > LINE.least) this.#starting = false;
    if (line < LINE.least) this.#resize(this.#width + (this.#starting ? 1 : 1 / this.#width));
    else if (line > LINE.most) this.#resize(this.#width - 1 / this.#width);
  }

  /**
   * The API server had no time, at `now`, for what it was asked at `askedAt`, both in milliseconds of one clock. Returns whether
   * even the fewest at a time are too much for it.
   */
  refused(askedAt: number, now: number): boolean {
    this.#starting = false;
    if (askedAt < this.#halvedAt) return false;
    this.#halvedAt = now;
    const before = this.width;
    this.#resize(this.#width / 2);
    return before === this.#least;
  }

  #resize(width: number): void {
    this.#width = Math.max(this.#least, Math.min(this.#most, width));
  }
}
