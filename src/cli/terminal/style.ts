/** Colours and symbols for a terminal. Text that goes into a pipe or a file stays plain. */

/** What a piece of text says about its subject. A symbol says the same as the colour, for people who cannot tell colours apart. */
export type Tone = 'good' | 'bad' | 'unknown' | 'quiet';

export interface Style {
  paint(tone: Tone, text: string): string;
  /** The symbol of the tone and a space; '' in plain text. */
  symbol(tone: Tone): string;
}

/** Text without colours and symbols, for files and other programs. */
export const PLAIN: Style = { paint: (_, text) => text, symbol: () => '' };

/** SGR parameters: green, red, yellow, dim. */
const COLOURS: Readonly<Record<Tone, number>> = { good: 32, bad: 31, unknown: 33, quiet: 2 };
const SYMBOLS: Readonly<Record<Tone, string>> = { good: '✔', bad: '✘', unknown: '?', quiet: '·' };

/** Text for a terminal. */
export const COLOURED: Style = {
  paint: (tone, text) => `\u001b[${COLOURS[tone]}m${text}\u001b[0m`,
  symbol: (tone) => `${SYMBOLS[tone]} `,
};

export const COLOUR_CHOICES = ['auto', 'always', 'never'] as const;
export type ColourChoice = (typeof COLOUR_CHOICES)[number];

/** `auto`: on a terminal, unless NO_COLOR is set (https://no-color.org) or the terminal is a dumb one. A flag wins over the environment. */
export function styleFor(
  choice: ColourChoice,
  { env, isTerminal }: { readonly env: Readonly<Record<string, string | undefined>>; readonly isTerminal: boolean },
): Style {
  const isColoured = choice === 'auto' ? isTerminal && !env.NO_COLOR && env.TERM !== 'dumb' : choice === 'always';
  return isColoured ? COLOURED : PLAIN;
}
