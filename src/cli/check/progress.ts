/** How far a requested check is, decided from the object before the request and the present one. */

import { CONDITION, REASON } from '../../api/reasons.ts';
import { nameOfServer } from '../../plan/checks/asked-host.ts';
import { REQUEST_PAUSE } from '../../plan/checks/schedule.ts';
import { CHECK_OPERATOR } from '../../plan/coverage/ready.ts';
import { conditionIn } from '../../plan/status/condition.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import type { RegistryRow } from '../registries-view.ts';
import type { Credential } from '../status-view.ts';

export type Progress =
  /** Every server that is asked has a new answer. */
  | { readonly state: 'answered'; readonly rows: readonly RegistryRow[] }
  /** `outstanding`: the servers without a new answer. Empty as long as the status names no server at all. */
  | { readonly state: 'waiting'; readonly rows: readonly RegistryRow[]; readonly outstanding: readonly RegistryRow[] }
  /** No answer will come. The message says why, and what to do. */
  | { readonly state: 'impossible'; readonly message: string };

/** `before`: the object at the time of the request. */
export function progressOf(before: Credential, now: Credential): Progress {
  const message = whyNever(now);
  if (message !== undefined) return { state: 'impossible', message };
  const rows = now.status?.registries ?? [];
  const old = new Map(before.status?.registries?.map(({ server, checkedAt }) => [server, checkedAt]));
  // A new answer has another time: the status has whole seconds, and a registry is asked once a minute at most.
  const outstanding = rows.filter((row) => isAsked(row) && (row.checkedAt === undefined || row.checkedAt === old.get(row.server)));
  const isDone = isObserved(now) && rows.length > 0 && outstanding.length === 0;
  return isDone ? { state: 'answered', rows } : { state: 'waiting', rows, outstanding };
}

/** A pattern such as *.example.com is never asked. An address that must not be asked was looked up, and is again. */
const isAsked = ({ result, checkedAt }: RegistryRow): boolean => result !== 'NotAsked' || checkedAt !== undefined;

const isObserved = ({ metadata, status }: Credential): boolean => (status?.observedGeneration ?? -1) >= (metadata.generation ?? 0);

function whyNever({ metadata, spec, status }: Credential): string | undefined {
  const name = nameOf(metadata);
  if (metadata.deletionTimestamp !== undefined) return `${name} is being deleted, so the operator asks no registry about it.`;
  if (spec.verification?.mode === 'None')
    return `${name} has spec.verification.mode None, so the operator asks no registry about it. Set it to Report or Require.`;
  const verified = conditionIn(status, CONDITION.verified);
  // A status of an older spec may be about mode None.
  const isCurrent = verified !== undefined && (verified.observedGeneration ?? 0) >= (metadata.generation ?? 0);
  if (isCurrent && verified.reason === REASON.verificationDisabled)
    return 'The operator runs with --verification=off, so it asks no registry. Start it with --verification=on (REGCRED_VERIFICATION=on).';
  return undefined;
}

const nameOf = ({ name, namespace }: Credential['metadata']): string =>
  namespace === undefined ? `RegistryCredential ${name}` : `NamespacedRegistryCredential ${namespace}/${name}`;

/** Why some answers take up to a minute; undefined if none of them does. */
export function explainPause(
  { name, namespace }: Credential['metadata'],
  outstanding: readonly RegistryRow[],
  now: Date,
): string | undefined {
  const recent = outstanding.flatMap(({ server, checkedAt }) => {
    const left = checkedAt === undefined ? 0 : Date.parse(checkedAt) + REQUEST_PAUSE - now.getTime();
    return left > 0 ? [{ server: nameOfServer(server), left }] : [];
  });
  if (recent.length === 0) return undefined;
  const seconds = Math.ceil(Math.max(...recent.map(({ left }) => left)) / 1000);
  const names = recent.map(({ server }) => server).join(', ');
  return `The operator asks a registry once a minute at most, and asked ${names} less than a minute ago. The next answer takes about ${seconds} s; kubectl regcred status ${name}${namespace === undefined ? '' : ` -n ${namespace}`} shows the last one.`;
}

/** What to report if the answers do not come in time. */
export function explainTimeout(
  now: Credential,
  outstanding: readonly RegistryRow[],
  { timeoutSeconds, at }: { readonly timeoutSeconds: number; readonly at: Date },
): string {
  const name = nameOf(now.metadata);
  const after = `After ${timeoutSeconds} s`;
  if (!isObserved(now)) return `${after} the operator has not observed ${name} yet. Check whether it runs: ${CHECK_OPERATOR}`;
  if (outstanding.length === 0) {
    const sources = conditionIn(now.status, CONDITION.sourcesReady);
    const why = sources?.status === 'False' ? ` ${sources.message}` : '';
    return `${after} ${name} has no credentials for any registry.${why}`;
  }
  const names = outstanding.map(({ server }) => nameOfServer(server)).join(', ');
  const pause = explainPause(now.metadata, outstanding, at);
  const advice =
    pause === undefined
      ? `Wait longer with --timeout, or check whether the operator runs: ${CHECK_OPERATOR}`
      : `${pause} Wait longer with --timeout.`;
  return `${after} there is no new answer of ${names}. ${advice}`;
}

/** The progress line. */
export function formatWaiting(outstanding: readonly RegistryRow[], waitedMs: number): string {
  const servers = outstanding.map(({ server }) => nameOfServer(server)).join(', ');
  return `Waiting ${Math.floor(waitedMs / 1000)} s for ${servers === '' ? 'the operator' : `the answers of ${servers}`}.`;
}

/** Whether a person must act on a result. */
export const exitCodeOf = (rows: readonly RegistryRow[]): ExitCode =>
  rows.some(({ result }) => ['Refused', 'Unreachable', 'Pending'].includes(result)) ? EXIT.found : EXIT.ok;
