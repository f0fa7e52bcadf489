/** What the exit code of every command means. docs/cli.md has the same table, in the words of each command. */
export const EXIT = {
  /** Done, and all is well. */
  ok: 0,
  /** The command has done its work, and found something that a person must look at. */
  found: 1,
  /** The command could not do its work: wrong usage, no such name, no cluster, a missing right, or no answer in time. */
  failed: 2,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];
