/** The names that regcred gives to things in a cluster. Users, policies and other tools rely on them: they are fixed. */

export const GROUP = 'regcred.dev';
export const API_VERSION = 'regcred.dev/v1alpha1';
export const KIND = 'RegistryCredential';

/** The field manager of every write, so that `managedFieldsManagers` in Argo CD can name it. */
export const MANAGER = 'regcred';

/** The MutatingAdmissionPolicy that adds the names of our Secrets to new pods, and its binding (manifests/components/pod-injection). */
export const POD_POLICY = 'regcred.dev';

/** Stands on a RegistryCredential until everything made for it has been taken back. */
export const FINALIZER = 'regcred.dev/cleanup';

export const LABEL = {
  /** `regcred` on every Secret that we made: what the watch of managed Secrets selects by. */
  managedBy: 'app.kubernetes.io/managed-by',
  /** The uid of the RegistryCredential. Not its name: a name may be longer (253) than a label value (63). */
  credentialUid: 'regcred.dev/credential-uid',
  /** `"true"` on a Namespace or ServiceAccount keeps us out of it. */
  exclude: 'regcred.dev/exclude',
} as const;

export const ANNOTATION = {
  /** On a Secret: the name of the RegistryCredential. */
  credential: 'regcred.dev/credential',
  /** On a Secret: which of its labels and annotations came from `spec.secretMetadata`, so that they can be taken back. */
  secretMetadata: 'regcred.dev/secret-metadata',
  /** On a ServiceAccount: which of its imagePullSecrets are ours, comma-separated. All others are somebody else's. */
  pullSecrets: 'regcred.dev/pull-secrets',
} as const;

/** The phase of pods that have yet to run. */
export const PENDING = 'Pending';

/** Secret types, and the key under which each keeps its docker config. https://kubernetes.io/docs/concepts/configuration/secret/#secret-types */
export const SECRET_TYPE = {
  basicAuth: 'kubernetes.io/basic-auth',
  dockerConfigJson: 'kubernetes.io/dockerconfigjson',
  dockercfg: 'kubernetes.io/dockercfg',
  opaque: 'Opaque',
} as const;

export const DOCKER_CONFIG_JSON_KEY = '.dockerconfigjson';
export const DOCKERCFG_KEY = '.dockercfg';

/** The API server's limit on the data of a Secret, in bytes (MaxSecretSize in k8s.io/api/core/v1). */
export const MAX_SECRET_BYTES = 1024 * 1024;
