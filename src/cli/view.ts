/** What `status` shows: text made of what the API server has. Decides nothing that the status does not say. */
import { CONDITION } from '../api/reasons.ts';
import type { RegistryCredentialSpec, RegistryCredentialStatus } from '../api/types.ts';

export interface Credential {
  readonly metadata: {
    readonly name: string;
    readonly generation?: number;
    readonly creationTimestamp?: string;
    readonly deletionTimestamp?: string;
  };
  readonly spec: RegistryCredentialSpec;
  readonly status?: RegistryCredentialStatus;
}

type Conditions = NonNullable<RegistryCredentialStatus['conditions']>;

/** Said where the operator has not looked yet at what is there now. */
const NOT_SEEN = 'NotSeenYet';

/** Whether all is well with it, as it is now: a status of an older spec says nothing of it. */
export function readyOf({ metadata, status }: Credential): Pick<Conditions[number], 'status' | 'reason' | 'message'> {
  const ready = status?.conditions?.find(({ type }) => type === CONDITION.ready);
  if (ready !== undefined && (ready.observedGeneration ?? 0) >= (metadata.generation ?? 0)) return ready;
  return {
    status: 'Unknown',
    reason: NOT_SEEN,
    message: `The operator has not looked at ${ready ? 'the last change of the spec' : 'this'} yet. If that lasts, see whether it runs: kubectl get deployment -n regcred-system regcred`,
  };
}

/** A line for each, and the sentence of those that are not Ready. */
export function table(credentials: readonly Credential[], now: Date): string {
  if (credentials.length === 0) return 'There are no RegistryCredentials. The command create prints one to apply: see create --help.\n';
  const sorted = [...credentials].sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
  const rows = sorted.map((credential) => {
    const { metadata, status = {} } = credential;
    const { status: ready, reason } = readyOf(credential);
    return [metadata.name, ready, reason, status.summary ?? '', status.secretName ?? '', age(metadata.creationTimestamp, now)];
  });
  const told = sorted
    .map((credential) => ({ name: credential.metadata.name, ready: readyOf(credential) }))
    .filter(({ ready }) => ready.status !== 'True')
    .map(({ name, ready }) => `\n${safe(name)}: ${safe(ready.message)}\n`);
  return columns([['NAME', 'READY', 'REASON', 'NAMESPACES', 'SECRET', 'AGE'], ...rows]) + told.join('');
}

/** All there is to say of one: how it stands, what failed, why, and what to do. */
export function details(credential: Credential, now: Date): string {
  const { metadata, status = {} } = credential;
  const ready = readyOf(credential);
  const conditions = (status.conditions ?? []).filter(({ type }) => type !== CONDITION.ready);
  const failures = status.failures ?? [];
  const total = status.failuresTotal ?? failures.length;
  const head = [
    ['Name:', metadata.name],
    ['Ready:', `${ready.status} (${ready.reason})`],
    ['Secret:', status.secretName ?? ''],
    ['Namespaces:', counted(status.namespaces)],
    ['ServiceAccounts:', counted(status.serviceAccounts)],
    ['Age:', age(metadata.creationTimestamp, now) + (metadata.deletionTimestamp ? ', being deleted' : '')],
  ].filter(([, value]) => value !== '');
  const parts = conditions.map(({ type, status, reason, lastTransitionTime }) => [type, status, reason, age(lastTransitionTime, now)]);
  const failed = failures.map(({ namespace, kind, name, reason, message }) => [namespace, kind, name, reason, message]);
  const said = new Set([ready.message, ...conditions.filter(({ status }) => status === 'False').map(({ message }) => message)]);
  return [
    columns(head),
    ...Array.from(said, (message) => `\n${safe(message)}\n`),
    ...(parts.length > 0 ? ['\n', columns([['CONDITION', 'STATUS', 'REASON', 'SINCE'], ...parts])] : []),
    ...(failed.length > 0 ? ['\n', columns([['NAMESPACE', 'KIND', 'NAME', 'REASON', 'WHY, AND WHAT TO DO'], ...failed])] : []),
    ...(total > failures.length ? [`and ${total - failures.length} more that failed\n`] : []),
  ].join('');
}

function counted(counters: RegistryCredentialStatus['namespaces']): string {
  if (counters === undefined) return '';
  const { desired, synced, failed, conflicted } = counters;
  const wrong = [failed > 0 ? `${failed} failed` : '', conflicted > 0 ? `${conflicted} in conflict` : ''].filter(Boolean);
  return [`${synced} of ${desired} in place`, ...wrong].join(', ');
}

/** As kubectl has them: three spaces between columns as wide as their widest. */
function columns(rows: readonly (readonly string[])[]): string {
  const cells = rows.map((row) => row.map(safe));
  const widths = (cells[0] ?? []).map((_, at) => Math.max(...cells.map((row) => row[at]?.length ?? 0)));
  return cells
    .map(
      (row) =>
        `${row
          .map((cell, at) => cell.padEnd(widths[at] ?? 0))
          .join('   ')
          .trimEnd()}\n`,
    )
    .join('');
}

/** Without what a terminal obeys: some of it was written by others. */
export const safe = (text: string) => text.replace(/[\p{Cc}\p{Cf}]+/gu, ' ');

/** As kubectl rounds it (HumanDuration in k8s.io/apimachinery/pkg/util/duration), without its second part. */
export function age(since: string | undefined, now: Date): string {
  if (since === undefined) return '';
  const seconds = Math.max(0, Math.floor((now.getTime() - Date.parse(since)) / 1000));
  if (seconds < 120) return `${seconds}s`;
  if (seconds < 3 * 3600) return `${Math.floor(seconds / 60)}m`;
  if (seconds < 48 * 3600) return `${Math.floor(seconds / 3600)}h`;
  return `${Math.floor(seconds / 86_400)}d`;
}
