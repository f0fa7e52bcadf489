import { styleText } from 'node:util';

type Style = Parameters<typeof styleText>[0];

/** Prints one line for each event. Uses colours and a changing progress line on a terminal only. */
export class Screen {
  readonly #terminal = process.stdout.isTTY ?? false;
  #moving = false;

  line(text = ''): void {
    this.#settle();
    console.log(text);
  }

  heading(text: string): void {
    this.line(`\n${this.#style('bold', text)}`);
  }

  /** A completed step, and the time that it took. */
  done(text: string, ms?: number): void {
    const time = ms === undefined ? '' : `  ${this.#style('cyan', `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`)}`;
    this.line(`  ${this.#style('green', '✔')} ${text}${time}`);
  }

  failed(text: string): void {
    this.line(`  ${this.#style('red', '✘')} ${text}`);
  }

  /** Text that a user would type or write to a file. */
  quote(text: string): void {
    for (const line of text.trimEnd().split('\n')) this.line(`    ${this.#style('dim', line)}`);
  }

  /** The progress of a long step. On a terminal, one line that changes. */
  progress(text: string): void {
    if (!this.#terminal) {
      this.line(`  ${text.trim()}`);
      return;
    }
    process.stdout.write(`\r\x1b[K  ${text.trim()}`);
    this.#moving = true;
  }

  #settle(): void {
    if (this.#moving) process.stdout.write('\n');
    this.#moving = false;
  }

  #style(style: Style, text: string): string {
    return this.#terminal ? styleText(style, text) : text;
  }
}
