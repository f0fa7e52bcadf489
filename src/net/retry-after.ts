const LONGEST_RETRY_AFTER = 7 * 86_400;

/**
 * The value of a Retry-After header in seconds, at most a week; undefined if there is none or it is malformed. It is a number of
 * seconds or a date (RFC 9110, section 10.2.3). `now` in milliseconds since 1970.
 */
export function parseRetryAfter(text: string | undefined, now: number): number | undefined {
  if (text === undefined) return undefined;
  const seconds = /^\s*\d{1,9}\s*$/.test(text) ? Number(text) : Math.ceil((Date.parse(text) - now) / 1000);
  return Number.isFinite(seconds) ? Math.min(Math.max(seconds, 0), LONGEST_RETRY_AFTER) : undefined;
}
