/** Times for people, in the time zone of the browser. */

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** `14:02` today, `3 Nov 14:02` this year, and `3 Nov 2025` before. '' if the time is not known. */
export function formatSince(time: string | number | undefined, now: number): string {
  const at = new Date(time ?? '');
  if (Number.isNaN(at.getTime())) return '';
  const today = new Date(now);
  const clock = at.toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit' });
  if (at.toDateString() === today.toDateString()) return clock;
  if (at.getFullYear() === today.getFullYear()) return `${formatDay(at.getTime())} ${clock}`;
  return `${formatDay(at.getTime())} ${at.getFullYear()}`;
}

/** `12 Mar`. */
export const formatDay = (at: number): string => new Date(at).toLocaleDateString('en-GB', { day: 'numeric', month: 'short' });

/** `in 3 days`, `in 5 hours`, `2 days ago`. */
export function formatDistance(at: number, now: number): string {
  const left = Math.abs(at - now);
  const text =
    left >= 2 * DAY
      ? `${Math.floor(left / DAY)} days`
      : left >= 2 * HOUR
        ? `${Math.floor(left / HOUR)} hours`
        : `${Math.max(1, Math.floor(left / MINUTE))} min`;
  return at < now ? `${text} ago` : `in ${text}`;
}

/** A date within 30 days as a distance, a later one as a day. */
export function formatExpiry(time: string | undefined, now: number): string {
  const at = Date.parse(time ?? '');
  if (Number.isNaN(at)) return '';
  if (at <= now) return `expired ${formatDistance(at, now)}`;
  if (at - now < 30 * DAY) return formatDistance(at, now);
  return new Date(at).getFullYear() === new Date(now).getFullYear() ? formatDay(at) : `${formatDay(at)} ${new Date(at).getFullYear()}`;
}

interface RegistryExpiry {
  readonly expiresAt?: string | undefined;
  readonly expirySource?: string | undefined;
  readonly refreshAt?: string | undefined;
}

/** When the credentials of one registry expire; of a token also when the operator fetches the next one. '' if it is not known. */
export function formatRegistryExpiry({ expiresAt, expirySource, refreshAt }: RegistryExpiry, now: number): string {
  const expiry = formatExpiry(expiresAt, now);
  if (expiry === '') return '';
  if (expirySource !== 'Token') return `Expires: ${expiry} (${expirySource})`;
  const next = Date.parse(refreshAt ?? '');
  const token = `Token of the operator: ${expiry.startsWith('expired') ? expiry : `expires ${expiry}`}`;
  if (Number.isNaN(next)) return token;
  return `${token}, the next one ${next <= now ? `was due ${formatDistance(next, now)}` : `is fetched ${formatDistance(next, now)}`}`;
}

/** In a table: a token that is refreshed in time needs nobody, so its row names the next fetch. */
export function formatFirstExpiry(
  expiresAt: string | undefined,
  registries: readonly RegistryExpiry[],
  isWarning: boolean,
  now: number,
): string {
  const token = registries.find((one) => one.expirySource === 'Token' && one.expiresAt === expiresAt);
  if (token === undefined || expiresAt === undefined) return formatExpiry(expiresAt, now);
  const next = Date.parse(token.refreshAt ?? '');
  if (isWarning) return `token ${formatExpiry(expiresAt, now)}, refresh overdue`;
  return Number.isNaN(next) || next <= now ? `token ${formatExpiry(expiresAt, now)}` : `token, next ${formatDistance(next, now)}`;
}
