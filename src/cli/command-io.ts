import type { ExitCode } from './exit-codes.ts';

/** What a command gets from its process, apart from the cluster. */
export interface CommandIo {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly home: string;
  /** How the person calls the program: `regcred` or `kubectl regcred`. */
  readonly program: string;
  /** The version of this program. */
  readonly version: string;
  /** Whether standard output is a terminal. */
  readonly isTerminal: boolean;
  /** Everything on standard input; undefined if that is a terminal. */
  readonly input: () => Promise<Buffer | undefined>;
  readonly now: () => Date;
  /** Writes a line to standard output at once: what a long command has done. */
  readonly print: (line: string) => void;
  /** Writes a line to standard error at once: what a person must know while a long command runs. */
  readonly say: (line: string) => void;
  /** Shows how far a long command is. On a terminal the next line replaces this one. */
  readonly progress: (line: string) => void;
}

/** What a command prints at its end, and its exit code. */
export interface CommandResult {
  /** For standard output. */
  readonly output: string;
  /** For standard error, one line each. */
  readonly notes: readonly string[];
  readonly exitCode: ExitCode;
}

/** A command cannot do what a person asked for. The message says why and how to fix it. It never holds a secret value. */
export class CommandError extends Error {
  override readonly name = 'CommandError';

  constructor(problems: string | readonly string[]) {
    super([problems].flat().join('\n'));
  }
}
