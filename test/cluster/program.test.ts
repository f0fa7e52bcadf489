import { writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { KubeConfig } from '@kubernetes/client-node';
import { expect } from 'chai';
import { type Cluster, theCluster } from '../support/cluster.ts';
import { type ControlPlane, kubectl, startControlPlane } from '../support/controlplane.ts';
import { eventually } from '../support/eventually.ts';
import { install, leads, type OperatorProcess, startOperator } from '../support/operator.ts';

describe('The program', () => {
  let cluster: Cluster;
  let started: OperatorProcess[];
  before(async () => (cluster = await theCluster()));
  beforeEach(() => (started = []));
  afterEach(() => Promise.all(started.map((operator) => operator.stop())));

  const start = (options: Parameters<typeof startOperator>[0]) => {
    const operator = startOperator(options);
    started.push(operator);
    return operator;
  };

  describe('exits with 1 and one clear line', () => {
    const cases: Record<string, { env?: NodeJS.ProcessEnv; args?: string[]; kubeconfig?: string; says: string[] }> = {
      'when settings are wrong, all at once': {
        args: ['--http-address', 'nowhere', '--concurrency', '0'],
        env: { REGCRED_LOG_LEVEL: 'loud' },
        says: ['--http-address: "nowhere"', '--concurrency: "0"', 'REGCRED_LOG_LEVEL: "loud"'],
      },
      'when the kubeconfig is not there': {
        args: ['--kubeconfig', '/nowhere/config'],
        says: ['kubeconfig is not usable', '/nowhere/config'],
      },
      'when there is no kubeconfig at all': { env: { KUBECONFIG: '', HOME: '/nowhere' }, says: ['There is no kubeconfig'] },
      'when the API server cannot be reached': {
        kubeconfig: 'unreachable',
        says: ['https://127.0.0.1:1', 'cannot be used', 'ECONNREFUSED'],
      },
      'when the API server does not know it': { kubeconfig: 'unknown', says: ['cannot be used', 'Unauthorized'] },
      'when an address is taken': { env: { REGCRED_HTTP_ADDRESS: 'TAKEN' }, says: ['EADDRINUSE'] },
    };
    for (const [when, { env = {}, args = [], kubeconfig, says }] of Object.entries(cases)) {
      it(when, async () => {
        const file = kubeconfig ? await broken(kubeconfig) : cluster.kubeconfig;
        if (env.REGCRED_HTTP_ADDRESS) env.REGCRED_HTTP_ADDRESS = new URL(await cluster.operator.url()).host;
        const operator = start({ kubeconfig: file, env, args });
        expect(await operator.exit).to.equal(1);
        const lines = operator
          .log()
          .trim()
          .split('\n')
          .filter((line) => !line.startsWith('{'));
        expect(lines).to.have.lengthOf(1);
        for (const text of says) expect(lines[0]).to.contain(text);
      });
    }

    async function broken(how: string): Promise<string> {
      const view = JSON.parse(
        await kubectl({ assets: cluster.controlPlane.assets, kubeconfig: cluster.kubeconfig }, 'config', 'view', '--raw', '-o', 'json'),
      );
      if (how === 'unreachable') view.clusters[0].cluster.server = 'https://127.0.0.1:1';
      else view.users[0].user.token = 'not-a-token';
      const file = join(cluster.controlPlane.scratch, `${how}.kubeconfig`);
      writeFileSync(file, JSON.stringify(view));
      return file;
    }
  });

  it('serves /healthz, /readyz and /metrics', async () => {
    const url = await cluster.operator.url();
    for (const path of ['/healthz', '/readyz']) {
      const response = await fetch(url + path);
      expect(response.status, path).to.equal(200);
      expect(await response.text()).to.equal('ok\n');
    }
    const metrics = await (await fetch(`${url}/metrics`)).text();
    for (const name of [
      'regcred_leader 1',
      'regcred_api_requests_total{',
      'regcred_queue_depth',
      'regcred_placements',
      'process_resident_memory_bytes',
    ])
      expect(metrics).to.contain(name);
    expect((await fetch(`${url}/other`)).status).to.equal(404);
  });

  it('ends with 0 on SIGTERM and on SIGINT, and gives the Lease back', async () => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      const env = { REGCRED_NAMESPACE: 'sources' };
      const operator = start({ kubeconfig: cluster.controlPlane.kubeconfig, env });
      await leads(operator);
      const holder = () => cluster.kubectl('get', 'lease', 'regcred', '-n', 'sources', '-o', 'jsonpath={.spec.holderIdentity}');
      expect(await holder()).to.not.equal('');
      expect(await operator.stop(signal)).to.equal(0);
      expect(await holder()).to.equal('');
    }
  });

  it('ends with 0 on SIGTERM also while it waits for an API server that never answers', async () => {
    let asked = 0;
    const silent = createServer(() => asked++);
    const file = await kubeconfigOf(silent);
    const operator = start({ kubeconfig: file });
    await eventually('it waits', () => expect(asked).to.equal(1));
    expect(await operator.stop()).to.equal(0);
    silent.closeAllConnections();
    silent.close();
  });

  it('starts at an API server that has no time for it at first, and leaves it alone for as long as it asks', async () => {
    // Who is not known looks once whether there is another token by now.
    const answers = [429, 500, 409, 401, 401];
    const asked: number[] = [];
    const busy = createServer((_, response) => {
      response.writeHead(answers[asked.length] ?? 500, { 'retry-after': '1' }).end();
      asked.push(performance.now());
    });
    const operator = start({ kubeconfig: await kubeconfigOf(busy) });
    const code = await operator.exit;
    busy.closeAllConnections();
    busy.close();
    expect(code).to.equal(1);
    expect(asked).to.have.lengthOf(answers.length);
    expect((asked[1] as number) - (asked[0] as number)).to.be.at.least(1000);
  });

  /** Of somebody at an API server of the test's own. */
  async function kubeconfigOf(server: Server): Promise<string> {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const config = new KubeConfig();
    config.loadFromClusterAndUser({ name: 'own', server: `http://127.0.0.1:${port}`, skipTLSVerify: true }, { name: 'nobody' });
    const file = join(cluster.controlPlane.scratch, `${port}.kubeconfig`);
    writeFileSync(file, config.exportConfig());
    return file;
  }

  it('has one leader; a follower is ready, and takes over at once from one that stops', async () => {
    const follower = start({ kubeconfig: cluster.kubeconfig });
    const url = await follower.url();
    await eventually('the follower is ready', async () => expect((await fetch(`${url}/readyz`)).status).to.equal(200));
    expect(await (await fetch(`${url}/metrics`)).text()).to.contain('regcred_leader 0');
    expect(follower.log()).to.not.contain('This replica leads.');

    const begun = performance.now();
    await cluster.operator.stop();
    await leads(follower);
    expect(performance.now() - begun).to.be.below(2500);
    const scene = cluster.scene();
    await scene.placed(1);
    started = [];
    cluster.operator = follower;
  });

  it('takes over from a leader that was killed within 15 seconds', async () => {
    const follower = start({ kubeconfig: cluster.kubeconfig });
    await follower.url();
    await cluster.operator.stop('SIGKILL');
    const begun = performance.now();
    await leads(follower);
    expect(performance.now() - begun).to.be.below(15_000);
    started = [];
    cluster.operator = follower;
  });

  it('logs JSON, or lines where it is asked to, and never a value', async () => {
    for (const line of cluster.operator.log().trim().split('\n')) expect(JSON.parse(line)).to.include.keys('level', 'message', 'timestamp');
    const operator = start({
      kubeconfig: cluster.controlPlane.kubeconfig,
      env: { REGCRED_NAMESPACE: 'sources', REGCRED_LOG_FORMAT: 'text' },
    });
    await leads(operator);
    expect(operator.log()).to.match(/^\d\d:\d\d:\d\d\.\d{3} info {2}Starting\. {2}version=/m);
  });
});

describe('Without the CustomResourceDefinition', () => {
  let bare: ControlPlane;
  let operator: OperatorProcess | undefined;
  before(async () => (bare = await startControlPlane((line) => console.error(line))));
  after(async () => {
    await operator?.stop();
    await bare.stop();
  });

  it('waits, says so once, and goes on when it appears', async () => {
    operator = startOperator({ kubeconfig: bare.kubeconfig });
    const url = await operator.url();
    await eventually('it says so', () => expect(operator?.log()).to.contain('is not installed; waiting for it'));
    const ready = await fetch(`${url}/readyz`);
    expect(ready.status).to.equal(503);
    expect(await ready.text()).to.contain('waiting for registrycredentials');
    expect((await fetch(`${url}/healthz`)).status).to.equal(200);
    // Long enough for several more tries.
    const since = performance.now();
    await eventually('it has tried more often', async () => {
      const [, tries] =
        /regcred_watch_restarts_total\{resource="registrycredentials"\} (\d+)/.exec(await (await fetch(`${url}/metrics`)).text()) ?? [];
      expect(Number(tries)).to.be.above(3);
    });
    expect(performance.now() - since).to.be.above(0);
    expect(operator.log().split('waiting for it')).to.have.lengthOf(2);
    await install(bare);
    await leads(operator);
    expect((await fetch(`${url}/readyz`)).status).to.equal(200);
  });
});
