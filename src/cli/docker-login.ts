/** What `docker login` has stored, as Docker itself reads it: some passwords are in its config, others in a credential helper. */
import { REASON } from '../api/reasons.ts';
import { mergedMembers } from '../plan/content/config-members.ts';
import { type DockerConfig, readDockerConfig } from '../plan/content/docker-config.ts';
import { withoutByteOrderMark } from '../plan/content/encoding.ts';
import { formatServer } from '../plan/content/format-server.ts';
import { fieldOf, parseObject } from '../plan/content/go-syntax.ts';
import type { Parsed } from '../plan/content/parsed.ts';
import { authFor, inOtherCase, usableEntries, type WholeConfig } from '../plan/content/read-source.ts';
import { canonicalServer, DOCKER_HUB } from '../plan/content/server.ts';
import { matchesSomeImage } from '../plan/matching/keyring.ts';

/** A server without a password in the config, and the program that has it: docker-credential-HELPER. */
export interface HelperQuestion {
  /** As the helper knows it. */
  readonly server: string;
  readonly helper: string;
}

export interface HelperAnswer {
  readonly server: string;
  readonly username: string;
  readonly secret: string;
}

/** The username that a helper returns if the secret is an identity token, not a password (IdentityTokenUsername in docker/cli). */
const IDENTITY_TOKEN = '<token>';

/** Under these names Docker stores its own tokens for Docker Hub. They are not registries. */
const DOCKER_TOKENS = new Set(['docker.io/access-token', 'docker.io/refresh-token']);

/** The questions for the helpers about these servers; about all servers in the config if none are named. */
export function helperQuestionsFor(bytes: Buffer, servers: readonly string[]): HelperQuestion[] {
  const config = parseConfig(bytes);
  if (config === undefined) return [];
  const { auths, credsStore } = config;
  const helpers = new Map(Array.from(config.credHelpers, ([server, helper]) => [canonicalServer(server), helper]));
  const names = new Map([...helpers.keys(), ...auths.keys()].map((name) => [canonicalServer(name), name]));
  for (const [server, name] of names) if (DOCKER_TOKENS.has(server) || hasPassword(auths.get(name))) names.delete(server);
  // A dialog of the keychain about a server that is no registry would only confuse.
  const requested = servers.length > 0 ? servers.map(canonicalServer) : [...names.keys()].filter(matchesSomeImage);
  const inConfig = new Set([...auths.keys()].filter((name) => hasPassword(auths.get(name))).map(canonicalServer));
  return requested
    .filter((server) => !inConfig.has(server))
    .flatMap((server) => {
      const helper = helpers.get(server) ?? credsStore;
      return typeof helper === 'string' && helper !== '' ? [{ server: names.get(server) ?? server, helper }] : [];
    });
}

/** The config with the answers of the helpers in it, as if Docker had stored them there. */
function withAnswers(bytes: Buffer, answers: readonly HelperAnswer[]): Buffer {
  const config = parseConfig(bytes);
  if (config === undefined) return bytes;
  const known = [...config.auths].filter(([server]) => !DOCKER_TOKENS.has(canonicalServer(server)));
  const answered = new Set(answers.map(({ server }) => canonicalServer(server)));
  const auths = [
    ...known.filter(([server]) => !answered.has(canonicalServer(server))),
    ...answers.map(({ server, username, secret }) => [
      server,
      username === IDENTITY_TOKEN ? { identitytoken: secret } : { username, password: secret },
    ]),
  ];
  const { credsStore } = config;
  return Buffer.from(JSON.stringify({ credsStore, credHelpers: Object.fromEntries(config.credHelpers), auths: Object.fromEntries(auths) }));
}

/**
 * The entries of these servers, or all usable ones, validated as the operator does.
 *
 * @param where names the file in messages.
 */
export function pickEntries(
  bytes: Buffer,
  answers: readonly HelperAnswer[],
  servers: readonly string[],
  where: string,
): Parsed<WholeConfig> {
  const answered = readDockerConfig(withAnswers(bytes, answers), where);
  if ('problem' in answered) return answered;
  const asStored = readDockerConfig(bytes, where);
  const config: DockerConfig = { ...answered.ok, ambiguous: 'ok' in asStored ? asStored.ok.ambiguous : new Set() };
  if (servers.length === 0) return usableEntries(config, where);
  const auths = new Map();
  for (const server of servers.map(canonicalServer)) {
    if (!config.entries.has(server)) return noEntry(server, config, where);
    const auth = authFor(server, config, where);
    if ('problem' in auth) return auth;
    auths.set(server, auth.ok);
  }
  return { ok: { auths, skipped: [] } };
}

function noEntry(server: string, config: DockerConfig, where: string): Parsed<never> {
  const name = formatServerName(server);
  const known = [...config.entries.keys()].map(formatServerName).join(', ');
  const fix = inOtherCase(server, config) ?? `It has entries for: ${known}. Name one of these with --server, or run docker login ${name}.`;
  return { problem: { reason: REASON.serverMissing, message: `${where}: there is no entry for ${name}. ${fix}` } };
}

/** As people write it: Docker Hub by its short name. */
export const formatServerName = (server: string) => (canonicalServer(server) === DOCKER_HUB ? 'docker.io' : formatServer(server));

const hasPassword = (entry: unknown) =>
  typeof entry === 'object' &&
  entry !== null &&
  Object.entries(entry).some(([key, value]) => /^(auth|password|identitytoken|registrytoken)$/i.test(key) && value);

/** Undefined if it is not a JSON object. Then readDockerConfig reports that, with a better message. */
function parseConfig(bytes: Buffer) {
  const json = withoutByteOrderMark(bytes).toString('utf8');
  const config = parseObject(json);
  if (config === undefined) return undefined;
  const mapUnder = (field: string) => mergedMembers(json, field).entries ?? new Map<string, unknown>();
  return { auths: mapUnder('auths'), credHelpers: mapUnder('credHelpers'), credsStore: fieldOf(config, 'credsStore') };
}
