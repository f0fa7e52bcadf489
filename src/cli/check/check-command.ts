/** The flags and the help of `check`. */
import { type Command, Option } from 'commander';
import type { CommandIo } from '../command-io.ts';
import { command, context, credentialNamespace, exitCodes, type Finish, kubeconfig, seconds } from '../command-parts.ts';
import { color } from '../terminal/flags.ts';
import { type CheckFlags, check } from './check.ts';

export function checkCommand(io: CommandIo, finish: Finish): Command {
  const { program } = io;
  return command('check', io)
    .summary('let the operator ask the registries now whether they accept the credentials')
    .description(
      'Lets the operator ask all registries of a RegistryCredential at once, waits for the answers, and prints them.\n\n' +
        'It sets the annotation regcred.dev/check-now with your own kubeconfig and rights. It shows no password. The operator asks a registry about the same credentials once a minute at most.',
    )
    .argument('<NAME>', 'name of a RegistryCredential: acme or regcred/acme')
    .addOption(new Option('-o, --output <FORMAT>', 'wide adds columns; yaml and json are for programs').choices(['wide', 'yaml', 'json']))
    .addOption(credentialNamespace())
    .option('--timeout <SECONDS>', 'how long to wait for the answers', seconds, 120)
    .addOption(color())
    .addOption(kubeconfig())
    .addOption(context())
    .addHelpText(
      'after',
      `
Examples:
  # After a new password: do all registries accept it?
  ${program} check acme

  # In a pipeline: continue if no registry refuses it
  ${program} check acme && ./deploy.sh

Results: Proven, NotRefused, Public and NotAsked are good or say nothing; Refused and Unreachable need a person.
${exitCodes({
  ok: 'no registry refuses the credentials, and each one answered',
  found: 'at least one is Refused or Unreachable',
  failed: 'not all answers came in time, or an error, see standard error',
})}`,
    )
    .action((name: string, flags: CheckFlags) => finish(check(name, flags, io)));
}
