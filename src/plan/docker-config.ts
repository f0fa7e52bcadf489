import { type Problem, REASON, type Reason } from '../api/reasons.ts';
import { canonicalServer, namesOf } from './server.ts';

/** What the kubelet reads for one server, and nothing else that a config may hold. */
export interface Auth {
  readonly username: string;
  readonly password: string;
  /** base64(username:password), padded, of the very bytes: a password need not be UTF-8. The kubelet believes it over the two. */
  readonly auth: string;
  readonly email?: string;
}

/** By canonical server. */
export type Auths = ReadonlyMap<string, Auth>;

/** A docker config that is one, with entries not looked into yet: one broken entry must not take the others down. */
export interface DockerConfig {
  readonly entries: ReadonlyMap<string, unknown>;
  /** The same by the servers as they are written there, which is what the kubelet goes by; and of two for one server both. */
  readonly written: ReadonlyMap<string, unknown>;
  /** Whether the config names a helper that may hold the passwords (`credsStore`, `credHelpers`). */
  readonly helped: boolean;
  readonly helpedServers: readonly string[];
}

export type Outcome<T> = { readonly ok: T } | { readonly problem: Problem };

const wrong = (reason: Reason, message: string) => ({ problem: { reason, message } });

/**
 * Reads a docker config: the `config.json` of `docker login`, `.dockerconfigjson`, or (`legacy`) `.dockercfg`, which is
 * the entries without `auths` around them. `where` begins every message; no message ever holds a part of the text.
 */
export function readDockerConfig(bytes: Buffer, where: string, legacy = false): Outcome<DockerConfig> {
  if (bytes.length === 0) return wrong(REASON.notJson, `${where}: this is empty. Put the config.json there that docker login writes.`);
  const config = parseObject(bytes.toString('utf8'));
  if (config === undefined) {
    const decoded = decodeBase64(bytes.toString('latin1'));
    return decoded !== undefined && parseObject(decoded.toString('utf8')) !== undefined
      ? wrong(
          REASON.encodedTwice,
          `${where}: this was base64-encoded twice. Put the plain JSON under stringData, or encode it once under data.`,
        )
      : wrong(
          REASON.notJson,
          `${where}: this is not a JSON object. Make it from a file that docker login wrote: kubectl create secret generic NAME --from-file=config.json.`,
        );
  }
  const helpers = asObject(fieldOf(config, 'credHelpers')) ?? {};
  const helped = typeof fieldOf(config, 'credsStore') === 'string' || Object.keys(helpers).length > 0;
  const auths = legacy ? config : asObject(fieldOf(config, 'auths'));
  if (auths === undefined || Object.keys(auths).length === 0) {
    if (helped) return passwordElsewhere(`${where}:`);
    return wrong(
      REASON.authsMissing,
      `${where}: there are no entries under "auths", where a docker config keeps its credentials, such as {"auths": {"ghcr.io": {"auth": …}}}. Run docker login and make the Secret from the config.json that it writes.`,
    );
  }
  const written = new Map(Object.entries(auths));
  return { ok: { entries: byCanonicalServer(auths), written, helped, helpedServers: Object.keys(helpers).map(canonicalServer) } };
}

/** Where two entries mean the same server, the one written canonically wins: it is what docker login writes. */
function byCanonicalServer(auths: Record<string, unknown>): Map<string, unknown> {
  const entries = new Map<string, unknown>();
  for (const server of Object.keys(auths).sort()) {
    const canonical = canonicalServer(server);
    if (!entries.has(canonical) || server === canonical) entries.set(canonical, auths[server]);
  }
  return entries;
}

/** What the kubelet reads of an entry. */
const FIELDS = new Set(['auth', 'username', 'password', 'email']);

/** Reads the entry of one server by the kubelet's rules, and stricter: what could never let a pod in is a problem. */
export function readEntry(entry: unknown, config: DockerConfig, server: string, where: string): Outcome<Auth> {
  const at = `${where}, server ${sayServer(server)}:`;
  const fields = asObject(entry);
  if (fields === undefined)
    return wrong(REASON.malformedEntry, `${at} the entry is not an object such as {"auth": …}. Run docker login for it again.`);
  for (const name of Object.keys(fields)) {
    // Go reads null as absent, and so does the kubelet.
    if (FIELDS.has(name.toLowerCase()) && typeof (fields[name] ?? '') !== 'string') {
      return wrong(
        REASON.malformedEntry,
        `${at} "${name.toLowerCase()}" is not a string, and the kubelet would refuse the whole config for it. Put it into quotes.`,
      );
    }
  }
  const text = (name: string) => (fieldOf(fields, name) ?? '') as string;
  const [auth, username, password, email] = [text('auth'), text('username'), text('password'), text('email')];
  const read = auth ? readAuth(auth, at) : { ok: Buffer.from(`${username}:${password}`) };
  if ('problem' in read) return read;
  if (!auth && username.includes(':')) return colonInUsername(at);
  const token = ['identitytoken', 'registrytoken'].some((name) => typeof fieldOf(fields, name) === 'string');
  const empty = !auth && username === '' && password === '';
  if (empty && !token && (config.helped || config.helpedServers.includes(server))) return passwordElsewhere(at);
  return makeAuth(read.ok, at, email, token);
}

/** Makes an entry of a plain username and password. */
export function authOf(username: Buffer, password: Buffer, at: string): Outcome<Auth> {
  if (username.includes(':')) return colonInUsername(at);
  return makeAuth(Buffer.concat([username, Buffer.from(':'), password]), at);
}

function makeAuth(pair: Buffer, at: string, email?: string, token = false): Outcome<Auth> {
  const colon = pair.indexOf(':');
  const username = pair.subarray(0, colon).toString('utf8');
  const password = pair.subarray(colon + 1).toString('utf8');
  if (password === '' && token) {
    return wrong(
      REASON.identityTokenOnly,
      `${at} there is only an identity token, which the kubelet does not read. Use a username and a password (a robot account or an access token of the registry).`,
    );
  }
  if (password === '') return wrong(REASON.emptyPassword, `${at} the password is empty. Put the password or token of the registry there.`);
  if (username === '')
    return wrong(
      REASON.emptyUsername,
      `${at} the username is empty. Registries that take only a token want some name beside it; their docs say which.`,
    );
  const ending = [username, password].findIndex((value) => /[\r\n]$/.test(value));
  if (ending >= 0) {
    return wrong(
      REASON.trailingNewline,
      `${at} the ${ending === 0 ? 'username' : 'password'} ends in a newline, as \`echo\` adds one, and the registry would refuse it. Use printf '%s', or kubectl create secret --from-literal.`,
    );
  }
  return { ok: { username, password, auth: pair.toString('base64'), ...(email ? { email } : {}) } };
}

/** `auth` is base64 of `username:password`, padded or not (decodeDockerConfigFieldAuth in credentialprovider/config.go). */
function readAuth(auth: string, at: string): Outcome<Buffer> {
  const mend = 'It must be base64 of username:password: run docker login again, or leave "auth" out and give username and password.';
  const decoded = decodeBase64(auth);
  if (decoded === undefined) return wrong(REASON.authNotBase64, `${at} "auth" is not base64. ${mend}`);
  if (decoded.includes(':')) return { ok: decoded };
  return decodeBase64(decoded.toString('latin1'))?.includes(':')
    ? wrong(REASON.encodedTwice, `${at} "auth" was base64-encoded twice. ${mend}`)
    : wrong(REASON.authNotBase64, `${at} "auth" is base64, but not of username:password: there is no colon in it. ${mend}`);
}

const passwordElsewhere = (at: string) =>
  wrong(
    REASON.passwordElsewhere,
    `${at} the password is not in this config: Docker keeps it in a credential store (credsStore or credHelpers, as Docker Desktop sets them up). Make a kubernetes.io/basic-auth Secret with the username and a token, or run docker login with a config that has no credsStore.`,
  );

const colonInUsername = (at: string) =>
  wrong(
    REASON.colonInUsername,
    `${at} the username has a colon in it, which cannot be told from the one before the password. Use a username without one.`,
  );

/**
 * The .dockerconfigjson that the kubelet is to read. Keys are sorted, so equal input gives equal bytes, and an unchanged
 * credential is never written again.
 */
export function writeDockerConfig(auths: Auths): string {
  // Put together by hand, because an object would move a server named like a number to the front, and lose one named __proto__.
  const named = new Map([...auths].flatMap(([server, auth]) => namesOf(server, auths.keys()).map((name) => [name, auth])));
  const entries = [...named.keys()].sort().map((name) => {
    const { username, password, auth, email } = named.get(name) as Auth;
    return `${JSON.stringify(name)}:${JSON.stringify({ auth, email, password, username })}`;
  });
  return `{"auths":{${entries.join(',')}}}`;
}

/** A server's name as a message may show it: bounded, on one line, and without a `user:password@` that people put there. */
export function sayServer(server: string): string {
  const at = server.lastIndexOf('@');
  // Found without one expression for all of it, which a key of a million colons would keep busy for minutes.
  const isInPath = /^[^:@/]+\/[^:]*$/.test(server.slice(0, Math.max(0, at)));
  const [scheme = ''] = /^(?:[a-z][a-z0-9+.-]*:)?\/\//i.exec(server) ?? [];
  const plain = at < 0 || isInPath ? server : scheme + server.slice(at + 1);
  const bounded = JSON.stringify(plain.length > 100 ? `${plain.slice(0, 100)}…` : plain).slice(1, -1);
  // What JSON leaves as it is, and a terminal may obey.
  return bounded.replace(/[\p{Cc}\p{Cf}]/gu, (character) => `\\u${character.codePointAt(0)?.toString(16).padStart(4, '0')}`);
}

/** Base64 as Go reads it, strictly but for line breaks; Node's own decoder takes anything. Undefined where it is none. */
export function decodeBase64(text: string): Buffer | undefined {
  const joined = text.replace(/[\r\n]/g, '');
  const unpadded = joined.replace(/={1,2}$/, '');
  if (unpadded === '' || unpadded.length % 4 === 1 || !/^[A-Za-z0-9+/]*$/.test(unpadded)) return undefined;
  if (unpadded.length !== joined.length && joined.length % 4 !== 0) return undefined;
  return Buffer.from(unpadded, 'base64');
}

/** A JSON object; undefined where the text is none. */
export function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    return asObject(JSON.parse(text));
  } catch {
    return undefined; // The error of JSON.parse quotes the text, which is secret.
  }
}

/** By its name in any case, and the last of several that is not null, as Go's encoding/json has it, and so docker and the kubelet. */
export function fieldOf(object: Record<string, unknown>, name: string): unknown {
  return Object.keys(object)
    .filter((key) => key.toLowerCase() === name.toLowerCase())
    .map((key) => object[key])
    .findLast((value) => value !== null);
}

export const asObject = (value: unknown) =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined;
