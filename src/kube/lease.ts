import { setTimeout as delay } from 'node:timers/promises';
import type { KubeClient } from './client.ts';
import { isNotFound, KubeError } from './errors.ts';
import { newer } from './resource-version.ts';
import { Timeline } from './timeline.ts';

export interface LeaseObject {
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly resourceVersion?: string;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly spec: {
    readonly holderIdentity?: string;
    readonly leaseDurationSeconds?: number;
    readonly acquireTime?: string;
    readonly renewTime?: string;
    readonly leaseTransitions?: number;
  };
}

export interface LeaseName {
  readonly namespace: string;
  readonly name: string;
}

export interface LeaseTimes {
  /** For this long after the last renewal, no other replica acquires the Lease. */
  readonly durationMs: number;
  /** For this long after the last renewal, the holder writes. It is shorter than `durationMs`, so that two replicas never write. */
  readonly renewDeadlineMs: number;
  /** The time between two successful renewals. */
  readonly renewMs: number;
  /** The time between two attempts to acquire the Lease, or to renew it after a failure. */
  readonly retryMs: number;
}

/** With these times another replica replaces a killed leader within 15 seconds, and a stopped one within 2. */
const TIMES: LeaseTimes = { durationMs: 12_000, renewDeadlineMs: 8_000, renewMs: 2_500, retryMs: 1_250 };

export interface LeaseOptions {
  readonly lease: LeaseName;
  /** Unique to this process. */
  readonly identity: string;
  /** What the holder says about itself, beside the annotations of others. */
  readonly annotations?: Readonly<Record<string, string>>;
  readonly failed: (error: unknown) => void;
  /** Called with the holder when another replica is found to hold the Lease, and again when another one does. */
  readonly following?: (holder: string) => void;
  readonly times?: LeaseTimes;
  readonly timeline?: Timeline;
}

/**
 * Leader election on a Lease, by the rules of client-go's leaderelection. It does not trust the clocks of other replicas. A Lease has expired
 * when this process has not seen it change for its whole duration, by a local clock that does not jump.
 */
export class Lease {
  readonly #kube: KubeClient;
  readonly #name: LeaseName;
  readonly #identity: string;
  readonly #options: LeaseOptions;
  readonly #times: LeaseTimes;
  readonly #timeline: Timeline;
  /** The latest resourceVersion of the Lease that this process has seen, and the timeline of that version. */
  #seen: { readonly version: string; readonly era: AbortSignal };
  /** The Lease as this process last wrote it; undefined while it is unknown whether a write succeeded. */
  #written: LeaseObject | undefined;
  #renewedAt = Number.NEGATIVE_INFINITY;
  /** The holder that was reported last; undefined while this process holds the Lease. */
  #followed: string | undefined;
  /** The Lease of another replica: when this process last saw it change, and when it expires if it does not change again. */
  #observed = { version: '', at: Number.NEGATIVE_INFINITY, endsAt: Number.NEGATIVE_INFINITY };

  constructor(kube: KubeClient, options: LeaseOptions) {
    const { lease, identity, times = TIMES, timeline = new Timeline() } = options;
    this.#kube = kube;
    this.#name = lease;
    this.#identity = identity;
    this.#options = options;
    this.#times = times;
    this.#timeline = timeline;
    this.#seen = { version: '', era: timeline.current };
  }

  /** Whether this process may write now. True for a bounded time after each renewal, even if the process was frozen in between. */
  get isHeld(): boolean {
    return performance.now() - this.#renewedAt < this.#times.renewDeadlineMs;
  }

  /** Resolves when this process holds the Lease. Rejects only when the signal is aborted. */
  async acquire(signal: AbortSignal): Promise<void> {
    while (!(await this.#attempt(this.#times.renewDeadlineMs / 2, signal, (within) => this.#tryAcquire(within)))) {
      // Wait no longer than until the Lease of a killed leader expires: no replica writes until then.
      const left = this.#observed.endsAt - performance.now();
      // A timer counts whole milliseconds. An attempt that comes one millisecond too early costs another pause.
      await this.#pause(signal, this.#times.retryMs, left > 0 ? Math.ceil(left) + 1 : Number.POSITIVE_INFINITY);
    }
    signal.throwIfAborted();
  }

  /** Keeps the Lease, and resolves when it is lost or the signal is aborted. */
  async keep(signal: AbortSignal): Promise<void> {
    let renewed = true;
    while (!signal.aborted) {
      await this.#pause(signal, renewed ? this.#times.renewMs : this.#times.retryMs).catch(() => {});
      if (signal.aborted) return;
      const left = this.#renewedAt + this.#times.renewDeadlineMs - performance.now();
      // As in client-go, a call without an answer must leave time for another one.
      const withinMs = Math.min(Math.max(0, left), this.#times.renewDeadlineMs / 2);
      renewed = await this.#attempt(withinMs, signal, (within) => this.#renew(within));
      if (!this.isHeld) return;
    }
  }

  /** Releases the Lease, so that another replica need not wait until it expires. */
  async release(): Promise<void> {
    if (!this.isHeld) return;
    this.#renewedAt = Number.NEGATIVE_INFINITY;
    await this.#attempt(this.#times.retryMs, undefined, async (within) => {
      const lease = this.#written ?? (await this.#get(within));
      if (lease?.spec.holderIdentity !== this.#identity) return;
      await this.#put(lease, { ...lease.spec, holderIdentity: '', leaseDurationSeconds: 1, renewTime: now() }, within);
    });
  }

  async #tryAcquire(within: AbortSignal): Promise<boolean> {
    const spec = {
      holderIdentity: this.#identity,
      leaseDurationSeconds: Math.ceil(this.#times.durationMs / 1000),
      acquireTime: now(),
      renewTime: now(),
    };
    const requestedAt = performance.now();
    const lease = await this.#get(within);
    // Measure after the answer: the holder may have renewed the Lease during the request.
    const seenAt = performance.now();
    if (lease === undefined) {
      this.#renewed(await this.#create({ ...spec, leaseTransitions: 0 }, within), requestedAt);
      return true;
    }
    const version = lease.metadata.resourceVersion ?? '';
    const at = version === this.#observed.version ? this.#observed.at : seenAt;
    this.#observed = { version, at, endsAt: at + (lease.spec.leaseDurationSeconds ?? 0) * 1000 };
    // This process may already hold the Lease, by a write whose answer was lost.
    const another = lease.spec.holderIdentity !== this.#identity && lease.spec.holderIdentity;
    if (another && requestedAt < this.#observed.endsAt) {
      this.#follows(another);
      return false;
    }
    this.#renewed(await this.#put(lease, { ...spec, leaseTransitions: (lease.spec.leaseTransitions ?? 0) + 1 }, within), requestedAt);
    return true;
  }

  #follows(holder: string): void {
    if (holder !== this.#followed) this.#options.following?.(holder);
    this.#followed = holder;
  }

  async #renew(within: AbortSignal): Promise<boolean> {
    const requestedAt = performance.now();
    const lease = this.#written ?? (await this.#get(within));
    this.#written = undefined;
    if (lease?.spec.holderIdentity !== this.#identity) {
      this.#renewedAt = Number.NEGATIVE_INFINITY;
      return false;
    }
    this.#renewed(await this.#put(lease, { ...lease.spec, renewTime: now() }, within), requestedAt);
    return true;
  }

  /** The renewal counts from the time of the request, because the answer may have been slow. */
  #renewed(lease: LeaseObject, requestedAt: number): void {
    this.#written = lease;
    this.#renewedAt = requestedAt;
    this.#followed = undefined;
  }

  async #get(signal: AbortSignal): Promise<LeaseObject | undefined> {
    try {
      return this.#see(await this.#kube.call<LeaseObject>('GET', leasePath(this.#name), { signal }));
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  async #create(spec: LeaseObject['spec'], signal: AbortSignal): Promise<LeaseObject> {
    const body = {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { ...this.#name, annotations: this.#options.annotations },
      spec,
    };
    return this.#see(await this.#kube.call('POST', leasesPath(this.#name.namespace), { body, signal }));
  }

  async #put(lease: LeaseObject, spec: LeaseObject['spec'], signal: AbortSignal): Promise<LeaseObject> {
    const { annotations = {} } = this.#options;
    const metadata = { ...lease.metadata, annotations: { ...lease.metadata.annotations, ...annotations } };
    return this.#see(await this.#kube.call('PUT', leasePath(this.#name), { body: { ...lease, metadata, spec }, signal }));
  }

  /** Every answer has the latest version of the Lease. So an older version than before shows that etcd was restored from a backup. */
  #see(lease: LeaseObject): LeaseObject {
    const version = lease.metadata.resourceVersion ?? '';
    const { current } = this.#timeline;
    if (this.#seen.era === current && newer(this.#seen.version, version)) this.#timeline.rewound(current);
    this.#seen = { version, era: this.#timeline.current };
    return lease;
  }

  /** Makes one attempt in bounded time: a server that never answers must not block the next attempt. */
  async #attempt(timeoutMs: number, stop: AbortSignal | undefined, step: (within: AbortSignal) => Promise<unknown>): Promise<boolean> {
    const within = AbortSignal.any([AbortSignal.timeout(Math.ceil(timeoutMs)), ...(stop ? [stop] : [])]);
    try {
      return (await step(within)) !== false;
    } catch (error) {
      // A conflict means that another replica won the election.
      if (!stop?.aborted && !(error instanceof KubeError && error.status === 409)) this.#options.failed(error);
      return false;
    }
  }

  #pause(signal: AbortSignal, ms: number, atMostMs = Number.POSITIVE_INFINITY): Promise<void> {
    return delay(Math.min(ms * (0.8 + 0.4 * Math.random()), atMostMs), undefined, { signal });
  }
}

const leasesPath = (namespace: string) => `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases`;
const leasePath = ({ namespace, name }: LeaseName) => `${leasesPath(namespace)}/${name}`;

/** MicroTime, as the API has it. */
const now = () => new Date().toISOString().replace('Z', '000Z');
