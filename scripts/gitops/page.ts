/** What docs/gitops.md says about the last run, between its markers. */

import { withMarkedPart } from '../marked-part.ts';

export interface GitOpsRun {
  /** By program: its version, as in `3.5.3`. */
  readonly versions: Readonly<Record<string, string>>;
  readonly passed: number;
  /** As in `2026-11-28`. */
  readonly date: string;
}

const MARKERS = { begin: '<!-- gitops: written by `npm run test:gitops` -->', end: '<!-- /gitops -->' };

/** The page with this run in place of the last one. */
export function withRun(page: string, { versions, passed, date }: GitOpsRun): string {
  const rows = Object.entries(versions).map(([program, version]) => `| ${program} | ${version} |`);
  const table = ['| program | version |', '| --- | --- |', ...rows].join('\n');
  return withMarkedPart(page, MARKERS, () => `Run of ${date}: ${passed} cases passed.\n\n${table}`);
}
