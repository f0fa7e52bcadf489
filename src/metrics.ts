import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { Counters } from './reconcile/tally.ts';

/** What the gauges read when they are scraped: nothing is kept up to date for a scrape that may never come. */
export interface Readings {
  readonly isLeader: boolean;
  readonly queueDepth: number;
  /** By credential. */
  readonly namespaces: Iterable<readonly [string, Counters]>;
  readonly serviceAccounts: Iterable<readonly [string, Counters]>;
}

export interface Metrics {
  readonly registry: Registry;
  requested(method: string, status: number): void;
  reconciled(kind: string, seconds: number): void;
  watchInterrupted(path: string): void;
}

/** Prometheus metrics, described in docs/operations.md. */
export function makeMetrics(read: () => Readings): Metrics {
  const registry = new Registry();
  // The lag of the event loop is sampled a hundred times a second otherwise, which is most of what an idle operator would cost.
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: 60_000 });
  const registers = [registry];
  const requests = new Counter({
    name: 'regcred_api_requests_total',
    help: 'Requests to the API server by method and status code; code 0 means that no answer came.',
    labelNames: ['method', 'code'],
    registers,
  });
  const reconciles = new Histogram({
    name: 'regcred_reconcile_duration_seconds',
    help: 'How long one run of a reconciler took, by kind of key.',
    labelNames: ['kind'],
    buckets: [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 30],
    registers,
  });
  const interruptions = new Counter({
    name: 'regcred_watch_interruptions_total',
    help: 'Watches that were interrupted and resumed, by path.',
    labelNames: ['path'],
    registers,
  });
  gauge('regcred_leader', 'Whether this replica holds the Lease and writes.', [], (set) => set({}, read().isLeader ? 1 : 0));
  gauge('regcred_queue_depth', 'Keys that wait for their turn.', [], (set) => set({}, read().queueDepth));
  gauge('regcred_namespaces', 'Namespaces by credential and state of the Secret in them.', ['credential', 'state'], (set) =>
    byState(read().namespaces, set),
  );
  gauge('regcred_service_accounts', 'ServiceAccounts by credential and state of the reference in them.', ['credential', 'state'], (set) =>
    byState(read().serviceAccounts, set),
  );

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
    requested: (method, status) => requests.inc({ method, code: status }),
    reconciled: (kind, seconds) => reconciles.observe({ kind }, seconds),
    watchInterrupted: (path) => interruptions.inc({ path }),
  };
}

type Set = (labels: Record<string, string>, value: number) => void;

function byState(counters: Readings['namespaces'], set: Set): void {
  for (const [credential, states] of counters) {
    for (const [state, value] of Object.entries(states)) set({ credential, state }, value);
  }
}
