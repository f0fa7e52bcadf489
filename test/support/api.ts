import { KubeConfig } from '@kubernetes/client-node';
import { KubeClient } from '../../src/kube/client.ts';
import { isNotFound } from '../../src/kube/errors.ts';

/** Creates a client for the API server with the kubeconfig in a file. */
export function connect(kubeconfig: string): KubeClient {
  return new KubeClient(() => {
    const config = new KubeConfig();
    config.loadFromFile(kubeconfig);
    return config;
  });
}

/** Returns the object, or undefined if it does not exist. */
export async function find<T = object>(api: KubeClient, path: string): Promise<T | undefined> {
  try {
    return await api.call<T>('GET', path);
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

/** Throws while the object exists: for use in `eventually`. */
export async function expectGone(api: KubeClient, path: string): Promise<void> {
  if (await find(api, path)) throw new Error(`${path} is there`);
}
