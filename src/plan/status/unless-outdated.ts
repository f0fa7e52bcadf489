import type { Problem } from '../../api/reasons.ts';
import { type ConditionVerdict, unknownVerdict } from './condition.ts';

/** The verdict if the operator may no longer see changes: True becomes Unknown, and False keeps its message after the problem. */
export function unlessOutdated(verdict: ConditionVerdict, outdated: Problem | undefined): ConditionVerdict {
  if (outdated === undefined || verdict.status === 'Unknown') return verdict;
  if (verdict.status === 'True') return unknownVerdict(outdated.reason, outdated.message);
  // The problem comes first, because a long message is cut at its end.
  return { ...verdict, message: `${outdated.message} ${verdict.message}` };
}
