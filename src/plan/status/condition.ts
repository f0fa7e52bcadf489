import type { Reason } from '../../api/reasons.ts';
import type { RegistryCredentialStatus } from '../../api/types.ts';

export type Condition = NonNullable<RegistryCredentialStatus['conditions']>[number];

/** What is decided about a condition: the condition without its type and times. */
export type ConditionVerdict = Pick<Condition, 'status' | 'reason' | 'message'>;

/** The condition holds. Of the condition Expiring this is bad news, of every other one good news. */
export const trueVerdict = (reason: Reason, message: string): ConditionVerdict => ({ status: 'True', reason, message });
/** The condition does not hold. */
export const falseVerdict = (reason: Reason, message: string): ConditionVerdict => ({ status: 'False', reason, message });
/** Work is under way, or the operator cannot know. */
export const unknownVerdict = (reason: Reason, message: string): ConditionVerdict => ({ status: 'Unknown', reason, message });

/** The limit that the API's schema sets for a message. */
const MAX_MESSAGE_LENGTH = 1024;

/** The message, cut at the end if it is longer than the schema allows. */
export const shortened = (message: string): string =>
  message.length > MAX_MESSAGE_LENGTH ? `${message.slice(0, MAX_MESSAGE_LENGTH - 1).toWellFormed()}…` : message;

/** `1 namespace`, `2 namespaces`. */
export const formatCount = (n: number, one: string, many: string): string => `${n} ${n === 1 ? one : many}`;

/** The condition of a type in a status; undefined if the status has none. */
export const conditionIn = (status: Pick<RegistryCredentialStatus, 'conditions'> | undefined, type: string): Condition | undefined =>
  status?.conditions?.find((condition) => condition.type === type);

/** When a condition is written: the generation that it is about, and the status that it replaces. */
export interface ConditionContext {
  readonly generation: number;
  readonly before: RegistryCredentialStatus | undefined;
  readonly now: Date;
}

/** Makes the condition of a type. It keeps the time of its last transition while its status stays the same. */
export function conditionOf(
  type: string,
  { status, reason, message }: ConditionVerdict,
  { generation, before, now }: ConditionContext,
): Condition {
  const former = conditionIn(before, type);
  const lastTransitionTime = former?.status === status ? former.lastTransitionTime : now.toISOString().replace(/\.\d+Z$/, 'Z');
  return { type, status, observedGeneration: generation, lastTransitionTime, reason, message: shortened(message) };
}
