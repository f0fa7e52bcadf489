/** Where a progress line is written. */
export interface ProgressOutput {
  readonly write: (text: string) => void;
  readonly isTerminal: boolean;
  /** The columns of the terminal. */
  readonly width: number;
  /** Milliseconds of a clock that does not jump. */
  readonly now: () => number;
}

/** A terminal need not show more than a few changes a second. A file gets a line now and then. */
const TERMINAL_MS = 100;
const PIPE_MS = 2000;

const CLEAR_LINE = '\r\u001b[2K';

/** The progress of long work: one line that changes in place on a terminal, and a line every two seconds elsewhere. */
export class ProgressLine {
  readonly #output: ProgressOutput;
  #isShown = false;
  #shownAt: number;

  constructor(output: ProgressOutput) {
    this.#output = output;
    // Work that ends within two seconds needs no line in a file.
    this.#shownAt = output.isTerminal ? Number.NEGATIVE_INFINITY : output.now();
  }

  show(text: string): void {
    const { write, isTerminal, width, now } = this.#output;
    if (now() - this.#shownAt < (isTerminal ? TERMINAL_MS : PIPE_MS)) return;
    this.#shownAt = now();
    this.#isShown = isTerminal;
    write(isTerminal ? CLEAR_LINE + text.slice(0, Math.max(0, width - 1)) : `${text}\n`);
  }

  /** Call this before any other output. */
  clear(): void {
    if (!this.#isShown) return;
    this.#isShown = false;
    this.#shownAt = Number.NEGATIVE_INFINITY;
    this.#output.write(CLEAR_LINE);
  }
}
