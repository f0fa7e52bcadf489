/** The cluster that a person selects, and why it cannot be used. */
import type { KubeConfig } from '@kubernetes/client-node';
import { KubeClient } from '../kube/client.ts';
import { KubeError } from '../kube/errors.ts';
import { kubeconfigLoader, NoKubeconfigError } from '../kube/kubeconfig.ts';
import { redact } from '../plan/content/redact.ts';
import { CommandError, type CommandIo } from './command-io.ts';
import { printable } from './terminal/text.ts';

export interface ClusterFlags {
  readonly kubeconfig?: string;
  readonly context?: string;
}

/** Where a kubeconfig is found without flags. */
export type KubeconfigIo = Pick<CommandIo, 'env' | 'home'>;

/**
 * Calls `use` with a client that has the person's own kubeconfig and rights. Throws a CommandError if the cluster cannot be used.
 * `requiredRights` is a sentence that follows the message if the API server refuses a request.
 */
export async function withCluster<T>(
  flags: ClusterFlags,
  io: KubeconfigIo,
  requiredRights: string,
  use: (kube: KubeClient) => Promise<T>,
): Promise<T> {
  const config = await loadKubeconfig(flags, io);
  const kube = new KubeClient(() => config);
  try {
    return await use(kube);
  } catch (error) {
    if (error instanceof CommandError) throw error;
    // For example: a certificate file is missing, or an exec plugin fails.
    if (!(error instanceof KubeError)) throw kubeconfigError(error);
    throw new CommandError(formatKubeError(error, config.getCurrentCluster()?.server, requiredRights));
  } finally {
    await kube.close().catch(() => {}); // The client may never have been opened.
  }
}

/** Loads the kubeconfig that the flags select. Throws a CommandError if there is none, or if it lacks the context. */
export async function loadKubeconfig({ kubeconfig, context }: ClusterFlags, { env, home }: KubeconfigIo): Promise<KubeConfig> {
  const load = await kubeconfigLoader({ file: kubeconfig, env, home });
  const config = loaded(load);
  if (context !== undefined) {
    if (!config.getContextObject(context)) {
      const names = config.getContexts().map(({ name }) => name);
      throw new CommandError(`--context ${context}: the kubeconfig has no such context. It has: ${names.join(', ')}.`);
    }
    config.setCurrentContext(context);
  }
  return config;
}

function loaded(load: () => KubeConfig): KubeConfig {
  try {
    return load();
  } catch (error) {
    if (error instanceof NoKubeconfigError) throw new CommandError('There is no kubeconfig. Set KUBECONFIG or --kubeconfig to one.');
    throw kubeconfigError(error);
  }
}

/** Only the first line of the message: a YAML parser quotes the text below it, and a kubeconfig holds secrets. */
function kubeconfigError(error: unknown): CommandError {
  const [line = ''] = (error as Error).message.split('\n');
  return new CommandError(
    `The kubeconfig is not usable: ${printable(line).replace(/\.$/, '')}. Set KUBECONFIG or --kubeconfig to a valid one.`,
  );
}

function formatKubeError(error: KubeError, server: string | undefined, requiredRights: string): string {
  const message = redact(error.message, undefined);
  const cluster = `The cluster at ${server ?? '(no address)'}`;
  switch (error.status) {
    case 401:
      return `${cluster} does not accept your credentials: ${message}. Log in to it again, or choose others with --kubeconfig or --context.`;
    case 403:
      return `${message}. ${requiredRights}`;
    default:
      return `${cluster} cannot be used: ${message}. Check the kubeconfig (KUBECONFIG, --kubeconfig or --context), and that the API server runs.`;
  }
}
