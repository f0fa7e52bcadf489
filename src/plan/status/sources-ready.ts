import { type Problem, REASON } from '../../api/reasons.ts';
import { isEnding } from '../placement/intent.ts';
import { type ConditionVerdict, falseVerdict, formatCount, trueVerdict, unknownVerdict } from './condition.ts';
import type { StatusFacts } from './facts.ts';

/** The condition SourcesReady: whether every source can be used. */
export function sourcesReady(facts: StatusFacts): ConditionVerdict {
  const { sources, isSuspended } = facts;
  if (isEnding(facts)) return unknownVerdict(REASON.deleting, `The ${facts.ref.kind} is being deleted, so its sources are no longer read.`);
  switch (sources.state) {
    case 'loading':
      return unknownVerdict(isSuspended ? REASON.suspended : REASON.resolving, 'The operator is reading the sources.');
    case 'ready': {
      const [first] = sources.problems;
      if (first) {
        const kept = 'Servers of these sources keep their last entry. The entries of the other servers are up to date.';
        return falseVerdict(first.reason, [...sources.problems.map(({ message }) => message), kept].join(' '));
      }
      return trueVerdict(
        REASON.resolved,
        [
          `All sources are valid. They hold credentials for ${formatCount(sources.servers, 'server', 'servers')}.`,
          ...notUsed(sources),
        ].join(' '),
      );
    }
    case 'invalid': {
      const [first] = sources.problems as [Problem];
      const placed =
        facts.secrets.counters.synced > 0 ? 'Secrets that are already placed stay as they are.' : 'Nothing is synced until you fix this.';
      return falseVerdict(first.reason, [...sources.problems.map(({ message }) => message), placed].join(' '));
    }
    default:
      return sources satisfies never;
  }
}

/** The entries that are not used, each with its fix. */
function notUsed({ skipped = [] }: { readonly skipped?: readonly Problem[] }): string[] {
  if (skipped.length === 0) return [];
  const what = skipped.length === 1 ? 'One entry is not used:' : 'Some entries are not used:';
  return [what, ...skipped.map(({ message }) => message)];
}
