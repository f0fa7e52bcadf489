import { ANNOTATION } from '../../api/names.ts';
import type { AccountRecord, NamespaceRecord } from '../../api/records.ts';
import { selectsAccount, selectsNamespace } from '../targets/targets.ts';
import { type Intent, leavesReferencesUnchanged } from './intent.ts';

export interface AccountAction {
  readonly kind: 'patch-account';
  readonly namespace: string;
  readonly name: string;
  /** The names that the account records as the operator's after the patch. */
  readonly names: readonly string[];
  readonly patch: { readonly metadata: object; readonly imagePullSecrets: AccountRecord['pullSecrets'] | null };
}

export interface AccountPlan {
  readonly account: AccountRecord;
  /** The names that the operator added to the account, by the account's record or by the operator's own memory. */
  readonly recorded: readonly string[];
  /** The credentials that need a reference in this account. */
  readonly desiredBy: readonly Intent[];
  readonly action?: AccountAction;
}

/**
 * Who owns the Secret with a recorded name:
 * - an intent: a credential, under its current or a former name
 * - retained: a deleted credential, under Retain
 * - unknown: not observed yet
 * - nobody: the Secret does not exist, or the operator does not manage it
 */
export type NameOwner = Intent | 'retained' | 'unknown' | 'nobody';

/** What is known about the pull secret names in the accounts of one namespace. */
export interface NameOwners {
  /** Whether the credential's Secret exists. Then accounts may refer to it even while its source is invalid. */
  isPlaced(intent: Intent): boolean;
  ownerOf(secretName: string): NameOwner;
  /** Whether another credential goes first with this Secret name (`outranks`), so that this one adds no reference. */
  isOutranked?(intent: Intent): boolean;
  /** Names that the operator added to the account, but whose record an admission policy removed. */
  unrecordedIn?(account: AccountRecord): readonly string[];
}

/**
 * Decides on the references in every ServiceAccount of one namespace, for all credentials at once. An account is one object:
 * credentials that patched it one by one would conflict on its resourceVersion (docs/adr/0002-three-kinds-of-key.md).
 */
export function planAccounts(
  intents: readonly Intent[],
  namespace: NamespaceRecord | undefined,
  accounts: Iterable<AccountRecord>,
  owners: NameOwners,
): AccountPlan[] {
  if (namespace === undefined || namespace.terminating) return [];
  const selecting = intents.filter(
    (intent) => intent.mode === 'sync' && selectsNamespace(intent, namespace) && !owners.isOutranked?.(intent),
  );
  const placing = selecting.filter((intent) => intent.content !== undefined || owners.isPlaced(intent));
  // Without a first good content the operator adds no name, but existing references stay.
  const withoutContent = selecting.filter((intent) => !placing.includes(intent));
  const unchanged = intents.filter(leavesReferencesUnchanged);

  return Array.from(accounts, (account) => {
    if (account.terminating) return { account, recorded: account.recorded, desiredBy: [] };
    const selectsThis = (intent: Intent) => selectsAccount(intent.spec, account);
    const desiredBy = placing.filter(selectsThis);
    const keptNames = secretNamesOf([...unchanged, ...withoutContent.filter(selectsThis)]);
    const isKept = (name: string) => {
      const owner = owners.ownerOf(name);
      if (typeof owner === 'string') return owner !== 'nobody' || keptNames.has(name);
      // A former name stays until its Secret is deleted. The operator deletes that Secret once the one under the new name exists.
      return keptNames.has(name) || leavesReferencesUnchanged(owner) || (selecting.includes(owner) && selectsThis(owner));
    };
    const recorded = [...new Set([...account.recorded, ...(owners.unrecordedIn?.(account) ?? [])])];
    const action = planAccount(account, recorded, secretNamesOf(desiredBy), isKept);
    return { account, recorded, desiredBy, ...(action && { action }) };
  });
}

const secretNamesOf = (intents: readonly Intent[]) => new Set(intents.map(({ secretName }) => secretName));

/**
 * Appends the missing desired names, and removes recorded names that are no longer desired. Entries without a record belong to other
 * users: they stay as they are, in their order.
 */
function planAccount(
  account: AccountRecord,
  recorded: readonly string[],
  desired: ReadonlySet<string>,
  isKept: (name: string) => boolean,
): AccountAction | undefined {
  const obsolete = new Set(recorded.filter((name) => !desired.has(name) && !isKept(name)));
  const kept = account.pullSecrets.filter(({ name }) => name === undefined || !obsolete.has(name));
  const existing = namesIn(kept);
  const missing = [...desired].filter((name) => !existing.has(name)).sort();
  if (missing.length === 0 && obsolete.size === 0 && recorded.length === account.recorded.length) return undefined;

  const names = [...new Set([...recorded, ...missing])].filter((name) => !obsolete.has(name)).sort();
  const list = [...kept, ...missing.map((name) => ({ name }))];
  const patch = {
    // imagePullSecrets is an atomic list: without the resourceVersion, the patch would drop an entry that another user has just added.
    metadata: {
      uid: account.uid,
      resourceVersion: account.resourceVersion,
      annotations: { [ANNOTATION.pullSecrets]: names.length > 0 ? names.join(',') : null },
    },
    imagePullSecrets: list.length > 0 ? list : null,
  };
  return { kind: 'patch-account', namespace: account.namespace, name: account.name, names, patch };
}

/**
 * The first field of a ServiceAccount that the API server did not store as the patch has it; undefined if it stored all. Entries that an
 * admission policy adds do not count, and neither do other fields.
 *
 * @param before the account that the action was decided on
 */
export function firstRejectedAccountField(
  before: AccountRecord,
  { names, patch }: AccountAction,
  answer: AccountRecord,
): string | undefined {
  const sent = namesIn(patch.imagePullSecrets ?? []);
  const stored = namesIn(answer.pullSecrets);
  const removed = before.recorded.filter((name) => !names.includes(name));
  if (names.some((name) => sent.has(name) && !stored.has(name)) || removed.some((name) => stored.has(name))) return 'imagePullSecrets';
  const isRecorded = names.every((name) => answer.recorded.includes(name)) && !removed.some((name) => answer.recorded.includes(name));
  return isRecorded ? undefined : `metadata.annotations[${JSON.stringify(ANNOTATION.pullSecrets)}]`;
}

const namesIn = (list: AccountRecord['pullSecrets']) => new Set(list.map(({ name }) => name));
