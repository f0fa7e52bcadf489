/** `regcred create`: the source Secret and the RegistryCredential, for `kubectl apply -f -` or for Git. Needs no cluster. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { authOf } from '../plan/docker-config.ts';
import { filledIn, pick, questionsOf, name as serverName } from './docker-login.ts';
import { ask } from './helper.ts';
import { credential, type Placing, refusals, type Source, sourceSecret } from './manifests.ts';
import { type Format, printed } from './output.ts';
import { type Answer, Unusable, type World } from './world.ts';

/** As the flags have it. */
export interface CreateFlags {
  /** True: where Docker keeps it. */
  readonly fromDockerConfig?: string | true;
  readonly server?: readonly string[];
  readonly username?: string;
  readonly passwordStdin?: boolean;
  readonly withoutSecret?: boolean;
  readonly secretNamespace: string;
  readonly secretName?: string;
  readonly namespaces?: readonly string[];
  readonly serviceAccounts?: readonly string[];
  readonly output: Format;
}

/** Helpers whose passwords last for hours: what is made of them would stop to work as soon. */
const SHORT_LIVED = /^(ecr-login|gcloud|gcr|acr\b.*)$/;

export async function create(name: string, flags: CreateFlags, world: World): Promise<Answer> {
  const placing: Placing = {
    name,
    secretNamespace: flags.secretNamespace,
    secretName: flags.secretName ?? `${name}-source`,
    namespaces: flags.namespaces,
    serviceAccounts: flags.serviceAccounts,
  };
  const { source, notes } = await gather(name, flags, world);
  const refused = refusals(placing, source);
  if (refused.length > 0) throw new Unusable(refused);
  const made = credential(placing, source);
  if (source.kind === 'elsewhere') return { output: await printed([made], flags.output), notes, exitCode: 0 };
  const output = await printed([sourceSecret(placing, source), made], flags.output);
  return { output, notes: [...notes, plain(placing)], exitCode: 0 };
}

/** From where the flags say. All that is asked for in a way that cannot be is told before anything is read. */
async function gather(name: string, flags: CreateFlags, world: World): Promise<{ source: Source; notes: string[] }> {
  const { server: servers = [], username, passwordStdin, fromDockerConfig, withoutSecret } = flags;
  const login = username !== undefined || passwordStdin === true;
  if ([fromDockerConfig !== undefined, login, withoutSecret].filter(Boolean).length !== 1) {
    throw new Unusable(
      `Say where the password comes from, by one of: --from-docker-config, or --server, --username and --password-stdin, or --without-secret if somebody else makes the Secret. ${world.program} create --help has examples.`,
    );
  }
  if (fromDockerConfig !== undefined) return fromDocker(fromDockerConfig, servers, world);
  const [server] = servers;
  if (server === undefined) throw new Unusable('--server is missing: the registry as image names have it, for example ghcr.io.');
  if (withoutSecret) return { source: { kind: 'elsewhere', servers }, notes: [] };
  if (servers.length > 1)
    throw new Unusable('--server: a username and password are for one registry. Make a credential for each, or use --from-docker-config.');
  if (username === undefined)
    throw new Unusable('--username is missing. Registries that take only a token want some name beside it; their docs say which.');
  const how = `Pipe the password in: printf %s "$TOKEN" | ${world.program} create ${name} --server ${serverName(server)} --username ${JSON.stringify(username)} --password-stdin`;
  if (!passwordStdin)
    throw new Unusable(
      `--password-stdin is missing: the password is read from standard input, since everybody on the machine can see the arguments of a program. ${how}`,
    );
  const input = await world.input();
  if (input === undefined) throw new Unusable(`--password-stdin reads standard input, and nothing is piped into it. ${how}`);
  const password = withoutLineEnd(input);
  const judged = authOf(Buffer.from(username), password, `--username and standard input, server ${serverName(server)}:`);
  if ('problem' in judged) throw new Unusable(judged.problem.message);
  return { source: { kind: 'login', server, username, password }, notes: [] };
}

async function fromDocker(file: string | true, servers: readonly string[], world: World): Promise<{ source: Source; notes: string[] }> {
  const path = file === true ? join(world.env.DOCKER_CONFIG || join(world.home, '.docker'), 'config.json') : file;
  const bytes = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    const why = error.code === 'ENOENT' ? 'There is no such file' : `It cannot be read (${error.code})`;
    throw new Unusable(`${path}: ${why}. Run docker login first, or name the file that it wrote: --from-docker-config=FILE.`);
  });
  const questions = questionsOf(bytes, servers);
  const answers = [];
  // One after the other: a keychain may ask the person.
  for (const question of questions) answers.push(await ask(question, world));
  const picked = pick(filledIn(bytes, answers), servers, path);
  if ('problem' in picked) throw new Unusable(picked.problem.message);
  const expiring = questions.filter(({ helper }) => SHORT_LIVED.test(helper));
  const notes = expiring.map(
    ({ server, helper }) =>
      `Warning: docker-credential-${helper} gives passwords for ${serverName(server)} that expire within hours, and then this Secret no longer works. Have something refresh it, such as External Secrets, or use a robot account.`,
  );
  return { source: { kind: 'config', servers, auths: picked.ok }, notes };
}

const plain = ({ secretNamespace, secretName }: Placing) =>
  `Warning: the Secret ${secretNamespace}/${secretName} above holds a password that anybody can read: base64 is no encryption. Pipe it into kubectl apply -f -, but into Git only encrypted (Sealed Secrets, SOPS), or leave it out with --without-secret and have External Secrets make it.`;

/** One, as `echo` and files end in one: no password does. */
function withoutLineEnd(bytes: Buffer): Buffer {
  const text = bytes.toString('latin1');
  return bytes.subarray(0, text.replace(/\r?\n$/, '').length);
}
