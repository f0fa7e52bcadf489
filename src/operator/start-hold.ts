import { type CredentialRef, credentialId } from '../api/credential-ref.ts';

/** A credential whose sources cannot be read does not hold up the others for longer. */
const LONGEST_MS = 2000;

/**
 * Holds back the keys of fan-outs at the start of a term, until every credential has fanned out. Otherwise the accounts of a namespace would
 * be planned again for each credential. Urgent keys run meanwhile.
 */
export class StartHold {
  readonly #undecided: Set<string>;
  readonly #release: () => void;
  #timer: NodeJS.Timeout | undefined;

  /** @param release called once: when the last of these credentials is decided, or after two seconds */
  constructor(credentials: Iterable<CredentialRef>, release: () => void, longestMs = LONGEST_MS) {
    this.#undecided = new Set(Array.from(credentials, credentialId));
    this.#release = release;
    this.#timer = setTimeout(() => this.end(), longestMs);
    if (this.#undecided.size === 0) this.end();
  }

  /** Call when a credential has fanned out, or no longer exists. */
  decided(credential: CredentialRef): void {
    if (this.#undecided.delete(credentialId(credential)) && this.#undecided.size === 0) this.end();
  }

  end(): void {
    if (this.#timer === undefined) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#release();
  }
}
