/** The cluster that the tests share, and what they make and look at in it. */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { RegistryCredentialSpec, RegistryCredentialStatus } from '../../src/api/types.ts';
import type { Kube } from '../../src/kube/client.ts';
import { KubeError } from '../../src/kube/errors.ts';
import { connect } from './api.ts';
import { type ControlPlane, kubectl, startControlPlane } from './controlplane.ts';
import { eventually } from './eventually.ts';
import { install, leads, type OperatorProcess, operatorKubeconfig, startOperator } from './operator.ts';

export interface KubeObject {
  metadata: {
    name: string;
    namespace?: string;
    uid: string;
    resourceVersion: string;
    generation?: number;
    labels?: Record<string, string>;
    annotations?: Record<string, string>;
    finalizers?: string[];
    ownerReferences?: { apiVersion: string; kind: string; name: string; uid: string; controller?: boolean }[];
    deletionTimestamp?: string;
  };
  type?: string;
  immutable?: boolean;
  data?: Record<string, string>;
  imagePullSecrets?: { name: string }[];
  // Each kind has its own.
  spec?: unknown;
  status?: unknown;
}

type SpecInput = Partial<Omit<RegistryCredentialSpec, 'serviceAccounts'>> & {
  serviceAccounts?: Partial<RegistryCredentialSpec['serviceAccounts']>;
};
type Condition = NonNullable<RegistryCredentialStatus['conditions']>[number];

/** Where the tests keep their sources. */
export const SOURCES = 'sources';

export class Cluster {
  readonly controlPlane: ControlPlane;
  readonly api: Kube;
  /** The operator that runs beside the tests, under its own ServiceAccount. A test that ends it starts another. */
  operator: OperatorProcess;
  readonly kubeconfig: string;

  constructor(controlPlane: ControlPlane, api: Kube, operator: OperatorProcess, kubeconfig: string) {
    this.controlPlane = controlPlane;
    this.api = api;
    this.operator = operator;
    this.kubeconfig = kubeconfig;
  }

  kubectl(...args: string[]): Promise<string> {
    return kubectl(this.controlPlane, ...args);
  }

  start(env: NodeJS.ProcessEnv = {}): OperatorProcess {
    return startOperator({ kubeconfig: this.kubeconfig, env, logFile: join(this.controlPlane.scratch, 'operator.log') });
  }

  /** Ends the operator and starts it again; `between` is done while there is none. */
  async restart(between: () => Promise<unknown> = async () => {}): Promise<void> {
    await this.operator.stop();
    await between();
    this.operator = this.start();
    await leads(this.operator);
  }

  scene(): Scene {
    return new Scene(this, `t${randomBytes(4).toString('hex')}`);
  }
}

let shared: Promise<Cluster> | undefined;

/** Starts the cluster with the first test that needs it; test/support/hooks.ts ends it after the last. */
export function theCluster(): Promise<Cluster> {
  shared ??= startCluster();
  return shared;
}

export async function stopTheCluster(): Promise<void> {
  const cluster = await shared?.catch(() => undefined);
  if (cluster) await stopCluster(cluster);
}

export async function stopCluster(cluster: Cluster): Promise<void> {
  await cluster.operator.stop();
  await cluster.api.close();
  await cluster.controlPlane.stop();
}

/** One for a test that does to it what others could not bear. `alsoControllers`: more of Kubernetes' own, by name. */
export async function startCluster(alsoControllers: readonly string[] = []): Promise<Cluster> {
  const controlPlane = await startControlPlane((line) => console.error(line), [], alsoControllers);
  const api = connect(controlPlane.kubeconfig);
  await install(controlPlane);
  await api.call('POST', '/api/v1/namespaces', { body: { metadata: { name: SOURCES } } });
  const kubeconfig = await operatorKubeconfig(controlPlane.kubeconfig, 'regcred-system', controlPlane.scratch);
  const operator = startOperator({ kubeconfig, logFile: join(controlPlane.scratch, 'operator.log') });
  await leads(operator);
  return new Cluster(controlPlane, api, operator, kubeconfig);
}

const CREDENTIALS = '/apis/regcred.dev/v1alpha1/registrycredentials';

/** What one test makes and looks at: everything in it has names of its own, so that tests do not meet. */
export class Scene {
  readonly cluster: Cluster;
  /** The beginning of every name, and the name of the first credential. */
  readonly name: string;
  #namespaces = 0;

  constructor(cluster: Cluster, name: string) {
    this.cluster = cluster;
    this.name = name;
  }

  get api(): Kube {
    return this.cluster.api;
  }

  // --- what there is to begin with ---

  /** A namespace whose default ServiceAccount is there. */
  async namespace(labels: Record<string, string> = {}, name = `${this.name}-${++this.#namespaces}`): Promise<string> {
    await this.api.call('POST', '/api/v1/namespaces', { body: { metadata: { name, labels } } });
    await eventually(`ServiceAccount default in ${name}`, () => this.account(name));
    return name;
  }

  async namespaces(count: number): Promise<string[]> {
    return Promise.all(Array.from({ length: count }, () => this.namespace()));
  }

  /** A Secret; values are given plain. */
  async secret(
    namespace: string,
    name: string,
    type: string,
    values: Record<string, string | Buffer>,
    metadata: object = {},
  ): Promise<KubeObject> {
    const data = Object.fromEntries(Object.entries(values).map(([key, value]) => [key, Buffer.from(value).toString('base64')]));
    return this.api.call('POST', `/api/v1/namespaces/${namespace}/secrets`, { body: { type, data, metadata: { ...metadata, name } } });
  }

  /** A source with a username and password, and the reference to it. */
  async basicAuth(password = 'sample-password', suffix = ''): Promise<{ namespace: string; name: string }> {
    const name = `${this.name}${suffix}`;
    await this.secret(SOURCES, name, 'kubernetes.io/basic-auth', { username: 'robot', password });
    return { namespace: SOURCES, name };
  }

  /** Changes the password of a source, as a rotation does. */
  async rotate(password: string, suffix = ''): Promise<void> {
    await this.patch(`/api/v1/namespaces/${SOURCES}/secrets/${this.name}${suffix}`, { stringData: { password } });
  }

  async makeAccount(namespace: string, name: string, more: object = {}, labels: Record<string, string> = {}): Promise<void> {
    await this.api.call('POST', `/api/v1/namespaces/${namespace}/serviceaccounts`, { body: { metadata: { name, labels }, ...more } });
  }

  /** A credential over all namespaces of the scene, from one basic-auth Secret, unless the spec says otherwise. */
  async credential(spec: SpecInput = {}, name = this.name): Promise<string> {
    const registries = [{ server: 'registry.example.com', secretRef: { namespace: SOURCES, name: this.name } }];
    const sources = spec.registries || spec.dockerConfigs ? {} : { registries };
    const body = {
      apiVersion: 'regcred.dev/v1alpha1',
      kind: 'RegistryCredential',
      metadata: { name },
      spec: { ...sources, namespaces: { names: [`${this.name}-*`] }, ...spec },
    };
    await this.api.call('POST', CREDENTIALS, { body });
    return name;
  }

  /** The usual beginning: a source, that many namespaces, and a credential that has come to be Ready. */
  async placed(count = 1, spec: SpecInput = {}): Promise<string[]> {
    await this.basicAuth();
    const namespaces = await this.namespaces(count);
    await this.credential(spec);
    await this.ready();
    return namespaces;
  }

  // --- what is done to it ---

  patch(path: string, body: object): Promise<KubeObject> {
    return this.api.call('PATCH', path, { body });
  }

  patchCredential(spec: object, name = this.name): Promise<KubeObject> {
    return this.patch(`${CREDENTIALS}/${name}`, { spec });
  }

  patchAccount(namespace: string, body: object, name = 'default'): Promise<KubeObject> {
    return this.patch(`/api/v1/namespaces/${namespace}/serviceaccounts/${name}`, body);
  }

  patchSecret(namespace: string, body: object, name = this.name): Promise<KubeObject> {
    return this.patch(`/api/v1/namespaces/${namespace}/secrets/${name}`, body);
  }

  async deleteSecret(namespace: string, name = this.name): Promise<void> {
    await this.api.call('DELETE', `/api/v1/namespaces/${namespace}/secrets/${name}`);
  }

  async deleteCredential(name = this.name): Promise<void> {
    await this.api.call('DELETE', `${CREDENTIALS}/${name}`);
  }

  // --- what is to be seen ---

  secretIn(namespace: string, name = this.name): Promise<KubeObject> {
    return this.api.call('GET', `/api/v1/namespaces/${namespace}/secrets/${name}`);
  }

  /** The docker config in the Secret, as the kubelet would parse it. */
  async dockerConfigIn(
    namespace: string,
    name = this.name,
  ): Promise<{ auths: Record<string, { username: string; password: string; auth: string; email?: string }> }> {
    const { data } = await this.secretIn(namespace, name);
    return JSON.parse(Buffer.from(data?.['.dockerconfigjson'] ?? '', 'base64').toString());
  }

  account(namespace: string, name = 'default'): Promise<KubeObject> {
    return this.api.call('GET', `/api/v1/namespaces/${namespace}/serviceaccounts/${name}`);
  }

  async pullSecrets(namespace: string, name = 'default'): Promise<string[]> {
    return ((await this.account(namespace, name)).imagePullSecrets ?? []).map((entry) => entry.name);
  }

  credentialObject(name = this.name): Promise<KubeObject> {
    return this.api.call('GET', `${CREDENTIALS}/${name}`);
  }

  async status(name = this.name): Promise<RegistryCredentialStatus> {
    return (await this.credentialObject(name)).status ?? {};
  }

  async condition(type: string, name = this.name): Promise<Condition> {
    const { conditions } = await this.status(name);
    const condition = conditions?.find((condition) => condition.type === type);
    if (!condition) throw new Error(`${name} has no condition ${type}`);
    return condition;
  }

  /** Waits until Ready is what is expected, for the present generation, and returns the condition. */
  ready(status: 'True' | 'False' | 'Unknown' = 'True', reason?: string, name = this.name): Promise<Condition> {
    return eventually(`${name} is Ready=${status} ${reason ?? ''}`, async () => {
      const { metadata } = await this.credentialObject(name);
      const ready = await this.condition('Ready', name);
      if (
        ready.status !== status ||
        (reason !== undefined && ready.reason !== reason) ||
        ready.observedGeneration !== metadata.generation
      ) {
        throw new Error(
          `Ready=${ready.status} ${ready.reason}: ${ready.message} (generation ${ready.observedGeneration} of ${metadata.generation})`,
        );
      }
      return ready;
    });
  }

  /** Waits until something is gone. */
  gone(what: string, get: () => Promise<unknown>): Promise<void> {
    return eventually(`${what} is gone`, async () => {
      const there = await get().catch((error: unknown) => {
        if (error instanceof KubeError && error.status === 404) return undefined;
        throw error;
      });
      if (there !== undefined) throw new Error('it is there');
    });
  }

  secretGone(namespace: string, name = this.name): Promise<void> {
    return this.gone(`Secret ${namespace}/${name}`, () => this.secretIn(namespace, name));
  }

  credentialGone(name = this.name): Promise<void> {
    return this.gone(`RegistryCredential ${name}`, () => this.credentialObject(name));
  }

  /** Waits until the account has just these names, in this order. */
  pullSecretsAre(namespace: string, names: string[], account = 'default'): Promise<void> {
    return eventually(`${namespace}/${account} has imagePullSecrets [${names}]`, async () => {
      const found = await this.pullSecrets(namespace, account);
      if (found.join() !== names.join()) throw new Error(`[${found}]`);
    });
  }

  secretPlaced(namespace: string, name = this.name): Promise<KubeObject> {
    return eventually(`Secret ${namespace}/${name} is placed`, () => this.secretIn(namespace, name));
  }

  /** The Events on a credential, as kubectl describe shows them. */
  async events(name = this.name): Promise<{ type: string; reason: string; message: string }[]> {
    const { items } = await this.api.call<{ items: { type: string; reason: string; message: string }[] }>(
      'GET',
      '/api/v1/namespaces/default/events',
      {
        query: { fieldSelector: `involvedObject.name=${name}` },
      },
    );
    return items;
  }

  /** Waits for an Event, which comes after the status that it tells of. */
  told(reason: string, name = this.name): Promise<void> {
    return eventually(`an Event tells that ${name} is ${reason}`, async () => {
      const reasons = (await this.events(name)).map((event) => event.reason);
      if (!reasons.includes(reason)) throw new Error(`[${reasons}]`);
    });
  }
}
