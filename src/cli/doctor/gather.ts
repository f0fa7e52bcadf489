/** All that is asked of the cluster, with the rights of the person who asks. Nothing is written. */
import { ANNOTATION, LABEL, MANAGER } from '../../api/names.ts';
import type { AccountRecord } from '../../api/records.ts';
import type { Kube } from '../../kube/client.ts';
import { isNotFound, KubeError } from '../../kube/errors.ts';
import { type KubeObject, readAccount, readCredential, readNamespace, readSource } from '../../kube/records.ts';
import { path } from '../../kube/resources.ts';
import { secretNameOf } from '../../plan/intent.ts';
import type { Looked, Said, Secret, Surroundings } from './observed.ts';
import { type Manifest, podOf } from './subject.ts';

/** Asks the cluster each thing once. */
export class Cluster {
  readonly #kube: Kube;
  readonly #asked = new Map<string, Promise<Looked<unknown>>>();

  constructor(kube: Kube) {
    this.#kube = kube;
  }

  /** What stands at a path; a right that is missing is an answer, too. Throws where the cluster does not answer. */
  look<T>(at: string, right: string, query?: Readonly<Record<string, string>>): Promise<Looked<T>> {
    const key = at + JSON.stringify(query ?? {});
    const asked = this.#asked.get(key) ?? this.#ask(at, right, query);
    this.#asked.set(key, asked);
    return asked as Promise<Looked<T>>;
  }

  async #ask(at: string, right: string, query: Readonly<Record<string, string>> | undefined): Promise<Looked<unknown>> {
    try {
      return { state: 'there', value: await this.#kube.call('GET', at, query && { query }) };
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

export const lookAtPod = (cluster: Cluster, namespace: string, name: string): Promise<Looked<Manifest>> =>
  cluster.look(path.pod(safe(namespace), safe(name)), `get pods in namespace ${namespace}`);

export async function lookAtPods(cluster: Cluster, namespace: string): Promise<Looked<readonly Manifest[]>> {
  return into(await cluster.look<List<Manifest>>(path.pods(safe(namespace)), `list pods in namespace ${namespace}`), ({ items }) => items);
}

export async function lookAtAccounts(cluster: Cluster, namespace: string): Promise<Looked<readonly AccountRecord[]>> {
  const list = await cluster.look<List<KubeObject>>(path.accountsIn(safe(namespace)), `list serviceaccounts in namespace ${namespace}`);
  return into(list, ({ items }) => items.map(readAccount));
}

/** What surrounds a pod, by its ServiceAccount and the names of its pull secrets, and by its own name where there is one. */
export async function surroundings(
  cluster: Cluster,
  { namespace, account, names, pod }: { namespace: string; account: string; names: readonly string[]; pod?: string },
  now: Date,
): Promise<Surroundings> {
  const at = safe(namespace);
  const [ns, serviceAccount, list, events] = await Promise.all([
    cluster.look<KubeObject>(path.namespace(at), `get namespace ${namespace}`),
    cluster.look<KubeObject>(path.account(at, safe(account)), `get serviceaccounts in namespace ${namespace}`),
    cluster.look<List<KubeObject>>(path.credentials, 'list registrycredentials.regcred.dev'),
    pod === undefined
      ? ({ state: 'missing' } as const)
      : cluster.look<List<EventObject>>(path.events(at), `list events in namespace ${namespace}`, {
          fieldSelector: `involvedObject.kind=Pod,involvedObject.name=${pod}`,
        }),
  ]);
  const credentials = into(list, ({ items }) => items.map(readCredential));
  const there = into(serviceAccount, readAccount);
  const wanted = new Set([
    ...names,
    ...(there.state === 'there' ? there.value.pullSecrets.flatMap(({ name }) => name || []) : []),
    ...(credentials.state === 'there' ? credentials.value.map(secretNameOf) : []),
  ]);
  const secrets = await Promise.all(
    Array.from(wanted, async (name) => {
      const secret = await cluster.look<KubeObject>(path.secret(at, safe(name)), `get secrets in namespace ${namespace}`);
      return [name, into(secret, secretOf)] as const;
    }),
  );
  return {
    now: now.getTime(),
    namespace: into(ns, readNamespace),
    account: there,
    credentials,
    secrets: new Map(secrets),
    events: into(events, ({ items }) => items.map(saidOf).sort((a, b) => a.at - b.at)),
  };
}

/** Those pods of a namespace that an image keeps waiting. */
export function waiting(pods: readonly Manifest[], namespace: string): { name: string; pod: ReturnType<typeof podOf> }[] {
  return pods
    .map((object) => ({ name: object.metadata?.name ?? '', pod: podOf(object, namespace) }))
    .filter(({ pod }) => pod.containers.some(({ state }) => state.at === 'failing'));
}

function into<T, R>(looked: Looked<T>, read: (value: T) => R): Looked<R> {
  return looked.state === 'there' ? { state: 'there', value: read(looked.value) } : looked;
}

function secretOf(object: KubeObject): Secret {
  const { namespace, name, type, data, uid, labels, changedAt } = readSource(object);
  const owner = labels[LABEL.managedBy] === MANAGER ? labels[LABEL.credentialUid] : undefined;
  const credential = owner === undefined ? undefined : { name: object.metadata.annotations?.[ANNOTATION.credential] ?? '', uid: owner };
  return { namespace, name, type, data, credential, uid, changedAt: changedAt * 1000 };
}

function saidOf({ reason = '', message = '', lastTimestamp, eventTime, series, metadata }: EventObject): Said {
  return { reason, message, at: Date.parse(series?.lastObservedTime ?? lastTimestamp ?? eventTime ?? metadata.creationTimestamp ?? '') };
}

/** It comes from the command line, and must not turn into another path. */
const safe = encodeURIComponent;
