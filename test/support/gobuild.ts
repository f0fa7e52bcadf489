/** Go programs of the tests, built from a module under test/ once, and kept in the user's cache directory. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';

/** One binary that does what it is called: a symbolic link for each of its names leads to it. */
export interface GoProgram {
  /** The folder under test/ that holds the module, and the name of the binary. */
  readonly module: string;
  readonly names: readonly string[];
  /** What it is, for messages. */
  readonly title: string;
  readonly ldflags: string;
  /** What a person can do where it cannot be built. */
  readonly alternatives: string;
}

/** Where a person has to act before there can be such a program. */
export class AssetsError extends Error {
  override readonly name = 'AssetsError';
}

/** Returns the directory that holds the names of a program, and builds it first where it is not there. `say` is told how that goes. */
export async function builtProgram(program: GoProgram, say: (line: string) => void): Promise<string> {
  const directory = join(cacheDirectory(), `${program.module}-${fingerprint(program)}`);
  if (!existsSync(directory)) await build(program, directory, say);
  return directory;
}

/** The source of a module, for those who have to read its go.mod. */
export const sourceOf = (module: string) => resolve(import.meta.dirname, '..', module);

function cacheDirectory(): string {
  return join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'regcred');
}

/** Changes whenever another binary would come out. */
function fingerprint({ module, ldflags }: GoProgram): string {
  const hash = createHash('sha256').update(`${process.platform} ${process.arch} ${ldflags}`);
  for (const name of readdirSync(sourceOf(module)).sort()) hash.update(name).update(readFileSync(join(sourceOf(module), name)));
  return hash.digest('hex').slice(0, 16);
}

async function build(program: GoProgram, directory: string, say: (line: string) => void): Promise<void> {
  requireGo(program);
  const scratch = `${directory}.${process.pid}`;
  mkdirSync(scratch, { recursive: true });
  try {
    say(`Building ${program.title} (${program.names.join(', ')}) from source. This is done once, and takes some minutes.`);
    const since = performance.now();
    await run(program, ['mod', 'download'], 'downloading the modules', since, say);
    const flags = ['-trimpath', '-buildvcs=false', '-ldflags', program.ldflags];
    await run(program, ['build', ...flags, '-o', join(scratch, program.module), '.'], 'compiling', since, say);
    for (const name of program.names) symlinkSync(program.module, join(scratch, name));
    // In one step, so that nobody ever finds a half-built one. Another run may have been faster.
    if (!existsSync(directory)) renameSync(scratch, directory);
    say(`Built ${program.title} in ${elapsed(since)}.`);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

function requireGo({ module, title, alternatives }: GoProgram): void {
  const cwd = sourceOf(module);
  const needed = /^go (\d+)\.(\d+)/m.exec(readFileSync(join(cwd, 'go.mod'), 'utf8')) ?? [];
  const asked = spawnSync('go', ['env', 'GOVERSION'], { cwd, encoding: 'utf8' });
  const want = `${needed[1]}.${needed[2]}`;
  if (asked.error)
    throw new AssetsError(
      `Go is not installed, and ${title} is built with Go ${want} or newer. Install it (https://go.dev/dl), and try again. ${alternatives}`,
    );
  const [, major, minor] = /^go(\d+)\.(\d+)/.exec(asked.stdout.trim()) ?? [];
  const enough = Number(major) > Number(needed[1]) || (major === needed[1] && Number(minor) >= Number(needed[2]));
  if (asked.status !== 0 || !enough) {
    const found = asked.stdout.trim() || asked.stderr.trim().split('\n')[0];
    throw new AssetsError(
      `The Go that is installed is too old (${found}); ${title} is built with Go ${want} or newer. Install that (https://go.dev/dl), and try again. ${alternatives}`,
    );
  }
}

/** Runs one Go command, and says at times how long it has taken: minutes of silence look like a hang. */
async function run(program: GoProgram, args: string[], what: string, since: number, say: (line: string) => void): Promise<void> {
  const child: ChildProcess = spawn('go', args, {
    cwd: sourceOf(program.module),
    env: { ...process.env, CGO_ENABLED: '0' },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let stderr = '';
  child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
    stderr = (stderr + chunk).slice(-4000);
  });
  say(`  ${what} …`);
  const timer = setInterval(() => say(`  ${what} … ${elapsed(since)}`), 15_000);
  try {
    const code = await new Promise<number | null>((resolve, reject) => child.once('error', reject).once('close', resolve));
    if (code !== 0) throw new AssetsError(`Building ${program.title} failed (go ${args[0]}):\n${stderr.trim()}\n${program.alternatives}`);
  } finally {
    clearInterval(timer);
  }
}

function elapsed(since: number): string {
  const seconds = Math.round((performance.now() - since) / 1000);
  return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}
