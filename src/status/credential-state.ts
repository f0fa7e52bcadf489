import { type CredentialRef, credentialId } from '../api/credential-ref.ts';
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

/** What one leader term knows about every credential. */
export class CredentialStates {
  readonly #states = new Map<string, CredentialState>();
  readonly #intents = new Map<string, Intent>();
  readonly injection = new InjectionProgress();
  /** The same by the namespace of the credential; '' for cluster-scoped ones. */
  readonly #byHome = new Map<string, Map<string, Intent>>();
  /** By Secret name: how many intents have it. */
  readonly #namesakes = new Map<string, number>();
  /** By namespace: the other namespaces whose credentials had something to do there in this term. */
  readonly #homesSeen = new Map<string, Set<string>>();

  stateOf(credential: CredentialRef): CredentialState | undefined {
    return this.#states.get(credentialId(credential));
  }

  /** The desired state as the credential's reconciler last decided it; undefined before the first decision. */
  intentOf(credential: CredentialRef): Intent | undefined {
    return this.#intents.get(credentialId(credential));
  }

  intents(): Iterable<Intent> {
    return this.#intents.values();
  }

  /**
   * The intents that can concern a namespace: those from `homes`, and those that had something to do there earlier in this term. So what is no
   * longer accepted is removed and no longer counted.
   */
  *intentsConcerning(namespace: string, homes: Iterable<string>): Iterable<Intent> {
    for (const home of new Set([...homes, ...(this.#homesSeen.get(namespace) ?? [])])) yield* this.#byHome.get(home)?.values() ?? [];
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
    return this.#intents.size > 0;
  }

  *entries(): Iterable<readonly [Intent, CredentialState]> {
    for (const [id, intent] of this.#intents) {
      const state = this.#states.get(id);
      if (state) yield [intent, state];
    }
  }

  setState(credential: CredentialRef, state: CredentialState): CredentialState {
    this.#states.set(credentialId(credential), state);
    return state;
  }

  setIntent(intent: Intent): void {
    this.#countName(this.intentOf(intent), -1);
    this.#countName(intent, 1);
    this.#intents.set(credentialId(intent), intent);
    const { namespace } = intent;
    this.#byHome.set(namespace, (this.#byHome.get(namespace) ?? new Map<string, Intent>()).set(credentialId(intent), intent));
  }

  /** Forgets a credential. Returns whether it had an intent. */
  delete(credential: CredentialRef): boolean {
    const id = credentialId(credential);
    this.#countName(this.intentOf(credential), -1);
    const ofHome = this.#byHome.get(credential.namespace);
    ofHome?.delete(id);
    if (ofHome?.size === 0) this.#byHome.delete(credential.namespace);
    this.#states.delete(id);
    return this.#intents.delete(id);
  }
}
