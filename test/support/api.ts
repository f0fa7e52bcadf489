import { KubeConfig } from '@kubernetes/client-node';
import { Kube } from '../../src/kube/client.ts';
import { isNotFound } from '../../src/kube/errors.ts';

/** Calls to the API server by the kubeconfig in a file. */
export function connect(kubeconfig: string): Kube {
  return new Kube(() => {
    const config = new KubeConfig();
    config.loadFromFile(kubeconfig);
    return config;
  });
}

/** What is there, or undefined where nothing is. */
export async function find<T = object>(api: Kube, path: string): Promise<T | undefined> {
  try {
    return await api.call<T>('GET', path);
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

/** Throws as long as something is there: for `eventually`. */
export async function expectGone(api: Kube, path: string): Promise<void> {
  if (await find(api, path)) throw new Error(`${path} is there`);
}
