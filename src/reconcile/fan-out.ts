import { credentialId, refOf } from '../api/credential-ref.ts';
import { isManaged } from '../api/managed-secret.ts';
import type { NamespaceRecord } from '../api/records.ts';
import type { Intent } from '../plan/placement/intent.ts';
import { exactNames, selectsNamespace, type TargetRules } from '../plan/targets/targets.ts';
import type { Key } from '../queue/keys.ts';
import { PRIORITY } from '../queue/queue.ts';
import type { CredentialState } from '../status/credential-state.ts';
import type { CredentialReconciler } from './credential-reconciler.ts';
import type { Turns } from './turns.ts';

export interface FanOut {
  readonly intent: Intent;
  /** The intent of the last completed fan-out. */
  readonly former: Intent | undefined;
  readonly state: CredentialState;
  /** False after a rotation, which leaves the references unchanged. */
  readonly withAccounts: boolean;
}

/** Enqueues every namespace where a Secret or reference is desired, or where one of this credential may exist. */
export async function fanOut(
  { observed, states, add, settle, turns }: Pick<CredentialReconciler, 'observed' | 'states' | 'add' | 'settle' | 'turns'>,
  plan: FanOut,
): Promise<void> {
  const { intent, former, state, withAccounts } = plan;
  if (intent.mode === 'suspend') return;
  const { secrets, accounts, withFormerNames } = await concernedNamespaces(observed, plan, turns);
  const credential = refOf(intent);
  for await (const slice of inSlices(new Set([...accounts, ...secrets]), turns, ENQUEUED_AT_ONCE)) {
    for (const namespace of slice) {
      states.noteWorkIn(namespace, intent);
      // Enqueue the accounts first. The kubelet retries a missing Secret, but a pod admitted without the reference never gets it.
      if (withAccounts && accounts.has(namespace)) {
        state.accounts.markPending(namespace, 0);
        add({ kind: 'accounts', namespace }, PRIORITY.fanOut);
      }
      if (secrets.has(namespace)) {
        const key = { kind: 'secret', credential, namespace } as const;
        // At a start, most Secrets are as desired.
        if (former !== undefined || withFormerNames.has(namespace) || !settle(key)) {
          state.secrets.markPending(namespace, intent.mode === 'sync' ? 1 : 0);
          if (!state.isWaitingForNames) add(key, PRIORITY.fanOut);
        }
        for (const rival of rivalsIn({ observed, states }, intent, namespace)) add(rival, PRIORITY.fanOut);
      }
    }
  }
}

/** Enqueues the Secrets that waited until the credential's names were listed, and those that only this list shows. */
export async function enqueueWaiting(
  { observed, add, turns }: Pick<CredentialReconciler, 'observed' | 'add' | 'turns'>,
  intent: Intent,
  { secrets }: CredentialState,
): Promise<void> {
  const waiting = new Set(Array.from(secrets.namespaces()).filter((namespace) => secrets.get(namespace)?.isPending));
  for await (const slice of inSlices(observed.secrets.ofCredential(intent.uid), turns)) {
    for (const secret of slice) if (!isManaged(secret)) waiting.add(secret.namespace);
  }
  for await (const slice of inSlices(waiting, turns, ENQUEUED_AT_ONCE)) {
    for (const namespace of slice) add({ kind: 'secret', credential: refOf(intent), namespace }, PRIORITY.fanOut);
  }
}

async function concernedNamespaces(observed: CredentialReconciler['observed'], { intent, former, state }: FanOut, turns: Turns) {
  const secrets = new Set(state.secrets.namespaces());
  const accounts = new Set(state.accounts.namespaces());
  if (intent.mode !== 'cleanup') {
    for await (const slice of inSlices(candidates(observed, intent), turns)) {
      for (const namespace of slice) {
        if (!selectsNamespace(intent, namespace)) continue;
        secrets.add(namespace.name);
        accounts.add(namespace.name);
      }
    }
  }
  const withFormerNames = new Set<string>();
  for await (const slice of inSlices(observed.secrets.ofCredential(intent.uid), turns)) {
    for (const { namespace, name } of slice) {
      secrets.add(namespace);
      if (name !== intent.secretName) withFormerNames.add(namespace);
    }
  }
  const names = [intent.secretName, former?.secretName];
  // A confined credential has nothing outside of its own namespace.
  const all = intent.isConfined ? observed.accounts.in(intent.namespace) : observed.accounts.all();
  for await (const slice of inSlices(all, turns)) {
    for (const { namespace, recorded } of slice) if (recorded.some((name) => names.includes(name))) accounts.add(namespace);
  }
  return { secrets, accounts, withFormerNames };
}

/** The namespaces that the spec can select, without a look at all of them if it lists exact names. */
export function candidates(
  { namespaces }: Pick<CredentialReconciler['observed'], 'namespaces'>,
  { spec }: TargetRules,
): Iterable<NamespaceRecord> {
  const names = exactNames(spec);
  return names === undefined ? namespaces.all() : names.flatMap((name) => namespaces.get('', name) ?? []);
}

/** The keys of the other credentials that want the same Secret: whether they may have it depends on this one. */
function rivalsIn({ observed, states }: Pick<CredentialReconciler, 'observed' | 'states'>, intent: Intent, namespace: string): Key[] {
  if (!states.hasNamesake(intent)) return [];
  const record = observed.namespaces.get('', namespace);
  const homes = record ? observed.credentials.homesReaching(record) : [];
  return Array.from(states.intentsConcerning(namespace, homes))
    .filter((other) => other.secretName === intent.secretName && credentialId(other) !== credentialId(intent))
    .map((other) => ({ kind: 'secret', credential: refOf(other), namespace }));
}

/** Each slice takes one or two milliseconds. */
const ENQUEUED_AT_ONCE = 100;
const READ_AT_ONCE = 1000;

async function* inSlices<T>(all: Iterable<T>, turns: Turns, length = READ_AT_ONCE): AsyncGenerator<readonly T[], void, undefined> {
  let slice: T[] = [];
  for (const one of all) {
    if (slice.push(one) < length) continue;
    yield slice;
    slice = [];
    await turns.next();
  }
  yield slice;
}
