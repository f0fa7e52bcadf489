import { MANAGER } from '../api/names.ts';
import type { Kube } from './client.ts';
import type { LeaseObject } from './lease.ts';
import { path } from './resources.ts';

/**
 * Whether an operator runs anywhere in the cluster.
 * - runs: it renews its Lease
 * - none: there is no Lease, or it was given back, or it has run out
 * - unknown: look again, until its holder has renewed it or it has run out
 */
export type Leadership =
  | { readonly state: 'runs'; readonly lease: string; readonly holder: string }
  | { readonly state: 'none' | 'unknown' };

/** Anybody may write a Lease of our name in a namespace of theirs, that lasts for years. Ours lasts 12 seconds. */
const LONGEST_MS = 60_000;

/**
 * Looks from outside at who leads, by the rule of the replicas themselves (src/kube/lease.ts): clocks of others are not trusted,
 * so a Lease has run out when it was not seen to change for as long as it lasts. To know that of a leader that was killed takes
 * those 12 seconds; one that is alive shows itself within 3.
 */
export class Leader {
  readonly #kube: Kube;
  /** By namespace: the Lease as it was last seen to change, when that was, and whether it was seen before. */
  readonly #seen = new Map<string, { readonly version: string; readonly at: number; readonly renewed: boolean }>();

  constructor(kube: Kube) {
    this.#kube = kube;
  }

  /** Looks once. Throws a KubeError. */
  async look(): Promise<Leadership> {
    const query = { fieldSelector: `metadata.name=${MANAGER}` };
    const { items } = await this.#kube.call<{ items: LeaseObject[] }>('GET', path.allLeases, { query });
    const held = items.filter(({ spec }) => spec.holderIdentity).map((lease) => this.#judge(lease, performance.now()));
    return held.find(({ state }) => state === 'runs') ?? held.find(({ state }) => state === 'unknown') ?? { state: 'none' };
  }

  #judge({ metadata: { namespace = '', resourceVersion = '' }, spec }: LeaseObject, now: number): Leadership {
    const before = this.#seen.get(namespace);
    const isNews = before?.version !== resourceVersion;
    const seen = before && !isNews ? before : { version: resourceVersion, at: now, renewed: before !== undefined };
    this.#seen.set(namespace, seen);
    const lastsMs = Math.min((spec.leaseDurationSeconds ?? 0) * 1000, LONGEST_MS);
    if (now - seen.at > lastsMs) return { state: 'none' };
    return seen.renewed ? { state: 'runs', lease: `${namespace}/${MANAGER}`, holder: spec.holderIdentity ?? '' } : { state: 'unknown' };
  }
}
