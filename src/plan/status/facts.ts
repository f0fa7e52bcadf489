import type { CredentialRef } from '../../api/credential-ref.ts';
import type { Problem } from '../../api/reasons.ts';
import type { RegistryCredentialStatus } from '../../api/types.ts';
import type { ReadExpiry } from '../checks/expiry.ts';
import type { Result } from '../checks/interpret.ts';
import type { Intent } from '../placement/intent.ts';
import type { Injection } from '../pods/injection.ts';

export type Counters = NonNullable<RegistryCredentialStatus['namespaces']>;
export type FailureRow = NonNullable<RegistryCredentialStatus['failures']>[number];

export interface PlacementFailureRow extends FailureRow {
  /** Set if the operator cannot remove an object that is no longer desired. */
  readonly isRemoval?: boolean;
}

/** What is known about the sources. */
export type SourcesFacts =
  | { readonly state: 'loading' }
  | { readonly state: 'invalid'; readonly problems: readonly Problem[] }
  | {
      readonly state: 'ready';
      readonly servers: number;
      /** Sources that cannot be used, so that their servers keep their last released entries. */
      readonly problems: readonly Problem[];
      /** The entries of docker configs that are not used, although their sources are. */
      readonly skipped: readonly Problem[];
    };

/** What is known about one server. */
export interface ServerFacts extends ReadExpiry {
  /** The canonical name. */
  readonly server: string;
  /** `namespace/name` of the source. */
  readonly source: string;
  readonly result: Result;
  readonly message: string;
  /** When the registry was last asked, in milliseconds since 1970. */
  readonly checkedAt?: number;
  /** When the operator fetches its next token, in milliseconds since 1970. */
  readonly refreshAt?: number;
  /** Why the operator could not refresh its token in time. */
  readonly refreshProblem?: string;
}

/** What the registries say about the credentials, and what is held back because of it. */
export interface VerificationFacts {
  /** Whether registries are asked for this credential. */
  readonly isEnabled: boolean;
  readonly servers: readonly ServerFacts[];
  /** Entries that are held back because their registry refuses them. */
  readonly refusals: readonly Problem[];
  /** Servers whose new entry waits for the first answer. */
  readonly verifying: readonly string[];
  /** How long before an expiry to warn, in milliseconds. */
  readonly warningMs: number;
}

/** Why the facts about the sources, the Secrets or the ServiceAccounts may be outdated; undefined where they are not. */
export interface OutdatedFacts {
  readonly sources: Problem | undefined;
  readonly secrets: Problem | undefined;
  readonly accounts: Problem | undefined;
}

/** Whether the operator evicts stuck pods for a credential. */
export type PodRecoveryFacts =
  | { readonly state: 'starting' }
  /** The operator cannot watch pods. `why` holds the API server's message. */
  | { readonly state: 'blind'; readonly why: string }
  | { readonly state: 'watching'; readonly notEvicted: readonly Problem[] };

/** The Secrets, or the ServiceAccounts, of one credential in all namespaces. */
export interface PlacementFacts {
  readonly counters: Counters;
  readonly pending: number;
  readonly failures: readonly PlacementFailureRow[];
}

/** Everything that a status reports, at one moment. */
export interface StatusFacts {
  readonly ref: CredentialRef;
  /** Why the operator does not serve this credential, so that nothing of it may be in place. */
  readonly notServed?: Problem | undefined;
  readonly generation: number;
  readonly secretName: string;
  readonly mode: Intent['mode'];
  readonly isSuspended: boolean;
  /** Whether spec.serviceAccounts can select any. */
  readonly selectsAccounts: boolean;
  readonly injection: Injection;
  readonly sources: SourcesFacts;
  /** Why the operator cannot work on this credential at all, if a person must act on it: it may not list the Secrets, or a policy changes finalizers. */
  readonly blocked?: Problem | undefined;
  readonly outdated?: OutdatedFacts;
  /** The parts of spec.namespaces that select no namespace although other parts do. */
  readonly unmatched?: readonly string[];
  /** Undefined unless spec.podRecovery is Recreate. */
  readonly podRecovery?: PodRecoveryFacts | undefined;
  readonly verification: VerificationFacts;
  readonly secrets: PlacementFacts;
  readonly accounts: PlacementFacts;
}

/** By namespace, kind and name. */
export const compareRows = (a: FailureRow, b: FailureRow): number =>
  compare(a.namespace, b.namespace) || compare(a.kind, b.kind) || compare(a.name, b.name);

/** By code units, for an order that does not depend on a language. */
export const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
