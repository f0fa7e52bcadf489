import { join } from 'node:path';
import process from 'node:process';
import type { KubeClient } from '../../src/kube/client.ts';
import { isNotFound } from '../../src/kube/errors.ts';
import { connect, expectGone } from '../../test/support/api.ts';
import { type ControlPlane, startControlPlane } from '../../test/support/controlplane.ts';
import { eventually } from '../../test/support/eventually.ts';
import { install, type OperatorProcess, operatorKubeconfig, startOperator } from '../../test/support/operator.ts';
import { AuditLog, SYSTEM } from './audit.ts';
import { inParallel } from './parallel.ts';

const CREDENTIALS = '/apis/regcred.dev/v1alpha1/registrycredentials';
const LONG_MS = 600_000;

interface CredentialList {
  readonly items: readonly {
    readonly status?: { readonly summary?: string; readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
  }[];
}

/** The control plane of the bench, with its namespaces and credentials, and sometimes an operator. */
export class Arena {
  readonly kubeconfig: string;
  readonly audit: AuditLog;
  readonly #controlPlane: ControlPlane;
  readonly #admin: KubeClient;
  readonly #namespaces: string[] = [];
  #more = 0;

  private constructor(controlPlane: ControlPlane, admin: KubeClient, kubeconfig: string) {
    this.#controlPlane = controlPlane;
    this.#admin = admin;
    this.kubeconfig = kubeconfig;
    this.audit = new AuditLog(controlPlane.auditLog);
  }

  static async open(say: (line: string) => void): Promise<Arena> {
    // The time for a new namespace starts when its ServiceAccount is created, so audit this request.
    const accountsMade = { level: 'Metadata', verbs: ['create'], resources: [{ group: '', resources: ['serviceaccounts'] }] };
    const controlPlane = await startControlPlane(say, [accountsMade]);
    await install(controlPlane);
    return new Arena(
      controlPlane,
      connect(controlPlane.kubeconfig),
      await operatorKubeconfig(controlPlane.kubeconfig, SYSTEM, controlPlane.scratch),
    );
  }

  /** The version of Kubernetes, as in `1.37.2`. */
  async version(): Promise<string> {
    const { gitVersion } = await this.#admin.call<{ gitVersion: string }>('GET', '/version');
    return gitVersion.slice(1);
  }

  async close(): Promise<void> {
    await this.#admin.close();
    await this.#controlPlane.stop();
  }

  /** Returns `count` namespaces, each with its default ServiceAccount. Creates the missing ones. */
  async namespaces(count: number): Promise<string[]> {
    const missing = Array.from({ length: Math.max(0, count - this.#namespaces.length) }, (_, n) => `bench-${this.#namespaces.length + n}`);
    this.#namespaces.push(...missing);
    await inParallel(missing.map((name) => () => this.#makeNamespace(name)));
    const wanted = this.#namespaces.slice(0, count);
    await eventually('the namespaces have their ServiceAccounts', async () => this.#countAccounts(this.#namespaces.length), LONG_MS);
    return wanted;
  }

  async #countAccounts(wanted: number): Promise<void> {
    const query = { fieldSelector: 'metadata.name=default' };
    const { items } = await this.#admin.call<{ items: { metadata: { namespace: string } }[] }>('GET', '/api/v1/serviceaccounts', { query });
    const found = items.filter(({ metadata }) => metadata.namespace.startsWith('bench-')).length;
    if (found < wanted) throw new Error(`${found} of ${wanted}`);
  }

  /** Creates one more namespace. */
  async newNamespace(): Promise<string> {
    const name = `bench-new-${this.#more++}`;
    await this.#makeNamespace(name);
    return name;
  }

  /** Creates namespaces at once. */
  async newNamespaces(count: number): Promise<string[]> {
    const names = Array.from({ length: count }, () => `bench-new-${this.#more++}`);
    await inParallel(names.map((name) => () => this.#makeNamespace(name)));
    return names;
  }

  /** Namespaces that no credential selects, each with its ServiceAccount. `removeNew` deletes them. */
  async probes(count: number): Promise<string[]> {
    const names = Array.from({ length: count }, () => `probe-${this.#more++}`);
    await inParallel(names.map((name) => () => this.#makeNamespace(name)));
    await eventually(
      'the namespaces have their ServiceAccounts',
      async () => {
        for (const name of names) await this.#admin.call('GET', `/api/v1/namespaces/${name}/serviceaccounts/default`);
      },
      LONG_MS,
    );
    return names;
  }

  async #makeNamespace(name: string): Promise<void> {
    await this.#admin.call('POST', '/api/v1/namespaces', { body: { metadata: { name } } });
  }

  /** Deletes namespaces that the calls above created. */
  async removeNew(names: readonly string[]): Promise<void> {
    await inParallel(names.map((name) => () => this.#admin.call('DELETE', `/api/v1/namespaces/${name}`)));
    await eventually(
      'the new namespaces are gone',
      async () => {
        for (const name of names) await expectGone(this.#admin, `/api/v1/namespaces/${name}`);
      },
      LONG_MS,
    );
  }

  /** Creates `count` sources and RegistryCredentials. Each selects all namespaces of the bench. */
  async makeCredentials(count: number): Promise<void> {
    for (let n = 0; n < count; n++) {
      const name = `credential-${n}`;
      await this.setPassword(n, 'sample-password');
      const registries = [{ server: 'registry.example.com', secretRef: { namespace: SYSTEM, name } }];
      const spec = { registries, namespaces: { names: ['bench-*'] } };
      const body = { apiVersion: 'regcred.dev/v1alpha1', kind: 'RegistryCredential', metadata: { name }, spec };
      await this.#admin.call('POST', CREDENTIALS, { body });
    }
  }

  /** Deletes the RegistryCredentials. This needs a running operator. */
  async removeCredentials(count: number): Promise<void> {
    for (let n = 0; n < count; n++) await this.#admin.call('DELETE', `${CREDENTIALS}/credential-${n}`);
    await eventually(
      'the credentials are gone',
      async () => {
        for (let n = 0; n < count; n++) await expectGone(this.#admin, `${CREDENTIALS}/credential-${n}`);
      },
      LONG_MS,
    );
  }

  async setPassword(n: number, password: string): Promise<void> {
    const name = `credential-${n}`;
    const stringData = { username: 'robot', password };
    const path = `/api/v1/namespaces/${SYSTEM}/secrets`;
    await this.#admin.call('PATCH', `${path}/${name}`, { body: { stringData } }).catch((error: unknown) => {
      if (!isNotFound(error)) throw error;
      return this.#admin.call('POST', path, { body: { metadata: { name }, type: 'kubernetes.io/basic-auth', stringData } });
    });
  }

  /** Waits until every RegistryCredential is Ready, with the given number of namespaces. */
  async ready(credentials: number, namespaces: number): Promise<void> {
    await eventually(
      'every credential is Ready',
      async () => {
        const { items } = await this.#admin.call<CredentialList>('GET', CREDENTIALS);
        const done = items.filter(
          ({ status }) =>
            status?.summary === `${namespaces}/${namespaces}` &&
            status.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True'),
        );
        if (done.length < credentials) throw new Error(`${done.length} of ${credentials}`);
      },
      LONG_MS,
    );
  }

  /** A permanent object that owns the Secrets of the bare writer. */
  async owner(): Promise<{ apiVersion: string; kind: string; name: string; uid: string }> {
    const { metadata } = await this.#admin.call<{ metadata: { name: string; uid: string } }>('GET', '/api/v1/namespaces/kube-system');
    return { apiVersion: 'v1', kind: 'Namespace', name: metadata.name, uid: metadata.uid };
  }

  /** Removes what the bare writer created. */
  async clearFloor(): Promise<void> {
    const secrets = '?labelSelector=app.kubernetes.io/managed-by%3Dfloor';
    await inParallel(
      this.#namespaces.flatMap((name) => [
        () => this.#admin.call('DELETE', `/api/v1/namespaces/${name}/secrets${secrets}`),
        () =>
          this.#admin.call('PATCH', `/api/v1/namespaces/${name}/serviceaccounts/default`, {
            body: { imagePullSecrets: null, metadata: { annotations: null } },
          }),
      ]),
    );
  }

  deleteSecret(namespace: string, name: string): Promise<unknown> {
    return this.#admin.call('DELETE', `/api/v1/namespaces/${namespace}/secrets/${name}`);
  }

  stripAccount(namespace: string): Promise<unknown> {
    return this.#admin.call('PATCH', `/api/v1/namespaces/${namespace}/serviceaccounts/default`, { body: { imagePullSecrets: null } });
  }

  /** Starts the built program with its own ServiceAccount: the one in `bundle`, or the one of this checkout. */
  operator(bundle?: string): OperatorProcess {
    const command = bundle === undefined ? undefined : ([process.execPath, join(bundle, 'main.js')] as const);
    return startOperator({ kubeconfig: this.kubeconfig, ...(command && { command }) });
  }
}
