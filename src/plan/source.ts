import { DOCKER_CONFIG_JSON_KEY, DOCKERCFG_KEY, LABEL, SECRET_TYPE } from '../api/names.ts';
import { type Problem, REASON, type Reason } from '../api/reasons.ts';
import type { SourceRecord } from '../api/records.ts';
import { type Auth, type Auths, authOf, type DockerConfig, type Outcome, readDockerConfig, readEntry, sayServer } from './docker-config.ts';
import { canonicalServer, DOCKER_HUB } from './server.ts';

/** Where a credential is read from: `secretRef` of a registry or of a docker config. */
export interface SecretRef {
  readonly namespace: string;
  readonly name: string;
  readonly key?: string;
  readonly usernameKey?: string;
  readonly passwordKey?: string;
}

/** What is known of a source. Loading is not missing: nothing is decided on it. */
export type SourceState =
  | { readonly state: 'loading' }
  | { readonly state: 'missing' }
  | { readonly state: 'unreadable'; readonly why: string }
  /** In a namespace that the operator was told to take no sources from, as against these. */
  | { readonly state: 'notAllowed'; readonly allowed: readonly string[] }
  | { readonly state: 'present'; readonly secret: SourceRecord };

type Present = Extract<SourceState, { state: 'present' }>;

const wrong = (reason: Reason, message: string) => ({ problem: { reason, message } });

/** The one entry that a source contributes under `registries`. */
export function readRegistry(ref: SecretRef, server: string, { secret }: Present): Outcome<Auth> {
  const key = dockerConfigKey(ref, secret);
  if (key !== undefined) {
    const config = readConfigUnder(key, ref, secret, server);
    if ('problem' in config) return config;
    return entryOf(config.ok, canonicalServer(server), inKey(ref, key));
  }
  if (secret.type !== SECRET_TYPE.basicAuth && secret.type !== SECRET_TYPE.opaque) {
    return wrongType(ref, secret, `A source has to be one of ${Object.values(SECRET_TYPE).join(', ')}.`, server);
  }
  const { usernameKey = 'username', passwordKey = 'password' } = ref;
  const username = valueUnder(usernameKey, ref, secret, server);
  if ('problem' in username) return username;
  const password = valueUnder(passwordKey, ref, secret, server);
  if ('problem' in password) return password;
  return authOf(
    username.ok,
    password.ok,
    `${inSecret(ref)}, keys ${JSON.stringify(usernameKey)} and ${JSON.stringify(passwordKey)}${forServer(server)}:`,
  );
}

/** Every entry of a source under `dockerConfigs`: one that is broken makes the whole of it invalid. */
export function readWholeConfig(ref: SecretRef, { secret }: Present): Outcome<Auths> {
  const key = dockerConfigKey(ref, secret);
  if (key === undefined) {
    return secret.type === SECRET_TYPE.opaque
      ? wrong(
          REASON.keyMissing,
          `${inSecret(ref)} is of type Opaque: say with secretRef.key under which of its keys the docker config lies. ${sayKeys(secret)}`,
        )
      : wrongType(
          ref,
          secret,
          'Under spec.dockerConfigs a source has to hold a docker config; a username and password go under spec.registries.',
        );
  }
  const config = readConfigUnder(key, ref, secret);
  if ('problem' in config) return config;
  const auths = new Map<string, Auth>();
  for (const server of config.ok.entries.keys()) {
    const auth = entryOf(config.ok, server, inKey(ref, key));
    if ('problem' in auth) return auth;
    auths.set(server, auth.ok);
  }
  return { ok: auths };
}

/** Under which key the Secret holds a docker config; undefined where it holds a plain username and password, or nothing. */
function dockerConfigKey(ref: SecretRef, secret: SourceRecord): string | undefined {
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

function readConfigUnder(key: string, ref: SecretRef, secret: SourceRecord, server?: string): Outcome<DockerConfig> {
  const bytes = valueUnder(key, ref, secret, server);
  if ('problem' in bytes) return bytes;
  return readDockerConfig(bytes.ok, inKey(ref, key) + forServer(server), secret.type === SECRET_TYPE.dockercfg && key === DOCKERCFG_KEY);
}

function entryOf(config: DockerConfig, server: string, where: string): Outcome<Auth> {
  if (config.entries.has(server)) return readEntry(config.entries.get(server), config, server, where);
  if (config.helpedServers.includes(server)) return readEntry({}, config, server, where);
  const servers = [...config.entries.keys()];
  const listed =
    servers
      .slice(0, 10)
      .map((name) => (name === DOCKER_HUB ? 'docker.io' : sayServer(name)))
      .join(', ') + (servers.length > 10 ? ` and ${servers.length - 10} more` : '');
  return wrong(
    REASON.serverMissing,
    `${where}: there is no entry for ${sayServer(server)}. It has entries for: ${listed}. Name one of these under registries[].server, or log in to ${sayServer(server)} and make the Secret again.`,
  );
}

function valueUnder(key: string, ref: SecretRef, secret: SourceRecord, server?: string): Outcome<Buffer> {
  const value = Object.hasOwn(secret.data, key) ? secret.data[key] : undefined;
  if (value !== undefined) return { ok: Buffer.from(value, 'base64') };
  const mend =
    secret.type === SECRET_TYPE.opaque
      ? 'Add the key, or name the right one with secretRef.key (a docker config) or usernameKey and passwordKey.'
      : 'Add the key.';
  return wrong(
    REASON.keyMissing,
    `${inSecret(ref)}${forServer(server)}: the key ${JSON.stringify(key)} is missing. ${sayKeys(secret)} ${mend}`,
  );
}

function sayKeys(secret: SourceRecord): string {
  const keys = Object.keys(secret.data).sort();
  if (keys.length === 0) return 'The Secret is empty.';
  const more = keys.length > 10 ? ` and ${keys.length - 10} more` : '';
  return `It has the keys: ${keys
    .slice(0, 10)
    .map((key) => key.slice(0, 100))
    .join(', ')}${more}.`;
}

function wrongType(ref: SecretRef, { type }: SourceRecord, rule: string, server?: string) {
  return wrong(
    REASON.wrongSecretType,
    `${inSecret(ref)}${named(server)} is of type ${JSON.stringify(type.slice(0, 100))}. ${rule} The type of a Secret cannot be changed: make it anew, for example with kubectl create secret docker-registry.`,
  );
}

/** What is wrong with a source before its content is looked at; undefined where nothing is. */
export function unusable(
  ref: SecretRef,
  source: Exclude<SourceState, { state: 'loading' }>,
  credentialUid: string,
  server?: string,
): Problem | undefined {
  switch (source.state) {
    case 'missing':
      return {
        reason: REASON.sourceMissing,
        message: `${inSecret(ref)}${named(server)} does not exist. Create it, or correct secretRef.`,
      };
    case 'unreadable':
      return {
        reason: REASON.sourceUnreadable,
        message: `${inSecret(ref)}${named(server)} cannot be read: ${source.why}`,
      };
    case 'notAllowed':
      return {
        reason: REASON.sourceNotAllowed,
        message: `${inSecret(ref)}${named(server)} is not read: the operator runs with --source-namespaces=${source.allowed}. Move the Secret into one of these, or have ${ref.namespace} added.`,
      };
    case 'present':
      if (source.secret.labels[LABEL.credentialUid] !== credentialUid) return undefined;
      return {
        reason: REASON.ownOutput,
        message: `${inSecret(ref)}${named(server)} is a Secret that this RegistryCredential made itself. Name the Secret that the credentials come from.`,
      };
    default:
      return source satisfies never;
  }
}

const named = (server: string | undefined) => (server === undefined ? '' : ` (server ${sayServer(server)})`);
const forServer = (server: string | undefined) => (server === undefined ? '' : `, server ${sayServer(server)}`);
const inSecret = (ref: SecretRef) => `Secret ${ref.namespace}/${ref.name}`;
const inKey = (ref: SecretRef, key: string) => `${inSecret(ref)}, key ${JSON.stringify(key)}`;
