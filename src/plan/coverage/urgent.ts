/** What needs a person about one credential, the most urgent first. `status` prints it, and the page lists it. */
import { CONDITION, REASON } from '../../api/reasons.ts';
import type { CredentialRecord } from '../../api/records.ts';
import { type Condition, conditionIn } from '../status/condition.ts';
import { NOT_SEEN, readyOf } from './ready.ts';

/**
 * How urgent something is, from the most urgent on:
 * - expired, refused: pods cannot pull, or will not be able to after the next restart
 * - broken: the operator cannot sync until a person acts
 * - stuck: a pod waits for an image
 * - expiring: pods will not be able to pull soon
 * - unsure: the operator retries by itself, or nothing is known. A person should check it if it lasts
 */
export const URGENCIES = ['expired', 'refused', 'broken', 'stuck', 'expiring', 'unsure'] as const;
export type Urgency = (typeof URGENCIES)[number];

export interface Urgent {
  readonly urgency: Urgency;
  readonly condition: string;
  readonly reason: string;
  readonly message: string;
  /** When the condition got this status, as an RFC 3339 time; undefined if that is not known. */
  readonly since: string | undefined;
}

type CredentialStatus = Pick<CredentialRecord, 'generation' | 'status'>;

/** The conditions of a credential that need a person. A message that another one contains is not repeated. */
export function urgentConditions(credential: CredentialStatus): Urgent[] {
  const all = [expiringOf(credential), readinessOf(credential), verifiedOf(credential)].flatMap((one) => one ?? []);
  const isRepeated = ({ message }: Urgent, at: number) =>
    all.some((other, otherAt) => otherAt !== at && other.message.includes(message) && (other.message !== message || otherAt < at));
  return all.filter((one, at) => !isRepeated(one, at)).sort(byUrgency);
}

/** Sorts the most urgent first. */
export const byUrgency = (a: { readonly urgency: Urgency }, b: { readonly urgency: Urgency }): number =>
  URGENCIES.indexOf(a.urgency) - URGENCIES.indexOf(b.urgency);

function expiringOf({ status }: CredentialStatus): Urgent | undefined {
  const condition = conditionIn(status, CONDITION.expiring);
  if (condition?.status !== 'True') return undefined;
  return urgent(condition.reason === REASON.expired ? 'expired' : 'expiring', condition);
}

function verifiedOf({ status }: CredentialStatus): Urgent | undefined {
  const condition = conditionIn(status, CONDITION.verified);
  return condition?.status === 'False' ? urgent('refused', condition) : undefined;
}

function readinessOf(credential: CredentialStatus): Urgent | undefined {
  const ready = { type: CONDITION.ready, lastTransitionTime: '', ...readyOf(credential) };
  switch (ready.status) {
    case 'True':
      return undefined;
    case 'False':
      // Held back because of a refusal: the condition Verified reports the same.
      if (ready.reason === REASON.registryRefused) return urgent('refused', ready);
      return urgent(ready.reason === REASON.unavailable ? 'unsure' : 'broken', ready);
    case 'Unknown':
      return ready.reason === NOT_SEEN || ready.reason === REASON.watchLost ? urgent('unsure', ready) : undefined;
    default:
      return ready.status satisfies never;
  }
}

const urgent = (urgency: Urgency, { type, reason, message, lastTransitionTime }: Condition): Urgent => ({
  urgency,
  condition: type,
  reason,
  message,
  since: lastTransitionTime || undefined,
});
