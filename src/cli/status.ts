/** `regcred status`: what a person wants to see, with that person's own rights. One request, and nothing is written. */
import type { Kube } from '../kube/client.ts';
import { isNotFound } from '../kube/errors.ts';
import { path } from '../kube/resources.ts';
import { asking, type ClusterFlags } from './kubeconfig.ts';
import { type Format, printed } from './output.ts';
import { type Credential, details, readyOf, table } from './view.ts';
import { type Answer, Unusable, type World } from './world.ts';

/** As the flags have it. */
export interface StatusFlags extends ClusterFlags {
  readonly output?: Format;
}

const RIGHT = 'To see them takes the right to get and list registrycredentials.regcred.dev.';

export async function status(name: string | undefined, flags: StatusFlags, { now }: Pick<World, 'now'>): Promise<Answer> {
  const found = await asking(flags, RIGHT, (kube) => read(kube, name));
  const exitCode = found.every((credential) => readyOf(credential).status === 'True') ? 0 : 1;
  const [first] = found;
  if (flags.output !== undefined) return { output: await printed(found.map(withoutManagers), flags.output), notes: [], exitCode };
  const output = name !== undefined && first ? details(first, now()) : table(found, now());
  return { output, notes: [], exitCode };
}

async function read(kube: Kube, name: string | undefined): Promise<Credential[]> {
  try {
    if (name !== undefined) return [await kube.call<Credential>('GET', path.credential(encodeURIComponent(name)))];
    return (await kube.call<{ items: Credential[] }>('GET', path.credentials)).items;
  } catch (error) {
    if (!isNotFound(error)) throw error;
    // An object that is not there has a reason; of a kind that is not there the API server says but 404.
    throw new Unusable(
      error.reason === 'NotFound' && name !== undefined
        ? `There is no RegistryCredential ${JSON.stringify(name)}. kubectl regcred status lists those that there are.`
        : 'regcred is not installed on this cluster: it has no RegistryCredentials. Install it with kubectl apply -k .',
    );
  }
}

function withoutManagers(credential: Credential): object {
  const { managedFields: _, ...metadata } = credential.metadata as Credential['metadata'] & { managedFields?: unknown };
  return { apiVersion: 'regcred.dev/v1alpha1', kind: 'RegistryCredential', ...credential, metadata };
}
