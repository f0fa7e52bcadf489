/* Generated from crds/registrycredentials.yaml by `npm run generate`: edit that file, not this one. */

/**
 * The sources of the pull secret, and the namespaces and ServiceAccounts that get it.
 */
export interface RegistryCredentialSpec {
  /**
   * One entry for each registry, with the Secret that holds its username and password, or with the cloud that gives out tokens for it. The operator merges all entries into one .dockerconfigjson. An entry here overrides an entry for the same server from dockerConfigs. The API server refuses two entries with the same text. It accepts two that mean the same server, such as docker.io and index.docker.io, or ghcr.io and https://ghcr.io. The operator then reports DuplicateServer, and distributes nothing new until you remove one.
   *
   * @maxItems 64
   *
   * Items: A registry and the source of its credentials, either a Secret or a token of a cloud.
   */
  registries?: {
    /**
     * The registry as it appears in image names: host[:port][/path], for example ghcr.io, registry.example.com:5000 or registry.gitlab.com/acme. A leading https:// or http:// is accepted and means nothing, as in the docker config of docker login. The kubelet matches the port exactly and the path as a plain prefix: /acme also matches /acme-tools. A * matches any part of one label of the host: *.example.com matches eu.example.com, but not a.eu.example.com. Docker Hub is docker.io; index.docker.io, registry-1.docker.io and https://index.docker.io/v1/ mean the same. If several entries match an image, the kubelet tries the most specific one first.
     */
    server: string;
    /**
     * The Secret with the credentials for this server. Its type is one of kubernetes.io/basic-auth (username and password), kubernetes.io/dockerconfigjson or kubernetes.io/dockercfg (the operator uses only the entry for this server), or Opaque (username and password, or a docker config under `key`). Set either secretRef or token.
     */
    secretRef?: {
      /**
       * The namespace of the Secret. It can be any namespace, unless the operator runs with --source-namespaces. The RegistryCredential does not have to select it.
       */
      namespace: string;
      /**
       * The name of the Secret. The operator watches it and rolls out a change (a rotation) at once.
       */
      name: string;
      /**
       * The key of the docker config in an Opaque Secret, for example config.json, which `kubectl create secret generic NAME --from-file=config.json` creates. Omit it for other Secrets.
       */
      key?: string;
      /**
       * The key of the username in an Opaque or basic-auth Secret. The default is username.
       */
      usernameKey?: string;
      /**
       * The key of the password in an Opaque or basic-auth Secret. The default is password.
       */
      passwordKey?: string;
    };
    /**
     * A token that the operator fetches from the cloud of this registry, and refreshes before it expires. Set exactly one of aws, gcp and azure ({} is enough to use the operator's own identity). Set either token or secretRef.
     */
    token?: {
      /**
       * A token for Amazon ECR. Without secretRef and serviceAccountRef, the operator uses its own identity: IRSA, EKS Pod Identity, or the role of its node.
       */
      aws?: {
        /**
         * The region of the registry. The default is the one in the server's name, and us-east-1 for public.ecr.aws.
         */
        region?: string;
        /**
         * The IAM role that may pull. With serviceAccountRef, the role that trusts this ServiceAccount; the default is its annotation eks.amazonaws.com/role-arn. Otherwise a role that the identity assumes.
         */
        roleArn?: string;
        /**
         * A Secret with static keys, under accessKeyId and secretAccessKey, and optionally sessionToken.
         */
        secretRef?: {
          /**
           * The namespace of the Secret. It can be any namespace, unless the operator runs with --source-namespaces. The RegistryCredential does not have to select it.
           */
          namespace: string;
          /**
           * The name of the Secret. The operator watches it and rolls out a change (a rotation) at once.
           */
          name: string;
        };
        /**
         * A ServiceAccount whose token the cloud trusts. The operator requests the token with the TokenRequest API, for which it needs a Role (the component cloud-identities), and exchanges it at the cloud.
         */
        serviceAccountRef?: {
          /**
           * The namespace of the ServiceAccount. It can be any namespace, unless the operator runs with --source-namespaces.
           */
          namespace: string;
          /**
           * The name of the ServiceAccount.
           */
          name: string;
        };
      };
      /**
       * A token for Google Artifact Registry. Without secretRef and serviceAccountRef, the operator uses its own identity: the metadata server of GKE, or Application Default Credentials.
       */
      gcp?: {
        /**
         * The email address of a Google service account to impersonate. With serviceAccountRef, the default is its annotation iam.gke.io/gcp-service-account.
         */
        serviceAccount?: string;
        /**
         * The full name of the workload identity provider that trusts this cluster. It is also the audience of the ServiceAccount's token.
         */
        workloadIdentityProvider?: string;
        /**
         * A Secret with the key of a service account (JSON), under key.json. The operator uses only its client_email and private_key.
         */
        secretRef?: {
          /**
           * The namespace of the Secret. It can be any namespace, unless the operator runs with --source-namespaces. The RegistryCredential does not have to select it.
           */
          namespace: string;
          /**
           * The name of the Secret. The operator watches it and rolls out a change (a rotation) at once.
           */
          name: string;
        };
        /**
         * A ServiceAccount whose token the cloud trusts. The operator requests the token with the TokenRequest API, for which it needs a Role (the component cloud-identities), and exchanges it at the cloud.
         */
        serviceAccountRef?: {
          /**
           * The namespace of the ServiceAccount. It can be any namespace, unless the operator runs with --source-namespaces.
           */
          namespace: string;
          /**
           * The name of the ServiceAccount.
           */
          name: string;
        };
      };
      /**
       * A token for Azure Container Registry. Without secretRef and serviceAccountRef, the operator uses its own identity: Azure workload identity, or a managed identity.
       */
      azure?: {
        /**
         * The id of the tenant in Microsoft Entra. With serviceAccountRef, the default is its annotation azure.workload.identity/tenant-id.
         */
        tenantId?: string;
        /**
         * The client id of the application or managed identity. With serviceAccountRef, the default is its annotation azure.workload.identity/client-id.
         */
        clientId?: string;
        /**
         * A Secret with a client secret of the application, under clientSecret.
         */
        secretRef?: {
          /**
           * The namespace of the Secret. It can be any namespace, unless the operator runs with --source-namespaces. The RegistryCredential does not have to select it.
           */
          namespace: string;
          /**
           * The name of the Secret. The operator watches it and rolls out a change (a rotation) at once.
           */
          name: string;
        };
        /**
         * A ServiceAccount whose token the cloud trusts. The operator requests the token with the TokenRequest API, for which it needs a Role (the component cloud-identities), and exchanges it at the cloud.
         */
        serviceAccountRef?: {
          /**
           * The namespace of the ServiceAccount. It can be any namespace, unless the operator runs with --source-namespaces.
           */
          namespace: string;
          /**
           * The name of the ServiceAccount.
           */
          name: string;
        };
      };
    };
    /**
     * An image on this host that the credentials must be able to pull: repository[:tag|@digest], for example acme/web:1. The operator asks for its manifest and downloads nothing. Only a private image proves that the credentials work. A value that is not an image name is reported in the condition Verified, and then ignored.
     */
    probeImage?: string;
    /**
     * Certificates of certificate authorities, as base64 of PEM. The operator trusts them, in addition to the roots of its system, when it asks this server and its token service. The nodes need them too; this field does not reach them. A value that is not base64 of PEM is reported in the condition Verified, and then ignored.
     */
    caBundle?: string;
  }[];
  /**
   * Whole docker configs, for example a pull secret created by kubectl, or the config.json that docker login writes. The operator merges every entry. A later config overrides an earlier one, and registries overrides all of them.
   *
   * @maxItems 16
   *
   * Items: One docker config.
   */
  dockerConfigs?: {
    /**
     * The Secret with the docker config. Its type is kubernetes.io/dockerconfigjson, kubernetes.io/dockercfg, or Opaque with the docker config under `key`.
     */
    secretRef: {
      /**
       * The namespace of the Secret. It can be any namespace, unless the operator runs with --source-namespaces. The RegistryCredential does not have to select it.
       */
      namespace: string;
      /**
       * The name of the Secret. The operator watches it and rolls out a change (a rotation) at once.
       */
      name: string;
      /**
       * The key of the docker config in an Opaque Secret, for example config.json, which `kubectl create secret generic NAME --from-file=config.json` creates. Omit it for other Secrets.
       */
      key?: string;
    };
  }[];
  /**
   * The namespaces that get the Secret: those that match a glob in names or the selector, and do not match exclude. This includes namespaces that are created later. Namespaces that are Terminating or have the label regcred.dev/exclude: "true" never get it.
   */
  namespaces: {
    /**
     * Names or globs of namespaces. * matches any characters and ? matches one character. ["*"] selects all.
     *
     * @maxItems 256
     */
    names?: string[];
    /**
     * A label selector. An empty selector ({}) matches everything, a missing one matches nothing. matchLabels and matchExpressions must both match.
     */
    selector?: {
      /**
       * Labels that must be present with exactly these values.
       */
      matchLabels?: {
        [k: string]: string;
      };
      /**
       * Requirements that must all match.
       *
       * @maxItems 64
       *
       * Items: A requirement on one label.
       */
      matchExpressions?: {
        /**
         * The key of the label.
         */
        key: string;
        /**
         * In, NotIn, Exists or DoesNotExist. NotIn also matches objects without the label.
         */
        operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist';
        /**
         * The values for In and NotIn.
         *
         * @maxItems 64
         */
        values?: string[];
      }[];
    };
    /**
     * Namespaces that do not get the Secret even if names or selector matches them.
     */
    exclude?: {
      /**
       * Names or globs of namespaces. * matches any characters and ? matches one character. ["*"] selects all.
       *
       * @maxItems 256
       */
      names?: string[];
      /**
       * A label selector. An empty selector ({}) matches everything, a missing one matches nothing. matchLabels and matchExpressions must both match.
       */
      selector?: {
        /**
         * Labels that must be present with exactly these values.
         */
        matchLabels?: {
          [k: string]: string;
        };
        /**
         * Requirements that must all match.
         *
         * @maxItems 64
         *
         * Items: A requirement on one label.
         */
        matchExpressions?: {
          /**
           * The key of the label.
           */
          key: string;
          /**
           * In, NotIn, Exists or DoesNotExist. NotIn also matches objects without the label.
           */
          operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist';
          /**
           * The values for In and NotIn.
           *
           * @maxItems 64
           */
          values?: string[];
        }[];
      };
    };
  };
  /**
   * The ServiceAccounts in the selected namespaces to whose imagePullSecrets the operator adds the Secret: those that match a glob in names or the selector. It never changes ServiceAccounts that have the label regcred.dev/exclude: "true". To select none, because pods name the Secret themselves, set names: [].
   */
  serviceAccounts: {
    /**
     * Names or globs of ServiceAccounts. * matches any characters and ? matches one character.
     *
     * @maxItems 256
     */
    names: string[];
    /**
     * A label selector. An empty selector ({}) matches everything, a missing one matches nothing. matchLabels and matchExpressions must both match.
     */
    selector?: {
      /**
       * Labels that must be present with exactly these values.
       */
      matchLabels?: {
        [k: string]: string;
      };
      /**
       * Requirements that must all match.
       *
       * @maxItems 64
       *
       * Items: A requirement on one label.
       */
      matchExpressions?: {
        /**
         * The key of the label.
         */
        key: string;
        /**
         * In, NotIn, Exists or DoesNotExist. NotIn also matches objects without the label.
         */
        operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist';
        /**
         * The values for In and NotIn.
         *
         * @maxItems 64
         */
        values?: string[];
      }[];
    };
  };
  /**
   * Whether the API server adds the Secret to the imagePullSecrets of new pods at admission. This needs the MutatingAdmissionPolicy of regcred (docs/pods.md). Append adds it after the entries that the pod has, if a glob in serviceAccounts.names matches the pod's ServiceAccount. It ignores serviceAccounts.selector, because the labels of ServiceAccounts are not available at admission. None does not change pods: they get the imagePullSecrets that their ServiceAccount has when they are created.
   */
  podInjection: 'Append' | 'None';
  /**
   * The name of the Secret in every namespace. The default is the name of the RegistryCredential. After a change, the new Secret replaces the old one.
   */
  secretName?: string;
  /**
   * Labels and annotations that the operator adds to the Secrets that it creates, for other tools. It copies no labels or annotations from the source. The keys under regcred.dev/ and app.kubernetes.io/managed-by are reserved for regcred.
   */
  secretMetadata?: {
    /**
     * Labels for the Secrets.
     */
    labels?: {
      [k: string]: string;
    };
    /**
     * Annotations for the Secrets.
     */
    annotations?: {
      [k: string]: string;
    };
  };
  /**
   * What to do if a namespace already has a Secret with this name that regcred does not manage. Fail does not change it and reports it; when it is deleted, regcred creates its own. Adopt takes the Secret over if its type is kubernetes.io/dockerconfigjson and it has no other controller. From then on regcred manages it, and also deletes it.
   */
  conflictPolicy: 'Fail' | 'Adopt';
  /**
   * What happens when the RegistryCredential is deleted. Delete removes the Secrets and the references in the ServiceAccounts. Retain keeps them as they are.
   */
  deletionPolicy: 'Delete' | 'Retain';
  /**
   * What to do with pods that cannot pull an image from these registries (ErrImagePull, ImagePullBackOff) because they were created before their ServiceAccount referred to the Secret, or because the Secret had other content then. None does nothing. Recreate evicts each such pod once if a ReplicaSet, StatefulSet, DaemonSet or Job re-creates it, and reports the other pods in an Event. Recreate needs additional RBAC permissions: the component pod-recovery.
   */
  podRecovery: 'None' | 'Recreate';
  /**
   * True stops all creating, repairing and removing until it is false again. The operator still asks registries (spec.verification).
   */
  suspend: boolean;
  /**
   * Whether the operator asks the registries if they accept the credentials.
   */
  verification: {
    /**
     * None asks no registry. Report asks and reports the answer in status.registries and the condition Verified. Require also holds credentials back that a registry refuses: the last accepted ones stay in place.
     */
    mode: 'None' | 'Report' | 'Require';
    /**
     * How often to ask again about credentials that a registry accepts, from 10m to 168h.
     */
    interval: string;
  };
}

/**
 * What the operator observed and did.
 */
export interface RegistryCredentialStatus {
  /**
   * The generation of the spec that this status describes; -1 until an operator has observed it.
   */
  observedGeneration?: number;
  /**
   * Ready summarizes SourcesReady (the sources exist and are valid), SecretsSynced (every selected namespace has the Secret) and ServiceAccountsSynced (every selected ServiceAccount refers to it). Unknown means that the operator is working. False means that it cannot sync, and the message says why and what to do. With the reason Unavailable it keeps retrying; with any other reason a person must act. Two conditions do not affect Ready. PodInjection reports whether the API server adds the Secret to new pods. PodRecovery reports whether the operator recovers stuck pods; it is present if spec.podRecovery is Recreate.
   *
   * @maxItems 16
   *
   * Items: A standard Kubernetes condition.
   */
  conditions?: {
    /**
     * The name of the condition.
     */
    type: string;
    /**
     * True, False or Unknown.
     */
    status: 'True' | 'False' | 'Unknown';
    /**
     * The generation of the spec that this condition describes.
     */
    observedGeneration?: number;
    /**
     * When the status of the condition last changed.
     */
    lastTransitionTime: string;
    /**
     * The cause in one word, for programs.
     */
    reason: string;
    /**
     * The cause in a sentence, for people.
     */
    message: string;
  }[];
  /**
   * The number of selected namespaces that have the Secret, out of all selected namespaces, for example 14/15.
   */
  summary?: string;
  /**
   * The name of the Secret in every namespace.
   */
  secretName?: string;
  /**
   * Counts the namespaces by the state of the Secret in them.
   */
  namespaces?: {
    /**
     * How many are selected.
     */
    desired: number;
    /**
     * How many are in the desired state.
     */
    synced: number;
    /**
     * How many the operator could not write. See failures.
     */
    failed: number;
    /**
     * How many have a conflict with an object that regcred does not manage. See failures.
     */
    conflicted: number;
  };
  /**
   * Counts the ServiceAccounts by the state of the reference in them.
   */
  serviceAccounts?: {
    /**
     * How many are selected.
     */
    desired: number;
    /**
     * How many are in the desired state.
     */
    synced: number;
    /**
     * How many the operator could not write. See failures.
     */
    failed: number;
    /**
     * How many have a conflict with an object that regcred does not manage. See failures.
     */
    conflicted: number;
  };
  /**
   * How many failures and conflicts there are.
   */
  failuresTotal?: number;
  /**
   * The earliest known time at which one of the credentials stops working.
   */
  expiresAt?: string;
  /**
   * What is known about each server, the first 64 by name.
   *
   * @maxItems 64
   *
   * Items: One server, whether it accepts the credentials, and when they expire.
   */
  registries?: {
    /**
     * The server as the pull secret names it.
     */
    server: string;
    /**
     * Proven: the probe image can be pulled with the credentials, and not without. NotRefused: the registry accepts the login. Public: the registry asks for no login, or anybody can pull the probe image. Refused: the registry refuses the login. Unreachable: there was no answer that could be interpreted. Pending: not asked yet. NotAsked: this server is never asked.
     */
    result: string;
    /**
     * The answer in a sentence, and what to do about it.
     */
    message?: string;
    /**
     * When the registry was last asked.
     */
    checkedAt?: string;
    /**
     * When the credentials for this server stop working, if that is known.
     */
    expiresAt?: string;
    /**
     * Where the expiry is known from: Token (the operator fetched it), Annotation (regcred.dev/expires-at on the source), JWT, Password (a JSON password such as that of ECR), or GitHub.
     */
    expirySource?: string;
    /**
     * When the operator fetches the next token, if it fetched this one. In the past while fetches fail.
     */
    refreshAt?: string;
  }[];
  /**
   * The first 20 failures and conflicts.
   *
   * @maxItems 20
   *
   * Items: One object that is not in the desired state, and the cause.
   */
  failures?: {
    /**
     * The namespace of the object.
     */
    namespace: string;
    /**
     * Secret or ServiceAccount.
     */
    kind: string;
    /**
     * The name of the object.
     */
    name: string;
    /**
     * The cause in one word.
     */
    reason: string;
    /**
     * The cause in a sentence, and how to fix it.
     */
    message: string;
  }[];
}
