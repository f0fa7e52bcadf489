/**
 * `npm run test:kubernetes -- 1.30 1.37`: builds these Kubernetes versions and runs the cluster tests against each of them. Without
 * --grep, the table in docs/install.md is written from the results. Versions that are not named keep their row.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import process from 'node:process';
import { Command } from 'commander';
import { AssetsError } from '../test/support/gobuild.ts';
import { kubernetesAssets } from '../test/support/kubernetes.ts';
import { type TestedVersion, withRows } from './kubernetes/table.ts';
import { runTests } from './run-tests.ts';

const PAGE = 'docs/install.md';
const LABEL = '  ';

const command = new Command('npm run test:kubernetes --')
  .description('Runs the cluster tests against other versions of Kubernetes. Each version is built once, which takes about 5 minutes.')
  .argument('<versions...>', 'minor versions as in 1.30, for the newest patch, or whole ones as in 1.30.14')
  .option('-j, --jobs <n>', 'how many processes run at the same time')
  .option('-g, --grep <pattern>', 'only the cases whose full title matches; docs/install.md is not changed')
  .parse();
const { jobs, grep } = command.opts<{ jobs?: string; grep?: string }>();

const tested: TestedVersion[] = [];
for (const version of command.processedArgs[0] as string[]) {
  try {
    tested.push(await test(version));
  } catch (error) {
    if (!(error instanceof AssetsError)) throw error;
    command.error(error.message);
  }
}
console.log('');
for (const { version, passed, skipped, failed } of tested)
  console.log(`${LABEL}Kubernetes ${version}: ${passed} passed, ${skipped} skipped, ${failed} failed`);
if (grep === undefined) writeFileSync(PAGE, withRows(readFileSync(PAGE, 'utf8'), tested));
process.exitCode = tested.some(({ failed }) => failed > 0) ? 1 : 0;

async function test(wanted: string): Promise<TestedVersion> {
  const { version, directory } = await kubernetesAssets(wanted, (line) => console.log(line));
  console.log(`\nKubernetes ${version}`);
  const options = [...(jobs === undefined ? [] : ['--jobs', jobs]), ...(grep === undefined ? [] : ['--grep', grep])];
  const { output, count } = await runTests(['test/cluster', ...options], { ...process.env, KUBEBUILDER_ASSETS: directory });
  const [passed, skipped, failed] = [count('passing'), count('pending'), count('failing')];
  if ([passed, skipped, failed].some(Number.isNaN))
    throw new Error(`The tests on Kubernetes ${version} ended without a result. Their output is above.`);
  const reasons = new Set(Array.from(output.matchAll(/^ {2}Skipped: (.+)$/gm), ([, reason = '']) => reason));
  return { version, passed, skipped, failed, reasons: [...reasons], date: new Date().toISOString().slice(0, 10) };
}
