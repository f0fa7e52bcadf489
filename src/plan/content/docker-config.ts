import { type Problem, REASON } from '../../api/reasons.ts';
import { isEqual, mergedMembers } from './config-members.ts';
import { foreignEncodingOf, withoutByteOrderMark } from './encoding.ts';
import { asObject, decodeBase64, fieldOf, parseObject } from './go-syntax.ts';
import { invalid, type Parsed } from './parsed.ts';
import { canonicalServer } from './server.ts';

/** A docker config whose entries are not read yet, so that one broken entry does not make the others unusable. */
export interface DockerConfig {
  /** By canonical server. */
  readonly entries: ReadonlyMap<string, unknown>;
  /** By server as the config writes it, which is how the kubelet looks it up. Two entries may mean the same server. */
  readonly entriesAsWritten: ReadonlyMap<string, unknown>;
  /** By canonical server: the name whose entry is used, and the names of other entries for this server with different content. */
  readonly names: ReadonlyMap<string, { readonly used: string; readonly unused: readonly string[] }>;
  /** The canonical servers whose entry repeats names in JSON, so that two values claim the same place. */
  readonly ambiguous: ReadonlySet<string>;
  /** Whether a credential helper may hold passwords that the config lacks (`credsStore`, `credHelpers`). */
  readonly hasCredentialHelper: boolean;
  /** The servers under `credHelpers`, by their canonical names. */
  readonly serversWithHelper: readonly string[];
}

/**
 * Reads a docker config: the `config.json` of `docker login`, `.dockerconfigjson`, or (`legacy`) `.dockercfg`, which holds the
 * entries without `auths` around them. A byte order mark at the beginning is skipped.
 *
 * @param where every message begins with it. No message contains a part of the text, which is secret.
 */
export function readDockerConfig(bytes: Buffer, where: string, legacy = false): Parsed<DockerConfig> {
  if (bytes.length === 0)
    return invalid(REASON.notJson, `${where}: the value is empty. Put the config.json there that docker login writes.`);
  const json = withoutByteOrderMark(bytes).toString('utf8');
  const config = parseObject(json);
  if (config === undefined) return notAnObject(bytes, where);
  const helpers = [...(mergedMembers(json, 'credHelpers').entries?.keys() ?? [])];
  const hasCredentialHelper = typeof fieldOf(config, 'credsStore') === 'string' || helpers.length > 0;
  const { entries, ambiguous } = mergedMembers(json, legacy ? undefined : 'auths');
  if (legacy && asObject(fieldOf(config, 'auths')) !== undefined && !hasEntriesAtTop(config)) return withAuthsAround(where);
  if (entries === undefined || entries.size === 0) {
    if (hasCredentialHelper) return passwordInCredentialStore(`${where}:`);
    return hasEntriesAtTop(config) ? withoutAuthsAround(where) : noAuths(where);
  }
  const names = namesByServer(entries);
  const ok: DockerConfig = {
    entries: new Map(Array.from(names, ([server, { used }]) => [server, entries.get(used)])),
    entriesAsWritten: entries,
    names,
    ambiguous: new Set([...ambiguous].map(canonicalServer)),
    hasCredentialHelper,
    serversWithHelper: helpers.map(canonicalServer),
  };
  return { ok };
}

const noAuths = (where: string) =>
  invalid(
    REASON.authsMissing,
    `${where}: there are no entries under "auths". A docker config keeps its credentials there, for example {"auths": {"ghcr.io": {"auth": …}}}. Run docker login, and make the Secret from the config.json that it writes.`,
  );

const withoutAuthsAround = (where: string) =>
  invalid(
    REASON.authsMissing,
    `${where}: the servers are at the top level, without "auths" around them. That is the legacy format of .dockercfg. Write {"auths": {…}} with the present value inside, or make a Secret of type kubernetes.io/dockercfg with this value under the key .dockercfg.`,
  );

const withAuthsAround = (where: string) =>
  invalid(
    REASON.authsMissing,
    `${where}: the entries are under "auths", as in a config.json. The legacy format of .dockercfg has the servers at the top level. Make a Secret of type kubernetes.io/dockerconfigjson with this value under the key .dockerconfigjson.`,
  );

/** Whether a config has entries at its top level. An entry is recognized by a field that holds a credential. */
const hasEntriesAtTop = (config: Record<string, unknown>) =>
  Object.values(config).some((entry) => {
    const fields = asObject(entry);
    return fields !== undefined && ['auth', 'username', 'password'].some((field) => typeof fieldOf(fields, field) === 'string');
  });

function notAnObject(bytes: Buffer, where: string): { readonly problem: Problem } {
  if (foreignEncodingOf(bytes) === 'UTF-16') {
    return invalid(
      REASON.notJson,
      `${where}: the value is text in UTF-16, as PowerShell and Windows editors save it. Save the file as UTF-8, and make the Secret again.`,
    );
  }
  const decoded = decodeBase64(bytes.toString('latin1'));
  return decoded !== undefined && parseObject(decoded.toString('utf8')) !== undefined
    ? invalid(
        REASON.encodedTwice,
        `${where}: the value is base64-encoded twice. Put the plain JSON under stringData, or encode it once under data.`,
      )
    : invalid(
        REASON.notJson,
        `${where}: the value is not a JSON object. Make the Secret from a file that docker login wrote: kubectl create secret generic NAME --from-file=config.json.`,
      );
}

/** If two entries mean the same server, the one under the canonical name wins: docker login writes that one. */
function namesByServer(entries: ReadonlyMap<string, unknown>): DockerConfig['names'] {
  const byServer = new Map<string, string[]>();
  for (const name of [...entries.keys()].sort()) {
    const server = canonicalServer(name);
    byServer.set(server, [...(byServer.get(server) ?? []), name]);
  }
  return new Map(
    Array.from(byServer, ([server, names]) => {
      const used = names.includes(server) ? server : (names[0] as string);
      const unused = names.filter((name) => !isEqual(entries.get(name), entries.get(used)));
      return [server, { used, unused }] as const;
    }),
  );
}

/** The problem of a config, or of one entry, whose password a credential helper keeps. */
export const passwordInCredentialStore = (at: string): { readonly problem: Problem } =>
  invalid(
    REASON.passwordInCredentialStore,
    `${at} the password is not in this config. Docker keeps it in a credential store (credsStore or credHelpers), as Docker Desktop does by default. Make a kubernetes.io/basic-auth Secret with the username and a token, or run docker login with a config that has no credsStore.`,
  );
