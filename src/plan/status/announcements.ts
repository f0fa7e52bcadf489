import { CONDITION, REASON, type Reason } from '../../api/reasons.ts';
import type { RegistryCredentialStatus } from '../../api/types.ts';
import { type Condition, conditionIn } from './condition.ts';

/** A line of the log, and the Event of the same meaning. */
export interface Announcement {
  readonly level: 'info' | 'warn';
  readonly line: string;
  readonly reason: Reason;
  readonly message: string;
}

interface AnnouncementRule {
  /** What counts as one outcome: a change within it is not announced. Undefined: the condition has not settled. */
  readonly outcomeOf: (condition: Condition) => string | undefined;
  /** An outcome that is not announced as the first one: nothing is wrong, and nothing was. */
  readonly isUsual: (condition: Condition) => boolean;
  readonly isGood: (condition: Condition) => boolean;
  readonly good: string;
  readonly bad: (reason: Reason) => string;
}

/** The conditions whose changes are announced in the log and in Events. */
const ANNOUNCED: Readonly<Record<string, AnnouncementRule>> = {
  [CONDITION.ready]: {
    outcomeOf: ({ status, reason }) => (status === 'Unknown' ? undefined : `${status} ${reason}`),
    isUsual: () => false,
    isGood: ({ status }) => status === 'True',
    good: 'The RegistryCredential is Ready.',
    // The operator retries after Unavailable. After every other reason a person must act.
    bad: (reason) =>
      reason === REASON.unavailable ? 'The RegistryCredential is not Ready.' : 'The RegistryCredential is not Ready: a person must act.',
  },
  [CONDITION.verified]: {
    // Unknown says nothing against the last answer. NotRefused and Proven are equally good.
    outcomeOf: ({ status, reason }) => (status === 'Unknown' ? undefined : status === 'True' ? status : `${status} ${reason}`),
    isUsual: ({ status }) => status === 'True',
    isGood: ({ status }) => status === 'True',
    good: 'The registries accept the credentials again.',
    bad: () => 'A registry refuses the credentials: a person must act.',
  },
  [CONDITION.expiring]: {
    outcomeOf: ({ status, reason }) => (status === 'True' ? `${status} ${reason}` : status),
    isUsual: ({ status }) => status === 'False',
    isGood: ({ status }) => status === 'False',
    good: 'The credentials no longer expire soon.',
    bad: () => 'The credentials expire: a person must act.',
  },
};

/**
 * What to announce of a new status: each condition that has settled on another outcome than the last one.
 *
 * @param before the status before it, for the first status of a leader term.
 * @param last the last settled outcome of each condition, as an earlier call returned it in `settled`. An unsettled condition keeps its last one.
 */
export function announcementsOf(
  before: RegistryCredentialStatus | undefined,
  status: RegistryCredentialStatus,
  last: ReadonlyMap<string, string>,
): { readonly announcements: readonly Announcement[]; readonly settled: ReadonlyMap<string, string> } {
  const announcements: Announcement[] = [];
  const settled = new Map<string, string>();
  for (const [type, { outcomeOf, isUsual, isGood, good, bad }] of Object.entries(ANNOUNCED)) {
    const condition = conditionIn(status, type);
    const outcome = condition && outcomeOf(condition);
    const former = conditionIn(before, type);
    const known = last.get(type) ?? (former && outcomeOf(former));
    if (condition === undefined || outcome === undefined) {
      // The first status of a leader term may be unsettled. The outcome before it must not be lost.
      if (known !== undefined) settled.set(type, known);
      continue;
    }
    settled.set(type, outcome);
    if (known === outcome || (known === undefined && isUsual(condition))) continue;
    const { message } = condition;
    const reason = condition.reason as Reason;
    const [level, line] = isGood(condition) ? (['info', good] as const) : (['warn', bad(reason)] as const);
    announcements.push({ level, line, reason, message });
  }
  return { announcements, settled };
}
