/**
 * `npm run test:gitops`: runs Argo CD and Flux against the control plane. After a run of everything without a failure, it writes the versions
 * into docs/gitops.md. The options are those of `npm test`.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import process from 'node:process';
import { argoCdDirectory, fluxDirectory, versions } from '../test/gitops/programs.ts';
import { assetsDirectory } from '../test/support/assets.ts';
import { buildOrExit } from '../test/support/gobuild.ts';
import { withRun } from './gitops/page.ts';
import { runTests } from './run-tests.ts';

const PAGE = 'docs/gitops.md';
/** Each process has a control plane and a GitOps tool: more would wait for a core. */
const JOBS = '2';

for (const built of [assetsDirectory, argoCdDirectory, fluxDirectory]) await buildOrExit(() => built((line) => console.log(line)));

const args = process.argv.slice(2);
const run = await runTests(['--config', '.mocharc.gitops.json', ...(args.length > 0 ? args : ['--jobs', JOBS, 'test/gitops'])]);
process.exitCode = run.exitCode;

if (run.exitCode === 0 && args.length === 0)
  writeFileSync(
    PAGE,
    withRun(readFileSync(PAGE, 'utf8'), {
      versions: versions(),
      passed: run.count('passing'),
      date: new Date().toISOString().slice(0, 10),
    }),
  );
