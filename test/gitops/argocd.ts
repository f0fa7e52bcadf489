/** Argo CD: its repo server, application controller and API server, next to the control plane. An in-memory Redis is its cache. */
import { mkdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect } from 'chai';
import { find } from '../support/api.ts';
import type { KubeObject } from '../support/cluster.ts';
import { eventually } from '../support/eventually.ts';
import { freePorts } from './program.ts';
import { argoCdDirectory } from './programs.ts';
import { DEADLINE_MS, type World } from './world.ts';

export const ARGOCD = resolve(import.meta.dirname, '../../manifests/argocd');
const APPLICATIONS = '/apis/argoproj.io/v1alpha1/namespaces/argocd/applications';

export interface Application extends KubeObject {
  readonly operation?: object;
  readonly status?: {
    readonly sync?: { readonly status: string; readonly revision?: string };
    readonly health?: { readonly status: string };
    readonly operationState?: {
      readonly phase: string;
      readonly message?: string;
      readonly syncResult?: { readonly resources?: readonly { readonly message?: string }[] };
    };
    readonly conditions?: readonly { readonly type: string; readonly message: string }[];
    readonly history?: readonly object[];
  };
}

/** An object in the tree of an Application, as its page shows it. */
export interface TreeNode {
  readonly kind: string;
  readonly name: string;
  readonly namespace?: string;
  readonly health?: { readonly status: string; readonly message?: string };
}

export class ArgoCd {
  readonly world: World;
  readonly #url: string;

  constructor(world: World, url: string) {
    this.world = world;
    this.#url = url;
  }

  // --- as a user of its API ---

  async #call<T>(method: string, path: string, body?: object): Promise<T> {
    const response = await fetch(`${this.#url}/api/v1/${path}`, {
      method,
      headers: { 'content-type': 'application/json' },
      ...(body && { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return JSON.parse(text) as T;
  }

  /** Syncs an Application to the last commit, and returns how the sync ended. */
  async sync(name: string, more: object = {}): Promise<NonNullable<NonNullable<Application['status']>['operationState']>> {
    await eventually('no other sync is running', () => this.#call('POST', `applications/${name}/sync`, more), DEADLINE_MS);
    return eventually(
      `the sync of ${name} ends`,
      async () => {
        const { operation, status } = await this.application(name);
        const state = status?.operationState;
        if (operation || !state || state.phase === 'Running') throw new Error(JSON.stringify(state));
        return state;
      },
      DEADLINE_MS,
    );
  }

  /** The Application, compared again with Git and the cluster. */
  refreshed(name: string): Promise<Application> {
    return this.#call('GET', `applications/${name}?refresh=normal`);
  }

  /** What belongs to an Application, and what in its namespace belongs to none. */
  async tree(name: string): Promise<{ nodes: readonly TreeNode[]; orphans: readonly TreeNode[] }> {
    type Tree = { nodes?: TreeNode[]; orphanedNodes?: TreeNode[] };
    const { nodes = [], orphanedNodes = [] } = await this.#call<Tree>('GET', `applications/${name}/resource-tree`);
    return { nodes, orphans: orphanedNodes };
  }

  /** The health of an object in the tree of an Application. */
  async healthOf(application: string, kind: string, name: string): Promise<{ status: string; message?: string }> {
    const node = (await this.tree(application)).nodes.find((one) => one.kind === kind && one.name === name);
    if (!node?.health) throw new Error(`${application} shows no health of ${kind} ${name}`);
    return node.health;
  }

  /** The links on the page of an object. */
  async links(
    application: string,
    object: { group: string; version: string; kind: string; name: string; namespace?: string },
  ): Promise<Map<string, string>> {
    const { group, version, kind, name, namespace = '' } = object;
    const query = new URLSearchParams({ resourceName: name, namespace, group, version, kind });
    const { items = [] } = await this.#call<{ items?: { title: string; url: string }[] }>(
      'GET',
      `applications/${application}/resource/links?${query}`,
    );
    return new Map(items.map(({ title, url }) => [title, url]));
  }

  // --- as in the cluster ---

  application(name: string): Promise<Application> {
    return this.world.api.call('GET', `${APPLICATIONS}/${name}`);
  }

  find(name: string): Promise<Application | undefined> {
    return find<Application>(this.world.api, `${APPLICATIONS}/${name}`);
  }

  /** Waits until Argo CD shows this status. */
  async is(name: string, sync: 'Synced' | 'OutOfSync', health: string): Promise<Application> {
    return eventually(
      `the Application ${name} is ${sync} and ${health}`,
      async () => {
        const application = await this.application(name);
        const { status } = application;
        const found = { sync: status?.sync?.status, health: status?.health?.status };
        expect(found, JSON.stringify(status?.operationState?.message ?? status?.conditions)).to.deep.equal({ sync, health });
        return application;
      },
      DEADLINE_MS,
    );
  }

  /** Creates an Application of a repository. `spec` replaces parts of the default. */
  async create(name: string, repository: string, namespace: string, spec: object = {}, metadata: object = {}): Promise<void> {
    const { git } = this.world;
    const body = {
      apiVersion: 'argoproj.io/v1alpha1',
      kind: 'Application',
      metadata: { name, namespace: 'argocd', ...metadata },
      spec: {
        project: 'default',
        source: { repoURL: git.url(repository), targetRevision: 'main', path: '.' },
        destination: { server: 'https://kubernetes.default.svc', namespace },
        ...spec,
      },
    };
    await this.world.api.call('POST', APPLICATIONS, { body });
  }

  async patch(name: string, body: object): Promise<void> {
    await this.world.api.call('PATCH', `${APPLICATIONS}/${name}`, { body });
  }

  async delete(name: string): Promise<void> {
    await this.world.api.call('DELETE', `${APPLICATIONS}/${name}`);
  }

  async gone(name: string): Promise<void> {
    await eventually(
      `the Application ${name} is gone`,
      async () => expect((await this.find(name))?.status?.conditions ?? (await this.find(name))).to.equal(undefined),
      DEADLINE_MS,
    );
  }
}

/** Installs Argo CD with its own manifests and our health checks and links, and starts its programs. */
export async function startArgoCd(world: World): Promise<ArgoCd> {
  const { controlPlane } = world;
  const programs = await argoCdDirectory((line) => console.error(line));
  await world.kubectl('create', 'namespace', 'argocd');
  await world.kubectl('apply', '--server-side', '-n', 'argocd', '-f', join(programs, 'install.yaml'));
  for (const file of ['argocd-cm.yaml', 'deep-links.yaml']) {
    const [, command = ''] = /^# +kubectl (apply .*) -f /m.exec(readFileSync(join(ARGOCD, file), 'utf8')) ?? [];
    await world.kubectl(...command.split(' '), '-f', join(ARGOCD, file));
  }
  await world.kubectl(
    'wait',
    '--for=condition=Established',
    '--timeout=60s',
    'crd/applications.argoproj.io',
    'crd/appprojects.argoproj.io',
  );

  const [redis, repository, api, ...metrics] = (await freePorts(6)) as [number, number, number, number, number, number];
  const directory = (name: string) => {
    const path = join(controlPlane.scratch, 'argocd', name);
    mkdirSync(path, { recursive: true });
    return path;
  };
  const env = {
    PATH: `${programs}:${process.env.PATH}`,
    HOME: directory('home'),
    TMPDIR: directory('tmp'),
    ARGOCD_TLS_DATA_PATH: directory('tls'),
    ARGOCD_SSH_DATA_PATH: directory('ssh'),
    ARGOCD_GNUPGHOME: directory('gnupg'),
    ARGOCD_GPG_DATA_PATH: directory('gpg'),
    ARGOCD_GPG_ENABLED: 'false',
    ARGOCD_ASK_PASS_SOCK: join(directory('tmp'), 'ask-pass.sock'),
    ARGOCD_PLUGINSOCKFILEPATH: directory('plugins'),
    // It takes the cluster of this file for the one that it runs in.
    ARGOCD_FAKE_IN_CLUSTER: 'true',
    KUBECONFIG: controlPlane.kubeconfig,
  };
  const start = (name: string, ...args: string[]) => world.program(join(programs, name), args, env);
  const cluster = ['--kubeconfig', controlPlane.kubeconfig, '--namespace', 'argocd'];
  const cache = ['--redis', `127.0.0.1:${redis}`];
  const manifests = ['--repo-server', `127.0.0.1:${repository}`, '--repo-server-plaintext'];
  const all = [
    start('redis', `127.0.0.1:${redis}`),
    start(
      'argocd-repo-server',
      ...cache,
      '--disable-tls',
      '--client-ca-path=',
      '--address',
      '127.0.0.1',
      '--port',
      `${repository}`,
      '--metrics-port',
      `${metrics[0]}`,
    ),
    start('argocd-application-controller', ...cluster, ...cache, ...manifests, '--metrics-port', `${metrics[1]}`),
    start(
      'argocd-server',
      ...[...cluster, ...cache, ...manifests],
      ...['--insecure', '--disable-auth', '--address', '127.0.0.1', '--port', `${api}`, '--metrics-port', `${metrics[2]}`],
    ),
  ];
  const url = `http://127.0.0.1:${api}`;
  await eventually(
    'the API server of Argo CD answers',
    async () => {
      for (const program of all) program.check();
      expect((await fetch(`${url}/healthz`)).status).to.equal(200);
    },
    DEADLINE_MS,
  );
  return new ArgoCd(world, url);
}
