/** Credentials of namespaces, as their tenants create and read them. */
import type { RegistryCredentialSpec, RegistryCredentialStatus } from '../../src/api/types.ts';
import type { KubeClient } from '../../src/kube/client.ts';
import type { KubeObject, Scene } from './cluster.ts';
import { eventually } from './eventually.ts';

export const ACCEPT_FROM = 'regcred.dev/accept-from';

/** The spec as its author writes it: references have no namespace, and everything but a source is optional. */
export type TenantSpec = Partial<Omit<RegistryCredentialSpec, 'registries' | 'dockerConfigs' | 'verification'>> & {
  readonly registries?: readonly object[];
  readonly dockerConfigs?: readonly object[];
  readonly verification?: Partial<RegistryCredentialSpec['verification']>;
};

type Condition = NonNullable<RegistryCredentialStatus['conditions']>[number];

const at = (namespace: string, name = '') =>
  `/apis/regcred.dev/v1alpha1/namespaces/${namespace}/namespacedregistrycredentials${name && `/${name}`}`;

/** What a tenant does in its namespace. `api`: the client of the tenant; by default that of an administrator. */
export class Tenant {
  readonly scene: Scene;
  readonly namespace: string;
  readonly api: KubeClient;

  constructor(scene: Scene, namespace: string, api: KubeClient = scene.api) {
    this.scene = scene;
    this.namespace = namespace;
    this.api = api;
  }

  /** Creates the source `robot`. */
  async source(password = 'sample-password', name = 'robot'): Promise<void> {
    const body = { metadata: { name }, type: 'kubernetes.io/basic-auth', stringData: { username: 'robot', password } };
    await this.api.call('POST', `/api/v1/namespaces/${this.namespace}/secrets`, { body });
  }

  async create(spec: TenantSpec = {}, name = this.scene.name): Promise<KubeObject> {
    const sources =
      spec.registries || spec.dockerConfigs ? {} : { registries: [{ server: 'registry.example.com', secretRef: { name: 'robot' } }] };
    const body = {
      apiVersion: 'regcred.dev/v1alpha1',
      kind: 'NamespacedRegistryCredential',
      metadata: { name, namespace: this.namespace },
      spec: { ...sources, ...spec },
    };
    return this.api.call('POST', at(this.namespace), { body });
  }

  /** The usual start: a source and a credential, which becomes Ready. */
  async placed(spec: TenantSpec = {}): Promise<void> {
    await this.source();
    await this.create(spec);
    await this.ready();
  }

  patch(spec: object, name = this.scene.name): Promise<KubeObject> {
    return this.api.call('PATCH', at(this.namespace, name), { body: { spec } });
  }

  async delete(name = this.scene.name): Promise<void> {
    await this.api.call('DELETE', at(this.namespace, name));
  }

  object(name = this.scene.name): Promise<KubeObject> {
    return this.api.call('GET', at(this.namespace, name));
  }

  async status(name = this.scene.name): Promise<RegistryCredentialStatus> {
    return (await this.object(name)).status ?? {};
  }

  async condition(type: string, name = this.scene.name): Promise<Condition> {
    const condition = (await this.status(name)).conditions?.find((one) => one.type === type);
    if (!condition) throw new Error(`${this.namespace}/${name} has no condition ${type}`);
    return condition;
  }

  /** Waits for this status of Ready at the current generation, and returns the condition. */
  ready(status: Condition['status'] = 'True', reason?: string, name = this.scene.name): Promise<Condition> {
    return eventually(`${this.namespace}/${name} is Ready=${status} ${reason ?? ''}`, async () => {
      const { metadata } = await this.object(name);
      const ready = await this.condition('Ready', name);
      const isIt = ready.status === status && (reason === undefined || ready.reason === reason);
      if (!isIt || ready.observedGeneration !== metadata.generation)
        throw new Error(`Ready=${ready.status} ${ready.reason}: ${ready.message}`);
      return ready;
    });
  }
}

/** Lets a namespace accept the credentials of others; none: of nobody any more. */
export const accept = (scene: Scene, namespace: string, ...homes: string[]): Promise<KubeObject> =>
  scene.patch(`/api/v1/namespaces/${namespace}`, { metadata: { annotations: { [ACCEPT_FROM]: homes.join(',') || null } } });
