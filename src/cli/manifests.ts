/** The objects that `create` prints. */
import { API_VERSION, DOCKER_CONFIG_JSON_KEY, KIND, SECRET_TYPE } from '../api/names.ts';
import type { RegistryCredentialSpec } from '../api/types.ts';
import { type Auths, writeDockerConfig } from '../plan/docker-config.ts';
import { matches } from '../plan/match.ts';
import { resolve } from '../plan/resolve.ts';
import { canonicalServer } from '../plan/server.ts';
import { name as serverName } from './docker-login.ts';
import { broken, RULES } from './rules.ts';

/** Where everything goes, and by what names. */
export interface Placing {
  readonly name: string;
  readonly secretNamespace: string;
  readonly secretName: string;
  /** Globs; undefined: all namespaces but those of Kubernetes itself. */
  readonly namespaces: readonly string[] | undefined;
  /** Globs; undefined: what the API has by default. */
  readonly serviceAccounts: readonly string[] | undefined;
}

/** Where the credentials come from. The servers are those that the person named; none stand for all of a docker config. */
export type Source =
  | { readonly kind: 'login'; readonly server: string; readonly username: string; readonly password: Buffer }
  | { readonly kind: 'config'; readonly servers: readonly string[]; readonly auths: Auths }
  /** A Secret that somebody else makes. */
  | { readonly kind: 'elsewhere'; readonly servers: readonly string[] };

export interface SourceSecret {
  readonly apiVersion: 'v1';
  readonly kind: 'Secret';
  readonly metadata: { readonly name: string; readonly namespace: string };
  readonly type: string;
  readonly data: Readonly<Record<string, string>>;
}

export function sourceSecret(placing: Placing, source: Exclude<Source, { kind: 'elsewhere' }>): SourceSecret {
  const metadata = { name: placing.secretName, namespace: placing.secretNamespace };
  const secret = { apiVersion: 'v1', kind: 'Secret', metadata } as const;
  switch (source.kind) {
    case 'login': {
      const data = { username: base64(source.username), password: source.password.toString('base64') };
      return { ...secret, type: SECRET_TYPE.basicAuth, data };
    }
    case 'config': {
      const data = { [DOCKER_CONFIG_JSON_KEY]: base64(writeDockerConfig(source.auths)) };
      return { ...secret, type: SECRET_TYPE.dockerConfigJson, data };
    }
    default:
      return source satisfies never;
  }
}

export function credential(placing: Placing, source: Source) {
  const { name, namespaces, serviceAccounts } = placing;
  const secretRef = { namespace: placing.secretNamespace, name: placing.secretName };
  const servers = source.kind === 'login' ? [source.server] : source.servers;
  const registries = servers.map((server) => ({ server: serverAsWritten(server), secretRef }));
  const spec = {
    ...(registries.length > 0 ? { registries } : { dockerConfigs: [{ secretRef }] }),
    namespaces: namespaces ? { names: [...namespaces] } : { names: ['*'], exclude: { names: ['kube-*'] } },
    ...(serviceAccounts && { serviceAccounts: { names: [...serviceAccounts] } }),
  };
  return { apiVersion: API_VERSION, kind: KIND, metadata: { name }, spec };
}

/** What the API server or the operator would refuse of it; told in the words of the flags. */
export function refusals(placing: Placing, source: Source): string[] {
  const servers = source.kind === 'login' ? [source.server] : source.servers;
  const given = [
    ['NAME', RULES.secretName, [placing.name]],
    ['--server', RULES.server, servers],
    ['--secret-namespace', RULES.namespace, [placing.secretNamespace]],
    ['--secret-name', RULES.secretName, [placing.secretName]],
    ['--namespaces', RULES.namespaceGlob, placing.namespaces ?? []],
    ['--service-accounts', RULES.serviceAccountGlob, placing.serviceAccounts ?? []],
  ] as const;
  const told = given.flatMap(([flag, rule, texts]) =>
    texts.flatMap((text) => {
      const must = broken(rule, text);
      return must === undefined ? [] : [`${flag} ${flag === '--server' ? serverName(text) : JSON.stringify(text)}: ${must}.`];
    }),
  );
  if (placing.namespaces?.length === 0) told.push("--namespaces is empty: name some, or globs over them; '*' means all.");
  if (told.length > 0) return told;
  const { spec } = credential(placing, source);
  if (placing.secretName === placing.name && reaches(spec.namespaces, placing.secretNamespace)) {
    told.push(
      `--secret-name ${placing.name}: the pull secret will have this name, too, and --namespaces reaches ${placing.secretNamespace}, where it would stand in the way. Choose another name.`,
    );
  }
  if (source.kind === 'elsewhere') return [...told, ...twice(servers)];
  const { type, data } = sourceSecret(placing, source);
  const secret = { ...NEW, name: placing.secretName, namespace: placing.secretNamespace, type, data };
  const resolution = resolve(spec as RegistryCredentialSpec, '', () => ({ state: 'present', secret }));
  return resolution.state === 'invalid' ? [...told, ...resolution.problems.map(({ message }) => message)] : told;
}

const NEW = { uid: 'new', resourceVersion: '', labels: {}, changedAt: 0 };

const reaches = (wanted: { names: readonly string[]; exclude?: { names: readonly string[] } }, namespace: string) => {
  const object = { name: namespace, labels: {} };
  return matches(wanted, object) && !matches(wanted.exclude, object);
};

const twice = (servers: readonly string[]) =>
  new Set(servers.map(canonicalServer)).size === servers.length ? [] : ['--server: the same registry is named twice. Leave one out.'];

/** As image names have it: without a scheme, and Docker Hub by its short name. */
const serverAsWritten = (server: string) => {
  const canonical = canonicalServer(server);
  return serverName(canonical) === 'docker.io' ? 'docker.io' : canonical;
};

const base64 = (text: string) => Buffer.from(text).toString('base64');
