/** `npm run quickstart`, as tests run it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { resolve } from 'node:path';
import { ended } from './controlplane.ts';
import { canaries } from './hooks.ts';

const SCRIPT = resolve(import.meta.dirname, '../../scripts/quickstart.ts');

const running = new Set<ChildProcess>();

/** Call it in `before`. The quickstart runs in a cluster of its own, so nothing else registers its passwords. But the test keeps the log of its operator. */
export function plantPasswords(): void {
  for (const password of ['sample-password', ...[2, 3, 4, 5, 6].map((n) => `sample-password-${n}`)])
    canaries.plant(password, 'the quickstart');
}

/** Call it in `after`. */
export const endQuickstarts = (): Promise<unknown> => Promise.all(Array.from(running, (child) => ended(child)));

export const quickstart = (...args: string[]) => quickstartWith({}, ...args);

export function quickstartWith(env: NodeJS.ProcessEnv, ...args: string[]) {
  const child = spawn(process.execPath, [SCRIPT, ...args], { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  running.add(child);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (chunk: string) => (output += chunk));
  const exit = new Promise<number | null>((resolve) => child.once('close', resolve)).finally(() => running.delete(child));
  return { child, exit, output: () => output };
}
