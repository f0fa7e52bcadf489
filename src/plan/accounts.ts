import { ANNOTATION } from '../api/names.ts';
import type { AccountRecord, NamespaceRecord } from '../api/records.ts';
import { type Intent, leavesAccounts } from './intent.ts';
import { coversAccount, isTarget } from './targets.ts';

export interface AccountAction {
  readonly kind: 'patch-account';
  readonly namespace: string;
  readonly name: string;
  /** The names that the account is to have of us: what it is all about, and what tells one write from a repetition of it. */
  readonly names: readonly string[];
  readonly patch: object;
}

export interface AccountPlan {
  readonly account: AccountRecord;
  /** The credentials that want a reference in this account. */
  readonly wantedBy: readonly Intent[];
  readonly action?: AccountAction;
}

/** What is known about the names that stand in the accounts of a namespace. */
export interface NamesThere {
  /** Whether the Secret of this credential is in the namespace: then it may be referred to, though its source be missing. */
  isPlaced(intent: Intent): boolean;
  /**
   * Whose the Secret of a recorded name is:
   * - a credential's, maybe under a former name
   * - gone: of one that was deleted and left it behind (Retain)
   * - undecided: of one that was not looked at yet, or maybe of such a one
   * - nobody: there is none, or it is not ours
   */
  belongsTo(secretName: string): Intent | 'gone' | 'undecided' | 'nobody';
}

/**
 * Decides on the references in every ServiceAccount of one namespace, for all credentials at once: an account is one
 * object, and ten credentials that patch it one by one would run into one another.
 */
export function planAccounts(
  intents: readonly Intent[],
  namespace: NamespaceRecord | undefined,
  accounts: Iterable<AccountRecord>,
  names: NamesThere,
): AccountPlan[] {
  if (namespace === undefined || namespace.terminating) return [];
  const here = intents.filter((intent) => intent.mode === 'place' && isTarget(intent.spec, namespace));
  const placing = here.filter((intent) => intent.content !== undefined || names.isPlaced(intent));
  // Nothing is fanned out before it is known to be good, not even a name; but what has been placed is kept.
  const waiting = here.filter((intent) => !placing.includes(intent));
  const held = intents.filter(leavesAccounts);

  return Array.from(accounts, (account) => {
    if (account.terminating) return { account, wantedBy: [] };
    const covering = (intent: Intent) => coversAccount(intent.spec, account);
    const wantedBy = placing.filter(covering);
    const keep = namesOf([...held, ...waiting.filter(covering)]);
    const isHeld = (name: string) => {
      const owner = names.belongsTo(name);
      if (typeof owner === 'string') return owner !== 'nobody' || keep.has(name);
      // A former name is good until the Secret under it is gone, which is when the one under the new name is there.
      return keep.has(name) || held.includes(owner) || (here.includes(owner) && covering(owner));
    };
    const action = planAccount(account, namesOf(wantedBy), isHeld);
    return { account, wantedBy, ...(action && { action }) };
  });
}

const namesOf = (intents: readonly Intent[]) => new Set(intents.map(({ secretName }) => secretName));

/**
 * Appends the wanted names that are missing, and removes those that are recorded as ours and no longer wanted. Entries
 * that nobody recorded are somebody else's: they, and their order, stay as they are.
 */
function planAccount(account: AccountRecord, wanted: ReadonlySet<string>, isHeld: (name: string) => boolean): AccountAction | undefined {
  const recorded = new Set(account.recorded);
  const unwanted = new Set(account.recorded.filter((name) => !wanted.has(name) && !isHeld(name)));
  const kept = account.pullSecrets.filter(({ name }) => name === undefined || !unwanted.has(name));
  const present = new Set(kept.map(({ name }) => name));
  const missing = [...wanted].filter((name) => !present.has(name)).sort();
  if (missing.length === 0 && unwanted.size === 0) return undefined;

  const ours = [...recorded, ...missing.filter((name) => !recorded.has(name))].filter((name) => !unwanted.has(name)).sort();
  const list = [...kept, ...missing.map((name) => ({ name }))];
  const patch = {
    // imagePullSecrets is an atomic list: without the resourceVersion, an entry made meanwhile by somebody else would be lost.
    metadata: {
      uid: account.uid,
      resourceVersion: account.resourceVersion,
      annotations: { [ANNOTATION.pullSecrets]: ours.length > 0 ? ours.join(',') : null },
    },
    imagePullSecrets: list.length > 0 ? list : null,
  };
  return { kind: 'patch-account', namespace: account.namespace, name: account.name, names: ours, patch };
}
