/** What the page gets from the command line: a client with the person's own rights, the name of the cluster, and the doctor. */

import { path } from '../../cluster/paths.ts';
import type { KubeClient } from '../../kube/client.ts';
import { isNotFound, KubeError } from '../../kube/errors.ts';
import type { PageCode } from '../../page/document.ts';
import type { PageOptions } from '../../page/page.ts';
import { CommandError, type CommandIo } from '../command-io.ts';
import { type ClusterFlags, loadKubeconfig } from '../kubeconfig.ts';
import { doctorFor } from './examine.ts';

type PageIo = Pick<CommandIo, 'env' | 'home' | 'input' | 'now'>;

/** Throws a CommandError if regcred is not installed, and a KubeError if the cluster does not answer. A missing right is shown on the page. */
export async function pageOptions(kube: KubeClient, code: PageCode, flags: ClusterFlags, io: PageIo): Promise<PageOptions> {
  await kube.call('GET', path.credentials, { query: { limit: '1' } }).catch((error: unknown) => {
    if (isNotFound(error))
      throw new CommandError('regcred is not installed on this cluster: it has no RegistryCredentials. Install it with kubectl apply -k .');
    if (!(error instanceof KubeError) || error.status !== 403) throw error;
  });
  const config = await loadKubeconfig(flags, io);
  return {
    kube,
    code,
    cluster: { context: config.getCurrentContext(), server: config.getCurrentCluster()?.server ?? '' },
    now: () => io.now().getTime(),
    doctor: doctorFor(kube, io),
  };
}
