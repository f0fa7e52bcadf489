/** What a command that a person runs has of the world around it, apart from the cluster. */
export interface World {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly home: string;
  /** How the person calls the program: `regcred` or `kubectl regcred`. */
  readonly program: string;
  /** Everything on standard input; undefined where that is a terminal, and nothing is to come. */
  readonly input: () => Promise<Buffer | undefined>;
  readonly now: () => Date;
  /** A line for standard output, at once: what a command has done that takes its time. */
  readonly print: (line: string) => void;
  /** A line for standard error, at once: how far it is. */
  readonly say: (line: string) => void;
}

/** What a command has to say, and how it ends. */
export interface Answer {
  /** For standard output. */
  readonly output: string;
  /** For standard error, a line each. */
  readonly notes: readonly string[];
  readonly exitCode: number;
}

/** A command cannot do what it was asked: sentences that say why, and how to mend it. Never holds a secret value. */
export class Unusable extends Error {
  override readonly name = 'Unusable';

  constructor(problems: string | readonly string[]) {
    super([problems].flat().join('\n'));
  }
}
