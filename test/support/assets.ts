/** The binaries of the control plane and the kubelet's keyring (test/controlplane), and of others' programs that the tests need (test/tools). */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { AssetsError, builtProgram, sourceOf } from './gobuild.ts';

const NAMES = ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kubectl'] as const;
/** Comes with our own build only. The control plane does without, so KUBEBUILDER_ASSETS need not have it. */
export const KEYRING = 'kubelet-keyring';

/** Returns the directory of the control plane's binaries, and builds them first where they are not there. `say` is told how that goes. */
export async function assetsDirectory(say: (line: string) => void): Promise<string> {
  const given = process.env.KUBEBUILDER_ASSETS;
  if (given) {
    const missing = NAMES.filter((name) => !existsSync(join(given, name)));
    if (missing.length === 0) return given;
    throw new AssetsError(
      `KUBEBUILDER_ASSETS is ${given}, which has no ${missing.join(', no ')}. Put them there, or unset KUBEBUILDER_ASSETS to have them built with Go.`,
    );
  }
  const alternatives = `Or do without: set KUBEBUILDER_ASSETS to a directory that holds ${NAMES.join(', ')}, or run the quickstart against a cluster of yours: npm run quickstart -- --kubeconfig FILE.`;
  return builtProgram(
    { module: 'controlplane', title: 'the control plane', names: [...NAMES, KEYRING], ldflags: versioned(), alternatives },
    say,
  );
}

/** Returns the directory of `helm`, `lua` (as Argo CD runs it) and `registry`, and builds them first where they are not there. */
export async function toolsDirectory(say: (line: string) => void): Promise<string> {
  const alternatives = 'Only the tests need it: npm run test:unit does without.';
  return builtProgram(
    { module: 'tools', title: "the tests' tools", names: ['helm', 'lua', 'registry'], ldflags: '-s -w', alternatives },
    say,
  );
}

/** The version that the binaries say they are: kubectl cannot read it else. */
function versioned(): string {
  const [, version = ''] = /k8s\.io\/kubernetes (v\S+)/.exec(readFileSync(join(sourceOf('controlplane'), 'go.mod'), 'utf8')) ?? [];
  const [, major, minor] = /^v(\d+)\.(\d+)/.exec(version) ?? [];
  const packages = ['k8s.io/component-base/version', 'k8s.io/client-go/pkg/version'];
  const set = packages.flatMap((path) => [
    `-X ${path}.gitVersion=${version}`,
    `-X ${path}.gitMajor=${major}`,
    `-X ${path}.gitMinor=${minor}`,
  ]);
  return ['-s', '-w', ...set].join(' ');
}
