import type { HttpAddress } from './http.ts';
import { LOG_LEVELS, type LogFormat, type LogLevel } from './log.ts';

export interface ControllerConfig {
  readonly kubeconfig: string | undefined;
  /** The namespace of the Lease; undefined: the pod's own namespace, else the kubeconfig context's, else `default`. */
  readonly namespace: string | undefined;
  /** The namespaces that sources may be in; Secrets are then read by name only. Undefined: any namespace. */
  readonly sourceNamespaces: readonly string[] | undefined;
  readonly http: HttpAddress;
  readonly leaderElect: boolean;
  readonly concurrency: number;
  readonly cleanupTimeoutMs: number;
  readonly registries: RegistrySettings;
  readonly tenants: TenantSettings;
  readonly logLevel: LogLevel;
  /** A file with the level of the log, which may change while the operator runs. */
  readonly logLevelFile: string | undefined;
  readonly logFormat: LogFormat;
}

/** How credentials of namespaces are served. */
export interface TenantSettings {
  /** False: everything that was placed for them is removed, and nothing more happens. */
  readonly isNamespacedOn: boolean;
  /** Namespaces with the same value of this label accept each other's credentials; undefined: only by annotation. */
  readonly tenantLabel: string | undefined;
}

/** How registries are asked about credentials. */
export interface RegistrySettings {
  readonly isVerificationOn: boolean;
  /** `host[:port]` of servers that may use plain HTTP and any address. */
  readonly insecure: readonly string[];
  /** `host[:port]` of servers that credentials of tenants may reach at private addresses. */
  readonly private: readonly string[];
  /** A file with certificates in PEM that are trusted for every registry. */
  readonly caFile: string | undefined;
  readonly expiryWarningMs: number;
  /** `github`: ask GitHub when the tokens for ghcr.io expire. */
  readonly expiryLookup: 'none' | 'github';
}

/** One setting of `regcred controller`: a flag, and the environment variable of the same meaning. The flag wins. */
export interface Setting {
  readonly flag: string;
  readonly value: string;
  readonly env: string;
  readonly fallback: string | undefined;
  readonly help: string;
}

/** Every setting: its flag, its environment variable, its default and its help. */
export const SETTINGS = {
  kubeconfig: {
    flag: '--kubeconfig',
    value: 'FILE',
    env: 'REGCRED_KUBECONFIG',
    fallback: undefined,
    help: 'kubeconfig to use (default: KUBECONFIG, else ~/.kube/config, else the ServiceAccount of the pod)',
  },
  namespace: {
    flag: '--namespace',
    value: 'NAME',
    env: 'REGCRED_NAMESPACE',
    fallback: undefined,
    help: "namespace of the Lease (default: the pod's own, else the kubeconfig context's, else default)",
  },
  sourceNamespaces: {
    flag: '--source-namespaces',
    value: 'NAMES',
    env: 'REGCRED_SOURCE_NAMESPACES',
    fallback: undefined,
    help: 'namespaces that sources may be in, comma-separated; Secrets are then read by name only (default: any)',
  },
  namespaced: {
    flag: '--namespaced',
    value: 'BOOLEAN',
    env: 'REGCRED_NAMESPACED',
    fallback: 'true',
    help: 'serve NamespacedRegistryCredentials; false removes everything that was placed for them',
  },
  tenantLabel: {
    flag: '--tenant-label',
    value: 'KEY',
    env: 'REGCRED_TENANT_LABEL',
    fallback: undefined,
    help: "label of Namespaces; those with the same value accept each other's NamespacedRegistryCredentials (default: off)",
  },
  httpAddress: {
    flag: '--http-address',
    value: 'HOST:PORT',
    env: 'REGCRED_HTTP_ADDRESS',
    fallback: ':8080',
    help: 'where /healthz, /readyz and /metrics are served; port 0 takes a free one',
  },
  leaderElect: {
    flag: '--leader-elect',
    value: 'BOOLEAN',
    env: 'REGCRED_LEADER_ELECT',
    fallback: 'true',
    help: 'write only while holding the Lease; false is for a single replica',
  },
  concurrency: { flag: '--concurrency', value: 'N', env: 'REGCRED_CONCURRENCY', fallback: '32', help: 'how many keys run at once at most' },
  cleanupTimeout: {
    flag: '--cleanup-timeout',
    value: 'SECONDS',
    env: 'REGCRED_CLEANUP_TIMEOUT',
    fallback: '60',
    help: 'when to stop a cleanup that makes no progress because the API server refuses every write',
  },
  verification: {
    flag: '--verification',
    value: 'on|off',
    env: 'REGCRED_VERIFICATION',
    fallback: 'on',
    help: 'ask the registries whether they accept the credentials; off asks none',
  },
  insecureRegistries: {
    flag: '--insecure-registries',
    value: 'HOSTS',
    env: 'REGCRED_INSECURE_REGISTRIES',
    fallback: undefined,
    help: 'registries, HOST[:PORT] and comma-separated, that may be asked over plain HTTP and at any address (default: none)',
  },
  privateRegistries: {
    flag: '--private-registries',
    value: 'HOSTS',
    env: 'REGCRED_PRIVATE_REGISTRIES',
    fallback: undefined,
    help: 'registries, HOST[:PORT] and comma-separated, at private addresses that credentials of tenants may be checked against (default: none)',
  },
  registryCaFile: {
    flag: '--registry-ca-file',
    value: 'FILE',
    env: 'REGCRED_REGISTRY_CA_FILE',
    fallback: undefined,
    help: 'certificates in PEM that are trusted for every registry, in addition to those of the system',
  },
  expiryWarning: {
    flag: '--expiry-warning',
    value: 'DURATION',
    env: 'REGCRED_EXPIRY_WARNING',
    fallback: '336h',
    help: 'how long before a credential expires to set the condition Expiring',
  },
  expiryLookup: {
    flag: '--expiry-lookup',
    value: 'none|github',
    env: 'REGCRED_EXPIRY_LOOKUP',
    fallback: 'none',
    help: 'github asks api.github.com when the tokens for ghcr.io expire; this sends the token there',
  },
  logLevel: { flag: '--log-level', value: 'LEVEL', env: 'REGCRED_LOG_LEVEL', fallback: 'info', help: 'debug, info, warn or error' },
  logLevelFile: {
    flag: '--log-level-file',
    value: 'FILE',
    env: 'REGCRED_LOG_LEVEL_FILE',
    fallback: undefined,
    help: 'file with another level, read again every few seconds; while it does not exist, --log-level counts',
  },
  logFormat: {
    flag: '--log-format',
    value: 'FORMAT',
    env: 'REGCRED_LOG_FORMAT',
    fallback: undefined,
    help: 'json or text (default: text on a terminal, json elsewhere)',
  },
} as const satisfies Record<string, Setting>;

export type SettingName = keyof typeof SETTINGS;

/** Everything that is wrong with the configuration, all at once. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/** Makes the configuration from flags and environment. Throws a ConfigError that names every invalid setting and how to fix it. */
export function controllerConfig(
  flags: Readonly<Partial<Record<SettingName, string>>>,
  env: Readonly<Record<string, string | undefined>>,
  isTerminal: boolean,
): ControllerConfig {
  const problems: string[] = [];
  const read = <T>(name: SettingName, parse: (text: string) => T | undefined, rule: string): T | undefined => {
    const { flag, env: variable, fallback } = SETTINGS[name] as Setting;
    const fromEnv = env[variable] || undefined;
    const text = flags[name] ?? fromEnv ?? fallback;
    if (text === undefined) return undefined;
    const value = parse(text);
    if (value === undefined) problems.push(`${flags[name] === undefined ? variable : flag}: ${JSON.stringify(text)} is not ${rule}`);
    return value;
  };
  const oneOf =
    <T extends string>(...values: T[]) =>
    (text: string) =>
      values.find((value) => value === text);
  const whole = (least: number, most: number) => (text: string) =>
    /^\d{1,9}$/.test(text) && Number(text) >= least && Number(text) <= most ? Number(text) : undefined;

  const config = {
    kubeconfig: read('kubeconfig', (text) => text, ''),
    namespace: read('namespace', (text) => (isNamespace(text) ? text : undefined), 'the name of a namespace'),
    sourceNamespaces: read('sourceNamespaces', namespaceNames, 'a list of namespaces, for example regcred-system,vault'),
    namespaced: read('namespaced', oneOf('true', 'false'), 'true or false'),
    tenantLabel: read(
      'tenantLabel',
      (text) => (isLabelKey(text) ? text : undefined),
      'the key of a label, for example capsule.clastix.io/tenant',
    ),
    http: read('httpAddress', httpAddress, 'HOST:PORT or :PORT, for example :8080 or 127.0.0.1:0'),
    leaderElect: read('leaderElect', oneOf('true', 'false'), 'true or false'),
    concurrency: read('concurrency', whole(1, 1024), 'a whole number from 1 to 1024'),
    cleanupTimeoutS: read('cleanupTimeout', whole(1, 86_400), 'a whole number of seconds from 1 to 86400'),
    verification: read('verification', oneOf('on', 'off'), 'on or off'),
    insecureRegistries: read('insecureRegistries', registryHosts, HOSTS_RULE),
    privateRegistries: read('privateRegistries', registryHosts, HOSTS_RULE),
    registryCaFile: read('registryCaFile', (text) => text, ''),
    expiryWarningMs: read('expiryWarning', duration, 'a duration, for example 336h or 90m'),
    expiryLookup: read('expiryLookup', oneOf('none', 'github'), 'none or github'),
    logLevel: read('logLevel', oneOf<LogLevel>(...LOG_LEVELS), 'one of debug, info, warn, error'),
    logLevelFile: read('logLevelFile', (text) => text, ''),
    logFormat: read('logFormat', oneOf<LogFormat>('json', 'text'), 'json or text'),
  };
  // The setting restricts the operator, so an empty value must not allow everything.
  if (env[SETTINGS.sourceNamespaces.env] === '' && flags.sourceNamespaces === undefined) {
    problems.push(`${SETTINGS.sourceNamespaces.env}: it is empty; list namespaces, or remove the variable to allow any`);
  }
  if (problems.length > 0) throw new ConfigError(problems.join('; '));
  return {
    kubeconfig: config.kubeconfig,
    namespace: config.namespace,
    sourceNamespaces: config.sourceNamespaces,
    http: config.http as HttpAddress,
    leaderElect: config.leaderElect === 'true',
    concurrency: config.concurrency as number,
    cleanupTimeoutMs: (config.cleanupTimeoutS as number) * 1000,
    registries: {
      isVerificationOn: config.verification === 'on',
      insecure: config.insecureRegistries ?? [],
      private: config.privateRegistries ?? [],
      caFile: config.registryCaFile,
      expiryWarningMs: config.expiryWarningMs as number,
      expiryLookup: config.expiryLookup as 'none' | 'github',
    },
    tenants: { isNamespacedOn: config.namespaced === 'true', tenantLabel: config.tenantLabel },
    logLevel: config.logLevel as LogLevel,
    logLevelFile: config.logLevelFile,
    logFormat: config.logFormat ?? (isTerminal ? 'text' : 'json'),
  };
}

const HOSTS_RULE = 'a list of registries, for example registry.example.com:5000,localhost:5000';

function registryHosts(text: string): string[] | undefined {
  const hosts = text.split(',').map((host) => host.trim().toLowerCase());
  return hosts.every((host) => /^([a-z0-9.-]+|\[[0-9a-f:.]+\])(:\d{1,5})?$/.test(host)) ? [...new Set(hosts)] : undefined;
}

/** Milliseconds of a duration such as `336h`, `90m` or `1h30m`. */
function duration(text: string): number | undefined {
  if (!/^(\d{1,6}[hms])+$/.test(text)) return undefined;
  const unitMs: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1000 };
  return Array.from(text.matchAll(/(\d+)([hms])/g)).reduce((sum, [, count, unit = '']) => sum + Number(count) * (unitMs[unit] ?? 0), 0);
}

/** https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set */
const isLabelKey = (text: string) => /^([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?\/)?[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$/.test(text);

const isNamespace = (text: string) => /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(text);

function namespaceNames(text: string): string[] | undefined {
  const names = text.split(',').map((name) => name.trim());
  return names.every(isNamespace) ? [...new Set(names)] : undefined;
}

function httpAddress(text: string): HttpAddress | undefined {
  const [, host, port] = /^(\[[0-9a-fA-F:]+\]|[^:[\]\s]*):(\d{1,5})$/.exec(text) ?? [];
  if (host === undefined || Number(port) > 65_535) return undefined;
  return { host: host.replace(/^\[|\]$/g, ''), port: Number(port) };
}
