/** Text for a terminal: tables, ages and times, without control characters. */
import { PLAIN, type Style, type Tone } from './style.ts';

/** The text of one cell, and its tone if it has one. */
export type Cell = string | { readonly text: string; readonly tone: Tone };

/** As kubectl prints tables: columns as wide as their widest cell, with three spaces between them. */
export function columns(rows: readonly (readonly Cell[])[], style: Style = PLAIN): string {
  const cells = rows.map((row) => row.map((cell) => readCell(cell, style)));
  const widths = (cells[0] ?? []).map((_, at) => Math.max(...cells.map((row) => row[at]?.text.length ?? 0)));
  // The padding is outside of the colour, so that the end of a line has none.
  const line = (row: readonly ReadCell[]) =>
    row.map(({ text, tone }, at) => (tone ? style.paint(tone, text) : text) + ' '.repeat((widths[at] ?? 0) - text.length));
  return cells.map((row) => `${line(row).join('   ').trimEnd()}\n`).join('');
}

interface ReadCell {
  readonly text: string;
  readonly tone?: Tone;
}

function readCell(cell: Cell, style: Style): ReadCell {
  if (typeof cell === 'string') return { text: printable(cell) };
  return { text: style.symbol(cell.tone) + printable(cell.text), tone: cell.tone };
}

/** Without control characters: other users wrote some of the text, and a terminal would obey them. */
export const printable = (text: string) => text.replace(/[\p{Cc}\p{Cf}]+/gu, ' ');

/** Rounded as kubectl does (HumanDuration in k8s.io/apimachinery/pkg/util/duration), without the second unit. */
export function age(since: string | undefined, now: Date): string {
  if (since === undefined) return '';
  const seconds = Math.max(0, Math.floor((now.getTime() - Date.parse(since)) / 1000));
  if (seconds < 120) return `${seconds}s`;
  if (seconds < 3 * 3600) return `${Math.floor(seconds / 60)}m`;
  if (seconds < 48 * 3600) return `${Math.floor(seconds / 3600)}h`;
  return `${Math.floor(seconds / 86_400)}d`;
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** An expiry is written as a distance within this time, and as a date after it. */
const NEAR_MS = 30 * DAY_MS;

/** When credentials stop working: `in 3 days`, `2026-12-12` if that is later, `expired` in the past, and '' if it is not known. */
export function formatExpiry(expiresAt: string | undefined, now: Date): string {
  if (expiresAt === undefined) return '';
  const left = Date.parse(expiresAt) - now.getTime();
  if (Number.isNaN(left)) return '';
  if (left <= 0) return 'expired';
  if (left >= NEAR_MS) return expiresAt.slice(0, 10);
  if (left >= 2 * DAY_MS) return `in ${Math.floor(left / DAY_MS)} days`;
  if (left >= 2 * HOUR_MS) return `in ${Math.floor(left / HOUR_MS)} hours`;
  const minutes = Math.max(1, Math.floor(left / 60_000));
  return minutes === 1 ? 'in 1 minute' : `in ${minutes} minutes`;
}
