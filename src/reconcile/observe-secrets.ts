import { type CredentialRef, refOf } from '../api/credential-ref.ts';
import { LABEL, SECRET_TYPE } from '../api/names.ts';
import type { CredentialRecord, NamespaceRecord, SecretRecord } from '../api/records.ts';
import type { ObservedCluster } from '../cluster/observed-cluster.ts';
import { hasSource } from '../plan/content/candidates.ts';
import { type Intent, isFinalized, secretNameOf } from '../plan/placement/intent.ts';
import { isSwap } from '../plan/placement/name-swap.ts';
import { type Claimant, outranks } from '../plan/placement/precedence.ts';
import type { ObservedSecrets } from '../plan/placement/secret.ts';
import { selectsNamespace } from '../plan/targets/targets.ts';
import type { CredentialStates } from '../status/credential-state.ts';

export interface SecretObserver {
  readonly observed: Pick<ObservedCluster, 'credentials' | 'namespaces' | 'secrets'>;
  readonly states: CredentialStates;
}

export interface SecretsAndRivals extends ObservedSecrets {
  /** Another credential may go first, and the operator has not read its sources yet. */
  readonly isUndecided: boolean;
  /** The credential that takes over the Secret if this one leaves. */
  readonly heir: CredentialRef | undefined;
}

/**
 * What is observed of the Secrets of one credential in one namespace, and of the other credentials that want the same Secret.
 *
 * @param withUid the credential's Secrets of other names, if the caller knows them: to look for them takes time with many credentials
 */
export function observeSecrets(
  observer: SecretObserver,
  intent: Intent,
  namespace: string,
  withUid: readonly SecretRecord[] = [...observer.observed.secrets.ofCredentialIn(namespace, intent.uid)],
): SecretsAndRivals {
  const { credentials, secrets } = observer.observed;
  const named = secrets.at(namespace, intent.secretName);
  const holder = holderOf(credentials, named);
  const other = holder && holder.uid !== intent.uid ? holder : undefined;
  const namespaceRecord = observer.observed.namespaces.get('', namespace);
  const rivals = namespaceRecord ? rivalsOf(observer, intent, namespaceRecord, named) : [];
  const wanting = rivals.flatMap(({ credential, claim }) => (claim === 'wants' ? [credential] : []));
  const first = firstOf(wanting, namespace, holder?.uid);
  const heir = heirAmong(rivals, namespace, holder?.uid);
  return {
    named,
    withUid,
    otherCredential: other,
    outrankedBy: first && outranks(first, intent, namespace, holder?.uid) ? first : undefined,
    isSource: isSource(observer, intent, namespace, named),
    takesOverFrom: other && namespaceRecord && mayTakeOver(observer, intent, namespaceRecord, other) ? other.uid : undefined,
    isUndecided: rivals.some(({ claim, credential }) => claim === 'undecided' && outranks(credential, intent, namespace, holder?.uid)),
    hasHeir: heir !== undefined,
    heir: heir && refOf(heir),
  };
}

/** Whether another credential goes first with the Secret name in this namespace. */
export function isOutranked(observer: SecretObserver, intent: Intent, namespace: NamespaceRecord): boolean {
  const named = observer.observed.secrets.at(namespace.name, intent.secretName);
  const holder = named?.labels[LABEL.credentialUid];
  return rivalsOf(observer, intent, namespace, named).some(
    ({ claim, credential }) => claim !== 'none' && outranks(credential, intent, namespace.name, holder),
  );
}

/**
 * Another credential with the same Secret name, and whether it wants the Secret here:
 * - wants: it selects the namespace, and it has content for the Secret or has the Secret
 * - undecided: it may select the namespace, and its content is not known yet
 * - none: it leaves, or it has no content
 */
interface Rival {
  readonly credential: CredentialRecord;
  readonly intent: Intent | undefined;
  readonly claim: 'wants' | 'undecided' | 'none';
}

function rivalsOf({ observed, states }: SecretObserver, own: Intent, namespace: NamespaceRecord, named: SecretRecord | undefined): Rival[] {
  const rivals: Rival[] = [];
  for (const credential of observed.credentials.reachingWithName(namespace, own.secretName)) {
    if (credential.uid === own.uid || isFinalized(credential)) continue;
    const decided = states.intentOf(credential);
    const intent = decided?.uid === credential.uid ? decided : undefined;
    const holds = named?.labels[LABEL.credentialUid] === credential.uid;
    rivals.push({
      credential,
      intent,
      claim: intent ? claimOf(intent, namespace, holds) : claimBefore({ observed, states }, credential, namespace),
    });
  }
  return rivals;
}

function claimOf(intent: Intent, namespace: NamespaceRecord, holds: boolean): Rival['claim'] {
  if (intent.mode === 'suspend') return holds ? 'wants' : 'none';
  const isPlaced = intent.mode === 'sync' && selectsNamespace(intent, namespace) && (intent.content !== undefined || holds);
  return isPlaced ? 'wants' : 'none';
}

/** The claim of a credential that no run has decided on yet. One that is blocked may stay so for long. */
function claimBefore({ observed, states }: SecretObserver, credential: CredentialRecord, namespace: NamespaceRecord): Rival['claim'] {
  const state = states.stateOf(credential);
  if (credential.terminating || credential.spec.suspend || state?.blocked || state?.notServed) return 'none';
  return selectsNamespace({ ...credential, tenant: observed.credentials.tenantOf(credential.namespace) }, namespace) ? 'undecided' : 'none';
}

/** The one that goes first. */
const firstOf = <C extends Claimant>(claimants: readonly C[], namespace: string, holder: string | undefined): C | undefined =>
  claimants.reduce<C | undefined>((first, one) => (first && outranks(first, one, namespace, holder) ? first : one), undefined);

function heirAmong(rivals: readonly Rival[], namespace: string, holder: string | undefined): Intent | undefined {
  const able = rivals.flatMap(({ intent, claim }) => (claim === 'wants' && intent?.mode === 'sync' && intent.content ? [intent] : []));
  return firstOf(able, namespace, holder);
}

/** Whether the credential may take over the Secret of another one: the two swap, the other comes second, or the other leaves. */
function mayTakeOver(observer: SecretObserver, intent: Intent, namespace: NamespaceRecord, other: CredentialRecord): boolean {
  if (secretNameOf(other) !== intent.secretName) return swaps(observer, intent, namespace);
  const theirs = observer.states.intentOf(other);
  const isLeaving = theirs?.mode === 'cleanup' || (theirs?.mode === 'sync' && !selectsNamespace(theirs, namespace));
  return isLeaving || outranks(intent, other, namespace.name, other.uid);
}

/** The live credential that the Secret carries the uid of. If another user removes the label managed-by, the Secret is still the credential's. */
function holderOf(credentials: SecretObserver['observed']['credentials'], secret: SecretRecord | undefined): CredentialRecord | undefined {
  const uid = secret?.labels[LABEL.credentialUid];
  const credential = uid === undefined ? undefined : credentials.byUid(uid);
  return credential && !isFinalized(credential) ? credential : undefined;
}

function isSource({ observed, states }: SecretObserver, intent: Intent, namespace: string, named: SecretRecord | undefined): boolean {
  if (hasSource(intent.spec, namespace, intent.secretName)) return true;
  // If this credential already has its copy here, re-create a deleted copy even if another credential uses it as a source.
  if (named === undefined && states.stateOf(intent)?.secrets.get(namespace)?.synced === 1) return false;
  for (const _ of observed.credentials.readersOf({ namespace, name: intent.secretName })) return true;
  return false;
}

function swaps({ observed, states }: SecretObserver, intent: Intent, namespace: NamespaceRecord): boolean {
  const { credentials, secrets } = observed;
  return isSwap(intent, namespace, (secretName) => {
    const secret = secrets.at(namespace.name, secretName);
    const holder = holderOf(credentials, secret);
    const isWritable = secret?.type === SECRET_TYPE.dockerConfigJson && !secret.immutable;
    return isWritable && holder ? states.intentOf(holder) : undefined;
  });
}
