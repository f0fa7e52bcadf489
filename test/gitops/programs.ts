/** Argo CD and Flux, built from their released modules. test/argocd/go.mod and test/flux/go.mod name the versions. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { defaultVersion } from '../support/assets.ts';
import { builtProgram, sourcesUnderTest } from '../support/gobuild.ts';

const ARGO_CD = 'github.com/argoproj/argo-cd/v3';
const SOURCE_CONTROLLER = 'github.com/fluxcd/source-controller';
const KUSTOMIZE_CONTROLLER = 'github.com/fluxcd/kustomize-controller';
const alternatives = 'Only npm run test:gitops needs it.';

/** Returns the directory of the programs of Argo CD, of `kustomize` and `redis`, and of files of Argo CD; builds them first if they do not exist. */
export const argoCdDirectory = (say: (line: string) => void): Promise<string> =>
  builtProgram(
    {
      module: 'argocd',
      sources: sourcesUnderTest('argocd'),
      title: 'Argo CD',
      packages: { argocd: `${ARGO_CD}/cmd`, kustomize: 'sigs.k8s.io/kustomize/kustomize/v5', redis: '.' },
      names: ['argocd-application-controller', 'argocd-repo-server', 'argocd-server'],
      files: {
        'install.yaml': { module: ARGO_CD, path: 'manifests/install.yaml' },
        'git-verify-wrapper.sh': { module: ARGO_CD, path: 'hack/git-verify-wrapper.sh' },
      },
      ldflags: `-s -w -X ${ARGO_CD}/common.version=${required('argocd', ARGO_CD)}`,
      takes: 'about 5 minutes',
      alternatives,
    },
    say,
  );

/** Returns the directory of the two controllers of Flux and their CustomResourceDefinitions, `source.yaml` and `kustomize.yaml`; builds them first if they do not exist. */
export const fluxDirectory = (say: (line: string) => void): Promise<string> =>
  builtProgram(
    {
      module: 'flux',
      sources: sourcesUnderTest('flux'),
      title: 'Flux',
      packages: { 'source-controller': SOURCE_CONTROLLER, 'kustomize-controller': KUSTOMIZE_CONTROLLER },
      names: [],
      files: {
        'source.yaml': { module: SOURCE_CONTROLLER, path: 'config/crd/bases' },
        'kustomize.yaml': { module: KUSTOMIZE_CONTROLLER, path: 'config/crd/bases' },
      },
      ldflags: '-s -w',
      takes: 'about 3 minutes',
      alternatives,
    },
    say,
  );

/** The versions that are tested, as in `3.5.3`. */
export function versions(): Readonly<Record<string, string>> {
  return {
    'Argo CD': required('argocd', ARGO_CD),
    kustomize: required('argocd', 'sigs.k8s.io/kustomize/kustomize/v5'),
    'source-controller': required('flux', SOURCE_CONTROLLER),
    'kustomize-controller': required('flux', KUSTOMIZE_CONTROLLER),
    Kubernetes: defaultVersion().slice(1),
  };
}

function required(module: string, path: string): string {
  const lines = readFileSync(join(sourcesUnderTest(module), 'go.mod'), 'utf8').split('\n');
  const [, version = ''] = lines.map((line) => line.trim().split(/ v/)).find(([name, rest]) => name === path && rest !== undefined) ?? [];
  return version.replace(/ .*/, '');
}
