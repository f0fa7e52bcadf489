/** What the doctor observes, read once, and what it reports about it. */
import type { AccountRecord, CredentialRecord, NamespaceRecord } from '../../api/records.ts';
import type { ImageState } from '../../plan/pods/image-state.ts';
import type { PullSecret } from '../../plan/pods/pull-secret.ts';

/** The result of a read with a person's rights. */
export type ReadResult<T> =
  | { readonly state: 'found'; readonly value: T }
  | { readonly state: 'missing' }
  /** `right`: the right that the person lacks, for example `get secrets in namespace shop`. */
  | { readonly state: 'forbidden'; readonly right: string };

/** What to do about a read that a right is missing for. */
export const askForRight = ({ right }: Pick<Extract<ReadResult<unknown>, { state: 'forbidden' }>, 'right'>): string =>
  `Missing right: ${right}. Ask for it, or ask a person who has it to run this.`;

/** Applies `read` to a value that was found. A missing object or right stays as it is. */
export function mapFound<T, R>(observation: ReadResult<T>, read: (value: T) => R): ReadResult<R> {
  return observation.state === 'found' ? { state: 'found', value: read(observation.value) } : observation;
}

/**
 * The credentials of both kinds. `hidden`: only those of namespaces are known, and this is the right to see the cluster-scoped ones. A tenant
 * usually does not have it.
 */
export type SeenCredentials = ReadResult<readonly CredentialRecord[]> & { readonly hidden?: string };

/** The right that is missing to see all credentials; undefined if all are seen, or if there are none. */
export const rightToSeeAll = (credentials: SeenCredentials): string | undefined =>
  credentials.state === 'forbidden' ? credentials.right : credentials.hidden;

export interface Container {
  readonly name: string;
  readonly image: string;
  /** Undefined if a template leaves it to the API server. */
  readonly pullPolicy: string | undefined;
  readonly imageState: ImageState;
}

/** A pod that exists, or one that a template would create. */
export interface Pod {
  readonly namespace: string;
  readonly account: string;
  /** Of an existing pod: as it has them. Of a template: as the template has them. */
  readonly pullSecrets: readonly string[];
  /** The pull secrets that its spec had before anything was added to it; undefined if that is not known. */
  readonly written: readonly string[] | undefined;
  readonly containers: readonly Container[];
  /** Undefined for a template. */
  readonly existing: ExistingPod | undefined;
}

export interface ExistingPod {
  readonly name: string;
  /** What re-creates the pod after a deletion: `ReplicaSet web-5d4f`. */
  readonly owner: string | undefined;
  /** The kubelet reads the pod from a file on its node, so no ServiceAccount applies to it. */
  readonly isStatic: boolean;
  /** As an RFC 3339 time. */
  readonly createdAt: string;
}

export interface Secret extends PullSecret {
  /** The RegistryCredential that it was created for; undefined for a Secret that regcred does not manage. */
  readonly credential: { readonly name: string; readonly uid: string } | undefined;
  /** The salt for fingerprints of its passwords. Never shown. */
  readonly uid: string;
  /** When its data was last written, in milliseconds since 1970. */
  readonly changedAt: number;
}

/** An Event about a pod. */
export interface PodEvent {
  readonly reason: string;
  readonly message: string;
  /** In milliseconds since 1970; NaN if the Event has no time. */
  readonly at: number;
}

/** What a registry answered to a request for the manifest of an image. `message` never holds a secret value. */
export type RegistryAnswer = { readonly ok: true } | { readonly ok: false; readonly message: string };

/** One request with which `--pull` asked a registry. */
export interface PullTest {
  /** The entry that was used; undefined for a request without credentials. */
  readonly as: { readonly username: string; readonly secret: string; readonly server: string } | undefined;
  readonly answer: RegistryAnswer;
}

/** One namespace, as far as it matters for one pod in it. */
export interface Surroundings {
  /** In milliseconds since 1970. */
  readonly now: number;
  readonly namespace: ReadResult<NamespaceRecord>;
  readonly account: ReadResult<AccountRecord>;
  readonly credentials: SeenCredentials;
  /** By name: those that the pod, its ServiceAccount or a RegistryCredential names. */
  readonly secrets: ReadonlyMap<string, ReadResult<Secret>>;
  readonly events: ReadResult<readonly PodEvent[]>;
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
   * - ok: correct
   * - wrong: this prevents the pull of the image, now or at the next attempt
   * - unseen: unknown, because a right is missing or no pull was tried yet
   * - note: information, neither good nor bad
   */
  readonly mark: 'ok' | 'wrong' | 'unseen' | 'note';
  /** One word, for programs. */
  readonly reason: string;
  readonly message: string;
  /** What to do about it. */
  readonly fix?: string;
}

/** Everything about one pod, image or namespace. */
export interface Finding {
  readonly subject: string;
  readonly namespace: string;
  readonly steps: readonly Step[];
}
