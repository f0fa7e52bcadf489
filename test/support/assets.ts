/** The binaries of the control plane and the kubelet's keyring (test/controlplane), and other programs that the tests need (test/tools). */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { AssetsError, builtProgram, sourcesUnderTest } from './gobuild.ts';

const NAMES = ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kubectl'] as const;
/** Only our own build has it. The control plane does not need it, so KUBEBUILDER_ASSETS may lack it. */
export const KEYRING = 'kubelet-keyring';

/** Returns the directory of the control plane's binaries, and builds them first if they do not exist. `say` gets messages about the progress. */
export async function assetsDirectory(say: (line: string) => void): Promise<string> {
  const given = process.env.KUBEBUILDER_ASSETS;
  if (given) {
    const missing = NAMES.filter((name) => !existsSync(join(given, name)));
    if (missing.length === 0) return given;
    throw new AssetsError(
      `KUBEBUILDER_ASSETS is ${given}, which has no ${missing.join(', no ')}. Put them there, or unset KUBEBUILDER_ASSETS to have them built with Go.`,
    );
  }
  const alternatives = `To do without it, set KUBEBUILDER_ASSETS to a directory that holds ${NAMES.join(', ')}, or run the quickstart against a cluster of yours: npm run quickstart -- --kubeconfig FILE.`;
  return builtProgram(
    {
      module: 'controlplane',
      sources: sourcesUnderTest('controlplane'),
      title: 'the control plane',
      names: [...NAMES, KEYRING],
      ldflags: versioned(defaultVersion()),
      takes: 'about 4 minutes',
      alternatives,
    },
    say,
  );
}

/** Returns the directory of `helm`, `lua` (as Argo CD runs it) and `registry`, and builds them first if they do not exist. */
export async function toolsDirectory(say: (line: string) => void): Promise<string> {
  const alternatives = 'Only the tests need it: npm run test:unit does without.';
  return builtProgram(
    {
      module: 'tools',
      sources: sourcesUnderTest('tools'),
      title: "the tests' tools",
      names: ['helm', 'lua', 'registry'],
      ldflags: '-s -w',
      takes: 'about 2 minutes',
      alternatives,
    },
    say,
  );
}

/** The Kubernetes version of the default control plane, as in `v1.36.3`. */
export function defaultVersion(): string {
  return /k8s\.io\/kubernetes (v\S+)/.exec(readFileSync(join(sourcesUnderTest('controlplane'), 'go.mod'), 'utf8'))?.[1] ?? '';
}

/** Linker flags that set the version of the binaries, as in `v1.36.3`: they cannot read it in any other way. */
export function versioned(version: string): string {
  const [, major, minor] = /^v(\d+)\.(\d+)/.exec(version) ?? [];
  const packages = ['k8s.io/component-base/version', 'k8s.io/client-go/pkg/version'];
  const set = packages.flatMap((path) => [
    `-X ${path}.gitVersion=${version}`,
    `-X ${path}.gitMajor=${major}`,
    `-X ${path}.gitMinor=${minor}`,
  ]);
  return ['-s', '-w', ...set].join(' ');
}
