/** What users run on the node: namespaces, Deployments, and what becomes of their pods. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import type { KubeClient } from '../../src/kube/client.ts';
import type { ControlPlane } from '../support/controlplane.ts';
import { eventually } from '../support/eventually.ts';

export interface Pod {
  readonly metadata: { readonly name: string; readonly uid: string; readonly deletionTimestamp?: string };
  readonly spec: { readonly imagePullSecrets?: readonly { readonly name: string }[] };
  readonly status: {
    readonly containerStatuses?: readonly {
      readonly restartCount: number;
      readonly state?: { readonly waiting?: { readonly reason?: string; readonly message?: string } };
    }[];
  };
}

const namespaceOf = (name: string) => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } });

/** One pod that asks the registry at each start, also for an image that the node has. */
function deploymentOf(namespace: string, name: string, image: string): object {
  const labels = { app: name };
  const container = { name: 'app', image, imagePullPolicy: 'Always' };
  const template = { metadata: { labels }, spec: { terminationGracePeriodSeconds: 1, containers: [container] } };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace },
    spec: { selector: { matchLabels: labels }, template },
  };
}

export class Workloads {
  readonly #controlPlane: ControlPlane;
  readonly #api: KubeClient;

  constructor(controlPlane: ControlPlane, api: KubeClient) {
    this.#controlPlane = controlPlane;
    this.#api = api;
  }

  /** Creates a namespace, and waits for its default ServiceAccount. */
  async namespace(name: string): Promise<void> {
    await this.#api.call('POST', '/api/v1/namespaces', { body: namespaceOf(name) });
    await eventually(`ServiceAccount default in ${name}`, () =>
      this.#api.call('GET', `/api/v1/namespaces/${name}/serviceaccounts/default`),
    );
  }

  async namespaces(prefix: string, count: number): Promise<void> {
    for (let n = 0; n < count; n++) await this.#api.call('POST', '/api/v1/namespaces', { body: namespaceOf(`${prefix}-${n}`) });
  }

  async deploy(namespace: string, image: string, name = 'app'): Promise<void> {
    await this.#api.call('POST', `/apis/apps/v1/namespaces/${namespace}/deployments`, { body: deploymentOf(namespace, name, image) });
  }

  /** `kubectl apply` of one file with a Namespace and a Deployment in it. */
  async applyTogether(namespace: string, image: string): Promise<void> {
    const { assets, kubeconfig } = this.#controlPlane;
    const input = [namespaceOf(namespace), deploymentOf(namespace, 'app', image)].map((one) => JSON.stringify(one)).join('\n---\n');
    execFileSync(join(assets, 'kubectl'), ['--kubeconfig', kubeconfig, 'apply', '-f', '-'], { input });
  }

  /** Waits until all pods of a Deployment are ready and up to date. */
  ready(namespace: string, name: string, deadlineMs: number): Promise<void> {
    return eventually(
      `Deployment ${namespace}/${name} is ready`,
      async () => {
        const { spec, status = {} } = await this.#api.call<{ spec: { replicas: number }; status?: { readyReplicas?: number } }>(
          'GET',
          `/apis/apps/v1/namespaces/${namespace}/deployments/${name}`,
        );
        if (status.readyReplicas !== spec.replicas) throw new Error(await this.#describe(namespace));
      },
      deadlineMs,
    );
  }

  /** Waits until a pod of the namespace waits because of this error of its pull. */
  pullFails(namespace: string, message: RegExp, deadlineMs: number): Promise<void> {
    return eventually(
      `a pod in ${namespace} cannot pull`,
      async () => {
        const messages = (await this.podsOf(namespace)).map(waitingOf);
        if (!messages.some((one) => message.test(one))) throw new Error(messages.join('; '));
      },
      deadlineMs,
    );
  }

  /** The pods that are not being deleted. */
  async podsOf(namespace: string): Promise<Pod[]> {
    const { items } = await this.#api.call<{ items: Pod[] }>('GET', `/api/v1/namespaces/${namespace}/pods`);
    return items.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
  }

  /** How many pulls have failed in a namespace, by the kubelet's Events. */
  async pullFailures(namespace: string): Promise<number> {
    const { items } = await this.#api.call<{ items: { message: string }[] }>('GET', `/api/v1/namespaces/${namespace}/events`, {
      query: { fieldSelector: 'reason=Failed' },
    });
    return items.filter(({ message }) => message.includes('Failed to pull image')).length;
  }

  async #describe(namespace: string): Promise<string> {
    const pods = await this.podsOf(namespace);
    return pods.map((pod) => `${pod.metadata.name} ${JSON.stringify(pod.spec.imagePullSecrets)} ${waitingOf(pod)}`).join('; ') || 'no pods';
  }
}

function waitingOf({ status }: Pod): string {
  const waiting = status.containerStatuses?.[0]?.state?.waiting;
  return `${waiting?.reason ?? ''} ${waiting?.message ?? ''}`.trim();
}
