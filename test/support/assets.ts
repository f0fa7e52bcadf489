/** The binaries of the control plane and the kubelet's keyring: built once from test/controlplane, kept in the user's cache directory. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';

const MODULE = resolve(import.meta.dirname, '../controlplane');
const NAMES = ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kubectl'] as const;
/** Comes with our own build only. The control plane does without, so KUBEBUILDER_ASSETS need not have it. */
export const KEYRING = 'kubelet-keyring';

/** What a person can do where the control plane cannot be built. */
const ALTERNATIVES = `Or do without: set KUBEBUILDER_ASSETS to a directory that holds ${NAMES.join(', ')}, or run the quickstart against a cluster of yours: npm run quickstart -- --kubeconfig FILE.`;

/** Where a person has to act before there can be a control plane. */
export class AssetsError extends Error {
  override readonly name = 'AssetsError';
}

/** Returns the directory of the binaries, and builds them first where they are not there. `say` is told how that goes. */
export async function assetsDirectory(say: (line: string) => void): Promise<string> {
  const given = process.env.KUBEBUILDER_ASSETS;
  if (given) {
    const missing = NAMES.filter((name) => !existsSync(join(given, name)));
    if (missing.length === 0) return given;
    throw new AssetsError(
      `KUBEBUILDER_ASSETS is ${given}, which has no ${missing.join(', no ')}. Put them there, or unset KUBEBUILDER_ASSETS to have them built with Go.`,
    );
  }
  const directory = join(cacheDirectory(), `controlplane-${fingerprint()}`);
  if (!existsSync(directory)) await build(directory, say);
  return directory;
}

function cacheDirectory(): string {
  return join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'regcred');
}

/** Changes whenever another binary would come out. */
function fingerprint(): string {
  const hash = createHash('sha256').update(`${process.platform} ${process.arch} ${ldflags()}`);
  for (const name of ['main.go', 'keyring.go', 'go.mod', 'go.sum']) hash.update(readFileSync(join(MODULE, name)));
  return hash.digest('hex').slice(0, 16);
}

/** The version that the binaries say they are: kubectl cannot read it else. */
function ldflags(): string {
  const [, version = ''] = /k8s\.io\/kubernetes (v\S+)/.exec(readFileSync(join(MODULE, 'go.mod'), 'utf8')) ?? [];
  const [, major, minor] = /^v(\d+)\.(\d+)/.exec(version) ?? [];
  const packages = ['k8s.io/component-base/version', 'k8s.io/client-go/pkg/version'];
  const set = packages.flatMap((path) => [
    `-X ${path}.gitVersion=${version}`,
    `-X ${path}.gitMajor=${major}`,
    `-X ${path}.gitMinor=${minor}`,
  ]);
  return ['-s', '-w', ...set].join(' ');
}

async function build(directory: string, say: (line: string) => void): Promise<void> {
  requireGo();
  const scratch = `${directory}.${process.pid}`;
  mkdirSync(scratch, { recursive: true });
  try {
    say(
      'Building the control plane (etcd, kube-apiserver, kube-controller-manager, kubectl) from source. This is done once, and takes some minutes.',
    );
    const since = performance.now();
    await run(['mod', 'download'], 'downloading the modules', since, say);
    const flags = ['-trimpath', '-buildvcs=false', '-ldflags', ldflags()];
    await run(['build', ...flags, '-o', join(scratch, 'controlplane'), '.'], 'compiling', since, say);
    for (const name of [...NAMES, KEYRING]) symlinkSync('controlplane', join(scratch, name));
    // In one step, so that nobody ever finds a half-built one. Another run may have been faster.
    if (!existsSync(directory)) renameSync(scratch, directory);
    say(`Built the control plane in ${elapsed(since)}.`);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

function requireGo(): void {
  const needed = /^go (\d+)\.(\d+)/m.exec(readFileSync(join(MODULE, 'go.mod'), 'utf8')) ?? [];
  const asked = spawnSync('go', ['env', 'GOVERSION'], { cwd: MODULE, encoding: 'utf8' });
  const want = `${needed[1]}.${needed[2]}`;
  if (asked.error)
    throw new AssetsError(
      `Go is not installed, and the control plane is built with Go ${want} or newer. Install it (https://go.dev/dl), and try again. ${ALTERNATIVES}`,
    );
  const [, major, minor] = /^go(\d+)\.(\d+)/.exec(asked.stdout.trim()) ?? [];
  const enough = Number(major) > Number(needed[1]) || (major === needed[1] && Number(minor) >= Number(needed[2]));
  if (asked.status !== 0 || !enough) {
    const found = asked.stdout.trim() || asked.stderr.trim().split('\n')[0];
    throw new AssetsError(
      `The Go that is installed is too old (${found}); the control plane is built with Go ${want} or newer. Install that (https://go.dev/dl), and try again. ${ALTERNATIVES}`,
    );
  }
}

/** Runs one Go command, and says at times how long it has taken: minutes of silence look like a hang. */
async function run(args: string[], what: string, since: number, say: (line: string) => void): Promise<void> {
  const child: ChildProcess = spawn('go', args, {
    cwd: MODULE,
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
    if (code !== 0) throw new AssetsError(`The control plane could not be built (go ${args[0]}):\n${stderr.trim()}\n${ALTERNATIVES}`);
  } finally {
    clearInterval(timer);
  }
}

function elapsed(since: number): string {
  const seconds = Math.round((performance.now() - since) / 1000);
  return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}
