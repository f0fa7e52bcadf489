import { spawn } from 'node:child_process';
import { join } from 'node:path';
import process from 'node:process';

export interface TestRun {
  readonly exitCode: number;
  readonly output: string;
  /** How many cases were `passing`, `pending` or `failing`. NaN if the run ended without a result. */
  count(what: 'passing' | 'pending' | 'failing'): number;
}

/** Runs scripts/test.ts with these arguments, and shows its output as it comes. */
export async function runTests(args: readonly string[], env: NodeJS.ProcessEnv = process.env): Promise<TestRun> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'test.ts'), ...args], { stdio: ['ignore', 'pipe', 'inherit'], env });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    output += chunk;
    process.stdout.write(chunk);
  });
  const code = await new Promise<number | null>((resolve, reject) => child.once('error', reject).once('close', resolve));
  const count = (what: string) => Number(new RegExp(`^ {2}(\\d+) ${what}\\b`, 'm').exec(output)?.[1] ?? Number.NaN);
  return { exitCode: code ?? 1, output, count };
}
