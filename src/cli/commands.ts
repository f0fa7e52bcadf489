/** The commands that a person runs: their flags, and what `--help` says of them. */
import { Command, Option } from 'commander';
import { type CreateFlags, create } from './create.ts';
import { type StatusFlags, status } from './status.ts';
import { type Answer, Unusable, type World } from './world.ts';

export function commands(world: World, answer: (answered: Promise<Answer>) => Promise<void>): Command[] {
  return [createCommand(world, answer), statusCommand(world, answer)];
}

function createCommand(world: World, answer: (answered: Promise<Answer>) => Promise<void>): Command {
  const { program } = world;
  return (
    command('create', world)
      .summary('print a source Secret and its RegistryCredential, from docker login or a username and password')
      .description(
        'Prints a source Secret and the RegistryCredential that is made of it, for kubectl apply -f - or for Git.\n\n' +
          'Everything in it is checked as the operator checks it. No cluster is asked, and nothing is written anywhere.',
      )
      .argument('<NAME>', 'name of the RegistryCredential, and of the Secret that it puts into every namespace')
      .option(
        '--from-docker-config [FILE]',
        'take what docker login left in FILE (default: config.json in $DOCKER_CONFIG, else in ~/.docker); credential helpers are asked for their passwords',
      )
      .option(
        '--server <HOST[:PORT][/PATH]>',
        'registry as image names have it; with --from-docker-config which of its entries, and may be given again (default: all)',
        several,
      )
      .option('--username <NAME>', 'username at the registry')
      .option('--password-stdin', 'read the password from standard input')
      .option(
        '--without-secret',
        'print the RegistryCredential alone: something else makes the Secret (External Secrets, Sealed Secrets, SOPS)',
      )
      .option('--secret-namespace <NAME>', 'namespace of the source Secret', 'regcred-system')
      .option('--secret-name <NAME>', 'name of the source Secret (default: NAME-source)')
      .option(
        '--namespaces <GLOBS>',
        'namespaces that get the pull secret, comma-separated; * stands for any characters (default: all but kube-*)',
        several,
      )
      .option(
        '--service-accounts <GLOBS>',
        'ServiceAccounts in them that refer to it, comma-separated; "" for none (default: default)',
        several,
      )
      .addOption(new Option('-o, --output <FORMAT>', 'how to print it').choices(['yaml', 'json']).default('yaml'))
      // Known so that it can be answered without being repeated, as an unknown one would be.
      .addOption(new Option('-p, --password [PASSWORD]').hideHelp())
      .addHelpText(
        'after',
        `
Examples:
  # What docker login left for one registry, straight into the cluster
  ${program} create acme --from-docker-config --server ghcr.io | kubectl apply -f -

  # All that it left, for the namespaces of some teams
  ${program} create acme --from-docker-config --namespaces 'team-*,shop' | kubectl apply -f -

  # A username and a token; the token is never an argument
  printf %s "$TOKEN" | ${program} create acme --server ghcr.io --username robot --password-stdin | kubectl apply -f -

  # For Git, where External Secrets makes the Secret regcred-system/acme-source
  ${program} create acme --server ghcr.io --without-secret > acme.yaml

Exit codes: 0 printed; 2 cannot be done, and standard error says why.`,
      )
      .action((name: string, flags: CreateFlags & { password?: unknown }) => answer(createUnlessToldInPublic(name, flags, world)))
  );
}

function statusCommand(world: World, answer: (answered: Promise<Answer>) => Promise<void>): Command {
  const { program } = world;
  return command('status', world)
    .summary('show how the RegistryCredentials stand, and what to do where one is not Ready')
    .description(
      'Shows the RegistryCredentials of a cluster; of one by name also what failed, why, and what to do.\n\n' +
        'It reads with your own kubeconfig and rights, and writes nothing.',
    )
    .argument('[NAME]', 'name of a RegistryCredential (default: all of them, in a table)')
    .option('--kubeconfig <FILE>', 'kubeconfig to use (default: KUBECONFIG, else ~/.kube/config)')
    .option('--context <NAME>', 'context of the kubeconfig to use (default: its current one)')
    .addOption(new Option('-o, --output <FORMAT>', 'print the objects, as kubectl get does').choices(['yaml', 'json']))
    .addHelpText(
      'after',
      `
Examples:
  # How all of them stand
  ${program} status

  # What is wrong with one of them, and what to do
  ${program} status acme

  # In a pipeline: go on when all is in place
  ${program} status && ./deploy.sh

Exit codes: 0 all are Ready; 1 one is not; 2 it cannot be seen, and standard error says why.`,
    )
    .action((name: string | undefined, flags: StatusFlags) => answer(status(name, flags, world)));
}

async function createUnlessToldInPublic(name: string, flags: CreateFlags & { password?: unknown }, world: World): Promise<Answer> {
  if (flags.password === undefined) return create(name, flags, world);
  throw new Unusable(
    'There is no --password: everybody on the machine can see the arguments of a program, and your shell keeps them. Pipe it in, with --password-stdin; and if it was a real one, change it.',
  );
}

function command(name: string, { program }: World): Command {
  return new Command(name)
    .configureHelp({ helpWidth: 120 })
    .showHelpAfterError(`Run ${program} ${name} --help to see what there is.`)
    .exitOverride();
}

/** Of a flag that may be given again, or with commas. */
const several = (text: string, before: readonly string[] = []) => [
  ...before,
  ...text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== ''),
];
