import { ANNOTATION, FINALIZER, GROUP, KIND, LABEL, MANAGER } from '../api/names.ts';
import type { AccountRecord, CredentialRecord, NamespaceRecord, SecretRecord } from '../api/records.ts';
import { type AccountAction, type NamesThere, planAccounts } from './accounts.ts';
import { type Intent, intentOf, secretNameOf } from './intent.ts';
import { planSecret, type SecretAction } from './secret.ts';

/** Which RegistryCredentials are to go. */
export type Choice = 'all' | readonly string[];

/** What is in the cluster. */
export interface Found {
  readonly credentials: readonly CredentialRecord[];
  readonly namespaces: readonly NamespaceRecord[];
  readonly accounts: readonly AccountRecord[];
  /** Those with our label, and others under a name that the chosen use. */
  readonly secrets: readonly SecretRecord[];
}

export type Step =
  | { readonly kind: 'delete-credential'; readonly name: string; readonly uid: string }
  | { readonly kind: 'remove-finalizer'; readonly name: string; readonly uid: string; readonly patch: object }
  /** `credential`: the uid of the one that it was made for. */
  | (Exclude<SecretAction, { readonly kind: 'create-secret' }> & { readonly credential: string })
  /** `taken`: the names that go out of imagePullSecrets. */
  | (AccountAction & { readonly taken: readonly string[] });

export interface Cleanup {
  /** Deletes what a finalizer of ours will keep: an operator that comes back in the middle goes on with it, and places nothing anew. */
  readonly begin: readonly Step[];
  readonly takeBack: readonly Step[];
  /** Lets those go of which nothing is left. */
  readonly end: readonly Step[];
}

export const isChosen = (choice: Choice, name: string) => choice === 'all' || choice.includes(name);

/**
 * Everything that an operator would take back if the chosen were deleted, by its own decisions; and what those have left behind that are no more, where no
 * operator was there to see it.
 *
 * @param chosen those that are to go, as they were last seen: what was made for one is known by its uid and name when the object has gone.
 */
export function planCleanup(found: Found, choice: Choice, chosen: readonly CredentialRecord[]): Cleanup {
  const takeBack = [...accountSteps(found, choice, chosen), ...secretSteps(found, choice, chosen)];
  const uids = new Set(chosen.map(({ uid }) => uid));
  const there = found.credentials.filter(({ uid }) => uids.has(uid));
  const kept = there.filter(({ finalizers }) => finalizers.includes(FINALIZER));
  const free = there.filter(({ deleting, finalizers }) => !deleting && !finalizers.includes(FINALIZER));
  return {
    begin: kept.filter(({ deleting }) => !deleting).map(deletion),
    takeBack,
    end: [...kept.map(release), ...free.map(deletion)],
  };
}

/** Whether nothing of this credential is among the steps. */
export function isTakenBack(credential: CredentialRecord, steps: readonly Step[]): boolean {
  return !steps.some((step) => {
    if (step.kind === 'patch-account') return step.taken.includes(secretNameOf(credential));
    return 'credential' in step && step.credential === credential.uid;
  });
}

function secretSteps({ secrets, namespaces, credentials }: Found, choice: Choice, chosen: readonly CredentialRecord[]): Step[] {
  const namespaceOf = new Map(namespaces.map((namespace) => [namespace.name, namespace]));
  const steps = (intent: Intent, namespace: string, named: SecretRecord | undefined, labelled: readonly SecretRecord[]) =>
    planSecret(intent, namespaceOf.get(namespace), { named, labelled, rival: undefined, isSource: false }).actions.flatMap((action) =>
      action.kind === 'create-secret' ? [] : [{ ...action, credential: intent.uid }],
    );
  const ofChosen = chosen.map(ending).flatMap((intent) =>
    Array.from(byNamespace(secrets.filter((secret) => secret.name === intent.secretName || uidOf(secret) === intent.uid))).flatMap(
      ([namespace, there]) => {
        const named = there.find(({ name }) => name === intent.secretName);
        const labelled = there.filter((secret) => uidOf(secret) === intent.uid);
        return steps(intent, namespace, named, labelled);
      },
    ),
  );
  const known = new Set([...credentials, ...chosen].map(({ uid }) => uid));
  const leftOver = secrets.filter((secret) => !known.has(uidOf(secret) ?? '') && isLeftOver(secret, choice));
  return [...ofChosen, ...leftOver.flatMap((secret) => steps(endingOf(secret), secret.namespace, secret, [secret]))];
}

function accountSteps({ accounts, namespaces, secrets, credentials }: Found, choice: Choice, chosen: readonly CredentialRecord[]): Step[] {
  const intents = chosen.map(ending);
  const byUid = new Map(intents.map((intent) => [intent.uid, intent]));
  // With no content and nothing placed they want nothing, but keep what is theirs.
  const others = credentials.filter(({ uid }) => !byUid.has(uid));
  const known = new Set([...credentials.map(({ uid }) => uid), ...byUid.keys()]);
  // Of one that is gone it is not known which name it used: it is its own by default.
  const gone = choice === 'all' ? [] : choice.filter((name) => !credentials.some((credential) => credential.name === name));
  const concerned = new Set([...intents.map(({ secretName }) => secretName), ...gone]);
  const secretsIn = byNamespace(secrets);
  const accountsIn = byNamespace(accounts);

  const namesIn = (namespace: string): NamesThere => ({
    isPlaced: () => false,
    belongsTo: (name) => {
      const secret = secretsIn.get(namespace)?.find((secret) => secret.name === name && uidOf(secret) !== undefined);
      const uid = secret && uidOf(secret);
      if (secret === undefined || uid === undefined) return choice === 'all' || concerned.has(name) ? 'nobody' : 'undecided';
      if (known.has(uid)) return byUid.get(uid) ?? 'undecided';
      return isLeftOver(secret, choice) ? 'nobody' : 'gone';
    },
  });
  return namespaces.flatMap((namespace) =>
    planAccounts(
      [...intents, ...others.map((credential) => intentOf(credential, undefined))],
      namespace,
      accountsIn.get(namespace.name) ?? [],
      namesIn(namespace.name),
    ).flatMap(({ account, action }) =>
      action ? [{ ...action, taken: account.recorded.filter((name) => !action.names.includes(name)) }] : [],
    ),
  );
}

/** As if it had been deleted already. */
const ending = (credential: CredentialRecord): Intent => intentOf({ ...credential, deleting: true }, undefined);

/** Of one that is no more: what its Secret tells of it. */
const endingOf = (secret: SecretRecord): Intent => ({
  name: secret.annotations[ANNOTATION.credential] ?? '',
  uid: uidOf(secret) ?? '',
  spec: {
    namespaces: {},
    serviceAccounts: { names: [] },
    podInjection: 'None',
    conflictPolicy: 'Fail',
    deletionPolicy: 'Delete',
    podRecovery: 'None',
    suspend: false,
  },
  secretName: secret.name,
  mode: 'remove',
  content: undefined,
  version: '',
});

/** The uid of the credential that a Secret of ours was made for. */
const uidOf = ({ labels }: SecretRecord): string | undefined =>
  labels[LABEL.managedBy] === MANAGER ? labels[LABEL.credentialUid] : undefined;

/**
 * Whether a Secret whose credential is no more was to go with it: it has it as its owner still. Without that it was kept (Retain). The garbage collector
 * deletes such a Secret, too, but not where the kind of the owner is not served any more.
 */
const isLeftOver = (secret: SecretRecord, choice: Choice) =>
  isChosen(choice, secret.annotations[ANNOTATION.credential] ?? '') &&
  secret.owners.some(({ kind, apiVersion, uid }) => kind === KIND && apiVersion.startsWith(`${GROUP}/`) && uid === uidOf(secret));

const deletion = ({ name, uid }: CredentialRecord): Step => ({ kind: 'delete-credential', name, uid });

function release({ name, uid, resourceVersion, finalizers }: CredentialRecord): Step {
  const others = finalizers.filter((finalizer) => finalizer !== FINALIZER);
  return { kind: 'remove-finalizer', name, uid, patch: { metadata: { uid, resourceVersion, finalizers: others } } };
}

function byNamespace<R extends { readonly namespace: string }>(records: readonly R[]): ReadonlyMap<string, R[]> {
  return Map.groupBy(records, ({ namespace }) => namespace);
}
