import { Option } from 'commander';
import type { CommandIo } from '../command-io.ts';
import { COLOUR_CHOICES, type ColourChoice, type Style, styleFor } from './style.ts';

export interface ColourFlags {
  readonly color?: ColourChoice;
}

/** The flag `--color`. */
export const color = () =>
  new Option('--color <WHEN>', 'colours and symbols: auto is on a terminal, unless NO_COLOR is set')
    .choices(COLOUR_CHOICES)
    .default('auto');

/** The style that the flag, NO_COLOR and the terminal ask for. */
export const styleOf = ({ color = 'auto' }: ColourFlags, io: Pick<CommandIo, 'env' | 'isTerminal'>): Style => styleFor(color, io);
