/** What `status` and `check` print about the registries of one credential. It only repeats status.registries. */
import type { RegistryCredentialStatus } from '../api/types.ts';
import { nameOfServer } from '../plan/checks/asked-host.ts';
import type { Result } from '../plan/checks/interpret.ts';
import { PLAIN, type Style, type Tone } from './terminal/style.ts';
import { age, type Cell, columns, formatExpiry } from './terminal/text.ts';

export type RegistryRow = NonNullable<RegistryCredentialStatus['registries']>[number];

const TONES: Readonly<Record<Result, Tone>> = {
  Proven: 'good',
  NotRefused: 'good',
  Public: 'quiet',
  NotAsked: 'quiet',
  Pending: 'unknown',
  Unreachable: 'bad',
  Refused: 'bad',
};

/** One row for each server: its result, when it was asked, when its credentials expire, and the answer in a sentence. */
export function registriesTable(rows: readonly RegistryRow[], now: Date, style: Style = PLAIN): string {
  const cells = rows.map((row) => [...cellsOf(row, now), row.message ?? '']);
  return columns([[...HEAD, 'MESSAGE'], ...cells], style);
}

/** As `registriesTable`, with the exact times, and with what the expiry is known from. */
export function wideRegistriesTable(rows: readonly RegistryRow[], now: Date, style: Style = PLAIN): string {
  const cells = rows.map((row) => [
    ...cellsOf(row, now),
    row.checkedAt ?? '',
    row.expiresAt ?? '',
    row.expirySource ?? '',
    row.message ?? '',
  ]);
  return columns([[...HEAD, 'ASKED AT', 'EXPIRES AT', 'KNOWN FROM', 'MESSAGE'], ...cells], style);
}

const HEAD = ['REGISTRY', 'RESULT', 'ASKED', 'EXPIRES'];

const cellsOf = ({ server, result, checkedAt, expiresAt }: RegistryRow, now: Date): Cell[] => [
  nameOfServer(server),
  { text: result, tone: TONES[result as Result] },
  checkedAt === undefined ? '' : `${age(checkedAt, now)} ago`,
  formatExpiry(expiresAt, now),
];
