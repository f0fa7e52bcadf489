/** What the stores keep of each object: only what the decisions need. Of a Secret that is no source they keep a hash instead of its data. */
import type { CredentialKind } from './credential-ref.ts';
import type { RegistryCredentialSpec, RegistryCredentialStatus } from './types.ts';

export type Labels = Readonly<Record<string, string>>;

/** The fields of every record. Cluster-scoped objects have the namespace ''. */
export interface ObjectRecord {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly resourceVersion: string;
}

export interface CredentialRecord extends ObjectRecord {
  readonly kind: CredentialKind;
  readonly generation: number;
  /** In whole seconds since 1970. */
  readonly createdAt: number;
  readonly finalizers: readonly string[];
  /** The value of the annotation `regcred.dev/check-now`. */
  readonly checkNow?: string;
  /** Whether it has a deletionTimestamp; so on every record. */
  readonly terminating: boolean;
  /** Of a namespaced kind, too, each reference names its namespace, and spec.namespaces is set. */
  readonly spec: RegistryCredentialSpec;
  readonly status: RegistryCredentialStatus | undefined;
}

export interface NamespaceRecord extends ObjectRecord {
  /** The namespaces whose credentials it accepts, by its annotation. */
  readonly acceptFrom: readonly string[];
  readonly labels: Labels;
  readonly terminating: boolean;
}

export interface AccountRecord extends ObjectRecord {
  readonly labels: Labels;
  /** The whole list. It is written back as a whole, and the entries of other users must stay unchanged. */
  readonly pullSecrets: readonly { readonly name?: string }[];
  /** The names that the annotation records as added by the operator. */
  readonly recorded: readonly string[];
  /** When the list was last written, in whole seconds since 1970, as the API server recorded it. */
  readonly changedAt: number;
  readonly terminating: boolean;
  /** What its annotations say about its identity at the clouds; undefined if they say nothing. */
  readonly cloud?: CloudAnnotations;
}

/** The annotations by which the clouds' own webhooks know the identity of a ServiceAccount, as they are written there. */
export interface CloudAnnotations {
  /** `eks.amazonaws.com/role-arn` */
  readonly roleArn?: string;
  /** `iam.gke.io/gcp-service-account` */
  readonly serviceAccount?: string;
  /** `azure.workload.identity/tenant-id` */
  readonly tenantId?: string;
  /** `azure.workload.identity/client-id` */
  readonly clientId?: string;
}

/** A pod in the phase Pending. */
export interface PodRecord extends ObjectRecord {
  readonly serviceAccount: string;
  /** The names under spec.imagePullSecrets, which are fixed when the pod is admitted. */
  readonly pullSecrets: readonly string[];
  /** The controller that created it, if any. */
  readonly owner: OwnerReference | undefined;
  /** The images that could not be pulled and that containers wait for, as written in the pod. */
  readonly failingImages: readonly string[];
  /** Whether the kubelet has just tried one of them (ErrImagePull). Otherwise it backs off (ImagePullBackOff). */
  readonly hasJustTried: boolean;
  /** Whether one of its containers runs. An eviction would stop it. */
  readonly hasRunningContainer: boolean;
  /** In whole seconds since 1970, as the API server recorded it. */
  readonly createdAt: number;
  /** Whether it carries the opt-out label. */
  readonly isOptedOut: boolean;
  readonly terminating: boolean;
}

/** How many failed pods a Job tolerates. */
export interface JobRecord {
  readonly failed: number;
  readonly backoffLimit: number;
  /** The Job counts failures per index, or by a podFailurePolicy. */
  readonly countsOtherwise: boolean;
}

export interface SecretRecord extends ObjectRecord {
  readonly type: string;
  readonly immutable: boolean;
  readonly terminating: boolean;
  /** The operator's own, and those that spec.secretMetadata asked for when the Secret was written. */
  readonly labels: Labels;
  /** Likewise. Others may hold the data: kubectl apply writes it into `last-applied-configuration`. */
  readonly annotations: Labels;
  readonly owners: readonly OwnerReference[];
  /** SHA-256 of the base64 text under `.dockerconfigjson`; '' if there is none. */
  readonly contentHash: string;
  /** Keys of the data other than `.dockerconfigjson`. A pull secret in its desired state has none. */
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
 * Whether the cluster has the policy that adds pull secret names to new pods:
 * - installed: the policy and its binding exist, and the policy reads the PullSecretRules
 * - perCredential: they exist in the form of an earlier version, where the policy reads the RegistryCredentials
 * - notInstalled: one of them does not
 * - notServed: the API server does not serve this kind
 * - unreadable: the operator may not read it
 * - unknown: not read yet, or no answer
 */
export type PodPolicyState = 'installed' | 'perCredential' | 'notInstalled' | 'notServed' | 'unreadable' | 'unknown';

/** The PullSecretRules. */
export interface RulesRecord extends ObjectRecord {
  /** Of everything that the operator writes into it. */
  readonly hash: string;
}

/** A Secret that credentials are read from: the only record with secret values in it. */
export interface SourceRecord extends ObjectRecord {
  readonly type: string;
  readonly labels: Labels;
  /** When its data was last written, in seconds since 1970. */
  readonly changedAt: number;
  readonly data: Readonly<Record<string, string>>;
  /** The value of the annotation `regcred.dev/expires-at`. */
  readonly expiresAt?: string;
}
