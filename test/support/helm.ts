import { execFile } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { toolsDirectory } from './assets.ts';

/** What Helm prints; its error output as the error where it fails. It finds no repositories, plugins or caches of the person who runs the tests. */
export async function helm(kubeconfig: string | undefined, ...args: string[]): Promise<string> {
  const program = join(await toolsDirectory((line) => console.error(line)), 'helm');
  const env = { HOME: tmpdir(), ...(kubeconfig !== undefined && { KUBECONFIG: kubeconfig }) };
  return (await promisify(execFile)(program, args, { env, maxBuffer: 64 * 1024 * 1024 })).stdout;
}
