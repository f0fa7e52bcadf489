import type { Server } from 'node:http';
import { expect } from 'chai';
import { serveHttp } from '../../src/http.ts';
import { type Metrics, type MetricsSource, makeMetrics } from '../../src/metrics.ts';
import type { Readings } from '../../src/status/readings.ts';

describe('The HTTP server', () => {
  let server: Server;
  let url: string;
  let missing: string[];
  let broken: string[];
  let source: MetricsSource;
  let metrics: Metrics;

  beforeEach(async () => {
    missing = [];
    broken = [];
    const states = { synced: 14, failed: 1, conflicted: 0, pending: 2 };
    const term: Readings = {
      queueDepth: 3,
      queueAgeSeconds: 1.5,
      queueWidth: 16,
      placements: () => [{ credential: 'acme', kind: 'Secret', states }],
      conditions: () => [{ credential: 'acme', type: 'Ready', status: 'False', reason: 'Forbidden' }],
      registries: () => [
        { credential: 'acme', server: 'ghcr.io', result: 'Refused', expiresAt: 1_800_000_000 },
        { credential: 'acme', server: 'quay.io', result: 'NotRefused', expiresAt: undefined },
      ],
      sources: () => [{ source: 'regcred-system/robot', changedAt: 1_700_000_000 }],
      tokens: () => [{ cloud: 'aws', token: 'regcred-token-aws-1', obtainedAt: 1_700_000_000, expiresAt: 1_700_043_200 }],
    };
    source = { isReady: true, outdatedWatches: ['/api/v1/secrets', '/api/v1/namespaces/a/secrets', '/api/v1/pods'], term };
    metrics = makeMetrics(() => source);
    const served = await serveHttp(
      { host: '127.0.0.1', port: 0 },
      metrics.registry,
      () => missing,
      () => broken,
    );
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

  it('reports that it is healthy, even before it is ready', async () => {
    missing = ['waiting for secrets: being listed'];
    expect(await get('/healthz')).to.deep.include({ status: 200, text: 'ok\n' });
    expect(await get('/healthz?verbose')).to.deep.include({ status: 200 });
  });

  it('reports that it is not healthy, with the reason', async () => {
    broken = ['no answer from the API server for 10 minutes'];
    expect(await get('/healthz')).to.deep.include({ status: 503, text: 'no answer from the API server for 10 minutes\n' });
    expect(await get('/readyz')).to.deep.include({ status: 200 });
  });

  it('reports what it waits for until it is ready', async () => {
    missing = ['waiting for namespaces: forbidden', 'waiting for secrets: being listed'];
    expect(await get('/readyz')).to.deep.include({
      status: 503,
      text: 'waiting for namespaces: forbidden\nwaiting for secrets: being listed\n',
    });
    missing = [];
    expect(await get('/readyz')).to.deep.include({ status: 200, text: 'ok\n' });
  });

  it('answers 404 to everything else, and lists what it serves', async () => {
    const want = { status: 404, text: 'Not found. This server has /healthz, /readyz and /metrics.\n' };
    for (const path of ['/', '/healthz/', '/metricsx']) expect(await get(path)).to.deep.include(want);
  });

  it('fails if the address is in use', async () => {
    const error = await serveHttp(
      { host: '127.0.0.1', port: Number(new URL(url).port) },
      metrics.registry,
      () => [],
      () => [],
    ).catch((error: unknown) => error);
    expect(error).to.have.property('code', 'EADDRINUSE');
  });

  describe('has metrics', () => {
    const samples = async () => (await get('/metrics')).text.split('\n').filter((line) => line.startsWith('regcred_'));

    it('in the format of Prometheus, including those of the process', async () => {
      const { status, type, text } = await get('/metrics');
      expect(status).to.equal(200);
      expect(type).to.match(/^text\/plain; version=0\.0\.4/);
      expect(text).to.contain('process_cpu_seconds_total ').and.contain('nodejs_heap_size_used_bytes ');
    });

    const atZero = [
      ...['credential', 'secret', 'accounts', 'state', 'token', 'rules', 'pod', 'status', 'trigger', 'metrics'].map(
        (kind) => `regcred_reconcile_errors_total{kind="${kind}",reason="fault"} 0`,
      ),
      ...['Proven', 'NotRefused', 'Public', 'Refused', 'Unreachable', 'NotAsked'].map(
        (result) => `regcred_registry_checks_total{result="${result}"} 0`,
      ),
    ];

    it('that are read when they are scraped', async () => {
      expect(await samples()).to.have.members([
        'regcred_ready 1',
        'regcred_watches_lost{resource="registrycredentials"} 0',
        'regcred_watches_lost{resource="namespaces"} 0',
        'regcred_watches_lost{resource="serviceaccounts"} 0',
        'regcred_watches_lost{resource="secrets"} 2',
        'regcred_watches_lost{resource="pods"} 1',
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
        'regcred_registry_check_result{credential="acme",server="ghcr.io",result="Refused"} 1',
        'regcred_registry_check_result{credential="acme",server="quay.io",result="NotRefused"} 1',
        'regcred_credential_expiry_timestamp_seconds{credential="acme",server="ghcr.io"} 1800000000',
        'regcred_token_obtained_timestamp_seconds{cloud="aws",token="regcred-token-aws-1"} 1700000000',
        'regcred_token_expiry_timestamp_seconds{cloud="aws",token="regcred-token-aws-1"} 1700043200',
        ...atZero,
      ]);
      // A replica that does not lead reports no work, and no series of an earlier term is left.
      source = { isReady: false, outdatedWatches: [], term: undefined };
      expect(await samples()).to.have.members([
        'regcred_ready 0',
        ...['registrycredentials', 'namespaces', 'serviceaccounts', 'secrets'].map((kind) => `regcred_watches_lost{resource="${kind}"} 0`),
        'regcred_leader 0',
        'regcred_queue_depth 0',
        'regcred_queue_width 0',
        'regcred_queue_oldest_age_seconds 0',
        ...atZero,
      ]);
    });

    it('of which one that cannot be read does not hold back the others, and is counted', async () => {
      const term = { ...(source.term as Readings), conditions: () => expect.fail('a fault of the program') };
      source = { isReady: true, outdatedWatches: [], term };
      await get('/metrics');
      const { status, text } = await get('/metrics');
      expect(status).to.equal(200);
      expect(text).to.include('regcred_queue_depth 3').and.not.include('regcred_credential_condition{');
      expect(text).to.match(/regcred_reconcile_errors_total{kind="metrics",reason="fault"} [12]/);
    });

    it('that count what has happened', async () => {
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
