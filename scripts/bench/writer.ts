/** The bare writer: a program that does nothing but make the operator's writes, when its parent says so. */
import process from 'node:process';
import { KubeConfig } from '@kubernetes/client-node';
import { Pool } from 'undici';
import { CONNECTIONS, inParallel } from './parallel.ts';

/** What the parent asks for. */
export interface Task {
  readonly job: 'place' | 'rotate';
  readonly namespaces: readonly string[];
  readonly credentials: number;
  /** An owner that is there, so that the garbage collector has as much to do as with the operator's Secrets. */
  readonly owner: { readonly apiVersion: string; readonly kind: string; readonly name: string; readonly uid: string };
}

const config = new KubeConfig();
config.loadFromFile(process.argv[2] as string);
const cluster = config.getCurrentCluster();
const ca = Buffer.from(cluster?.caData ?? '', 'base64');
const pool = new Pool(new URL(cluster?.server as string).origin, { connections: CONNECTIONS, connect: { ca } });
const headers = { authorization: `Bearer ${config.getCurrentUser()?.token}` };

process.on('message', (task: Task) => {
  void (task.job === 'place' ? place(task) : rotate(task)).then(() => process.send?.('done'));
});

/** One Secret for each credential and one account patch, in every namespace. */
function place({ namespaces, credentials, owner }: Task): Promise<void> {
  const calls = namespaces.flatMap((namespace) => [
    () => send('PATCH', `/api/v1/namespaces/${namespace}/serviceaccounts/default`, accountPatch(credentials)),
    ...Array.from(
      { length: credentials },
      (_, n) => () => send('POST', `/api/v1/namespaces/${namespace}/secrets`, secret(`floor-${n}`, 'a', owner)),
    ),
  ]);
  return inParallel(calls);
}

/** One patch for each Secret. */
function rotate({ namespaces, credentials, owner }: Task): Promise<void> {
  const calls = namespaces.flatMap((namespace) =>
    Array.from({ length: credentials }, (_, n) => () => {
      const { metadata, data } = secret(`floor-${n}`, 'b', owner);
      return send('PATCH', `/api/v1/namespaces/${namespace}/secrets/floor-${n}`, { metadata, data });
    }),
  );
  return inParallel(calls);
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

/** As large as the operator's, with as much metadata. */
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
