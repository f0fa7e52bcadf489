/** What was done, and how long it took to be right again: the table that the suite ends with. */
import { mkdirSync, writeFileSync } from 'node:fs';

export interface Row {
  readonly fault: string;
  /** How often it was done. */
  times: number;
  /** What was changed meanwhile. */
  readonly meanwhile: string;
  /** From the end of the fault until everything was right, the status included. */
  longestRecoveryMs: number;
  /** What was not right at the end, or not ours to touch at any time. */
  lost: number;
  /** Figures beside: `takeover` in milliseconds, `writes` and so on. */
  readonly figures: Record<string, number>;
}

export const FILE = 'dist/faults.json';

export class Chronicle {
  readonly seed: number;
  readonly #rows: Row[] = [];
  readonly #begun = performance.now();
  /** How often the cluster was looked at whole. */
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

  /** Writes it for scripts/reliability.ts, and returns it for people. */
  close(failed: boolean): string {
    const seconds = Math.round((performance.now() - this.#begun) / 1000);
    const record = { date: new Date().toISOString(), seed: this.seed, seconds, checks: this.checks, failed, rows: this.#rows };
    mkdirSync('dist', { recursive: true });
    writeFileSync(FILE, `${JSON.stringify(record, null, 2)}\n`);
    const lines = this.#rows.map(
      ({ fault, times, longestRecoveryMs, lost, figures }) =>
        `  ${String(times).padStart(3)} × ${fault.padEnd(62)} ${`${(longestRecoveryMs / 1000).toFixed(1)} s`.padStart(8)}   lost: ${lost}${sayFigures(figures)}`,
    );
    const lost = this.#rows.reduce((sum, row) => sum + row.lost, 0);
    const last = `  seed ${this.seed}, ${seconds} s, ${this.checks} looks at the whole cluster, lost: ${lost}`;
    return ['', '  Faults, and the longest time until all was right again:', ...lines, last, ''].join('\n');
  }
}

const sayFigures = (figures: Row['figures']) =>
  Object.entries(figures)
    .map(([what, value]) => `, ${what} ${value}`)
    .join('');
