/** The cluster that a person means, and why it cannot be used. */
import { KubeConfig } from '@kubernetes/client-node';
import { Kube, NO_KUBECONFIG } from '../kube/client.ts';
import { KubeError } from '../kube/errors.ts';
import { repeatable } from '../plan/words.ts';
import { safe } from './view.ts';
import { Unusable } from './world.ts';

/** As the flags have it. */
export interface ClusterFlags {
  readonly kubeconfig?: string;
  readonly context?: string;
}

/**
 * Asks the cluster by the person's own kubeconfig and rights. Throws Unusable where it cannot be asked or does not answer; `right` says, behind its words, what it
 * takes where it refuses.
 */
export async function asking<T>(flags: ClusterFlags, right: string, ask: (kube: Kube) => Promise<T>): Promise<T> {
  const config = configOf(flags);
  const kube = new Kube(() => config);
  try {
    return await ask(kube);
  } catch (error) {
    if (error instanceof Unusable) throw error;
    // Certificates that are not there, an exec plugin that fails.
    if (!(error instanceof KubeError)) throw notUsable(error);
    throw new Unusable(sayWhy(error, config.getCurrentCluster()?.server, right));
  } finally {
    await kube.close().catch(() => {}); // It was never opened.
  }
}

/** Throws Unusable where there is none, or it has not what the flags ask for. */
export function configOf({ kubeconfig, context }: ClusterFlags): KubeConfig {
  const config = new KubeConfig();
  try {
    if (kubeconfig === undefined) config.loadFromDefault();
    else config.loadFromFile(kubeconfig);
  } catch (error) {
    throw notUsable(error);
  }
  if (kubeconfig === undefined && config.getCurrentCluster()?.server === NO_KUBECONFIG) {
    throw new Unusable('There is no kubeconfig. Set KUBECONFIG or --kubeconfig to one.');
  }
  if (context !== undefined) {
    if (!config.getContextObject(context)) {
      const names = config.getContexts().map((one) => one.name);
      throw new Unusable(`--context ${context}: the kubeconfig has no such context. It has: ${names.join(', ')}.`);
    }
    config.setCurrentContext(context);
  }
  return config;
}

/** The first line only: a YAML parser quotes the text below it, and a kubeconfig has secrets in it. */
function notUsable(error: unknown): Unusable {
  const [line = ''] = (error as Error).message.split('\n');
  return new Unusable(`The kubeconfig is not usable: ${safe(line).replace(/\.$/, '')}. Set KUBECONFIG or --kubeconfig to one that is.`);
}

function sayWhy(error: KubeError, server: string | undefined, right: string): string {
  const words = repeatable(error.message, undefined);
  const at = `The cluster at ${server ?? 'no address'}`;
  switch (error.status) {
    case 401:
      return `${at} does not accept your credentials: ${words}. Log in to it again, or choose others with --kubeconfig or --context.`;
    case 403:
      return `${words}. ${right}`;
    default:
      return `${at} cannot be used: ${words}. Check the kubeconfig (KUBECONFIG, --kubeconfig or --context), and that the API server runs.`;
  }
}
