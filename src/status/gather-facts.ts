import { type CredentialRef, refOf } from '../api/credential-ref.ts';
import { PENDING } from '../api/names.ts';
import { REASON } from '../api/reasons.ts';
import type { CredentialRecord } from '../api/records.ts';
import type { ObservedCluster } from '../cluster/observed-cluster.ts';
import { classify, isNotFound } from '../kube/errors.ts';
import { redact } from '../plan/content/redact.ts';
import { isEnding, secretNameOf, wantsPodRecovery } from '../plan/placement/intent.ts';
import { injectionOf, type RulesState } from '../plan/pods/injection.ts';
import type { PlacementFacts, PodRecoveryFacts, StatusFacts } from '../plan/status/facts.ts';
import { selectsAnyAccount, unmatchedParts } from '../plan/targets/targets.ts';
import type { CredentialState, CredentialStates } from './credential-state.ts';
import { outdatedFacts } from './lost-watches.ts';
import type { PlacementCounts } from './placement-counts.ts';
import type { StatusSource } from './reporter.ts';

/** Settings of the operator that a status depends on. */
export interface StatusSettings {
  readonly isVerificationOn: boolean;
  readonly expiryWarningMs: number;
}

/** Reads what a status reports from the credential's state and the observed cluster. */
export function statusSource(states: CredentialStates, observed: ObservedCluster, settings: StatusSettings): StatusSource {
  return {
    progressOf(ref) {
      const { state } = reportedCredential(states, observed, ref) ?? {};
      return (
        state && {
          generation: state.generation,
          isBusy: (state.sources.state === 'loading' && !state.notServed) || state.isFanningOut || state.pending > 0,
        }
      );
    },
    factsOf(ref) {
      const subject = reportedCredential(states, observed, ref);
      return subject && factsOf(observed, subject, states, settings);
    },
  };
}

type ReportedCredential = NonNullable<ReturnType<typeof reportedCredential>>;

/** Undefined if there is nothing to report. A credential that is being deleted reports nothing until its cleanup has begun. */
function reportedCredential(states: CredentialStates, { credentials }: ObservedCluster, ref: CredentialRef) {
  const state = states.stateOf(ref);
  const credential = credentials.get(ref.namespace, ref.name);
  const intent = states.intentOf(ref);
  if (!state || !credential || (credential.terminating && !(intent && isEnding(intent)))) return undefined;
  return { state, credential, intent };
}

function factsOf(
  observed: ObservedCluster,
  { state, credential, intent }: ReportedCredential,
  states: CredentialStates,
  settings: StatusSettings,
): StatusFacts {
  const secretName = intent?.secretName ?? secretNameOf(credential);
  return {
    generation: state.generation,
    ref: refOf(credential),
    notServed: credential.terminating ? undefined : state.notServed,
    secretName,
    mode: intent?.mode ?? 'sync',
    isSuspended: credential.spec.suspend,
    selectsAccounts: selectsAnyAccount(credential.spec),
    injection: injectionOf(credential, observed.podPolicy.state, rulesState(observed, credential, states)),
    sources: state.sources,
    blocked: state.blocked,
    outdated: outdatedFacts(observed, credential, secretName),
    podRecovery: podRecoveryFacts(observed, credential, state),
    unmatched: unmatchedParts(credential.spec, targetsOf(observed, state)),
    verification: {
      ...state.verification,
      isEnabled: settings.isVerificationOn && credential.spec.verification.mode !== 'None',
      warningMs: settings.expiryWarningMs,
    },
    secrets: placementFacts(state.secrets, state),
    accounts: placementFacts(state.accounts, state),
  };
}

/** Whether the PullSecretRules contain this credential. */
function rulesState({ rules }: ObservedCluster, credential: CredentialRecord, { injection }: CredentialStates): RulesState {
  if (isNotFound(rules.error)) return 'noRules';
  if (rules.synced || rules.error === undefined) return injection.stateOf(credential);
  const why = redact((rules.error as Error).message, undefined);
  const problem = {
    reason: REASON.forbidden,
    message: `The operator cannot read the PullSecretRules: ${why}. Grant the permissions in manifests/rbac.yaml.`,
  };
  return classify(rules.error) === 'refused' ? { problem } : 'pending';
}

function* targetsOf({ namespaces }: ObservedCluster, { secrets }: CredentialState) {
  for (const name of secrets.namespaces()) {
    const namespace = namespaces.get('', name);
    if (namespace) yield namespace;
  }
}

const placementFacts = (counts: PlacementCounts, { isFanningOut }: CredentialState): PlacementFacts => ({
  counters: counts.counters(),
  pending: counts.pending + (isFanningOut ? 1 : 0),
  failures: counts.failures(),
});

function podRecoveryFacts(
  { pods }: ObservedCluster,
  credential: CredentialRecord,
  { notEvicted }: CredentialState,
): PodRecoveryFacts | undefined {
  if (!wantsPodRecovery(credential)) return undefined;
  const pending = pods.view(PENDING);
  if (pending?.error !== undefined && (pending.isOutdated || classify(pending.error) === 'refused')) {
    return { state: 'blind', why: redact((pending.error as Error).message, undefined) };
  }
  return pending?.synced ? { state: 'watching', notEvicted: [...notEvicted.values()] } : { state: 'starting' };
}
