import type { Server } from 'node:http';
import { expect } from 'chai';
import { serveHttp } from '../../src/http.ts';
import { type Metrics, makeMetrics, type Readings } from '../../src/metrics.ts';

describe('Over HTTP', () => {
  let server: Server;
  let url: string;
  let missing: string[];
  let readings: Readings;
  let metrics: Metrics;

  beforeEach(async () => {
    missing = [];
    readings = {
      isLeader: true,
      queueDepth: 3,
      namespaces: [['acme', { desired: 15, synced: 14, failed: 1, conflicted: 0 }]],
      serviceAccounts: [],
    };
    metrics = makeMetrics(() => readings);
    const served = await serveHttp({ host: '127.0.0.1', port: 0 }, metrics.registry, () => missing);
    ({ server } = served);
    url = `http://${served.at}`;
  });
  afterEach(() => {
    server.closeAllConnections();
    server.close();
  });

  async function get(path: string): Promise<{ status: number; type: string | null; text: string }> {
    const response = await fetch(`${url}${path}`);
    return { status: response.status, type: response.headers.get('content-type'), text: await response.text() };
  }

  it('says that it is healthy, also before it is ready', async () => {
    missing = ['waiting for secrets: being listed'];
    expect(await get('/healthz')).to.deep.include({ status: 200, text: 'ok\n' });
    expect(await get('/healthz?verbose')).to.deep.include({ status: 200 });
  });

  it('says what it waits for until it is ready', async () => {
    missing = ['waiting for namespaces: forbidden', 'waiting for secrets: being listed'];
    expect(await get('/readyz')).to.deep.include({
      status: 503,
      text: 'waiting for namespaces: forbidden\nwaiting for secrets: being listed\n',
    });
    missing = [];
    expect(await get('/readyz')).to.deep.include({ status: 200, text: 'ok\n' });
  });

  it('answers 404 to all else, and says what there is', async () => {
    const want = { status: 404, text: 'There are /healthz, /readyz and /metrics.\n' };
    for (const path of ['/', '/healthz/', '/metricsx']) expect(await get(path)).to.deep.include(want);
  });

  it('cannot be served where the address is taken', async () => {
    const error = await serveHttp({ host: '127.0.0.1', port: Number(new URL(url).port) }, metrics.registry, () => []).catch(
      (error: unknown) => error,
    );
    expect(error).to.have.property('code', 'EADDRINUSE');
  });

  describe('has metrics', () => {
    const samples = async () => (await get('/metrics')).text.split('\n').filter((line) => line.startsWith('regcred_'));

    it('in the format of Prometheus, those of the process among them', async () => {
      const { status, type, text } = await get('/metrics');
      expect(status).to.equal(200);
      expect(type).to.match(/^text\/plain; version=0\.0\.4/);
      expect(text).to.contain('process_cpu_seconds_total ').and.contain('nodejs_heap_size_used_bytes ');
    });

    it('of what is read when they are scraped', async () => {
      expect(await samples()).to.include.members([
        'regcred_leader 1',
        'regcred_queue_depth 3',
        'regcred_namespaces{credential="acme",state="desired"} 15',
        'regcred_namespaces{credential="acme",state="synced"} 14',
        'regcred_namespaces{credential="acme",state="failed"} 1',
        'regcred_namespaces{credential="acme",state="conflicted"} 0',
      ]);
      const serviceAccounts: Readings['serviceAccounts'] = [['other', { desired: 2, synced: 2, failed: 0, conflicted: 0 }]];
      readings = { isLeader: false, queueDepth: 0, namespaces: [], serviceAccounts };
      const after = await samples();
      expect(after).to.include.members([
        'regcred_leader 0',
        'regcred_queue_depth 0',
        'regcred_service_accounts{credential="other",state="synced"} 2',
      ]);
      // A credential that is gone leaves nothing behind.
      expect(after.join('\n')).to.not.contain('acme');
    });

    it('of what has happened', async () => {
      metrics.requested('PATCH', 409);
      metrics.requested('PATCH', 409);
      metrics.requested('GET', 0);
      metrics.reconciled('secret', 0.003);
      metrics.watchInterrupted('/api/v1/secrets');
      expect(await samples()).to.include.members([
        'regcred_api_requests_total{method="PATCH",code="409"} 2',
        'regcred_api_requests_total{method="GET",code="0"} 1',
        'regcred_reconcile_duration_seconds_bucket{le="0.001",kind="secret"} 0',
        'regcred_reconcile_duration_seconds_bucket{le="0.005",kind="secret"} 1',
        'regcred_reconcile_duration_seconds_count{kind="secret"} 1',
        'regcred_watch_interruptions_total{path="/api/v1/secrets"} 1',
      ]);
    });
  });
}).timeout(10_000);
