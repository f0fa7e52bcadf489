/** When a password expires: as the password itself says, or as an annotation or GitHub reports. */
import { parseObject } from '../content/go-syntax.ts';

export type ExpirySource = 'Token' | 'Annotation' | 'JWT' | 'Password' | 'GitHub';

export interface Expiry {
  readonly source: ExpirySource;
  /** In milliseconds since 1970. */
  readonly at: number;
  /** When a JWT was issued, in milliseconds since 1970. */
  readonly issuedAt?: number;
}

export interface ExpirySources {
  /** The expiry of a token that the operator fetched itself, in milliseconds since 1970. */
  readonly fetched?: number;
  /** The value of the annotation regcred.dev/expires-at on the source Secret. */
  readonly annotation?: string;
  readonly password: string;
  /** What GitHub reports in its header github-authentication-token-expiration. */
  readonly github?: string;
}

export interface ReadExpiry {
  readonly expiry?: Expiry;
  /** The annotation is there and is ignored, because it is not an RFC 3339 time. */
  readonly isAnnotationMalformed: boolean;
}

/** 9999-12-31T23:59:59Z, the last second that RFC 3339 can write. A time after it is a mistake, such as milliseconds for seconds. */
const LAST_SECOND = 253_402_300_799;
/** A password that is a JWT or a token of ECR is a few kilobytes long. */
const LONGEST = 65_536;

/** The strongest expiry that is known: a fetched token, the annotation, a JWT, a JSON password, GitHub. */
export function readExpiry({ fetched, annotation, password, github }: ExpirySources): ReadExpiry {
  const annotated = annotation === undefined ? undefined : parseRfc3339(annotation.trim());
  const expiry =
    expiryAt('Token', fetched) ??
    expiryAt('Annotation', annotated) ??
    jwtExpiry(password) ??
    expiryAt('Password', passwordExpiration(password)) ??
    expiryAt('GitHub', github === undefined ? undefined : parseGitHubTime(github));
  return { ...(expiry && { expiry }), isAnnotationMalformed: annotation !== undefined && annotated === undefined };
}

const expiryAt = (source: ExpirySource, at: number | undefined): Expiry | undefined => (at === undefined ? undefined : { source, at });

const RFC3339 = /^(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.\d{1,9})?(?:[Zz]|([+-])(\d\d):(\d\d))$/;

/**
 * Milliseconds since 1970 of an RFC 3339 time, without its fraction of a second. Undefined for anything else, a day that its month
 * does not have included: Date.parse turns the 30th of February into the 2nd of March.
 */
export function parseRfc3339(text: string): number | undefined {
  const match = RFC3339.exec(text);
  if (match === null) return undefined;
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map(Number) as [number, number, number, number, number, number];
  const [offsetHour, offsetMinute] = [Number(match[8] ?? 0), Number(match[9] ?? 0)];
  if (month < 1 || month > 12 || hour > 23 || minute > 59 || offsetHour > 23 || offsetMinute > 59) return undefined;
  if (day < 1 || day > daysIn(year, month)) return undefined;
  // RFC 3339 writes a leap second as :60. It is the first second of the next minute.
  if (second > 60) return undefined;
  const local = Date.parse(`${text.slice(0, 10)}T00:00:00Z`) + ((hour * 60 + minute) * 60 + second) * 1000;
  return local - (match[7] === '-' ? -1 : 1) * (offsetHour * 60 + offsetMinute) * 60_000;
}

const daysIn = (year: number, month: number): number => {
  const isLeap = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
  return month === 2 ? (isLeap ? 29 : 28) : [4, 6, 9, 11].includes(month) ? 30 : 31;
};

/** `YYYY-MM-DD HH:MM:SS UTC`, or with an offset such as +0200 in place of UTC. */
function parseGitHubTime(text: string): number | undefined {
  const [, day, time, zone = ''] = /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d) (UTC|[+-]\d{4})$/.exec(text.trim()) ?? [];
  const offset = zone === 'UTC' ? 'Z' : `${zone.slice(0, 3)}:${zone.slice(3)}`;
  return day === undefined ? undefined : parseRfc3339(`${day}T${time}${offset}`);
}

/** `exp` and `iat` of a password that is a signed JWT (RFC 7519). The signature is not verified, because only a warning depends on it. */
function jwtExpiry(password: string): Expiry | undefined {
  const [header = '', payload = '', signature, more] = password.length > LONGEST ? [] : password.trim().split('.');
  if (signature === undefined || more !== undefined) return undefined;
  if (![header, payload].every((part) => /^[A-Za-z0-9_-]+$/.test(part))) return undefined;
  if (typeof objectIn(decode(header, 'base64url'))?.alg !== 'string') return undefined;
  const claims = objectIn(decode(payload, 'base64url'));
  const at = fromSeconds(claims?.exp);
  if (at === undefined) return undefined;
  const issuedAt = fromSeconds(claims?.iat);
  return { source: 'JWT', at, ...(issuedAt !== undefined && issuedAt < at && { issuedAt }) };
}

/** `expiration`, in seconds since 1970, of a password that is JSON or base64 of JSON. The passwords of Amazon ECR are. */
function passwordExpiration(password: string): number | undefined {
  if (password.length > LONGEST) return undefined;
  const text = password.trim();
  const json = text.startsWith('{') ? text : /^[A-Za-z0-9+/_-]+={0,2}$/.test(text) ? decode(text, 'base64') : '';
  return fromSeconds(objectIn(json)?.expiration);
}

const decode = (text: string, encoding: 'base64' | 'base64url') => Buffer.from(text, encoding).toString('utf8');

const objectIn = (text: string) => (text.startsWith('{') ? parseObject(text) : undefined);

function fromSeconds(value: unknown): number | undefined {
  return typeof value === 'number' && value > 0 && value <= LAST_SECOND ? Math.floor(value) * 1000 : undefined;
}
