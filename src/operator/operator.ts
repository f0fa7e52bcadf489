import type { Server } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import type { KubeConfig } from '@kubernetes/client-node';
import type { FetchToken } from '../api/cloud-token.ts';
import { ANNOTATION, MANAGER } from '../api/names.ts';
import { createTokenFetcher } from '../cloud/cloud.ts';
import { path } from '../cluster/paths.ts';
import type { ControllerConfig } from '../config.ts';
import { serveHttp } from '../http.ts';
import { KubeClient } from '../kube/client.ts';
import { KubeError, retryAfterMsOf } from '../kube/errors.ts';
import { Lease } from '../kube/lease.ts';
import { Timeline } from '../kube/timeline.ts';
import type { Log } from '../log.ts';
import { type Metrics, makeMetrics } from '../metrics.ts';
import { backoffMs } from '../queue/backoff.ts';
import type { Key } from '../queue/keys.ts';
import { watchAhead } from '../reconcile/credential-watches.ts';
import type { AskRegistry } from '../reconcile/registry-checks.ts';
import { askRegistries, type RegistrySurroundings } from './ask-registries.ts';
import { ClusterWatches, type Listed, type TermWatches } from './cluster-watches.ts';
import { Dispatcher } from './dispatcher.ts';
import { notHealthy } from './health.ts';
import { collectGarbage, IdleCollection } from './idle-collection.ts';
import { LeaderTerm } from './leader-term.ts';
import { Operator } from './shell.ts';
import { WatchLog } from './watch-log.ts';

/** The identity of this process. */
export interface Identity {
  /** Unique to this process. A restarted process has another name. */
  readonly name: string;
  readonly version: string;
  /** The namespace of the pod that this process runs in, if any. */
  readonly podNamespace: string | undefined;
}

const WATCH_BACKOFF = { firstMs: 250, longestMs: 5000 };

/** Connects all parts for one lifetime: from `start()` to the end of `stop()`. */
export class RegistryCredentialOperator extends Operator {
  readonly #config: ControllerConfig;
  readonly #log: Log;
  readonly #identity: Identity;
  readonly #ended = new AbortController();
  readonly #kube: KubeClient;
  readonly #lease: Lease;
  readonly #metrics: Metrics;
  readonly #ask: AskRegistry;
  readonly #fetchToken: FetchToken;
  readonly #dispatcher = new Dispatcher((fault) => {
    this.#metrics.reconcileFailed('trigger', 'fault');
    this.#log.error('A trigger failed; retrying.', { error: fault, stack: (fault as Error).stack });
  });
  readonly #watches: ClusterWatches;
  readonly #idleCollection = new IdleCollection(collectGarbage);
  #server: Server | undefined;
  #leading: Promise<void> = Promise.resolve();
  #term: LeaderTerm | undefined;

  /**
   * @param load reads the kubeconfig: once here, and again when the API server no longer accepts it. Throws if it cannot be read.
   */
  constructor(config: ControllerConfig, log: Log, identity: Identity, load: () => KubeConfig, surroundings: RegistrySurroundings) {
    super(log);
    this.kubeConfig = load();
    this.#config = config;
    this.#log = log;
    this.#identity = identity;
    this.#metrics = makeMetrics(() => ({
      isReady: this.#watches.notReady().length === 0,
      outdatedWatches: watchLog.outdatedPaths(),
      term: this.#term?.readings,
    }));
    const watchLog = new WatchLog(log, this.#metrics.watchRestarted);
    this.#kube = new KubeClient(firstThen(this.kubeConfig, load), this.#metrics.requested);
    const timeline = new Timeline(() => watchLog.rewound());
    const leaseNamespace = this.#leaseNamespace();
    this.#lease = new Lease(this.#kube, {
      lease: { namespace: leaseNamespace, name: MANAGER },
      identity: identity.name,
      annotations: { [ANNOTATION.version]: identity.version },
      failed: (error) => watchLog.leaseFailed(leaseNamespace, error),
      following: (leader) => log.info('This replica follows. Another one leads.', { identity: identity.name, leader }),
      timeline,
    });
    const watchContext = {
      kube: this.#kube,
      timeline,
      retryMs: (attempt: number) => backoffMs(WATCH_BACKOFF, attempt, Math.random()),
      interrupted: watchLog.interrupted.bind(watchLog),
      progress: watchLog.progress.bind(watchLog),
      outdated: watchLog.outdated.bind(watchLog),
      ended: watchLog.ended.bind(watchLog),
    };
    this.#watches = new ClusterWatches(watchContext, this.#dispatcher, {
      sourceNamespaces: config.sourceNamespaces,
      stateNamespace: leaseNamespace,
      tenantLabel: config.tenants.tenantLabel,
    });
    this.#ask = askRegistries(config.registries, surroundings, this.kubeConfig.getCurrentCluster()?.server);
    this.#fetchToken = createTokenFetcher({ ...surroundings, now: Date.now });
  }

  /** Called by `start()`. Rejects if the cluster cannot be used or the HTTP address is taken. */
  protected override async init(): Promise<void> {
    const { server, at } = await serveHttp(
      this.#config.http,
      this.#metrics.registry,
      () => this.#watches.notReady(),
      () => notHealthy(this.#kube.unansweredMs),
    );
    this.#server = server;
    this.#log.info('Serving /healthz, /readyz and /metrics.', { address: at });
    await this.#reachCluster();
    if (this.#ended.signal.aborted) return;
    const { signal } = this.#ended;
    const listed = this.#watches.start(signal);
    void listed.all.then(() => this.#idleCollection.worked(this.#watches.listedObjects));
    this.#leading = this.#lead(listed, signal);
  }

  /** Finishes the writes under way, releases the Lease, and closes everything. */
  override async stop(): Promise<void> {
    this.#ended.abort();
    super.stop();
    await this.#leading;
    this.#idleCollection.end();
    await this.#lease.release();
    this.#server?.closeAllConnections();
    this.#server?.close();
    await this.#kube.close();
  }

  /** Runs one leader term after the other, each while this replica holds the Lease. */
  async #lead(listed: Listed, signal: AbortSignal): Promise<void> {
    const { leaderElect } = this.#config;
    while (!signal.aborted) {
      if (leaderElect && !(await isAcquired(this.#lease, signal))) return;
      const lost = leaderElect ? this.#lease.keep(signal) : aborted(signal);
      const isLost = () => signal.aborted || !this.#mayLead;
      const watches = this.#watches.forTerm();
      await Promise.race([listed.credentials, lost]);
      // The Secrets may take longer to list.
      const watched = isLost() ? [] : watchAhead(watches.observed, this.#config.tenants.isNamespacedOn);
      await Promise.race([listed.all, lost]);
      if (!isLost()) await this.#serveTerm(watches, watched, lost);
      // Also the watches that a key has started while the term ended.
      watches.stop();
    }
  }

  async #serveTerm({ observed, stop }: TermWatches, watched: readonly Key[], lost: Promise<void>): Promise<void> {
    const { credentials, namespaces } = this.#watches;
    this.#log.info('This replica leads.', { identity: this.#identity.name, credentials: credentials.size, namespaces: namespaces.size });
    const term = new LeaderTerm({
      observed,
      kube: this.#kube,
      fence: () => this.#fence(),
      concurrency: this.#config.concurrency,
      cleanupTimeoutMs: this.#config.cleanupTimeoutMs,
      settings: { ...this.#config.registries, ...this.#config.tenants },
      ask: this.#ask,
      fetchToken: this.#fetchToken,
      metrics: this.#metrics,
      log: this.#log,
      worked: () => this.#idleCollection.worked(),
    });
    this.#term = term;
    this.#dispatcher.connect(term.triggers);
    term.begin(watched);
    await lost;
    this.#term = undefined;
    this.#dispatcher.connect(undefined);
    stop();
    await term.end();
    if (!this.#ended.signal.aborted) this.#log.warn('Lost the Lease; waiting to acquire it again.', { identity: this.#identity.name });
  }

  /** A replica that was frozen while another took over must not write when it wakes up. */
  #fence(): void {
    if (!this.#mayLead) throw new KubeError('This replica no longer holds the Lease.', 0);
  }

  get #mayLead(): boolean {
    return !this.#config.leaderElect || this.#lease.isHeld;
  }

  /**
   * Fails at once if the API server does not accept our credentials, and after a few attempts if it does not answer. In a pod it keeps
   * retrying, because the kubelet waits longer before each restart of a failing container.
   */
  async #reachCluster(): Promise<void> {
    const server = this.kubeConfig.getCurrentCluster()?.server;
    const fix = 'Check the kubeconfig (KUBECONFIG or --kubeconfig), and that the API server runs.';
    for (let attempt = 0; ; attempt++) {
      try {
        await this.#kube.call('GET', path.version, { signal: this.#ended.signal });
        return;
      } catch (error) {
        if (this.#ended.signal.aborted) return;
        const isDenied = error instanceof KubeError && [401, 403].includes(error.status);
        const isEnough = attempt >= 5 && this.#identity.podNamespace === undefined;
        if (isDenied || isEnough) throw new Error(`The cluster at ${server} cannot be used: ${(error as Error).message}. ${fix}`);
        if (attempt === 5) this.#log.warn('Cannot reach the cluster; retrying.', { server, error });
        await delay(Math.max(backoffMs({ firstMs: 200, longestMs: 2000 }, attempt, Math.random()), retryAfterMsOf(error)));
      }
    }
  }

  #leaseNamespace(): string {
    const { kubeConfig } = this;
    const context = kubeConfig.getContextObject(kubeConfig.getCurrentContext());
    return this.#config.namespace ?? this.#identity.podNamespace ?? context?.namespace ?? 'default';
  }
}

/** The first time `loaded`, and after that what `load` returns. */
function firstThen<T>(loaded: T, load: () => T): () => T {
  let first: T | undefined = loaded;
  return () => {
    const value = first ?? load();
    first = undefined;
    return value;
  };
}

/** False if the signal was aborted first. */
const isAcquired = (lease: Lease, signal: AbortSignal): Promise<boolean> =>
  lease.acquire(signal).then(
    () => true,
    () => false,
  );

const aborted = (signal: AbortSignal) => new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
