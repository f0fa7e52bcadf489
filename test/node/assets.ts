/** The programs of the node that are built from source: the kubelet and the scheduler in the version of the control plane, and a pause. */
import { join } from 'node:path';
import { defaultVersion } from '../support/assets.ts';
import { builtProgram, sourcesUnderTest } from '../support/gobuild.ts';
import { builtOf } from '../support/kubernetes.ts';

export interface NodeAssets {
  readonly kubelet: string;
  readonly scheduler: string;
  /** A static program that waits: what the sandbox of a pod runs. */
  readonly pause: string;
}

const alternatives = 'Only npm run e2e needs it.';

/** Builds what is not built yet. `say` gets messages about the progress. */
export async function nodeAssets(say: (line: string) => void): Promise<NodeAssets> {
  const version = defaultVersion();
  const names = ['kubelet', 'kube-scheduler'];
  const program = { module: 'kubenode', title: `the kubelet ${version}`, names, takes: 'about 4 minutes', alternatives };
  const directory = await builtOf(version, program, say);
  const pause = { module: 'pause', sources: sourcesUnderTest('pause'), title: 'the pause program', names: [], takes: 'a few seconds' };
  const pauseDirectory = await builtProgram({ ...pause, ldflags: '-s -w', alternatives }, say);
  return {
    kubelet: join(directory, 'kubelet'),
    scheduler: join(directory, 'kube-scheduler'),
    pause: join(pauseDirectory, 'pause'),
  };
}
