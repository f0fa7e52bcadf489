import { KIND, POD_POLICY } from '../api/names.ts';
import type { ObjectRecord, PodPolicyState } from '../api/records.ts';
import { classify, isNotFound } from '../kube/errors.ts';
import { type FollowContext, follow } from '../kube/follow.ts';
import { identityOf, type KubeObject } from '../kube/object.ts';
import { Store } from '../kube/store.ts';
import type { WatchTarget } from '../kube/watch.ts';
import { silentWhileNotServed } from './not-served.ts';
import { path } from './paths.ts';

/** The policy that adds pull secret names to new pods, and its binding. Kubernetes 1.36 serves v1; older ones may serve v1beta1. */
const TARGETS = ['mutatingadmissionpolicies', 'mutatingadmissionpolicybindings'].map(
  (kind): WatchTarget<PolicyRecord> => ({
    path: path.admission('v1', kind),
    olderPath: path.admission('v1beta1', kind),
    fieldSelector: `metadata.name=${POD_POLICY}`,
    firstList: 'whole',
    read: readPolicy,
  }),
);

/** `paramKind`: what the policy reads. Bindings have none. */
interface PolicyRecord extends ObjectRecord {
  readonly paramKind: string | undefined;
}

function readPolicy(object: KubeObject): PolicyRecord {
  const { paramKind } = object.spec as { paramKind?: { kind?: string } };
  return { ...identityOf(object), paramKind: paramKind?.kind };
}

/** Watches the policy that adds pull secret names to new pods, and its binding. Knows whether the cluster has both. */
export class PodPolicy {
  readonly #context: FollowContext;
  readonly #onChange: () => void;
  readonly #stores: readonly Store<PolicyRecord>[];

  constructor(context: FollowContext, onChange: () => void) {
    this.#context = silentWhileNotServed(context); // Most clusters older than 1.36 do not serve the kind.
    this.#onChange = onChange;
    this.#stores = TARGETS.map(() => new Store<PolicyRecord>(() => onChange()));
  }

  /** Follows both objects until the signal is aborted. Resolves when each list has succeeded or failed. */
  async follow(signal: AbortSignal): Promise<void> {
    await Promise.all(TARGETS.map((target, n) => this.#follow(target, this.#stores[n] as Store<PolicyRecord>, signal)));
  }

  get state(): PodPolicyState {
    const errors = this.#stores.flatMap(({ error }) => error ?? []);
    if (errors.some(isNotFound)) return 'notServed';
    const isKnown = this.#stores.every(({ synced, isOutdated }) => synced && !isOutdated);
    if (isKnown) return this.#knownState;
    return errors.some((error) => classify(error) === 'refused') ? 'unreadable' : 'unknown';
  }

  get #knownState(): PodPolicyState {
    if (this.#stores.some(({ size }) => size === 0)) return 'notInstalled';
    const isPerCredential = this.#stores.some((store) => store.get('', POD_POLICY)?.paramKind === KIND);
    return isPerCredential ? 'perCredential' : 'installed';
  }

  #follow(target: WatchTarget<PolicyRecord>, store: Store<PolicyRecord>, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      void follow(this.#context, target, store, signal, () => {
        if (store.synced || store.error !== undefined) resolve();
        this.#onChange();
      });
    });
  }
}
