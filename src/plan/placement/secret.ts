import { carriesUid } from '../../api/managed-secret.ts';
import { DOCKER_CONFIG_JSON_KEY, SECRET_TYPE } from '../../api/names.ts';
import type { Problem } from '../../api/reasons.ts';
import type { NamespaceRecord, SecretRecord } from '../../api/records.ts';
import type { Content } from '../content/content.ts';
import { selectsNamespace } from '../targets/targets.ts';
import type { Intent } from './intent.ts';
import { conflictAtFreeName, conflictWith, type OtherClaims } from './secret-conflict.ts';
import { firstDifferingField } from './secret-deviation.ts';
import { desiredAnnotations, desiredLabels, metadataPatch } from './secret-metadata.ts';
import { belongsTo, desiredOwners, isOwnedBy, ownersOfOthers } from './secret-ownership.ts';

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

/** The observed Secrets of one namespace that matter for one credential. */
export interface ObservedSecrets extends OtherClaims {
  /** The Secret under the desired name, with any owner. */
  readonly named: SecretRecord | undefined;
  /** All Secrets in the namespace that carry the credential's uid (`carriesUid`), under any name. */
  readonly withUid: readonly SecretRecord[];
  /** Another credential that can take over this one's Secret, now that this one leaves. */
  readonly hasHeir?: boolean;
}

/**
 * What to do about the Secrets of one credential in one namespace:
 * - absent: no Secret is desired, and the credential has none
 * - synced: the Secret is as desired, or stays unchanged while a source is invalid
 * - waitingForSources: a Secret is desired, but there is none and no valid content yet
 * - conflict: the operator must not write the Secret under the desired name
 * - place: actions that create or update the Secret, in this order
 * - handOver: another credential takes over the Secret in place, so this one does not delete it
 * - remove: actions that delete the Secret, or remove its owner reference
 */
export type SecretPlan =
  | { readonly kind: 'absent' | 'synced' | 'waitingForSources' | 'handOver' }
  | { readonly kind: 'conflict'; readonly problem: Problem }
  | { readonly kind: 'place' | 'remove'; readonly actions: readonly SecretAction[] };

/**
 * Plans the Secrets of one credential in one namespace.
 *
 * @param namespace undefined if it does not exist, or no longer
 */
export function planSecret(intent: Intent, namespace: NamespaceRecord | undefined, observed: ObservedSecrets): SecretPlan {
  // A Terminating namespace deletes its objects by itself, and refuses writes.
  if (namespace === undefined || namespace.terminating || intent.mode === 'suspend') return { kind: 'absent' };
  const own = ownSecrets(intent, observed);
  if (intent.mode === 'retain') return removal(own.filter((secret) => isOwnedBy(intent, secret)).map((secret) => disown(intent, secret)));
  if (intent.mode === 'cleanup' || !selectsNamespace(intent, namespace)) {
    return observed.hasHeir && own.some(({ name }) => name === intent.secretName) ? { kind: 'handOver' } : removal(own.map(deletion));
  }

  const named = withoutOwner(observed.named, observed.takesOverFrom);
  if (intent.content === undefined) {
    // A missing source never removes a placed Secret, not even one under a former name.
    return named && belongsTo(intent, named, observed.otherCredential) ? { kind: 'synced' } : { kind: 'waitingForSources' };
  }
  const formerlyNamed = own.filter(({ name }) => name !== intent.secretName).map(deletion);
  if (named === undefined) {
    const problem = conflictAtFreeName(intent, namespace.name, observed);
    if (problem !== undefined) return { kind: 'conflict', problem };
    return { kind: 'place', actions: [creation(intent, intent.content, namespace.name), ...formerlyNamed] };
  }
  const problem = conflictWith(intent, named, observed);
  // A Secret under a former name stays until its successor can take its place.
  if (problem !== undefined) return { kind: 'conflict', problem };
  const update = firstDifferingField(intent, intent.content, named) === undefined ? [] : [updateOf(intent, intent.content, named)];
  const actions = [...update, ...formerlyNamed];
  return actions.length > 0 ? { kind: 'place', actions } : { kind: 'synced' };
}

/** Ignores the owner reference of the credential whose Secret is taken over, because a Secret can have only one controller. */
const withoutOwner = (secret: SecretRecord | undefined, uid: string | undefined): SecretRecord | undefined =>
  secret && uid !== undefined ? { ...secret, owners: secret.owners.filter((owner) => owner.uid !== uid) } : secret;

const removal = (actions: readonly SecretAction[]): SecretPlan => (actions.length > 0 ? { kind: 'remove', actions } : { kind: 'absent' });

function ownSecrets(intent: Intent, { named, withUid }: ObservedSecrets): SecretRecord[] {
  const all = named && carriesUid(named, intent.uid) ? [named, ...withUid.filter(({ name }) => name !== named.name)] : withUid;
  return all.filter(({ terminating }) => !terminating);
}

function creation(intent: Intent, content: Content, namespace: string): SecretAction {
  const body = {
    apiVersion: 'v1',
    kind: 'Secret',
    type: SECRET_TYPE.dockerConfigJson,
    metadata: {
      name: intent.secretName,
      namespace,
      labels: desiredLabels(intent),
      annotations: desiredAnnotations(intent),
      ownerReferences: desiredOwners(intent, namespace, []),
    },
    data: { [DOCKER_CONFIG_JSON_KEY]: content.data },
  };
  return { kind: 'create-secret', namespace, name: intent.secretName, body };
}

/** A merge patch. The API server refuses it if the Secret has changed since it was observed. */
function updateOf(intent: Intent, content: Content, secret: SecretRecord): SecretAction {
  const patch = {
    metadata: {
      uid: secret.uid,
      resourceVersion: secret.resourceVersion,
      ...metadataPatch(intent, secret),
      ownerReferences: desiredOwners(intent, secret.namespace, secret.owners),
    },
    data: { ...Object.fromEntries(secret.strayKeys.map((key) => [key, null])), [DOCKER_CONFIG_JSON_KEY]: content.data },
  };
  return { kind: 'update-secret', namespace: secret.namespace, name: secret.name, patch };
}

/** Removes the owner reference, so that the garbage collector does not delete the Secret with its credential. */
function disown(intent: Intent, { namespace, name, uid, resourceVersion, owners }: SecretRecord): SecretAction {
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
