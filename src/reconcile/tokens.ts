import { createHmac, randomBytes } from 'node:crypto';
import { type CredentialRef, credentialId, refOf } from '../api/credential-ref.ts';
import type { TokenIdentity } from '../plan/tokens/identity.ts';
import type { TokenRecord } from '../plan/tokens/record.ts';
import type { Clocks, FetchFailure, SeenRecord } from '../plan/tokens/schedule.ts';
import type { SecretKeys } from '../plan/tokens/secret-keys.ts';
import type { TokenKnowledge } from '../plan/tokens/token-state.ts';
import type { TokenReading } from '../status/readings.ts';

/** What one credential needs for one of its registries. */
export interface WantedToken {
  readonly name: string;
  readonly identity: TokenIdentity;
  /** The static keys of the identity, if it has some. */
  readonly keys: SecretKeys | undefined;
}

/** One token that credentials use, or that nothing uses any more. */
export interface Token {
  readonly name: string;
  /** Undefined for the token of an earlier term that no credential uses so far. */
  wanted: WantedToken | undefined;
  readonly owners: Map<string, CredentialRef>;
  /** Since when nothing uses it, in milliseconds of a clock that does not jump. */
  unusedSince: number | undefined;
  current: SeenRecord | undefined;
  failure: (FetchFailure & { readonly why: string }) | undefined;
  /** When a person last asked to try again, on the same clock. */
  requestedAt: number | undefined;
}

/** A person's request tries a failed fetch again, at most this often. */
const REQUEST_PAUSE_MS = 60_000;

export interface TokensOptions {
  readonly clocks: () => Clocks;
  /** Called for a token that must be looked at. */
  readonly onChange: (name: string) => void;
  /** The token that an earlier leader stored under this name. */
  readonly stored: (name: string) => TokenRecord | undefined;
}

/** The tokens of one leader term: which credentials use which, and what is known of each. Credentials with equal identities share one. */
export class Tokens {
  readonly #options: TokensOptions;
  readonly #tokens = new Map<string, Token>();
  readonly #wantedBy = new Map<string, readonly string[]>();

  constructor(options: TokensOptions) {
    this.#options = options;
  }

  get(name: string): Token | undefined {
    return this.#tokens.get(name);
  }

  /** For the metrics. */
  *readings(): Iterable<TokenReading> {
    for (const { name, wanted, current } of this.#tokens.values()) {
      if (!wanted || !current) continue;
      const { obtainedAt, expiresAt } = current.record;
      yield { cloud: wanted.identity.cloud, token: name, obtainedAt: obtainedAt / 1000, expiresAt: expiresAt / 1000 };
    }
  }

  /** The token of this name, also if no credential uses it. */
  at(name: string): Token {
    const { clocks, stored } = this.#options;
    const known = this.#tokens.get(name);
    if (known?.current) return known;
    const now = clocks();
    const record = stored(name);
    const current = record && { record, seen: now };
    if (known) {
      known.current = current;
      return known;
    }
    const token: Token = {
      name,
      wanted: undefined,
      owners: new Map(),
      unusedSince: now.steady,
      current,
      failure: undefined,
      requestedAt: undefined,
    };
    this.#tokens.set(name, token);
    return token;
  }

  /** From now on the credential uses exactly these tokens. Returns what is known of each, by its name. */
  want(credential: CredentialRef, wanted: readonly WantedToken[]): ReadonlyMap<string, TokenKnowledge> {
    const owner = credentialId(credential);
    const names = wanted.map(({ name }) => name);
    for (const name of this.#wantedBy.get(owner) ?? []) if (!names.includes(name)) this.#drop(name, owner);
    if (names.length > 0) this.#wantedBy.set(owner, names);
    else this.#wantedBy.delete(owner);
    return new Map(wanted.map((want) => [want.name, this.#want(owner, credential, want)]));
  }

  #want(owner: string, credential: CredentialRef, want: WantedToken): TokenKnowledge {
    const token = this.at(want.name);
    const hasOtherKeys = token.wanted !== undefined && JSON.stringify(token.wanted.keys) !== JSON.stringify(want.keys);
    // Other keys may work where the former ones failed.
    if (hasOtherKeys) token.failure = undefined;
    const isNew = hasOtherKeys || !token.owners.has(owner);
    token.wanted = want;
    token.owners.set(owner, refOf(credential));
    token.unusedSince = undefined;
    // The queue may run the key at once, so all of the above must be noted.
    if (isNew) this.#options.onChange(want.name);
    return { record: token.current?.record, why: token.failure?.why };
  }

  #drop(name: string, owner: string): void {
    const token = this.#tokens.get(name);
    if (!token?.owners.delete(owner) || token.owners.size > 0) return;
    token.unusedSince = this.#options.clocks().steady;
    this.#options.onChange(name);
  }

  /** Tries the failed fetches of a credential again, at most once a minute. */
  request(credential: CredentialRef): void {
    const { steady } = this.#options.clocks();
    for (const name of this.#wantedBy.get(credentialId(credential)) ?? []) {
      const token = this.#tokens.get(name);
      if (!token?.failure || steady - (token.requestedAt ?? Number.NEGATIVE_INFINITY) < REQUEST_PAUSE_MS) continue;
      token.requestedAt = steady;
      token.failure = { ...token.failure, retryAt: steady };
      this.#options.onChange(name);
    }
  }

  /** The credential no longer exists, or is being deleted. */
  forget(credential: CredentialRef): void {
    this.want(credential, []);
  }

  /** Nothing uses the token any more, and its Secret is gone. */
  delete(name: string): void {
    this.#tokens.delete(name);
  }
}

/** A keyed hash of the keys that a token is fetched with, for its record: `KEY HASH`. Without keys it is empty. */
export function proofOf(keys: SecretKeys | undefined, key = randomBytes(16).toString('hex')): string {
  return keys ? `${key} ${createHmac('sha256', key).update(JSON.stringify(keys)).digest('hex')}` : '';
}

/** Whether a token was fetched with these keys. */
export function isProvenBy({ proof }: TokenRecord, keys: SecretKeys | undefined): boolean {
  return proof === proofOf(keys, proof.split(' ')[0]);
}
