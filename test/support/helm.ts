import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { toolsDirectory } from './assets.ts';

/** Helm, of the version in test/tools/go.mod, or another one that REGCRED_TEST_HELM names: docs/support.md says which versions were tried. */
export const helmProgram = async () => process.env.REGCRED_TEST_HELM ?? join(await toolsDirectory((line) => console.error(line)), 'helm');

let directory: string | undefined;

/** A flag with values, in a file. (Helm 3 does not know --set-json with a whole object.) */
export function valuesFlag(values: object): string {
  if (directory === undefined) {
    const made = mkdtempSync(join(tmpdir(), 'regcred-values-'));
    process.once('exit', () => rmSync(made, { recursive: true, force: true }));
    directory = made;
  }
  const file = join(directory, `${randomUUID()}.json`);
  writeFileSync(file, JSON.stringify(values));
  return `--values=${file}`;
}

/** Returns the output of Helm. If it fails, the error has the error output. Helm sees no repositories, plugins or caches of the current user. */
export async function helm(kubeconfig: string | undefined, ...args: string[]): Promise<string> {
  const program = await helmProgram();
  const env = { HOME: tmpdir(), ...(kubeconfig !== undefined && { KUBECONFIG: kubeconfig }) };
  return (await promisify(execFile)(program, args, { env, maxBuffer: 64 * 1024 * 1024 })).stdout;
}
