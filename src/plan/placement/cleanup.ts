import { type CredentialRef, isHome, isNamespaced, parseQualifiedName, refOf } from '../../api/credential-ref.ts';
import { credentialUidOf } from '../../api/managed-secret.ts';
import { ANNOTATION, FINALIZER } from '../../api/names.ts';
import type { AccountRecord, CredentialRecord, NamespaceRecord, ObjectRecord, SecretRecord } from '../../api/records.ts';
import { type AccountAction, type NameOwners, planAccounts } from './accounts.ts';
import { type Intent, intentOf, secretNameOf } from './intent.ts';
import { type ObservedRules, type RulesStep, rulesCleanup } from './rules-cleanup.ts';
import { planSecret, type SecretAction } from './secret.ts';
import { isCredential } from './secret-ownership.ts';

/** Which credentials to clean up: all, or these names of one namespace; '' for cluster-scoped ones. */
export type CleanupChoice = 'all' | { readonly namespace: string; readonly names: readonly string[] };

/** Everything in the cluster that a cleanup decides on. */
export interface CleanupObserved {
  readonly credentials: readonly CredentialRecord[];
  readonly namespaces: readonly NamespaceRecord[];
  readonly accounts: readonly AccountRecord[];
  /** The managed Secrets, and the unmanaged ones under a name that a chosen credential uses. */
  readonly secrets: readonly SecretRecord[];
  /** The Secrets in which operators keep the state of credentials, in any namespace. */
  readonly states: readonly StateSecret[];
  /** The Secrets in which operators keep tokens of clouds, in any namespace. */
  readonly tokens: readonly ObjectRecord[];
  /** What the policy for new pods reads; undefined if there is none, or if an operator runs, which writes it itself. */
  readonly rules: ObservedRules | undefined;
}

/** The Secret with the state of one credential. `credential` is its uid. */
export interface StateSecret extends ObjectRecord {
  readonly credential: string;
  /** `namespace/name` of a namespaced credential. The garbage collector does not delete the state of these. */
  readonly ofNamespaced?: string;
}

export type CleanupStep =
  | { readonly kind: 'delete-credential'; readonly ref: CredentialRef; readonly uid: string }
  | { readonly kind: 'remove-finalizer'; readonly ref: CredentialRef; readonly uid: string; readonly patch: object }
  /** `credential`: the uid of the credential that the Secret was created for. */
  | (Exclude<SecretAction, { readonly kind: 'create-secret' }> & { readonly credential: string })
  /** `removed`: the names that the patch removes from imagePullSecrets. */
  | (AccountAction & { readonly removed: readonly string[] })
  | RulesStep;

export interface CleanupPlan {
  /**
   * Deletes each credential that has the operator's finalizer. An operator that starts during the cleanup then continues it. Also deletes
   * namespaced credentials without a finalizer: otherwise a running operator would repair what the cleanup removes.
   */
  readonly deletions: readonly CleanupStep[];
  readonly removals: readonly CleanupStep[];
  /** Removes the finalizers of credentials that have nothing left, and deletes credentials without a finalizer. */
  readonly finish: readonly CleanupStep[];
}

/** Whether the choice includes the credential. */
export const isChosen = (choice: CleanupChoice, { namespace, name }: Pick<CredentialRef, 'namespace' | 'name'>): boolean =>
  choice === 'all' || (choice.namespace === namespace && choice.names.includes(name));

/**
 * Plans the removal of everything that an operator would remove if the chosen credentials were deleted, by the operator's own decisions.
 * Also plans the removal of what already deleted credentials left behind because no operator was running.
 *
 * @param chosen the chosen credentials as last seen. Their uid and name identify their objects, even after they are deleted.
 */
export function planCleanup(observed: CleanupObserved, choice: CleanupChoice, chosen: readonly CredentialRecord[]): CleanupPlan {
  const uids = new Set(chosen.map(({ uid }) => uid));
  const removals = [
    ...accountRemovals(observed, choice, chosen),
    ...secretRemovals(observed, choice, chosen),
    ...stateRemovals(observed, choice, chosen),
    ...tokenRemovals(observed, chosen),
    ...rulesCleanup(
      observed.rules,
      observed.credentials.filter(({ uid }) => !uids.has(uid)),
    ),
  ];
  const remaining = observed.credentials.filter(({ uid }) => uids.has(uid));
  const withFinalizer = remaining.filter(({ finalizers }) => finalizers.includes(FINALIZER));
  const [early, late] = [true, false].map((isEarly) =>
    remaining.filter((one) => !one.terminating && !one.finalizers.includes(FINALIZER) && isNamespaced(one) === isEarly),
  ) as [CredentialRecord[], CredentialRecord[]];
  return {
    deletions: [...withFinalizer.filter(({ terminating }) => !terminating), ...early].map(deletionOf),
    removals,
    finish: [...withFinalizer.map(finalizerRemoval), ...late.map(deletionOf)],
  };
}

/** Whether none of the steps concerns this credential. */
export function isCleanedUp(credential: CredentialRecord, steps: readonly CleanupStep[]): boolean {
  return !steps.some((step) => {
    if (step.kind === 'patch-account') return step.removed.includes(secretNameOf(credential));
    return 'credential' in step && step.credential === credential.uid;
  });
}

function secretRemovals(
  { secrets, namespaces, credentials }: CleanupObserved,
  choice: CleanupChoice,
  chosen: readonly CredentialRecord[],
): CleanupStep[] {
  const namespaceOf = new Map(namespaces.map((namespace) => [namespace.name, namespace]));
  const stepsFor = (intent: Intent, namespace: string, named: SecretRecord | undefined, withUid: readonly SecretRecord[]) => {
    const plan = planSecret(intent, namespaceOf.get(namespace), { named, withUid, otherCredential: undefined, isSource: false });
    return 'actions' in plan
      ? plan.actions.flatMap((action) => (action.kind === 'create-secret' ? [] : [{ ...action, credential: intent.uid }]))
      : [];
  };
  const ofChosen = chosen.map(deletedIntentOf).flatMap((intent) => {
    const own = secrets.filter((secret) => secret.name === intent.secretName || credentialUidOf(secret) === intent.uid);
    return Array.from(byNamespace(own)).flatMap(([namespace, existing]) => {
      const named = existing.find(({ name }) => name === intent.secretName);
      const withUid = existing.filter((secret) => credentialUidOf(secret) === intent.uid);
      return stepsFor(intent, namespace, named, withUid);
    });
  });
  const knownUids = new Set([...credentials, ...chosen].map(({ uid }) => uid));
  const leftOver = secrets.filter((secret) => !knownUids.has(credentialUidOf(secret) ?? '') && isLeftOver(secret, choice));
  return [...ofChosen, ...leftOver.flatMap((secret) => stepsFor(intentOfLeftOver(secret), secret.namespace, secret, [secret]))];
}

/**
 * Deletes the state of the chosen credentials, and with `all` the state that is left of others. The garbage collector does it for a
 * credential that an operator has cleaned up, but for none if the kind of the owner is no longer served.
 */
function stateRemovals(
  { states, credentials }: CleanupObserved,
  choice: CleanupChoice,
  chosen: readonly CredentialRecord[],
): CleanupStep[] {
  const remaining = new Set(credentials.map(({ uid }) => uid));
  const wasChosen = new Set(chosen.map(({ uid }) => uid));
  const isDeleted = (uid: string) => (wasChosen.has(uid) ? remaining.has(uid) : choice === 'all' && !remaining.has(uid));
  return states
    .filter(({ credential }) => isDeleted(credential))
    .map(({ namespace, name, uid, resourceVersion, credential }) => ({
      kind: 'delete-secret',
      namespace,
      name,
      uid,
      resourceVersion,
      credential,
    }));
}

/** Deletes the tokens of clouds once no credential is left that fetches any: which credential uses which token is not written down. */
function tokenRemovals({ tokens, credentials }: CleanupObserved, chosen: readonly CredentialRecord[]): CleanupStep[] {
  const wasChosen = new Set(chosen.map(({ uid }) => uid));
  const isInUse = credentials.some(({ uid, spec }) => !wasChosen.has(uid) && (spec.registries ?? []).some(({ token }) => token));
  return isInUse
    ? []
    : tokens.map(({ namespace, name, uid, resourceVersion }) => ({
        kind: 'delete-secret',
        namespace,
        name,
        uid,
        resourceVersion,
        credential: '',
      }));
}

function accountRemovals(
  { accounts, namespaces, secrets, credentials }: CleanupObserved,
  choice: CleanupChoice,
  chosen: readonly CredentialRecord[],
): CleanupStep[] {
  const intents = chosen.map(deletedIntentOf);
  const byUid = new Map(intents.map((intent) => [intent.uid, intent]));
  // Without content and placed Secrets, the other credentials desire no reference, but their existing references stay.
  const others = credentials.filter(({ uid }) => !byUid.has(uid)).map((credential) => intentOf(credential, undefined));
  const knownUids = new Set([...credentials.map(({ uid }) => uid), ...byUid.keys()]);
  // The Secret name of a deleted credential is not known. By default it is the credential's own name.
  const deletedNames =
    choice === 'all'
      ? []
      : choice.names.filter((name) => !credentials.some((one) => one.namespace === choice.namespace && one.name === name));
  const concerned = new Set([...intents.map(({ secretName }) => secretName), ...deletedNames]);
  const secretsIn = byNamespace(secrets);
  const accountsIn = byNamespace(accounts);

  const ownersIn = (namespace: string): NameOwners => ({
    isPlaced: () => false,
    ownerOf(name) {
      const secret = secretsIn.get(namespace)?.find((secret) => secret.name === name && credentialUidOf(secret) !== undefined);
      const uid = secret && credentialUidOf(secret);
      if (secret === undefined || uid === undefined) return choice === 'all' || concerned.has(name) ? 'nobody' : 'unknown';
      if (knownUids.has(uid)) return byUid.get(uid) ?? 'unknown';
      return isLeftOver(secret, choice) ? 'nobody' : 'retained';
    },
  });
  return namespaces.flatMap((namespace) =>
    planAccounts([...intents, ...others], namespace, accountsIn.get(namespace.name) ?? [], ownersIn(namespace.name)).flatMap(
      ({ account, action }) => (action ? [{ ...action, removed: account.recorded.filter((name) => !action.names.includes(name)) }] : []),
    ),
  );
}

/** The intent that the credential has once it is deleted. */
const deletedIntentOf = (credential: CredentialRecord): Intent => intentOf({ ...credential, terminating: true }, undefined);

/** The intent of a credential that no longer exists, reconstructed from its Secret. */
const intentOfLeftOver = (secret: SecretRecord): Intent => ({
  ...parseQualifiedName(secret.annotations[ANNOTATION.credential] ?? ''),
  createdAt: 0,
  uid: credentialUidOf(secret) ?? '',
  spec: {
    namespaces: {},
    serviceAccounts: { names: [] },
    podInjection: 'None',
    conflictPolicy: 'Fail',
    deletionPolicy: 'Delete',
    podRecovery: 'None',
    suspend: false,
    verification: { mode: 'None', interval: '6h' },
  },
  secretName: secret.name,
  mode: 'cleanup',
  content: undefined,
  desiredState: '',
});

/**
 * True if the credential no longer exists and the Secret still names it as owner. A Secret without that owner was retained on purpose. The
 * garbage collector deletes such a Secret too, but not if the owner's kind is no longer served.
 */
const isLeftOver = (secret: SecretRecord, choice: CleanupChoice) =>
  isChosen(choice, parseQualifiedName(secret.annotations[ANNOTATION.credential] ?? '')) &&
  (isAwayFromHome(secret) || secret.owners.some((owner) => isCredential(owner) && owner.uid === credentialUidOf(secret)));

/** A namespaced credential owns no Secret in another namespace, retained or not. Whether it was retained is not known, so it goes. */
function isAwayFromHome(secret: SecretRecord): boolean {
  const ref = parseQualifiedName(secret.annotations[ANNOTATION.credential] ?? '');
  return isNamespaced(ref) && !isHome(ref, secret.namespace);
}

const deletionOf = (credential: CredentialRecord): CleanupStep => ({
  kind: 'delete-credential',
  ref: refOf(credential),
  uid: credential.uid,
});

function finalizerRemoval(credential: CredentialRecord): CleanupStep {
  const { uid, resourceVersion, finalizers } = credential;
  const others = finalizers.filter((finalizer) => finalizer !== FINALIZER);
  return { kind: 'remove-finalizer', ref: refOf(credential), uid, patch: { metadata: { uid, resourceVersion, finalizers: others } } };
}

function byNamespace<R extends { readonly namespace: string }>(records: readonly R[]): ReadonlyMap<string, R[]> {
  return Map.groupBy(records, ({ namespace }) => namespace);
}
