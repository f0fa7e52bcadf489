/** A cluster with many namespaces in which everything is placed, to see what a change of the operator's version writes. */
import { join } from 'node:path';
import type { RegistryCredentialStatus } from '../../src/api/types.ts';
import type { KubeClient } from '../../src/kube/client.ts';
import { connect } from '../support/api.ts';
import { type Audited, auditedSince, endOf, isWrite } from '../support/audit.ts';
import type { KubeObject } from '../support/cluster.ts';
import { type ControlPlane, kubectl, startControlPlane } from '../support/controlplane.ts';
import { eventually } from '../support/eventually.ts';
import { leads, type OperatorProcess, operatorKubeconfig, startOperator } from '../support/operator.ts';
import type { Version } from './former.ts';

export const CREDENTIALS = '/apis/regcred.dev/v1alpha1/registrycredentials';
const SYSTEM = 'regcred-system';
const SOURCES = 'sources';
export const NAMESPACES = 200;
/** Everything is placed again within this time, also on a busy machine. */
const DEADLINE_MS = 120_000;

/** What both versions know. Each has a source with its name. */
const SPECS: Readonly<Record<string, object>> = {
  wide: { namespaces: { names: ['team-*'] }, serviceAccounts: { names: ['*'] } },
  kept: { namespaces: { names: ['team-1*'] }, deletionPolicy: 'Retain', secretMetadata: { labels: { owner: 'platform' } } },
  chosen: { namespaces: { selector: { matchLabels: { pull: 'yes' } } }, secretName: 'pull-me' },
};

export class Estate {
  readonly controlPlane: ControlPlane;
  readonly api: KubeClient;
  #operator: OperatorProcess | undefined;
  #passwords = 0;
  #namespaces = NAMESPACES;

  constructor(controlPlane: ControlPlane) {
    this.controlPlane = controlPlane;
    this.api = connect(controlPlane.kubeconfig);
  }

  /** Starts a control plane with the manifests of a version. */
  static async open(version: Version): Promise<Estate> {
    const estate = new Estate(await startControlPlane((line) => console.error(line)));
    await estate.apply(version);
    return estate;
  }

  async close(): Promise<void> {
    await this.#operator?.stop();
    await this.api.close();
    await this.controlPlane.stop();
  }

  /** `kubectl apply -k`: the API, the rights, and the Deployment without pods. */
  async apply(version: Version): Promise<void> {
    await kubectl(this.controlPlane, 'apply', '-k', version.manifests);
    await kubectl(this.controlPlane, 'wait', '--for=condition=Established', 'crd', '--all', '--timeout=30s');
  }

  /** Ends the operator that runs, and starts that of a version. Resolves when it leads. */
  async run(version: Version): Promise<void> {
    await this.#operator?.stop();
    const kubeconfig = await operatorKubeconfig(this.controlPlane.kubeconfig, SYSTEM, this.controlPlane.scratch);
    const logFile = join(this.controlPlane.scratch, 'operator.log');
    this.#operator = startOperator({ command: [process.execPath, version.program], kubeconfig, logFile });
    await leads(this.#operator, DEADLINE_MS);
  }

  /** Creates all namespaces and credentials, and waits until everything is placed. */
  async furnish(): Promise<void> {
    await this.#post('/api/v1/namespaces', { metadata: { name: SOURCES } });
    for (let n = 0; n < NAMESPACES; n++) await this.#makeNamespace(n);
    for (const [name, spec] of Object.entries(SPECS)) {
      const type = 'kubernetes.io/basic-auth';
      await this.#post(`/api/v1/namespaces/${SOURCES}/secrets`, {
        metadata: { name },
        type,
        stringData: { username: 'robot', password: `sample-password-of-${name}` },
      });
      const registries = [{ server: `${name}.example.com`, secretRef: { namespace: SOURCES, name } }];
      await this.#post(CREDENTIALS, {
        apiVersion: 'regcred.dev/v1alpha1',
        kind: 'RegistryCredential',
        metadata: { name },
        spec: { registries, ...spec },
      });
    }
    await this.settled();
  }

  /**
   * Creates a namespace and rotates a password, and waits until both are everywhere: the operator works, and has looked at everything
   * else, because a new namespace comes after the first look.
   */
  async works(): Promise<void> {
    const name = await this.#makeNamespace(this.#namespaces++);
    const password = `sample-password-number-${++this.#passwords}`;
    await this.api.call('PATCH', `/api/v1/namespaces/${SOURCES}/secrets/chosen`, { body: { stringData: { password } } });
    await eventually(
      `${name} has its Secrets, and every copy the new password`,
      async () => {
        await this.api.call('GET', `/api/v1/namespaces/${name}/secrets/wide`);
        const copies = (await this.secrets()).filter(({ metadata }) => metadata.name === 'pull-me');
        const old = copies.filter(({ data }) => !Buffer.from(data?.['.dockerconfigjson'] ?? '', 'base64').includes(password));
        if (copies.length === 0 || old.length > 0) throw new Error(`${old.length} of ${copies.length} are old`);
      },
      DEADLINE_MS,
    );
    await this.settled();
  }

  /** Waits until the operator has written an object of a kind that the former version did not have. */
  async usesNewKinds(): Promise<void> {
    await eventually(
      'the rules for new pods are written',
      async () => {
        const { spec } = await this.api.call<{ spec?: object }>('GET', '/apis/regcred.dev/v1alpha1/pullsecretrules/regcred');
        if (!JSON.stringify(spec).includes('wide')) throw new Error(JSON.stringify(spec));
      },
      DEADLINE_MS,
    );
  }

  /** Waits until every credential is Ready at its generation. */
  async settled(): Promise<void> {
    await eventually(
      'every credential is Ready',
      async () => {
        for (const { metadata, status } of await this.credentials()) {
          const ready = (status as RegistryCredentialStatus | undefined)?.conditions?.find(({ type }) => type === 'Ready');
          if (ready?.status !== 'True' || ready.observedGeneration !== metadata.generation)
            throw new Error(`${metadata.name} is ${ready?.reason} at generation ${ready?.observedGeneration}: ${ready?.message}`);
        }
      },
      DEADLINE_MS,
    );
  }

  /** The resourceVersion of every object with our work in it, by kind and name. */
  async versions(): Promise<Map<string, string>> {
    const ours = (await this.secrets()).filter(({ metadata }) => metadata.labels?.['regcred.dev/credential-uid'] !== undefined);
    const accounts = (await this.#list('/api/v1/serviceaccounts')).filter(({ imagePullSecrets = [] }) => imagePullSecrets.length > 0);
    const entries = (kind: string, objects: KubeObject[]) =>
      objects.map(({ metadata }): [string, string] => [`${kind} ${metadata.namespace}/${metadata.name}`, metadata.resourceVersion]);
    return new Map([...entries('Secret', ours), ...entries('ServiceAccount', accounts)]);
  }

  /** The position in the audit log, for `written`. */
  mark(): number {
    return endOf(this.controlPlane.auditLog);
  }

  /** The operator's writes since a mark. */
  written(mark: number): Audited[] {
    return auditedSince(this.controlPlane.auditLog, mark).filter(isWrite);
  }

  credentials(): Promise<KubeObject[]> {
    return this.#list(CREDENTIALS);
  }

  secrets(): Promise<KubeObject[]> {
    return this.#list('/api/v1/secrets');
  }

  async #makeNamespace(n: number): Promise<string> {
    const name = `team-${n}`;
    await this.#post('/api/v1/namespaces', { metadata: { name, labels: { pull: n % 3 === 0 ? 'yes' : 'no' } } });
    return name;
  }

  async #list(path: string): Promise<KubeObject[]> {
    return (await this.api.call<{ items: KubeObject[] }>('GET', path)).items;
  }

  #post(path: string, body: object): Promise<KubeObject> {
    return this.api.call('POST', path, { body });
  }
}
