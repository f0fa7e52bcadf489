import { type CredentialRef, credentialId } from '../api/credential-ref.ts';
import type { Problem } from '../api/reasons.ts';
import type { CredentialRecord } from '../api/records.ts';
import type { Capped } from '../plan/injection/compile.ts';
import type { RulesState } from '../plan/pods/injection.ts';

/** What the PullSecretRules in the cluster contain of one credential. */
interface WrittenRules {
  readonly credential: CredentialRef;
  readonly generation: number;
  readonly capped: Capped | undefined;
}

/** Which credentials the PullSecretRules in the cluster contain. The reconciler of the rules records it, and the status reports it. */
export class InjectionProgress {
  #written: ReadonlyMap<string, WrittenRules> = new Map();
  #problem: Problem | undefined;

  stateOf(credential: CredentialRecord): RulesState {
    if (this.#problem) return { problem: this.#problem };
    const written = this.#written.get(credentialId(credential));
    return written?.generation === credential.generation ? { capped: written.capped } : 'pending';
  }

  /** The cluster has the rules of these credentials. Returns those whose status changes. */
  recordWritten(credentials: readonly CredentialRecord[], capped: ReadonlyMap<string, Capped>): CredentialRef[] {
    const before = this.#written;
    const hadProblem = this.#problem !== undefined;
    this.#problem = undefined;
    this.#written = new Map(
      credentials.map((credential) => {
        const id = credentialId(credential);
        return [id, { credential, generation: credential.generation, capped: capped.get(id) }];
      }),
    );
    return [...this.#written.entries()]
      .filter(([id, now]) => hadProblem || !isSame(before.get(id), now))
      .map(([, { credential }]) => credential);
  }

  /** The rules cannot be written, or others change them. Returns whether that is new. */
  recordProblem(problem: Problem): boolean {
    const isNew = this.#problem?.message !== problem.message;
    this.#problem = problem;
    return isNew;
  }
}

const isSame = (a: WrittenRules | undefined, b: WrittenRules) =>
  a?.generation === b.generation && JSON.stringify(a.capped) === JSON.stringify(b.capped);
