/** The flags and the help of `cleanup`. */
import { type Command, Option } from 'commander';
import type { CommandIo } from '../command-io.ts';
import { command, context, credentialNamespace, exitCodes, type Finish, kubeconfig, seconds } from '../command-parts.ts';
import { type CleanupFlags, cleanup } from './cleanup.ts';
import { DRY_RUNS } from './dry-run.ts';

export function cleanupCommand(io: CommandIo, finish: Finish): Command {
  const { program } = io;
  return command('cleanup', io)
    .summary('delete RegistryCredentials with everything that they created; works without an operator, too')
    .description(
      'Deletes RegistryCredentials with everything that they created: their Secrets, and their names in the imagePullSecrets of ServiceAccounts. It leaves everything else unchanged. With deletionPolicy Retain, Secrets and names stay.\n\n' +
        'Without --dry-run=none it only prints what it would do. If an operator runs, the operator does the work. If none runs, this command does it with your own kubeconfig and rights. You can run it again at any time.',
    )
    .argument('[NAME...]', 'names of RegistryCredentials: acme or regcred/acme')
    .option('--all', 'all credentials of both kinds, and what is left of deleted ones')
    .addOption(credentialNamespace())
    .addOption(
      new Option(
        '--dry-run <HOW>',
        'client, as --dry-run alone: print what it would do; server: also ask the API server whether it would accept that; none: do it',
      )
        .choices(DRY_RUNS)
        .default('client'),
    )
    .option('--ignore-not-found', 'a NAME that does not exist is not an error')
    .addOption(new Option('-o, --output <FORMAT>', 'name: print only the name of each object that is changed or deleted').choices(['name']))
    .option('--timeout <SECONDS>', 'how long to wait for a running operator', seconds, 300)
    .addOption(kubeconfig())
    .addOption(context())
    .addHelpText(
      'after',
      `
Examples:
  # What would it delete with one RegistryCredential?
  ${program} cleanup acme

  # Do I have all rights for it?
  ${program} cleanup --all --dry-run=server

  # Before you uninstall regcred, or after the operator was deleted first
  ${program} cleanup --all --dry-run=none

${exitCodes({
  ok: 'nothing is left to do',
  found: 'something is left, or a dry run found something to do',
  failed: 'a NAME does not exist, or an error, see standard error',
})}`,
    )
    .action((names: string[], flags: CleanupFlags) => finish(cleanup(names, flags, io)));
}
