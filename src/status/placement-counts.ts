import type { Problem, Reason } from '../api/reasons.ts';
import type { Counters } from '../plan/status/facts.ts';

/** One object that is not in its desired state, and why. */
export interface PlacementFailure {
  readonly namespace: string;
  readonly kind: 'Secret' | 'ServiceAccount';
  readonly name: string;
  readonly reason: Reason;
  readonly message: string;
  /** An object of another user or credential is in conflict, so the operator wrote nothing. */
  readonly isConflict: boolean;
  /** Waiting does not help: a person must change something. */
  readonly needsPerson: boolean;
  readonly isRemoval?: true;
}

/** The state of one credential in one namespace. */
export interface PlacementState {
  readonly desired: number;
  readonly synced: number;
  /** Work is under way or queued. */
  readonly isPending: boolean;
  readonly failures: readonly PlacementFailure[];
}

const NO_FAILURES: readonly PlacementFailure[] = [];

/** Every namespace has a state. Sharing the two most frequent ones saves memory. */
const ONE_SYNCED: PlacementState = { desired: 1, synced: 1, isPending: false, failures: NO_FAILURES };
const ONE_PENDING: PlacementState = { desired: 1, synced: 0, isPending: true, failures: NO_FAILURES };

/** Makes a PlacementState. */
export const placement = {
  synced: (count = 1): PlacementState =>
    count === 1 ? ONE_SYNCED : { desired: count, synced: count, isPending: false, failures: NO_FAILURES },
  pending: (desired = 1, synced = 0): PlacementState =>
    desired === 1 && synced === 0 ? ONE_PENDING : { desired, synced, isPending: true, failures: NO_FAILURES },
  /** Nothing is desired any more, and the operator is removing the existing object. */
  removing: (): PlacementState => ({ desired: 0, synced: 0, isPending: true, failures: NO_FAILURES }),
  /** Desired, but the operator cannot write it until the sources are valid. */
  waitingForSources: (): PlacementState => ({ desired: 1, synced: 0, isPending: false, failures: NO_FAILURES }),
  failed: (desired: number, ...failures: readonly PlacementFailure[]): PlacementState => ({
    desired,
    synced: 0,
    isPending: false,
    failures,
  }),
  /** For several objects in one namespace. */
  of: (desired: number, synced: number, isPending: boolean, failures: readonly PlacementFailure[]): PlacementState =>
    failures.length > 0
      ? { desired, synced, isPending, failures }
      : isPending
        ? placement.pending(desired, synced)
        : desired === synced
          ? placement.synced(desired)
          : { desired, synced, isPending, failures: NO_FAILURES },
};

/** The failure of a Secret that the operator must not write. */
export const conflictFailure = (
  at: Pick<PlacementFailure, 'namespace' | 'kind' | 'name'>,
  { reason, message }: Problem,
): PlacementFailure => ({ ...at, reason, message, isConflict: true, needsPerson: true });

/** The states of one credential in all namespaces. It keeps running sums, so a report costs the same for any number of namespaces. */
export class PlacementCounts {
  readonly #states = new Map<string, PlacementState>();
  readonly #failing = new Map<string, readonly PlacementFailure[]>();
  #desired = 0;
  #synced = 0;
  #failed = 0;
  #conflicted = 0;
  #pending = 0;

  get(namespace: string): PlacementState | undefined {
    return this.#states.get(namespace);
  }

  /** Undefined: nothing is desired there, and nothing of the credential is left. */
  set(namespace: string, state: PlacementState | undefined): void {
    this.#add(this.#states.get(namespace), -1);
    this.#add(state, 1);
    if (state) this.#states.set(namespace, state);
    else this.#states.delete(namespace);
    if (state && state.failures.length > 0) this.#failing.set(namespace, state.failures);
    else this.#failing.delete(namespace);
  }

  /** Marks a namespace as pending, with its last known numbers. */
  markPending(namespace: string, desired: number): void {
    const known = this.get(namespace);
    this.set(namespace, placement.pending(known?.desired ?? desired, known?.synced ?? 0));
  }

  namespaces(): Iterable<string> {
    return this.#states.keys();
  }

  get size(): number {
    return this.#states.size;
  }

  get pending(): number {
    return this.#pending;
  }

  counters(): Counters {
    return { desired: this.#desired, synced: this.#synced, failed: this.#failed, conflicted: this.#conflicted };
  }

  failures(): PlacementFailure[] {
    return [...this.#failing.values()].flat();
  }

  #add(state: PlacementState | undefined, sign: 1 | -1): void {
    if (!state) return;
    this.#desired += sign * state.desired;
    this.#synced += sign * state.synced;
    this.#pending += state.isPending ? sign : 0;
    for (const { isConflict } of state.failures) {
      if (isConflict) this.#conflicted += sign;
      else this.#failed += sign;
    }
  }
}
