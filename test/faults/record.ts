/** The faults and their recovery times: the table at the end of the suite. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Row {
  readonly fault: string;
  /** How often the fault occurred. */
  times: number;
  /** The changes during the fault. */
  readonly meanwhile: string;
  /** From the end of the fault until everything is correct again, including the status. */
  longestRecoveryMs: number;
  /** Violations at the end, and changes to the objects of others at any time. */
  lost: number;
  /** Additional figures, for example the longest takeover in milliseconds. */
  readonly figures: Record<string, number>;
}

/** The record of one process of the suite, or of all of them together. */
export interface FaultRecord {
  readonly date: string;
  readonly seed: number;
  readonly seconds: number;
  /** How often the test checked the whole cluster. */
  readonly checks: number;
  readonly failed: boolean;
  readonly rows: readonly Row[];
}

/** Each process of the suite writes a file of its own here. */
export const DIRECTORY = 'dist/faults';

export class Chronicle {
  readonly seed: number;
  readonly #rows: Row[] = [];
  readonly #begun = performance.now();
  /** How often the test checked the whole cluster. */
  checks = 0;

  constructor(seed: number) {
    this.seed = seed;
  }

  row(fault: string, meanwhile: string): Row {
    const known = this.#rows.find((row) => row.fault === fault);
    if (known) return known;
    const row: Row = { fault, times: 0, meanwhile, longestRecoveryMs: 0, lost: 0, figures: {} };
    this.#rows.push(row);
    return row;
  }

  /** Writes the record for scripts/faults.ts. */
  close(failed: boolean): void {
    const seconds = Math.round((performance.now() - this.#begun) / 1000);
    const record: FaultRecord = { date: new Date().toISOString(), seed: this.seed, seconds, checks: this.checks, failed, rows: this.#rows };
    mkdirSync(DIRECTORY, { recursive: true });
    writeFileSync(join(DIRECTORY, `${process.pid}.json`), `${JSON.stringify(record, null, 2)}\n`);
  }
}

/** Merges the records of processes that ran at the same time. A fault in several records gets one row, with the longest of its times. */
export function merged(records: readonly FaultRecord[]): FaultRecord {
  const rows = new Map<string, Row>();
  for (const row of records.flatMap((record) => record.rows)) {
    const known = rows.get(row.fault);
    if (known === undefined) rows.set(row.fault, { ...row });
    else {
      known.times += row.times;
      known.lost += row.lost;
      known.longestRecoveryMs = Math.max(known.longestRecoveryMs, row.longestRecoveryMs);
    }
  }
  return {
    date:
      records
        .map(({ date }) => date)
        .sort()
        .at(-1) ?? '',
    seed: records[0]?.seed ?? 0,
    seconds: Math.max(0, ...records.map(({ seconds }) => seconds)),
    checks: records.reduce((sum, { checks }) => sum + checks, 0),
    failed: records.some(({ failed }) => failed),
    rows: [...rows.values()],
  };
}

/** The record as a table for the terminal. */
export function table({ seed, seconds, checks, rows }: FaultRecord): string {
  const lines = rows.map(
    ({ fault, times, longestRecoveryMs, lost, figures }) =>
      `  ${String(times).padStart(3)} × ${fault.padEnd(62)} ${`${(longestRecoveryMs / 1000).toFixed(1)} s`.padStart(8)}   lost: ${lost}${formatFigures(figures)}`,
  );
  const lost = rows.reduce((sum, row) => sum + row.lost, 0);
  const last = `  seed ${seed}, ${seconds} s, ${checks} checks of the whole cluster, lost: ${lost}`;
  return ['', '  Faults, and the longest time until everything was correct again:', ...lines, last, ''].join('\n');
}

const formatFigures = (figures: Row['figures']) =>
  Object.entries(figures)
    .map(([what, value]) => `, ${what} ${value}`)
    .join('');
