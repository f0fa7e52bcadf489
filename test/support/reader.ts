/** A reader of the docs: a checkout, two clusters, a shell with the tools of the docs, and the objects that the pages take for granted. */
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { parseAllDocuments } from 'yaml';
import type { KubeClient } from '../../src/kube/client.ts';
import { type BadServer, startBad, startProxy } from './bad-registry.ts';
import { type Bare, startBare } from './bare-cluster.ts';
import { base64 } from './builders.ts';
import { makeAuthority } from './certificates.ts';
import { type Cluster, type KubeObject, type Scene, startCluster, stopCluster } from './cluster.ts';
import type { ControlPlane } from './controlplane.ts';
import { eventually } from './eventually.ts';
import { helmProgram } from './helm.ts';
import { type Block, blocksOf, shell } from './page.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const SYSTEM = 'regcred-system';
const GROUP = '/apis/regcred.dev/v1alpha1';
const DEPLOYMENTS = `/apis/apps/v1/namespaces/${SYSTEM}/deployments`;

/** What a reader puts in place of the capital letters of a page. */
const FILLED_IN = { NAME: 'acme', NS: 'shop', POD: 'web-0' };

/** The registries of the docs. Each accepts every login, and has every image. */
const REGISTRIES = ['ghcr.io', 'registry-1.docker.io', 'registry.gitlab.com', 'harbor.example.com', 'registry.example.com', 'quay.io'];

/** The message of the kubelet in the README. */
const PULL_ERROR =
  'Back-off pulling image "ghcr.io/acme/web:1": ErrImagePull: failed to authorize: failed to fetch anonymous token: 401 Unauthorized';

interface Credentials {
  readonly items: readonly (KubeObject & {
    readonly status?: { readonly observedGeneration?: number; readonly conditions?: { type: string; status: string }[] };
  })[];
}

interface Deployment extends KubeObject {
  readonly spec: { readonly replicas: number };
  readonly status?: { readonly observedGeneration?: number };
}

export class Reader {
  readonly cluster: Cluster;
  readonly #scene: Scene;
  /** A cluster without regcred, for the pages that install it with Helm. The first block that needs it starts it. */
  #bare: Bare | undefined;
  readonly #registries: readonly Pick<BadServer, 'close'>[];
  readonly directory: string;
  readonly #env: NodeJS.ProcessEnv;
  /** The blocks since the last `begin`. */
  #ran: Block[] = [];
  /** The credential that the page showed last: kind, name and namespace. A block with only a part of a spec is for this one. */
  #last: string[] = [];

  private constructor(cluster: Cluster, registries: readonly Pick<BadServer, 'close'>[], env: NodeJS.ProcessEnv) {
    this.cluster = cluster;
    this.#scene = cluster.scene();
    this.#registries = registries;
    this.directory = join(cluster.controlPlane.scratch, 'checkout');
    this.#env = env;
  }

  static async start(): Promise<Reader> {
    const authority = makeAuthority();
    const registry = await startBad(answer, authority.issue(REGISTRIES));
    const proxy = await startProxy(undefined, Object.fromEntries(REGISTRIES.map((host) => [host, registry.port])));
    // All hosts are asked through the proxy, which leads to the registry on this machine.
    const asked = { HTTPS_PROXY: `http://${proxy.host}`, NO_PROXY: '127.0.0.1,localhost' };
    const scratch = mkdtempSync(join(tmpdir(), 'regcred-reader-'));
    const ca = join(scratch, 'registry-ca.crt');
    writeFileSync(ca, authority.cert);
    const controllers = ['statefulset-controller', 'clusterrole-aggregation-controller'];
    const cluster = await startCluster(controllers, { ...asked, REGCRED_VERIFICATION: 'on', REGCRED_REGISTRY_CA_FILE: ca });
    const env = await shellOf(cluster.controlPlane);
    const reader = new Reader(cluster, [registry, proxy, { close: () => rmSync(scratch, { recursive: true }) }], {
      ...env,
      ...asked,
      NODE_EXTRA_CA_CERTS: ca,
    });
    await reader.#settle();
    return reader;
  }

  async stop(): Promise<void> {
    await this.#bare?.api.close();
    await this.#bare?.controlPlane.stop();
    await stopCluster(this.cluster);
    for (const server of this.#registries) server.close();
  }

  /** The cluster as the pages take it for granted: the namespaces exist, and acme of the README is in place. The rest of other pages is removed. */
  async begin(): Promise<void> {
    const { api } = this.cluster;
    const ran = this.#ran.splice(0);
    // Every command that changes the operator's own objects names a kustomization or a manifest.
    if (ran.some(({ text }) => /-k |kustomize|manifests|overlays/.test(text))) await this.cluster.kubectl('apply', '-k', this.directory);
    for (const kind of ['registrycredentials', 'namespacedregistrycredentials']) await this.#removeAll(`${GROUP}/${kind}`);
    await api.call('DELETE', `/api/v1/namespaces/${SYSTEM}/secrets`);
    await api.call('DELETE', '/api/v1/namespaces/default/pods', { query: { gracePeriodSeconds: '0' } });
    await this.#scene.secret(SYSTEM, 'ghcr-robot', 'kubernetes.io/basic-auth', { username: 'robot', password: 'sample-password' });
    await api.call('DELETE', '/api/v1/namespaces/team-a/secrets', { query: { fieldSelector: 'metadata.name=ghcr-robot' } });
    await this.#scene.secret('team-a', 'ghcr-robot', 'kubernetes.io/basic-auth', { username: 'robot', password: 'sample-password' });
    const [acme] = blocksOf(readFileSync(join(ROOT, 'README.md'), 'utf8')).filter(({ language }) => language === 'yaml');
    await this.apply(acme?.text ?? '');
    if (!ran.some(({ mark }) => mark === 'with Helm')) return;
    await shell(
      'helm uninstall regcred -n regcred-system --ignore-not-found && kubectl delete crd --ignore-not-found registrycredentials.regcred.dev namespacedregistrycredentials.regcred.dev pullsecretrules.regcred.dev',
      this.directory,
      await this.#helmEnv(),
    );
  }

  /** Deletes all objects of a kind in all namespaces, and waits until the operator has cleaned up. */
  async #removeAll(path: string): Promise<void> {
    const { api } = this.cluster;
    const all = async () => (await api.call<{ items: KubeObject[] }>('GET', path)).items;
    for (const { metadata } of await all()) {
      const [group, kind] = [path.slice(0, path.lastIndexOf('/')), path.slice(path.lastIndexOf('/') + 1)];
      const where = metadata.namespace === undefined ? '' : `/namespaces/${metadata.namespace}`;
      await api.call('DELETE', `${group}${where}/${kind}/${metadata.name}`);
    }
    await eventually(`${path} is empty`, async () => {
      const left = await all();
      if (left.length > 0) throw new Error(left.map(({ metadata }) => metadata.name).join());
    });
  }

  /** Runs a block as a reader would. Throws if a command fails, or if its output is not that of the page. */
  async run(block: Block): Promise<void> {
    const { language, text, mark } = block;
    this.#ran.push(block);
    const env = mark === 'with Helm' ? await this.#helmEnv() : this.#env;
    const filled = Object.entries(language === 'sh' ? FILLED_IN : {})
      .reduce((all, [word, name]) => all.replaceAll(new RegExp(`(?<![A-Z_-])${word}(?![A-Z_=-])`, 'g'), name), text)
      .replaceAll('/tmp/regcred', join(this.cluster.controlPlane.scratch, 'login'));
    if (/\| jq /.test(text) && !existsSync('/usr/bin/jq'))
      return console.error('      A block that needs jq is not run: this machine has none.');
    if (language === 'sh') await this.#withNodes(shell(filled, this.directory, env));
    if (language === 'console') await this.#compare(filled, env);
    if (language === 'yaml') await this.#use(text);
    await this.#settled();
  }

  /** Applies objects. A RegistryCredential must then become Ready. */
  async apply(text: string): Promise<void> {
    const file = join(this.directory, 'page.yaml');
    writeFileSync(file, text);
    await this.cluster.kubectl('apply', '-f', file);
    for (const document of parseAllDocuments(text)) {
      const { kind, metadata } = document.toJS() as { kind: string; metadata: { name: string; namespace?: string } };
      if (!kind.endsWith('RegistryCredential')) continue;
      this.#last = [kind, metadata.name, `--namespace=${metadata.namespace ?? ''}`];
      await this.cluster.kubectl('wait', '--for=condition=Ready', '--timeout=90s', ...this.#last);
    }
  }

  /** A yaml block: whole objects, a kustomization next to a checkout, or a part of the spec of a RegistryCredential. */
  async #use(text: string): Promise<void> {
    if (/^apiVersion:/m.test(text)) return this.apply(text);
    const directory = join(this.cluster.controlPlane.scratch, 'own');
    mkdirSync(directory, { recursive: true });
    if (/^(resources|components):/m.test(text)) {
      writeFileSync(join(directory, 'kustomization.yaml'), text);
      await this.cluster.kubectl('kustomize', directory);
    } else if (text.startsWith('spec:\n')) {
      const file = join(directory, 'patch.yaml');
      writeFileSync(file, text);
      await this.cluster.kubectl('patch', ...this.#last, '--type=merge', '--patch-file', file);
    } else throw new Error('The block is no whole object, no kustomization, and no part of a RegistryCredential that begins with spec:');
  }

  /** A console block: `$ command`, and the lines that it prints. `…` on the page stands for any text, and an age for any age. */
  async #compare(text: string, env: NodeJS.ProcessEnv): Promise<void> {
    for (const part of text.split(/^\$ /m).slice(1)) {
      const [command = '', ...lines] = part.trimEnd().split('\n');
      const output = await this.#withNodes(shell(`{ ${command}\n} 2>&1`, this.directory, env));
      const plain = (line: string) =>
        line
          .replace(/\b\d+[smhd]\b/g, '1s')
          .replace(/\s+/g, ' ')
          .trim();
      const found = output.trimEnd().split('\n').map(plain);
      const pattern = lines
        .map((line) =>
          plain(line)
            .split('…')
            .map((piece) => piece.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
            .join('.*'),
        )
        .join('\n');
      if (!new RegExp(`^${pattern}$`).test(found.join('\n')))
        throw new Error(`${command} prints this, and the page shows something else:\n${output}`);
    }
  }

  async #helmEnv(): Promise<NodeJS.ProcessEnv> {
    this.#bare ??= await startBare();
    return { ...this.#env, KUBECONFIG: this.#bare.controlPlane.kubeconfig };
  }

  /** Does what the nodes would do while a command waits for them: the Deployment becomes available, and the test pod of the chart succeeds. */
  async #withNodes<T>(work: Promise<T>): Promise<T> {
    const state = { isDone: false };
    const done = work.finally(() => {
      state.isDone = true;
    });
    done.catch(() => {});
    do {
      for (const api of [this.cluster.api, ...(this.#bare ? [this.#bare.api] : [])]) await actAsNodes(api);
      await new Promise((resolve) => setTimeout(resolve, 50));
    } while (!state.isDone);
    return done;
  }

  /** Gives the operator the time that a reader needs to read on: until it has seen every spec, and no credential is Unknown. */
  #settled(): Promise<void> {
    return eventually('every RegistryCredential has a result', async () => {
      const all = await this.cluster.api.call<Credentials>('GET', `${GROUP}/registrycredentials`).catch(() => ({ items: [] }));
      const isUnknown = ({ type, status }: { type: string; status: string }) => type === 'Ready' && status === 'Unknown';
      const unknown = all.items.filter(
        ({ metadata, status }) => status?.observedGeneration !== metadata.generation || status?.conditions?.some(isUnknown),
      );
      if (unknown.length > 0) throw new Error(unknown.map(({ metadata }) => metadata.name).join());
    });
  }

  /** The checkout, and the objects that stay for all pages. The pod web-0 is older than the credential. */
  async #settle(): Promise<void> {
    const { api, controlPlane } = this.cluster;
    mkdirSync(this.directory);
    for (const name of ['charts', 'crds', 'manifests', 'overlays', 'kustomization.yaml'])
      cpSync(join(ROOT, name), join(this.directory, name), { recursive: true });
    for (const name of ['dist', 'node_modules']) symlinkSync(join(ROOT, name), join(this.directory, name));
    writeFileSync(join(this.directory, 'deploy.sh'), '#!/bin/sh\n', { mode: 0o755 });
    mkdirSync(join(controlPlane.scratch, 'own'));
    symlinkSync(this.directory, join(controlPlane.scratch, 'own/regcred'));
    for (const namespace of ['shop', 'team-a', 'team-b', 'monitoring']) await this.#scene.namespace({}, namespace);
    const template = { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'web', image: 'ghcr.io/acme/web:1' }] } };
    const spec = { serviceName: 'web', selector: { matchLabels: { app: 'web' } }, template };
    const deployments = '/apis/apps/v1/namespaces/shop/deployments';
    await api.call('POST', deployments, { body: { metadata: { name: 'web' }, spec: { selector: spec.selector, template } } });
    writeFileSync(
      join(this.directory, 'deployment.yaml'),
      JSON.stringify({
        apiVersion: 'apps/v1',
        kind: 'Deployment',
        metadata: { name: 'web', namespace: 'shop' },
        spec: { selector: spec.selector, template },
      }),
    );
    await api.call('POST', '/apis/apps/v1/namespaces/shop/statefulsets', { body: { metadata: { name: 'web' }, spec } });
    const pod = '/api/v1/namespaces/shop/pods/web-0';
    await eventually('web-0 exists', () => api.call('GET', pod));
    const waiting = { reason: 'ImagePullBackOff', message: PULL_ERROR };
    const containerStatuses = [
      { name: 'web', image: 'ghcr.io/acme/web:1', imageID: '', ready: false, restartCount: 0, state: { waiting } },
    ];
    await api.call('PATCH', `${pod}/status`, { body: { status: { phase: 'Pending', containerStatuses } } });
  }
}

/** The shell of the reader: kubectl, Helm, Node.js and the plugin on the PATH, a docker login, and a token. */
async function shellOf({ assets, scratch, kubeconfig }: ControlPlane): Promise<NodeJS.ProcessEnv> {
  const bin = join(scratch, 'bin');
  mkdirSync(bin);
  // What `doctor` finds, and what `cleanup` would do, is the result of these commands, and not a failure: exit code 1.
  const plugin = `#!/bin/sh
node ${join(ROOT, 'dist/main.js')} "$@" || { code=$?; case "$code $*" in "1 doctor"*) exit 0;; *--dry-run=none*) exit $code;; "1 cleanup"*) exit 0;; esac; exit $code; }
`;
  writeFileSync(join(bin, 'kubectl-regcred'), plugin, { mode: 0o755 });
  symlinkSync(await helmProgram(), join(bin, 'helm'));
  const auths = { 'ghcr.io': { auth: base64('octocat:sample-password') } };
  for (const directory of ['.docker', 'login']) {
    mkdirSync(join(scratch, directory));
    writeFileSync(join(scratch, directory, 'config.json'), JSON.stringify({ auths }));
  }
  const PATH = [bin, assets, dirname(process.execPath), '/usr/bin', '/bin'].join(':');
  return { PATH, HOME: scratch, KUBECONFIG: kubeconfig, TOKEN: 'sample-password', ACCESS_TOKEN: 'sample-password' };
}

async function actAsNodes(api: KubeClient): Promise<void> {
  const { items } = await api.call<{ items: Deployment[] }>('GET', DEPLOYMENTS);
  for (const { metadata, spec, status } of items) {
    if (status?.observedGeneration === metadata.generation) continue;
    const { replicas } = spec;
    const counts = { replicas, updatedReplicas: replicas, readyReplicas: replicas, availableReplicas: replicas };
    const body = { status: { ...counts, observedGeneration: metadata.generation } };
    await api.call('PATCH', `${DEPLOYMENTS}/${metadata.name}/status`, { body }).catch(() => {});
  }
  const test = `/api/v1/namespaces/${SYSTEM}/pods/regcred-test/status`;
  await api.call('PATCH', test, { body: { status: { phase: 'Succeeded' } } }).catch(() => {});
}

/** Every registry: it wants a login, accepts each, and has every image. */
const answer: Parameters<typeof startBad>[0] = ({ headers: { authorization } }, response) => {
  if (authorization === undefined) response.writeHead(401, { 'www-authenticate': 'Basic realm="sample"' }).end();
  else response.writeHead(200).end();
};
