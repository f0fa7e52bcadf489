import type { CredentialRef } from '../api/credential-ref.ts';
import type { Problem } from '../api/reasons.ts';
import type { CredentialMemory } from '../plan/checks/credential-memory.ts';
import type { Intent } from '../plan/placement/intent.ts';
import type { SourcesFacts, VerificationFacts } from '../plan/status/facts.ts';
import { InjectionProgress } from './injection-progress.ts';
import { PlacementCounts } from './placement-counts.ts';

/** Which of a credential's objects: its Secrets or the references in ServiceAccounts. */
export type PlacementKind = 'secrets' | 'accounts';

/** The progress of the work for one credential. A new leader derives it from the cluster. Only `memory` must be stored: the state Secret holds it. */
export class CredentialState {
  readonly secrets = new PlacementCounts();
  readonly accounts = new PlacementCounts();
  sources: SourcesFacts = { state: 'loading' };
  blocked: Problem | undefined;
  /** What survives a restart; undefined until the state Secret was read. */
  memory: CredentialMemory | undefined;
  verification: Omit<VerificationFacts, 'isEnabled' | 'warningMs'> = { servers: [], refusals: [], verifying: [] };
  /** By the id of the pod's key: why the operator could not evict the pod. */
  readonly notEvicted = new Map<string, Problem>();
  /** A fan-out is still enqueuing namespaces, so `pending` does not count all of them yet. */
  isFanningOut = false;
  /** The intent of the last completed fan-out. */
  fannedOut: Intent | undefined;
  /** The other Secrets of the credential's name are not listed yet. Until then the keys of its Secrets write nothing. */
  isWaitingForNames = false;
  /** The generation of the spec that this state belongs to. */
  generation: number;
  /** When something was last removed, in milliseconds of a clock that does not jump. A cleanup without progress stops after a timeout. */
  progressAt: number;
  /** When the cleanup began. Undefined while the credential is in use. */
  endingAt: number | undefined;
  /** Why the operator does not serve this credential, so that nothing of it may be in place. */
  notServed: Problem | undefined;

  constructor(now: number, generation: number) {
    this.progressAt = now;
    this.generation = generation;
  }

  /** Whether no Secret or reference is desired anywhere, and none of the credential is left. */
  get isEmpty(): boolean {
    return this.secrets.size === 0 && this.accounts.size === 0;
  }

  get pending(): number {
    return this.secrets.pending + this.accounts.pending;
  }
}

/** What is known about one credential. */
interface Known {
  state?: CredentialState;
  /** The desired state as the credential's reconciler last decided it. */
  intent?: Intent;
}

/** What one leader term knows about every credential. */
export class CredentialStates {
  /** By namespace of the credential ('' for cluster-scoped ones) and name. Every placement looks here, and a text as key would cost an allocation. */
  readonly #known = new Map<string, Map<string, Known>>();
  readonly injection = new InjectionProgress();
  /** By Secret name: how many intents have it. */
  readonly #namesakes = new Map<string, number>();
  /** By namespace: the other namespaces whose credentials had something to do there in this term. */
  readonly #homesSeen = new Map<string, Set<string>>();

  stateOf({ namespace, name }: CredentialRef): CredentialState | undefined {
    return this.#known.get(namespace)?.get(name)?.state;
  }

  /** Undefined before the first decision. */
  intentOf({ namespace, name }: CredentialRef): Intent | undefined {
    return this.#known.get(namespace)?.get(name)?.intent;
  }

  *intents(): Iterable<Intent> {
    for (const home of this.#known.keys()) yield* this.#intentsIn(home);
  }

  *#intentsIn(home: string): Iterable<Intent> {
    for (const { intent } of this.#known.get(home)?.values() ?? []) if (intent) yield intent;
  }

  /**
   * The intents that can concern a namespace: those from `homes`, and those that had something to do there earlier in this term. So what is no
   * longer accepted is removed and no longer counted.
   */
  *intentsConcerning(namespace: string, homes: Iterable<string>): Iterable<Intent> {
    for (const home of new Set([...homes, ...(this.#homesSeen.get(namespace) ?? [])])) yield* this.#intentsIn(home);
  }

  /** Whether another credential has the same Secret name, in any namespace. The intent must be the one that is set. */
  hasNamesake({ secretName }: Intent): boolean {
    return (this.#namesakes.get(secretName) ?? 0) > 1;
  }

  #countName(intent: Intent | undefined, change: 1 | -1): void {
    if (!intent) return;
    const count = (this.#namesakes.get(intent.secretName) ?? 0) + change;
    if (count > 0) this.#namesakes.set(intent.secretName, count);
    else this.#namesakes.delete(intent.secretName);
  }

  /** The credential has something to do in this namespace. */
  noteWorkIn(namespace: string, { namespace: home }: CredentialRef): void {
    if (home === '' || home === namespace) return;
    this.#homesSeen.set(namespace, (this.#homesSeen.get(namespace) ?? new Set()).add(home));
  }

  get hasIntents(): boolean {
    return this.#namesakes.size > 0;
  }

  *entries(): Iterable<readonly [Intent, CredentialState]> {
    for (const known of this.#known.values()) for (const { intent, state } of known.values()) if (intent && state) yield [intent, state];
  }

  setState(credential: CredentialRef, state: CredentialState): CredentialState {
    this.#of(credential).state = state;
    return state;
  }

  setIntent(intent: Intent): void {
    const known = this.#of(intent);
    this.#countName(known.intent, -1);
    this.#countName(intent, 1);
    known.intent = intent;
  }

  /** Forgets a credential. Returns whether it had an intent. */
  delete({ namespace, name }: CredentialRef): boolean {
    const ofHome = this.#known.get(namespace);
    const intent = ofHome?.get(name)?.intent;
    this.#countName(intent, -1);
    ofHome?.delete(name);
    if (ofHome?.size === 0) this.#known.delete(namespace);
    return intent !== undefined;
  }

  #of({ namespace, name }: CredentialRef): Known {
    const ofHome = this.#known.get(namespace) ?? new Map<string, Known>();
    this.#known.set(namespace, ofHome);
    const known = ofHome.get(name) ?? {};
    ofHome.set(name, known);
    return known;
  }
}
