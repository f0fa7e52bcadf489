import { type CredentialRef, isNamespaced } from '../../api/credential-ref.ts';
import { CONDITION, type Problem, REASON } from '../../api/reasons.ts';
import type { RegistryCredentialStatus } from '../../api/types.ts';
import { isEnding, leavesReferencesUnchanged } from '../placement/intent.ts';
import { type ConditionVerdict, conditionOf, falseVerdict, formatCount, shortened, trueVerdict, unknownVerdict } from './condition.ts';
import { type Expiring, expiring } from './expiring.ts';
import { compareRows, type FailureRow, type ServerFacts, type StatusFacts } from './facts.ts';
import { accountsSynced, formatDeletion, noAccounts, secretsSynced } from './placement-synced.ts';
import { podInjection, podRecovery } from './pod-conditions.ts';
import { sourcesReady } from './sources-ready.ts';
import { unlessOutdated } from './unless-outdated.ts';
import { verified } from './verified.ts';

const MAX_FAILURES = 20;
const MAX_REGISTRIES = 64;

/** In the last minutes of a token the operator asks for the next one so often that each time would be another write of the status. */
const LAST_MINUTES_MS = 5 * 60 * 1000;

type RegistryRow = NonNullable<RegistryCredentialStatus['registries']>[number];

/** The status that reports the facts. `before` is the current status. */
export function statusOf(facts: StatusFacts, before: RegistryCredentialStatus | undefined, now: Date): RegistryCredentialStatus {
  const failures = [...facts.secrets.failures, ...facts.accounts.failures].sort(compareRows);
  const { desired, synced } = facts.secrets.counters;
  const { expiry, rows } = registriesOf(facts, now);
  const conditions = Object.entries(verdictsOf(facts, expiry)).map(([type, verdict]) =>
    conditionOf(type, verdict, { generation: facts.generation, before, now }),
  );
  // While the operator changes nothing it counts nothing. Then the last counters are the best information.
  const keepsCounters = leavesReferencesUnchanged(facts) && before?.summary !== undefined;
  return {
    observedGeneration: facts.generation,
    secretName: facts.secretName,
    summary: keepsCounters ? before.summary : `${synced}/${desired}`,
    namespaces: keepsCounters ? before.namespaces : facts.secrets.counters,
    serviceAccounts: keepsCounters ? before.serviceAccounts : facts.accounts.counters,
    ...(expiry.earliest !== undefined && { expiresAt: formatTime(expiry.earliest) }),
    registries: rows,
    failuresTotal: failures.length,
    failures: failures.slice(0, MAX_FAILURES).map(rowOf),
    conditions,
  };
}

/** The merge patch that turns the current status into the next one. It sets the fields that the next one lacks to null (RFC 7386). */
export function statusPatch(before: RegistryCredentialStatus | undefined, next: RegistryCredentialStatus): object {
  const removed = Object.keys(before ?? {}).filter((field) => !(field in next));
  return { ...Object.fromEntries(removed.map((field) => [field, null])), ...next };
}

/** Whether credentials expire, and a row for each of the first 64 servers. */
function registriesOf({ verification: { servers, warningMs } }: StatusFacts, now: Date) {
  const named = servers.map((server) => ({ ...server, secret: server.source }));
  return { expiry: expiring(named, now.getTime(), warningMs), rows: servers.slice(0, MAX_REGISTRIES).map(registryRow) };
}

function registryRow({ server, result, message, checkedAt, expiry, refreshAt }: ServerFacts): RegistryRow {
  return {
    server,
    result,
    message: shortened(message),
    ...(checkedAt !== undefined && { checkedAt: formatTime(checkedAt) }),
    ...(expiry && { expiresAt: formatTime(expiry.at), expirySource: expiry.source }),
    ...(refreshAt !== undefined && !(expiry && expiry.at - refreshAt < LAST_MINUTES_MS) && { refreshAt: formatTime(refreshAt) }),
  };
}

const formatTime = (at: number) => new Date(at).toISOString().replace(/\.\d+Z$/, 'Z');

function verdictsOf(facts: StatusFacts, expiry: Expiring): Record<string, ConditionVerdict> {
  if (facts.notServed) return notServedVerdicts(facts.notServed, facts);
  const parts = {
    sources: unlessOutdated(sourcesReady(facts), facts.outdated?.sources),
    secrets: unlessOutdated(secretsSynced(facts), facts.outdated?.secrets),
    accounts: unlessOutdated(accountsSynced(facts), facts.outdated?.accounts),
  };
  return {
    [CONDITION.ready]: ready(facts, parts),
    [CONDITION.sourcesReady]: parts.sources,
    [CONDITION.secretsSynced]: parts.secrets,
    [CONDITION.serviceAccountsSynced]: parts.accounts,
    [CONDITION.verified]: verified(facts.verification.servers, facts.verification.isEnabled),
    [CONDITION.expiring]: { status: expiry.status, reason: expiry.reason, message: expiry.message },
    [CONDITION.podInjection]: podInjection(facts),
    ...(facts.podRecovery && { [CONDITION.podRecovery]: podRecovery(facts.podRecovery) }),
  };
}

/** Nothing is in place, and nothing is read or asked. What cannot be removed is named, too. */
function notServedVerdicts({ reason, message }: Problem, { secrets, accounts }: StatusFacts): Record<string, ConditionVerdict> {
  const failed = [...secrets.failures, ...accounts.failures].map(
    (row) => `Cannot remove ${row.kind} ${row.namespace}/${row.name}: ${row.message}`,
  );
  const notServed = falseVerdict(reason, [message, ...failed].join(' '));
  const unknown = unknownVerdict(reason, message);
  return {
    [CONDITION.ready]: notServed,
    [CONDITION.sourcesReady]: unknown,
    [CONDITION.secretsSynced]: notServed,
    [CONDITION.serviceAccountsSynced]: notServed,
    [CONDITION.verified]: unknown,
    [CONDITION.expiring]: unknown,
    [CONDITION.podInjection]: falseVerdict(reason, message),
  };
}

/** The condition Ready: False if one of its parts is False, otherwise Unknown while work is under way. */
function ready(facts: StatusFacts, parts: Record<'sources' | 'secrets' | 'accounts', ConditionVerdict>): ConditionVerdict {
  const all = [parts.sources, ...heldBack(facts), parts.secrets, parts.accounts];
  const failed = all.filter(({ status }) => status === 'False');
  const [first] = failed;
  if (isEnding(facts)) return first ?? unknownVerdict(REASON.deleting, formatDeletion(facts));
  if (facts.mode === 'suspend') return parts.secrets;
  if (first) return { ...first, message: shortened(failed.map(({ message }) => message).join(' ')) };
  const underWay = all.find(({ status }) => status === 'Unknown');
  if (underWay) return underWay;
  const { secrets, accounts } = facts;
  if (secrets.counters.desired === 0) {
    return trueVerdict(
      REASON.noNamespaceMatches,
      `spec.namespaces selects no namespace at the moment. The operator places the Secret as soon as one matches.${isNamespaced(facts.ref) ? formatUnmatched(facts) : ''}`,
    );
  }
  if (accounts.counters.desired === 0 && facts.selectsAccounts) return noAccounts(facts);
  return trueVerdict(
    REASON.synced,
    `The Secret ${facts.secretName} is in place in ${formatCount(secrets.counters.synced, 'namespace', 'namespaces')}, and ${formatCount(accounts.counters.synced, 'ServiceAccount refers', 'ServiceAccounts refer')} to it.${formatUnmatched(facts)}`,
  );
}

/** What is held back because of a registry's answer, or until it answers. It counts for Ready only. */
function heldBack({ verification: { refusals, verifying } }: StatusFacts): ConditionVerdict[] {
  if (refusals.length > 0) return [falseVerdict(REASON.registryRefused, refusals.map(({ message }) => message).join(' '))];
  if (verifying.length === 0) return [];
  return [unknownVerdict(REASON.verifying, `Waiting for the first answer of ${verifying.join(', ')}, for at most two minutes.`)];
}

function formatUnmatched({ unmatched: parts = [], ref }: Pick<StatusFacts, 'unmatched' | 'ref'>): string {
  if (parts.length === 0) return '';
  if (isNamespaced(ref)) return formatNotAccepting(parts, ref);
  const more = parts.length > 5 ? ` and ${parts.length - 5} more` : '';
  const subject = parts.length === 1 ? 'This entry of spec.namespaces matches' : 'These entries of spec.namespaces match';
  return ` ${subject} no namespace: ${parts.slice(0, 5).join(', ')}${more}.`;
}

/** A tenant reads the same text whether such a namespace exists, and whatever its labels are. */
function formatNotAccepting(parts: readonly string[], { namespace }: CredentialRef): string {
  const more = parts.length > 5 ? ` and ${parts.length - 5} more` : '';
  const subject = parts.length === 1 ? 'This entry of spec.namespaces matches' : 'These entries of spec.namespaces match';
  return ` ${subject} no namespace that accepts credentials from ${namespace}: ${parts.slice(0, 5).join(', ')}${more}. To accept them, an administrator of such a namespace adds ${namespace} to its annotation regcred.dev/accept-from.`;
}

const rowOf = ({ namespace, kind, name, reason, message }: FailureRow): FailureRow => ({
  namespace,
  kind,
  name,
  reason,
  message: shortened(message),
});
