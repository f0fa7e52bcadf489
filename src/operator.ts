import type { Server } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { KubeConfig } from '@kubernetes/client-node';
import type { AccountRecord, CredentialRecord, NamespaceRecord, PodRecord, SecretRecord, SourceRecord } from './api/records.ts';
import type { ControllerConfig } from './config.ts';
import { serveHttp } from './http.ts';
import { Kube, NO_KUBECONFIG } from './kube/client.ts';
import { isNotFound, KubeError, retryAfterMsOf } from './kube/errors.ts';
import { type Following, follow, Watches } from './kube/follow.ts';
import { Lease } from './kube/lease.ts';
import { OursByName } from './kube/ours-by-name.ts';
import { PodPolicy } from './kube/pod-policy.ts';
import { jobsOf, podsIn } from './kube/pods.ts';
import { accounts, credentials, foreignSecrets, managedSecrets, namedSecrets, namespaces, path, sourceSecret } from './kube/resources.ts';
import { Store } from './kube/store.ts';
import type { Target } from './kube/watch.ts';
import { Writer } from './kube/writer.ts';
import type { Log } from './log.ts';
import { type Metrics, makeMetrics } from './metrics.ts';
import { backoffMs } from './queue/backoff.ts';
import { Term } from './reconcile/term.ts';
import { Operator } from './shell/operator.ts';

/** Who and where this process is. */
export interface Identity {
  /** Unlike that of any other process, this one's next life included. */
  readonly name: string;
  /** The namespace of the pod that it runs in, if any. */
  readonly podNamespace: string | undefined;
}

const WATCH_BACKOFF = { firstMs: 250, longestMs: 5000 };
/** For what a cluster may do without, and learn one day. */
const POLICY_BACKOFF = { firstMs: 250, longestMs: 300_000 };

/** Wires everything together for one lifetime: from `start()` to the end of `stop()`. */
export class RegistryCredentialOperator extends Operator {
  readonly #config: ControllerConfig;
  readonly #log: Log;
  readonly #identity: Identity;
  readonly #ended = new AbortController();
  readonly #kube: Kube;
  readonly #lease: Lease;
  readonly #metrics: Metrics;
  readonly #following: Following;
  readonly #podPolicy: PodPolicy;
  /** By watch: the interruption that the log has told of. */
  readonly #interruptions = new Map<string, string>();
  #server: Server | undefined;
  #leading: Promise<void> = Promise.resolve();
  #term: Term | undefined;

  readonly #credentials = new Store<CredentialRecord>((before, after) => this.#term?.triggers.credential(before, after));
  readonly #namespaces = new Store<NamespaceRecord>((before, after) => this.#term?.triggers.namespace(before, after));
  readonly #accounts = new Store<AccountRecord>((before, after) => this.#term?.triggers.account(before, after));
  readonly #managed = new Store<SecretRecord>((before, after) => this.#term?.triggers.secret(before, after));

  /** Throws where the kubeconfig cannot be used. */
  constructor(config: ControllerConfig, log: Log, identity: Identity) {
    super(log);
    this.#config = config;
    this.#log = log;
    this.#identity = identity;
    this.#metrics = makeMetrics(() => ({
      isReady: this.#waitsFor().length === 0,
      term: this.#term?.readings,
    }));
    // The first time what the shell has loaded; again when the API server no longer accepts it.
    let loaded: KubeConfig | undefined = this.kubeConfig;
    const load = () => {
      const config = loaded ?? fromDefault();
      loaded = undefined;
      return config;
    };
    this.#kube = new Kube(load, this.#metrics.requested);
    this.#lease = new Lease(this.#kube, this.#leaseNamespace(), identity.name, (error) => {
      this.#sayOnce('Lease', error, () =>
        this.#log.warn('The Lease cannot be had; trying on.', { namespace: this.#leaseNamespace(), error }),
      );
    });
    this.#following = {
      kube: this.#kube,
      retryMs: (attempt) => backoffMs(WATCH_BACKOFF, attempt, Math.random()),
      interrupted: (target, error) => this.#interrupted(target, error),
      ended: (target) => this.#interruptions.delete(nameOf(target)),
    };
    this.#podPolicy = new PodPolicy({ ...this.#following, retryMs: (attempt) => backoffMs(POLICY_BACKOFF, attempt, Math.random()) }, () =>
      this.#term?.triggers.podPolicy(),
    );
  }

  /** Called by `start()`. Rejects where the cluster cannot be used or the HTTP address is taken. */
  protected override async init(): Promise<void> {
    await this.#reachCluster();
    if (this.#ended.signal.aborted) return;
    const { server, at } = await serveHttp(this.#config.http, this.#metrics.registry, () => this.#waitsFor());
    this.#server = server;
    this.#log.info('Serving /healthz, /readyz and /metrics.', { address: at });
    const { signal } = this.#ended;
    const synced = Promise.all([
      this.#follow(credentials, this.#credentials, signal),
      this.#follow(namespaces, this.#namespaces, signal),
      this.#follow(accounts, this.#accounts, signal),
      this.#podPolicy.follow(signal),
      ...(this.#config.sourceNamespaces ? [] : [this.#follow(managedSecrets, this.#managed, signal)]),
    ]);
    this.#leading = this.#lead(synced, signal);
  }

  /** Lets the writes under way be done, gives the Lease back, and closes everything. */
  override async stop(): Promise<void> {
    this.#ended.abort();
    super.stop();
    await this.#leading;
    await this.#lease.release();
    this.#server?.closeAllConnections();
    this.#server?.close();
    await this.#kube.close();
  }

  /** Term after term: work while the Lease is held. The watches go on in between, so that a takeover takes no time. */
  async #lead(synced: Promise<unknown>, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const acquired = this.#config.leaderElect ? this.#lease.acquire(signal) : Promise.resolve();
      if (
        !(await acquired.then(
          () => true,
          () => false,
        ))
      )
        return;
      const lost = this.#config.leaderElect ? this.#lease.keep(signal) : aborted(signal);
      await Promise.race([synced, lost]);
      if (signal.aborted || (this.#config.leaderElect && !this.#lease.isHeld)) continue;
      this.#log.info('This replica leads.', {
        identity: this.#identity.name,
        credentials: this.#credentials.size,
        namespaces: this.#namespaces.size,
      });
      await this.#work(lost);
      if (!signal.aborted) this.#log.warn('The Lease was lost; this replica follows.', { identity: this.#identity.name });
    }
  }

  async #work(lost: Promise<void>): Promise<void> {
    const { sourceNamespaces } = this.#config;
    const foreign = new Watches<SecretRecord>(
      this.#following,
      sourceNamespaces ? namedSecrets : foreignSecrets,
      (before, after) => this.#term?.triggers.secret(before, after),
      (name) => this.#term?.triggers.foreignKnown(name),
    );
    const sources = new Watches<SourceRecord>(
      this.#following,
      (key) => sourceSecret(...splitKey(key)),
      (before, after) => this.#term?.triggers.source((after ?? before) as SourceRecord),
      (key) => this.#term?.triggers.source(sourceOf(key)),
    );
    const pods = new Watches<PodRecord>(
      this.#following,
      podsIn,
      (before, after) => this.#term?.triggers.pod(before, after),
      () => this.#term?.triggers.podsTurned(),
    );
    const world = {
      credentials: this.#credentials,
      namespaces: this.#namespaces,
      accounts: this.#accounts,
      managed: sourceNamespaces ? new OursByName(foreign) : this.#managed,
      foreign,
      sources,
      podPolicy: this.#podPolicy,
      pods,
      job: jobsOf(this.#kube),
      sourceNamespaces,
    };
    const term = new Term(world, (answered) => new Writer(this.#kube, () => this.#fence(), answered), this.#log, {
      concurrency: this.#config.concurrency,
      cleanupTimeoutMs: this.#config.cleanupTimeoutMs,
      reconciled: this.#metrics.reconciled,
      recovered: this.#metrics.podRecovered,
      failed: this.#metrics.reconcileFailed,
    });
    this.#term = term;
    term.begin();
    await lost;
    this.#term = undefined;
    foreign.stop();
    sources.stop();
    pods.stop();
    await term.end();
  }

  /** A replica that was frozen while another took over must not write when it wakes. */
  #fence(): void {
    if (this.#config.leaderElect && !this.#lease.isHeld) throw new KubeError('This replica no longer holds the Lease.', 0);
  }

  /** Follows a kind for the whole lifetime; resolves when all of it is known. */
  #follow<R extends CredentialRecord | NamespaceRecord | AccountRecord | SecretRecord>(
    target: Target<R>,
    store: Store<R>,
    signal: AbortSignal,
  ): Promise<void> {
    return new Promise((resolve) => {
      void follow(this.#following, target, store, signal, () => {
        if (store.synced) resolve();
      });
    });
  }

  #interrupted(target: Target<unknown>, error: unknown): void {
    const key = nameOf(target);
    if (error === undefined) {
      if (this.#interruptions.delete(key)) this.#log.info('The watch goes on.', { path: target.path, fieldSelector: target.fieldSelector });
      return;
    }
    this.#metrics.watchRestarted(target.path);
    this.#sayOnce(key, error, () => {
      if (target.path === path.credentials && isNotFound(error)) {
        this.#log.warn(
          'The CustomResourceDefinition registrycredentials.regcred.dev is not installed; waiting for it. Install it with: kubectl apply -f crds/',
        );
      } else {
        this.#log.warn('A watch is interrupted; trying on.', { path: target.path, fieldSelector: target.fieldSelector, error });
      }
    });
  }

  #sayOnce(about: string, error: unknown, say: () => void): void {
    const message = (error as Error).message;
    if (this.#interruptions.get(about) === message) return;
    this.#interruptions.set(about, message);
    say();
  }

  #waitsFor(): string[] {
    const stores = {
      registrycredentials: this.#credentials,
      namespaces: this.#namespaces,
      serviceaccounts: this.#accounts,
      ...(this.#config.sourceNamespaces ? {} : { secrets: this.#managed }),
    };
    return Object.entries(stores).flatMap(([kind, { synced, error }]) =>
      synced ? [] : `waiting for ${kind}: ${error instanceof Error ? error.message : 'being listed'}`,
    );
  }

  /** Fails, after a few tries, where there is no API server or it does not know us: a person must look, and a kubelet will start us again. */
  async #reachCluster(): Promise<void> {
    const server = this.kubeConfig.getCurrentCluster()?.server;
    const mend = 'Check the kubeconfig (KUBECONFIG or --kubeconfig), and that the API server runs.';
    if (server === NO_KUBECONFIG) throw new Error(`There is no kubeconfig, and this is no pod in a cluster. ${mend}`);
    for (let attempt = 0; ; attempt++) {
      try {
        await this.#kube.call('GET', path.version, { signal: this.#ended.signal });
        return;
      } catch (error) {
        if (this.#ended.signal.aborted) return;
        const denied = error instanceof KubeError && [401, 403].includes(error.status);
        if (denied || attempt >= 5) throw new Error(`The cluster at ${server} cannot be used: ${(error as Error).message}. ${mend}`);
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

function fromDefault(): KubeConfig {
  const config = new KubeConfig();
  config.loadFromDefault();
  return config;
}

function splitKey(key: string): [string, string] {
  const { namespace, name } = sourceOf(key);
  return [namespace, name];
}

function sourceOf(key: string): { namespace: string; name: string } {
  const slash = key.indexOf('/');
  return { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
}

const nameOf = ({ path, labelSelector, fieldSelector }: Target<unknown>) => [path, labelSelector, fieldSelector].join(' ');

const aborted = (signal: AbortSignal) => new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
