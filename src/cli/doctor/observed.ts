/** What the doctor looks at, gathered once; and what it says of it. */
import type { AccountRecord, CredentialRecord, NamespaceRecord } from '../../api/records.ts';
import type { PullSecret } from '../../plan/pull-secret.ts';

/** Something that was asked for. Whoever asks may not be allowed to see it. */
export type Looked<T> =
  | { readonly state: 'there'; readonly value: T }
  | { readonly state: 'missing' }
  /** `right`: what it would take, for example `get secrets in namespace shop`. */
  | { readonly state: 'forbidden'; readonly right: string };

export interface Container {
  readonly name: string;
  readonly image: string;
  /** Undefined where a template leaves it to the API server. */
  readonly pullPolicy: string | undefined;
  readonly state: ContainerState;
}

/** How far the kubelet has come with the image of a container. */
export type ContainerState =
  /** Not as far as that, or there is no pod yet. */
  { readonly at: 'before' } | { readonly at: 'pulled' } | { readonly at: 'failing'; readonly reason: string; readonly message: string };

/** A pod that there is, or that there would be. */
export interface Pod {
  readonly namespace: string;
  readonly account: string;
  /** As the pod has them; of one that there would be, as its template has them. */
  readonly pullSecrets: readonly string[];
  readonly containers: readonly Container[];
  /** Undefined of one that there would be. */
  readonly made: Made | undefined;
}

export interface Made {
  readonly name: string;
  /** Who makes it again when it is deleted: `ReplicaSet web-5d4f`. */
  readonly owner: string | undefined;
  /** Read from a file of its node: no ServiceAccount is looked at for it. */
  readonly isStatic: boolean;
}

export interface Secret extends PullSecret {
  /** Of the RegistryCredential that it was made for; undefined of a Secret that is not ours. */
  readonly credential: { readonly name: string; readonly uid: string } | undefined;
  /** What fingerprints of its passwords are made with. Never shown. */
  readonly uid: string;
  /** When its data was last written, in milliseconds since 1970. */
  readonly changedAt: number;
}

/** Something that the kubelet has said in an Event about a pod. */
export interface Said {
  readonly reason: string;
  readonly message: string;
  readonly at: number;
}

/** What the registry said to one who asked for an image's manifest. */
export interface Asked {
  /** As whom, and from which Secret; undefined where without credentials. */
  readonly as: { readonly username: string; readonly secret: string; readonly server: string } | undefined;
  readonly answer: { readonly ok: true } | { readonly ok: false; readonly words: string };
}

/** One namespace, as far as one pod in it is concerned. */
export interface Surroundings {
  readonly now: number;
  readonly namespace: Looked<NamespaceRecord>;
  readonly account: Looked<AccountRecord>;
  readonly credentials: Looked<readonly CredentialRecord[]>;
  /** By name: those that are named by the pod, its account or a RegistryCredential. */
  readonly secrets: ReadonlyMap<string, Looked<Secret>>;
  readonly events: Looked<readonly Said[]>;
}

export interface Step {
  readonly check:
    | 'Namespace'
    | 'Account'
    | 'Image'
    | 'PullSecrets'
    | 'Secret'
    | 'Entries'
    | 'Credential'
    | 'PullPolicy'
    | 'Kubelet'
    | 'Registry';
  /**
   * - ok: as it should be
   * - wrong: this keeps the image from being pulled, or will
   * - unseen: it cannot be told, for want of a right or of a try
   * - note: to be known, and neither good nor bad
   */
  readonly mark: 'ok' | 'wrong' | 'unseen' | 'note';
  /** In a word, for programs. */
  readonly reason: string;
  readonly message: string;
  /** What to do about it. */
  readonly mend?: string;
}

/** All that is said of one pod, image or namespace. */
export interface Finding {
  readonly subject: string;
  readonly namespace: string;
  readonly steps: readonly Step[];
}
