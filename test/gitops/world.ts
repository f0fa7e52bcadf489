/** A cluster without nodes for a GitOps tool, with a Git server beside it. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { KubeClient } from '../../src/kube/client.ts';
import { connect } from '../support/api.ts';
import { Cluster, type KubeObject, SOURCES } from '../support/cluster.ts';
import { type ControlPlane, kubectl, startControlPlane } from '../support/controlplane.ts';
import { leads, operatorKubeconfig, startOperator } from '../support/operator.ts';
import { type Git, startGit } from './git.ts';
import { type Program, startProgram } from './program.ts';

/** A sync of a GitOps tool takes seconds, on a busy machine many: a test that reaches this deadline fails. */
export const DEADLINE_MS = 120_000;

const DEPLOYMENT = '/apis/apps/v1/namespaces/regcred-system/deployments/regcred';

export class World {
  readonly controlPlane: ControlPlane;
  readonly api: KubeClient;
  readonly git: Git;
  readonly #running: Program[] = [];
  #cluster: Cluster | undefined;
  #files = 0;

  constructor(controlPlane: ControlPlane, git: Git) {
    this.controlPlane = controlPlane;
    this.api = connect(controlPlane.kubeconfig);
    this.git = git;
  }

  kubectl(...args: string[]): Promise<string> {
    return kubectl(this.controlPlane, ...args);
  }

  /** Applies objects, or the text of a YAML file. */
  async apply(manifest: string | object[], ...flags: string[]): Promise<void> {
    const file = join(this.controlPlane.scratch, `apply-${++this.#files}.yaml`);
    const text = typeof manifest === 'string' ? manifest : JSON.stringify({ apiVersion: 'v1', kind: 'List', items: manifest });
    writeFileSync(file, text);
    await this.kubectl('apply', ...flags, '-f', file);
  }

  /** Starts a program of the tool. It is stopped with the world. */
  program(path: string, args: readonly string[], env: NodeJS.ProcessEnv): Program {
    const name = path.replace(/.*\//, '');
    const program = startProgram(path, args, env, join(this.controlPlane.scratch, `${name}.log`));
    this.#running.push(program);
    return program;
  }

  /** What a node does with the installed Deployment: runs the operator with its ServiceAccount, and reports its pods as available. */
  async runOperator(env: NodeJS.ProcessEnv = {}): Promise<Cluster> {
    const { controlPlane, api } = this;
    await api.call('POST', '/api/v1/namespaces', { body: { metadata: { name: SOURCES } } });
    const kubeconfig = await operatorKubeconfig(controlPlane.kubeconfig, 'regcred-system', controlPlane.scratch);
    const operator = startOperator({ kubeconfig, env, logFile: join(controlPlane.scratch, 'operator.log') });
    this.#cluster = new Cluster(controlPlane, api, operator, kubeconfig, env);
    await leads(operator);
    await this.reportAvailable();
    return this.#cluster;
  }

  async reportAvailable(): Promise<void> {
    const { metadata, spec } = await this.api.call<KubeObject>('GET', DEPLOYMENT);
    const { replicas } = spec as { replicas: number };
    const status = {
      observedGeneration: metadata.generation,
      replicas,
      updatedReplicas: replicas,
      readyReplicas: replicas,
      availableReplicas: replicas,
      conditions: [
        { type: 'Available', status: 'True', reason: 'MinimumReplicasAvailable' },
        { type: 'Progressing', status: 'True', reason: 'NewReplicaSetAvailable' },
      ],
    };
    await this.api.call('PATCH', `${DEPLOYMENT}/status`, { body: { status } });
  }

  async stop(): Promise<void> {
    for (const program of this.#running.reverse()) await program.stop();
    this.#cluster?.operator.signal('SIGCONT');
    await this.#cluster?.operator.stop();
    this.git.close();
    await this.api.close();
    await this.controlPlane.stop();
  }
}

export async function startWorld(): Promise<World> {
  const controlPlane = await startControlPlane((line) => console.error(line));
  return new World(controlPlane, await startGit());
}
