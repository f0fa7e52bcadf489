/** The objects that `create` prints. */
import { API_VERSION, DOCKER_CONFIG_JSON_KEY, KIND, NAMESPACED_KIND, SECRET_TYPE } from '../api/names.ts';
import type { RegistryCredentialSpec } from '../api/types.ts';
import { hostToAsk } from '../plan/checks/asked-host.ts';
import { parseProbeImage } from '../plan/checks/probe-image.ts';
import type { Auths } from '../plan/content/auth.ts';
import { resolve } from '../plan/content/resolve.ts';
import { canonicalServer } from '../plan/content/server.ts';
import { writeDockerConfig } from '../plan/content/write-docker-config.ts';
import { matches } from '../plan/targets/match.ts';
import type { CloudToken } from './cloud-flags.ts';
import { formatServerName } from './docker-login.ts';
import { brokenRule, RULES } from './rules.ts';

/** The names of the objects, and what the credential selects. */
export interface CredentialOptions {
  readonly name: string;
  /** A credential of a namespace; without a name, of the one that kubectl applies it to. Undefined: a cluster-scoped one. */
  readonly namespaced: { readonly namespace?: string } | undefined;
  readonly secretNamespace: string;
  readonly secretName: string;
  /** Globs; undefined: all namespaces except kube-*. */
  readonly namespaces: readonly string[] | undefined;
  /** Globs; undefined: the default of the API. */
  readonly serviceAccounts: readonly string[] | undefined;
  /** An image of the registry; only for exactly one server. */
  readonly probeImage: string | undefined;
  /** Undefined: the default of the API. */
  readonly verification: VerificationMode | undefined;
}

export const VERIFICATION_MODES = ['None', 'Report', 'Require'] as const;
export type VerificationMode = (typeof VERIFICATION_MODES)[number];

/** Where the credentials come from. `servers` are those that the person named; for a docker config, none means all of it. */
export type Source =
  | { readonly kind: 'login'; readonly server: string; readonly username: string; readonly password: Buffer }
  | { readonly kind: 'config'; readonly servers: readonly string[]; readonly auths: Auths }
  /** Another tool creates the Secret. */
  | { readonly kind: 'elsewhere'; readonly servers: readonly string[] }
  /** The operator fetches a token from a cloud. */
  | ({ readonly kind: 'token'; readonly servers: readonly string[] } & CloudToken);

export interface SourceSecret {
  readonly apiVersion: 'v1';
  readonly kind: 'Secret';
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly type: string;
  readonly data: Readonly<Record<string, string>>;
}

/** The source Secret, with the password in it: print it only where the user asked for it. */
export function sourceSecret(options: CredentialOptions, source: Exclude<Source, { kind: 'elsewhere' | 'token' }>): SourceSecret {
  const metadata = { name: options.secretName, ...(options.namespaced ?? { namespace: options.secretNamespace }) };
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

/** The credential of either kind. It names the source, and holds no password. */
export function credentialManifest(options: CredentialOptions, source: Source) {
  const { name, namespaced, namespaces, serviceAccounts, probeImage, verification } = options;
  const secretRef = { ...(!namespaced && { namespace: options.secretNamespace }), name: options.secretName };
  const servers = source.kind === 'login' ? [source.server] : source.servers;
  const registries = servers.map((server) => ({
    server: serverAsWritten(server),
    ...(source.kind === 'token' ? { token: source.token } : { secretRef }),
    ...(probeImage !== undefined && { probeImage }),
  }));
  const spec = {
    ...(registries.length > 0 ? { registries } : { dockerConfigs: [{ secretRef }] }),
    ...(!(namespaced && !namespaces) && {
      namespaces: namespaces ? { names: [...namespaces] } : { names: ['*'], exclude: { names: ['kube-*'] } },
    }),
    ...(serviceAccounts && { serviceAccounts: { names: [...serviceAccounts] } }),
    ...(verification && { verification: { mode: verification } }),
  };
  return { apiVersion: API_VERSION, kind: namespaced ? NAMESPACED_KIND : KIND, metadata: { name, ...namespaced }, spec };
}

/** What the API server or the operator would refuse: messages that name the flags. */
export function refusals(options: CredentialOptions, source: Source): string[] {
  const servers = source.kind === 'login' ? [source.server] : source.servers;
  const broken = brokenFlags(options, servers);
  if (broken.length > 0) return broken;
  const conflicts = [...(source.kind === 'token' ? [] : nameConflicts(options, source)), ...unusableProbeImage(options, servers)];
  if (source.kind === 'elsewhere' || source.kind === 'token') return [...conflicts, ...duplicateServers(servers)];
  const { type, data } = sourceSecret(options, source);
  const secret = { ...NEW, name: options.secretName, namespace: options.secretNamespace, type, data };
  // A reference of a namespaced credential means its own namespace, which messages name.
  const { spec } = credentialManifest({ ...options, namespaced: undefined }, source);
  const resolution = resolve(spec as RegistryCredentialSpec, '', () => ({ state: 'present', secret }));
  return resolution.state === 'invalid' ? [...conflicts, ...resolution.problems.map(({ message }) => message)] : conflicts;
}

/** What does not follow the rules of the CustomResourceDefinition. */
function brokenFlags(options: CredentialOptions, servers: readonly string[]): string[] {
  const values = [
    ['NAME', RULES.secretName, [options.name]],
    ['--server', RULES.server, servers],
    [options.namespaced ? '--namespace' : '--secret-namespace', RULES.namespace, [options.secretNamespace]],
    ['--secret-name', RULES.secretName, [options.secretName]],
    ['--namespaces', RULES.namespaceGlob, options.namespaces ?? []],
    ['--service-accounts', RULES.serviceAccountGlob, options.serviceAccounts ?? []],
  ] as const;
  const messages = values.flatMap(([flag, rule, texts]) =>
    texts.flatMap((text) => {
      const requirement = brokenRule(rule, text);
      const value = flag === '--server' ? formatServerName(text) : JSON.stringify(text);
      return requirement === undefined ? [] : [`${flag} ${value}: ${requirement}.${flag === '--server' ? inLowerCase(text) : ''}`];
    }),
  );
  return options.namespaces?.length === 0 ? [...messages, "--namespaces is empty. Give names or globs; '*' means all."] : messages;
}

/** What to write if only capital letters are wrong; otherwise empty. */
function inLowerCase(server: string): string {
  const lower = server.toLowerCase();
  if (lower === server || brokenRule(RULES.server, lower) !== undefined) return '';
  return ` Write ${formatServerName(lower)} here and in image names: the kubelet compares both exactly. If the docker config has capital letters, run docker login ${formatServerName(lower)}.`;
}

/** The copy must not have the name of the source in the same namespace. */
function nameConflicts(options: CredentialOptions, source: Source): string[] {
  if (options.secretName !== options.name) return [];
  const { namespaces } = credentialManifest(options, source).spec;
  if (namespaces === undefined)
    return [`--secret-name ${options.name}: the pull secret has the same name, and is in the same namespace. Choose another name.`];
  if (!selects(namespaces, options.secretNamespace)) return [];
  return [
    `--secret-name ${options.name}: the pull secret has the same name, and --namespaces selects ${options.secretNamespace}, where the source is. Choose another name.`,
  ];
}

/** A probe image belongs to one registry. The operator would only report a malformed one, and then ignore it. */
function unusableProbeImage({ probeImage }: CredentialOptions, servers: readonly string[]): string[] {
  if (probeImage === undefined) return [];
  const [server, ...more] = servers;
  if (server === undefined || more.length > 0)
    return ['--probe-image is an image of one registry. Give exactly one --server, and create one RegistryCredential for each registry.'];
  const canonical = canonicalServer(server);
  if (hostToAsk(canonical) === undefined)
    return [
      `--probe-image: the operator cannot ask ${formatServerName(server)}, because that is not the name of one host. Leave --probe-image out.`,
    ];
  const parsed = parseProbeImage(probeImage, canonical);
  return parsed.ok ? [] : [`--probe-image: ${parsed.message}`];
}

/** The fields of a Secret that does not exist yet. */
const NEW = { uid: 'new', resourceVersion: '', labels: {}, changedAt: 0 };

const selects = (scope: { names: readonly string[]; exclude?: { names: readonly string[] } }, namespace: string) => {
  const object = { name: namespace, labels: {} };
  return matches(scope, object) && !matches(scope.exclude, object);
};

const duplicateServers = (servers: readonly string[]) =>
  new Set(servers.map(canonicalServer)).size === servers.length ? [] : ['--server names the same registry twice. Leave one out.'];

/** As in image names: without a scheme, and Docker Hub by its short name. */
const serverAsWritten = (server: string) => {
  const canonical = canonicalServer(server);
  return formatServerName(canonical) === 'docker.io' ? 'docker.io' : canonical;
};

const base64 = (text: string) => Buffer.from(text).toString('base64');
