/** Go programs of the tests. Each is built once from a module of its own, and cached in the user's cache directory. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';

/** Binaries of one module. The first one acts according to the name by which it is called: each name is a symbolic link to it. */
export interface GoProgram {
  /** The name of the module, and of its binary if there are no `packages`. */
  readonly module: string;
  /** By binary: the package that it is built from. */
  readonly packages?: Readonly<Record<string, string>>;
  /** By file name: a file of a module that the program requires, or a directory whose YAML files become one. They are part of the result. */
  readonly files?: Readonly<Record<string, { readonly module: string; readonly path: string }>>;
  /** The directory of the module. */
  readonly sources: string;
  /** The go.mod names only what the program imports itself: Go adds the rest. */
  readonly tidy?: true;
  readonly names: readonly string[];
  /** The name of the program in messages. */
  readonly title: string;
  readonly ldflags: string;
  /** The duration of the build on a machine with two cores, including the download of the modules. */
  readonly takes: string;
  /** What a user can do if the build is not possible. */
  readonly alternatives: string;
}

/** The user has to act before the program can be built. */
export class AssetsError extends Error {
  override readonly name = 'AssetsError';
}

/** Runs a build for a command. If the user has to act first, says what to do, and ends the command. */
export async function buildOrExit<T>(build: () => Promise<T>): Promise<T> {
  try {
    return await build();
  } catch (error) {
    if (!(error instanceof AssetsError)) throw error;
    console.error(error.message);
    process.exit(1);
  }
}

/** Returns the directory with the names of a program, and builds the program first if it does not exist. `say` gets messages about the progress. */
export async function builtProgram(program: GoProgram, say: (line: string) => void): Promise<string> {
  const directory = join(cacheDirectory(), `${program.module}-${fingerprint(program)}`);
  if (!existsSync(directory)) await build(program, directory, say);
  return directory;
}

/** The directory of a module under test/. */
export const sourcesUnderTest = (module: string) => resolve(import.meta.dirname, '..', module);

export function cacheDirectory(): string {
  return join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'regcred');
}

/** Changes whenever the build would produce another binary. */
function fingerprint({ sources, ldflags, packages, files }: GoProgram): string {
  const hash = createHash('sha256').update(`${process.platform} ${process.arch} ${ldflags}`);
  if (packages) hash.update(JSON.stringify([packages, files]));
  for (const name of readdirSync(sources).sort()) hash.update(name).update(readFileSync(join(sources, name)));
  return hash.digest('hex').slice(0, 16);
}

async function build(program: GoProgram, directory: string, say: (line: string) => void): Promise<void> {
  requireGo(program);
  const scratch = `${directory}.${process.pid}`;
  mkdirSync(scratch, { recursive: true });
  try {
    say(
      `Building ${program.title} from source takes ${program.takes} on 2 cores, once: later runs find it in ${cacheDirectory()}, which CI can cache. ${program.alternatives}`,
    );
    const since = performance.now();
    if (program.tidy) await run(program, ['mod', 'tidy'], 'resolving the modules', since, say);
    await run(program, ['mod', 'download'], 'downloading the modules', since, say);
    const flags = ['-trimpath', '-buildvcs=false', '-ldflags', program.ldflags];
    const packages = Object.entries(program.packages ?? { [program.module]: '.' });
    for (const [binary, path] of packages)
      await run(program, ['build', ...flags, '-o', join(scratch, binary), path], `compiling ${binary}`, since, say);
    for (const name of program.names) symlinkSync(packages[0]?.[0] as string, join(scratch, name));
    // Some are scripts, and Go drops the mode.
    for (const [name, { module, path }] of Object.entries(program.files ?? {}))
      writeFileSync(join(scratch, name), textOf(join(directoryOf(program, module), path)), { mode: 0o755 });
    // Renames atomically, so that nobody finds an incomplete build. Another run may have been faster.
    if (!existsSync(directory)) renameSync(scratch, directory);
    say(`Built ${program.title} in ${elapsed(since)}.`);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** The directory of the downloaded module. */
function directoryOf({ sources: cwd }: GoProgram, module: string): string {
  const { stdout, stderr } = spawnSync('go', ['list', '-m', '-f', '{{.Dir}}', module], { cwd, encoding: 'utf8' });
  if (stdout.trim() === '') throw new AssetsError(`Go does not find the downloaded module ${module}: ${stderr.trim()}`);
  return stdout.trim();
}

/** A file, or all YAML files of a directory as one. */
function textOf(path: string): string {
  if (statSync(path).isFile()) return readFileSync(path, 'utf8');
  const names = readdirSync(path).filter((name) => name.endsWith('.yaml'));
  return names
    .sort()
    .map((name) => readFileSync(join(path, name), 'utf8'))
    .join('\n---\n');
}

function requireGo({ sources: cwd, title, alternatives }: GoProgram): void {
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

/** Runs one Go command, and prints the elapsed time now and then: minutes of silence would look like a hang. */
async function run(program: GoProgram, args: string[], what: string, since: number, say: (line: string) => void): Promise<void> {
  const child: ChildProcess = spawn('go', args, {
    cwd: program.sources,
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
