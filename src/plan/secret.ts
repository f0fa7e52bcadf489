import { ANNOTATION, API_VERSION, DOCKER_CONFIG_JSON_KEY, GROUP, KIND, LABEL, MANAGER, SECRET_TYPE } from '../api/names.ts';
import { type Problem, REASON } from '../api/reasons.ts';
import type { Labels, NamespaceRecord, OwnerReference, SecretRecord } from '../api/records.ts';
import type { Intent } from './intent.ts';
import type { Content } from './resolve.ts';
import { isTarget } from './targets.ts';

export type SecretAction =
  | { readonly kind: 'create-secret'; readonly namespace: string; readonly name: string; readonly body: object }
  | { readonly kind: 'update-secret'; readonly namespace: string; readonly name: string; readonly patch: object }
  | {
      readonly kind: 'delete-secret';
      readonly namespace: string;
      readonly name: string;
      readonly uid: string;
      readonly resourceVersion: string;
    };

/** What is there, as far as one credential in one namespace is concerned. */
export interface SecretsThere {
  /** The Secret under the wanted name, whoever's it is. */
  readonly named: SecretRecord | undefined;
  /** All Secrets in the namespace that carry the uid of the credential, under whatever name. */
  readonly labelled: readonly SecretRecord[];
  /** The other live RegistryCredential whose uid `named` carries. */
  readonly rival: string | undefined;
  /** Whether some RegistryCredential reads its credentials from `named`. */
  readonly isSource: boolean;
}

export interface SecretPlan {
  readonly wanted: boolean;
  readonly actions: readonly SecretAction[];
  /** Wanted, but not known with what: the sources have not been good since the start, and nothing is placed. */
  readonly waits?: true;
  readonly conflict?: Problem;
}

const NOTHING: SecretPlan = { wanted: false, actions: [] };

/** Decides what is to be done about the Secrets of one credential in one namespace. */
export function planSecret(intent: Intent, namespace: NamespaceRecord | undefined, there: SecretsThere): SecretPlan {
  // In a namespace that goes away everything goes with it, and a write into it would be refused.
  if (namespace === undefined || namespace.terminating || intent.mode === 'hold') return NOTHING;
  if (intent.mode === 'release')
    return {
      wanted: false,
      actions: ours(intent, there)
        .filter(isOwned(intent))
        .map((secret) => release(intent, secret)),
    };
  if (intent.mode === 'remove' || !isTarget(intent.spec, namespace)) {
    return { wanted: false, actions: ours(intent, there).map(deletion) };
  }

  const { named } = there;
  const stale = ours(intent, there).filter(({ name }) => name !== intent.secretName);
  if (intent.content === undefined) {
    // A source that is missing never takes back what has been placed, not even under a former name.
    return { wanted: true, actions: [], ...(named && isOurs(intent, named, there) ? {} : { waits: true as const }) };
  }
  if (named === undefined) {
    return { wanted: true, actions: [creation(intent, intent.content, namespace.name), ...stale.map(deletion)] };
  }
  const conflict = conflictWith(intent, named, there);
  // The former Secret, if any, stays until the new one can take its place.
  if (conflict !== undefined) return { wanted: true, actions: [], conflict };
  const update = isAsWanted(intent, intent.content, named) ? [] : [updateOf(intent, intent.content, named)];
  return { wanted: true, actions: [...update, ...stale.map(deletion)] };
}

/**
 * Whether a Secret may be written for this credential: it was made for it, or it was made by us for a credential of this name that is no more (deleted under Retain, or restored from a backup under another uid).
 */
export function isOurs(intent: Pick<Intent, 'name' | 'uid'>, secret: SecretRecord, there: Pick<SecretsThere, 'rival'>): boolean {
  return (
    isMarked(intent, secret) ||
    (there.rival === undefined && secret.labels[LABEL.managedBy] === MANAGER && secret.annotations[ANNOTATION.credential] === intent.name)
  );
}

/** Made for this very credential: it carries its uid, as a label or as the owner's. Only these are ever deleted. */
const isMarked = (intent: Pick<Intent, 'uid'>, secret: SecretRecord) =>
  secret.labels[LABEL.credentialUid] === intent.uid || isOwned(intent)(secret);

const isOwned = (intent: Pick<Intent, 'uid'>) => (secret: SecretRecord) => secret.owners.some(({ uid }) => uid === intent.uid);

function ours(intent: Intent, { named, labelled }: SecretsThere): SecretRecord[] {
  const all = named && isMarked(intent, named) ? [named, ...labelled.filter(({ name }) => name !== named.name)] : labelled;
  return all.filter(({ terminating }) => !terminating);
}

function conflictWith(intent: Intent, secret: SecretRecord, there: SecretsThere): Problem | undefined {
  const at = `A Secret ${secret.namespace}/${secret.name}`;
  const exists = (message: string): Problem => ({ reason: REASON.secretExists, message: `${at} ${message}` });
  const mine = isOurs(intent, secret, there);
  if (secret.type !== SECRET_TYPE.dockerConfigJson) {
    return exists(
      `of type ${JSON.stringify(secret.type.slice(0, 100))} stands in the way, and the type of a Secret cannot be changed. Delete it and ours takes its place, or set another spec.secretName.`,
    );
  }
  if (secret.immutable) {
    return {
      reason: REASON.secretImmutable,
      message: `${at} is marked immutable, so that it can never be rotated. Delete it and ours takes its place.`,
    };
  }
  if (!mine && there.rival !== undefined) {
    return exists(
      `is already placed there by RegistryCredential ${there.rival}. Set another spec.secretName on one of the two, or let their namespaces not overlap.`,
    );
  }
  if (there.isSource)
    return exists('is itself a source of credentials, and would be overwritten. Set another spec.secretName, or exclude the namespace.');
  // Of two controllers the API server would refuse the second.
  const controller = ownersOfOthers(intent, secret.owners).find((owner) => owner.controller);
  if (controller)
    return exists(
      `is controlled by ${controller.kind} ${controller.name}, which would fight us over it. Remove that one, or set another spec.secretName.`,
    );
  if (mine || intent.spec.conflictPolicy === 'Adopt') return undefined;
  return exists(
    'exists already and is not ours, so it was left untouched. Delete it and ours takes its place, set spec.conflictPolicy: Adopt to take it over, or set another spec.secretName.',
  );
}

function wantedLabels(intent: Intent): Labels {
  return { ...intent.spec.secretMetadata?.labels, [LABEL.managedBy]: MANAGER, [LABEL.credentialUid]: intent.uid };
}

function wantedAnnotations(intent: Intent): Labels {
  const { labels = {}, annotations = {} } = intent.spec.secretMetadata ?? {};
  const given = [...Object.keys(labels).map((key) => `labels:${key}`), ...Object.keys(annotations).map((key) => `annotations:${key}`)];
  return {
    ...annotations,
    [ANNOTATION.credential]: intent.name,
    ...(given.length > 0 && { [ANNOTATION.secretMetadata]: given.sort().join(',') }),
  };
}

/** Without a former credential of the same name: there can be only one controller. */
const ownersOfOthers = (intent: Intent, owners: readonly OwnerReference[]) =>
  owners.filter(
    ({ uid, kind, apiVersion, name }) =>
      uid !== intent.uid && !(kind === KIND && apiVersion.startsWith(`${GROUP}/`) && name === intent.name),
  );

function wantedOwners(intent: Intent, owners: readonly OwnerReference[]): OwnerReference[] {
  const others = ownersOfOthers(intent, owners);
  // Without blockOwnerDeletion, which would need rights on the finalizers of the owner where OwnerReferencesPermissionEnforcement is on.
  const owner = { apiVersion: API_VERSION, kind: KIND, name: intent.name, uid: intent.uid, controller: true };
  return intent.spec.deletionPolicy === 'Retain' ? others : [...others, owner];
}

function creation(intent: Intent, content: Content, namespace: string): SecretAction {
  const body = {
    apiVersion: 'v1',
    kind: 'Secret',
    type: SECRET_TYPE.dockerConfigJson,
    metadata: {
      name: intent.secretName,
      namespace,
      labels: wantedLabels(intent),
      annotations: wantedAnnotations(intent),
      ownerReferences: wantedOwners(intent, []),
    },
    data: { [DOCKER_CONFIG_JSON_KEY]: content.data },
  };
  return { kind: 'create-secret', namespace, name: intent.secretName, body };
}

function isAsWanted(intent: Intent, content: Content, secret: SecretRecord): boolean {
  const owned = secret.owners.find(({ uid }) => uid === intent.uid);
  return (
    secret.contentHash === content.hash &&
    secret.strayKeys.length === 0 &&
    contains(secret.labels, wantedLabels(intent)) &&
    contains(secret.annotations, wantedAnnotations(intent)) &&
    formerMetadata(intent, secret).length === 0 &&
    wantedOwners(intent, secret.owners).length === secret.owners.length &&
    (intent.spec.deletionPolicy === 'Retain' || owned?.controller === true)
  );
}

/** Labels and annotations that other people put there stay: only what we want, and what we wanted before, is ours to change. */
const contains = (there: Labels, wanted: Labels) => Object.entries(wanted).every(([key, value]) => there[key] === value);

/** What a former spec.secretMetadata put there and the present one does not: `labels:team`, `annotations:note`. */
function formerMetadata(intent: Intent, secret: SecretRecord): { field: 'labels' | 'annotations'; key: string }[] {
  const wanted = wantedAnnotations(intent)[ANNOTATION.secretMetadata]?.split(',') ?? [];
  const former = (secret.annotations[ANNOTATION.secretMetadata] ?? '')
    .split(',')
    .filter((given) => given !== '' && !wanted.includes(given));
  return former.flatMap((given) => {
    const colon = given.indexOf(':');
    const field = given.slice(0, colon);
    const key = given.slice(colon + 1);
    return (field === 'labels' || field === 'annotations') && Object.hasOwn(secret[field], key) ? [{ field, key }] : [];
  });
}

/** A merge patch that names every field of ours. It holds only for the very version that was looked at: the API server refuses it else. */
function updateOf(intent: Intent, content: Content, secret: SecretRecord): SecretAction {
  const labels: Record<string, string | null> = {};
  const annotations: Record<string, string | null> = { [ANNOTATION.secretMetadata]: null };
  for (const { field, key } of formerMetadata(intent, secret)) (field === 'labels' ? labels : annotations)[key] = null;
  const patch = {
    metadata: {
      uid: secret.uid,
      resourceVersion: secret.resourceVersion,
      labels: { ...labels, ...wantedLabels(intent) },
      annotations: { ...annotations, ...wantedAnnotations(intent) },
      ownerReferences: wantedOwners(intent, secret.owners),
    },
    data: { ...Object.fromEntries(secret.strayKeys.map((key) => [key, null])), [DOCKER_CONFIG_JSON_KEY]: content.data },
  };
  return { kind: 'update-secret', namespace: secret.namespace, name: secret.name, patch };
}

/** Without us as its owner it outlives us; the garbage collector would take it along. */
function release(intent: Intent, { namespace, name, uid, resourceVersion, owners }: SecretRecord): SecretAction {
  const patch = { metadata: { uid, resourceVersion, ownerReferences: ownersOfOthers(intent, owners) } };
  return { kind: 'update-secret', namespace, name, patch };
}

const deletion = ({ namespace, name, uid, resourceVersion }: SecretRecord): SecretAction => ({
  kind: 'delete-secret',
  namespace,
  name,
  uid,
  resourceVersion,
});
