/** The commands that a person runs. */
import type { Command } from 'commander';
import { checkCommand } from './check/check-command.ts';
import { cleanupCommand } from './cleanup/cleanup-command.ts';
import type { CommandIo } from './command-io.ts';
import type { Finish } from './command-parts.ts';
import { completionCommand } from './completion-command.ts';
import { createCommand } from './create-command.ts';
import { doctorCommand } from './doctor/doctor-command.ts';
import { statusCommand } from './status-command.ts';
import { versionCommand } from './version/version-command.ts';
import { reportCommand, webCommand } from './web/web-command.ts';

/** In the order of `--help`. */
export const commands = (io: CommandIo, finish: Finish): Command[] =>
  [
    createCommand,
    statusCommand,
    checkCommand,
    doctorCommand,
    webCommand,
    reportCommand,
    cleanupCommand,
    versionCommand,
    completionCommand,
  ].map((define) => define(io, finish));
