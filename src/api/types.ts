/* Generated from crds/registrycredentials.yaml by `npm run generate`: edit that file, not this one. */

/**
 * What the pull secret is made of, and where it is wanted.
 */
export interface RegistryCredentialSpec {
  /**
   * One entry for each registry, with the Secret that holds its username and password. All of them become one .dockerconfigjson. An entry here wins over an entry for the same server from dockerConfigs. Two entries that mean the same server (docker.io and index.docker.io, say) are invalid.
   *
   * @maxItems 64
   *
   * Items: A registry, and the Secret that holds the credentials for it.
   */
  registries?: {
    /**
     * The registry as the image names have it: host[:port][/path], for example ghcr.io, registry.example.com:5000 or registry.gitlab.com/acme. The kubelet compares the port exactly, takes the path as a plain prefix (/acme covers /acme-tools too) and lets * stand for any part of one label of the host: *.example.com covers eu.example.com, not a.eu.example.com. Docker Hub is docker.io; index.docker.io, registry-1.docker.io and https://index.docker.io/v1/ mean the same. Where several cover an image, the most specific is tried first.
     */
    server: string;
    /**
     * The Secret with the credentials for this server, of one of the types kubernetes.io/basic-auth (username, password), kubernetes.io/dockerconfigjson or kubernetes.io/dockercfg (its entry for this server is taken, the others are not), or Opaque (username and password, or the docker config under `key`).
     */
    secretRef: {
      /**
       * The namespace of the Secret. It needs no RegistryCredential of its own and may be any, unless the operator limits it with --source-namespaces.
       */
      namespace: string;
      /**
       * The name of the Secret. It is watched, so a change in it (a rotation) is let out at once.
       */
      name: string;
      /**
       * The key under which a docker config lies in an Opaque Secret, for example config.json (what `kubectl create secret generic NAME --from-file=config.json` makes). Leave it out otherwise.
       */
      key?: string;
      /**
       * The key of the username in an Opaque or basic-auth Secret. Default username.
       */
      usernameKey?: string;
      /**
       * The key of the password in an Opaque or basic-auth Secret. Default password.
       */
      passwordKey?: string;
    };
  }[];
  /**
   * Whole docker configs (a kubectl-made regcred, the config.json that docker login leaves). Every entry is taken over; a later config wins over an earlier one, and registries wins over all.
   *
   * @maxItems 16
   *
   * Items: One docker config.
   */
  dockerConfigs?: {
    /**
     * The Secret with the docker config, of type kubernetes.io/dockerconfigjson, kubernetes.io/dockercfg, or Opaque with the config under `key`.
     */
    secretRef: {
      /**
       * The namespace of the Secret. It needs no RegistryCredential of its own and may be any, unless the operator limits it with --source-namespaces.
       */
      namespace: string;
      /**
       * The name of the Secret. It is watched, so a change in it (a rotation) is let out at once.
       */
      name: string;
      /**
       * The key under which a docker config lies in an Opaque Secret, for example config.json (what `kubectl create secret generic NAME --from-file=config.json` makes). Leave it out otherwise.
       */
      key?: string;
    };
  }[];
  /**
   * The namespaces that get the Secret: those that a glob in names or the selector matches, and exclude does not. Namespaces made later count, too. Never those that are Terminating, nor those that carry the label regcred.dev/exclude: "true".
   */
  namespaces: {
    /**
     * Names or globs of namespaces; * stands for any characters and ? for one. ["*"] means all.
     *
     * @maxItems 256
     */
    names?: string[];
    /**
     * A label selector. An empty one ({}) matches everything, an absent one nothing. Both parts must hold.
     */
    selector?: {
      /**
       * Labels that must be there with exactly these values.
       */
      matchLabels?: {
        [k: string]: string;
      };
      /**
       * Requirements that must all hold.
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
         * In, NotIn, Exists or DoesNotExist. NotIn holds, too, where the label is absent.
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
     * Namespaces that do not get the Secret although names or selector match them.
     */
    exclude?: {
      /**
       * Names or globs of namespaces; * stands for any characters and ? for one. ["*"] means all.
       *
       * @maxItems 256
       */
      names?: string[];
      /**
       * A label selector. An empty one ({}) matches everything, an absent one nothing. Both parts must hold.
       */
      selector?: {
        /**
         * Labels that must be there with exactly these values.
         */
        matchLabels?: {
          [k: string]: string;
        };
        /**
         * Requirements that must all hold.
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
           * In, NotIn, Exists or DoesNotExist. NotIn holds, too, where the label is absent.
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
   * The ServiceAccounts in those namespaces whose imagePullSecrets get the name of the Secret: those that a glob in names or the selector matches. Never those that carry the label regcred.dev/exclude: "true". For none at all (pods name the Secret themselves): names: [].
   */
  serviceAccounts: {
    /**
     * Names or globs of ServiceAccounts; * stands for any characters and ? for one.
     *
     * @maxItems 256
     */
    names: string[];
    /**
     * A label selector. An empty one ({}) matches everything, an absent one nothing. Both parts must hold.
     */
    selector?: {
      /**
       * Labels that must be there with exactly these values.
       */
      matchLabels?: {
        [k: string]: string;
      };
      /**
       * Requirements that must all hold.
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
         * In, NotIn, Exists or DoesNotExist. NotIn holds, too, where the label is absent.
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
   * Whether the API server adds the name of the Secret to the imagePullSecrets of new pods itself, at their admission, where the policy for that is installed (docs/pods.md). Append adds it, behind what the pod has, to pods whose ServiceAccount is named by a glob in serviceAccounts.names: at admission no labels of ServiceAccounts are to be seen. None leaves pods alone: they have what their ServiceAccount had when they were made.
   */
  podInjection: 'Append' | 'None';
  /**
   * The name of the Secret in every namespace. Default: the name of the RegistryCredential. After a change the new Secret takes the place of the old one.
   */
  secretName?: string;
  /**
   * Labels and annotations for the Secrets that are made, for other tools. Nothing is copied from the source's own. Keys under regcred.dev/ and app.kubernetes.io/managed-by are regcred's.
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
   * What happens where a Secret of that name is there already and is not regcred's. Fail leaves it untouched and reports it; once it is gone, ours takes its place. Adopt takes it over, if its type is kubernetes.io/dockerconfigjson and nobody else controls it; from then on it is regcred's, deletion included.
   */
  conflictPolicy: 'Fail' | 'Adopt';
  /**
   * What happens when the RegistryCredential is deleted. Delete takes back all that was made: the Secrets and the references in the ServiceAccounts. Retain leaves everything as it is.
   */
  deletionPolicy: 'Delete' | 'Retain';
  /**
   * What happens to pods that wait for an image of these registries (ErrImagePull, ImagePullBackOff) because they were made before their ServiceAccount referred to the Secret, or failed with content that has been replaced since. None leaves them to themselves. Recreate evicts those that a ReplicaSet, StatefulSet, DaemonSet or Job makes again, each once, and names the others in an Event. It needs rights of its own: the component pod-recovery.
   */
  podRecovery: 'None' | 'Recreate';
  /**
   * True stops all placing, repairing and taking back until it is false again.
   */
  suspend: boolean;
}

/**
 * What the operator has seen and done.
 */
export interface RegistryCredentialStatus {
  /**
   * The generation of the spec that this status is about; -1 until an operator has seen it.
   */
  observedGeneration?: number;
  /**
   * Ready sums up SourcesReady (the sources are there and valid), SecretsSynced (the Secret is in place everywhere) and ServiceAccountsSynced (the references are). Unknown means that work is under way, False that a person must act; the message says what to do. Two are no part of Ready: PodInjection tells whether the API server adds the name of the Secret to new pods, and PodRecovery, where spec.podRecovery asks for it, whether stuck pods are looked after.
   *
   * @maxItems 16
   *
   * Items: A condition as all of Kubernetes has it.
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
     * The generation of the spec that this condition is about.
     */
    observedGeneration?: number;
    /**
     * When the status last changed.
     */
    lastTransitionTime: string;
    /**
     * The cause in a word, for programs.
     */
    reason: string;
    /**
     * The cause in a sentence, for people.
     */
    message: string;
  }[];
  /**
   * In how many of the wanted namespaces the Secret is in place, for example 14/15.
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
     * How many it is wanted in.
     */
    desired: number;
    /**
     * In how many everything is as wanted.
     */
    synced: number;
    /**
     * How many could not be written, see failures.
     */
    failed: number;
    /**
     * How many have something in the way that is not ours, see failures.
     */
    conflicted: number;
  };
  /**
   * Counts the ServiceAccounts by the state of the reference in them.
   */
  serviceAccounts?: {
    /**
     * How many it is wanted in.
     */
    desired: number;
    /**
     * In how many everything is as wanted.
     */
    synced: number;
    /**
     * How many could not be written, see failures.
     */
    failed: number;
    /**
     * How many have something in the way that is not ours, see failures.
     */
    conflicted: number;
  };
  /**
   * How many failures and conflicts there are.
   */
  failuresTotal?: number;
  /**
   * The first 20 of them.
   *
   * @maxItems 20
   *
   * Items: One object that is not as wanted, and why.
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
     * The cause in a word.
     */
    reason: string;
    /**
     * The cause in a sentence, and what to do about it.
     */
    message: string;
  }[];
}
