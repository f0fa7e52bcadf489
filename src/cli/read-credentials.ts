/** Reads credentials for `status` and `check`, and says why there are none. */
import { type CredentialKind, isNamespaced } from '../api/credential-ref.ts';
import { KIND, NAMESPACED_KIND } from '../api/names.ts';
import { path } from '../cluster/paths.ts';
import type { KubeClient } from '../kube/client.ts';
import { isNotFound } from '../kube/errors.ts';
import { CommandError } from './command-io.ts';
import type { Credential } from './status-view.ts';

/** The kind of the credentials in a namespace; without a namespace, the cluster-scoped kind. */
export const kindIn = (namespace: string | undefined): CredentialKind => (namespace === undefined ? KIND : NAMESPACED_KIND);

/** The path of one credential. Names come from the command line: they must not lead to another path. */
export const credentialPath = (name: string, namespace: string | undefined): string =>
  path.credentialOf({ kind: kindIn(namespace), namespace: encodeURIComponent(namespace ?? ''), name: encodeURIComponent(name) });

/** A cluster-scoped credential, or one of a namespace. Throws a CommandError if there is none. */
export const readCredential = (kube: KubeClient, name: string, namespace?: string): Promise<Credential> =>
  explained(kube.call<Credential>('GET', credentialPath(name, namespace)), namespace, name);

/** All cluster-scoped credentials, or those of a namespace. Throws a CommandError if the cluster does not have the kind. */
export async function readCredentials(kube: KubeClient, namespace?: string): Promise<Credential[]> {
  const at = namespace === undefined ? path.credentials : path.namespacedCredentialsIn(encodeURIComponent(namespace));
  return (await explained(kube.call<{ items: Credential[] }>('GET', at), namespace)).items;
}

const explained = <T>(reading: Promise<T>, namespace: string | undefined, name?: string): Promise<T> =>
  reading.catch((error: unknown) => {
    if (!isNotFound(error)) throw error;
    const kind = kindIn(namespace);
    const flag = isNamespaced({ kind }) ? ` -n ${namespace}` : '';
    // The API server gives a reason for a missing object, but none for a missing kind.
    throw new CommandError(
      error.reason === 'NotFound' && name !== undefined
        ? `There is no ${kind} ${JSON.stringify(name)}${flag && ` in namespace ${namespace}`}. kubectl regcred status${flag} lists the existing ones.`
        : `regcred is not installed on this cluster: it has no ${kind}s. Install it with kubectl apply -k .`,
    );
  });
