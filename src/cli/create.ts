/** `regcred create`: prints the source Secret and the RegistryCredential, for `kubectl apply -f -` or for Git. Needs no cluster. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { authOf } from '../plan/content/auth.ts';
import { type CloudFlags, cloudOf, cloudTokenOf, tokenRole } from './cloud-flags.ts';
import { CommandError, type CommandIo, type CommandResult } from './command-io.ts';
import { askHelper } from './docker-credential-helper.ts';
import { formatServerName, helperQuestionsFor, pickEntries } from './docker-login.ts';
import { EXIT } from './exit-codes.ts';
import { type CredentialOptions, credentialManifest, refusals, type Source, sourceSecret, type VerificationMode } from './manifests.ts';
import { type Format, formatObjects } from './output.ts';

export interface CreateFlags extends CloudFlags {
  /** True: the file that Docker itself uses. */
  readonly fromDockerConfig?: string | true;
  readonly server?: readonly string[];
  readonly username?: string;
  readonly passwordStdin?: boolean;
  readonly withoutSecret?: boolean;
  /** Print a NamespacedRegistryCredential. */
  readonly namespaced?: true;
  /** The namespace of that. */
  readonly namespace?: string;
  readonly secretNamespace: string;
  readonly secretName?: string;
  readonly namespaces?: readonly string[];
  readonly serviceAccounts?: readonly string[];
  readonly probeImage?: string;
  readonly verification?: VerificationMode;
  readonly output: Format;
}

/** Credential helpers whose passwords expire within hours. */
const SHORT_LIVED = /^(ecr-login|gcloud|gcr|acr\b.*)$/;

/** Where manifests/ installs the operator. */
const OPERATOR_NAMESPACE = 'regcred-system';

interface Input {
  readonly source: Source;
  readonly notes: readonly string[];
}

/** The namespace of a namespaced credential, if the flags name it; undefined for a cluster-scoped one. */
function homeOf({ namespaced, namespace }: CreateFlags): { readonly namespace?: string } | undefined {
  if (namespace !== undefined) return { namespace };
  return namespaced ? {} : undefined;
}

/**
 * Prints the objects for one credential. Throws a CommandError if the flags do not fit together, a value breaks a rule of the schema, or
 * the login cannot be read.
 *
 * @param name the name of the credential
 */
export async function create(name: string, flags: CreateFlags, io: CommandIo): Promise<CommandResult> {
  const namespaced = homeOf(flags);
  const options: CredentialOptions = {
    name,
    namespaced,
    secretNamespace: namespaced ? (flags.namespace ?? 'default') : flags.secretNamespace,
    secretName: flags.secretName ?? `${name}-source`,
    namespaces: flags.namespaces,
    serviceAccounts: flags.serviceAccounts,
    probeImage: flags.probeImage,
    verification: flags.verification,
  };
  const { source, notes } = await readInput(name, flags, io);
  const refused = refusals(options, source);
  if (refused.length > 0) throw new CommandError(refused);
  const credential = credentialManifest(options, source);
  if (source.kind === 'token') {
    const role = source.account ? tokenRole({ ...options.namespaced, ...source.account }, OPERATOR_NAMESPACE) : [];
    return { output: await formatObjects([...role, credential], flags.output), notes, exitCode: EXIT.ok };
  }
  if (source.kind === 'elsewhere') return { output: await formatObjects([credential], flags.output), notes, exitCode: EXIT.ok };
  const output = await formatObjects([sourceSecret(options, source), credential], flags.output);
  return { output, notes: [...notes, warnAboutPlainText(options)], exitCode: EXIT.ok };
}

/** Reads the credentials from where the flags say. It refuses flags that do not fit together before it reads anything. */
async function readInput(name: string, flags: CreateFlags, io: CommandIo): Promise<Input> {
  const { server: servers = [], username, passwordStdin, fromDockerConfig, withoutSecret } = flags;
  const isLogin = username !== undefined || passwordStdin === true;
  const cloud = cloudOf(flags);
  if ([fromDockerConfig !== undefined, isLogin, withoutSecret, cloud].filter(Boolean).length !== 1) {
    throw new CommandError(
      `Choose one source for the password: --from-docker-config; or --server, --username and --password-stdin; or --aws, --gcp or --azure for a token that the operator fetches; or --without-secret if another tool creates the Secret. Examples: ${io.program} create --help`,
    );
  }
  if (fromDockerConfig !== undefined) return readDockerLogin(fromDockerConfig, servers, io);
  const [server] = servers;
  if (server === undefined) throw new CommandError('--server is missing. Give the registry as in image names, for example ghcr.io.');
  if (cloud) return { source: { kind: 'token', servers, ...cloudTokenOf(cloud, flags, servers, homeOf(flags)) }, notes: [] };
  if (withoutSecret) return { source: { kind: 'elsewhere', servers }, notes: [] };
  if (servers.length > 1) {
    throw new CommandError(
      '--server: a username and password are for one registry. Create one RegistryCredential for each registry, or use --from-docker-config.',
    );
  }
  return readPassword(name, server, flags, io);
}

async function readPassword(name: string, server: string, { username, passwordStdin }: CreateFlags, io: CommandIo): Promise<Input> {
  if (username === undefined) {
    throw new CommandError(
      '--username is missing. Registries that only check a token still need some username; their documentation says which.',
    );
  }
  const example = `Pipe the password in: printf %s "$TOKEN" | ${io.program} create ${name} --server ${formatServerName(server)} --username ${JSON.stringify(username)} --password-stdin`;
  if (!passwordStdin) {
    throw new CommandError(
      `--password-stdin is missing. The command reads the password from standard input, because every user of this machine can see the arguments of a program. ${example}`,
    );
  }
  const input = await io.input();
  if (input === undefined) throw new CommandError(`--password-stdin reads standard input, but standard input is a terminal. ${example}`);
  const password = withoutLineEnd(input);
  const checked = authOf(Buffer.from(username), password, `--username and standard input, server ${formatServerName(server)}:`);
  if ('problem' in checked) throw new CommandError(checked.problem.message);
  return { source: { kind: 'login', server, username, password }, notes: [] };
}

async function readDockerLogin(file: string | true, servers: readonly string[], io: CommandIo): Promise<Input> {
  const path = file === true ? join(io.env.DOCKER_CONFIG || join(io.home, '.docker'), 'config.json') : file;
  const bytes = await (path === '-' ? standardInput(io) : dockerConfigFile(path));
  const questions = helperQuestionsFor(bytes, servers);
  const answers = [];
  // One at a time: each helper may open a dialog of the keychain.
  for (const question of questions) answers.push(await askHelper(question, io));
  const picked = pickEntries(bytes, answers, servers, path === '-' ? 'Standard input' : path);
  if ('problem' in picked) throw new CommandError(picked.problem.message);
  const { auths, skipped } = picked.ok;
  const shortLived = questions
    .filter(({ helper }) => SHORT_LIVED.test(helper))
    .map(
      ({ server, helper }) =>
        `Warning: the password for ${formatServerName(server)} from docker-credential-${helper} expires within hours, and then this Secret no longer works. Let the operator fetch tokens itself (--aws, --gcp, --azure), or use a robot account.`,
    );
  return { source: { kind: 'config', servers, auths }, notes: [...skipped.map(({ message }) => `Left out: ${message}`), ...shortLived] };
}

async function standardInput(io: CommandIo): Promise<Buffer> {
  const bytes = await io.input();
  if (bytes !== undefined) return bytes;
  throw new CommandError(
    `--from-docker-config=- reads standard input, but standard input is a terminal. Pipe the docker config in: ${io.program} create NAME --from-docker-config=- < config.json`,
  );
}

const dockerConfigFile = (path: string): Promise<Buffer> =>
  readFile(path).catch((error: NodeJS.ErrnoException) => {
    const why = error.code === 'ENOENT' ? 'the file does not exist' : `the file cannot be read (${error.code})`;
    throw new CommandError(`${path}: ${why}. Run docker login first, or name the file that it wrote: --from-docker-config=FILE.`);
  });

const warnAboutPlainText = ({ namespaced, secretNamespace, secretName }: CredentialOptions) =>
  `Warning: the Secret ${namespaced && namespaced.namespace === undefined ? '' : `${secretNamespace}/`}${secretName} above holds a password in plain text: base64 is not encryption. Pipe it into kubectl apply -f -. In Git, encrypt it (Sealed Secrets, SOPS), or leave it out with --without-secret and let External Secrets create it.`;

/** Removes one line end at the end: `echo` and editors add it, and no password has it. */
function withoutLineEnd(bytes: Buffer): Buffer {
  const text = bytes.toString('latin1');
  return bytes.subarray(0, text.replace(/\r?\n$/, '').length);
}
