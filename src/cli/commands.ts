/** The commands that a person runs: their flags, and what `--help` says of them. */
import { Argument, Command, InvalidArgumentError, Option } from 'commander';
import { type CleanupFlags, cleanup } from './cleanup.ts';
import { SCRIPTS, SHELLS } from './completion.ts';
import { type CreateFlags, create } from './create.ts';
import { type DoctorFlags, doctor } from './doctor/doctor.ts';
import { type StatusFlags, status } from './status.ts';
import { type Answer, Unusable, type World } from './world.ts';

export function commands(world: World, answer: (answered: Promise<Answer>) => Promise<void>): Command[] {
  return [
    createCommand(world, answer),
    statusCommand(world, answer),
    doctorCommand(world, answer),
    cleanupCommand(world, answer),
    completionCommand(world, answer),
  ];
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
    .addOption(kubeconfig())
    .addOption(context())
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

function doctorCommand(world: World, answer: (answered: Promise<Answer>) => Promise<void>): Command {
  const { program } = world;
  return command('doctor', world)
    .summary('say why a pod cannot pull its image, and what to do')
    .description(
      'Goes through all that has to be right for an image to be pulled, step by step, and says what to do about the first that is not.\n\n' +
        'It reads with your own kubeconfig and rights, says what it may not see, and writes nothing. No password is shown.',
    )
    .argument('[SUBJECT...]', 'pod/NAME, image IMAGE, or namespace NAME')
    .option('-n, --namespace <NAME>', 'namespace of the pod, or to pull the image in (default: that of the context)')
    .option('--serviceaccount <NAME>', 'of an image: the ServiceAccount that a pod would run under (default: default)')
    .option('-f, --filename <FILE>', 'everything in a file of manifests that pods are made of; - for standard input')
    .option('--pull', 'ask the registries, too, from here and with the matching credentials; nothing is downloaded')
    .addOption(kubeconfig())
    .addOption(context())
    .addOption(new Option('-o, --output <FORMAT>', 'print the findings for programs').choices(['yaml', 'json']))
    .addHelpText(
      'after',
      `
Examples:
  # Why is this pod in ImagePullBackOff?
  ${program} doctor pod/web-0 -n shop

  # Could a pod there pull this image? Ask the registry as well
  ${program} doctor image ghcr.io/acme/app:1 -n shop --serviceaccount default --pull

  # Is everything in place in a namespace, and which pods wait?
  ${program} doctor namespace shop

  # Before it is applied
  ${program} doctor -f deployment.yaml

Marks: ✔ as it should be; ✘ wrong; ? cannot be told from here; · to be known.
Exit codes: 0 fine; 1 something was found; 2 nothing was found, but not all could be seen, or it could not look at all.`,
    )
    .action((about: string[], flags: DoctorFlags) => answer(doctor(about, flags, world)));
}

function cleanupCommand(world: World, answer: (answered: Promise<Answer>) => Promise<void>): Command {
  const { program } = world;
  return command('cleanup', world)
    .summary('take back all that RegistryCredentials have made, and let them go; also where no operator runs any more')
    .description(
      'Deletes RegistryCredentials with all that they have made: each Secret, and each entry in the imagePullSecrets of ServiceAccounts; what others made stays as it is. Under deletionPolicy Retain, Secrets and entries stay.\n\n' +
        'Without --dry-run=none it only prints what it would do. Where an operator runs, that does the work; where none does, this command does it with your own kubeconfig and rights. It may be run again at any time.',
    )
    .argument('[NAME...]', 'names of RegistryCredentials')
    .option('--all', 'all RegistryCredentials, and what is left of such as are no more')
    .addOption(
      new Option('--dry-run <HOW>', 'client: print what would be done; server: also ask the API server whether it would do it; none: do it')
        .choices(['client', 'server', 'none'])
        .default('client'),
    )
    .option('--timeout <SECONDS>', 'how long to wait for an operator that runs', seconds, 300)
    .addOption(kubeconfig())
    .addOption(context())
    .addHelpText(
      'after',
      `
Examples:
  # What would go with one RegistryCredential
  ${program} cleanup acme

  # May I do all of it?
  ${program} cleanup --all --dry-run=server

  # Before regcred is uninstalled, or after somebody deleted the operator first
  ${program} cleanup --all --dry-run=none

Exit codes: 0 nothing is left; 1 something is, or would be done; 2 it cannot be seen, and standard error says why.`,
    )
    .action((names: string[], flags: CleanupFlags) => answer(cleanup(names, flags, world)));
}

function completionCommand(world: World, answer: (answered: Promise<Answer>) => Promise<void>): Command {
  return command('completion', world)
    .summary('print a script that has your shell complete commands, flags and names')
    .description(
      'Prints a script that has your shell complete the commands, flags and names of regcred.\n\n' +
        'For kubectl regcred there is no script: kubectl asks the program kubectl_complete-regcred on the PATH, which is this one by another name.',
    )
    .addArgument(new Argument('<SHELL>', 'your shell').choices(SHELLS))
    .addHelpText(
      'after',
      `
Examples:
  # bash, in ~/.bashrc
  source <(regcred completion bash)

  # zsh, in ~/.zshrc, behind compinit
  source <(regcred completion zsh)

  # fish
  regcred completion fish > ~/.config/fish/completions/regcred.fish

  # kubectl regcred, in any shell that completes kubectl
  ln -s "$(command -v kubectl-regcred)" ~/.local/bin/kubectl_complete-regcred`,
    )
    .action((shell: (typeof SHELLS)[number]) => answer(Promise.resolve({ output: SCRIPTS[shell], notes: [], exitCode: 0 })));
}

const kubeconfig = () => new Option('--kubeconfig <FILE>', 'kubeconfig to use (default: KUBECONFIG, else ~/.kube/config)');
const context = () => new Option('--context <NAME>', 'context of the kubeconfig to use (default: its current one)');

function seconds(text: string): number {
  if (!/^\d{1,6}$/.test(text)) throw new InvalidArgumentError('It is a whole number of seconds.');
  return Number(text);
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
