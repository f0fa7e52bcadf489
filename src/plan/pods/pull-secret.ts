import { DOCKER_CONFIG_JSON_KEY, DOCKERCFG_KEY, SECRET_TYPE } from '../../api/names.ts';
import { type Problem, REASON, type Reason } from '../../api/reasons.ts';
import { type Auth, readEntry } from '../content/auth.ts';
import { readDockerConfig } from '../content/docker-config.ts';
import { withoutByteOrderMark } from '../content/encoding.ts';
import { canonicalServer } from '../content/server.ts';

/** A Secret under a pod's imagePullSecrets, managed or not. */
export interface PullSecret {
  readonly namespace: string;
  readonly name: string;
  readonly type: string;
  /** In base64, as the API carries it. */
  readonly data: Readonly<Record<string, string>>;
}

/** What a pull secret holds for one server. */
export interface PullSecretEntry<S extends PullSecret = PullSecret> {
  readonly secret: S;
  /** Undefined if the entry is broken. */
  readonly auth: Auth | undefined;
}

/** What the kubelet reads in a pull secret. */
export interface PullSecretContent<S extends PullSecret = PullSecret> {
  /** By server as the Secret writes it, which is what `matchingEntries` takes. */
  readonly entries: readonly (readonly [server: string, entry: PullSecretEntry<S>])[];
  readonly problems: readonly Problem[];
  /** The kubelet cannot parse it. Then the pod pulls nothing with any of its Secrets. */
  readonly isRefused: boolean;
}

/** For these problems the kubelet refuses the whole pod. With any other problem only the entry is of no use (credentialprovider/config.go). */
const UNPARSABLE: ReadonlySet<Reason> = new Set([REASON.notJson, REASON.encodedTwice, REASON.authNotBase64, REASON.malformedEntry]);

/** Reads a pull secret as the kubelet does. A problem has the same message as in a source of the same content. */
export function readPullSecret<S extends PullSecret>(secret: S): PullSecretContent<S> {
  const at = `Secret ${secret.namespace}/${secret.name}`;
  const nothing = (reason: Reason, message: string) => ({
    entries: [],
    problems: [{ reason, message }],
    isRefused: UNPARSABLE.has(reason),
  });
  const key = dockerConfigKeyOf(secret.type);
  if (key === undefined) {
    return nothing(
      REASON.wrongSecretType,
      `${at} is of type ${JSON.stringify(secret.type.slice(0, 100))}. The kubelet reads only ${SECRET_TYPE.dockerConfigJson} and ${SECRET_TYPE.dockercfg}. The type of a Secret cannot be changed. Create another Secret, for example with kubectl create secret docker-registry, and use its name in imagePullSecrets.`,
    );
  }
  const data = Object.hasOwn(secret.data, key) ? (secret.data[key] as string) : '';
  if (data === '') {
    return nothing(REASON.keyMissing, `${at}: the key ${JSON.stringify(key)} is missing or empty. Put a docker config there.`);
  }
  const where = `${at}, key ${JSON.stringify(key)}`;
  const bytes = Buffer.from(data, 'base64');
  // The operator reads such a source; the kubelet does not.
  if (withoutByteOrderMark(bytes) !== bytes) {
    return nothing(
      REASON.notJson,
      `${where}: the value begins with a byte order mark, which the kubelet cannot read. Save the file as UTF-8 without it, and make the Secret again.`,
    );
  }
  const config = readDockerConfig(bytes, where, secret.type === SECRET_TYPE.dockercfg);
  if ('problem' in config) return nothing(config.problem.reason, config.problem.message);
  const read = Array.from(config.ok.entriesAsWritten, ([server, entry]) => ({
    server,
    auth: readEntry(entry, config.ok, canonicalServer(server), where),
  }));
  const problems = read.flatMap(({ auth }) => ('problem' in auth ? [auth.problem] : []));
  return {
    entries: read.map(({ server, auth }) => [server, { secret, auth: 'ok' in auth ? auth.ok : undefined }]),
    problems,
    isRefused: problems.some(({ reason }) => UNPARSABLE.has(reason)),
  };
}

function dockerConfigKeyOf(type: string): string | undefined {
  if (type === SECRET_TYPE.dockerConfigJson) return DOCKER_CONFIG_JSON_KEY;
  return type === SECRET_TYPE.dockercfg ? DOCKERCFG_KEY : undefined;
}
