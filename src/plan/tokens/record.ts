/** A fetched token, and its text in the Secret that keeps it over a restart. */
import { parseObject } from '../content/go-syntax.ts';

export interface TokenRecord {
  readonly username: string;
  readonly password: string;
  /** When it was fetched, and when it stops working, in milliseconds since 1970. */
  readonly obtainedAt: number;
  readonly expiresAt: number;
  /** When to ask for the next one. */
  readonly refreshAt: number;
  /** A keyed hash of the static keys that it was fetched with: other keys need another token at once. */
  readonly proof: string;
}

/** Equal records have equal text, so an unchanged one is never written again. */
export const serializeToken = ({ username, password, obtainedAt, expiresAt, refreshAt, proof }: TokenRecord): string =>
  JSON.stringify({ version: 1, username, password, obtainedAt, expiresAt, refreshAt, proof });

/** Undefined for a text that this version did not write: the token is then fetched again. */
export function parseToken(text: string): TokenRecord | undefined {
  const { version, username, password, obtainedAt, expiresAt, refreshAt, proof } = parseObject(text) ?? {};
  if (version !== 1 || typeof username !== 'string' || typeof password !== 'string' || typeof proof !== 'string') return undefined;
  if (typeof obtainedAt !== 'number' || typeof expiresAt !== 'number' || typeof refreshAt !== 'number') return undefined;
  return password === '' ? undefined : { username, password, obtainedAt, expiresAt, refreshAt, proof };
}
