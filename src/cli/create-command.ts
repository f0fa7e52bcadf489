/** The flags and the help of `create`. */
import { type Command, Option } from 'commander';
import { CommandError, type CommandIo, type CommandResult } from './command-io.ts';
import { command, exitCodes, type Finish } from './command-parts.ts';
import { type CreateFlags, create } from './create.ts';
import { VERIFICATION_MODES } from './manifests.ts';

export function createCommand(io: CommandIo, finish: Finish): Command {
  const { program } = io;
  return (
    command('create', io)
      .summary('print a RegistryCredential with its source: docker login, a username and password, or a cloud')
      .description(
        'Prints a source Secret and its RegistryCredential, for kubectl apply -f - or for Git.\n\n' +
          'It validates everything as the operator does. It needs no cluster, and writes nothing.',
      )
      .argument('<NAME>', 'name of the RegistryCredential, and of its Secret in every namespace')
      .option(
        '--from-docker-config [FILE]',
        'read what docker login stored in FILE; - for standard input (default: config.json in $DOCKER_CONFIG, else in ~/.docker); includes the passwords in credential helpers',
      )
      .option(
        '--server <HOST[:PORT][/PATH]>',
        'registry as in image names; with --from-docker-config the entry to use, can be repeated (default: all)',
        several,
      )
      .option('--username <NAME>', 'username at the registry')
      .option('--password-stdin', 'read the password from standard input')
      .option(
        '--without-secret',
        'print only the RegistryCredential; another tool creates the Secret (External Secrets, Sealed Secrets, SOPS)',
      )
      .option('--namespaced', 'print a NamespacedRegistryCredential, which needs no administrator: its Secret is in the same namespace')
      .option('-n, --namespace <NAME>', 'the same, for this namespace (default: the one that kubectl apply uses)')
      .option('--aws', 'the operator fetches tokens for Amazon ECR; without an identity flag it uses its own identity')
      .option('--region <REGION>', "with --aws: region of the registry (default: the one in the server's name)")
      .option('--role-arn <ARN>', 'with --aws: IAM role that may pull')
      .option('--gcp', 'the operator fetches tokens for Google Artifact Registry')
      .option('--google-service-account <EMAIL>', 'with --gcp: Google service account to impersonate')
      .option('--workload-identity-provider <NAME>', 'with --gcp and --identity-account: //iam.googleapis.com/projects/…/providers/…')
      .option('--azure', 'the operator fetches tokens for Azure Container Registry')
      .option('--tenant-id <ID>', 'with --azure: tenant in Microsoft Entra')
      .option('--client-id <ID>', 'with --azure: application or managed identity')
      .option(
        '--identity-account <NAMESPACE/NAME>',
        'with a cloud: ServiceAccount that the cloud trusts; also prints the Role that lets the operator request its tokens',
      )
      .option('--identity-secret <NAMESPACE/NAME>', 'with a cloud: Secret with static keys')
      .option('--secret-namespace <NAME>', 'namespace of the source Secret', 'regcred-system')
      .option('--secret-name <NAME>', 'name of the source Secret (default: NAME-source)')
      .option(
        '--namespaces <GLOBS>',
        'namespaces that get the pull secret, comma-separated; * matches any characters (default: all except kube-*; with --namespaced only its own)',
        several,
      )
      .option(
        '--service-accounts <GLOBS>',
        'ServiceAccounts there that refer to it, comma-separated; "" for none (default: default)',
        several,
      )
      .option(
        '--probe-image <IMAGE>',
        'private image of the one registry that the credentials must be able to pull, without its host: acme/web:1',
      )
      .addOption(
        new Option(
          '--verification <MODE>',
          'None: the operator asks no registry; Report: it asks and reports; Require: it also holds refused credentials back (default: Report)',
        ).choices(VERIFICATION_MODES),
      )
      .addOption(new Option('-o, --output <FORMAT>', 'output format').choices(['yaml', 'json']).default('yaml'))
      // Hidden, but defined: commander would repeat the value of an unknown flag in its error message.
      .addOption(new Option('-p, --password [PASSWORD]').hideHelp())
      .addHelpText('after', createExamples(program))
      .action((name: string, flags: CreateFlags & { password?: unknown }) => finish(createWithoutPasswordFlag(name, flags, io)))
  );
}

const createExamples = (program: string) => `
Examples:
  # From docker login, for one registry, straight into the cluster
  ${program} create acme --from-docker-config --server ghcr.io | kubectl apply -f -

  # From docker login, all registries, for the namespaces of some teams
  ${program} create acme --from-docker-config --namespaces 'team-*,shop' | kubectl apply -f -

  # For your own namespace, with the rights of edit there
  ${program} create acme --from-docker-config --server ghcr.io -n team-a | kubectl apply -f -

  # A username and a token; the token is never an argument
  printf %s "$TOKEN" | ${program} create acme --server ghcr.io --username robot --password-stdin | kubectl apply -f -

  # Do not distribute a password that the registry refuses, and prove that it can pull an image
  printf %s "$TOKEN" | ${program} create acme --server ghcr.io --username robot --password-stdin --probe-image acme/web:1 --verification=Require | kubectl apply -f -

  # Amazon ECR, with the role of the operator's own pod (IRSA, EKS Pod Identity)
  ${program} create acme --aws --server 123456789012.dkr.ecr.eu-central-1.amazonaws.com | kubectl apply -f -

  # Azure, with a ServiceAccount that the application trusts; prints the Role as well
  ${program} create acme --azure --server acme.azurecr.io --identity-account regcred-system/puller | kubectl apply -f -

  # For Git, if External Secrets creates the Secret regcred-system/acme-source
  ${program} create acme --server ghcr.io --without-secret > acme.yaml

${exitCodes({ ok: 'printed', failed: 'an error, see standard error' })}`;

async function createWithoutPasswordFlag(name: string, flags: CreateFlags & { password?: unknown }, io: CommandIo): Promise<CommandResult> {
  if (flags.password === undefined) return create(name, flags, io);
  throw new CommandError(
    'There is no flag --password: every user of this machine can see the arguments of a program, and your shell stores them. Pipe the password in with --password-stdin. If this was a real password, change it.',
  );
}

/** For a flag that can be repeated, or have several values with commas. */
const several = (text: string, before: readonly string[] = []) => [
  ...before,
  ...text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== ''),
];
