/** What `docker login` has left, as Docker itself reads it: some passwords are in its config, others with a helper. */
import { REASON } from '../api/reasons.ts';
import { type Auths, asObject, fieldOf, type Outcome, parseObject, readDockerConfig, readEntry, sayServer } from '../plan/docker-config.ts';
import { canonicalServer, DOCKER_HUB } from '../plan/server.ts';

/** A server that the config has no password for, and the program to ask: docker-credential-HELPER. */
export interface Question {
  /** As the helper knows it. */
  readonly server: string;
  readonly helper: string;
}

export interface HelpersAnswer {
  readonly server: string;
  readonly username: string;
  readonly secret: string;
}

/** What a helper gives as the username where the secret is a token that is no password (IdentityTokenUsername in docker/cli). */
const IDENTITY_TOKEN = '<token>';

/** Where Docker keeps what it signs in to Docker Hub with by itself: no registry goes by these names. */
const DOCKERS_OWN = new Set(['docker.io/access-token', 'docker.io/refresh-token']);

/** What the helpers have to be asked; of all servers that the config knows, where none are named. */
export function questionsOf(bytes: Buffer, servers: readonly string[]): Question[] {
  const config = parsed(bytes);
  if (config === undefined) return [];
  const helpers = new Map(Object.entries(objectIn(config, 'credHelpers')).map(([server, helper]) => [canonicalServer(server), helper]));
  const credsStore = fieldOf(config, 'credsStore');
  const auths = objectIn(config, 'auths');
  const names = new Map([...helpers.keys(), ...Object.keys(auths)].map((name) => [canonicalServer(name), name]));
  for (const [server, name] of names) if (DOCKERS_OWN.has(server) || hasPassword(auths[name])) names.delete(server);
  const wanted = servers.length > 0 ? servers.map(canonicalServer) : [...names.keys()];
  const inConfig = new Set(
    Object.keys(auths)
      .filter((name) => hasPassword(auths[name]))
      .map(canonicalServer),
  );
  return wanted
    .filter((server) => !inConfig.has(server))
    .flatMap((server) => {
      const helper = helpers.get(server) ?? credsStore;
      return typeof helper === 'string' && helper !== '' ? [{ server: names.get(server) ?? server, helper }] : [];
    });
}

/** The config with the answers in it, as if Docker had written them there. */
export function filledIn(bytes: Buffer, answers: readonly HelpersAnswer[]): Buffer {
  const config = parsed(bytes);
  if (config === undefined) return bytes;
  const known = Object.entries(objectIn(config, 'auths')).filter(([server]) => !DOCKERS_OWN.has(canonicalServer(server)));
  const answered = new Set(answers.map(({ server }) => canonicalServer(server)));
  const auths = [
    ...known.filter(([server]) => !answered.has(canonicalServer(server))),
    ...answers.map(({ server, username, secret }) => [
      server,
      username === IDENTITY_TOKEN ? { identitytoken: secret } : { username, password: secret },
    ]),
  ];
  const others = Object.entries(config).filter(([key]) => key.toLowerCase() !== 'auths');
  return Buffer.from(JSON.stringify({ ...Object.fromEntries(others), auths: Object.fromEntries(auths) }));
}

/** The entries of the servers, or all of them; read and judged as the operator does. */
export function pick(bytes: Buffer, servers: readonly string[], where: string): Outcome<Auths> {
  const config = readDockerConfig(bytes, where);
  if ('problem' in config) return config;
  const known = [...config.ok.entries.keys()];
  const auths = new Map();
  for (const server of servers.length > 0 ? servers.map(canonicalServer) : known) {
    if (!config.ok.entries.has(server)) {
      const message = `${where}: there is no entry for ${name(server)}. It has entries for: ${known.map(name).join(', ')}. Name one of these with --server, or run docker login ${name(server)}.`;
      return { problem: { reason: REASON.serverMissing, message } };
    }
    const auth = readEntry(config.ok.entries.get(server), config.ok, server, where);
    if ('problem' in auth) return auth;
    auths.set(server, auth.ok);
  }
  return { ok: auths };
}

/** As a person writes it. */
export const name = (server: string) => (canonicalServer(server) === DOCKER_HUB ? 'docker.io' : sayServer(server));

const hasPassword = (entry: unknown) =>
  typeof entry === 'object' &&
  entry !== null &&
  Object.entries(entry).some(([key, value]) => /^(auth|password|identitytoken|registrytoken)$/i.test(key) && value);

/** Undefined where it is none; readDockerConfig says so, and better. */
const parsed = (bytes: Buffer) => parseObject(bytes.toString('utf8'));

const objectIn = (config: Record<string, unknown>, name: string) => asObject(fieldOf(config, name)) ?? {};
