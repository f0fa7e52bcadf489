/**
 * `regcred cleanup`: removes what RegistryCredentials have created, and deletes them. If an operator runs, it does the work, because
 * there is one writer. If none runs, this command does it, with the operator's own decisions (plan/placement/cleanup) and the user's rights.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { CredentialRecord } from '../../api/records.ts';
import type { KubeClient } from '../../kube/client.ts';
import { retryAfterMsOf } from '../../kube/errors.ts';
import {
  type CleanupChoice,
  type CleanupPlan,
  type CleanupStep,
  isChosen,
  isCleanedUp,
  planCleanup,
} from '../../plan/placement/cleanup.ts';
import { CommandError, type CommandIo, type CommandResult } from '../command-io.ts';
import { credentialName } from '../credential-name.ts';
import { EXIT } from '../exit-codes.ts';
import { type ClusterFlags, withCluster } from '../kubeconfig.ts';
import type { DryRun } from './dry-run.ts';
import type { Execution } from './execution.ts';
import { listCredentials, observeCluster } from './observe.ts';
import { OperatorPresence, type Presence } from './operator-presence.ts';
import { formatName, formatStep, formatStepFailure, isHopeless, runSteps, sendStep } from './steps.ts';
import { formatOperator, waitForOperator, waitForPresence } from './wait-for-operator.ts';

export interface CleanupFlags extends ClusterFlags {
  readonly all?: true;
  /** The names are of NamespacedRegistryCredentials in this namespace. */
  readonly namespace?: string;
  readonly dryRun: DryRun;
  /** Print only the names of objects. */
  readonly output?: 'name';
  /** A name without a RegistryCredential is not an error. */
  readonly ignoreNotFound?: true;
  /** How long to wait for a running operator, in seconds. */
  readonly timeout: number;
}

/** Steps that failed for a passing reason, or because the object changed, are planned again from a new observation. */
const MAX_ROUNDS = 8;

const ROUND_MS = 500;

const REQUIRED_RIGHTS =
  'To find everything that was created, cleanup needs the right to list registrycredentials, namespacedregistrycredentials, namespaces, serviceaccounts, secrets, leases and pullsecretrules in all namespaces.';

/** @param args each as `acme` or `regcred/acme` */
export async function cleanup(args: readonly string[], flags: CleanupFlags, io: CommandIo): Promise<CommandResult> {
  const names = args.map(credentialName);
  if (flags.all ? names.length > 0 : names.length === 0) {
    throw new CommandError('Name the RegistryCredentials to clean up, or give --all for everything that regcred has created. Not both.');
  }
  if (flags.all && flags.namespace !== undefined)
    throw new CommandError('--all is for every namespace. Name the credentials, or leave --namespace out.');
  const choice: CleanupChoice = flags.all ? 'all' : { namespace: flags.namespace ?? '', names };
  return withCluster(flags, io, REQUIRED_RIGHTS, async (kube) => {
    const chosen = (await listCredentials(kube)).filter((credential) => isChosen(choice, credential));
    const missing = names
      .filter((name) => !chosen.some((credential) => credential.name === name))
      .map((name) => formatMissing(name, flags.namespace));
    // Before anything is done: the name may be a typing error.
    if (missing.length > 0 && !flags.ignoreNotFound) throw new CommandError(missing);
    const operator = new OperatorPresence(kube);
    const presence = await waitForPresence(operator, io);
    const plan = planCleanup(await observeCluster(kube, chosen, presence.state, io.progress), choice, chosen);
    const notes = [
      ...missing,
      ...chosen
        .filter(({ spec }) => spec.deletionPolicy === 'Retain')
        .map(({ name }) => `${name} has deletionPolicy Retain: its Secrets and the references to them stay.`),
    ];
    if (flags.dryRun !== 'none')
      return dryRun(kube, plan, flags, { notes: [...notes, ...nextSteps(plan, names, flags, presence, io)], io });
    const format = flags.output === 'name' ? formatName : formatStep;
    return execute({ kube, operator, choice, io, format, timeoutMs: flags.timeout * 1000 }, plan, chosen, notes);
  });
}

const formatMissing = (name: string, namespace: string | undefined) =>
  namespace === undefined
    ? `There is no RegistryCredential ${JSON.stringify(name)}.`
    : `There is no NamespacedRegistryCredential ${JSON.stringify(name)} in namespace ${namespace}.`;

async function dryRun(
  kube: KubeClient,
  plan: CleanupPlan,
  { dryRun, output }: CleanupFlags,
  { notes, io }: { readonly notes: readonly string[]; readonly io: CommandIo },
): Promise<CommandResult> {
  const steps = [...plan.deletions, ...plan.removals, ...plan.finish];
  const isAsking = dryRun === 'server';
  const failures = isAsking ? await runSteps(steps, (step) => sendStep(kube, step, dryRun), io.progress) : [];
  const failed = new Set(failures.map(({ step }) => step));
  const format = output === 'name' ? formatName : (step: CleanupStep) => `${formatStep(step)} (${isAsking ? 'server ' : ''}dry run)`;
  const lines = steps.filter((step) => !failed.has(step)).map((step) => `${format(step)}\n`);
  return {
    output: lines.join(''),
    notes: [...failures.map(formatStepFailure), ...notes],
    exitCode: steps.length > 0 ? EXIT.found : EXIT.ok,
  };
}

async function execute(
  execution: Execution,
  { deletions }: CleanupPlan,
  asked: readonly CredentialRecord[],
  notes: readonly string[],
): Promise<CommandResult> {
  const { kube, io, format } = execution;
  const run = async (step: CleanupStep) => {
    await sendStep(kube, step, 'none');
    io.print(format(step));
  };
  const refused = await runSteps(deletions, run, io.progress);
  const refusedUids = new Set(refused.map(({ step }) => 'uid' in step && step.uid));
  const chosen = asked.filter(({ uid }) => !refusedUids.has(uid));
  const unfinished = await waitForOperator(execution, chosen);
  const rest = unfinished.length > 0 ? unfinished : await removeRest(execution, chosen, run);
  const left = [...refused.map(formatStepFailure), ...rest];
  return {
    output: '',
    notes: [...notes, ...(left.length > 0 ? left : ['Nothing is left to do.'])],
    exitCode: left.length > 0 ? EXIT.found : EXIT.ok,
  };
}

/** Does the operator's work, in rounds. Returns what is left and why. */
async function removeRest(
  { kube, operator, choice, io }: Execution,
  chosen: readonly CredentialRecord[],
  run: (step: CleanupStep) => Promise<void>,
): Promise<readonly string[]> {
  for (let round = 1; ; round++) {
    const { state } = await waitForPresence(operator, io);
    const observed = await observeCluster(kube, chosen, state, io.progress);
    const { removals, finish } = planCleanup(observed, choice, chosen);
    const cleanedUp = new Set(chosen.filter((credential) => isCleanedUp(credential, removals)).map(({ uid }) => uid));
    const steps = [...removals, ...finish.filter((step) => 'uid' in step && cleanedUp.has(step.uid))];
    if (steps.length === 0) return keptByOthers(observed.credentials, chosen);
    io.say(`${steps.length} steps to do.`);
    const failures = await runSteps(steps, run, io.progress);
    const isStuck = failures.length === steps.length && failures.every(isHopeless);
    if (isStuck || round === MAX_ROUNDS) {
      return [...failures.map(formatStepFailure), 'What was done stays done. Fix this, then run the command again.'];
    }
    if (failures.length > 0) await delay(Math.max(ROUND_MS, ...failures.map(({ error }) => retryAfterMsOf(error))));
  }
}

function nextSteps(
  { deletions, removals, finish }: CleanupPlan,
  names: readonly string[],
  { namespace }: CleanupFlags,
  presence: Presence,
  { program }: CommandIo,
): string[] {
  if (deletions.length + removals.length + finish.length === 0) return ['Nothing is left to do.'];
  const who =
    presence.state === 'runs'
      ? `${formatOperator(presence)} runs. It cleans up as soon as they are deleted, and this command waits for it.`
      : 'No operator runs, so this command does all of it.';
  return [
    `Nothing was done yet. ${who}`,
    `To do it: ${program} cleanup ${names.length > 0 ? names.join(' ') : '--all'}${namespace === undefined ? '' : ` -n ${namespace}`} --dry-run=none`,
  ];
}

/** Credentials that are deleted, but still exist because of the finalizers of others. */
const keptByOthers = (remaining: readonly CredentialRecord[], chosen: readonly CredentialRecord[]): string[] =>
  remaining
    .filter(({ uid }) => chosen.some((credential) => credential.uid === uid))
    .map(
      ({ name, finalizers }) =>
        `${name} is still there because of the finalizers of others: ${finalizers.join(', ')}. Everything that it created has been removed.`,
    );
