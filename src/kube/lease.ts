import { setTimeout as delay } from 'node:timers/promises';
import { MANAGER } from '../api/names.ts';
import type { Kube } from './client.ts';
import { isNotFound, KubeError } from './errors.ts';
import { path } from './resources.ts';

export interface LeaseObject {
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly resourceVersion?: string };
  readonly spec: {
    readonly holderIdentity?: string;
    readonly leaseDurationSeconds?: number;
    readonly acquireTime?: string;
    readonly renewTime?: string;
    readonly leaseTransitions?: number;
  };
}

export interface LeaseTimes {
  /** For how long after its last renewal nobody else takes the Lease. */
  readonly durationMs: number;
  /** For how long after its last renewal the holder writes. Shorter, so that two never do. */
  readonly renewDeadlineMs: number;
  /** Between two renewals that went well. */
  readonly renewMs: number;
  /** Between two tries, to renew it after one that failed or to get it. */
  readonly retryMs: number;
}

/** A leader that was killed is replaced within 15 seconds, one that stopped within 2. */
const TIMES: LeaseTimes = { durationMs: 12_000, renewDeadlineMs: 8_000, renewMs: 2_500, retryMs: 1_250 };

/**
 * Leader election on a Lease, by the rules of client-go's leaderelection: others' clocks are not trusted, so a Lease has
 * run out when it was not seen to change for as long as it lasts, by our own clock, which never jumps.
 */
export class Lease {
  readonly #kube: Kube;
  readonly #namespace: string;
  readonly #identity: string;
  readonly #failed: (error: unknown) => void;
  readonly #times: LeaseTimes;
  /** The Lease as we last wrote it; undefined where a write may or may not have gone through. */
  #written: LeaseObject | undefined;
  #renewedAt = Number.NEGATIVE_INFINITY;
  /** The Lease of another, when it was last seen to change, and when it runs out if it does not change again. */
  #observed = { version: '', at: Number.NEGATIVE_INFINITY, endsAt: Number.NEGATIVE_INFINITY };

  constructor(kube: Kube, namespace: string, identity: string, failed: (error: unknown) => void, times = TIMES) {
    this.#kube = kube;
    this.#namespace = namespace;
    this.#identity = identity;
    this.#failed = failed;
    this.#times = times;
  }

  /** Whether this process may write now. True for a bounded time after each renewal, even if the process was frozen in between. */
  get isHeld(): boolean {
    return performance.now() - this.#renewedAt < this.#times.renewDeadlineMs;
  }

  /** Resolves when the Lease is ours; rejects only when the signal is aborted. */
  async acquire(signal: AbortSignal): Promise<void> {
    while (!(await this.#attempt(this.#times.renewDeadlineMs / 2, signal, (within) => this.#tryAcquire(within)))) {
      // Not a whole pause after the Lease of a leader that was killed has run out: nobody writes until then.
      const left = this.#observed.endsAt - performance.now();
      // A timer counts whole milliseconds, and to come one too early would cost a whole pause.
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
      // A call that gets no answer must leave time for another one, as client-go has it.
      const withinMs = Math.min(Math.max(0, left), this.#times.renewDeadlineMs / 2);
      renewed = await this.#attempt(withinMs, signal, (within) => this.#renew(within));
      if (!this.isHeld) return;
    }
  }

  /** Gives the Lease back, so that another replica need not wait for it to run out. */
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
    const begun = performance.now();
    const lease = await this.#get(within);
    // Not when it was asked for: the holder may have renewed it while the question was under way.
    const seenAt = performance.now();
    if (lease === undefined) {
      this.#won(await this.#create({ ...spec, leaseTransitions: 0 }, within), begun);
      return true;
    }
    const version = lease.metadata.resourceVersion ?? '';
    const at = version === this.#observed.version ? this.#observed.at : seenAt;
    this.#observed = { version, at, endsAt: at + (lease.spec.leaseDurationSeconds ?? 0) * 1000 };
    // It may be ours already, by a write whose answer did not come.
    const another = lease.spec.holderIdentity !== this.#identity && lease.spec.holderIdentity;
    if (another && begun < this.#observed.endsAt) return false;
    this.#won(await this.#put(lease, { ...spec, leaseTransitions: (lease.spec.leaseTransitions ?? 0) + 1 }, within), begun);
    return true;
  }

  async #renew(within: AbortSignal): Promise<boolean> {
    const begun = performance.now();
    const lease = this.#written ?? (await this.#get(within));
    this.#written = undefined;
    if (lease?.spec.holderIdentity !== this.#identity) {
      this.#renewedAt = Number.NEGATIVE_INFINITY;
      return false;
    }
    this.#won(await this.#put(lease, { ...lease.spec, renewTime: now() }, within), begun);
    return true;
  }

  /** What was won counts from when it was asked for: the answer may have been long under way. */
  #won(lease: LeaseObject, askedAt: number): void {
    this.#written = lease;
    this.#renewedAt = askedAt;
  }

  async #get(signal: AbortSignal): Promise<LeaseObject | undefined> {
    try {
      return await this.#kube.call<LeaseObject>('GET', `${path.leases(this.#namespace)}/${MANAGER}`, { signal });
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  #create(spec: LeaseObject['spec'], signal: AbortSignal): Promise<LeaseObject> {
    const body = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { name: MANAGER, namespace: this.#namespace }, spec };
    return this.#kube.call('POST', path.leases(this.#namespace), { body, signal });
  }

  #put(lease: LeaseObject, spec: LeaseObject['spec'], signal: AbortSignal): Promise<LeaseObject> {
    return this.#kube.call('PUT', `${path.leases(this.#namespace)}/${MANAGER}`, { body: { ...lease, spec }, signal });
  }

  /** Makes one attempt. A server that takes the request and never answers must not hold us up past the time that it matters. */
  async #attempt(timeoutMs: number, stop: AbortSignal | undefined, step: (within: AbortSignal) => Promise<unknown>): Promise<boolean> {
    const within = AbortSignal.any([AbortSignal.timeout(Math.ceil(timeoutMs)), ...(stop ? [stop] : [])]);
    try {
      return (await step(within)) !== false;
    } catch (error) {
      // A conflict is an election that another replica won.
      if (!stop?.aborted && !(error instanceof KubeError && error.status === 409)) this.#failed(error);
      return false;
    }
  }

  #pause(signal: AbortSignal, ms: number, atMostMs = Number.POSITIVE_INFINITY): Promise<void> {
    return delay(Math.min(ms * (0.8 + 0.4 * Math.random()), atMostMs), undefined, { signal });
  }
}

/** MicroTime, as the API has it. */
const now = () => new Date().toISOString().replace('Z', '000Z');
