/** The page as users run it: `regcred web` of the built program. */
import { spawn } from 'node:child_process';
import { resolve } from 'node:path';
import { keepOutput } from './canary.ts';
import { ended } from './controlplane.ts';
import { eventually } from './eventually.ts';

const PROGRAM = resolve(import.meta.dirname, '../../dist/main.js');

export interface Web {
  /** With the token. */
  readonly url: string;
  readonly port: number;
  /** What it has printed to standard error. */
  readonly stderr: () => string;
  readonly signal: (name: NodeJS.Signals) => void;
  readonly stop: () => Promise<number | null>;
}

/** Starts the command, and resolves when it has printed its address. */
export async function startWeb(kubeconfig: string, args: readonly string[] = [], env: NodeJS.ProcessEnv = {}): Promise<Web> {
  const child = spawn(process.execPath, [PROGRAM, 'web', ...args], { env: { KUBECONFIG: kubeconfig, HOME: '/nonexistent', ...env } });
  let stdout = '';
  let stderr = '';
  const keep = (chunk: string) => keepOutput('log', child.pid, chunk);
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    stdout += chunk;
    keep(chunk);
  });
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    stderr += chunk;
    keep(chunk);
  });
  const kill = () => void child.kill('SIGKILL');
  process.once('exit', kill);
  child.once('exit', () => process.off('exit', kill));
  const url = await eventually('the command prints its address', () => {
    const [line = ''] = stdout.split('\n');
    if (!line.startsWith('http://127.0.0.1:')) throw new Error(`standard output: ${stdout} standard error: ${stderr}`);
    return line;
  });
  return { url, port: Number(new URL(url).port), stderr: () => stderr, signal: (name) => void child.kill(name), stop: () => ended(child) };
}
