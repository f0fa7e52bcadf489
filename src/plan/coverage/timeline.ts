/** When the credentials expire, for a timeline: one mark for each server. */

import { type CredentialRef, qualifiedName } from '../../api/credential-ref.ts';
import { CONDITION, REASON } from '../../api/reasons.ts';
import type { CredentialRecord } from '../../api/records.ts';
import { nameOfServer } from '../checks/asked-host.ts';
import { conditionIn } from '../status/condition.ts';

/**
 * - expired: in the past
 * - soon: the operator warns about it
 * - later: it does not
 */
export type MarkKind = 'expired' | 'soon' | 'later';

export interface Mark {
  readonly server: string;
  /** The credentials that have this server with this expiry, as `qualifiedName` writes them. */
  readonly credentials: readonly string[];
  /** In milliseconds since 1970. */
  readonly at: number;
  readonly kind: MarkKind;
}

/** The operator's default for --expiry-warning, which the page cannot see. The first expiry of a credential that warns always counts. */
const USUAL_WARNING_MS = 14 * 86_400_000;

type NamedStatus = CredentialRef & Pick<CredentialRecord, 'status'>;

/**
 * The marks up to `untilMs` from now, the earliest first. The operator replaces a token that it fetched itself before it expires, so such a
 * token has a mark only if its refresh is overdue. Times in milliseconds since 1970.
 */
export function expiryMarks(credentials: Iterable<NamedStatus>, now: number, untilMs: number): Mark[] {
  const marks = new Map<string, Mark>();
  for (const credential of credentials) {
    const { status } = credential;
    const expiring = conditionIn(status, CONDITION.expiring);
    for (const { server, expiresAt, expirySource } of status?.registries ?? []) {
      const at = Date.parse(expiresAt ?? '');
      const isRefreshed = expirySource === 'Token' && !(expiring?.status === 'True' && expiring.reason === REASON.tokenRefreshOverdue);
      if (Number.isNaN(at) || at > now + untilMs || isRefreshed) continue;
      const key = `${server} ${at}`;
      const before = marks.get(key);
      const name = qualifiedName(credential);
      const isWarning = expiring?.status === 'True' && (expiresAt === status?.expiresAt || at <= now + USUAL_WARNING_MS);
      const kind = strongest(before?.kind, at <= now ? 'expired' : isWarning ? 'soon' : 'later');
      marks.set(key, { server: nameOfServer(server), credentials: [...(before?.credentials ?? []), name], at, kind });
    }
  }
  return [...marks.values()].sort((a, b) => a.at - b.at || (a.server < b.server ? -1 : 1));
}

const KINDS: readonly MarkKind[] = ['expired', 'soon', 'later'];

const strongest = (a: MarkKind | undefined, b: MarkKind): MarkKind => (a !== undefined && KINDS.indexOf(a) < KINDS.indexOf(b) ? a : b);
