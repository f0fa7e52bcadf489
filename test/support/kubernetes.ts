/** Control planes of other Kubernetes versions than the default one. Only the API server and the controller manager differ. */
import { execFile } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { assetsDirectory, KEYRING, versioned } from './assets.ts';
import { AssetsError, builtProgram, cacheDirectory, type GoProgram, sourcesUnderTest } from './gobuild.ts';

const MODULE = 'k8s.io/kubernetes';
const OF_THE_VERSION = ['kube-apiserver', 'kube-controller-manager'];
const SHARED = ['etcd', 'kubectl', KEYRING];

/**
 * The binaries of a Kubernetes version, built if they do not exist.
 *
 * @param version a minor version, as in `1.30`, for its newest patch; or a whole one, as in `1.30.14`.
 * @returns the whole version, as in `v1.30.14`, and a directory for KUBEBUILDER_ASSETS.
 */
export async function kubernetesAssets(version: string, say: (line: string) => void): Promise<{ version: string; directory: string }> {
  const whole = await newestPatch(version);
  const built = await builtOf(
    whole,
    {
      module: 'kubernetes',
      title: `Kubernetes ${whole}`,
      names: OF_THE_VERSION,
      takes: 'about 5 minutes',
      alternatives: 'The other versions do not need it: name only those.',
    },
    say,
  );
  const shared = await assetsDirectory(say);
  for (const name of SHARED) if (!existsSync(join(built, name))) symlinkSync(join(shared, name), join(built, name));
  return { version: whole, directory: built };
}

/**
 * Builds a program from a version of Kubernetes, if it is not built yet.
 *
 * @param version a whole one, as in `v1.30.14`.
 * @param program its module is a directory under test/ with a main.go and no go.mod.
 * @returns the directory of its binaries.
 */
export async function builtOf(
  version: string,
  program: Omit<GoProgram, 'sources' | 'tidy' | 'ldflags'>,
  say: (line: string) => void,
): Promise<string> {
  const sources = await writeModule(version, program.module);
  return builtProgram({ ...program, sources, tidy: true, ldflags: versioned(version) }, say);
}

async function newestPatch(version: string): Promise<string> {
  const { Versions = [] } = await goJson<{ Versions?: string[] }>('list', '-m', '-versions', '-json', MODULE);
  // Go lists them in order. Versions with a suffix are no releases.
  const releases = Versions.filter((one) => /^v\d+\.\d+\.\d+$/.test(one));
  const newest = releases.filter((one) => one === `v${version}` || one.startsWith(`v${version}.`)).at(-1);
  if (newest) return newest;
  throw new AssetsError(
    `There is no Kubernetes ${version} among the released Go modules. Name a minor version such as ${releases.at(-1)?.slice(1, 5)}, or a whole one such as ${releases.at(-1)?.slice(1)}.`,
  );
}

/** Writes the module of a version into the cache, always with the same content: the cache of builds knows it by that. */
async function writeModule(version: string, module: string): Promise<string> {
  const sources = join(cacheDirectory(), `${module}-sources`, version);
  const { GoMod } = await goJson<{ GoMod: string }>('mod', 'download', '-json', `${MODULE}@${version}`);
  // k8s.io/kubernetes requires its own staging modules at v0.0.0 and resolves them in its workspace.
  const staging = Array.from(
    readFileSync(GoMod, 'utf8').matchAll(/^\s*(?:replace )?(k8s\.io\/\S+) => \.\/staging/gm),
    ([, path = '']) => path,
  );
  const replaced = staging.map((path) => `\t${path} => ${path} v0${version.slice(2)}`);
  const lines = [
    `module regcred.dev/${module}`,
    '',
    'go 1.26.0',
    '',
    `require ${MODULE} ${version}`,
    '',
    'replace (',
    ...replaced,
    ')',
    '',
  ];
  mkdirSync(sources, { recursive: true });
  writeFileSync(join(sources, 'go.mod'), lines.join('\n'));
  writeFileSync(join(sources, 'go.sum'), '');
  copyFileSync(join(sourcesUnderTest(module), 'main.go'), join(sources, 'main.go'));
  return sources;
}

async function goJson<T>(...args: string[]): Promise<T> {
  const { stdout } = await promisify(execFile)('go', args, {
    cwd: tmpdir(),
    env: { ...process.env, GOFLAGS: '-mod=mod' },
    maxBuffer: 2 ** 26,
  });
  return JSON.parse(stdout) as T;
}
