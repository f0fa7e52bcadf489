import { DOCKER_CONFIG_JSON_KEY, DOCKERCFG_KEY, SECRET_TYPE } from '../api/names.ts';
import { type Problem, REASON, type Reason } from '../api/reasons.ts';
import { type Auth, readDockerConfig, readEntry } from './docker-config.ts';
import { canonicalServer } from './server.ts';

/** A Secret that a pod names under imagePullSecrets, whoever made it. */
export interface PullSecret {
  readonly namespace: string;
  readonly name: string;
  readonly type: string;
  /** In base64, as the API has it. */
  readonly data: Readonly<Record<string, string>>;
}

/** What it holds for one server. */
export interface Entry<S extends PullSecret = PullSecret> {
  readonly secret: S;
  /** Undefined where it is broken. */
  readonly auth: Auth | undefined;
}

export interface Reading<S extends PullSecret = PullSecret> {
  /** By server as it is written there: what `matching` takes. */
  readonly entries: readonly (readonly [server: string, entry: Entry<S>])[];
  readonly problems: readonly Problem[];
  /** The kubelet cannot parse it, and pulls nothing for the whole pod, with whatever other Secret. */
  readonly refused: boolean;
}

/** For these the kubelet gives up on the pod; with the others an entry is of no use, and that is all (credentialprovider/config.go). */
const UNPARSABLE: ReadonlySet<Reason> = new Set([REASON.notJson, REASON.encodedTwice, REASON.authNotBase64, REASON.malformedEntry]);

/** What the kubelet finds in a pull secret, and what is wrong with it, in the words that a source of the same content would get. */
export function readPullSecret<S extends PullSecret>(secret: S): Reading<S> {
  const at = `Secret ${secret.namespace}/${secret.name}`;
  const nothing = (reason: Reason, message: string) => ({ entries: [], problems: [{ reason, message }], refused: UNPARSABLE.has(reason) });
  const key = keyOf(secret.type);
  if (key === undefined) {
    return nothing(
      REASON.wrongSecretType,
      `${at} is of type ${JSON.stringify(secret.type.slice(0, 100))}, and the kubelet takes only ${SECRET_TYPE.dockerConfigJson} and ${SECRET_TYPE.dockercfg}. The type of a Secret cannot be changed: make it anew, for example with kubectl create secret docker-registry.`,
    );
  }
  const data = Object.hasOwn(secret.data, key) ? (secret.data[key] as string) : '';
  if (data === '')
    return nothing(REASON.keyMissing, `${at}: there is nothing under the key ${JSON.stringify(key)}. Put a docker config there.`);
  const where = `${at}, key ${JSON.stringify(key)}`;
  const config = readDockerConfig(Buffer.from(data, 'base64'), where, secret.type === SECRET_TYPE.dockercfg);
  if ('problem' in config) return nothing(config.problem.reason, config.problem.message);
  const read = Array.from(config.ok.written, ([server, entry]) => ({
    server,
    outcome: readEntry(entry, config.ok, canonicalServer(server), where),
  }));
  const problems = read.flatMap(({ outcome }) => ('problem' in outcome ? [outcome.problem] : []));
  return {
    entries: read.map(({ server, outcome }) => [server, { secret, auth: 'ok' in outcome ? outcome.ok : undefined }]),
    problems,
    refused: problems.some(({ reason }) => UNPARSABLE.has(reason)),
  };
}

function keyOf(type: string): string | undefined {
  if (type === SECRET_TYPE.dockerConfigJson) return DOCKER_CONFIG_JSON_KEY;
  return type === SECRET_TYPE.dockercfg ? DOCKERCFG_KEY : undefined;
}
