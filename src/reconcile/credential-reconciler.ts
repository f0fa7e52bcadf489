import type { ObservedCluster } from '../cluster/observed-cluster.ts';
import type { ClusterWriter } from '../cluster/writer.ts';
import type { Log } from '../log.ts';
import type { Key, KeyOf } from '../queue/keys.ts';
import type { Priority } from '../queue/queue.ts';
import type { CredentialStates } from '../status/credential-state.ts';
import type { Reporter } from '../status/reporter.ts';
import type { DriftMemory } from './drift-memory.ts';
import type { PodMemory } from './pod.ts';
import type { RegistryChecks } from './registry-checks.ts';
import type { RetryPolicy } from './retry.ts';
import type { Tokens } from './tokens.ts';
import type { Turns } from './turns.ts';

/** The dependencies of the reconciler of credentials and its parts. */
export interface CredentialReconciler {
  readonly observed: Pick<
    ObservedCluster,
    | 'credentials'
    | 'namespaces'
    | 'accounts'
    | 'secrets'
    | 'sources'
    | 'pods'
    | 'sourceNamespaces'
    | 'stateSecrets'
    | 'tokenSecrets'
    | 'stateNamespace'
  >;
  readonly states: CredentialStates;
  readonly writer: Pick<ClusterWriter, 'patchCredential'>;
  readonly reporter: Pick<Reporter, 'touch' | 'event' | 'forget'>;
  readonly retries: RetryPolicy;
  /** For finalizers that an admission policy changes. */
  readonly drift: DriftMemory;
  readonly podMemory: PodMemory;
  readonly checks: Pick<RegistryChecks, 'want' | 'request' | 'forget'>;
  readonly tokens: Pick<Tokens, 'want' | 'request' | 'forget'>;
  /** `--verification`: whether registries are asked at all. */
  readonly isVerificationOn: boolean;
  /** `--namespaced`: whether credentials of namespaces are served. */
  readonly isNamespacedOn: boolean;
  /** How long before an expiry to warn, in milliseconds. */
  readonly expiryWarningMs: number;
  /** Filled by the reconciler of accounts. */
  readonly namespacesWithUnknownOwner: Set<string>;
  readonly cleanupTimeoutMs: number;
  readonly log: Log;
  readonly add: (key: Key, priority: Priority) => void;
  /** Records that a Secret is as desired. False if its key must run. */
  readonly settle: (key: KeyOf<'secret'>) => boolean;
  /** Shared by all fan-outs. */
  readonly turns: Turns;
  /** Milliseconds of a clock that does not jump. */
  readonly now: () => number;
  /** Milliseconds since 1970. */
  readonly wallClock: () => number;
}
