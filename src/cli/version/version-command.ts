/** The flags and the help of `version`. */
import { type Command, Option } from 'commander';
import type { CommandIo } from '../command-io.ts';
import { command, context, exitCodes, type Finish, kubeconfig } from '../command-parts.ts';
import { type VersionFlags, version } from './version.ts';

export function versionCommand(io: CommandIo, finish: Finish): Command {
  const { program } = io;
  return command('version', io)
    .summary('print the versions of this program and of the operator in the cluster')
    .description(
      'Prints the version of this program, and the version of each operator that leads in the cluster.\n\n' +
        'The operator writes its version on its Lease. To read it, the command lists the Leases named regcred with your own kubeconfig and rights. It writes nothing.',
    )
    .option('--client', 'print the version of this program alone; needs no cluster')
    .option('-n, --namespace <NAME>', 'look for the operator in this namespace only (default: in all)')
    .addOption(new Option('-o, --output <FORMAT>', 'print the versions in a format for programs').choices(['yaml', 'json']))
    .addOption(kubeconfig())
    .addOption(context())
    .addHelpText(
      'after',
      `
Examples:
  # Both versions
  ${program} version

  # For a script
  ${program} version -o json

${exitCodes({ ok: 'printed', failed: 'only the version of this program is known, or an error, see standard error' })}`,
    )
    .action((flags: VersionFlags) => finish(version(flags, io)));
}
