/** What may be known of an answer outside of this folder: its status and what it says in listed words, never a part of its body. */

import { parseRetryAfter } from '../net/retry-after.ts';
import type { RawReply } from '../net/transport.ts';
import type { Answer } from '../plan/checks/observation.ts';
import { parseChallenges } from './challenge.ts';

const CODES = new Set([
  // https://github.com/opencontainers/distribution-spec/blob/main/spec.md#error-codes
  ...['BLOB_UNKNOWN', 'BLOB_UPLOAD_INVALID', 'BLOB_UPLOAD_UNKNOWN', 'DIGEST_INVALID', 'MANIFEST_BLOB_UNKNOWN', 'MANIFEST_INVALID'],
  ...['MANIFEST_UNKNOWN', 'NAME_INVALID', 'NAME_UNKNOWN', 'SIZE_INVALID', 'UNAUTHORIZED', 'DENIED', 'UNSUPPORTED', 'TOOMANYREQUESTS'],
  // https://distribution.github.io/distribution/spec/api/#errors-2, and what Harbor and others say
  ...['TAG_INVALID', 'MANIFEST_UNVERIFIED', 'UNAVAILABLE', 'UNKNOWN', 'FORBIDDEN', 'NOT_FOUND', 'PROJECT_POLICY_VIOLATION'],
]);
/** RFC 6749, sections 4.1.2.1 and 5.2; RFC 6750, section 3.1. */
const OAUTH_ERRORS = new Set([
  ...['invalid_request', 'invalid_client', 'invalid_grant', 'unauthorized_client', 'unsupported_grant_type', 'invalid_scope'],
  ...['access_denied', 'server_error', 'temporarily_unavailable', 'invalid_token', 'insufficient_scope', 'unsupported_response_type'],
]);
const CODE = /^[A-Z][A-Z0-9_]{0,63}$/;
const OAUTH_ERROR = /^[a-z][a-z_]{0,63}$/;

/**
 * ECR answers an expired or malformed token with 403 (public ECR: 400), in plain text or as the message of a DENIED
 * (https://github.com/aws/containers-roadmap/issues/2835).
 */
const ECR_REFUSAL = /\bauthorization token (?:has expired|is invalid)/i;
/** ACR's firewall (https://aka.ms/acr/firewall); the IP allow list of a GitHub organisation. */
const ADDRESS_DENIED = /client with IP\b.{0,80}\bnot allowed|aka\.ms\/acr\/firewall|IP allow list enabled/is;

/** `now` in milliseconds since 1970, for a Retry-After that is a date. */
export function answerOf({ status, headers, body }: RawReply, now: number): Answer {
  const text = body.toString('utf8');
  const inBody = status >= 400 ? errorsIn(text) : [];
  const inChallenges = parseChallenges(headers['www-authenticate']).flatMap(({ parameters }) => parameters.get('error') ?? []);
  const all = [...new Set([...inBody, ...inChallenges])];
  const isRegistry = headers['docker-distribution-api-version'] !== undefined;
  const retryAfterSeconds = parseRetryAfter(first(headers['retry-after']), now);
  return {
    kind: 'answer',
    status,
    codes: all.filter((code) => CODES.has(code) || OAUTH_ERRORS.has(code)),
    hasUnknownCode: all.some((code) => !CODES.has(code) && !OAUTH_ERRORS.has(code)),
    // A web server in front of a registry writes its own page for a 401; the header says that it is one for a registry.
    isHtml: !isRegistry && isHtml(first(headers['content-type']), text),
    deniesAddress: status >= 400 && ADDRESS_DENIED.test(text),
    isEcrRefusal: status >= 400 && ECR_REFUSAL.test(text),
    ...(retryAfterSeconds !== undefined && { retryAfterSeconds }),
  };
}

const first = (value: string | readonly string[] | undefined) => (typeof value === 'string' ? value : value?.[0]);

const isHtml = (type = '', body: string) =>
  /^\s*(?:text\/html|application\/xhtml\+xml)\b/i.test(type) || /^\s*<(?:!doctype\s+html|html)\b/i.test(body);

/** Codes in `{"errors":[{"code":"DENIED"}]}`, and the one in OAuth's `{"error":"invalid_client"}`. */
function errorsIn(body: string): string[] {
  const parsed = parseJson(body);
  const list = Array.isArray(parsed?.errors) ? parsed.errors.slice(0, 10) : [];
  const codes = list.map((error: unknown) => (error as { code?: unknown } | null)?.code);
  return [
    ...codes.filter((code): code is string => typeof code === 'string' && CODE.test(code)),
    ...(typeof parsed?.error === 'string' && OAUTH_ERROR.test(parsed.error) ? [parsed.error] : []),
  ];
}

/** A JSON object in a body, or undefined. */
export function parseJson(body: string): Record<string, unknown> | undefined {
  try {
    const parsed: unknown = JSON.parse(body);
    return typeof parsed === 'object' && parsed !== null ? (parsed as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
