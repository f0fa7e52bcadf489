/**
 * `regcred cleanup`: takes back what RegistryCredentials have made, and lets them go: by an operator where one runs, since there is one writer; by itself where none
 * does, with the operator's own decisions (plan/cleanup) and the person's own rights.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { FINALIZER } from '../api/names.ts';
import type { CredentialRecord } from '../api/records.ts';
import type { Kube } from '../kube/client.ts';
import { classify, isNotFound, retryAfterMsOf } from '../kube/errors.ts';
import { Leader, type Leadership } from '../kube/leader.ts';
import { accounts, credentials, foreignSecrets, managedSecrets, namespaces } from '../kube/resources.ts';
import { list, type Target } from '../kube/watch.ts';
import { type Choice, type Cleanup, type Found, isChosen, isTakenBack, planCleanup, type Step } from '../plan/cleanup.ts';
import { secretNameOf } from '../plan/intent.ts';
import { asking, type ClusterFlags } from './kubeconfig.ts';
import { each, said, saidFailure, take } from './steps.ts';
import { safe } from './view.ts';
import { type Answer, Unusable, type World } from './world.ts';

/** As the flags have it. */
export interface CleanupFlags extends ClusterFlags {
  readonly all?: true;
  readonly dryRun: DryRun;
  /** In seconds: for how long an operator that runs is waited for. */
  readonly timeout: number;
}

type DryRun = 'client' | 'server' | 'none';

/** Passing failures, and what has changed meanwhile, are tried again, after a new look at all of it. */
const ROUNDS = 8;

const ROUND_MS = 500;

const RIGHT =
  'To find all that was made takes the right to list registrycredentials, namespaces, serviceaccounts, secrets and leases in all namespaces.';

export async function cleanup(names: readonly string[], flags: CleanupFlags, world: World): Promise<Answer> {
  if (flags.all ? names.length > 0 : names.length === 0) {
    throw new Unusable('Say which RegistryCredentials are to go: their names, or --all for everything that regcred has made. Not both.');
  }
  const choice: Choice = flags.all ? 'all' : names;
  return asking(flags, RIGHT, async (kube) => {
    const there = await living(kube);
    const chosen = there.filter(({ name }) => isChosen(choice, name));
    const plan = planCleanup(await look(kube, chosen), choice, chosen);
    const leader = new Leader(kube);
    const leadership = await whoLeads(leader, world);
    const notes = [
      ...names
        .filter((name) => !chosen.some((credential) => credential.name === name))
        .map((name) => `There is no RegistryCredential ${JSON.stringify(name)}.`),
      ...chosen
        .filter(({ spec }) => spec.deletionPolicy === 'Retain')
        .map(({ name }) => `${name} has deletionPolicy Retain: its Secrets and the references to them stay.`),
    ];
    if (flags.dryRun !== 'none') return dryRun(kube, plan, flags.dryRun, [...notes, ...whatNext(plan, names, leadership, world)]);
    return carryOut({ kube, leader, choice, world, timeoutMs: flags.timeout * 1000 }, plan, chosen, notes);
  });
}

async function every<R>(kube: Kube, target: Target<R>): Promise<R[]> {
  const found: R[] = [];
  for await (const record of list(kube, target)) found.push(record);
  return found;
}

/** Of a kind that is not there, or not any more, there is none. */
const living = (kube: Kube): Promise<CredentialRecord[]> =>
  every(kube, credentials).catch((error: unknown) => (isNotFound(error) ? [] : Promise.reject(error)));

/** All that there is to know for a decision. */
async function look(kube: Kube, chosen: readonly CredentialRecord[]): Promise<Found> {
  const [spaces, all, ours] = await Promise.all([every(kube, namespaces), every(kube, accounts), every(kube, managedSecrets)]);
  const others = [];
  for (const name of new Set(chosen.map(secretNameOf))) others.push(...(await every(kube, foreignSecrets(name))));
  // Last, so that whatever a Secret was made for is known, if it is there at all.
  return { credentials: await living(kube), namespaces: spaces, accounts: all, secrets: [...ours, ...others] };
}

/** Waits until it is known. */
async function whoLeads(leader: Leader, { say }: World): Promise<Leadership> {
  for (let tries = 0; ; tries++) {
    const leadership = await leader.look();
    if (leadership.state !== 'unknown') return leadership;
    if (tries === 0) say('There is a Lease of an operator; looking whether it is renewed. That takes 3 seconds, or 12 where it is not.');
    await delay(ROUND_MS);
  }
}

async function dryRun(kube: Kube, { begin, takeBack, end }: Cleanup, how: 'client' | 'server', notes: readonly string[]): Promise<Answer> {
  const steps = [...begin, ...takeBack, ...end];
  const failures = how === 'server' ? await each(steps, (step) => take(kube, step, how)) : [];
  const failed = new Set(failures.map(({ step }) => step));
  const output = steps.filter((step) => !failed.has(step)).map((step) => `${said(step)} (${how === 'server' ? 'server ' : ''}dry run)\n`);
  return { output: output.join(''), notes: [...failures.map(saidFailure), ...notes], exitCode: steps.length > 0 ? 1 : 0 };
}

interface Work {
  readonly kube: Kube;
  readonly leader: Leader;
  readonly choice: Choice;
  readonly world: World;
  readonly timeoutMs: number;
}

async function carryOut(work: Work, { begin }: Cleanup, asked: readonly CredentialRecord[], notes: readonly string[]): Promise<Answer> {
  const { kube, world } = work;
  const run = async (step: Step) => {
    await take(kube, step, 'none');
    world.print(said(step));
  };
  const refused = await each(begin, run);
  const uids = new Set(refused.map(({ step }) => 'uid' in step && step.uid));
  const chosen = asked.filter(({ uid }) => !uids.has(uid));
  const late = await waitForOperator(work, chosen);
  const answer = (left: readonly string[]): Answer => ({
    output: '',
    notes: [...notes, ...(left.length > 0 ? left : ['Nothing is left to do.'])],
    exitCode: left.length > 0 ? 1 : 0,
  });
  if (late.length > 0) return answer([...refused.map(saidFailure), ...late]);

  for (let round = 1; ; round++) {
    const found = await look(kube, chosen);
    const { takeBack, end } = planCleanup(found, work.choice, chosen);
    const free = new Set(chosen.filter((credential) => isTakenBack(credential, takeBack)).map(({ uid }) => uid));
    const steps = [...takeBack, ...end.filter((step) => 'uid' in step && free.has(step.uid))];
    if (steps.length === 0) return answer([...refused.map(saidFailure), ...heldByOthers(found.credentials, chosen)]);
    world.say(`${steps.length} to do.`);
    const failures = await each(steps, run, (count) => world.say(`${count} of ${steps.length} done.`));
    const hopeless = failures.length === steps.length && failures.every(({ error }) => classify(error) === 'refused');
    if (hopeless || round === ROUNDS) {
      const again = 'What was done stays done: run this again when that is mended.';
      return answer([...refused.map(saidFailure), ...failures.map(saidFailure), again]);
    }
    if (failures.length > 0) await delay(Math.max(ROUND_MS, ...failures.map(({ error }) => retryAfterMsOf(error))));
  }
}

/** Lets an operator that runs do its work; gives up waiting when it ends. Returns what is to be said where it takes too long. */
async function waitForOperator({ kube, leader, world, timeoutMs }: Work, chosen: readonly CredentialRecord[]): Promise<string[]> {
  const uids = new Set(chosen.map(({ uid }) => uid));
  const held = (those: readonly CredentialRecord[]) =>
    those.filter(({ uid, finalizers }) => uids.has(uid) && finalizers.includes(FINALIZER));
  const begun = performance.now();
  let told = Number.POSITIVE_INFINITY;
  for (let left = held(chosen); left.length > 0; left = held(await living(kube))) {
    const leadership = await whoLeads(leader, world);
    if (leadership.state !== 'runs') return [];
    if (left.length < told) world.say(`${saysWho(leadership)} takes back what ${left.length} of them made.`);
    told = left.length;
    if (performance.now() - begun > timeoutMs) {
      const why = left.map(
        ({ name, status }) => `${name}: ${safe(status?.conditions?.find(({ type }) => type === 'Ready')?.message ?? 'no word of it yet')}`,
      );
      return [
        ...why,
        `${saysWho(leadership)} is not done with that after ${timeoutMs / 1000} s. Run this again to wait for it; if that is no operator, delete the Lease.`,
      ];
    }
    await delay(ROUND_MS);
  }
  return [];
}

function whatNext({ begin, takeBack, end }: Cleanup, names: readonly string[], leadership: Leadership, { program }: World): string[] {
  if (begin.length + takeBack.length + end.length === 0) return ['Nothing is left to do.'];
  const who =
    leadership.state === 'runs'
      ? `${saysWho(leadership)} runs: it takes back what they made as soon as they are deleted, and this command waits for it.`
      : 'No operator runs: this command does all of it by itself.';
  return [`Nothing was done yet. ${who}`, `To do it: ${program} cleanup ${names.length > 0 ? names.join(' ') : '--all'} --dry-run=none`];
}

const saysWho = ({ lease, holder }: Extract<Leadership, { state: 'runs' }>) => `The operator (Lease ${lease}, held by ${safe(holder)})`;

/** What is deleted, and stays as long as somebody else wants it to. */
const heldByOthers = (there: readonly CredentialRecord[], chosen: readonly CredentialRecord[]): string[] =>
  there
    .filter(({ uid }) => chosen.some((credential) => credential.uid === uid))
    .map(
      ({ name, finalizers }) =>
        `${name} is still there, for the finalizers of others: ${finalizers.join(', ')}. All that it made has been taken back.`,
    );
