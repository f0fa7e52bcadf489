import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { CredentialRef } from './api/credential-ref.ts';
import type { Result } from './plan/checks/interpret.ts';
import type { Readings } from './status/readings.ts';

export interface Metrics {
  readonly registry: Registry;
  requested(verb: string, status: number): void;
  reconciled(kind: string, seconds: number): void;
  reconcileFailed(kind: string, reason: string): void;
  podRecovered(credential: CredentialRef, how: 'recreated' | 'reported'): void;
  registryChecked(result: string): void;
  tokenFetched(cloud: string, result: string): void;
  watchRestarted(path: string): void;
}

/** What the gauges read at each scrape. Between scrapes the operator computes nothing for them. */
export interface MetricsSource {
  readonly isReady: boolean;
  /** The path of each watch that has been interrupted for over a minute. */
  readonly outdatedWatches: Iterable<string>;
  /** The work of the leader; undefined on a replica that follows. */
  readonly term: Readings | undefined;
}

/** Prometheus metrics, described in docs/operations.md. The number of series grows with the credentials and sources, never with the namespaces. */
export function makeMetrics(read: () => MetricsSource): Metrics {
  const registry = new Registry();
  collectProcessMetrics(registry);
  const { requests, reconciles, failures, recoveries, checks, fetches, restarts } = makeCounters([registry]);
  const gauge = gaugeMaker([registry], () => failures.inc({ kind: 'metrics', reason: 'fault' }));
  addReplicaGauges(gauge, read);
  addQueueGauges(gauge, read);
  addCredentialGauges(gauge, read);
  addRegistryGauges(gauge, read);
  addTokenGauges(gauge, read);
  return {
    registry,
    requested: (verb, status) => requests.inc({ verb, code: status }),
    reconciled: (kind, seconds) => reconciles.observe({ kind }, seconds),
    reconcileFailed: (kind, reason) => failures.inc({ kind, reason }),
    podRecovered: (credential, how) =>
      recoveries[how].inc({ credential: credential.name, ...(credential.namespace !== '' && { namespace: credential.namespace }) }),
    registryChecked: (result) => checks.inc({ result }),
    tokenFetched: (cloud, result) => fetches.inc({ cloud, result }),
    watchRestarted: (path) => restarts.inc({ resource: resourceOf(path) }),
  };
}

/**
 * The metrics of the process, without the lag of the event loop. By default that lag is sampled a hundred times a second, which is most of the
 * CPU time of an idle operator. With a longer interval the lag is wrong, because it includes the interval.
 */
function collectProcessMetrics(registry: Registry): void {
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: 60_000 });
  for (const { name } of registry.getMetricsAsArray()) if (name.startsWith('nodejs_eventloop_lag')) registry.removeSingleMetric(name);
}

function makeCounters(registers: Registry[]) {
  const requests = new Counter({
    name: 'regcred_api_requests_total',
    help: 'Requests to the API server by verb and status code. Code 0 means that there was no answer.',
    labelNames: ['verb', 'code'],
    registers,
  });
  const reconciles = new Histogram({
    name: 'regcred_reconcile_duration_seconds',
    help: 'Duration of one run of a reconciler, by kind of key.',
    labelNames: ['kind'],
    buckets: [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 30],
    registers,
  });
  const failures = new Counter({
    name: 'regcred_reconcile_errors_total',
    help: 'Steps that failed, by kind of key (or status, trigger, metrics) and reason: stale, gone, passing, refused or fault.',
    labelNames: ['kind', 'reason'],
    registers,
  });
  // Start at 0, so that the first fault is an increase.
  for (const kind of ['credential', 'secret', 'accounts', 'state', 'token', 'rules', 'pod', 'status', 'trigger', 'metrics'])
    failures.inc({ kind, reason: 'fault' }, 0);
  const restarts = new Counter({
    name: 'regcred_watch_restarts_total',
    help: 'Interrupted watches that were started again, by resource.',
    labelNames: ['resource'],
    registers,
  });
  return {
    requests,
    reconciles,
    failures,
    recoveries: makeRecoveryCounters(registers),
    checks: makeCheckCounter(registers),
    fetches: makeFetchCounter(registers),
    restarts,
  };
}

/** No series starts at 0: most clusters use no cloud, or one of them. */
const makeFetchCounter = (registers: Registry[]) =>
  new Counter({
    name: 'regcred_token_fetches_total',
    help: 'Attempts to fetch a token from a cloud, by result: fetched, unchanged (the same token again) or failed.',
    labelNames: ['cloud', 'result'],
    registers,
  });

function makeCheckCounter(registers: Registry[]) {
  const checks = new Counter({
    name: 'regcred_registry_checks_total',
    help: 'Answers of registries to the question whether they accept the credentials, by result.',
    labelNames: ['result'],
    registers,
  });
  // Start at 0, so that the first refusal is an increase.
  for (const result of ['Proven', 'NotRefused', 'Public', 'Refused', 'Unreachable', 'NotAsked'] satisfies Result[])
    checks.inc({ result }, 0);
  return checks;
}

const makeRecoveryCounters = (registers: Registry[]) => ({
  recreated: new Counter({
    name: 'regcred_pods_recreated_total',
    help: 'Pods evicted so that their controller re-creates them, by credential.',
    labelNames: ['credential', 'namespace'],
    registers,
  }),
  reported: new Counter({
    name: 'regcred_pods_not_recreated_total',
    help: 'Stuck pods that were not evicted because nothing would re-create them, by credential. An Event on each says why.',
    labelNames: ['credential', 'namespace'],
    registers,
  }),
});

type SetGauge = (labels: Record<string, string>, value: number) => void;

type AddGauge = (name: string, help: string, labelNames: string[], collect: (set: SetGauge) => void) => void;

/** Adds gauges that are computed at each scrape. A fault in one of them does not prevent the others. */
const gaugeMaker =
  (registers: Registry[], onFault: () => void): AddGauge =>
  (name, help, labelNames, collect) => {
    new Gauge({
      name,
      help,
      labelNames,
      registers,
      collect() {
        this.reset();
        try {
          collect((labels, value) => this.set(labels, value));
        } catch {
          onFault();
        }
      },
    });
  };

function addReplicaGauges(gauge: AddGauge, read: () => MetricsSource): void {
  gauge('regcred_ready', '1 if this replica has listed the cluster, as /readyz reports.', [], (set) => set({}, read().isReady ? 1 : 0));
  gauge('regcred_leader', '1 if this replica holds the Lease and writes.', [], (set) => set({}, read().term ? 1 : 0));
  const lost = 'Watches that have been interrupted for over a minute, so that what depends on them may be outdated, by resource.';
  gauge('regcred_watches_lost', lost, ['resource'], (set) => {
    const counts = new Map(WATCHED.map((resource) => [resource, 0]));
    for (const path of read().outdatedWatches) counts.set(resourceOf(path), (counts.get(resourceOf(path)) ?? 0) + 1);
    for (const [resource, count] of counts) set({ resource }, count);
  });
}

function addQueueGauges(gauge: AddGauge, read: () => MetricsSource): void {
  gauge('regcred_queue_depth', 'Keys that wait for their turn.', [], (set) => set({}, read().term?.queueDepth ?? 0));
  gauge('regcred_queue_oldest_age_seconds', 'Seconds that the longest-waiting key has waited.', [], (set) =>
    set({}, read().term?.queueAgeSeconds ?? 0),
  );
  gauge('regcred_queue_width', 'How many keys may run at once; 0 while an overloaded API server asks to wait.', [], (set) =>
    set({}, read().term?.queueWidth ?? 0),
  );
}

function addCredentialGauges(gauge: AddGauge, read: () => MetricsSource): void {
  gauge(
    'regcred_placements',
    'Desired objects, by credential, kind of object and state.',
    ['credential', 'kind', 'state', 'namespace'],
    (set) => {
      for (const { kind, states, ...of } of read().term?.placements() ?? []) {
        for (const [state, count] of Object.entries(states)) set({ ...of, kind, state }, count);
      }
    },
  );
  gauge('regcred_credential_condition', '1 for each present condition of a credential, by status and reason.', CONDITION_LABELS, (set) => {
    for (const labels of read().term?.conditions() ?? []) set(labels, 1);
  });
  const timestamp = 'regcred_source_last_change_timestamp_seconds';
  gauge(timestamp, 'When the data of a source was last written, by namespace/name, as the API server recorded it.', ['source'], (set) => {
    for (const { source, changedAt } of read().term?.sources() ?? []) set({ source }, changedAt);
  });
}

function addRegistryGauges(gauge: AddGauge, read: () => MetricsSource): void {
  const result = '1 for the present result of each server of a credential.';
  gauge('regcred_registry_check_result', result, ['credential', 'server', 'result', 'namespace'], (set) => {
    for (const { expiresAt: _, ...labels } of read().term?.registries() ?? []) set(labels, 1);
  });
  const expiry = 'When the credentials for a server stop working, if that is known.';
  gauge('regcred_credential_expiry_timestamp_seconds', expiry, ['credential', 'server', 'namespace'], (set) => {
    for (const { result: _, expiresAt, ...labels } of read().term?.registries() ?? []) {
      if (expiresAt !== undefined) set(labels, expiresAt);
    }
  });
}

function addTokenGauges(gauge: AddGauge, read: () => MetricsSource): void {
  const obtained = 'When each token of a cloud was fetched, by the name of its Secret. Its age is time() minus this.';
  gauge('regcred_token_obtained_timestamp_seconds', obtained, ['cloud', 'token'], (set) => {
    for (const { cloud, token, obtainedAt } of read().term?.tokens() ?? []) set({ cloud, token }, obtainedAt);
  });
  gauge('regcred_token_expiry_timestamp_seconds', 'When each token of a cloud expires.', ['cloud', 'token'], (set) => {
    for (const { cloud, token, expiresAt } of read().term?.tokens() ?? []) set({ cloud, token }, expiresAt);
  });
}

/** Only the last part of the path: a source's path contains its namespace, and there may be many namespaces. */
const resourceOf = (path: string) => path.slice(path.lastIndexOf('/') + 1);

/** Every replica watches these, so they have a series even if all is well. */
const WATCHED = ['registrycredentials', 'namespaces', 'serviceaccounts', 'secrets'];

const CONDITION_LABELS = ['credential', 'type', 'status', 'reason', 'namespace'];
