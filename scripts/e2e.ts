/**
 * `npm run e2e`: runs the tests of test/node on a real kubelet, in namespaces of their own, and removes what is left of them.
 * `--keep` keeps the directory with the logs; `--write` writes the table of docs/reliability.md; `--grep` selects cases.
 */
import { spawn } from 'node:child_process';
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { nodeAssets } from '../test/node/assets.ts';
import { makeCgroups, removeCgroups } from '../test/node/cgroups.ts';
import { type Figure, withFigures } from '../test/node/figures.ts';
import { missingNeeds } from '../test/node/needs.ts';
import { assetsDirectory, toolsDirectory } from '../test/support/assets.ts';
import { buildOrExit } from '../test/support/gobuild.ts';

const ROOT = resolve(import.meta.dirname, '..');
const { values: options } = parseArgs({ options: { keep: { type: 'boolean' }, write: { type: 'boolean' }, grep: { type: 'string' } } });

const missing = missingNeeds();
if (missing.length > 0) {
  console.error(`npm run e2e cannot run here:\n${missing.map((one) => `  - ${one}`).join('\n')}`);
  process.exit(2);
}
await build();
process.exitCode = await runApart();
if (options.write && process.exitCode === 0) writeTable();

/** In the namespaces there is no network, so everything is built before. */
async function build(): Promise<void> {
  for (const built of [assetsDirectory, toolsDirectory, nodeAssets]) await buildOrExit<unknown>(() => built((line) => console.error(line)));
}

/** Runs mocha in namespaces of its own. Its processes, mounts and network end with it; the cgroups and the directory do not. */
async function runApart(): Promise<number> {
  // Not under /tmp, which may be in memory: the runtime unpacks images there.
  const directory = mkdtempSync('/var/tmp/regcred-e2e-');
  const cgroup = `regcred-e2e-${process.pid}`;
  makeCgroups(cgroup);
  const mocha = [process.execPath, join(ROOT, 'node_modules/mocha/bin/mocha.js'), '--config', '.mocharc.node.json'];
  const grep = options.grep === undefined ? [] : ['--grep', options.grep];
  const unshare = ['--mount', '--net', '--pid', '--fork', '--mount-proc', '--kill-child', 'sh', join(ROOT, 'test/node/namespaces.sh')];
  const files = globSync('test/node/*.test.ts', { cwd: ROOT });
  const scratch = join(directory, 'tmp');
  mkdirSync(scratch);
  const child = spawn('unshare', [...unshare, directory, ...mocha, ...grep, ...files], {
    cwd: ROOT,
    stdio: 'inherit',
    env: { ...process.env, REGCRED_E2E_DIRECTORY: directory, REGCRED_E2E_CGROUP: cgroup, TMPDIR: scratch },
  });
  // This process stays to clean up. `unshare` ignores other signals, and with it the kernel ends everything in its namespaces.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill('SIGKILL'));
  const code = await new Promise<number>((done) => child.once('exit', (status) => done(status ?? 1)));
  await removeCgroups(cgroup);
  if (options.keep) console.log(`The logs are in ${directory}. Remove it when you have read them.`);
  else rmSync(directory, { recursive: true, force: true });
  return code;
}

function writeTable(): void {
  const file = join(ROOT, 'docs/reliability.md');
  const figures = JSON.parse(readFileSync(join(ROOT, 'dist/e2e.json'), 'utf8')) as Figure[];
  writeFileSync(file, withFigures(readFileSync(file, 'utf8'), figures));
}
