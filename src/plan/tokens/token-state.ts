import type { TokenState } from '../content/candidates.ts';
import { tokenProblem } from './failure.ts';
import type { TokenRecord } from './record.ts';
import { isAlive, overdueAt } from './schedule.ts';

/** What is known of the token of an identity. */
export interface TokenKnowledge {
  readonly record: TokenRecord | undefined;
  /** Why the last attempt failed; undefined if it did not. */
  readonly why: string | undefined;
}

/**
 * What a credential gets for one of its registries. A failed refresh takes nothing away while the old token works, and is reported only when
 * it is late.
 *
 * @param source `namespace/name` of the Secret that keeps the token.
 * @param now in milliseconds since 1970.
 */
export function tokenStateOf(server: string, source: string, { record, why }: TokenKnowledge, now: number): TokenState {
  if (record && isAlive(record, now)) {
    const { username, password, expiresAt, refreshAt } = record;
    const auth = { username, password, auth: Buffer.from(`${username}:${password}`).toString('base64') };
    const isOverdue = why !== undefined && now >= overdueAt(record);
    return { state: 'present', source, auth, fetched: { expiresAt, refreshAt, ...(isOverdue && { overdue: tokenProblem(server, why) }) } };
  }
  return why === undefined ? { state: 'loading' } : { state: 'unusable', source, problem: tokenProblem(server, why) };
}
