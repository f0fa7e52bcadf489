import { isNamespaced } from '../api/credential-ref.ts';
import type { Problem } from '../api/reasons.ts';
import type { SecretRecord } from '../api/records.ts';
import type { ObservedCluster } from '../cluster/observed-cluster.ts';
import type { ClusterWriter } from '../cluster/writer.ts';
import { classify, isNotFound } from '../kube/errors.ts';
import type { Log } from '../log.ts';
import { contestedSecret } from '../plan/placement/contested.ts';
import type { Rejection } from '../plan/placement/drift-backoff.ts';
import type { Intent } from '../plan/placement/intent.ts';
import { planSecret, type SecretAction, type SecretPlan } from '../plan/placement/secret.ts';
import { firstDifferingField, remainingOwnerField } from '../plan/placement/secret-deviation.ts';
import { idOf, type Key, type KeyOf } from '../queue/keys.ts';
import { PRIORITY, type Priority, type Requeue } from '../queue/queue.ts';
import type { CredentialStates } from '../status/credential-state.ts';
import { conflictFailure, type PlacementState, placement } from '../status/placement-counts.ts';
import type { RecordPlacement } from '../status/record-placement.ts';
import type { Reporter } from '../status/reporter.ts';
import { reportConflict } from './conflict-report.ts';
import type { DriftMemory } from './drift-memory.ts';
import type { Handovers } from './handovers.ts';
import { type NameWatch, stopNameWatch, watchName, watchOtherSecret } from './name-watch.ts';
import { observeSecrets, type SecretsAndRivals } from './observe-secrets.ts';
import { attempt, failureOf, type RetryPolicy } from './retry.ts';
import { logDecision, logDelay } from './secret-log.ts';

export interface SecretReconciler {
  readonly observed: Pick<ObservedCluster, 'credentials' | 'namespaces' | 'secrets'>;
  readonly states: CredentialStates;
  readonly writer: Pick<ClusterWriter, 'createSecret' | 'patchSecret' | 'deleteSecret'>;
  readonly recordPlacement: RecordPlacement;
  readonly reporter: Pick<Reporter, 'namespaceDeselected' | 'conflict'>;
  readonly drift: DriftMemory;
  readonly retries: RetryPolicy;
  readonly log: Log;
  readonly handovers: Handovers;
  readonly add: (key: Key, priority: Priority) => void;
}

type SecretKey = KeyOf<'secret'>;

/** What one run of a key works on. */
interface SecretRun {
  readonly key: SecretKey;
  readonly intent: Intent;
  readonly secrets: SecretsAndRivals;
}

/** The end of a run: the state to record, undefined if nothing is desired and nothing is left; and when the key runs again. */
interface Conclusion {
  readonly state: PlacementState | undefined;
  readonly requeue?: Requeue | undefined;
}

/** Brings the Secrets of one credential in one namespace into their desired state. */
export async function reconcileSecret(reconciler: SecretReconciler, key: SecretKey): Promise<Requeue | undefined> {
  const intent = reconciler.states.intentOf(key.credential);
  if (!intent || intent.mode === 'suspend') return undefined;
  const { state, requeue } = await syncSecrets(reconciler, key, intent);
  reconciler.recordPlacement(key.credential, 'secrets', key.namespace, state);
  return requeue;
}

/** How soon to look again at a Secret that depends on the decision about another credential, which enqueues this key too. */
const UNDECIDED_MS = 1000;

/** Observes, plans and applies. */
async function syncSecrets(reconciler: SecretReconciler, key: SecretKey, intent: Intent): Promise<Conclusion> {
  const { observed, states, handovers, log } = reconciler;
  const { namespace } = key;
  const watch: NameWatch = isNamespaced(intent) ? watchName(observed, key, intent) : { state: 'known' };
  if (watch.state === 'failed') return { state: notListed(intent, namespace, watch.error) };
  const secrets = observeSecrets(reconciler, intent, namespace);
  if (secrets.isUndecided && intent.mode === 'sync') return { state: placement.pending(1), requeue: { afterMs: UNDECIDED_MS } };
  const state = states.stateOf(intent);
  const isWaiting = state?.isWaitingForNames ?? false;
  const hasHeir = secrets.heir !== undefined && (isWaiting || handovers.mayWait(idOf(key)));
  const plan = planSecret(intent, observed.namespaces.get('', namespace), { ...secrets, hasHeir });
  // A Secret is created at once, as in a new namespace: if one of that name is there, the API server refuses, and the watch shows it.
  if (watch.state === 'loading' && plan.kind !== 'place') return { state: placement.pending(intent.mode === 'sync' ? 1 : 0) };
  // The key of the credential enqueues this one when the names are listed. Only a Secret that is as desired needs no list.
  if (isWaiting && plan.kind !== 'synced' && plan.kind !== 'absent') return { state: waiting(plan, state?.secrets.get(namespace)) };
  if (plan.kind !== 'handOver') handovers.forget(idOf(key));
  logDecision(log, key, plan);
  return applyPlan(reconciler, { key, intent, secrets }, plan);
}

/** Pending, with the last known numbers. */
const waiting = ({ kind }: SecretPlan, known: PlacementState | undefined): PlacementState =>
  kind === 'remove' || kind === 'handOver' ? placement.removing() : placement.pending(known?.desired ?? 1, known?.synced ?? 0);

async function applyPlan(reconciler: SecretReconciler, run: SecretRun, plan: SecretPlan): Promise<Conclusion> {
  const { observed, drift, retries } = reconciler;
  const { key, intent, secrets } = run;
  switch (plan.kind) {
    case 'absent':
      if (isNamespaced(intent)) observed.secrets.watchNamesIn(key, key.namespace, []);
      drift.drop(idOf(key));
      retries.succeeded(key);
      return { state: undefined };
    case 'handOver':
      if (secrets.heir) reconciler.add({ kind: 'secret', credential: secrets.heir, namespace: key.namespace }, PRIORITY.now);
      return { state: placement.removing(), requeue: { afterMs: UNDECIDED_MS } };
    case 'waitingForSources':
      return { state: placement.waitingForSources() };
    case 'conflict':
      return concludeConflict(reconciler, run, plan.problem);
    case 'synced':
      if (isNamespaced(intent)) stopNameWatch(observed, key);
      drift.dropRejection(idOf(key));
      drift.dropFinished(idOf(key), intent.desiredState);
      retries.succeeded(key);
      return syncedOrContested(reconciler, run);
    case 'place':
      return place(reconciler, run, plan.actions);
    case 'remove':
      return remove(reconciler, run, plan.actions);
    default:
      return plan satisfies never;
  }
}

/** The Secret may be the operator's own write, changed by an admission policy. Then report Contested, not SecretExists. */
function concludeConflict(reconciler: SecretReconciler, { key, intent, secrets }: SecretRun, problem: Problem): Conclusion {
  const rejection = reconciler.drift.rejectionOf(idOf(key), intent.desiredState);
  if (rejection !== undefined && rejection.uid === secrets.named?.uid) return { state: contested(intent, key.namespace, rejection.field) };
  reportConflict(reconciler, key, secrets, problem);
  return { state: conflicted(intent, key.namespace, problem) };
}

/** The Secret is as desired. Contested as long as another writer may revert it again. */
function syncedOrContested({ drift }: SecretReconciler, { key, intent }: SecretRun): Conclusion {
  const contestedMs = drift.contestedForMs(idOf(key), intent.desiredState);
  if (contestedMs <= 0) return { state: placement.synced() };
  return { state: contested(intent, key.namespace), requeue: { afterMs: contestedMs } };
}

/** Writes the desired Secret, unless another writer has reverted it too often. */
async function place(reconciler: SecretReconciler, run: SecretRun, actions: readonly SecretAction[]): Promise<Conclusion> {
  const { drift, states } = reconciler;
  const { key, intent } = run;
  const { desiredState } = intent;
  const before = states.stateOf(key.credential)?.secrets.get(key.namespace);
  const whenRejected = (field?: string) => contested(intent, key.namespace, field);
  const unfinished = await writeWithBackoff(reconciler, run, { actions, desired: 1, desiredState, whenRejected });
  if (unfinished) return unfinished;
  const wasRejected = drift.dropRejection(idOf(key));
  // A pending fan-out means that the desired state changed, so this write is not a repair.
  const isRepair = !wasRejected && (drift.has(idOf(key)) || (before?.synced === 1 && !before.isPending));
  if (!isRepair) return { state: placement.synced() };
  drift.recordRepair(idOf(key), desiredState);
  return syncedOrContested(reconciler, run);
}

/** Deletes the Secrets that are no longer desired. Under Retain, removes their owner reference instead. */
async function remove(reconciler: SecretReconciler, run: SecretRun, actions: readonly SecretAction[]): Promise<Conclusion> {
  const { key, intent } = run;
  const desiredState = `remove ${intent.mode}`;
  const whenRejected = (field?: string) => ownerReferenceStuck(intent, key.namespace, field);
  const unfinished = await writeWithBackoff(reconciler, run, { actions, desired: 0, desiredState, whenRejected });
  if (unfinished) return unfinished;
  reconciler.drift.drop(idOf(key));
  if (intent.mode === 'sync') reconciler.reporter.namespaceDeselected(key.credential, key.namespace);
  // A deleted Secret counts as pending until the watch reports the deletion.
  return { state: placement.removing() };
}

interface SecretWrite {
  readonly actions: readonly SecretAction[];
  /** How many Secrets are desired in this namespace. */
  readonly desired: 0 | 1;
  /** What the write is about. A write about another desired state starts without back-off. */
  readonly desiredState: string;
  /** The state to report while another writer reverts the write, or a policy changes it. */
  readonly whenRejected: (field?: string) => PlacementState;
}

/** Applies the actions, unless the back-off says to wait. Returns how the run ends if not everything is written; otherwise undefined. */
async function writeWithBackoff(reconciler: SecretReconciler, run: SecretRun, write: SecretWrite): Promise<Conclusion | undefined> {
  const { drift, log } = reconciler;
  const { desiredState, whenRejected } = write;
  const id = idOf(run.key);
  const delayMs = drift.repairDelayMs(id, desiredState);
  if (delayMs > 0) {
    logDelay(log, run.key, delayMs);
    return { state: whenRejected(drift.rejectionOf(id, desiredState)?.field), requeue: { afterMs: delayMs } };
  }
  drift.dropFinished(id, desiredState);

  const applied = await applyAll(reconciler, run, write);
  if (applied.result === 'failed') return applied;
  if (applied.result === 'done') return undefined;
  drift.recordRejection(id, desiredState, applied.rejection);
  return { state: whenRejected(applied.rejection.field), requeue: { afterMs: drift.repairDelayMs(id, desiredState) } };
}

type ApplyResult =
  | { readonly result: 'done' }
  | { readonly result: 'failed'; readonly state: PlacementState; readonly requeue: Requeue | undefined }
  /** The API server stored the Secret differently from what the operator sent. */
  | { readonly result: 'rejected'; readonly rejection: Rejection };

/** Takes the actions one after the other, and stops at the first failure: a former Secret must not be deleted before its successor exists. */
async function applyAll(
  { observed, writer, retries }: SecretReconciler,
  { key, intent }: SecretRun,
  { actions, desired }: SecretWrite,
): Promise<ApplyResult> {
  for (const action of actions) {
    let rejection: Rejection | undefined;
    const outcome = await attempt(async () => {
      const answer = await apply(observed, writer, action);
      const field = answer && firstRejectedSecretField(intent, answer);
      if (field !== undefined) rejection = { field, uid: answer?.uid ?? '' };
    });
    if (rejection) return { result: 'rejected', rejection };
    if ('done' in outcome) continue;
    const isTaken = action.kind === 'create-secret' && classify(outcome.error) === 'stale';
    if (isTaken && isNamespaced(intent)) watchOtherSecret(observed, key, action.name);
    const { requeue, isReported } = retries.decide(key, outcome);
    const at = { namespace: key.namespace, kind: 'Secret' as const, name: action.name };
    const failed = failureOf(at, STEP[action.kind], outcome.error, intent.content);
    const failure = desired === 0 ? { ...failed, isRemoval: true as const } : failed;
    return { result: 'failed', state: isReported ? placement.failed(desired, failure) : placement.pending(desired), requeue };
  }
  retries.succeeded(key);
  return { result: 'done' };
}

/** Returns the Secret as the API server stored it; undefined after a deletion. */
async function apply(
  { secrets }: SecretReconciler['observed'],
  writer: SecretReconciler['writer'],
  action: SecretAction,
): Promise<SecretRecord | undefined> {
  switch (action.kind) {
    case 'create-secret':
    case 'update-secret': {
      const answer =
        action.kind === 'create-secret'
          ? await writer.createSecret(action.namespace, action.body)
          : await writer.patchSecret(action.namespace, action.name, action.patch);
      secrets.applyOwnWrite(answer);
      return answer;
    }
    case 'delete-secret':
      await writer.deleteSecret(action).catch((error: unknown) => {
        // The Secret no longer exists. Drop its record: the watch may have missed the deletion.
        if (!isNotFound(error)) throw error;
        secrets.dropGone(action);
      });
      return undefined;
    default:
      return action satisfies never;
  }
}

/** The field that the API server did not store as the operator sent it. */
function firstRejectedSecretField(intent: Intent, answer: SecretRecord): string | undefined {
  if (intent.mode === 'retain') return remainingOwnerField(intent, answer);
  return intent.content && firstDifferingField(intent, intent.content, answer);
}

const STEP: Record<SecretAction['kind'], string> = {
  'create-secret': 'Creating the Secret',
  'update-secret': 'Updating the Secret',
  'delete-secret': 'Deleting the Secret',
};

const conflicted = ({ secretName: name }: Intent, namespace: string, problem: Problem): PlacementState =>
  placement.failed(1, conflictFailure({ namespace, kind: 'Secret', name }, problem));

/** The operator may not list the Secrets of this name in the namespace of a tenant, or cannot at the moment. */
const notListed = ({ secretName: name, mode }: Intent, namespace: string, error: unknown): PlacementState =>
  placement.failed(
    mode === 'sync' ? 1 : 0,
    failureOf({ namespace, kind: 'Secret', name }, 'Listing the Secrets of this name', error, undefined),
  );

/** @param field see `contestedSecret` */
const contested = ({ secretName: name }: Intent, namespace: string, field?: string): PlacementState =>
  placement.failed(1, { namespace, kind: 'Secret', name, ...contestedSecret(field), isConflict: false, needsPerson: false });

/** The owner reference cannot be removed. A person must act, so a deletion does not wait for it for ever. */
const ownerReferenceStuck = ({ secretName: name }: Intent, namespace: string, field?: string): PlacementState =>
  placement.failed(0, {
    namespace,
    kind: 'Secret',
    name,
    ...contestedSecret(field),
    isConflict: false,
    needsPerson: true,
    isRemoval: true,
  });
