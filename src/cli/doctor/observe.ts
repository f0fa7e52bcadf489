/** Everything that the doctor reads from the cluster, with the rights of the person who runs it. It writes nothing. */

import { parseQualifiedName } from '../../api/credential-ref.ts';
import { credentialUidOf } from '../../api/managed-secret.ts';
import { ANNOTATION, GROUP, PENDING } from '../../api/names.ts';
import type { AccountRecord, CredentialRecord } from '../../api/records.ts';
import { readAccount } from '../../cluster/accounts.ts';
import { readCredential } from '../../cluster/credentials.ts';
import { readNamespace } from '../../cluster/namespaces.ts';
import { path, type WorkloadResource } from '../../cluster/paths.ts';
import { readSource } from '../../cluster/sources.ts';
import type { KubeClient } from '../../kube/client.ts';
import { isNotFound, KubeError } from '../../kube/errors.ts';
import type { KubeObject } from '../../kube/object.ts';
import { secretNameOf } from '../../plan/placement/intent.ts';
import { mapFound, type PodEvent, type ReadResult, type Secret, type SeenCredentials, type Surroundings } from './observed.ts';
import type { Manifest } from './subject.ts';

/** Reads each path once. Pods of one namespace have most of their surroundings in common. */
export class ClusterReader {
  readonly #kube: KubeClient;
  readonly #reads = new Map<string, Promise<ReadResult<unknown>>>();

  constructor(kube: KubeClient) {
    this.#kube = kube;
  }

  /** Reads one path. A missing right is a result, too. Throws a KubeError if the cluster does not answer. */
  read<T>(at: string, right: string, query?: Readonly<Record<string, string>>): Promise<ReadResult<T>> {
    const key = at + JSON.stringify(query ?? {});
    const read = this.#reads.get(key) ?? this.#request(at, right, query);
    this.#reads.set(key, read);
    return read as Promise<ReadResult<T>>;
  }

  async #request(at: string, right: string, query: Readonly<Record<string, string>> | undefined): Promise<ReadResult<unknown>> {
    try {
      return { state: 'found', value: await this.#kube.call('GET', at, query && { query }) };
    } catch (error) {
      if (isNotFound(error)) return { state: 'missing' };
      if (error instanceof KubeError && error.status === 403) return { state: 'forbidden', right };
      throw error;
    }
  }
}

interface List<T> {
  readonly items: readonly T[];
}
interface EventObject {
  readonly reason?: string;
  readonly message?: string;
  readonly lastTimestamp?: string | null;
  readonly eventTime?: string | null;
  readonly series?: { readonly lastObservedTime?: string };
  readonly metadata: { readonly creationTimestamp?: string };
}

/** One pod. Like each of these functions, it throws a KubeError if the cluster does not answer; a missing right is a result. */
export const observePod = (reader: ClusterReader, namespace: string, name: string): Promise<ReadResult<Manifest>> =>
  reader.read(path.pod(encoded(namespace), encoded(name)), `get pods in namespace ${namespace}`);

/** All pods of a namespace. */
export async function observePods(reader: ClusterReader, namespace: string): Promise<ReadResult<readonly Manifest[]>> {
  const list = await reader.read<List<Manifest>>(path.pods(encoded(namespace)), `list pods in namespace ${namespace}`);
  return mapFound(list, ({ items }) => items);
}

/** All ServiceAccounts of a namespace. */
export async function observeAccounts(reader: ClusterReader, namespace: string): Promise<ReadResult<readonly AccountRecord[]>> {
  const list = await reader.read<List<KubeObject>>(path.accountsIn(encoded(namespace)), `list serviceaccounts in namespace ${namespace}`);
  return mapFound(list, ({ items }) => items.map(readAccount));
}

/** One ServiceAccount. */
export const observeAccount = (reader: ClusterReader, namespace: string, name: string): Promise<ReadResult<KubeObject>> =>
  reader.read(path.account(encoded(namespace), encoded(name)), `get serviceaccounts in namespace ${namespace}`);

/** One workload. */
export const observeWorkload = (
  reader: ClusterReader,
  resource: WorkloadResource,
  namespace: string,
  name: string,
): Promise<ReadResult<Manifest>> =>
  reader.read(path.workload(resource, encoded(namespace), encoded(name)), `get ${resource} in namespace ${namespace}`);

/** All workloads of one kind in a namespace. */
export async function observeWorkloads(
  reader: ClusterReader,
  resource: WorkloadResource,
  namespace: string,
): Promise<ReadResult<readonly Manifest[]>> {
  const list = await reader.read<List<Manifest>>(
    path.workloads(resource, encoded(namespace)),
    `list ${resource} in namespace ${namespace}`,
  );
  return mapFound(list, ({ items }) => items);
}

/** The pods of all namespaces that do not run yet. A pod that waits for an image is in the phase Pending. */
export async function observeAllWaiting(reader: ClusterReader): Promise<ReadResult<readonly Manifest[]>> {
  const query = { fieldSelector: `status.phase=${PENDING}` };
  return mapFound(await reader.read<List<Manifest>>(path.allPods, 'list pods in all namespaces', query), ({ items }) => items);
}

/** All credentials of the cluster. */
export async function observeCredentials(reader: ClusterReader): Promise<SeenCredentials> {
  const [ofCluster, ofTenants] = await Promise.all([
    observeClusterScoped(reader),
    listTenants(reader, path.namespacedCredentials, 'in all namespaces'),
  ]);
  return together(ofCluster, ofTenants);
}

async function observeClusterScoped(reader: ClusterReader): Promise<ReadResult<readonly CredentialRecord[]>> {
  const list = await reader.read<List<KubeObject>>(path.credentials, `list registrycredentials.${GROUP}`);
  return mapFound(list, ({ items }) => items.map(readCredential));
}

/** What is known of both kinds. */
function together(ofCluster: ReadResult<readonly CredentialRecord[]>, ofTenants: readonly CredentialRecord[]): SeenCredentials {
  if (ofCluster.state === 'found') return { state: 'found', value: [...ofCluster.value, ...ofTenants] };
  if (ofCluster.state === 'missing' || ofTenants.length === 0) return ofCluster;
  return { state: 'found', value: ofTenants, hidden: ofCluster.right };
}

/** Which pod to observe the surroundings of. `pod` is undefined for a template: it has no Events. */
interface PodRef {
  readonly namespace: string;
  readonly account: string;
  readonly pullSecrets: readonly string[];
  readonly pod?: string;
}

/** Everything in a namespace that decides about the pull secrets of one pod. */
export async function observeSurroundings(
  reader: ClusterReader,
  { namespace: name, account: accountName, pullSecrets, pod }: PodRef,
  now: Date,
): Promise<Surroundings> {
  const at = encoded(name);
  const [namespace, account, clusterScoped, events] = await Promise.all([
    reader.read<KubeObject>(path.namespace(at), `get namespace ${name}`).then((found) => mapFound(found, readNamespace)),
    reader
      .read<KubeObject>(path.account(at, encoded(accountName)), `get serviceaccounts in namespace ${name}`)
      .then((found) => mapFound(found, readAccount)),
    observeClusterScoped(reader),
    pod === undefined ? ({ state: 'missing' } as const) : observeEvents(reader, name, pod),
  ]);
  const accepted = new Set([name, ...(namespace.state === 'found' ? namespace.value.acceptFrom : [])]);
  const known = together(clusterScoped, await observeTenants(reader, accepted));
  const names = new Set([
    ...pullSecrets,
    ...(account.state === 'found' ? account.value.pullSecrets.flatMap((entry) => entry.name || []) : []),
    ...(known.state === 'found' ? known.value.map(secretNameOf) : []),
  ]);
  const secrets = new Map(
    await Promise.all(
      Array.from(names, async (secret) => {
        const found = await reader.read<KubeObject>(path.secret(at, encoded(secret)), `get secrets in namespace ${name}`);
        return [secret, mapFound(found, readSecret)] as const;
      }),
    ),
  );
  // Only the operator knows the tenant label, but a copy names the namespace of its credential.
  const others = new Set(homesOf(secrets.values()).filter((home) => !accepted.has(home)));
  const ofOthers = await observeTenants(reader, others);
  const credentials = known.state === 'found' ? { ...known, value: [...known.value, ...ofOthers] } : together(known, ofOthers);
  return { now: now.getTime(), namespace, account, credentials, secrets, events };
}

/** The namespaces that the credentials of these Secrets belong to. */
const homesOf = (secrets: Iterable<ReadResult<Secret>>): string[] =>
  Array.from(secrets).flatMap((secret) => {
    const credential = secret.state === 'found' ? secret.value.credential : undefined;
    return (credential && parseQualifiedName(credential.name).namespace) || [];
  });

const observeTenants = async (reader: ClusterReader, homes: Iterable<string>): Promise<readonly CredentialRecord[]> =>
  (
    await Promise.all(Array.from(homes, (home) => listTenants(reader, path.namespacedCredentialsIn(encoded(home)), `in namespace ${home}`)))
  ).flat();

/** The credentials of tenants. None without the right: a person often has no rights in the namespaces that this one accepts. */
async function listTenants(reader: ClusterReader, at: string, where: string): Promise<readonly CredentialRecord[]> {
  const list = await reader.read<List<KubeObject>>(at, `list namespacedregistrycredentials.${GROUP} ${where}`);
  return list.state === 'found' ? list.value.items.map(readCredential) : [];
}

/** The oldest first. */
async function observeEvents(reader: ClusterReader, namespace: string, pod: string): Promise<ReadResult<readonly PodEvent[]>> {
  const fieldSelector = `involvedObject.kind=Pod,involvedObject.name=${pod}`;
  const list = await reader.read<List<EventObject>>(path.events(encoded(namespace)), `list events in namespace ${namespace}`, {
    fieldSelector,
  });
  return mapFound(list, ({ items }) => items.map(readEvent).sort((a, b) => a.at - b.at));
}

function readSecret(object: KubeObject): Secret {
  const { namespace, name, type, data, uid, labels, changedAt } = readSource(object);
  const owner = credentialUidOf({ labels });
  const credential = owner === undefined ? undefined : { name: object.metadata.annotations?.[ANNOTATION.credential] ?? '', uid: owner };
  return { namespace, name, type, data, credential, uid, changedAt: changedAt * 1000 };
}

function readEvent({ reason = '', message = '', lastTimestamp, eventTime, series, metadata }: EventObject): PodEvent {
  return { reason, message, at: Date.parse(series?.lastObservedTime ?? lastTimestamp ?? eventTime ?? metadata.creationTimestamp ?? '') };
}

/** Names come from the command line. They must not lead to another path. */
const encoded = encodeURIComponent;
