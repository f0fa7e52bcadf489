import { KubeConfig } from '@kubernetes/client-node';
import { Pool } from 'undici';

/** What a program could reach that did nothing but write: the same bodies over kept-alive connections, nothing read, nothing decided. */
export class Floor {
  readonly #pool: Pool;
  readonly #headers: Record<string, string>;

  /** With the operator's own kubeconfig, so that the API server has the same to do for both. */
  constructor(kubeconfig: string) {
    const config = new KubeConfig();
    config.loadFromFile(kubeconfig);
    const cluster = config.getCurrentCluster();
    const ca = Buffer.from(cluster?.caData ?? '', 'base64');
    this.#pool = new Pool(new URL(cluster?.server as string).origin, { connections: CONNECTIONS, connect: { ca } });
    this.#headers = { authorization: `Bearer ${config.getCurrentUser()?.token}` };
  }

  /** One Secret for each credential and one account patch, in every namespace. */
  async place(namespaces: readonly string[], credentials: number): Promise<void> {
    const calls = namespaces.flatMap((namespace) => [
      () => this.#send('PATCH', `/api/v1/namespaces/${namespace}/serviceaccounts/default`, accountPatch(credentials)),
      ...Array.from(
        { length: credentials },
        (_, n) => () => this.#send('POST', `/api/v1/namespaces/${namespace}/secrets`, secret(`floor-${n}`, 'a')),
      ),
    ]);
    await inParallel(calls);
  }

  /** One patch for each Secret. */
  async rotate(namespaces: readonly string[], credentials: number): Promise<void> {
    const calls = namespaces.flatMap((namespace) =>
      Array.from({ length: credentials }, (_, n) => () => {
        const { metadata, data } = secret(`floor-${n}`, 'b');
        return this.#send('PATCH', `/api/v1/namespaces/${namespace}/secrets/floor-${n}`, { metadata, data });
      }),
    );
    await inParallel(calls);
  }

  close(): Promise<void> {
    return this.#pool.close();
  }

  async #send(method: 'POST' | 'PATCH', path: string, body: object): Promise<void> {
    const type = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
    const headers = { ...this.#headers, 'content-type': type };
    const response = await this.#pool.request({ method, path: `${path}?fieldManager=floor`, headers, body: JSON.stringify(body) });
    const text = await response.body.text();
    if (response.statusCode >= 400) throw new Error(`${method} ${path}: ${text}`);
  }
}

const CONNECTIONS = 32;

/** As large as the operator's, with as much metadata. */
function secret(name: string, password: string) {
  const auth = Buffer.from(`robot:sample-password-${password}`).toString('base64');
  const config = { auths: { 'registry.example.com': { auth, password: `sample-password-${password}`, username: 'robot' } } };
  return {
    type: 'kubernetes.io/dockerconfigjson',
    metadata: {
      name,
      labels: { 'app.kubernetes.io/managed-by': 'floor', 'example.com/credential-uid': '00000000-0000-0000-0000-000000000000' },
      annotations: { 'example.com/credential': name },
    },
    data: { '.dockerconfigjson': Buffer.from(JSON.stringify(config)).toString('base64') },
  };
}

function accountPatch(credentials: number): object {
  const names = Array.from({ length: credentials }, (_, n) => `floor-${n}`);
  return { metadata: { annotations: { 'example.com/pull-secrets': names.join(',') } }, imagePullSecrets: names.map((name) => ({ name })) };
}

/** Runs all calls, at most so many at once. */
export async function inParallel(calls: readonly (() => Promise<unknown>)[], width = CONNECTIONS): Promise<void> {
  let next = 0;
  const lane = async () => {
    for (let call = calls[next++]; call; call = calls[next++]) await call();
  };
  await Promise.all(Array.from({ length: width }, lane));
}
