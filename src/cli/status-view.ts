/** The text that `status` prints. It only repeats the status of the objects, and decides nothing. */

import { CONDITION } from '../api/reasons.ts';
import type { RegistryCredentialSpec, RegistryCredentialStatus } from '../api/types.ts';
import { nameOfServer } from '../plan/checks/asked-host.ts';
import { readyOf as readinessOf } from '../plan/coverage/ready.ts';
import { urgentConditions } from '../plan/coverage/urgent.ts';
import { conditionIn } from '../plan/status/condition.ts';
import { registriesTable } from './registries-view.ts';
import { PLAIN, type Style, type Tone } from './terminal/style.ts';
import { age, type Cell, columns, formatExpiry, printable } from './terminal/text.ts';

export interface Credential {
  readonly metadata: {
    readonly name: string;
    /** Only of a NamespacedRegistryCredential. */
    readonly namespace?: string;
    readonly generation?: number;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly creationTimestamp?: string;
    readonly deletionTimestamp?: string;
  };
  readonly spec: RegistryCredentialSpec;
  readonly status?: RegistryCredentialStatus;
}

type Conditions = NonNullable<RegistryCredentialStatus['conditions']>;

const recordOf = ({ metadata, status }: Credential) => ({ generation: metadata.generation ?? 0, status });

/** The condition Ready of the current spec. */
export const readyOf = (credential: Credential) => readinessOf(recordOf(credential));

const NONE = 'There are no RegistryCredentials. The command create prints one that you can apply: see create --help.\n';

const HEAD = ['NAME', 'READY', 'REASON', 'NAMESPACES', 'SECRET', 'VERIFIED', 'EXPIRES', 'AGE'];

/** One row for each. Below them the message of each one that is not Ready, is refused, or expires soon. */
export function table(credentials: readonly Credential[], now: Date, style: Style = PLAIN): string {
  if (credentials.length === 0) return NONE;
  const sorted = byName(credentials);
  const messages = sorted.flatMap((credential) =>
    urgentMessages(credential).map((message) => `\n${printable(credential.metadata.name)}: ${printable(message)}\n`),
  );
  return columns([HEAD, ...sorted.map((credential) => row(credential, now))], style) + messages.join('');
}

/** As `table`, with the counts of both kinds of objects, and with the messages in the rows. */
export function wideTable(credentials: readonly Credential[], now: Date, style: Style = PLAIN): string {
  if (credentials.length === 0) return NONE;
  const rows = byName(credentials).map((credential) => {
    const { status = {} } = credential;
    const registries = (status.registries ?? []).map(({ server }) => nameOfServer(server)).join(',');
    const message = urgentMessages(credential).join(' ') || readyOf(credential).message;
    return [...row(credential, now), counted(status.serviceAccounts), registries, message];
  });
  return columns([[...HEAD, 'SERVICEACCOUNTS', 'REGISTRIES', 'MESSAGE'], ...rows], style);
}

const byName = (credentials: readonly Credential[]) => [...credentials].sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));

function row(credential: Credential, now: Date): Cell[] {
  const { metadata, status = {} } = credential;
  const { status: ready, reason } = readyOf(credential);
  const verified = conditionIn(status, CONDITION.verified);
  const expiring = conditionIn(status, CONDITION.expiring);
  const expires = formatExpiry(status.expiresAt, now);
  return [
    metadata.name,
    { text: ready, tone: TONES[ready] },
    reason,
    status.summary ?? '',
    status.secretName ?? '',
    verified?.status === 'False' ? { text: verified.reason, tone: 'bad' } : (verified?.reason ?? ''),
    expiring?.status === 'True' ? { text: expires, tone: 'bad' } : expires,
    age(metadata.creationTimestamp, now),
  ];
}

/** What a person must know first, the most urgent first, and why it is not Ready. */
function urgentMessages(credential: Credential): string[] {
  const ready = readyOf(credential);
  const urgent = [...urgentConditions(recordOf(credential)), ...(ready.status === 'True' ? [] : [ready])];
  return [...new Set(urgent.map(({ message }) => message))];
}

/** Of a condition that is good when it is True. */
const TONES: Readonly<Record<'True' | 'False' | 'Unknown', Tone>> = { True: 'good', False: 'bad', Unknown: 'unknown' };
const TONES_OF_EXPIRING: typeof TONES = { True: 'bad', False: 'good', Unknown: 'unknown' };

/** False is good for Expiring only. */
const isProblem = ({ type, status }: Conditions[number]) => status === 'False' && type !== CONDITION.expiring;

/** Everything about one credential: its conditions, its registries, each failure, its cause and what to do. */
export function details(credential: Credential, now: Date, style: Style = PLAIN): string {
  const { metadata, status = {} } = credential;
  const ready = readyOf(credential);
  const conditions = (status.conditions ?? []).filter(({ type }) => type !== CONDITION.ready);
  const failures = status.failures ?? [];
  const registries = status.registries ?? [];
  const total = status.failuresTotal ?? failures.length;
  const head: [string, Cell][] = [
    ['Name:', metadata.name],
    ['Ready:', { text: `${ready.status} (${ready.reason})`, tone: TONES[ready.status] }],
    ['Secret:', status.secretName ?? ''],
    ['Namespaces:', counted(status.namespaces)],
    ['ServiceAccounts:', counted(status.serviceAccounts)],
    ['Age:', age(metadata.creationTimestamp, now) + (metadata.deletionTimestamp ? ', being deleted' : '')],
  ];
  const parts = conditions.map(({ type, status, reason, lastTransitionTime }): Cell[] => [
    type,
    { text: status, tone: (type === CONDITION.expiring ? TONES_OF_EXPIRING : TONES)[status] },
    reason,
    age(lastTransitionTime, now),
  ]);
  const failed = failures.map(({ namespace, kind, name, reason, message }) => [namespace, kind, name, reason, message]);
  const urgent = urgentConditions(recordOf(credential));
  const messages = withoutParts([...urgent, ready, ...conditions.filter(isProblem)].map(({ message }) => message));
  return [
    columns(
      head.filter(([, value]) => value !== ''),
      style,
    ),
    ...messages.map((message) => `\n${printable(message)}\n`),
    ...(parts.length > 0 ? ['\n', columns([['CONDITION', 'STATUS', 'REASON', 'SINCE'], ...parts], style)] : []),
    ...(registries.length > 0 ? ['\n', registriesTable(registries, now, style)] : []),
    ...(failed.length > 0 ? ['\n', columns([['NAMESPACE', 'KIND', 'NAME', 'REASON', 'CAUSE AND FIX'], ...failed])] : []),
    ...(total > failures.length ? [`and ${total - failures.length} more failures\n`] : []),
  ].join('');
}

/** The messages that no other one contains, each once. */
const withoutParts = (messages: readonly string[]): readonly string[] =>
  [...new Set(messages)].filter((message) => !messages.some((other) => other !== message && other.includes(message)));

function counted(counters: RegistryCredentialStatus['namespaces']): string {
  if (counters === undefined) return '';
  const { desired, synced, failed, conflicted } = counters;
  const problems = [failed > 0 ? `${failed} failed` : '', conflicted > 0 ? `${conflicted} in conflict` : ''].filter(Boolean);
  return [`${synced} of ${desired} in place`, ...problems].join(', ');
}
