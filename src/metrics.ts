import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { Readings } from './reconcile/readings.ts';

export interface Metrics {
  readonly registry: Registry;
  requested(verb: string, status: number): void;
  reconciled(kind: string, seconds: number): void;
  reconcileFailed(kind: string, reason: string): void;
  podRecovered(credential: string, how: 'recreated' | 'reported'): void;
  watchRestarted(path: string): void;
}

/** What the gauges read when they are scraped: nothing is kept up to date for a scrape that may never come. */
export interface Sight {
  readonly isReady: boolean;
  /** The work of the leader; undefined on a replica that follows. */
  readonly term: Readings | undefined;
}

/** Prometheus metrics, described in docs/operations.md. A label's values are bounded by what there are RegistryCredentials and sources, never by namespaces. */
export function makeMetrics(see: () => Sight): Metrics {
  const registry = new Registry();
  // The lag of the event loop is sampled a hundred times a second otherwise, which is most of what an idle operator would cost;
  // and sampled less often it is wrong, because the interval is a part of what is measured.
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: 60_000 });
  for (const { name } of registry.getMetricsAsArray()) if (name.startsWith('nodejs_eventloop_lag')) registry.removeSingleMetric(name);
  const registers = [registry];
  const requests = new Counter({
    name: 'regcred_api_requests_total',
    help: 'Requests to the API server by verb and status code; code 0 means that no answer came.',
    labelNames: ['verb', 'code'],
    registers,
  });
  const reconciles = new Histogram({
    name: 'regcred_reconcile_duration_seconds',
    help: 'How long one run of a reconciler took, by kind of key.',
    labelNames: ['kind'],
    buckets: [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 30],
    registers,
  });
  const failures = new Counter({
    name: 'regcred_reconcile_errors_total',
    help: 'Steps of a reconciler that failed, by kind of key and reason: stale, gone, passing, refused or fault.',
    labelNames: ['kind', 'reason'],
    registers,
  });
  // From the beginning: the first fault would not be an increase else.
  for (const kind of ['credential', 'secret', 'accounts', 'pod']) failures.inc({ kind, reason: 'fault' }, 0);
  const recoveries = {
    recreated: new Counter({
      name: 'regcred_pods_recreated_total',
      help: 'Pods evicted, so that their controller makes them again and they pull, by credential.',
      labelNames: ['credential'],
      registers,
    }),
    reported: new Counter({
      name: 'regcred_pods_not_recreated_total',
      help: 'Pods that would have been evicted if somebody made them again, by credential: an Event on each says why.',
      labelNames: ['credential'],
      registers,
    }),
  };
  const restarts = new Counter({
    name: 'regcred_watch_restarts_total',
    help: 'Watches that broke and were begun again, by resource.',
    labelNames: ['resource'],
    registers,
  });
  const timestamp = 'regcred_source_last_change_timestamp_seconds';
  gauge('regcred_ready', 'Whether this replica knows the cluster, as /readyz says.', [], (set) => set({}, see().isReady ? 1 : 0));
  gauge('regcred_leader', 'Whether this replica holds the Lease and writes.', [], (set) => set({}, see().term ? 1 : 0));
  gauge('regcred_queue_depth', 'Keys that wait for their turn.', [], (set) => set({}, see().term?.queueDepth ?? 0));
  gauge('regcred_queue_oldest_age_seconds', 'How long the key that waits longest has waited.', [], (set) =>
    set({}, see().term?.queueAgeSeconds ?? 0),
  );
  gauge('regcred_queue_width', 'How many keys are worked on at once at most: the pace that the API server keeps up with.', [], (set) =>
    set({}, see().term?.queueWidth ?? 0),
  );
  gauge('regcred_placements', 'What is wanted, by credential, kind of object and state.', ['credential', 'kind', 'state'], (set) => {
    for (const { credential, kind, states } of see().term?.placements() ?? []) {
      for (const [state, count] of Object.entries(states)) set({ credential, kind, state }, count);
    }
  });
  gauge('regcred_credential_condition', 'The conditions of each credential: 1 for what holds.', CONDITION_LABELS, (set) => {
    for (const { credential, type, status, reason } of see().term?.conditions() ?? []) set({ credential, type, status, reason }, 1);
  });
  gauge(timestamp, 'When the data of a source was last written, by namespace/name, as the API server recorded it.', ['source'], (set) => {
    for (const { source, changedAt } of see().term?.sources() ?? []) set({ source }, changedAt);
  });

  function gauge(name: string, help: string, labelNames: string[], collect: (set: Set) => void): void {
    new Gauge({
      name,
      help,
      labelNames,
      registers,
      collect() {
        this.reset();
        collect((labels, value) => this.set(labels, value));
      },
    });
  }

  return {
    registry,
    requested: (verb, status) => requests.inc({ verb, code: status }),
    reconciled: (kind, seconds) => reconciles.observe({ kind }, seconds),
    reconcileFailed: (kind, reason) => failures.inc({ kind, reason }),
    podRecovered: (credential, how) => recoveries[how].inc({ credential }),
    // The last part of the path: the path of a source has its namespace in it, of which there may be many.
    watchRestarted: (path) => restarts.inc({ resource: path.slice(path.lastIndexOf('/') + 1) }),
  };
}

const CONDITION_LABELS = ['credential', 'type', 'status', 'reason'];

type Set = (labels: Record<string, string>, value: number) => void;
