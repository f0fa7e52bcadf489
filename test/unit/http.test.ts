import type { Server } from 'node:http';
import { expect } from 'chai';
import { serveHttp } from '../../src/http.ts';
import { type Metrics, makeMetrics, type Sight } from '../../src/metrics.ts';
import type { Readings } from '../../src/reconcile/readings.ts';

describe('Over HTTP', () => {
  let server: Server;
  let url: string;
  let missing: string[];
  let sight: Sight;
  let metrics: Metrics;

  beforeEach(async () => {
    missing = [];
    const states = { synced: 14, failed: 1, conflicted: 0, pending: 2 };
    const term: Readings = {
      queueDepth: 3,
      queueAgeSeconds: 1.5,
      queueWidth: 16,
      placements: () => [{ credential: 'acme', kind: 'Secret', states }],
      conditions: () => [{ credential: 'acme', type: 'Ready', status: 'False', reason: 'Forbidden' }],
      sources: () => [{ source: 'regcred-system/robot', changedAt: 1_700_000_000 }],
    };
    sight = { isReady: true, term };
    metrics = makeMetrics(() => sight);
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

    const noFaults = ['credential', 'secret', 'accounts', 'pod'].map(
      (kind) => `regcred_reconcile_errors_total{kind="${kind}",reason="fault"} 0`,
    );

    it('of what is read when they are scraped', async () => {
      expect(await samples()).to.have.members([
        'regcred_ready 1',
        'regcred_leader 1',
        'regcred_queue_depth 3',
        'regcred_queue_width 16',
        'regcred_queue_oldest_age_seconds 1.5',
        'regcred_placements{credential="acme",kind="Secret",state="synced"} 14',
        'regcred_placements{credential="acme",kind="Secret",state="failed"} 1',
        'regcred_placements{credential="acme",kind="Secret",state="conflicted"} 0',
        'regcred_placements{credential="acme",kind="Secret",state="pending"} 2',
        'regcred_credential_condition{credential="acme",type="Ready",status="False",reason="Forbidden"} 1',
        'regcred_source_last_change_timestamp_seconds{source="regcred-system/robot"} 1700000000',
        ...noFaults,
      ]);
      // A replica that follows says nothing of the work; and nothing is left behind of what is gone.
      sight = { isReady: false, term: undefined };
      expect(await samples()).to.have.members([
        'regcred_ready 0',
        'regcred_leader 0',
        'regcred_queue_depth 0',
        'regcred_queue_width 0',
        'regcred_queue_oldest_age_seconds 0',
        ...noFaults,
      ]);
    });

    it('of what has happened', async () => {
      metrics.requested('patch', 409);
      metrics.requested('patch', 409);
      metrics.requested('watch', 0);
      metrics.reconciled('secret', 0.003);
      metrics.reconcileFailed('secret', 'refused');
      for (const namespace of ['a', 'b']) metrics.watchRestarted(`/api/v1/namespaces/${namespace}/secrets`);
      expect(await samples()).to.include.members([
        'regcred_api_requests_total{verb="patch",code="409"} 2',
        'regcred_api_requests_total{verb="watch",code="0"} 1',
        'regcred_reconcile_duration_seconds_bucket{le="0.001",kind="secret"} 0',
        'regcred_reconcile_duration_seconds_bucket{le="0.005",kind="secret"} 1',
        'regcred_reconcile_duration_seconds_count{kind="secret"} 1',
        'regcred_reconcile_errors_total{kind="secret",reason="refused"} 1',
        'regcred_watch_restarts_total{resource="secrets"} 2',
      ]);
    });
  });
}).timeout(10_000);
