import { readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { join } from 'node:path';
import { KubeConfig } from '@kubernetes/client-node';
import { expect } from 'chai';
import { parse } from 'yaml';
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

  describe('exits with 1 and one clear line if', () => {
    const cases: Record<string, { env?: NodeJS.ProcessEnv; args?: string[]; kubeconfig?: string; says: string[] }> = {
      'settings are invalid, and lists all of them': {
        args: ['--http-address', 'nowhere', '--concurrency', '0'],
        env: { REGCRED_LOG_LEVEL: 'loud' },
        says: ['--http-address: "nowhere"', '--concurrency: "0"', 'REGCRED_LOG_LEVEL: "loud"'],
      },
      'the kubeconfig does not exist': {
        args: ['--kubeconfig', '/nowhere/config'],
        says: ['kubeconfig is not usable', '/nowhere/config'],
      },
      'there is no kubeconfig': { env: { KUBECONFIG: '', HOME: '/nowhere' }, says: ['There is no kubeconfig'] },
      'the API server is unreachable': {
        kubeconfig: 'unreachable',
        says: ['https://127.0.0.1:1', 'cannot be used', 'ECONNREFUSED'],
      },
      'the API server does not accept its token': { kubeconfig: 'unknown', says: ['cannot be used', 'Unauthorized'] },
      'the address is already in use': { env: { REGCRED_HTTP_ADDRESS: 'TAKEN' }, says: ['EADDRINUSE'] },
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
      await eventually(`${path} is ok`, async () => {
        const response = await fetch(url + path);
        expect(response.status, path).to.equal(200);
        expect(await response.text()).to.equal('ok\n');
      });
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

  it('exits with 0 on SIGTERM, SIGINT and SIGHUP, and releases the Lease', async () => {
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
      const env = { REGCRED_NAMESPACE: 'sources' };
      const operator = start({ kubeconfig: cluster.controlPlane.kubeconfig, env });
      await leads(operator);
      const holder = () => cluster.kubectl('get', 'lease', 'regcred', '-n', 'sources', '-o', 'jsonpath={.spec.holderIdentity}');
      expect(await holder()).to.not.equal('');
      expect(await operator.stop(signal)).to.equal(0);
      expect(await holder()).to.equal('');
    }
  });

  it('opens no debugger on SIGUSR1, and continues', async () => {
    const port = await freePort();
    // The port that Node.js would use. The default, 9229, may be in use by something else on this machine.
    const env = { REGCRED_NAMESPACE: 'sources', NODE_OPTIONS: `--inspect-port=127.0.0.1:${port}` };
    const operator = start({ kubeconfig: cluster.controlPlane.kubeconfig, env });
    await leads(operator);
    operator.signal('SIGUSR1');
    // The debugger would open within milliseconds.
    for (const until = performance.now() + 1500; performance.now() < until; ) {
      expect(await isOpen(port), 'the port of the debugger is open').to.equal(false);
      expect((await fetch(`${await operator.url()}/healthz`)).status).to.equal(200);
    }
    expect(operator.log()).to.not.contain('Debugger');
    expect(await operator.stop()).to.equal(0);
  });

  async function freePort(): Promise<number> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    await new Promise((resolve) => server.close(resolve));
    return port;
  }

  const isOpen = (port: number) =>
    new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => resolve(true));
      socket.once('error', () => resolve(false)).once('close', () => resolve(false));
      socket.once('connect', () => socket.destroy());
    });

  it('exits with 0 on SIGTERM even while it waits for an API server that never answers', async () => {
    let asked = 0;
    const silent = createServer(() => asked++);
    const file = await kubeconfigOf(silent);
    const operator = start({ kubeconfig: file });
    await eventually('it waits for the answer', () => expect(asked).to.equal(1));
    expect(await operator.stop()).to.equal(0);
    silent.closeAllConnections();
    silent.close();
  });

  it('reads the kubeconfigs that kubectl reads: a missing file of several, UTF-16, and plain HTTP', async () => {
    const asked: (string | undefined)[] = [];
    const proxied = createServer(({ url, headers }) => asked.push(`${url} ${headers.authorization ?? 'no token'}`));
    const kubeconfig = parse(readFileSync(await kubeconfigOf(proxied), 'utf8'));
    delete kubeconfig.clusters[0].cluster['insecure-skip-tls-verify'];
    kubeconfig.users[0].user.token = 'sample-token';
    const file = join(cluster.controlPlane.scratch, 'utf16.kubeconfig');
    writeFileSync(file, Buffer.from(`\ufeff${JSON.stringify(kubeconfig)}`, 'utf16le'));
    const operator = start({ kubeconfig: `/nowhere/config:${file}` });
    await eventually('it asks for the version', () => expect(asked).to.deep.equal(['/version no token']));
    expect(await operator.stop()).to.equal(0);
    proxied.closeAllConnections();
    proxied.close();
  });

  it('retries at startup while the API server is busy, and waits for as long as Retry-After says', async () => {
    // After a 401 the client reads the token once more.
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

  /** Writes a kubeconfig for a test server. */
  async function kubeconfigOf(server: Server): Promise<string> {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const config = new KubeConfig();
    config.loadFromClusterAndUser({ name: 'own', server: `http://127.0.0.1:${port}`, skipTLSVerify: true }, { name: 'nobody' });
    const file = join(cluster.controlPlane.scratch, `${port}.kubeconfig`);
    writeFileSync(file, config.exportConfig());
    return file;
  }

  it('has one leader; a follower is ready, and takes over immediately when the leader stops', async () => {
    const follower = start({ kubeconfig: cluster.kubeconfig });
    const url = await follower.url();
    await eventually('the follower is ready', async () => expect((await fetch(`${url}/readyz`)).status).to.equal(200));
    expect(await (await fetch(`${url}/metrics`)).text()).to.contain('regcred_leader 0');
    expect(follower.log()).to.not.contain('This replica leads.');
    const leader = await cluster.kubectl('get', 'lease', 'regcred', '-n', 'regcred-system', '-o', 'jsonpath={.spec.holderIdentity}');
    await eventually('the follower says that it follows, and whom', () => {
      const lines = follower
        .log()
        .split('\n')
        .filter((line) => line.includes('This replica follows.'));
      expect(lines.map((line) => JSON.parse(line).leader)).to.deep.equal([leader]);
    });

    const begun = performance.now();
    await cluster.operator.stop();
    await leads(follower);
    // Without the release, the follower would wait 10 to 12 s until the Lease expires.
    expect(performance.now() - begun).to.be.below(8_000);
    const scene = cluster.scene();
    await scene.placed(1);
    started = [];
    cluster.operator = follower;
  });

  it('takes over within 30 seconds from a leader that was killed', async () => {
    const follower = start({ kubeconfig: cluster.kubeconfig });
    await follower.url();
    await cluster.operator.stop('SIGKILL');
    const begun = performance.now();
    await leads(follower);
    const ms = performance.now() - begun;
    console.log(`      another replica leads ${(ms / 1000).toFixed(1)} s after the leader was killed`);
    expect(ms).to.be.below(30_000);
    started = [];
    cluster.operator = follower;
  });

  it('changes the level of its log while it runs, and then has a line for each decision, write and watch', async () => {
    const file = join(cluster.controlPlane.scratch, 'log-level');
    writeFileSync(file, '');
    const operator = start({ kubeconfig: cluster.kubeconfig, env: { REGCRED_LOG_LEVEL_FILE: file } });
    await eventually('it follows', () => expect(operator.log()).to.contain('This replica follows.'));
    await cluster.operator.stop();
    await leads(operator);
    const debugLines = () =>
      operator
        .log()
        .split('\n')
        .filter((line) => line.includes('"level":"debug"'))
        .map((line) => JSON.parse(line));
    expect(debugLines()).to.deep.equal([]);
    writeFileSync(file, 'debug');
    await eventually('the level changes', () => expect(operator.log()).to.contain('The level of the log changed.'));
    const scene = cluster.scene();
    const [namespace] = await scene.placed(1);
    const wrote = debugLines()
      .filter(({ message }) => message === 'Wrote.')
      .map(({ method, path }) => `${method} ${path}`);
    expect(wrote).to.include(`POST /api/v1/namespaces/${namespace}/secrets`);
    expect(
      debugLines()
        .filter(({ message }) => message === 'Decided about a Secret.')
        .map(({ decision }) => decision),
    ).to.include('place');
    expect(debugLines().map(({ message }) => message)).to.include.members(['Listing.', 'Watching.', 'Decided about a RegistryCredential.']);
    writeFileSync(file, '');
    await eventually('the level changes back', () => expect(operator.log().split('The level of the log changed.')).to.have.lengthOf(3));
    started = [];
    cluster.operator = operator;
  });

  it('logs JSON by default and text if configured, and never logs a value', async () => {
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

  it('waits, logs that once, and starts when the definition is installed', async () => {
    operator = startOperator({ kubeconfig: bare.kubeconfig });
    const url = await operator.url();
    await eventually('it logs that', () => expect(operator?.log()).to.contain('is not installed; waiting for it'));
    const ready = await fetch(`${url}/readyz`);
    expect(ready.status).to.equal(503);
    expect(await ready.text()).to.contain('waiting for registrycredentials');
    expect((await fetch(`${url}/healthz`)).status).to.equal(200);
    // Long enough for several more attempts.
    const since = performance.now();
    await eventually('it retried several times', async () => {
      const [, tries] =
        /regcred_watch_restarts_total\{resource="registrycredentials"\} (\d+)/.exec(await (await fetch(`${url}/metrics`)).text()) ?? [];
      expect(Number(tries)).to.be.above(3);
    });
    expect(performance.now() - since).to.be.above(0);
    expect(operator.log().split('waiting for it')).to.have.lengthOf(2);
    await install(bare);
    await leads(operator);
    await eventually('it is ready', async () => expect((await fetch(`${url}/readyz`)).status).to.equal(200));
  });
});
