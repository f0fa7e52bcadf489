/** Flux: its source-controller and kustomize-controller, next to the control plane. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { find } from '../support/api.ts';
import type { KubeObject } from '../support/cluster.ts';
import { eventually } from '../support/eventually.ts';
import { freePorts } from './program.ts';
import { fluxDirectory } from './programs.ts';
import { DEADLINE_MS, type World } from './world.ts';

export const FLUX = 'flux-system';
const KUSTOMIZATIONS = `/apis/kustomize.toolkit.fluxcd.io/v1/namespaces/${FLUX}/kustomizations`;
const REPOSITORIES = `/apis/source.toolkit.fluxcd.io/v1/namespaces/${FLUX}/gitrepositories`;

interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
}
export interface Kustomization extends KubeObject {
  readonly status?: {
    readonly conditions?: readonly Condition[];
    readonly lastAppliedRevision?: string;
    readonly lastAttemptedRevision?: string;
    readonly lastHandledReconcileAt?: string;
    readonly observedGeneration?: number;
  };
}

export class Flux {
  readonly world: World;
  #requests = 0;

  constructor(world: World) {
    this.world = world;
  }

  /** Creates a GitRepository of a repository. */
  async source(repository: string, ref: object = { branch: 'main' }): Promise<void> {
    const spec = { interval: '1h', url: this.world.git.url(repository), ref };
    const body = {
      apiVersion: 'source.toolkit.fluxcd.io/v1',
      kind: 'GitRepository',
      metadata: { name: repository, namespace: FLUX },
      spec,
    };
    await this.world.api.call('POST', REPOSITORIES, { body });
  }

  /** Creates a Kustomization of a GitRepository. `spec` replaces parts of the default. */
  async kustomization(name: string, repository: string, spec: object = {}): Promise<void> {
    const body = {
      apiVersion: 'kustomize.toolkit.fluxcd.io/v1',
      kind: 'Kustomization',
      metadata: { name, namespace: FLUX },
      spec: { interval: '1h', sourceRef: { kind: 'GitRepository', name: repository }, path: './', prune: true, ...spec },
    };
    await this.world.api.call('POST', KUSTOMIZATIONS, { body });
  }

  find(name: string): Promise<Kustomization | undefined> {
    return find<Kustomization>(this.world.api, `${KUSTOMIZATIONS}/${name}`);
  }

  async delete(name: string): Promise<void> {
    await this.world.api.call('DELETE', `${KUSTOMIZATIONS}/${name}`);
  }

  /** Waits until the Kustomization has this status of Ready, and returns the condition. */
  is(name: string, status: 'True' | 'False', reason?: string): Promise<Condition> {
    return eventually(
      `the Kustomization ${name} is Ready=${status} ${reason ?? ''}`,
      async () => {
        const ready = (await this.find(name))?.status?.conditions?.find(({ type }) => type === 'Ready');
        if (ready?.status !== status || (reason !== undefined && ready.reason !== reason)) throw new Error(JSON.stringify(ready));
        return ready;
      },
      DEADLINE_MS,
    );
  }

  /** Makes Flux fetch the last commit and apply it, and waits until it has done so. */
  async reconcile(name: string, repository: string): Promise<Condition> {
    await this.#request(`${REPOSITORIES}/${repository}`);
    return this.#request(`${KUSTOMIZATIONS}/${name}`);
  }

  async #request(path: string): Promise<Condition> {
    const at = `request-${++this.#requests}`;
    await this.world.api.call('PATCH', path, { body: { metadata: { annotations: { 'reconcile.fluxcd.io/requestedAt': at } } } });
    return eventually(
      `Flux has reconciled ${path}`,
      async () => {
        const { metadata, status } = await this.world.api.call<Kustomization>('GET', path);
        const ready = status?.conditions?.find(({ type }) => type === 'Ready');
        expect([status?.lastHandledReconcileAt, status?.observedGeneration], JSON.stringify(ready)).to.deep.equal([
          at,
          metadata.generation,
        ]);
        if (ready === undefined || ready.status === 'Unknown') throw new Error(JSON.stringify(ready));
        return ready;
      },
      DEADLINE_MS,
    );
  }
}

export async function startFlux(world: World): Promise<Flux> {
  const { controlPlane } = world;
  const programs = await fluxDirectory((line) => console.error(line));
  await world.kubectl('create', 'namespace', FLUX);
  for (const file of ['source.yaml', 'kustomize.yaml']) {
    await world.kubectl('apply', '--server-side', '-f', join(programs, file));
    await world.kubectl('wait', '--for=condition=Established', '--timeout=60s', '-f', join(programs, file));
  }
  const [port] = await freePorts(1);
  const storage = join(controlPlane.scratch, 'flux');
  mkdirSync(storage);
  const env = { KUBECONFIG: controlPlane.kubeconfig, HOME: storage, TMPDIR: storage, RUNTIME_NAMESPACE: FLUX };
  const common = ['--metrics-addr=0', '--health-addr=0', '--log-level=info'];
  const address = `127.0.0.1:${port}`;
  const all = [
    world.program(
      join(programs, 'source-controller'),
      [...common, `--storage-path=${storage}`, `--storage-addr=${address}`, `--storage-adv-addr=${address}`],
      env,
    ),
    world.program(join(programs, 'kustomize-controller'), [...common, '--requeue-dependency=2s'], env),
  ];
  await eventually(
    'the storage of source-controller answers',
    async () => {
      for (const program of all) program.check();
      await fetch(`http://${address}/`);
    },
    DEADLINE_MS,
  );
  return new Flux(world);
}
