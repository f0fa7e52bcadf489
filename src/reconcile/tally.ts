import type { Reason } from '../api/reasons.ts';
import type { RegistryCredentialStatus } from '../api/types.ts';

export type Counters = NonNullable<RegistryCredentialStatus['namespaces']>;

/** One object that is not as wanted, and why. */
export interface Failure {
  readonly namespace: string;
  readonly kind: 'Secret' | 'ServiceAccount';
  readonly name: string;
  readonly reason: Reason;
  readonly message: string;
  /** Something of somebody else's is in the way, as against a write that failed. */
  readonly conflict: boolean;
  /** The API server answered, and said no: waiting will not mend it. */
  readonly final: boolean;
}

/** How one namespace stands. */
export interface Standing {
  readonly desired: number;
  readonly synced: number;
  /** Work is under way, or waits for its turn. */
  readonly pending: boolean;
  readonly failures: readonly Failure[];
}

const NO_FAILURES: readonly Failure[] = [];
/** By far the most frequent standings, shared: there is one for every Secret that we manage. */
const SYNCED: Standing = { desired: 1, synced: 1, pending: false, failures: NO_FAILURES };
const PENDING: Standing = { desired: 1, synced: 0, pending: true, failures: NO_FAILURES };

export function standing(desired: number, synced: number, pending = false, failures = NO_FAILURES): Standing {
  if (desired === 1 && failures.length === 0 && pending !== (synced === 1)) return pending ? PENDING : SYNCED;
  return { desired, synced, pending, failures };
}

/** How all namespaces of one credential stand, with the sums kept up to date: a report takes no longer for more of them. */
export class Tally {
  readonly #standings = new Map<string, Standing>();
  readonly #failing = new Map<string, readonly Failure[]>();
  #desired = 0;
  #synced = 0;
  #failed = 0;
  #conflicted = 0;
  #pending = 0;

  get(namespace: string): Standing | undefined {
    return this.#standings.get(namespace);
  }

  /** Undefined: nothing is wanted there, and nothing of ours is left. */
  set(namespace: string, standing: Standing | undefined): void {
    this.#add(this.#standings.get(namespace), -1);
    this.#add(standing, 1);
    if (standing) this.#standings.set(namespace, standing);
    else this.#standings.delete(namespace);
    if (standing && standing.failures.length > 0) this.#failing.set(namespace, standing.failures);
    else this.#failing.delete(namespace);
  }

  namespaces(): Iterable<string> {
    return this.#standings.keys();
  }

  get size(): number {
    return this.#standings.size;
  }

  get pending(): number {
    return this.#pending;
  }

  counters(): Counters {
    return { desired: this.#desired, synced: this.#synced, failed: this.#failed, conflicted: this.#conflicted };
  }

  failures(): Failure[] {
    return [...this.#failing.values()].flat();
  }

  #add(standing: Standing | undefined, sign: 1 | -1): void {
    if (!standing) return;
    this.#desired += sign * standing.desired;
    this.#synced += sign * standing.synced;
    this.#pending += standing.pending ? sign : 0;
    for (const { conflict } of standing.failures) {
      if (conflict) this.#conflicted += sign;
      else this.#failed += sign;
    }
  }
}
