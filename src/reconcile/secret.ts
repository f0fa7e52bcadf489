import { LABEL } from '../api/names.ts';
import { REASON } from '../api/reasons.ts';
import { isForgotten, tellMs, waitMs, wrote } from '../plan/contest.ts';
import { type Intent, isGone } from '../plan/intent.ts';
import { sourcesOf } from '../plan/resolve.ts';
import { isOurs, planSecret, type SecretAction, type SecretsThere } from '../plan/secret.ts';
import type { Again } from '../queue/queue.ts';
import { idOf, type Key } from '../triggers/keys.ts';
import { type Context, forgetOldest, secretAt, settle } from './context.ts';
import { attempt, failureOf, retry } from './outcome.ts';
import { type Standing, standing } from './tally.ts';

/** Makes the Secret of one credential in one namespace as it is wanted, and takes others of that credential away. */
export async function reconcileSecret(context: Context, key: Extract<Key, { kind: 'secret' }>): Promise<Again | undefined> {
  const { credential, namespace } = key;
  const id = idOf(key);
  const intent = context.intents.get(credential);
  if (!intent || intent.mode === 'hold') return undefined;
  const at = { namespace, kind: 'Secret' as const, name: intent.secretName };
  const conclude = (result: Standing | undefined, again?: Again) => {
    settle(context, credential, 'secrets', namespace, result);
    return again;
  };
  const contested = (afterMs: number) => conclude(standing(1, 0, false, [{ ...at, ...CONTESTED }]), { afterMs });

  const plan = planSecret(intent, context.world.namespaces.get('', namespace), observe(context, intent, namespace));
  if (plan.conflict) return conclude(standing(1, 0, false, [{ ...at, ...plan.conflict, conflict: true, final: true }]));
  if (plan.waits) return conclude(standing(1, 0));

  const contest = context.contests.get(id);
  const wait = waitMs(contest, intent.version, context.now());
  if (plan.wanted && wait > 0) return contested(wait);
  // What was not wanted in between, or is wanted otherwise now, nobody has taken from us.
  if (contest && (!plan.wanted || contest.what !== intent.version || isForgotten(contest, context.now()))) context.contests.delete(id);
  if (plan.actions.length === 0) {
    context.failures.delete(id);
    const tell = tellMs(context.contests.get(id), intent.version, context.now());
    return tell > 0 ? contested(tell) : conclude(plan.wanted ? standing(1, 1) : undefined);
  }

  for (const action of plan.actions) {
    const outcome = await attempt(() => apply(context, action));
    if ('done' in outcome) continue;
    // The rest has to wait: a former Secret goes only once the new one is there.
    const { again, tell } = retry(context, key, [outcome]);
    const failure = failureOf({ ...at, name: action.name }, DOING[action.kind], outcome.error, intent.content);
    return conclude(standing(plan.wanted ? 1 : 0, 0, !tell, tell ? [failure] : []), again);
  }
  context.failures.delete(id);
  // What was deleted counts until the watch says that it is gone.
  if (!plan.wanted) {
    if (intent.mode === 'place') context.reporter.tookBack(credential, namespace);
    return conclude(standing(0, 0, true));
  }
  if (!context.contests.has(id) && context.books.get(credential)?.secrets.get(namespace)?.synced !== 1) return conclude(standing(1, 1));
  // It was as wanted before, and somebody changed it.
  const repaired = wrote(contest, intent.version, context.now());
  context.contests.set(id, repaired);
  forgetOldest(context.contests);
  const next = tellMs(repaired, intent.version, context.now());
  return next > 0 ? contested(next) : conclude(standing(1, 1));
}

const CONTESTED = {
  reason: REASON.contested,
  message:
    'Somebody else keeps changing or deleting this Secret after us. Find the other manager (kubectl get secret -o yaml --show-managed-fields) and take the Secret out of its care (out of Git, if it is Argo CD or Flux), or exclude the namespace.',
  conflict: false,
  final: false,
};

const DOING: Record<SecretAction['kind'], string> = {
  'create-secret': 'Creating the Secret',
  'update-secret': 'Updating the Secret',
  'delete-secret': 'Deleting the Secret',
};

function observe({ world }: Context, intent: Intent, namespace: string): SecretsThere {
  const named = secretAt(world, namespace, intent.secretName);
  const labelled = [...world.managed.in(namespace)].filter(({ labels }) => labels[LABEL.credentialUid] === intent.uid);
  const uid = named?.labels[LABEL.credentialUid];
  const rival =
    uid === undefined || uid === intent.uid
      ? undefined
      : [...world.credentials.all()].find((other) => other.uid === uid && !isGone(other))?.name;
  const foreign = named !== undefined && !isOurs(intent, named, { rival });
  const isSource =
    foreign &&
    [...world.credentials.all()].some(({ spec }) => sourcesOf(spec).some((ref) => ref.namespace === namespace && ref.name === named.name));
  return { named, labelled, rival, isSource };
}

async function apply({ world, writer }: Context, action: SecretAction): Promise<void> {
  switch (action.kind) {
    case 'create-secret':
      return world.managed.wrote(await writer.createSecret(action.namespace, action.body));
    case 'update-secret':
      return world.managed.wrote(await writer.patchSecret(action.namespace, action.name, action.patch));
    case 'delete-secret':
      return writer.deleteSecret(action.namespace, action.name, action.uid, action.resourceVersion);
    default:
      return action satisfies never;
  }
}
