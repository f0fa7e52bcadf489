/** How `cleanup` waits for a running operator to do the work. */
import { setTimeout as delay } from 'node:timers/promises';
import { FINALIZER } from '../../api/names.ts';
import { CONDITION } from '../../api/reasons.ts';
import type { CredentialRecord } from '../../api/records.ts';
import { conditionIn } from '../../plan/status/condition.ts';
import type { CommandIo } from '../command-io.ts';
import { printable } from '../terminal/text.ts';
import type { Execution } from './execution.ts';
import { listCredentials } from './observe.ts';
import type { OperatorPresence, Presence } from './operator-presence.ts';

const POLL_MS = 500;

/** Looks until it is known whether an operator runs. */
export async function waitForPresence(operator: OperatorPresence, { say }: CommandIo): Promise<Presence> {
  for (let attempt = 0; ; attempt++) {
    const presence = await operator.look();
    if (presence.state !== 'unknown') return presence;
    if (attempt === 0) say('Found a Lease of an operator. Checking whether the operator still runs; this takes 3 to 12 seconds.');
    await delay(POLL_MS);
  }
}

/**
 * Waits until the operator has removed its finalizer from all chosen credentials, or until it stops running. Returns what to report
 * if that takes too long.
 */
export async function waitForOperator(
  { kube, operator, io, timeoutMs }: Execution,
  chosen: readonly CredentialRecord[],
): Promise<string[]> {
  const uids = new Set(chosen.map(({ uid }) => uid));
  const unfinished = (credentials: readonly CredentialRecord[]) =>
    credentials.filter(({ uid, finalizers }) => uids.has(uid) && finalizers.includes(FINALIZER));
  const startedAt = performance.now();
  let reported = Number.POSITIVE_INFINITY;
  for (let left = unfinished(chosen); left.length > 0; left = unfinished(await listCredentials(kube))) {
    const presence = await waitForPresence(operator, io);
    if (presence.state !== 'runs') return [];
    if (left.length < reported)
      io.say(
        `${formatOperator(presence)} is cleaning up; ${left.length === 1 ? '1 credential is' : `${left.length} credentials are`} left.`,
      );
    reported = left.length;
    const [first] = left;
    if (first) io.progress(formatUnfinished(first));
    if (performance.now() - startedAt > timeoutMs) {
      return [
        ...left.map(formatUnfinished),
        `${formatOperator(presence)} has not finished after ${timeoutMs / 1000} s. Run this command again to wait longer. If that is not an operator, delete the Lease.`,
      ];
    }
    await delay(POLL_MS);
  }
  return [];
}

/** How messages name a running operator. */
export const formatOperator = ({ lease, holder }: Extract<Presence, { state: 'runs' }>): string =>
  `The operator (Lease ${lease}, held by ${printable(holder)})`;

function formatUnfinished({ name, status }: CredentialRecord): string {
  const ready = conditionIn(status, CONDITION.ready);
  return `${name}: ${printable(ready?.message ?? 'it has no status yet')}`;
}
