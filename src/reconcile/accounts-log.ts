import type { Log } from '../log.ts';
import type { AccountPlan } from '../plan/placement/accounts.ts';

interface AccountDecision {
  readonly plan: AccountPlan;
  readonly failure?: unknown;
  readonly contested?: unknown;
}

/** The debug line about the ServiceAccounts of one namespace. */
export function logAccounts(log: Log, namespace: string, results: readonly AccountDecision[]): void {
  const count = (is: (result: AccountDecision) => boolean) => results.filter(is).length;
  log.debug('Decided about the ServiceAccounts of a namespace.', {
    namespace,
    accounts: results.length,
    toPatch: count(({ plan }) => plan.action !== undefined),
    failed: count(({ failure }) => failure !== undefined),
    contested: count(({ contested }) => contested !== undefined),
  });
}
