import { REASON, type Reason } from '../../api/reasons.ts';
import { isEnding } from '../placement/intent.ts';
import { type ConditionVerdict, falseVerdict, formatCount, trueVerdict, unknownVerdict } from './condition.ts';
import { compareRows, type FailureRow, type PlacementFacts, type StatusFacts } from './facts.ts';

/** One of the two conditions about placement, and the words for its messages. */
interface PlacementSubject {
  readonly facts: PlacementFacts;
  readonly one: string;
  readonly many: string;
  readonly what: string;
}

/** The condition SecretsSynced: whether every target namespace has the Secret. */
export function secretsSynced(facts: StatusFacts): ConditionVerdict {
  // During a deletion, only a finalizer that cannot be removed blocks. Secrets that cannot be listed do not.
  const isBlocked = facts.mode === 'sync' || (isEnding(facts) && facts.blocked?.reason === REASON.contested);
  if (isBlocked && facts.blocked) return falseVerdict(facts.blocked.reason, facts.blocked.message);
  const what = `The Secret ${facts.secretName}`;
  return placementSynced(facts, { facts: facts.secrets, one: 'namespace', many: 'namespaces', what });
}

/** The condition ServiceAccountsSynced: whether every selected ServiceAccount refers to the Secret. */
export function accountsSynced(facts: StatusFacts): ConditionVerdict {
  const isExpectingSome = facts.mode === 'sync' && facts.secrets.counters.desired > 0 && facts.selectsAccounts;
  const verdict = placementSynced(facts, { facts: facts.accounts, one: 'ServiceAccount', many: 'ServiceAccounts', what: 'The reference' });
  return verdict.status === 'True' && facts.accounts.counters.desired === 0 && isExpectingSome ? noAccounts(facts) : verdict;
}

function placementSynced(
  facts: StatusFacts,
  { facts: { counters, pending, failures }, one, many, what }: PlacementSubject,
): ConditionVerdict {
  if (facts.mode === 'suspend') {
    return unknownVerdict(REASON.suspended, 'spec.suspend is true. The operator places, repairs and removes nothing until it is false.');
  }
  if (facts.mode === 'sync' && facts.sources.state === 'loading') {
    return unknownVerdict(REASON.resolving, 'The operator is still reading the sources and the existing Secrets of this name.');
  }
  if (failures.length > 0) return falseVerdict(mainReason(failures), formatFailing(facts, failures, counters.desired, { one, many, what }));
  if (isEnding(facts)) return unknownVerdict(REASON.deleting, formatDeletion(facts));
  const place = `${what} is in place in ${counters.synced} of ${formatCount(counters.desired, one, many)}`;
  if (pending > 0) return unknownVerdict(REASON.placing, `${place}. The rest is being synced.`);
  if (counters.synced < counters.desired) return unknownVerdict(REASON.resolving, `${place}. The rest waits until the sources are valid.`);
  if (counters.desired === 0) return trueVerdict(REASON.synced, `No namespace needs ${what.replace(/^T/, 't')} at the moment.`);
  return trueVerdict(REASON.synced, `${what} is in place in ${formatCount(counters.desired, one, many)}.`);
}

/** Not a failure, but probably not intended. */
export const noAccounts = ({ secrets }: StatusFacts): ConditionVerdict =>
  trueVerdict(
    REASON.noServiceAccountMatches,
    `spec.serviceAccounts selects no ServiceAccount in the ${formatCount(secrets.counters.desired, 'target namespace', 'target namespaces')}, so pods inherit nothing. The operator adds the reference as soon as one matches. If no ServiceAccount should refer to it, set spec.serviceAccounts.names: [].`,
  );

/** What a deletion still has to do. */
export const formatDeletion = ({ mode, secrets, accounts }: StatusFacts): string =>
  mode === 'retain'
    ? `spec.deletionPolicy is Retain, so everything stays in place. The owner reference must still be removed from ${formatCount(secrets.pending, 'Secret', 'Secrets')}.`
    : `Cleaning up: ${formatCount(secrets.pending, 'Secret is', 'Secrets are')} left, and references in ${formatCount(accounts.pending, 'namespace', 'namespaces')}.`;

/** The failed placements and removals, and why. A removal fails where nothing is desired, so the desired number does not include it. */
function formatFailing(
  { mode }: StatusFacts,
  failures: PlacementFacts['failures'],
  desired: number,
  { one, many, what }: Omit<PlacementSubject, 'facts'>,
): string {
  const isAllRemoval = isEnding({ mode });
  const notRemoved = failures.filter(({ isRemoval }) => isRemoval || isAllRemoval);
  const notPlaced = failures.filter((failure) => !notRemoved.includes(failure));
  const placed = `${formatCount(notPlaced.length, one, many)} of ${desired} ${notPlaced.length === 1 ? 'is' : 'are'} not synced`;
  const removed =
    mode === 'retain'
      ? `The owner reference cannot be removed from ${formatCount(notRemoved.length, 'Secret', 'Secrets')}, so the garbage collector will delete ${notRemoved.length === 1 ? 'it' : 'them'}`
      : `${what} cannot be removed from ${formatCount(notRemoved.length, one, many)}`;
  return [
    ...(notPlaced.length > 0 ? [`${placed}: ${formatFailures(notPlaced)}`] : []),
    ...(notRemoved.length > 0 ? [`${removed}: ${formatFailures(notRemoved)}`] : []),
  ].join(' ');
}

/** The first three failures in full: usually these are all. */
function formatFailures(failures: readonly FailureRow[]): string {
  const shown = [...failures].sort(compareRows).slice(0, 3);
  const rows = shown.map(
    ({ namespace, name, kind, reason, message }) => `${kind === 'Secret' ? namespace : `${namespace}/${name}`} (${reason}): ${message}`,
  );
  const more = failures.length - shown.length;
  return rows.join(' ') + (more > 0 ? ` And ${more} more, see status.failures.` : '');
}

/** The most frequent reason. Among equally frequent ones it takes the first by name, so that the condition does not flap. */
function mainReason(failures: readonly FailureRow[]): Reason {
  const counts = new Map<string, number>();
  for (const { reason } of failures) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  const [main] = [...counts].sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1));
  return (main as [Reason, number])[0];
}
