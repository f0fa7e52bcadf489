import { LABEL } from '../api/names.ts';
import { REASON } from '../api/reasons.ts';
import type { AccountRecord } from '../api/records.ts';
import { type AccountPlan, type NamesThere, planAccounts } from '../plan/accounts.ts';
import { isForgotten, tellMs, waitMs, wrote } from '../plan/contest.ts';
import { isGone, leavesAccounts } from '../plan/intent.ts';
import { isOurs } from '../plan/secret.ts';
import type { Again } from '../queue/queue.ts';
import { idOf, type Key } from '../triggers/keys.ts';
import { type Context, forgetOldest, secretAt, settle } from './context.ts';
import { attempt, failureOf, type Outcome, retry } from './outcome.ts';
import { type Failure, standing } from './tally.ts';

/** What has become of one account: whether a write failed or was put off, and what a person should know of it. */
interface Result {
  readonly plan: AccountPlan;
  readonly outcome?: Outcome;
  readonly contestedMs?: number;
}

/** Makes the references in all ServiceAccounts of one namespace as they are wanted, for all credentials at once. */
export async function reconcileAccounts(context: Context, key: Extract<Key, { kind: 'accounts' }>): Promise<Again | undefined> {
  const { namespace } = key;
  const { world } = context;
  // A name that nobody uses any more may be that of a Secret which was left behind: it is known once it is watched.
  const recorded = new Set(Array.from(world.accounts.in(namespace), ({ recorded }) => recorded).flat());
  if (world.sourceNamespaces) world.foreign.want(idOf(key), [...recorded].filter(isSecretName).slice(0, MOST_WATCHED));
  const plans = planAccounts(
    [...context.intents.values()],
    world.namespaces.get('', namespace),
    world.accounts.in(namespace),
    namesThere(context, namespace),
  );
  const results = await Promise.all(plans.map((plan) => carryOut(context, plan)));

  const outcomes = results.flatMap(({ outcome }) => outcome ?? []);
  const { again, tell } = retry(context, key, outcomes);
  report(context, namespace, results, tell);
  const waits = [...(again ? [again.afterMs] : []), ...results.flatMap(({ contestedMs }) => contestedMs ?? [])];
  return waits.length > 0 ? { afterMs: Math.min(...waits) } : undefined;
}

/** Anybody who may write an account may write names into its record: of what is not watched it stays undecided whose it is. */
const MOST_WATCHED = 10;

const isSecretName = (name: string) => /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/.test(name);

async function carryOut(context: Context, plan: AccountPlan): Promise<Result> {
  const { account, action } = plan;
  const what = plan.wantedBy
    .map(({ secretName }) => secretName)
    .sort()
    .join();
  const contest = context.contests.get(account.uid);
  const wait = waitMs(contest, what, context.now());
  if (wait > 0 && what !== '') return { plan, contestedMs: wait };
  // What was not wanted in between, or is wanted otherwise now, nobody has taken from us.
  if (contest && (contest.what !== what || isForgotten(contest, context.now()))) context.contests.delete(account.uid);
  if (!action) return { plan, ...told(context, account, what) };

  const outcome = await attempt(async () => {
    context.world.accounts.wrote(await context.writer.patchAccount(action.namespace, action.name, action.patch));
    context.recovery.written.set(account.uid, Math.ceil(Date.now() / 1000));
    forgetOldest(context.recovery.written);
  });
  // A first write is no repair; but an account that had all that is wanted, and has lost it, was changed by somebody.
  const hadAll = plan.wantedBy.length > 0 && plan.wantedBy.every(({ name }) => isSynced(context, name, account));
  if ('failed' in outcome || !(context.contests.has(account.uid) || hadAll)) return { plan, outcome };
  context.contests.set(account.uid, wrote(contest, what, context.now()));
  forgetOldest(context.contests);
  return { plan, outcome, ...told(context, account, what) };
}

function told({ contests, now }: Context, { uid }: AccountRecord, what: string): Pick<Result, 'contestedMs'> {
  const contestedMs = tellMs(contests.get(uid), what, now());
  return contestedMs > 0 ? { contestedMs } : {};
}

function isSynced(context: Context, credential: string, { namespace }: AccountRecord): boolean {
  const before = context.books.get(credential)?.accounts.get(namespace);
  return before !== undefined && before.desired > 0 && before.synced === before.desired;
}

/** Tells every credential how its references in this namespace stand. */
function report(context: Context, namespace: string, results: readonly Result[], tell: boolean): void {
  for (const intent of context.intents.values()) {
    if (leavesAccounts(intent)) continue;
    const failures: Failure[] = [];
    let desired = 0;
    let synced = 0;
    let pending = false;
    for (const { plan, outcome, contestedMs } of results) {
      const wanted = plan.wantedBy.includes(intent);
      // A write that was to take a reference back concerns the credential that it belongs to.
      if (!wanted && !(plan.action && plan.account.recorded.includes(intent.secretName))) continue;
      const at = { namespace, kind: 'ServiceAccount' as const, name: plan.account.name };
      desired += wanted ? 1 : 0;
      if (contestedMs !== undefined && wanted) failures.push({ ...at, ...CONTESTED });
      else if (outcome && 'failed' in outcome && tell) failures.push(failureOf(at, 'Patching imagePullSecrets', outcome.error, undefined));
      else if (outcome && 'failed' in outcome) pending = true;
      else synced += wanted ? 1 : 0;
    }
    const nothing = desired === 0 && !pending && failures.length === 0;
    if (nothing && context.books.get(intent.name)?.accounts.get(namespace) === undefined) continue;
    settle(context, intent.name, 'accounts', namespace, nothing ? undefined : standing(desired, synced, pending, failures));
  }
}

const CONTESTED = {
  reason: REASON.contested,
  message:
    'Somebody else keeps removing our entry from imagePullSecrets; pods that are made in between pull without it. Where that is Argo CD, Flux or kubectl apply, take imagePullSecrets out of the account in Git, name this Secret in it, too, or have the field ignored (Argo CD: ignoreDifferences with RespectIgnoreDifferences=true; Flux: spec.ignore). Or exclude the account with the label regcred.dev/exclude: "true".',
  conflict: false,
  final: false,
};

function namesThere({ world, intents, unsure }: Context, namespace: string): NamesThere {
  const alive = [...world.credentials.all()].filter((credential) => !isGone(credential));
  const byUid = new Map(alive.map(({ uid, name }) => [uid, intents.get(name) ?? ('undecided' as const)]));
  const someUndecided = alive.some(({ name }) => !intents.has(name));
  return {
    isPlaced: (intent) => {
      const secret = secretAt(world, namespace, intent.secretName);
      return secret !== undefined && isOurs(intent, secret, { rival: undefined });
    },
    belongsTo: (name) => {
      if (world.sourceNamespaces && !world.foreign.view(name)?.synced) return 'undecided';
      const uid = world.managed.get(namespace, name)?.labels[LABEL.credentialUid];
      if (uid !== undefined) return byUid.get(uid) ?? 'gone';
      if (!someUndecided || [...intents.values()].some(({ secretName }) => secretName === name)) return 'nobody';
      unsure.add(namespace);
      return 'undecided';
    },
  };
}
