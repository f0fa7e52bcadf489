/** The credentials of one server in a docker config: by the kubelet's rules, and stricter. What no registry could accept is a problem. */
import { type Problem, REASON } from '../../api/reasons.ts';
import { type DockerConfig, passwordInCredentialStore } from './docker-config.ts';
import { foreignEncodingOf } from './encoding.ts';
import { formatServer } from './format-server.ts';
import { asObject, decodeBase64, fieldOf, parseObject } from './go-syntax.ts';
import { invalid, type Parsed } from './parsed.ts';

/** What the kubelet reads for one server. Other fields of an entry are dropped. */
export interface Auth {
  readonly username: string;
  readonly password: string;
  /** base64(username:password), padded, of the original bytes: a password need not be UTF-8. The kubelet prefers it to the other two. */
  readonly auth: string;
  readonly email?: string;
}

/** By canonical server. */
export type Auths = ReadonlyMap<string, Auth>;

/** The fields of an entry that the kubelet reads. */
const FIELDS = new Set(['auth', 'username', 'password', 'email']);

/**
 * Reads the entry of one server.
 *
 * @param server its canonical name.
 * @param where every message begins with it.
 */
export function readEntry(entry: unknown, config: DockerConfig, server: string, where: string): Parsed<Auth> {
  const prefix = `${where}, server ${formatServer(server)}:`;
  const fields = asObject(entry);
  if (fields === undefined) {
    return invalid(
      REASON.malformedEntry,
      `${prefix} the entry is not an object such as {"auth": …}. Run docker login for this server again.`,
    );
  }
  for (const name of Object.keys(fields)) {
    // Go reads null as absent, and so does the kubelet.
    if (FIELDS.has(name.toLowerCase()) && typeof (fields[name] ?? '') !== 'string') {
      return invalid(
        REASON.malformedEntry,
        `${prefix} "${name.toLowerCase()}" is not a string, so the kubelet would refuse the whole config. Put the value in quotes.`,
      );
    }
  }
  const text = (name: string) => (fieldOf(fields, name) ?? '') as string;
  const [auth, username, password, email] = [text('auth'), text('username'), text('password'), text('email')];
  const pair = auth ? readPair(auth, prefix) : { ok: Buffer.from(`${username}:${password}`) };
  if ('problem' in pair) return pair;
  if (!auth && username.includes(':')) return colonInUsername(prefix);
  const hasToken = ['identitytoken', 'registrytoken'].some((name) => typeof fieldOf(fields, name) === 'string');
  const isEmpty = !auth && username === '' && password === '';
  if (isEmpty && !hasToken && (config.hasCredentialHelper || config.serversWithHelper.includes(server)))
    return passwordInCredentialStore(prefix);
  return authOfPair(pair.ok, prefix, email, hasToken);
}

/**
 * Makes an entry of a username and a password.
 *
 * @param prefix every message begins with it
 */
export function authOf(username: Buffer, password: Buffer, prefix: string): Parsed<Auth> {
  if (username.includes(':')) return colonInUsername(prefix);
  return authOfPair(Buffer.concat([username, Buffer.from(':'), password]), prefix);
}

/**
 * @param pair username:password
 * @param hasToken the entry has an identity token, which explains an empty password
 */
function authOfPair(pair: Buffer, prefix: string, email?: string, hasToken = false): Parsed<Auth> {
  const colon = pair.indexOf(':');
  const [usernameBytes, passwordBytes] = [pair.subarray(0, colon), pair.subarray(colon + 1)];
  const encoding = foreignEncodingOf(pair) ?? foreignEncodingOf(usernameBytes) ?? foreignEncodingOf(passwordBytes);
  if (encoding !== undefined) return wrongEncoding(encoding, foreignEncodingOf(passwordBytes) ? 'password' : 'username', prefix);
  const [username, password] = [usernameBytes.toString('utf8'), passwordBytes.toString('utf8')];
  if (password === '' && hasToken) {
    return invalid(
      REASON.identityTokenOnly,
      `${prefix} the entry has only an identity token, which the kubelet does not read. Use a username and a password: a robot account or an access token of the registry.`,
    );
  }
  if (password === '') return invalid(REASON.emptyPassword, `${prefix} the password is empty. Set it to the registry password or token.`);
  if (username === '') {
    return invalid(
      REASON.emptyUsername,
      `${prefix} the username is empty. Set it, even if the registry checks only the token. Its documentation says which name to use.`,
    );
  }
  const ending = endsInNewline(username) ? 'username' : endsInNewline(password) && !isKeyFile(username, password) ? 'password' : undefined;
  if (ending !== undefined) {
    return invalid(
      REASON.trailingNewline,
      `${prefix} the ${ending} ends in a newline, so the registry would refuse it. \`echo\` adds such a newline. Use printf '%s', or kubectl create secret --from-literal.`,
    );
  }
  return { ok: { username, password, auth: pair.toString('base64'), ...(email ? { email } : {}) } };
}

const endsInNewline = (value: string) => /[\r\n]$/.test(value);

/**
 * Whether a password is a key file, whose newline at the end the registry ignores: a JSON document, or base64 of one for the username
 * _json_key_base64 (https://cloud.google.com/artifact-registry/docs/docker/authentication#json-key).
 */
function isKeyFile(username: string, password: string): boolean {
  const decoded = username === '_json_key_base64' ? decodeBase64(password) : undefined;
  return parseObject(password) !== undefined || (decoded !== undefined && parseObject(decoded.toString('utf8')) !== undefined);
}

const wrongEncoding = (encoding: string, field: 'username' | 'password', prefix: string): { readonly problem: Problem } =>
  invalid(
    REASON.wrongEncoding,
    `${prefix} the ${field} is text in ${encoding}, so the registry would refuse it. Windows editors and PowerShell save files like that. Save the file as UTF-8 without a byte order mark, or use kubectl create secret --from-literal.`,
  );

/** Decodes `auth`: base64 of username:password, padded or not (decodeDockerConfigFieldAuth in credentialprovider/config.go). */
function readPair(auth: string, prefix: string): Parsed<Buffer> {
  const fix = 'It must be base64 of username:password. Run docker login again, or leave "auth" out and set username and password.';
  const decoded = decodeBase64(auth);
  if (decoded === undefined) return invalid(REASON.authNotBase64, `${prefix} "auth" is not base64. ${fix}`);
  if (decoded.includes(':')) return { ok: decoded };
  return decodeBase64(decoded.toString('latin1'))?.includes(':')
    ? invalid(REASON.encodedTwice, `${prefix} "auth" is base64-encoded twice. ${fix}`)
    : invalid(REASON.authNotBase64, `${prefix} "auth" is base64, but not of username:password: there is no colon in it. ${fix}`);
}

const colonInUsername = (prefix: string): { readonly problem: Problem } =>
  invalid(
    REASON.colonInUsername,
    `${prefix} the username contains a colon. In username:password, the first colon ends the username. Use a username without a colon.`,
  );
