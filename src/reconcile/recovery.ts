import { PENDING } from '../api/names.ts';
import { REASON } from '../api/reasons.ts';
import type { CredentialRecord, PodRecord } from '../api/records.ts';
import { classify } from '../kube/errors.ts';
import { spend } from '../plan/allowance.ts';
import { asksForRecovery } from '../plan/intent.ts';
import {
  makesAgain,
  type PodSurroundings,
  planRecovery,
  RECOVERIES,
  type RecoveryPlan,
  SETTLE_MS,
  sayCause,
  sight,
} from '../plan/recovery.ts';
import type { PodRecovery } from '../plan/status.ts';
import { isTarget } from '../plan/targets.ts';
import { repeatable } from '../plan/words.ts';
import type { Again } from '../queue/queue.ts';
import { idOf, type Key } from '../triggers/keys.ts';
import { type Book, type Context, forgetOldest, type World } from './context.ts';
import { eventOn, referenceTo, referenceToCredential } from './event.ts';
import { attempt, reasonOf, retry } from './outcome.ts';

/** Evicts a pod that hangs although one made anew would not, or tells of it where nobody would make it anew. */
export async function reconcilePod(context: Context, key: Extract<Key, { kind: 'pod' }>): Promise<Again | undefined> {
  const { recovery } = context;
  const id = idOf(key);
  const pod = context.world.pods.view(PENDING)?.get(key.namespace, key.name);
  if (!pod || pod.failing.length === 0) return forget(context, id);

  const there = observe(context, pod);
  const sighting = sight(pod, there.placed, recovery.sightings.get(id));
  const plan = planRecovery(pod, there, sighting, recovery.done);
  const what = plan && [there.account?.changedAt, ...plan.causes.map(({ once }) => once)].join();
  const due = what === undefined ? undefined : sighting.due?.what === what ? sighting.due : { what, since: context.now() };
  recovery.sightings.set(id, { ...sighting, due });
  if (!plan || !due) return settle(context, id);

  const waitMs = due.since + SETTLE_MS - context.now();
  if (waitMs > 0) return { afterMs: waitMs };
  const { granted, after } = spend(recovery.allowance, context.now(), RECOVERIES);
  recovery.allowance = after;
  // So many may wait that they should not all ask again at the same moment.
  if (!granted) return { afterMs: RECOVERIES.oneMoreMs * (1 + context.random() * RECOVERIES.atOnce) };
  return carryOut(context, key, pod, plan);
}

async function carryOut(
  context: Context,
  key: Extract<Key, { kind: 'pod' }>,
  pod: PodRecord,
  plan: RecoveryPlan,
): Promise<Again | undefined> {
  let evicts = plan.maker === 'controller';
  const outcome = await attempt(async () => {
    if (plan.maker === 'job') {
      const job = pod.owner && (await context.world.job(pod.namespace, pod.owner));
      evicts = job !== undefined && makesAgain(job, siblings(context, pod).filter(({ failing }) => failing.length > 0).length);
    }
    // Before it is done: should the answer be lost, it is still done no more than once.
    remember(context, pod, plan, evicts);
    if (evicts) await context.writer.evictPod(pod);
  });
  const { again, tell } = retry(context, key, [outcome]);
  if (!('failed' in outcome)) {
    settle(context, idOf(key));
    await report(context, pod, plan, evicts);
  } else if (tell) {
    const message = `${pod.namespace}/${pod.name}: ${repeatable((outcome.error as Error).message, undefined)}`;
    for (const { credential } of plan.causes) {
      context.books.get(credential)?.notEvicted.set(idOf(key), { reason: reasonOf(outcome.error), message });
      context.reporter.touch(credential);
    }
  }
  return again;
}

/** By Event, log and metric: the pod is gone soon, or stays as it is. */
async function report(context: Context, pod: PodRecord, { causes, maker }: RecoveryPlan, evicted: boolean): Promise<void> {
  const { log, world, writer } = context;
  const credential = causes[0]?.credential ?? '';
  const owner = pod.owner && `${pod.owner.kind} ${pod.owner.name}`;
  const why = causes.map((cause) => sayCause(pod, cause)).join('; ');
  const about = { pod: `${pod.namespace}/${pod.name}`, owner, credential };
  context.recovered(credential, evicted ? 'recreated' : 'reported');
  if (evicted) log.info('A pod that hung was evicted, to be made again.', about);
  else log.warn('A pod hangs that nobody would make again.', about);
  const because = pod.running
    ? 'containers of it run, and would be ended'
    : maker === 'job'
      ? `${owner} would count that as a failure, and might end by it`
      : owner
        ? `${owner} is not known to make it again`
        : 'nothing would make it again';
  const told = evicted
    ? ({ type: 'Normal', reason: REASON.podEvicted, message: `Evicted, so that ${owner} makes it again: ${why}.` } as const)
    : ({
        type: 'Warning',
        reason: REASON.podStuck,
        message: `Left as it is, because ${because}: ${why}. Delete it and make it anew.`,
      } as const);
  const record = world.credentials.get('', credential);
  const { namespace, body } = eventOn(referenceTo('v1', 'Pod', pod), told, new Date(), record && referenceToCredential(record));
  await writer.createEvent(namespace, body).catch((error: unknown) => {
    log.warn('An Event could not be written.', { ...about, reason: told.reason, error });
  });
}

function observe({ world, intents, recovery }: Context, pod: PodRecord): PodSurroundings {
  const namespace = world.namespaces.get('', pod.namespace);
  const asking = [...intents.values()].filter(
    (intent) => intent.mode === 'place' && intent.spec.podRecovery === 'Recreate' && namespace && isTarget(intent.spec, namespace),
  );
  const account = world.accounts.get(pod.namespace, pod.serviceAccount);
  const writtenAt = (account && recovery.written.get(account.uid)) ?? 0;
  return {
    account: account && { ...account, changedAt: Math.max(account.changedAt, writtenAt) },
    placed: new Map(Array.from(world.managed.in(pod.namespace), ({ name, contentHash }) => [name, contentHash])),
    intents: asking,
  };
}

function remember(context: Context, pod: PodRecord, { causes }: RecoveryPlan, evicts: boolean): void {
  const { done } = context.recovery;
  for (const { once } of causes) {
    if (!done.has(once)) done.set(once, new Set(evicts ? siblings(context, pod).map(({ uid }) => uid) : []));
  }
  forgetOldest(done);
}

/** The pending pods of the same owner, this one among them. */
const siblings = ({ world }: Context, { namespace, owner }: PodRecord) =>
  [...(world.pods.view(PENDING)?.in(namespace) ?? [])].filter((other) => other.owner?.uid === owner?.uid);

/** There is nothing to be done about a pod, or it was done. */
function settle(context: Context, id: string): undefined {
  context.failures.delete(id);
  for (const [credential, { notEvicted }] of context.books) if (notEvicted.delete(id)) context.reporter.touch(credential);
}

function forget(context: Context, id: string): undefined {
  context.recovery.sightings.delete(id);
  return settle(context, id);
}

/** Whether stuck pods are looked after for a credential; undefined where it does not ask for it. */
export function standingOfRecovery(world: World, credential: CredentialRecord, { notEvicted }: Book): PodRecovery | undefined {
  if (!asksForRecovery(credential)) return undefined;
  const pods = world.pods.view(PENDING);
  if (pods?.error !== undefined && classify(pods.error) === 'refused') {
    return { state: 'blind', why: repeatable((pods.error as Error).message, undefined) };
  }
  return pods?.synced ? { state: 'watching', notEvicted: [...notEvicted.values()] } : { state: 'starting' };
}
