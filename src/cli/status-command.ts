/** The flags and the help of `status`. */
import { type Command, Option } from 'commander';
import type { CommandIo } from './command-io.ts';
import { command, context, credentialNamespace, exitCodes, type Finish, kubeconfig } from './command-parts.ts';
import { type StatusFlags, status } from './status.ts';
import { color } from './terminal/flags.ts';

export function statusCommand(io: CommandIo, finish: Finish): Command {
  const { program } = io;
  return command('status', io)
    .summary('show the status of RegistryCredentials, and what to do if one is not Ready')
    .description(
      'Shows the RegistryCredentials of a cluster. With one NAME, also each failure, its cause and what to do.\n\n' +
        'It reads with your own kubeconfig and rights, and writes nothing.',
    )
    .argument('[NAME...]', 'names of RegistryCredentials: acme or regcred/acme (default: all of them, in a table)')
    .addOption(credentialNamespace())
    .addOption(color())
    .addOption(kubeconfig())
    .addOption(context())
    .addOption(
      new Option(
        '-o, --output <FORMAT>',
        'as for kubectl get: wide adds columns; name prints names only; yaml and json print the objects',
      ).choices(['name', 'wide', 'yaml', 'json']),
    )
    .addHelpText(
      'after',
      `
Examples:
  # The status of all
  ${program} status

  # What is wrong with one, and what to do
  ${program} status acme

  # The credentials of a tenant
  ${program} status -n team-a

  # In a pipeline: continue if all are Ready
  ${program} status && ./deploy.sh

${exitCodes({ ok: 'all are Ready', found: 'at least one is not', failed: 'an error, see standard error' })}`,
    )
    .action((names: string[], flags: StatusFlags) => finish(status(names, flags, io)));
}
