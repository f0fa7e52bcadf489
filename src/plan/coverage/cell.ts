/** The state of one credential in one namespace, and why. The page's matrix shows it. */
import { type CredentialRef, formatCredential, parseQualifiedName, qualifiedName } from '../../api/credential-ref.ts';
import { carriesUid, isManaged } from '../../api/managed-secret.ts';
import { ANNOTATION } from '../../api/names.ts';
import { REASON } from '../../api/reasons.ts';
import type { AccountRecord, CredentialRecord, NamespaceRecord, SecretRecord } from '../../api/records.ts';
import { secretNameOf } from '../placement/intent.ts';
import type { FailureRow } from '../status/facts.ts';
import { explainObserved, type NamespaceVerdict, selectsAccount } from '../targets/targets.ts';
import { readyOf } from './ready.ts';

/** What was observed, or why it was not: `Missing right: list secrets in all namespaces.` */
export type Seen<T> = { readonly known: true; readonly value: T } | { readonly known: false; readonly why: string };

export interface CellFacts {
  readonly credential: CredentialRecord;
  readonly namespace: NamespaceRecord;
  /** The Secret under the credential's name in this namespace. */
  readonly secret: Seen<SecretRecord | undefined>;
  /** The ServiceAccounts in this namespace. */
  readonly accounts: Seen<Iterable<AccountRecord>>;
  /** The failure that the status reports for this namespace. */
  readonly failure: FailureRow | undefined;
}

/** The state of a cell, and what it follows from. `explainCell` says it in a sentence. */
export type Cell =
  | { readonly state: 'not-selected' | 'opted-out' | 'not-accepted'; readonly verdict: Exclude<NamespaceVerdict, 'selected'> }
  | { readonly state: 'failed' | 'conflict'; readonly failure: FailureRow }
  /** `owner`: the other credential that the Secret belongs to, if regcred manages it. */
  | { readonly state: 'conflict'; readonly owner: CredentialRef | undefined }
  | { readonly state: 'pending'; readonly because: 'removal' | 'no secret' | 'former' | 'deleting' }
  | { readonly state: 'pending'; readonly because: 'no reference'; readonly accounts: readonly string[] }
  | { readonly state: 'unknown'; readonly why: string }
  | { readonly state: 'synced'; readonly accounts: number };

/** Conflicts are the operator's word for an object that it must not touch: status.namespaces counts them as conflicted. */
const CONFLICTS: ReadonlySet<string> = new Set([REASON.secretExists, REASON.secretImmutable]);

/**
 * The state of one cell. What the status reports as failed counts before what can be seen: the operator knows why. Whether the content of a
 * Secret is current cannot be seen without reading it, so a rotation under way shows in the credential's conditions only.
 */
export function cellOf({ credential, namespace, secret, accounts, failure }: CellFacts): Cell {
  const isOurs = secret.known && secret.value !== undefined && carriesUid(secret.value, credential.uid);
  const verdict = explainObserved(credential, namespace, isOurs);
  if (failure) return { state: CONFLICTS.has(failure.reason) ? 'conflict' : 'failed', failure };
  if (verdict !== 'selected') {
    if (isOurs && verdict !== 'terminating' && !credential.spec.suspend) return { state: 'pending', because: 'removal' };
    return { state: verdict === 'opted-out' || verdict === 'not-accepted' ? verdict : 'not-selected', verdict };
  }
  if (credential.terminating) return { state: 'pending', because: 'deleting' };
  if (!secret.known) return { state: 'unknown', why: secret.why };
  if (secret.value === undefined) return { state: 'pending', because: 'no secret' };
  if (!isOurs) return othersCell(credential, ownerOf(secret.value));
  if (!accounts.known) return { state: 'unknown', why: accounts.why };
  return referenceCell(credential, accounts.value);
}

/** A Secret of a former credential of the same name is in nobody's way: the operator takes it over. */
function othersCell(credential: CredentialRecord, owner: CredentialRef | undefined): Cell {
  const isFormer = owner !== undefined && qualifiedName(owner) === qualifiedName(credential);
  return isFormer ? { state: 'pending', because: 'former' } : { state: 'conflict', owner };
}

function ownerOf(secret: SecretRecord): CredentialRef | undefined {
  const name = isManaged(secret) ? secret.annotations[ANNOTATION.credential] : undefined;
  return name === undefined ? undefined : parseQualifiedName(name);
}

function referenceCell(credential: CredentialRecord, accounts: Iterable<AccountRecord>): Cell {
  const name = secretNameOf(credential);
  const lacking: string[] = [];
  let selected = 0;
  for (const account of accounts) {
    if (!selectsAccount(credential.spec, account)) continue;
    selected++;
    if (!account.pullSecrets.some((entry) => entry.name === name)) lacking.push(account.name);
  }
  return lacking.length > 0 ? { state: 'pending', because: 'no reference', accounts: lacking } : { state: 'synced', accounts: selected };
}

/** The failures that a status reports, by namespace: of several in one, the Secret's, because the accounts' follow from it. */
export function failuresByNamespace({ status }: Pick<CredentialRecord, 'status'>): ReadonlyMap<string, FailureRow> {
  const failures = new Map<string, FailureRow>();
  for (const failure of status?.failures ?? []) {
    if (!failures.has(failure.namespace) || failure.kind === 'Secret') failures.set(failure.namespace, failure);
  }
  return failures;
}

const MAX_NAMES = 10;

/** The cell in a sentence for people: what, and why. */
export function explainCell(cell: Cell, credential: CredentialRecord): string {
  const name = secretNameOf(credential);
  switch (cell.state) {
    case 'synced':
      return `The Secret ${name} is there, and ${cell.accounts === 1 ? 'one ServiceAccount refers' : `${cell.accounts} ServiceAccounts refer`} to it.`;
    case 'pending':
      return explainPending(cell, credential);
    case 'failed':
      return cell.failure.message;
    case 'conflict':
      if ('failure' in cell) return cell.failure.message;
      if (cell.owner === undefined)
        return `A Secret ${name} exists that does not belong to this credential, so the operator leaves it untouched.`;
      return `The Secret ${name} belongs to ${formatCredential(cell.owner)}. Set another spec.secretName on one of the two.`;
    case 'unknown':
      return cell.why;
    case 'not-selected':
    case 'opted-out':
    case 'not-accepted':
      return explainVerdict(cell.verdict, credential);
    default:
      return cell satisfies never;
  }
}

function explainPending(cell: Extract<Cell, { state: 'pending' }>, credential: CredentialRecord): string {
  const name = secretNameOf(credential);
  switch (cell.because) {
    case 'removal':
      return `The credential no longer selects this namespace. The operator has still to remove the Secret ${name}.`;
    case 'deleting':
      return 'The credential is being deleted.';
    case 'former':
      return `The Secret ${name} is that of a former credential of the same name. The operator has still to take it over.`;
    case 'no secret': {
      const ready = readyOf(credential);
      return `The Secret ${name} is not there yet.${ready.status === 'True' ? '' : ` ${ready.message}`}`;
    }
    case 'no reference':
      return `The Secret ${name} is there, but these ServiceAccounts do not refer to it yet: ${cell.accounts.slice(0, MAX_NAMES).join(', ')}.`;
    default:
      return cell satisfies never;
  }
}

function explainVerdict(verdict: Exclude<NamespaceVerdict, 'selected'>, { namespace }: CredentialRecord): string {
  switch (verdict) {
    case 'terminating':
      return 'The namespace is being deleted, so the operator puts nothing into it.';
    case 'opted-out':
      return 'The namespace has the label regcred.dev/exclude: "true", so no credential selects it.';
    case 'excluded':
      return 'spec.namespaces.exclude matches this namespace.';
    case 'not-matched':
      return 'No entry of spec.namespaces.names and no spec.namespaces.selector matches this namespace.';
    case 'not-accepted':
      return `The namespace does not accept credentials from namespace ${namespace}. Its annotation ${ANNOTATION.acceptFrom} would have to name it.`;
    default:
      return verdict satisfies never;
  }
}
