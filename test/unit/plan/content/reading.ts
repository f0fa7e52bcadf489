import { type Auth, readEntry } from '../../../../src/plan/content/auth.ts';
import { readDockerConfig } from '../../../../src/plan/content/docker-config.ts';
import type { Parsed } from '../../../../src/plan/content/parsed.ts';
import { base64 } from '../../../support/builders.ts';

export const WHERE = 'Secret regcred-system/robot, key "config.json"';
export const SERVER = 'registry.example.com';
export const PASSWORD = 'sample-password';
export const PAIR = base64(`robot:${PASSWORD}`);
export const AUTH: Auth = { username: 'robot', password: PASSWORD, auth: PAIR };

export const reasonOf = (parsed: Parsed<unknown>) => ('problem' in parsed ? parsed.problem.reason : undefined);
export const messageOf = (parsed: Parsed<unknown>) => ('problem' in parsed ? parsed.problem.message : '');

/** Reads a docker config and, if it is valid, all its entries. */
export function read(
  config: string | Buffer,
  legacy = false,
): { readonly parsed: Parsed<unknown>[]; readonly entries: Record<string, Parsed<Auth>> } {
  const whole = readDockerConfig(Buffer.from(config as string), WHERE, legacy);
  if ('problem' in whole) return { parsed: [whole], entries: {} };
  const entries = Array.from(whole.ok.entries, ([server, entry]) => [server, readEntry(entry, whole.ok, server, WHERE)] as const);
  return { parsed: entries.map(([, entry]) => entry), entries: Object.fromEntries(entries) };
}

/** Reads a docker config with one entry, and that entry. */
export const readOne = (entry: unknown, more: object = {}) =>
  read(JSON.stringify({ auths: { [SERVER]: entry }, ...more })).entries[SERVER] as Parsed<Auth>;
