import type { AccountRecord, NamespaceRecord, PodPolicyState, PodRecord, RulesRecord, SourceRecord } from '../api/records.ts';
import type { Store, View } from '../kube/store.ts';
import type { WatchSet } from '../kube/watch-set.ts';
import type { Key } from '../queue/keys.ts';
import type { CredentialIndex } from './credential-index.ts';
import type { GetJob } from './jobs.ts';
import type { SecretIndex } from './secret-index.ts';
import type { StateRecord } from './state-secrets.ts';
import type { StoredToken } from './token-secrets.ts';

/** The observed state of the cluster. Reconcilers read it, and apply the answers to their own writes to it. */
export interface ObservedCluster {
  readonly credentials: CredentialIndex;
  readonly namespaces: View<NamespaceRecord>;
  readonly accounts: Store<AccountRecord>;
  readonly secrets: SecretIndex;
  /** By `sourceKey`. */
  readonly sources: Pick<WatchSet<SourceRecord, Key>, 'keepFor' | 'view' | 'records'>;
  /** By phase. Pods are watched only while some credential has podRecovery. */
  readonly pods: Pick<WatchSet<PodRecord, Key>, 'keepFor' | 'view'>;
  /** What the operator remembers of each credential over a restart. */
  readonly stateSecrets: Store<StateRecord>;
  /** The tokens of clouds that the operator fetched. */
  readonly tokenSecrets: Store<StoredToken>;
  /** The operator's own namespace, which holds both. */
  readonly stateNamespace: string;
  /** Whether the API server adds pull secret names to pods. Only the status uses it. */
  readonly podPolicy: { readonly state: PodPolicyState };
  /** What the policy for new pods reads. */
  readonly rules: Store<RulesRecord>;
  readonly getJob: GetJob;
  /** The namespaces that sources may be in; undefined: any. */
  readonly sourceNamespaces: readonly string[] | undefined;
}
