/** The cluster that the tests share, and helpers to create and read objects in it. */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { RegistryCredentialSpec, RegistryCredentialStatus } from '../../src/api/types.ts';
import type { KubeClient } from '../../src/kube/client.ts';
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
  // Each kind has its own type.
  spec?: unknown;
  status?: unknown;
}

type SpecInput = Partial<Omit<RegistryCredentialSpec, 'serviceAccounts'>> & {
  serviceAccounts?: Partial<RegistryCredentialSpec['serviceAccounts']>;
};
type Condition = NonNullable<RegistryCredentialStatus['conditions']>[number];

/** The namespace of the sources. */
export const SOURCES = 'sources';

export class Cluster {
  readonly controlPlane: ControlPlane;
  readonly api: KubeClient;
  /** The operator of the tests, under its own ServiceAccount. A test that stops it starts another. */
  operator: OperatorProcess;
  readonly kubeconfig: string;
  /** The environment of every operator of this cluster. */
  readonly env: NodeJS.ProcessEnv;

  constructor(controlPlane: ControlPlane, api: KubeClient, operator: OperatorProcess, kubeconfig: string, env: NodeJS.ProcessEnv = {}) {
    this.controlPlane = controlPlane;
    this.api = api;
    this.operator = operator;
    this.kubeconfig = kubeconfig;
    this.env = env;
  }

  kubectl(...args: string[]): Promise<string> {
    return kubectl(this.controlPlane, ...args);
  }

  start(env: NodeJS.ProcessEnv = {}): OperatorProcess {
    return startOperator({
      kubeconfig: this.kubeconfig,
      env: { ...this.env, ...env },
      logFile: join(this.controlPlane.scratch, 'operator.log'),
    });
  }

  /** Stops the operator, runs `between`, and starts the operator again. */
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

/** The first test that needs the cluster starts it; test/support/hooks.ts stops it after the last test. */
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

/**
 * Starts a cluster for a test that would disturb others. `alsoControllers`: additional controllers of Kubernetes, by name. `env`: the
 * environment of the operator.
 */
export async function startCluster(alsoControllers: readonly string[] = [], env: NodeJS.ProcessEnv = {}): Promise<Cluster> {
  const controlPlane = await startControlPlane((line) => console.error(line), [], {}, alsoControllers);
  const api = connect(controlPlane.kubeconfig);
  await install(controlPlane);
  await api.call('POST', '/api/v1/namespaces', { body: { metadata: { name: SOURCES } } });
  const kubeconfig = await operatorKubeconfig(controlPlane.kubeconfig, 'regcred-system', controlPlane.scratch);
  const operator = startOperator({ kubeconfig, env, logFile: join(controlPlane.scratch, 'operator.log') });
  await leads(operator);
  return new Cluster(controlPlane, api, operator, kubeconfig, env);
}

const CREDENTIALS = '/apis/regcred.dev/v1alpha1/registrycredentials';

/** The objects of one test: all have names of their own, so that tests do not disturb each other. */
export class Scene {
  readonly cluster: Cluster;
  /** The prefix of every name, and the name of the first credential. */
  readonly name: string;
  #namespaces = 0;

  constructor(cluster: Cluster, name: string) {
    this.cluster = cluster;
    this.name = name;
  }

  get api(): KubeClient {
    return this.cluster.api;
  }

  // --- create ---

  /** Creates a namespace, and waits for its default ServiceAccount. */
  async namespace(labels: Record<string, string> = {}, name = `${this.name}-${++this.#namespaces}`): Promise<string> {
    await this.api.call('POST', '/api/v1/namespaces', { body: { metadata: { name, labels } } }).catch((error: unknown) => {
      // CI saw this once: 409 for a random name that nobody else uses. So this request made the namespace. Why is not known.
      if (!(error instanceof KubeError && error.status === 409 && name.startsWith(this.name))) throw error;
      console.error(`  The API server answered 409 to the first request for the namespace ${name}.`);
    });
    await eventually(`ServiceAccount default in ${name}`, () => this.account(name));
    return name;
  }

  async namespaces(count: number): Promise<string[]> {
    return Promise.all(Array.from({ length: count }, () => this.namespace()));
  }

  /** Creates a Secret from plain values. */
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

  /** Creates a source with a username and password, and returns the reference to it. */
  async basicAuth(password = 'sample-password', suffix = ''): Promise<{ namespace: string; name: string }> {
    const name = `${this.name}${suffix}`;
    await this.secret(SOURCES, name, 'kubernetes.io/basic-auth', { username: 'robot', password });
    return { namespace: SOURCES, name };
  }

  /** Changes the password of a source. */
  async rotate(password: string, suffix = ''): Promise<void> {
    await this.patch(`/api/v1/namespaces/${SOURCES}/secrets/${this.name}${suffix}`, { stringData: { password } });
  }

  async makeAccount(namespace: string, name: string, more: object = {}, labels: Record<string, string> = {}): Promise<void> {
    await this.api.call('POST', `/api/v1/namespaces/${namespace}/serviceaccounts`, { body: { metadata: { name, labels }, ...more } });
  }

  /** Creates a credential for all namespaces of the scene, from one basic-auth Secret, unless the spec overrides that. */
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

  /** The usual start: creates a source, namespaces and a credential, and waits until it is Ready. */
  async placed(count = 1, spec: SpecInput = {}): Promise<string[]> {
    await this.basicAuth();
    const namespaces = await this.namespaces(count);
    await this.credential(spec);
    await this.ready();
    return namespaces;
  }

  // --- change ---

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

  // --- read ---

  secretIn(namespace: string, name = this.name): Promise<KubeObject> {
    return this.api.call('GET', `/api/v1/namespaces/${namespace}/secrets/${name}`);
  }

  /** The docker config in the Secret, parsed as the kubelet does. */
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

  /** Waits for this status of Ready at the current generation, and returns the condition. */
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

  /** Waits until `get` fails with 404. */
  gone(what: string, get: () => Promise<unknown>): Promise<void> {
    return eventually(`${what} is gone`, async () => {
      const there = await get().catch((error: unknown) => {
        if (error instanceof KubeError && error.status === 404) return undefined;
        throw error;
      });
      if (there !== undefined) throw new Error('it still exists');
    });
  }

  secretGone(namespace: string, name = this.name): Promise<void> {
    return this.gone(`Secret ${namespace}/${name}`, () => this.secretIn(namespace, name));
  }

  credentialGone(name = this.name): Promise<void> {
    return this.gone(`RegistryCredential ${name}`, () => this.credentialObject(name));
  }

  /** Waits until the account has exactly these names, in this order. */
  pullSecretsAre(namespace: string, names: string[], account = 'default'): Promise<void> {
    return eventually(`${namespace}/${account} has imagePullSecrets [${names}]`, async () => {
      const found = await this.pullSecrets(namespace, account);
      if (found.join() !== names.join()) throw new Error(`[${found}]`);
    });
  }

  secretPlaced(namespace: string, name = this.name): Promise<KubeObject> {
    return eventually(`Secret ${namespace}/${name} is placed`, () => this.secretIn(namespace, name));
  }

  /** The Events of a credential, as in kubectl describe. */
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

  /** Waits for an Event. The operator writes it after the status. */
  told(reason: string, name = this.name): Promise<void> {
    return eventually(`an Event with reason ${reason} about ${name}`, async () => {
      const reasons = (await this.events(name)).map((event) => event.reason);
      if (!reasons.includes(reason)) throw new Error(`[${reasons}]`);
    });
  }
}
