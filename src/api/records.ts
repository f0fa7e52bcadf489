/** What the stores keep of each object: as much as the decisions need, and of a managed Secret a hash in place of its data. */
import type { RegistryCredentialSpec, RegistryCredentialStatus } from './types.ts';

export type Labels = Readonly<Record<string, string>>;

/** What every record has. Cluster-scoped objects have the namespace ''. */
export interface ObjectRecord {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly resourceVersion: string;
}

export interface CredentialRecord extends ObjectRecord {
  readonly generation: number;
  readonly finalizers: readonly string[];
  readonly deleting: boolean;
  readonly spec: RegistryCredentialSpec;
  readonly status: RegistryCredentialStatus | undefined;
}

export interface NamespaceRecord extends ObjectRecord {
  readonly labels: Labels;
  readonly terminating: boolean;
}

export interface AccountRecord extends ObjectRecord {
  readonly labels: Labels;
  /** The list as it is, entry for entry: it is written back whole, and what is not ours must come out unchanged. */
  readonly pullSecrets: readonly { readonly name?: string }[];
  /** The names that the annotation records as ours. */
  readonly recorded: readonly string[];
  /** When the list was last written, in whole seconds since 1970, as the API server noted it. */
  readonly changedAt: number;
  readonly terminating: boolean;
}

/** A pod in the phase Pending. */
export interface PodRecord extends ObjectRecord {
  readonly serviceAccount: string;
  /** The names under spec.imagePullSecrets, which are fixed when the pod is admitted. */
  readonly pullSecrets: readonly string[];
  /** The controller that made it, if any did. */
  readonly owner: OwnerReference | undefined;
  /** The images, as the pod has them, that containers wait for because they could not be pulled. */
  readonly failing: readonly string[];
  /** Whether one of them has just been tried (ErrImagePull), as against all waiting for their next turn (ImagePullBackOff). */
  readonly tried: boolean;
  /** Whether a container of it runs, beside those that wait: it would be ended. */
  readonly running: boolean;
  /** As the API server noted it, in whole seconds since 1970. */
  readonly createdAt: number;
  /** Whether it carries the opt-out label. */
  readonly excluded: boolean;
  readonly terminating: boolean;
}

/** How often a Job's pods may still fail. */
export interface JobRecord {
  readonly failed: number;
  readonly backoffLimit: number;
  /** It counts failures in ways of its own: for each index, or by a podFailurePolicy. */
  readonly countsOtherwise: boolean;
}

export interface SecretRecord extends ObjectRecord {
  readonly type: string;
  readonly immutable: boolean;
  readonly terminating: boolean;
  readonly labels: Labels;
  readonly annotations: Labels;
  readonly owners: readonly OwnerReference[];
  /** SHA-256 of the base64 text under `.dockerconfigjson`; '' where there is none. */
  readonly contentHash: string;
  /** Keys of the data beside `.dockerconfigjson`, which our Secrets have none of. */
  readonly strayKeys: readonly string[];
}

export interface OwnerReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller?: boolean;
}

/**
 * Whether the cluster has the policy that adds our names to new pods:
 * - installed: it and its binding are there
 * - notInstalled: one of them is not
 * - notServed: the API server knows no such policies
 * - unreadable: we may not look
 * - unknown: not looked yet, or no answer
 */
export type PodPolicyState = 'installed' | 'notInstalled' | 'notServed' | 'unreadable' | 'unknown';

/** A Secret that credentials are read from: the only record with secret values in it. */
export interface SourceRecord extends ObjectRecord {
  readonly type: string;
  readonly labels: Labels;
  /** When its data was last written, in seconds since 1970. */
  readonly changedAt: number;
  readonly data: Readonly<Record<string, string>>;
}
