/** The content of a source, by the type of its Secret. */
import { DOCKER_CONFIG_JSON_KEY, DOCKERCFG_KEY, SECRET_TYPE } from '../../api/names.ts';
import { type Problem, REASON, type Reason } from '../../api/reasons.ts';
import type { SourceRecord } from '../../api/records.ts';
import { matchesSomeImage } from '../matching/keyring.ts';
import { type Auth, type Auths, authOf, readEntry } from './auth.ts';
import { type DockerConfig, readDockerConfig } from './docker-config.ts';
import { formatServer } from './format-server.ts';
import { invalid, type Parsed } from './parsed.ts';
import { canonicalServer, DOCKER_HUB } from './server.ts';
import { formatKey, formatSecret, inParentheses, type SecretRef } from './source.ts';

/** The most keys or servers that one message lists. */
const MAX_LISTED = 10;

/** The one entry that a source contributes to spec.registries. */
export function readRegistry(ref: SecretRef, server: string, secret: SourceRecord): Parsed<Auth> {
  const key = dockerConfigKeyOf(ref, secret);
  if (key !== undefined) {
    const config = configUnder(key, ref, secret, server);
    return 'problem' in config ? config : authFor(canonicalServer(server), config.ok, formatKey(ref, key));
  }
  if (secret.type !== SECRET_TYPE.basicAuth && secret.type !== SECRET_TYPE.opaque) {
    return wrongType(ref, secret, `A source must have one of these types: ${Object.values(SECRET_TYPE).join(', ')}.`, server);
  }
  const { usernameKey = 'username', passwordKey = 'password' } = ref;
  const username = valueUnder(usernameKey, ref, secret, server);
  if ('problem' in username) return username;
  const password = valueUnder(passwordKey, ref, secret, server);
  if ('problem' in password) return password;
  const keys = `keys ${JSON.stringify(usernameKey)} and ${JSON.stringify(passwordKey)}`;
  return authOf(username.ok, password.ok, `${formatSecret(ref)}, ${keys}${afterComma(server)}:`);
}

/** What a source contributes to spec.dockerConfigs. */
export interface WholeConfig {
  readonly auths: Auths;
  /** The entries that no kubelet could use, each with the fix. They do no harm to the others. */
  readonly skipped: readonly Problem[];
}

/** An entry with one of these problems never held a password for the kubelet. With any other problem, a person made a mistake. */
const WITHOUT_PASSWORD: ReadonlySet<Reason> = new Set([REASON.passwordInCredentialStore, REASON.identityTokenOnly]);

/**
 * The entries of a source under spec.dockerConfigs. An entry that no kubelet could use is skipped, as long as another one is usable.
 * Any other broken entry makes the whole source invalid.
 */
export function readWholeConfig(ref: SecretRef, secret: SourceRecord): Parsed<WholeConfig> {
  const key = dockerConfigKeyOf(ref, secret);
  if (key === undefined) {
    return secret.type === SECRET_TYPE.opaque
      ? invalid(
          REASON.keyMissing,
          `${formatSecret(ref)}: the Secret is of type Opaque, and secretRef.key is not set. Set it to the key that holds the docker config. ${formatKeys(secret)}`,
        )
      : wrongType(
          ref,
          secret,
          'A source under spec.dockerConfigs must hold a docker config. A username and password go under spec.registries.',
        );
  }
  const config = configUnder(key, ref, secret);
  if ('problem' in config) return config;
  return usableEntries(config.ok, formatKey(ref, key));
}

/** @param where every message begins with it. */
export function usableEntries(config: DockerConfig, where: string): Parsed<WholeConfig> {
  const auths = new Map<string, Auth>();
  const skipped: Problem[] = [];
  for (const [server, { used, unused }] of config.names) {
    if (!matchesSomeImage(server)) {
      skipped.push(nameOfNoRegistry(used, where));
      continue;
    }
    const auth = authFor(server, config, where);
    if ('ok' in auth) {
      auths.set(server, auth.ok);
      skipped.push(...unused.map((name) => sameServer(name, used, where)));
    } else if (WITHOUT_PASSWORD.has(auth.problem.reason)) skipped.push(auth.problem);
    else return auth;
  }
  const [problem] = skipped;
  return auths.size === 0 && problem !== undefined ? { problem } : { ok: { auths, skipped: bounded(skipped, where) } };
}

const nameOfNoRegistry = (name: string, where: string): Problem => ({
  reason: REASON.malformedEntry,
  message: `${where}, server "${formatServer(name)}": the kubelet never finds this entry, because no image name begins like that. Write the registry as in image names, for example ghcr.io, or remove the entry.`,
});

const sameServer = (name: string, used: string, where: string): Problem => ({
  reason: REASON.duplicateServer,
  message: `${where}, server "${formatServer(name)}": the entry "${formatServer(used)}" is for the same server and is used. Remove the one that you do not need.`,
});

function bounded(problems: readonly Problem[], where: string): readonly Problem[] {
  if (problems.length <= MAX_LISTED) return problems;
  const message = `${where}: ${problems.length - MAX_LISTED} more entries cannot be used.`;
  return [...problems.slice(0, MAX_LISTED), { reason: REASON.malformedEntry, message }];
}

/** The key that holds a docker config; undefined if the Secret holds a username and password, or has a wrong type. */
function dockerConfigKeyOf(ref: SecretRef, secret: SourceRecord): string | undefined {
  switch (secret.type) {
    case SECRET_TYPE.dockerConfigJson:
      return ref.key ?? DOCKER_CONFIG_JSON_KEY;
    case SECRET_TYPE.dockercfg:
      return ref.key ?? DOCKERCFG_KEY;
    case SECRET_TYPE.opaque:
    case SECRET_TYPE.basicAuth:
      return ref.key;
    default:
      return undefined;
  }
}

function configUnder(key: string, ref: SecretRef, secret: SourceRecord, server?: string): Parsed<DockerConfig> {
  const bytes = valueUnder(key, ref, secret, server);
  if ('problem' in bytes) return bytes;
  const isLegacy = secret.type === SECRET_TYPE.dockercfg && key === DOCKERCFG_KEY;
  return readDockerConfig(bytes.ok, formatKey(ref, key) + afterComma(server), isLegacy);
}

/** The credentials for one server, by its canonical name. */
export function authFor(server: string, config: DockerConfig, where: string): Parsed<Auth> {
  if (config.ambiguous.has(server)) {
    return invalid(
      REASON.malformedEntry,
      `${where}, server ${formatServer(server)}: the config has this server, or a field of its entry, twice with different values. Docker and the kubelet use the last one. Remove the wrong one.`,
    );
  }
  if (config.entries.has(server)) return readEntry(config.entries.get(server), config, server, where);
  // The helper's server usually has an empty entry, or none at all.
  if (config.serversWithHelper.includes(server)) return readEntry({}, config, server, where);
  const missing = `${where}: there is no entry for ${formatServer(server)}.`;
  const otherCase = inOtherCase(server, config);
  if (otherCase !== undefined) return invalid(REASON.serverMissing, `${missing} ${otherCase}`);
  const names = [...config.entries.keys()].map((name) => (name === DOCKER_HUB ? 'docker.io' : formatServer(name)));
  return invalid(
    REASON.serverMissing,
    `${missing} It has entries for: ${formatList(names)}. Set registries[].server to one of these, or log in to ${formatServer(server)} and make the Secret again.`,
  );
}

/** What to do about an entry whose name differs from a server only in upper and lower case; undefined if there is none. */
export function inOtherCase(server: string, { entries }: DockerConfig): string | undefined {
  const other = [...entries.keys()].find((name) => name !== server && name.toLowerCase() === server.toLowerCase());
  if (other === undefined) return undefined;
  const lower = formatServer(server.toLowerCase());
  return `It has an entry for ${formatServer(other)}, which differs only in upper and lower case. The kubelet compares names exactly, so that entry is only for images whose name is written like that. Use lower case everywhere: run docker login ${lower}, make the Secret again, and write ${lower} as the server and in image names.`;
}

function valueUnder(key: string, ref: SecretRef, secret: SourceRecord, server?: string): Parsed<Buffer> {
  const value = Object.hasOwn(secret.data, key) ? secret.data[key] : undefined;
  if (value !== undefined) return { ok: Buffer.from(value, 'base64') };
  const fix =
    secret.type === SECRET_TYPE.opaque
      ? 'Add the key, or set the right one: secretRef.key for a docker config, otherwise secretRef.usernameKey and passwordKey.'
      : 'Add the key.';
  return invalid(
    REASON.keyMissing,
    `${formatSecret(ref)}${afterComma(server)}: the key ${JSON.stringify(key)} is missing. ${formatKeys(secret)} ${fix}`,
  );
}

function wrongType(ref: SecretRef, { type }: SourceRecord, rule: string, server?: string): { readonly problem: Problem } {
  return invalid(
    REASON.wrongSecretType,
    `${formatSecret(ref)}${inParentheses(server)} is of type ${JSON.stringify(type.slice(0, 100))}. ${rule} The type of a Secret cannot be changed. Create another Secret, for example with kubectl create secret docker-registry, and set secretRef.name to it.`,
  );
}

function formatKeys({ data }: SourceRecord): string {
  const keys = Object.keys(data).sort();
  return keys.length === 0 ? 'The Secret is empty.' : `The Secret has the keys: ${formatList(keys.map((key) => key.slice(0, 100)))}.`;
}

function formatList(names: readonly string[]): string {
  const more = names.length > MAX_LISTED ? ` and ${names.length - MAX_LISTED} more` : '';
  return names.slice(0, MAX_LISTED).join(', ') + more;
}

const afterComma = (server: string | undefined): string => (server === undefined ? '' : `, server ${formatServer(server)}`);
