/** What `cleanup` reads of the cluster. */
import type { CredentialRecord } from '../../api/records.ts';
import { accountsTarget } from '../../cluster/accounts.ts';
import { credentialsTarget, namespacedCredentialsTarget } from '../../cluster/credentials.ts';
import { namespacesTarget } from '../../cluster/namespaces.ts';
import { wholeRulesTarget } from '../../cluster/pull-secret-rules.ts';
import { managedSecretsTarget, unmanagedSecretsTarget } from '../../cluster/secrets.ts';
import { allStateSecretsTarget } from '../../cluster/state-secrets.ts';
import { allTokenSecretsTarget } from '../../cluster/token-secrets.ts';
import type { KubeClient } from '../../kube/client.ts';
import { isNotFound } from '../../kube/errors.ts';
import { list } from '../../kube/list.ts';
import type { WatchTarget } from '../../kube/watch.ts';
import type { CleanupObserved } from '../../plan/placement/cleanup.ts';
import { secretNameOf } from '../../plan/placement/intent.ts';
import type { CommandIo } from '../command-io.ts';
import type { Presence } from './operator-presence.ts';

/** The credentials of both kinds. */
export async function listCredentials(kube: KubeClient): Promise<CredentialRecord[]> {
  return (await Promise.all([credentialsTarget, namespacedCredentialsTarget].map((target) => listInstalled(kube, target)))).flat();
}

/**
 * Everything that a cleanup of the chosen credentials decides on. `show` gets the progress. Throws a KubeError.
 *
 * @param operator with a running operator, the rules for new pods are its business
 */
export async function observeCluster(
  kube: KubeClient,
  chosen: readonly CredentialRecord[],
  operator: Presence['state'],
  show: CommandIo['progress'],
): Promise<CleanupObserved> {
  let count = 0;
  const onRead = () => show(`Reading the cluster: ${++count} so far.`);
  const [namespaces, accounts, managed, states, tokens] = await Promise.all([
    listAll(kube, namespacesTarget, onRead),
    listAll(kube, accountsTarget, onRead),
    listAll(kube, managedSecretsTarget, onRead),
    listAll(kube, allStateSecretsTarget, onRead),
    listAll(kube, allTokenSecretsTarget, onRead),
  ]);
  const unmanaged = [];
  for (const name of new Set(chosen.map(secretNameOf))) unmanaged.push(...(await listAll(kube, unmanagedSecretsTarget(name), onRead)));
  const [rules] = operator === 'runs' ? [] : await listInstalled(kube, wholeRulesTarget);
  // The credentials last, so that the credential of every listed Secret is known if it exists.
  return { credentials: await listCredentials(kube), namespaces, accounts, secrets: [...managed, ...unmanaged], states, tokens, rules };
}

/** None if the kind is not installed, or not any more. */
const listInstalled = <R>(kube: KubeClient, target: WatchTarget<R>): Promise<R[]> =>
  listAll(kube, target).catch((error: unknown) => (isNotFound(error) ? [] : Promise.reject(error)));

async function listAll<R>(kube: KubeClient, target: WatchTarget<R>, onRead: () => void = () => {}): Promise<R[]> {
  const found: R[] = [];
  for await (const record of list(kube, target)) {
    found.push(record);
    onRead();
  }
  return found;
}
