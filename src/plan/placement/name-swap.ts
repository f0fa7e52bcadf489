import type { NamespaceRecord } from '../../api/records.ts';
import { selectsNamespace } from '../targets/targets.ts';
import type { Intent } from './intent.ts';

/** The credential that placed the Secret of this name in the namespace; undefined if there is none, or the Secret cannot be written. */
export type HolderOf = (secretName: string) => Intent | undefined;

/**
 * Whether credentials wait for each other's Secret in a ring. After a user swapped two secretNames, `a` holds the Secret that `b` desires and
 * `b` holds the one that `a` desires. Each deletes its old Secret only after it has the new one, so all would wait for ever. Therefore each
 * may take over the next one's Secret. False if some credential of the ring cannot place its content, because that content would be lost.
 */
export function isSwap(intent: Intent, namespace: NamespaceRecord, holderOf: HolderOf): boolean {
  const seen = new Set<string>();
  let { secretName } = intent;
  for (;;) {
    const holder = holderOf(secretName);
    if (holder === undefined || seen.has(holder.uid)) return false;
    if (holder.uid === intent.uid) return seen.size > 0;
    seen.add(holder.uid);
    const canPlace = holder.mode === 'sync' && holder.content !== undefined && selectsNamespace(holder, namespace);
    if (!canPlace || holder.secretName === secretName) return false;
    secretName = holder.secretName;
  }
}
