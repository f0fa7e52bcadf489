/** `kubectl regcred web` and `report` as users run them: the built program on a real cluster, with the operator under its own rights. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { type Cluster as ClusterEntry, KubeConfig } from '@kubernetes/client-node';
import { expect } from 'chai';
import type { Browser } from 'puppeteer-core';
import { findChromium, startBrowser } from '../support/chromium.ts';
import { type Cluster, type Scene, SOURCES, startCluster, stopCluster } from '../support/cluster.ts';
import { eventually } from '../support/eventually.ts';
import { fastest } from '../support/fastest.ts';
import { canaries } from '../support/hooks.ts';
import { writeKubeconfig } from '../support/operator.ts';
import { PageView } from '../support/page-view.ts';
import { kubectlWithPlugin } from '../support/plugin.ts';
import { type SampleRegistry, startSampleRegistry } from '../support/sample-registry.ts';
import { ACCEPT_FROM, Tenant } from '../support/tenants.ts';
import { startWeb, type Web } from '../support/web.ts';

describe('kubectl regcred web', () => {
  let registry: SampleRegistry;
  let cluster: Cluster;
  let scene: Scene;
  let kubectl: ReturnType<typeof kubectlWithPlugin>;
  let browser: Browser | undefined;
  let web: Web | undefined;
  let view: PageView | undefined;

  before(async function () {
    this.timeout(600_000);
    const chromium = findChromium();
    if ('missing' in chromium) console.log(`  The tests of the page in a browser are skipped: ${chromium.missing}`);
    else browser = await startBrowser(chromium.path);
    registry = await startSampleRegistry();
    cluster = await startCluster([], { REGCRED_VERIFICATION: 'on', REGCRED_INSECURE_REGISTRIES: registry.host });
    kubectl = kubectlWithPlugin(cluster.controlPlane);
  });
  after(async () => {
    await browser?.close();
    registry?.close();
    if (cluster) await stopCluster(cluster);
  });
  beforeEach(() => (scene = cluster.scene()));
  afterEach(async () => {
    await view?.close();
    await web?.stop();
    view = undefined;
    web = undefined;
  });

  /** Opens the page in the browser. Skips the test if there is none. */
  async function open(test: Mocha.Context, hash = '', kubeconfig = cluster.controlPlane.kubeconfig): Promise<PageView> {
    if (!browser) test.skip();
    web = await startWeb(kubeconfig);
    view = await PageView.open(browser, web.url + hash);
    await view.shows('.live', /^live$/);
    return view;
  }

  /** A credential that its registry refuses, in one namespace. */
  async function refused(): Promise<string> {
    await scene.basicAuth('sample-password-that-is-refused');
    const namespace = await scene.namespace();
    await scene.credential({ registries: [{ server: registry.host, secretRef: { namespace: SOURCES, name: scene.name } }] });
    return namespace;
  }

  /** A pod that was created before its account had the name, with the status that a kubelet writes. */
  async function stuckPod(namespace: string): Promise<void> {
    const image = `${registry.host}/acme/web:1`;
    const container = { name: 'web', image };
    await cluster.api.call('POST', `/api/v1/namespaces/${namespace}/pods`, {
      body: { metadata: { name: 'web-0' }, spec: { containers: [container] } },
    });
    const state = { waiting: { reason: 'ImagePullBackOff', message: `Back-off pulling image "${image}"` } };
    const status = { containerStatuses: [{ ...container, imageID: '', ready: false, restartCount: 0, state }] };
    await scene.patch(`/api/v1/namespaces/${namespace}/pods/web-0/status`, { status });
  }

  it('shows a refused credential and a stuck pod soon after it opens, and what to do about each', async function () {
    const early = await scene.namespace({}, `${scene.name}-early`);
    await stuckPod(early);
    await refused();
    await scene.pullSecretsAre(early, [scene.name]);
    const since = performance.now();
    const page = await open(this);
    await page.shows('.needs', new RegExp(`${scene.name} ${registry.host} refuses the login of Secret ${SOURCES}/${scene.name}`));
    await page.shows('.needs', new RegExp(`${early}/web-0 It waits for .*created before ServiceAccount default had the name`));
    const ms = performance.now() - since;
    console.log(`      the page shows both ${(ms / 1000).toFixed(1)} s after the command starts`);
    expect(ms).to.be.below(30_000);
    const commands = await page.texts('.need-fix code');
    expect(commands).to.include(`kubectl edit secret ${scene.name} -n ${SOURCES}`);
    expect(commands).to.include(`kubectl delete pod web-0 -n ${early}`);
    expect(page.errors).to.deep.equal([]);
  });

  it('shows a change of the cluster at once, and the repair by the operator', async function () {
    // One for each attempt: without the operator, the Secret does not come back.
    const namespaces = [await refused(), ...(await scene.namespaces(4))];
    for (const namespace of namespaces) await scene.pullSecretsAre(namespace, [scene.name]);
    const page = await open(this, `#?q=${scene.name}`);
    for (const namespace of namespaces) await page.cellIs(namespace, scene.name, 'synced');
    await cluster.operator.stop();
    try {
      let attempts = 0;
      const ms = await fastest('the page shows a change', 1000, async () => {
        const namespace = namespaces[attempts++] as string;
        await scene.deleteSecret(namespace);
        const since = performance.now();
        await page.cellIs(namespace, scene.name, 'pending');
        return performance.now() - since;
      });
      expect(ms).to.be.below(5_000);
    } finally {
      await cluster.restart();
    }
    for (const namespace of namespaces) await page.cellIs(namespace, scene.name, 'synced');
  });

  it('shows the credential of a tenant, who does not accept it, and who has a Secret that it lost', async function () {
    const [home, other] = [await scene.namespace(), await scene.namespace()];
    const tenant = new Tenant(scene, home);
    await tenant.placed({ namespaces: { names: [home, other], exclude: { names: [] } } });
    const title = `${home}/${scene.name}`;
    const page = await open(this, `#credential/${title}?q=${scene.name}`);
    await page.cellIs(home, title, 'synced');
    await page.cellIs(other, title, 'not accepted');
    await page.shows('.panel', new RegExp(`Kind NamespacedRegistryCredential of namespace ${home} .*Not accepted \\(1\\) .*${other}`));
    await scene.patch(`/api/v1/namespaces/${other}`, { metadata: { annotations: { [ACCEPT_FROM]: home } } });
    await page.cellIs(other, title, 'synced');

    // A cluster-scoped credential of the same Secret goes first.
    await scene.basicAuth('sample-password');
    await scene.credential({ namespaces: { names: [home] } });
    await page.cellIs(home, scene.name, 'synced');
    await page.cellIs(home, title, 'conflict');
    await page.shows('.needs', new RegExp(`${title} .*is managed by .*RegistryCredential`));
    await page.read(`location.hash = '#namespace/${home}?q=${scene.name}'`);
    await page.shows('.panel', new RegExp(`${title} conflict Secret ${home}/${scene.name} is managed by .*RegistryCredential`));
    expect(page.errors).to.deep.equal([]);
  });

  it('says that the program does not answer, and is live again when it does', async function () {
    const namespace = await refused();
    const page = await open(this, `#?q=${scene.name}`);
    (web as Web).signal('SIGSTOP');
    await page.shows('.live', /connection lost since \d\d:\d\d, trying again\. Is kubectl regcred web still running\?/);
    (web as Web).signal('SIGCONT');
    await page.shows('.live', /^live$/);
    await scene.namespace({ 'regcred.dev/exclude': 'true' }, `${scene.name}-new`);
    await page.cellIs(`${scene.name}-new`, scene.name, 'opted out');
    await page.cellIs(namespace, scene.name, 'synced');
  });

  it('works with the right to read RegistryCredentials and Namespaces only, and names what is missing', async function () {
    const namespace = await refused();
    await cluster.kubectl(
      'create',
      'clusterrole',
      scene.name,
      '--verb=get,list,watch',
      '--resource=registrycredentials.regcred.dev,namespaces',
    );
    await cluster.kubectl('create', 'clusterrolebinding', scene.name, `--clusterrole=${scene.name}`, `--serviceaccount=${SOURCES}:default`);
    const token = (await cluster.kubectl('create', 'token', 'default', '-n', SOURCES)).trim();
    const file = join(cluster.controlPlane.scratch, `${scene.name}.kubeconfig`);
    const admin = new KubeConfig();
    admin.loadFromFile(cluster.controlPlane.kubeconfig);
    writeKubeconfig(file, admin.getCurrentCluster() as ClusterEntry, { token }, SOURCES);
    const page = await open(this, `#namespace/${namespace}?q=${scene.name}`, file);
    await page.cellIs(namespace, scene.name, 'unknown');
    await page.shows('.notices', /Missing right: list and watch secrets in all namespaces\./);
    await page.shows('.notices', /Missing right: list and watch pods in all namespaces\./);
    await page.shows('.panel', new RegExp(`${scene.name} unknown Missing right: list and watch secrets`));
    await page.shows('.needs', new RegExp(`${registry.host} refuses the login`));
    await cluster.kubectl('delete', `clusterrole/${scene.name}`, `clusterrolebinding/${scene.name}`);
  });

  it('sends no secret value, and answers nobody without the token or with another Host', async () => {
    const namespace = await refused();
    await scene.pullSecretsAre(namespace, [scene.name]);
    web = await startWeb(cluster.controlPlane.kubeconfig);
    const { url, port } = web;
    // The run fails at its end if a planted value is in any of them.
    for (const path of ['', `namespace?name=${namespace}`, 'stream']) canaries.say('the page', await firstPart(`${url}${path}`));
    const statuses = [
      await statusOf(`http://127.0.0.1:${port}/`),
      await statusOf(`http://127.0.0.1:${port}/sample-token/stream`),
      await statusOf(url, { host: `evil.example.com:${port}` }),
      await statusOf(`${url}stream`, { origin: 'http://evil.example.com' }),
    ];
    expect(statuses).to.deep.equal([403, 403, 403, 403]);
  });

  it('opens the page with the program of the system for that, and says so if there is none', async () => {
    const { kubeconfig, scratch } = cluster.controlPlane;
    const opener = process.platform === 'darwin' ? 'open' : 'xdg-open';
    const directory = join(scratch, `${scene.name}-bin`);
    mkdirSync(directory);
    web = await startWeb(kubeconfig, ['--open'], { PATH: directory });
    await eventually('it says so', () => expect((web as Web).stderr()).to.contain(`--open: there is no program ${opener}`));
    await web.stop();

    const opened = join(scratch, `${scene.name}-opened`);
    writeFileSync(join(directory, opener), `#!/bin/sh\necho "$1" > ${opened}\n`, { mode: 0o755 });
    web = await startWeb(kubeconfig, ['--open'], { PATH: directory });
    await eventually('it is opened', () => expect(readFileSync(opened, 'utf8')).to.equal(`${(web as Web).url}\n`));
  });

  it('writes a report, and says why it cannot serve or read', async () => {
    const namespace = await refused();
    await scene.pullSecretsAre(namespace, [scene.name]);
    const { code, stdout, stderr } = await kubectl(['regcred', 'report', '--html']);
    expect({ code, stderr }).to.deep.equal({ code: 0, stderr: '' });
    expect(stdout)
      .to.match(/^<!doctype html>/)
      .and.contain(`"name":"${namespace}"`);
    const file = join(cluster.controlPlane.scratch, `${scene.name}.html`);
    writeFileSync(file, stdout);
    if (browser) {
      view = await PageView.open(browser, `file://${file}`);
      await view.cellIs(namespace, scene.name, 'synced');
    }
    web = await startWeb(cluster.controlPlane.kubeconfig);
    const second = await kubectl(['regcred', 'web', '--port', String(web.port)]);
    expect(second).to.deep.equal({
      code: 2,
      stdout: '',
      stderr: `--port ${web.port}: another program uses this port. Choose another one, or leave it out.\n`,
    });
    expect((await kubectl(['regcred', 'web', '--port', '70000'])).stderr).to.contain('Give a port from 0 to 65535.');
    expect((await kubectl(['regcred', 'report'])).code).to.equal(2);
  });
});

/** The body of an answer, up to the end of its first event. */
function firstPart(url: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const asked = request(url, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        body += chunk;
        if (!body.endsWith('\n\n')) return;
        asked.destroy();
        resolve(body);
      });
      response.on('end', () => resolve(body));
    });
    asked.once('error', reject).end();
  });
}

function statusOf(url: string, headers: Record<string, string> = {}): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const asked = request(url, { headers }, (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    asked.once('error', reject).end();
  });
}
