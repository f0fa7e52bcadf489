/** The table of Kubernetes versions in docs/install.md, between its markers. */

import { withMarkedPart } from '../marked-part.ts';

export interface TestedVersion {
  /** As in `v1.30.14`. */
  readonly version: string;
  readonly passed: number;
  readonly skipped: number;
  readonly failed: number;
  /** Why cases were skipped. */
  readonly reasons: readonly string[];
  /** As in `2026-11-28`. */
  readonly date: string;
}

const MARKERS = { begin: '<!-- kubernetes: written by `npm run test:kubernetes` -->', end: '<!-- /kubernetes -->' };
const HEAD = ['| Kubernetes | passed | skipped | failed | tested on | skipped because |', '| --- | --- | --- | --- | --- | --- |'];

/** The page with a row for each of these versions. Other versions keep their row, and a newer patch replaces an older one. */
export const withRows = (page: string, tested: readonly TestedVersion[]): string =>
  withMarkedPart(page, MARKERS, (table) => {
    const rows = new Map(
      table
        .split('\n')
        .filter((line) => /^\| v?\d/.test(line))
        .map((line) => [minorOf(line.slice(2)), line]),
    );
    for (const one of tested) rows.set(minorOf(one.version), rowOf(one));
    const lines = Array.from(rows)
      .sort(([a], [b]) => a - b)
      .map(([, line]) => line);
    return [...HEAD, ...lines].join('\n');
  });

const minorOf = (version: string) => Number(/^v?1\.(\d+)/.exec(version)?.[1]);

const rowOf = ({ version, passed, skipped, failed, date, reasons }: TestedVersion) =>
  `| ${version.slice(1)} | ${passed} | ${skipped} | ${failed} | ${date} | ${reasons.join(' ')} |`;
