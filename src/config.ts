import type { HttpAddress } from './http.ts';
import type { LogFormat, LogLevel } from './log.ts';

export interface ControllerConfig {
  readonly kubeconfig: string | undefined;
  /** Where the Lease is; undefined: the pod's own namespace, else the kubeconfig context's, else `default`. */
  readonly namespace: string | undefined;
  /** Where sources may be, and then Secrets are asked for by name only; undefined: anywhere. */
  readonly sourceNamespaces: readonly string[] | undefined;
  readonly http: HttpAddress;
  readonly leaderElect: boolean;
  readonly concurrency: number;
  readonly cleanupTimeoutMs: number;
  readonly logLevel: LogLevel;
  readonly logFormat: LogFormat;
}

/** One setting of `regcred controller`: a flag, and the environment variable of the same meaning. The flag wins. */
export interface Setting {
  readonly flag: string;
  readonly value: string;
  readonly env: string;
  readonly fallback: string | undefined;
  readonly help: string;
}

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
    help: 'namespaces, comma-separated, that sources may be in; Secrets are then asked for by name only (default: any)',
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
  concurrency: { flag: '--concurrency', value: 'N', env: 'REGCRED_CONCURRENCY', fallback: '32', help: 'most placements worked on at once' },
  cleanupTimeout: {
    flag: '--cleanup-timeout',
    value: 'SECONDS',
    env: 'REGCRED_CLEANUP_TIMEOUT',
    fallback: '60',
    help: 'when a deletion that gets nowhere because the API server refuses is given up',
  },
  logLevel: { flag: '--log-level', value: 'LEVEL', env: 'REGCRED_LOG_LEVEL', fallback: 'info', help: 'debug, info, warn or error' },
  logFormat: {
    flag: '--log-format',
    value: 'FORMAT',
    env: 'REGCRED_LOG_FORMAT',
    fallback: undefined,
    help: 'json or text (default: text on a terminal, json elsewhere)',
  },
} as const satisfies Record<string, Setting>;

export type SettingName = keyof typeof SETTINGS;

/** What is wrong with the configuration, all of it at once: nobody likes to be told one at a time. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/** Makes the configuration of flags and environment. Throws a ConfigError that names every bad setting and how to mend it. */
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
    http: read('httpAddress', httpAddress, 'HOST:PORT or :PORT, for example :8080 or 127.0.0.1:0'),
    leaderElect: read('leaderElect', oneOf('true', 'false'), 'true or false'),
    concurrency: read('concurrency', whole(1, 1024), 'a whole number from 1 to 1024'),
    cleanupTimeoutS: read('cleanupTimeout', whole(1, 86_400), 'a whole number of seconds from 1 to 86400'),
    logLevel: read('logLevel', oneOf<LogLevel>('debug', 'info', 'warn', 'error'), 'one of debug, info, warn, error'),
    logFormat: read('logFormat', oneOf<LogFormat>('json', 'text'), 'json or text'),
  };
  // It limits: one who sets it to nothing does not mean that anything goes.
  if (env[SETTINGS.sourceNamespaces.env] === '' && flags.sourceNamespaces === undefined) {
    problems.push(`${SETTINGS.sourceNamespaces.env}: it is empty; give namespaces, or leave it out to allow any`);
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
    logLevel: config.logLevel as LogLevel,
    logFormat: config.logFormat ?? (isTerminal ? 'text' : 'json'),
  };
}

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
