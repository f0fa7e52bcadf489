import { isNamespaced } from '../api/credential-ref.ts';
import { credentialUidOf } from '../api/managed-secret.ts';
import { LABEL } from '../api/names.ts';
import type { AccountRecord } from '../api/records.ts';
import type { ObservedCluster } from '../cluster/observed-cluster.ts';
import type { ClusterWriter } from '../cluster/writer.ts';
import type { Log } from '../log.ts';
import {
  type AccountAction,
  type AccountPlan,
  firstRejectedAccountField,
  type NameOwners,
  planAccounts,
} from '../plan/placement/accounts.ts';
import { contestedAccount } from '../plan/placement/contested.ts';
import { changesOf, type Intent, isFinalized, leavesReferencesUnchanged } from '../plan/placement/intent.ts';
import { belongsTo } from '../plan/placement/secret-ownership.ts';
import type { KeyOf } from '../queue/keys.ts';
import type { Requeue } from '../queue/queue.ts';
import type { CredentialStates } from '../status/credential-state.ts';
import { type PlacementFailure, type PlacementState, placement } from '../status/placement-counts.ts';
import type { RecordPlacement } from '../status/record-placement.ts';
import { logAccounts } from './accounts-log.ts';
import { areAllDecided } from './all-decided.ts';
import type { DriftMemory } from './drift-memory.ts';
import type { FailedWrites } from './failed-writes.ts';
import { inParallel } from './in-parallel.ts';
import { isOutranked } from './observe-secrets.ts';
import { attempt, failureOf, type RetryPolicy } from './retry.ts';

export interface AccountsReconciler {
  readonly observed: Pick<ObservedCluster, 'credentials' | 'namespaces' | 'accounts' | 'secrets'>;
  readonly states: CredentialStates;
  readonly writer: Pick<ClusterWriter, 'patchAccount'>;
  readonly recordPlacement: RecordPlacement;
  readonly drift: DriftMemory;
  readonly retries: RetryPolicy;
  /** By the account's uid. */
  readonly failedWrites: FailedWrites;
  /** Called with the uid of each ServiceAccount before its list is written, and again after. Returns what to call if the write fails. */
  readonly onAccountWrite: (uid: string) => () => void;
  /** Namespaces with recorded names whose owner was unknown. Their accounts are reconciled again once all credentials are known. */
  readonly namespacesWithUnknownOwner: Set<string>;
  readonly log: Log;
}

/** How many accounts of one namespace are patched at once. A namespace with hundreds of accounts must not take all connections. */
const MAX_PATCHES = 4;

interface AccountResult {
  readonly plan: AccountPlan;
  /** The latest known account. */
  readonly account: AccountRecord;
  readonly failure?: { readonly error: unknown; readonly isReported: boolean };
  /** Another writer keeps changing the account. `field`: the field that the API server did not store as the operator sent it. */
  readonly contested?: { readonly field: string | undefined };
  /** Reconcile the account again after this many milliseconds. */
  readonly afterMs?: number;
}

/** Brings the references in all ServiceAccounts of one namespace into their desired state, for all credentials in one run. */
export async function reconcileAccounts(reconciler: AccountsReconciler, key: KeyOf<'accounts'>): Promise<Requeue | undefined> {
  const { observed, states } = reconciler;
  const { namespace } = key;
  const accounts = [...observed.accounts.in(namespace)];
  // A recorded name that no credential uses may be the name of a retained Secret.
  observed.secrets.watchRecorded(key, [...new Set(accounts.flatMap(({ recorded }) => recorded))]);
  const namespaceRecord = observed.namespaces.get('', namespace);
  const homes = namespaceRecord ? observed.credentials.homesReaching(namespaceRecord) : ['', namespace];
  const intents = [...states.intentsConcerning(namespace, homes)];
  const { plans, fault } = planWithoutFaultyCredentials(intents, (some) =>
    planAccounts(some, namespaceRecord, accounts, nameOwners(reconciler, namespace)),
  );
  const wasSynced = syncedBefore(reconciler, namespace, plans);
  const namespaceVersion = namespaceRecord?.resourceVersion ?? '';
  const apply = (plan: AccountPlan) => applyAccountPlan(reconciler, { key, plan, wasSynced: wasSynced(plan), namespaceVersion });
  // Send one patch alone first. If a webhook delays the writes in this namespace, only one request waits for it.
  const firstPlan = plans.find(({ action }) => action);
  const firstResult = firstPlan && (await apply(firstPlan));
  const results = await inParallel(plans, MAX_PATCHES, async (plan) => (plan === firstPlan && firstResult ? firstResult : apply(plan)));
  logAccounts(reconciler.log, namespace, results);
  for (const intent of intents) {
    // Skip an intent that changed during this run: the new one is marked pending, and this key runs again.
    if (!leavesReferencesUnchanged(intent) && isStillCurrent(intent, states.intentOf(intent)))
      recordReferences(reconciler, intent, namespace, results);
  }
  if (fault !== undefined) throw fault;
  const waits = results.flatMap(({ afterMs }) => afterMs ?? []);
  return waits.length > 0 ? { afterMs: Math.min(...waits) } : undefined;
}

/** A fault of the program in the plan for one credential must not stop the others. The references of that credential stay as they are. */
function planWithoutFaultyCredentials(
  intents: readonly Intent[],
  plan: (intents: readonly Intent[]) => AccountPlan[],
): { readonly plans: AccountPlan[]; readonly fault?: unknown } {
  try {
    return { plans: plan(intents) };
  } catch (fault) {
    const canPlan = (intent: Intent) => {
      try {
        return plan([intent]).length >= 0;
      } catch {
        return false;
      }
    };
    return { plans: plan(intents.map((intent) => (canPlan(intent) ? intent : { ...intent, mode: 'suspend' as const }))), fault };
  }
}

interface AccountRun {
  readonly key: KeyOf<'accounts'>;
  readonly plan: AccountPlan;
  /** Whether the account had every desired reference after the previous run. */
  readonly wasSynced: boolean;
  /** The resourceVersion of the namespace. A refused patch is retried at once if it has changed: a policy may depend on its labels. */
  readonly namespaceVersion: string;
}

/** Patches one account, unless another writer has reverted the same patch too often, or the same patch has just failed. */
async function applyAccountPlan(
  reconciler: AccountsReconciler,
  { key, plan, wasSynced, namespaceVersion }: AccountRun,
): Promise<AccountResult> {
  const { drift, observed, retries, failedWrites } = reconciler;
  const { account, action, desiredBy } = plan;
  const { uid } = account;
  const desiredState = desiredBy
    .map(({ secretName }) => secretName)
    .sort()
    .join();
  if (!action) drift.dropRejection(uid);
  const delayMs = drift.repairDelayMs(uid, desiredState);
  if (delayMs > 0) return { plan, account, contested: { field: drift.rejectionOf(uid, desiredState)?.field }, afterMs: delayMs };
  drift.dropFinished(uid, desiredState);
  if (!action) {
    failedWrites.forget(uid);
    retries.succeeded(key, uid);
    return { plan, account, ...contestOf(reconciler, uid, desiredState) };
  }
  const basis = JSON.stringify([namespaceVersion, action.patch]);
  const failedWrite = failedWrites.waitOf(uid, basis);
  if (failedWrite) {
    const { outcome, isReported, afterMs } = failedWrite;
    return { plan, account, failure: { error: outcome.error, isReported }, afterMs };
  }

  let answer = account;
  const outcome = await attempt(async () => {
    answer = await patchAndNote(reconciler, uid, action);
    observed.accounts.applyOwnWrite(answer);
  });
  const { requeue, isReported } = retries.decide(key, outcome, uid);
  if ('failed' in outcome) {
    const afterMs = requeue?.afterMs ?? 0;
    failedWrites.add(uid, afterMs, { basis, outcome, isReported });
    return { plan, account, failure: { error: outcome.error, isReported }, afterMs };
  }
  failedWrites.forget(uid);
  return { plan, account: answer, ...judgeAnswer(reconciler, plan, { action, answer, desiredState, wasSynced }) };
}

/** Notes the write before the request and again before the store: the watch may deliver the change first, and either reconciles stuck pods. */
async function patchAndNote({ writer, onAccountWrite }: AccountsReconciler, uid: string, action: AccountAction): Promise<AccountRecord> {
  const undo = onAccountWrite(uid);
  try {
    const answer = await writer.patchAccount(action.namespace, action.name, action.patch);
    onAccountWrite(uid);
    return answer;
  } catch (error) {
    undo();
    throw error;
  }
}

interface AnsweredPatch extends Pick<AccountRun, 'wasSynced'> {
  readonly action: AccountAction;
  readonly answer: AccountRecord;
  readonly desiredState: string;
}

/** Compares the answer with the patch, and counts a repair if the patch restored what another writer removed. */
function judgeAnswer(
  reconciler: AccountsReconciler,
  { account, desiredBy }: AccountPlan,
  { action, answer, desiredState, wasSynced }: AnsweredPatch,
): Pick<AccountResult, 'contested' | 'afterMs'> {
  const { drift } = reconciler;
  const { uid } = account;
  const field = firstRejectedAccountField(account, action, answer);
  if (field !== undefined) {
    drift.recordRejection(uid, desiredState, { field, uid, names: action.names });
    return { contested: { field }, afterMs: drift.repairDelayMs(uid, desiredState) };
  }
  const wasRejected = drift.dropRejection(uid);
  // Count a repair only if the account had every reference before and has lost one. Adding a first reference or removing one does not count.
  const hasLost = desiredBy.some(({ secretName }) => !hasReference(account, secretName));
  if (wasRejected || !hasLost || !(drift.has(uid) || wasSynced)) return {};
  drift.recordRepair(uid, desiredState);
  return contestOf(reconciler, uid, desiredState);
}

const hasReference = ({ pullSecrets }: AccountRecord, secretName: string) => pullSecrets.some(({ name }) => name === secretName);

function contestOf({ drift }: AccountsReconciler, uid: string, desiredState: string): Pick<AccountResult, 'contested' | 'afterMs'> {
  const afterMs = drift.contestedForMs(uid, desiredState);
  return afterMs > 0 ? { contested: { field: undefined }, afterMs } : {};
}

/**
 * Whether an account had every desired reference before this run. False if a fan-out is pending, or if the number of accounts has changed
 * since: an account may be new.
 */
function syncedBefore({ states }: AccountsReconciler, namespace: string, plans: readonly AccountPlan[]): (plan: AccountPlan) => boolean {
  const desired = new Map<Intent, number>();
  for (const intent of plans.flatMap(({ desiredBy }) => desiredBy)) desired.set(intent, (desired.get(intent) ?? 0) + 1);
  const had = new Set<Intent>();
  for (const [intent, count] of desired) {
    const before = states.stateOf(intent)?.accounts.get(namespace);
    if (before && !before.isPending && before.synced === count && before.desired === count) had.add(intent);
  }
  return ({ desiredBy }) => desiredBy.length > 0 && desiredBy.every((intent) => had.has(intent));
}

/** Whether the intent has not changed since, apart from its content: a rotation leaves the references unchanged. */
const isStillCurrent = (intent: Intent, current: Intent | undefined) =>
  current === intent || (current?.uid === intent.uid && !changesOf(intent, current).mayChangeReferences);

function recordReferences(
  { states, recordPlacement }: AccountsReconciler,
  intent: Intent,
  namespace: string,
  results: readonly AccountResult[],
): void {
  const state = referencesState(intent, namespace, results);
  if (state === undefined && states.stateOf(intent)?.accounts.get(namespace) === undefined) return;
  recordPlacement(intent, 'accounts', namespace, state);
}

function referencesState(intent: Intent, namespace: string, results: readonly AccountResult[]): PlacementState | undefined {
  const failures: PlacementFailure[] = [];
  let desired = 0;
  let synced = 0;
  let pending = false;
  for (const result of results) {
    const { plan, failure, contested } = result;
    const isDesired = plan.desiredBy.includes(intent);
    // Report a failed removal for the credential whose reference is removed.
    if (!isDesired && !(plan.action && plan.recorded.includes(intent.secretName))) continue;
    const at = { namespace, kind: 'ServiceAccount' as const, name: plan.account.name };
    const removal = isDesired ? {} : { isRemoval: true as const };
    desired += isDesired ? 1 : 0;
    if (contested && isContestedFor(intent, isDesired, result))
      failures.push({ ...at, ...contestedAccount(contested.field), isConflict: false, needsPerson: !isDesired, ...removal });
    else if (failure?.isReported) failures.push({ ...failureOf(at, 'Patching imagePullSecrets', failure.error, undefined), ...removal });
    else if (failure) pending = true;
    else synced += isDesired ? 1 : 0;
  }
  const isNothing = desired === 0 && !pending && failures.length === 0;
  return isNothing ? undefined : placement.of(desired, synced, pending, failures);
}

/** If an admission policy replaces the list, report that only for credentials whose reference the policy removed or put back. */
const isContestedFor = ({ secretName }: Intent, isDesired: boolean, { account, contested }: AccountResult) =>
  contested?.field === 'imagePullSecrets' ? hasReference(account, secretName) !== isDesired : isDesired || contested?.field !== undefined;

function nameOwners({ observed, states, drift, namespacesWithUnknownOwner }: AccountsReconciler, namespace: string): NameOwners {
  const { credentials, secrets, namespaces } = observed;
  const namespaceRecord = namespaces.get('', namespace);
  const liveCredential = (uid: string) => {
    const credential = credentials.byUid(uid);
    return credential && !isFinalized(credential) ? credential : undefined;
  };
  return {
    unrecordedIn: ({ uid }) => drift.rejectedNamesOf(uid),
    isPlaced(intent) {
      const secret = secrets.at(namespace, intent.secretName);
      return secret !== undefined && belongsTo(intent, secret, undefined);
    },
    isOutranked: (intent) =>
      isNamespaced(intent) && namespaceRecord !== undefined && isOutranked({ observed, states }, intent, namespaceRecord),
    ownerOf(name) {
      if (!secrets.isKnown(namespace, name)) return 'unknown';
      const secret = secrets.at(namespace, name);
      // Accept the Secret without the label managed-by: an admission policy may have replaced that label.
      const labelledUid = secret?.labels[LABEL.credentialUid] ?? '';
      const uid = secret && (credentialUidOf(secret) ?? (liveCredential(labelledUid) ? labelledUid : undefined));
      const owner = uid === undefined ? undefined : liveCredential(uid);
      if (owner) return states.intentOf(owner) ?? 'unknown';
      if (uid !== undefined) return 'retained';
      const ofThatName = Array.from(states.entries()).filter(([{ secretName }]) => secretName === name);
      const isListed = !ofThatName.some(([, { isWaitingForNames }]) => isWaitingForNames);
      if (isListed && (ofThatName.length > 0 || areAllDecided({ observed, states }))) return 'nobody';
      namespacesWithUnknownOwner.add(namespace);
      return 'unknown';
    },
  };
}
