import { MANAGER } from '../../api/names.ts';
import { path } from '../../cluster/paths.ts';
import type { KubeClient } from '../../kube/client.ts';
import type { LeaseObject } from '../../kube/lease.ts';

/**
 * Whether an operator runs anywhere in the cluster:
 * - runs: it renews its Lease
 * - none: there is no Lease, or it was released, or it has expired
 * - unknown: look again, until the Lease is renewed or has expired
 */
export type Presence = { readonly state: 'runs'; readonly lease: string; readonly holder: string } | { readonly state: 'none' | 'unknown' };

/** Anyone may write a Lease with this name in a namespace of theirs, with a duration of years. The operator's lasts 12 seconds. */
const MAX_LEASE_MS = 60_000;

interface SeenLease {
  readonly version: string;
  /** When it was last seen to change. */
  readonly at: number;
  readonly isRenewed: boolean;
}

/**
 * Looks for an operator by the rule of the replicas themselves (src/kube/lease.ts): clocks of others are not trusted, so a Lease has
 * expired when it was not seen to change for as long as it lasts. For a leader that was killed, that takes those 12 seconds. A leader
 * that is alive shows itself within 3.
 */
export class OperatorPresence {
  readonly #kube: KubeClient;
  readonly #seenIn = new Map<string, SeenLease>();

  constructor(kube: KubeClient) {
    this.#kube = kube;
  }

  /** Looks once. Throws a KubeError. */
  async look(): Promise<Presence> {
    const query = { fieldSelector: `metadata.name=${MANAGER}` };
    const { items } = await this.#kube.call<{ items: LeaseObject[] }>('GET', path.allLeases, { query });
    const held = items.filter(({ spec }) => spec.holderIdentity).map((lease) => this.#judge(lease, performance.now()));
    return held.find(({ state }) => state === 'runs') ?? held.find(({ state }) => state === 'unknown') ?? { state: 'none' };
  }

  #judge({ metadata: { namespace = '', resourceVersion = '' }, spec }: LeaseObject, now: number): Presence {
    const before = this.#seenIn.get(namespace);
    const seen = before?.version === resourceVersion ? before : { version: resourceVersion, at: now, isRenewed: before !== undefined };
    this.#seenIn.set(namespace, seen);
    const lastsMs = Math.min((spec.leaseDurationSeconds ?? 0) * 1000, MAX_LEASE_MS);
    if (now - seen.at > lastsMs) return { state: 'none' };
    return seen.isRenewed ? { state: 'runs', lease: `${namespace}/${MANAGER}`, holder: spec.holderIdentity ?? '' } : { state: 'unknown' };
  }
}
