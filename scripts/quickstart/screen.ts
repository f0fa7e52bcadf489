import { styleText } from 'node:util';

type Style = Parameters<typeof styleText>[0];

/** What a person sees: lines, one for each thing that has happened; in colour, and with a line that moves, on a terminal only. */
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

  /** Something that has come true, and what it took. */
  done(text: string, ms?: number): void {
    const time = ms === undefined ? '' : `  ${this.#style('cyan', `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`)}`;
    this.line(`  ${this.#style('green', '✔')} ${text}${time}`);
  }

  failed(text: string): void {
    this.line(`  ${this.#style('red', '✘')} ${text}`);
  }

  /** What the person could have typed, or would have written into a file. */
  quote(text: string): void {
    for (const line of text.trimEnd().split('\n')) this.line(`    ${this.#style('dim', line)}`);
  }

  /** How something that takes long is going: one line that changes, where lines can. */
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
