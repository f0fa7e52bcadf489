/** The program and the manifests of a former version, built from the history of this repository. */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { AssetsError, cacheDirectory } from '../support/gobuild.ts';

const ROOT = resolve(import.meta.dirname, '../..');
/** The last one before registry checks, tokens of clouds, credentials of tenants and the compiled rules for pods. With a release, its tag takes this place. */
const COMMIT = 'cb532a97f2867b1a8bca83ec93c62eecc78a440e';

export interface Version {
  /** What `kubectl apply -k` installs. */
  readonly manifests: string;
  /** The built program. */
  readonly program: string;
}

export const CURRENT: Version = { manifests: ROOT, program: join(ROOT, 'dist/main.js') };

/** Returns the former version, and builds it first if it does not exist. It is bundled with the dependencies of this version. */
export function formerVersion(): Version {
  const directory = join(cacheDirectory(), `former-${COMMIT.slice(0, 12)}`);
  if (!existsSync(directory)) build(directory);
  return { manifests: directory, program: join(directory, 'dist/main.js') };
}

function build(directory: string): void {
  const scratch = `${directory}.${process.pid}`;
  mkdirSync(scratch, { recursive: true });
  try {
    const archive = spawnSync('git', ['archive', COMMIT], { cwd: ROOT, maxBuffer: 2 ** 28 });
    if (archive.status !== 0)
      throw new AssetsError(
        `The history of this repository lacks ${COMMIT}. Get all of it: git fetch --unshallow. Git says: ${archive.stderr}`,
      );
    execFileSync('tar', ['-x', '-C', scratch], { input: archive.stdout });
    symlinkSync(join(ROOT, 'node_modules'), join(scratch, 'node_modules'));
    execFileSync(process.execPath, ['scripts/build.ts'], { cwd: scratch, stdio: 'inherit' });
    // The cache outlives this directory, and the bundle needs no modules.
    rmSync(join(scratch, 'node_modules'));
    if (!existsSync(directory)) renameSync(scratch, directory);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}
