/** Runs the program as users do: as a plugin of the real kubectl. */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, symlinkSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { keepOutput } from './canary.ts';
import type { ControlPlane } from './controlplane.ts';

const PROGRAM = resolve(import.meta.dirname, '../../dist/main.js');

/** The output and the exit code of a run. */
export interface PluginRun {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `kubectl ARGS…` as the administrator of the cluster, unless `env` overrides that. `hear` gets the error output while it arrives. */
export function kubectlWithPlugin({ assets, kubeconfig, scratch }: ControlPlane) {
  const plugins = join(scratch, 'plugins');
  mkdirSync(plugins, { recursive: true });
  for (const name of ['regcred', 'kubectl-regcred', 'kubectl_complete-regcred']) {
    if (!existsSync(join(plugins, name))) symlinkSync(PROGRAM, join(plugins, name));
  }
  const PATH = [plugins, assets, dirname(process.execPath), '/usr/bin', '/bin'].join(':');
  const known = { PATH, HOME: scratch, KUBECONFIG: kubeconfig };
  const run = (args: string[], input = '', env: NodeJS.ProcessEnv = {}, hear: (said: string) => void = () => {}): Promise<PluginRun> => {
    const child = spawn(join(assets, 'kubectl'), args, { env: { ...known, ...env } });
    const said = { stdout: '', stderr: '' };
    // `create` prints passwords on purpose; the output of the other commands must not have any.
    const keep = (chunk: string) => args[1] !== 'create' && keepOutput('log', child.pid, chunk);
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      said.stdout += chunk;
      keep(chunk);
    });
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      said.stderr += chunk;
      keep(chunk);
      hear(said.stderr);
    });
    child.stdin.end(input);
    return new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code) => resolve({ code, ...said }));
    });
  };
  return Object.assign(run, { env: known });
}
