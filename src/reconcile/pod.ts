import { type CredentialRef, qualifiedName } from '../api/credential-ref.ts';
import { PENDING } from '../api/names.ts';
import { type Problem, REASON } from '../api/reasons.ts';
import type { PodRecord } from '../api/records.ts';
import type { ObservedCluster } from '../cluster/observed-cluster.ts';
import type { ClusterWriter } from '../cluster/writer.ts';
import type { Log } from '../log.ts';
import { redact } from '../plan/content/redact.ts';
import { mayActOnOthersIn } from '../plan/placement/intent.ts';
import {
  EVICTION_RATE,
  formatCause,
  jobRecreates,
  observePullAttempt,
  type PodSurroundings,
  type PullAttempt,
  planRecovery,
  type RecoveryPlan,
  SETTLE_MS,
} from '../plan/pods/recovery.ts';
import { selectsNamespace } from '../plan/targets/targets.ts';
import { idOf, type KeyOf } from '../queue/keys.ts';
import type { Requeue } from '../queue/queue.ts';
import { type TokenBucket, takeToken } from '../queue/token-bucket.ts';
import type { CredentialStates } from '../status/credential-state.ts';
import { type EventText, eventOn, referenceTo, referenceToCredential } from '../status/events.ts';
import type { Reporter } from '../status/reporter.ts';
import { forgetOldest } from './forget-oldest.ts';
import { attempt, type RetryPolicy, reasonOf } from './retry.ts';

/** What the operator remembers about stuck pods. Losing it does no harm: docs/adr/0010-pod-recovery.md explains why no pod is evicted twice. */
export class PodMemory {
  /** By the id of the pod's key. */
  readonly pullAttempts = new Map<string, PullAttempt>();
  readonly evictedFor = new Map<string, ReadonlySet<string>>();
  evictions: TokenBucket | undefined;
  /** By uid of the ServiceAccount: when the operator last wrote its list, in seconds since 1970. */
  readonly #accountWrittenAt = new Map<string, number>();

  /**
   * Notes the write of an account, and returns how to undo the note if the write fails. The API server does not record when the list of an
   * account without managedFields changes. Kubernetes' own controllers create such accounts.
   */
  accountWrite(uid: string): () => void {
    const before = this.#accountWrittenAt.get(uid);
    this.#accountWrittenAt.set(uid, Math.ceil(Date.now() / 1000));
    forgetOldest(this.#accountWrittenAt);
    return () => void (before === undefined ? this.#accountWrittenAt.delete(uid) : this.#accountWrittenAt.set(uid, before));
  }

  accountWrittenAt(uid: string): number {
    return this.#accountWrittenAt.get(uid) ?? 0;
  }
}

export interface PodReconciler {
  readonly observed: Pick<ObservedCluster, 'credentials' | 'namespaces' | 'accounts' | 'secrets' | 'pods' | 'getJob'>;
  readonly states: CredentialStates;
  readonly writer: Pick<ClusterWriter, 'evictPod' | 'createEvent'>;
  readonly reporter: Pick<Reporter, 'touch'>;
  readonly memory: PodMemory;
  readonly retries: RetryPolicy;
  readonly log: Log;
  /** Called for each evicted pod, and for each stuck pod that was not evicted because nothing would re-create it. */
  readonly onRecovered: (credential: CredentialRef, how: 'recreated' | 'reported') => void;
  /** Milliseconds of a clock that does not jump. */
  readonly now: () => number;
  readonly random: () => number;
}

type PodKey = KeyOf<'pod'>;

/** Evicts a stuck pod if its successor would not be stuck. Reports the pod if nothing would re-create it. */
export async function reconcilePod(reconciler: PodReconciler, key: PodKey): Promise<Requeue | undefined> {
  const { memory, observed, now, random } = reconciler;
  const id = idOf(key);
  const pod = observed.pods.view(PENDING)?.get(key.namespace, key.name);
  if (!pod || pod.failingImages.length === 0) {
    memory.pullAttempts.delete(id);
    return done(reconciler, key);
  }

  const surroundings = surroundingsOf(reconciler, pod);
  const pullAttempt = observePullAttempt(pod, surroundings.placed, memory.pullAttempts.get(id));
  const plan = planRecovery(pod, surroundings, pullAttempt, memory.evictedFor);
  const reason = plan && [surroundings.account?.changedAt, ...plan.causes.map(({ evictionId }) => evictionId)].join();
  const due = reason === undefined ? undefined : pullAttempt.due?.reason === reason ? pullAttempt.due : { reason, since: now() };
  memory.pullAttempts.set(id, { ...pullAttempt, due });
  if (!plan || !due) {
    reconciler.log.debug('Not evicting a pod that waits for an image: a new one would wait as well.', {
      pod: `${pod.namespace}/${pod.name}`,
    });
    return done(reconciler, key);
  }

  const waitMs = due.since + SETTLE_MS - now();
  if (waitMs > 0) return { afterMs: waitMs };
  const { granted, after } = takeToken(memory.evictions, now(), EVICTION_RATE);
  memory.evictions = after;
  // Spread the next attempts: many pods may wait for a token.
  if (!granted) return { afterMs: EVICTION_RATE.refillMs * (1 + random() * EVICTION_RATE.capacity) };
  return evictOrReport(reconciler, key, pod, plan);
}

async function evictOrReport(reconciler: PodReconciler, key: PodKey, pod: PodRecord, plan: RecoveryPlan): Promise<Requeue | undefined> {
  const { observed, writer, retries } = reconciler;
  let evicts = plan.recreatedBy === 'controller';
  const outcome = await attempt(async () => {
    if (plan.recreatedBy === 'job') {
      const job = pod.owner && (await observed.getJob(pod.namespace, pod.owner));
      evicts =
        job !== undefined && jobRecreates(job, siblingsOf(observed, pod).filter(({ failingImages }) => failingImages.length > 0).length);
    }
    // Remember the eviction first. If its answer is lost, the operator must not evict a second pod.
    rememberEviction(reconciler, pod, plan, evicts);
    if (evicts) await writer.evictPod(pod);
  });
  const { requeue, isReported } = retries.decide(key, outcome);
  if (!('failed' in outcome)) {
    done(reconciler, key);
    await report(reconciler, pod, plan, evicts);
  } else if (isReported) {
    const message = `${pod.namespace}/${pod.name}: ${redact((outcome.error as Error).message, undefined)}`;
    recordNotEvicted(reconciler, key, plan, { reason: reasonOf(outcome.error), message });
  }
  return requeue;
}

function recordNotEvicted({ states, reporter }: PodReconciler, key: PodKey, { causes }: RecoveryPlan, problem: Problem): void {
  for (const { credential } of causes) {
    states.stateOf(credential)?.notEvicted.set(idOf(key), problem);
    reporter.touch(credential);
  }
}

async function report(reconciler: PodReconciler, pod: PodRecord, plan: RecoveryPlan, evicted: boolean): Promise<void> {
  const { log, observed, writer } = reconciler;
  const [first] = plan.causes;
  if (first === undefined) return;
  const owner = pod.owner && `${pod.owner.kind} ${pod.owner.name}`;
  const about = { pod: `${pod.namespace}/${pod.name}`, owner, credential: qualifiedName(first.credential) };
  reconciler.onRecovered(first.credential, evicted ? 'recreated' : 'reported');
  if (evicted) log.info('Evicted a stuck pod; its controller re-creates it.', about);
  else log.warn('A pod is stuck, and nothing would re-create it.', about);
  const event = eventFor(pod, plan, owner, evicted);
  const record = observed.credentials.get(first.credential.namespace, first.credential.name);
  const { namespace, body } = eventOn(referenceTo('v1', 'Pod', pod), event, new Date(), record && referenceToCredential(record));
  await writer.createEvent(namespace, body).catch((error: unknown) => {
    log.warn('Cannot write an Event.', { ...about, reason: event.reason, error });
  });
}

function eventFor(pod: PodRecord, { causes, recreatedBy }: RecoveryPlan, owner: string | undefined, evicted: boolean): EventText {
  const why = causes.map((cause) => formatCause(pod, cause)).join('; ');
  if (evicted)
    return { type: 'Normal', reason: REASON.podEvicted, message: `The operator evicted this pod, so that ${owner} re-creates it: ${why}.` };
  const because = pod.hasRunningContainer
    ? 'that would stop its running containers'
    : recreatedBy === 'job'
      ? `${owner} would count that as a failure, and might fail`
      : owner
        ? `${owner} may not re-create it`
        : 'nothing would re-create it';
  const fix = pod.hasRunningContainer
    ? 'When you can stop them, delete the pod and create it again.'
    : 'Delete the pod and create it again.';
  return { type: 'Warning', reason: REASON.podStuck, message: `The operator did not evict this pod, because ${because}: ${why}. ${fix}` };
}

function surroundingsOf({ observed, states, memory }: PodReconciler, pod: PodRecord): PodSurroundings {
  const namespace = observed.namespaces.get('', pod.namespace);
  const homes = namespace ? observed.credentials.homesReaching(namespace) : [];
  const intents = [...states.intentsConcerning(pod.namespace, homes)].filter(
    (intent) =>
      intent.mode === 'sync' &&
      intent.spec.podRecovery === 'Recreate' &&
      mayActOnOthersIn(intent, pod.namespace) &&
      namespace &&
      selectsNamespace(intent, namespace),
  );
  const account = observed.accounts.get(pod.namespace, pod.serviceAccount);
  return {
    account: account && { ...account, changedAt: Math.max(account.changedAt, memory.accountWrittenAt(account.uid)) },
    placed: new Map(Array.from(observed.secrets.managedIn(pod.namespace), ({ name, contentHash }) => [name, contentHash])),
    intents,
  };
}

function rememberEviction({ observed, memory }: PodReconciler, pod: PodRecord, { causes }: RecoveryPlan, evicts: boolean): void {
  const { evictedFor } = memory;
  for (const { evictionId } of causes) {
    if (!evictedFor.has(evictionId)) evictedFor.set(evictionId, new Set(evicts ? siblingsOf(observed, pod).map(({ uid }) => uid) : []));
  }
  forgetOldest(evictedFor);
}

/** The pending pods of the same owner, including this one. */
const siblingsOf = ({ pods }: PodReconciler['observed'], { namespace, owner }: PodRecord) =>
  [...(pods.view(PENDING)?.in(namespace) ?? [])].filter((other) => other.owner?.uid === owner?.uid);

/** Clears the failures of a pod that needs nothing more. */
function done({ states, retries, reporter }: PodReconciler, key: PodKey): undefined {
  retries.succeeded(key);
  for (const [credential, { notEvicted }] of states.entries()) if (notEvicted.delete(idOf(key))) reporter.touch(credential);
}
