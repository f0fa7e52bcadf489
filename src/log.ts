import { createLogger, format, type Logger, transports } from 'winston';

/** A constant message, variable keys. Objects of the cluster are named, never dumped. */
export interface Log {
  debug(message: string, keys?: Readonly<Record<string, unknown>>): void;
  info(message: string, keys?: Readonly<Record<string, unknown>>): void;
  warn(message: string, keys?: Readonly<Record<string, unknown>>): void;
  error(message: string, keys?: Readonly<Record<string, unknown>>): void;
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';
export type LogFormat = 'json' | 'text';

/**
 * Fields that hold secret values in the objects we handle. Nothing logs them; should a change ever do so by mistake, they
 * still do not come out.
 */
const WITHHELD = new Set([
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

const withhold = format((info) => {
  for (const key of Object.keys(info)) info[key] = withheld(key, info[key]);
  return info;
});

function withheld(key: string, value: unknown): unknown {
  if (WITHHELD.has(key.toLowerCase()) || WITHHELD.has(key)) return '[withheld]';
  if (value instanceof Error) return value.message;
  if (Array.isArray(value)) return value.map((element) => withheld('', element));
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([inner, field]) => [inner, withheld(inner, field)]));
  }
  return value;
}

/** JSON for a cluster's log collector, lines of text for a terminal. To standard error: standard output is for results. */
export function makeLog(level: LogLevel, style: LogFormat): Logger {
  return createLogger({
    level,
    format: format.combine(withhold(), format.timestamp(), style === 'json' ? format.json() : text()),
    transports: [new transports.Console({ stderrLevels: ['debug', 'info', 'warn', 'error'] })],
  });
}

function text() {
  return format.printf(({ timestamp, level, message, ...keys }) => {
    const said = Object.entries(keys).map(([key, value]) => `  ${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`);
    return `${String(timestamp).slice(11, 23)} ${level.padEnd(5)} ${message}${said.join('')}`;
  });
}
