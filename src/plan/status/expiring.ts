import { nameOfServer } from '../checks/asked-host.ts';
import type { Expiry, ReadExpiry } from '../checks/expiry.ts';

/** What is known about the expiry of one server of a credential. */
export interface ServerExpiry extends ReadExpiry {
  /** The canonical name of the server. */
  readonly server: string;
  /** `regcred-system/robot`. Undefined for a token that the operator fetches with its own identity. */
  readonly secret?: string;
  /** Why a fetched token was not refreshed when it should have been. Only then does its expiry count. */
  readonly refreshProblem?: string;
}

export type ExpiringReason = 'Expired' | 'ExpiresSoon' | 'TokenRefreshOverdue' | 'NotSoon' | 'NoExpiryKnown';

export interface Expiring {
  readonly status: 'True' | 'False';
  readonly reason: ExpiringReason;
  readonly message: string;
  /** The earliest expiry that is known, in milliseconds since 1970; that of a fetched token only if there is no other. */
  readonly earliest?: number;
  /** When the status or the reason changes next without a new observation, in milliseconds since 1970. */
  readonly changesAt?: number;
}

/** The most servers that one message names. */
const MAX_NAMED = 5;

/**
 * The condition `Expiring` of a credential, bad when True. The most urgent reason counts, and its message names every server of
 * that reason, the most urgent first.
 */
export function expiring(servers: readonly ServerExpiry[], now: number, warningMs: number): Expiring {
  const dated = servers
    .flatMap((server) => (server.expiry ? [{ ...server, expiry: server.expiry }] : []))
    .sort((a, b) => a.expiry.at - b.expiry.at);
  const counted = dated.filter(({ expiry }) => expiry.source !== 'Token');
  const reasons = [
    { reason: 'Expired', of: counted.filter(({ expiry }) => expiry.at <= now) },
    {
      reason: 'TokenRefreshOverdue',
      of: dated.filter(({ expiry, refreshProblem }) => expiry.source === 'Token' && refreshProblem !== undefined),
    },
    { reason: 'ExpiresSoon', of: counted.filter(({ expiry }) => expiry.at > now && warnsAt(expiry, warningMs) <= now) },
  ] as const;
  const malformed = servers.filter(({ isAnnotationMalformed }) => isAnnotationMalformed).map(({ secret }) => secret ?? '');
  const earliest = (counted[0] ?? dated[0])?.expiry.at;
  const changes = counted.flatMap(({ expiry }) => [warnsAt(expiry, warningMs), expiry.at]).filter((at) => at > now);
  const times = { ...(earliest !== undefined && { earliest }), ...(changes.length > 0 && { changesAt: Math.min(...changes) }) };
  const found = reasons.find(({ of }) => of.length > 0);
  const sentences = found ? sentencesOf(found.of.map((one) => urgent(found.reason, one))) : [quiet(counted[0] ?? dated[0])];
  const message = [...sentences, ...malformed.map(ignored)].join(' ');
  if (found) return { status: 'True', reason: found.reason, message, ...times };
  return { status: 'False', reason: dated.length > 0 ? 'NotSoon' : 'NoExpiryKnown', message, ...times };
}

/**
 * When the warning begins. If a JWT says when it was issued, the warning begins in the last third of its lifetime at the earliest.
 * Otherwise a JWT that is valid for one hour would always be about to expire.
 */
function warnsAt({ source, at, issuedAt }: Expiry, warningMs: number): number {
  return at - (source === 'JWT' && issuedAt !== undefined ? Math.min(warningMs, (at - issuedAt) / 3) : warningMs);
}

type Dated = ServerExpiry & { readonly expiry: Expiry };

function urgent(reason: 'Expired' | 'ExpiresSoon' | 'TokenRefreshOverdue', { server, secret, expiry, refreshProblem }: Dated): string {
  const name = nameOfServer(server);
  const of = secret === undefined ? '' : ` of Secret ${secret}`;
  const fix =
    expiry.source === 'Annotation'
      ? 'Replace the password, and set the annotation regcred.dev/expires-at to its new date.'
      : 'Replace the password with a new one.';
  switch (reason) {
    case 'Expired':
      return `${name}: the password${of} expired on ${date(expiry.at)}. ${fix}`;
    case 'ExpiresSoon':
      return `${name}: the password${of} expires on ${date(expiry.at)}. ${fix}`;
    case 'TokenRefreshOverdue':
      return `${name}: the operator cannot refresh the token, which expires on ${date(expiry.at)}. ${refreshProblem}`;
    default:
      return reason satisfies never;
  }
}

function sentencesOf(sentences: readonly string[]): string[] {
  const more = sentences.length - MAX_NAMED;
  return [...sentences.slice(0, MAX_NAMED), ...(more > 0 ? [`And ${more} more.`] : [])];
}

function quiet(first: Dated | undefined): string {
  if (first === undefined) return 'No expiry is known. To get a warning, annotate the source Secret with regcred.dev/expires-at.';
  if (first.expiry.source === 'Token') return 'The operator refreshes its tokens before they expire.';
  const of = first.secret === undefined ? '' : ` of Secret ${first.secret}`;
  return `The next to expire is the password${of} for ${nameOfServer(first.server)}, on ${date(first.expiry.at)}.`;
}

const ignored = (secret: string) =>
  `Secret ${secret}, annotation regcred.dev/expires-at: the value is not an RFC 3339 time and is ignored. Write it like 2027-01-31T00:00:00Z.`;

const date = (at: number) => new Date(at).toISOString().replace('.000', '');
