import { CONDITION, type Problem, REASON, type Reason } from '../api/reasons.ts';
import type { RegistryCredentialStatus } from '../api/types.ts';
import type { Injection } from './injection.ts';
import { type Intent, isEnding, leavesAccounts } from './intent.ts';

type Counters = NonNullable<RegistryCredentialStatus['namespaces']>;
type Condition = NonNullable<RegistryCredentialStatus['conditions']>[number];
type FailureRow = NonNullable<RegistryCredentialStatus['failures']>[number];
type Verdict = Pick<Condition, 'status' | 'reason' | 'message'>;

/** Everything that a status says, as it is at one moment. */
export interface Facts {
  readonly generation: number;
  readonly secretName: string;
  readonly mode: Intent['mode'];
  readonly suspended: boolean;
  /** Whether spec.serviceAccounts asks for any at all. */
  readonly wantsAccounts: boolean;
  readonly injection: Injection;
  readonly sources:
    | { readonly state: 'loading' }
    | { readonly state: 'invalid'; readonly problems: readonly Problem[] }
    | { readonly state: 'ready'; readonly servers: number };
  /** Why it cannot be known what stands under the name of the Secret, where a person must act on that. */
  readonly blocked?: Problem | undefined;
  /** Which parts of spec.namespaces match nothing, where others do. */
  readonly unmatched?: readonly string[];
  /** Undefined where spec.podRecovery does not ask for it. */
  readonly podRecovery?: PodRecovery | undefined;
  readonly secrets: Side;
  readonly accounts: Side;
}

/** Whether stuck pods are looked after. */
export type PodRecovery =
  | { readonly state: 'starting' }
  /** The API server does not let us see pods; in its own words. */
  | { readonly state: 'blind'; readonly why: string }
  | { readonly state: 'watching'; readonly notEvicted: readonly Problem[] };

/** How the Secrets, or the ServiceAccounts, stand over all namespaces. */
export interface Side {
  readonly counters: Counters;
  readonly pending: number;
  readonly failures: readonly FailureRow[];
}

const MOST_FAILURES = 20;
const LONGEST_MESSAGE = 1024;

/** The status for the facts. Conditions that did not change keep the time of their last transition. */
export function statusOf(facts: Facts, before: RegistryCredentialStatus | undefined, now: Date): RegistryCredentialStatus {
  const failures = [...facts.secrets.failures, ...facts.accounts.failures].sort(byPlace);
  const { desired, synced } = facts.secrets.counters;
  const verdicts: Record<string, Verdict> = verdictsOf(facts);
  const conditions = Object.entries(verdicts).map(([type, verdict]) => conditionOf(type, verdict, facts.generation, before, now));
  // While nothing is touched nothing is counted either, and what was last seen still tells most.
  const counted = leavesAccounts(facts) && before?.summary !== undefined;
  return {
    observedGeneration: facts.generation,
    secretName: facts.secretName,
    summary: counted ? before.summary : `${synced}/${desired}`,
    namespaces: counted ? before.namespaces : facts.secrets.counters,
    serviceAccounts: counted ? before.serviceAccounts : facts.accounts.counters,
    failuresTotal: failures.length,
    failures: failures.slice(0, MOST_FAILURES).map(row),
    conditions,
  };
}

function verdictsOf(facts: Facts): Record<string, Verdict> {
  const sources = sourcesVerdict(facts);
  const secrets = sideVerdict(facts, facts.secrets, 'namespace', 'namespaces', `The Secret ${facts.secretName}`);
  const accounts = sideVerdict(facts, facts.accounts, 'ServiceAccount', 'ServiceAccounts', 'The reference');
  return {
    [CONDITION.ready]: readyVerdict(facts, [sources, secrets, accounts]),
    [CONDITION.sourcesReady]: sources,
    [CONDITION.secretsSynced]: secrets,
    [CONDITION.serviceAccountsSynced]: accounts,
    [CONDITION.podInjection]: injectionVerdict(facts),
    ...(facts.podRecovery && { [CONDITION.podRecovery]: recoveryVerdict(facts.podRecovery) }),
  };
}

/** The mend of every refusal about pods: the rights are a component of their own. */
const POD_RIGHTS =
  'Give the operator the rights in manifests/components/pod-recovery (of the Helm chart: podRecovery), find the policy that says no, or set spec.podRecovery: None.';

/** By itself: a pod that hangs is no reason to call the placement unready. */
function recoveryVerdict(recovery: PodRecovery): Verdict {
  switch (recovery.state) {
    case 'starting':
      return unknown(REASON.resolving, 'The pending pods are being listed.');
    case 'blind':
      return no(
        REASON.forbidden,
        `The pending pods cannot be seen, so nothing is done for those that hang: ${recovery.why}. ${POD_RIGHTS}`,
      );
    case 'watching': {
      const [first] = recovery.notEvicted;
      if (first === undefined) return yes(REASON.watchingPods, 'Pods that hang for want of these credentials are made anew.');
      const affected = count(recovery.notEvicted.length, 'pod that hangs', 'pods that hang');
      return no(first.reason, `${affected} cannot be made anew: ${first.message}. ${POD_RIGHTS}`);
    }
    default:
      return recovery satisfies never;
  }
}

function readyVerdict(facts: Facts, parts: readonly Verdict[]): Verdict {
  const bad = parts.filter(({ status }) => status === 'False');
  if (isEnding(facts)) return bad[0] ?? unknown(REASON.deleting, removing(facts));
  if (facts.mode === 'hold') return parts[1] as Verdict;
  const [first] = bad;
  if (first) return { ...first, message: brief(bad.map(({ message }) => message).join(' ')) };
  const underWay = parts.find(({ status }) => status === 'Unknown');
  if (underWay) return underWay;
  const { secrets, accounts } = facts;
  if (secrets.counters.desired === 0) {
    return yes(REASON.noNamespaceMatches, 'No namespace matches spec.namespaces at present; those that come to match get the Secret.');
  }
  if (accounts.counters.desired === 0 && facts.wantsAccounts) return noAccounts(facts);
  return yes(
    REASON.synced,
    `The Secret ${facts.secretName} is in place in ${count(secrets.counters.synced, 'namespace', 'namespaces')}, and ${count(accounts.counters.synced, 'ServiceAccount refers', 'ServiceAccounts refer')} to it.${sayUnmatched(facts.unmatched ?? [])}`,
  );
}

function sourcesVerdict(facts: Facts): Verdict {
  const { sources, suspended } = facts;
  if (isEnding(facts)) return unknown(REASON.deleting, 'The sources no longer matter: the RegistryCredential is being deleted.');
  switch (sources.state) {
    case 'loading':
      return unknown(suspended ? REASON.suspended : REASON.resolving, 'The sources are being read.');
    case 'ready':
      return yes(REASON.resolved, `All sources are valid; they hold credentials for ${count(sources.servers, 'server', 'servers')}.`);
    case 'invalid': {
      const [first] = sources.problems as [Problem];
      const placed = facts.secrets.counters.synced > 0 ? 'What has been placed stays as it is.' : 'Nothing is placed until this is mended.';
      return no(first.reason, [...sources.problems.map(({ message }) => message), placed].join(' '));
    }
    default:
      return sources satisfies never;
  }
}

function sideVerdict(facts: Facts, side: Side, one: string, many: string, what: string): Verdict {
  const { counters, pending, failures } = side;
  if (facts.mode === 'hold')
    return unknown(REASON.suspended, 'spec.suspend is true: nothing is placed, repaired or taken back until it is false.');
  if (facts.mode === 'place' && facts.blocked && side === facts.secrets) return no(facts.blocked.reason, facts.blocked.message);
  if (facts.mode === 'place' && facts.sources.state === 'loading') {
    return unknown(REASON.resolving, 'Nothing is decided until the sources, and what stands under the name of the Secret, are known.');
  }
  if (failures.length > 0) {
    const affected = count(failures.length, one, many);
    const verb =
      facts.mode === 'remove' ? 'cannot be cleaned up' : `of ${counters.desired} ${failures.length === 1 ? 'is' : 'are'} not as wanted`;
    return no(mainReason(failures), `${affected} ${verb}: ${sayFailures(failures)}`);
  }
  if (isEnding(facts)) return unknown(REASON.deleting, removing(facts));
  const missing = counters.desired - counters.synced;
  if (pending > 0)
    return unknown(
      REASON.placing,
      `${what} is in place in ${counters.synced} of ${count(counters.desired, one, many)}; the rest is under way.`,
    );
  if (missing > 0)
    return unknown(
      REASON.resolving,
      `${what} is in place in ${counters.synced} of ${count(counters.desired, one, many)}; the rest waits for the sources to be valid.`,
    );
  if (counters.desired === 0) {
    if (side === facts.accounts && facts.secrets.counters.desired > 0 && facts.wantsAccounts) return noAccounts(facts);
    return yes(REASON.synced, `${what} is not wanted anywhere at present.`);
  }
  return yes(REASON.synced, `${what} is in place in ${count(counters.desired, one, many)}.`);
}

/** For itself, and no part of Ready: the ServiceAccounts are the way that every cluster has. */
function injectionVerdict(facts: Facts): Verdict {
  const { secretName, injection } = facts;
  const instead = 'New pods have what their ServiceAccount had when they were made; one made too early has to be made again.';
  if (isEnding(facts)) return no(REASON.deleting, 'No name is added to new pods: the RegistryCredential is being deleted.');
  if (facts.mode === 'hold') return no(REASON.suspended, `spec.suspend is true: no name is added to new pods. ${instead}`);
  switch (injection) {
    case 'injected':
      return yes(REASON.injected, `The API server adds ${secretName} to the imagePullSecrets of new pods that lack it.`);
    case 'byNameOnly':
      return yes(
        REASON.selectorOnAccounts,
        `The API server adds ${secretName} to new pods that lack it, where spec.serviceAccounts.names means their ServiceAccount. It cannot see labels of ServiceAccounts: pods of those that only spec.serviceAccounts.selector means have what their ServiceAccount had.`,
      );
    case 'bySelectorOnly':
      return no(
        REASON.selectorOnAccounts,
        `spec.serviceAccounts has no names, and the API server cannot see labels of ServiceAccounts when a pod is made. ${instead} Name the ServiceAccounts, by globs, to have the name added.`,
      );
    case 'noAccounts':
      return no(REASON.podInjectionOff, 'spec.serviceAccounts means none, so no name is added to pods.');
    case 'off':
      return no(REASON.podInjectionOff, `spec.podInjection is None. ${instead}`);
    case 'notInstalled':
      return no(
        REASON.policyNotInstalled,
        `The policy that adds ${secretName} to new pods is not installed. ${instead} kubectl apply -k manifests/components/pod-injection installs it.`,
      );
    case 'notServed':
      return no(
        REASON.policyNotServed,
        `This cluster does not serve MutatingAdmissionPolicy (Kubernetes 1.36 and newer do), so no name is added to new pods. ${instead}`,
      );
    case 'unreadable':
      return unknown(
        REASON.forbidden,
        'Whether the policy that adds the name to new pods is installed may not be looked at. Give the operator the rights that manifests/rbac.yaml lists.',
      );
    case 'unknown':
      return unknown(REASON.resolving, 'Whether the policy that adds the name to new pods is installed is not known yet.');
    default:
      return injection satisfies never;
  }
}

function sayUnmatched(parts: readonly string[]): string {
  if (parts.length === 0) return '';
  const more = parts.length > 5 ? `, nor ${parts.length - 5} more` : '';
  return ` No target matches ${parts.slice(0, 5).join(', nor ')}${more} in spec.namespaces at present.`;
}

/** Nothing is wrong, but hardly meant so: pods would inherit nothing. */
const noAccounts = ({ secrets }: Facts) =>
  yes(
    REASON.noServiceAccountMatches,
    `No ServiceAccount in the ${count(secrets.counters.desired, 'target namespace', 'target namespaces')} matches spec.serviceAccounts at present, so pods inherit nothing. Those that come to match get the reference; names: [] asks for none.`,
  );

const removing = ({ mode, secrets, accounts }: Facts) =>
  mode === 'release'
    ? `Everything is left as it is, because spec.deletionPolicy is Retain; ${count(secrets.pending, 'Secret is', 'Secrets are')} still to be freed from being owned.`
    : `Taking back what was made: ${count(secrets.pending, 'Secret is', 'Secrets are')} left, and references in ${count(accounts.pending, 'namespace', 'namespaces')}.`;

/** "a: what is wrong with it. b: …", the first three in full, so that one message tells most of what there is to know. */
function sayFailures(failures: readonly FailureRow[]): string {
  const sorted = [...failures].sort(byPlace);
  const said = sorted
    .slice(0, 3)
    .map(
      ({ namespace, name, kind, reason, message }) => `${kind === 'Secret' ? namespace : `${namespace}/${name}`} (${reason}): ${message}`,
    );
  const more = failures.length - said.length;
  return said.join(' ') + (more > 0 ? ` And ${more} more, see status.failures.` : '');
}

/** The most frequent reason; of equally frequent ones the first by name, so that it does not flap. */
function mainReason(failures: readonly FailureRow[]): string {
  const counts = new Map<string, number>();
  for (const { reason } of failures) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  const [main] = [...counts].sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1));
  return (main as [string, number])[0];
}

function conditionOf(
  type: string,
  verdict: Verdict,
  generation: number,
  before: RegistryCredentialStatus | undefined,
  now: Date,
): Condition {
  const former = before?.conditions?.find((condition) => condition.type === type);
  const stands = former?.status === verdict.status;
  return {
    type,
    status: verdict.status,
    observedGeneration: generation,
    lastTransitionTime: stands ? former.lastTransitionTime : now.toISOString().replace(/\.\d+Z$/, 'Z'),
    reason: verdict.reason,
    message: brief(verdict.message),
  };
}

const byPlace = (a: FailureRow, b: FailureRow) => compare(a.namespace, b.namespace) || compare(a.kind, b.kind) || compare(a.name, b.name);
const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
const row = ({ namespace, kind, name, reason, message }: FailureRow): FailureRow => ({
  namespace,
  kind,
  name,
  reason,
  message: brief(message),
});
const brief = (message: string) =>
  message.length > LONGEST_MESSAGE ? `${message.slice(0, LONGEST_MESSAGE - 1).toWellFormed()}…` : message;
const count = (n: number, one: string, many: string) => `${n} ${n === 1 ? one : many}`;
const yes = (reason: Reason, message: string): Verdict => ({ status: 'True', reason, message });
const no = (reason: string, message: string): Verdict => ({ status: 'False', reason, message });
const unknown = (reason: Reason, message: string): Verdict => ({ status: 'Unknown', reason, message });
