import { isNamespaced } from '../api/credential-ref.ts';
import { RULES_NAME } from '../api/names.ts';
import { type Problem, REASON } from '../api/reasons.ts';
import type { CredentialRecord, RulesRecord } from '../api/records.ts';
import type { ObservedCluster } from '../cluster/observed-cluster.ts';
import { hashOfRules, pullSecretRules } from '../cluster/pull-secret-rules.ts';
import type { ClusterWriter } from '../cluster/writer.ts';
import { isNotFound } from '../kube/errors.ts';
import type { Log } from '../log.ts';
import { redact } from '../plan/content/redact.ts';
import { type Compilation, compileRules } from '../plan/injection/compile.ts';
import { type InjectionRule, rulesOf } from '../plan/injection/rule.ts';
import { FIND_POLICY } from '../plan/placement/contested.ts';
import { whyNotServed } from '../plan/targets/served.ts';
import type { KeyOf } from '../queue/keys.ts';
import type { Requeue } from '../queue/queue.ts';
import type { InjectionProgress } from '../status/injection-progress.ts';
import type { Reporter } from '../status/reporter.ts';
import type { DriftMemory } from './drift-memory.ts';
import type { Pace } from './pace.ts';
import { attempt, type RetryPolicy, reasonOf, type StepOutcome } from './retry.ts';

export interface RulesReconciler {
  readonly observed: Pick<ObservedCluster, 'credentials' | 'namespaces' | 'rules'>;
  /** `--namespaced`: whether the credentials of namespaces are served. */
  readonly isNamespacedOn: boolean;
  readonly injection: InjectionProgress;
  readonly writer: Pick<ClusterWriter, 'createRules' | 'replaceRules'>;
  readonly reporter: Pick<Reporter, 'touch'>;
  readonly retries: RetryPolicy;
  readonly drift: DriftMemory;
  readonly pace: Pace;
  readonly log: Log;
  readonly now: () => number;
}

/** The id of the only object, for the memory of drift. */
const ID = 'rules';

/**
 * Compiles the rules of all credentials into the PullSecretRules, and writes them if they have changed or if others changed them. It rests
 * while the cluster does not have the kind: then no policy can read it.
 */
export async function reconcileRules(reconciler: RulesReconciler, key: KeyOf<'rules'>): Promise<Requeue | undefined> {
  const { observed, retries, drift, pace, now } = reconciler;
  if (!observed.rules.synced || isNotFound(observed.rules.error)) return undefined;
  if (pace.waitMs > 0) return { afterMs: pace.waitMs };
  const begunAt = now();
  const credentials = [...observed.credentials.all()];
  const compilation = compileRules(observedRules(reconciler));
  pace.computed(begunAt);
  const hash = hashOfRules(compilation.rules);
  const before = observed.rules.get('', RULES_NAME);
  if (before?.hash === hash) {
    retries.succeeded(key);
    return recordWritten(reconciler, credentials, compilation, hash);
  }
  const waitMs = drift.repairDelayMs(ID, hash);
  if (waitMs > 0) return { afterMs: waitMs };
  const outcome = await write(reconciler, compilation, before);
  if ('failed' in outcome) {
    const { requeue, isReported } = retries.decide(key, outcome);
    if (isReported) recordProblem(reconciler, problemOf(outcome.error));
    return requeue;
  }
  retries.succeeded(key);
  if (outcome.stored.hash !== hash) {
    drift.recordRejection(ID, hash, { field: 'spec', uid: outcome.stored.uid });
    recordProblem(reconciler, CHANGED_BY_POLICY);
    return { afterMs: drift.repairDelayMs(ID, hash) };
  }
  drift.recordRepair(ID, hash);
  return recordWritten(reconciler, credentials, compilation, hash);
}

function observedRules({ observed: { credentials, namespaces }, isNamespacedOn }: RulesReconciler): InjectionRule[] {
  const served = new Map<string, boolean>();
  const isServed = (credential: CredentialRecord) => {
    const known = served.get(credential.uid) ?? !whyNotServed(credential, credentials.in(credential.namespace), isNamespacedOn);
    served.set(credential.uid, known);
    return known;
  };
  return rulesOf(credentials.clusterScoped.all(), {
    namespaces: credentials.namespaced.size > 0 ? namespaces.all() : [],
    *candidates(namespace) {
      for (const credential of credentials.reaching(namespace)) if (isNamespaced(credential) && isServed(credential)) yield credential;
    },
    tenantOf: (namespace) => credentials.tenantOf(namespace),
  });
}

async function write({ observed, writer, pace }: RulesReconciler, { rules }: Compilation, before: RulesRecord | undefined) {
  const body = pullSecretRules(rules, before);
  pace.wrote(JSON.stringify(body).length);
  let stored: RulesRecord | undefined;
  const outcome = await attempt(async () => {
    stored = await (before ? writer.replaceRules(body) : writer.createRules(body));
    observed.rules.applyOwnWrite(stored);
  });
  return stored ? { stored } : (outcome as Extract<StepOutcome, { readonly error: unknown }>);
}

function recordWritten(
  reconciler: RulesReconciler,
  credentials: readonly CredentialRecord[],
  { capped }: Compilation,
  hash: string,
): Requeue | undefined {
  const { injection, reporter, drift } = reconciler;
  const contestedMs = drift.contestedForMs(ID, hash);
  if (contestedMs > 0) {
    recordProblem(reconciler, CHANGED_BY_OTHERS);
    return { afterMs: contestedMs };
  }
  drift.dropFinished(ID, hash);
  for (const credential of injection.recordWritten(credentials, capped)) reporter.touch(credential);
  return undefined;
}

function recordProblem({ observed, injection, reporter, log }: RulesReconciler, problem: Problem): void {
  if (!injection.recordProblem(problem)) return;
  log.warn('The rules for new pods are not in place; retrying.', { reason: problem.reason, problem: problem.message });
  for (const credential of observed.credentials.all()) reporter.touch(credential);
}

function problemOf(error: unknown): Problem {
  const reason = reasonOf(error);
  const fix =
    reason === REASON.unavailable
      ? 'The operator keeps retrying.'
      : 'Grant the permissions in manifests/rbac.yaml, or find the admission policy or webhook that refuses.';
  const cause = redact((error as Error).message, undefined).replace(/\.$/, '');
  return {
    reason,
    message: `The operator cannot write the PullSecretRules ${RULES_NAME}, which the policy for new pods reads: ${cause}. ${fix}`,
  };
}

const CHANGED_BY_OTHERS: Problem = {
  reason: REASON.contested,
  message: `Another controller or user keeps changing the PullSecretRules ${RULES_NAME}, which the policy for new pods reads. Only the operator may write it. Find the other one with kubectl get pullsecretrules ${RULES_NAME} -o yaml --show-managed-fields, and take its right away.`,
};

const CHANGED_BY_POLICY: Problem = {
  reason: REASON.contested,
  message: `The API server does not store the PullSecretRules ${RULES_NAME} as the operator writes it. Apply the CustomResourceDefinition of this version (crds/pullsecretrules.yaml). If it is that of this version, a mutating admission policy or webhook changes it. ${FIND_POLICY}`,
};
