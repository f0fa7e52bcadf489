/** The names that regcred uses in a cluster. Users, policies and other tools rely on them, so they never change. */

export const GROUP = 'regcred.dev';
export const API_VERSION = 'regcred.dev/v1alpha1';
export const KIND = 'RegistryCredential';
export const NAMESPACED_KIND = 'NamespacedRegistryCredential';

/** The field manager of every write. Argo CD's `managedFieldsManagers` can name it. */
export const MANAGER = 'regcred';

/** The name of the MutatingAdmissionPolicy that adds pull secret names to new pods, and of its binding (manifests/components/pod-injection). */
export const POD_POLICY = 'regcred.dev';

/** The kind of the object that this policy reads, and the name of the only one. */
export const RULES_KIND = 'PullSecretRules';
export const RULES_NAME = 'regcred';

/** Keeps a RegistryCredential until everything that was created for it has been removed. */
export const FINALIZER = 'regcred.dev/cleanup';

/** The labels that the operator reads or writes. */
export const LABEL = {
  /** `regcred` on every managed Secret. The watch of managed Secrets selects by it. */
  managedBy: 'app.kubernetes.io/managed-by',
  /** The uid of the RegistryCredential. Not its name: a name may be longer (253) than a label value (63). */
  credentialUid: 'regcred.dev/credential-uid',
  /** `"true"` on a Namespace or ServiceAccount opts it out. On a Pod it prevents the eviction. */
  exclude: 'regcred.dev/exclude',
  /** `"true"` on a Secret in which the operator keeps the state of one credential. */
  state: 'regcred.dev/state',
  /** `"true"` on a Secret in which the operator keeps a token that it fetched from a cloud. */
  token: 'regcred.dev/token',
} as const;

/** The annotations that the operator reads or writes. */
export const ANNOTATION = {
  /** On a Secret, and on the state Secret of a namespaced credential: the name of the credential, with its namespace in front if it has one. */
  credential: 'regcred.dev/credential',
  /** On a Secret: which of its labels and annotations came from `spec.secretMetadata`, so that they can be removed again. */
  secretMetadata: 'regcred.dev/secret-metadata',
  /** On a ServiceAccount: which of its imagePullSecrets the operator added, comma-separated. All others belong to other users. */
  pullSecrets: 'regcred.dev/pull-secrets',
  /** On a source: when its password expires, as an RFC 3339 time. */
  expiresAt: 'regcred.dev/expires-at',
  /** On a Namespace: the namespaces whose credentials it accepts, comma-separated exact names. */
  acceptFrom: 'regcred.dev/accept-from',
  /** On a RegistryCredential: a new value makes the operator ask its registries at once. */
  checkNow: 'regcred.dev/check-now',
  /** On the Lease: the version of the operator that leads. */
  version: 'regcred.dev/version',
} as const;

/** The phase of pods that do not run yet. */
export const PENDING = 'Pending';

/** Secret types, and the key under which each keeps its docker config. https://kubernetes.io/docs/concepts/configuration/secret/#secret-types */
export const SECRET_TYPE = {
  basicAuth: 'kubernetes.io/basic-auth',
  dockerConfigJson: 'kubernetes.io/dockerconfigjson',
  dockercfg: 'kubernetes.io/dockercfg',
  opaque: 'Opaque',
} as const;

/** The key of a docker config in a Secret of type `kubernetes.io/dockerconfigjson`, and of one of type `kubernetes.io/dockercfg`. */
export const DOCKER_CONFIG_JSON_KEY = '.dockerconfigjson';
export const DOCKERCFG_KEY = '.dockercfg';

/** The API server's limit on the data of a Secret, in bytes (MaxSecretSize in k8s.io/api/core/v1). */
export const MAX_SECRET_BYTES = 1024 * 1024;
