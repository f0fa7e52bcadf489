/** The debug lines about the Secret of one credential in one namespace. */
import { qualifiedName } from '../api/credential-ref.ts';
import type { Log } from '../log.ts';
import type { SecretPlan } from '../plan/placement/secret.ts';
import type { KeyOf } from '../queue/keys.ts';

type SecretKey = KeyOf<'secret'>;

const about = ({ credential, namespace }: SecretKey) => ({ credential: qualifiedName(credential), namespace });

/** What the plan decided, and for a conflict its reason. */
export function logDecision(log: Log, key: SecretKey, plan: SecretPlan): void {
  const reason = plan.kind === 'conflict' ? { reason: plan.problem.reason } : {};
  log.debug('Decided about a Secret.', { ...about(key), decision: plan.kind, ...reason });
}

/** Why the decision was not applied yet. */
export function logDelay(log: Log, key: SecretKey, afterMs: number): void {
  log.debug('Not writing a Secret yet: another writer reverts it, or a policy changes it.', { ...about(key), afterMs });
}
