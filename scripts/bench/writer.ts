/** The bare writer: a program that only sends the operator's writes, when its parent process requests it. */
import process from 'node:process';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { KubeConfig } from '@kubernetes/client-node';
import { Pool } from 'undici';
import { CONNECTIONS, inParallel } from './parallel.ts';

/** A request of the parent process. */
export interface Task {
  readonly job: 'place' | 'rotate';
  readonly namespaces: readonly string[];
  readonly credentials: number;
  /** How many connections to use; by default, as many as the operator. */
  readonly width?: number;
  /** While it rotates, also serve so many new namespaces with this prefix, before the rest. It ends when all of them are served. */
  readonly alsoNew?: { readonly prefix: string; readonly count: number };
  /** An existing owner, so that the garbage collector has the same work as with the operator's Secrets. */
  readonly owner: { readonly apiVersion: string; readonly kind: string; readonly name: string; readonly uid: string };
}

const config = new KubeConfig();
config.loadFromFile(process.argv[2] as string);
const cluster = config.getCurrentCluster();
const ca = Buffer.from(cluster?.caData ?? '', 'base64');
const pool = new Pool(new URL(cluster?.server as string).origin, { connections: CONNECTIONS, connect: { ca } });
const watcher = new Pool(new URL(cluster?.server as string).origin, { connect: { ca } });
const headers = { authorization: `Bearer ${config.getCurrentUser()?.token}` };

process.on('message', (task: Task) => {
  void (task.job === 'place' ? place(task) : rotate(task)).then(() => process.send?.('done'));
});

/** In every namespace, creates one Secret for each credential and patches the ServiceAccount once. */
function place({ namespaces, credentials, owner, width }: Task): Promise<void> {
  return inParallel(placing(namespaces, credentials, owner), width);
}

function placing(namespaces: readonly string[], credentials: number, owner: Task['owner']): (() => Promise<void>)[] {
  return namespaces.flatMap((namespace) => [
    () => send('PATCH', `/api/v1/namespaces/${namespace}/serviceaccounts/default`, accountPatch(credentials)),
    ...Array.from(
      { length: credentials },
      (_, n) => () => send('POST', `/api/v1/namespaces/${namespace}/secrets`, secret(`floor-${n}`, 'a', owner)),
    ),
  ]);
}

/** Sends one patch for each Secret. */
async function rotate({ namespaces, credentials, owner, alsoNew }: Task): Promise<void> {
  const calls = namespaces.flatMap((namespace) =>
    Array.from({ length: credentials }, (_, n) => () => {
      const { metadata, data } = secret(`floor-${n}`, 'b', owner);
      return send('PATCH', `/api/v1/namespaces/${namespace}/secrets/floor-${n}`, { metadata, data });
    }),
  );
  if (alsoNew === undefined) return inParallel(calls);
  const first: (() => Promise<unknown>)[] = [];
  const abort = new AbortController();
  let missing = alsoNew.count;
  await onNewAccount(alsoNew.prefix, abort.signal, (namespace) => {
    missing--;
    first.push(...placing([namespace], credentials, owner));
  });
  await inParallel(calls, CONNECTIONS, first);
  // The rotation of a small cluster ends before Kubernetes has created all accounts.
  while (missing > 0 || first.length > 0) {
    await inParallel(first.splice(0));
    await delay(1);
  }
  abort.abort();
}

/** Calls back for each ServiceAccount that is created from now on in a namespace with this prefix. Resolves when the watch is open. */
async function onNewAccount(prefix: string, signal: AbortSignal, onAccount: (namespace: string) => void): Promise<void> {
  const { body } = await watcher.request({ method: 'GET', path: '/api/v1/serviceaccounts?watch=true&resourceVersion=0', headers, signal });
  void (async () => {
    for await (const line of createInterface({ input: body })) {
      const { type, object } = JSON.parse(line) as { type: string; object: { metadata: { namespace: string; name: string } } };
      const { namespace, name } = object.metadata;
      if (type === 'ADDED' && name === 'default' && namespace.startsWith(prefix)) onAccount(namespace);
    }
  })().catch(() => {}); // It was aborted.
}

async function send(method: 'POST' | 'PATCH', path: string, body: object): Promise<void> {
  const type = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
  const response = await pool.request({
    method,
    path: `${path}?fieldManager=floor`,
    headers: { ...headers, 'content-type': type },
    body: JSON.stringify(body),
  });
  const text = await response.body.text();
  if (response.statusCode >= 400) throw new Error(`${method} ${path}: ${text}`);
}

/** A Secret as large as the operator's, with as much metadata. */
function secret(name: string, password: string, owner: Task['owner']) {
  const auth = Buffer.from(`robot:sample-password-${password}`).toString('base64');
  const config = { auths: { 'registry.example.com': { auth, password: `sample-password-${password}`, username: 'robot' } } };
  return {
    type: 'kubernetes.io/dockerconfigjson',
    metadata: {
      name,
      labels: { 'app.kubernetes.io/managed-by': 'floor', 'example.com/credential-uid': '00000000-0000-0000-0000-000000000000' },
      annotations: { 'example.com/credential': name },
      ownerReferences: [{ ...owner, controller: true }],
    },
    data: { '.dockerconfigjson': Buffer.from(JSON.stringify(config)).toString('base64') },
  };
}

function accountPatch(credentials: number): object {
  const names = Array.from({ length: credentials }, (_, n) => `floor-${n}`);
  return { metadata: { annotations: { 'example.com/pull-secrets': names.join(',') } }, imagePullSecrets: names.map((name) => ({ name })) };
}
