/** `regcred status`: what a person wants to see, with that person's own rights. One request, and nothing is written. */
import { KubeConfig } from '@kubernetes/client-node';
import { Kube, NO_KUBECONFIG } from '../kube/client.ts';
import { isNotFound, KubeError } from '../kube/errors.ts';
import { path } from '../kube/resources.ts';
import { type Format, printed } from './output.ts';
import { type Credential, details, readyOf, table } from './view.ts';
import { type Answer, Unusable, type World } from './world.ts';

/** As the flags have it. */
export interface StatusFlags {
  readonly kubeconfig?: string;
  readonly context?: string;
  readonly output?: Format;
}

export async function status(name: string | undefined, flags: StatusFlags, { now }: Pick<World, 'now'>): Promise<Answer> {
  const found = await read(name, configOf(flags));
  const exitCode = found.every((credential) => readyOf(credential).status === 'True') ? 0 : 1;
  const [first] = found;
  if (flags.output !== undefined) return { output: await printed(found.map(withoutManagers), flags.output), notes: [], exitCode };
  const output = name !== undefined && first ? details(first, now()) : table(found, now());
  return { output, notes: [], exitCode };
}

function configOf({ kubeconfig, context }: StatusFlags): KubeConfig {
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
  return new Unusable(`The kubeconfig is not usable: ${line.replace(/\.$/, '')}. Set KUBECONFIG or --kubeconfig to one that is.`);
}

async function read(name: string | undefined, config: KubeConfig): Promise<Credential[]> {
  const kube = new Kube(() => config);
  try {
    if (name !== undefined) return [await kube.call<Credential>('GET', path.credential(encodeURIComponent(name)))];
    return (await kube.call<{ items: Credential[] }>('GET', path.credentials)).items;
  } catch (error) {
    // Certificates that are not there, an exec plugin that fails.
    if (!(error instanceof KubeError)) throw notUsable(error);
    throw new Unusable(sayWhy(error, name, config.getCurrentCluster()?.server));
  } finally {
    await kube.close().catch(() => {}); // It was never opened.
  }
}

function sayWhy(error: KubeError, name: string | undefined, server: string | undefined): string {
  const missing = 'regcred is not installed on this cluster: it has no RegistryCredentials. Install it with kubectl apply -k .';
  if (isNotFound(error)) {
    // An object that is not there has a reason; of a kind that is not there the API server says but 404.
    return error.reason === 'NotFound' && name !== undefined
      ? `There is no RegistryCredential ${JSON.stringify(name)}. kubectl regcred status lists those that there are.`
      : missing;
  }
  if (error.status === 403) return `${error.message}. To see them takes the right to get and list registrycredentials.regcred.dev.`;
  return `The cluster at ${server ?? 'no address'} cannot be used: ${error.message}. Check the kubeconfig (KUBECONFIG, --kubeconfig or --context), and that the API server runs.`;
}

function withoutManagers(credential: Credential): object {
  const { managedFields: _, ...metadata } = credential.metadata as Credential['metadata'] & { managedFields?: unknown };
  return { apiVersion: 'regcred.dev/v1alpha1', kind: 'RegistryCredential', ...credential, metadata };
}
