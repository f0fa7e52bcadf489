import { createLogger, format, type Logger, transports } from 'winston';

/** A constant message and variable keys. Objects of the cluster are named, never logged as a whole. */
export interface Log {
  debug(message: string, keys?: Readonly<Record<string, unknown>>): void;
  info(message: string, keys?: Readonly<Record<string, unknown>>): void;
  warn(message: string, keys?: Readonly<Record<string, unknown>>): void;
  error(message: string, keys?: Readonly<Record<string, unknown>>): void;
}

/** From the most detailed to the most important. */
export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];
export type LogFormat = 'json' | 'text';

/** Fields that hold secret values. No code logs them. If a change ever does so by mistake, they are still replaced. */
const SECRET_FIELDS = new Set([
  'data',
  'stringData',
  'auth',
  'auths',
  'password',
  'token',
  'identitytoken',
  'registrytoken',
  'authorization',
  'body',
  'patch',
  '.dockerconfigjson',
  '.dockercfg',
]);

const redactFields = format((info) => {
  for (const key of Object.keys(info)) info[key] = redacted(key, info[key]);
  return info;
});

function redacted(key: string, value: unknown): unknown {
  if (SECRET_FIELDS.has(key.toLowerCase()) || SECRET_FIELDS.has(key)) return '[withheld]';
  if (value instanceof Error) return value.message;
  if (Array.isArray(value)) return value.map((element) => redacted('', element));
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([inner, field]) => [inner, redacted(inner, field)]));
  }
  return value;
}

/** JSON for a log collector, or lines of text for a terminal. Logs go to standard error, because standard output is for results. */
export function makeLog(level: LogLevel, style: LogFormat): Logger & Log {
  const log = createLogger({
    level,
    format: format.combine(redactFields(), format.timestamp(), style === 'json' ? format.json() : text()),
    transports: [new transports.Console({ stderrLevels: ['debug', 'info', 'warn', 'error'] })],
  });
  const debug: Log['debug'] = log.debug.bind(log);
  // winston formats a line before it looks at the level. There are thousands of debug lines in a rotation.
  const debugIfEnabled: Log['debug'] = (message, keys) => {
    if (log.isDebugEnabled()) debug(message, keys);
  };
  return Object.assign(log, { debug: debugIfEnabled });
}

function text() {
  return format.printf(({ timestamp, level, message, ...keys }) => {
    const said = Object.entries(keys).map(([key, value]) => `  ${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`);
    return `${String(timestamp).slice(11, 23)} ${level.padEnd(5)} ${message}${said.join('')}`;
  });
}
