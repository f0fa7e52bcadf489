import type { Problem } from '../api/reasons.ts';
import type {
  AccountRecord,
  CredentialRecord,
  JobRecord,
  NamespaceRecord,
  ObjectRecord,
  OwnerReference,
  PodPolicyState,
  PodRecord,
  SecretRecord,
  SourceRecord,
} from '../api/records.ts';
import type { Failure as FailureKind } from '../kube/errors.ts';
import type { Watches } from '../kube/follow.ts';
import type { Ours } from '../kube/ours-by-name.ts';
import type { Store, View } from '../kube/store.ts';
import type { Writer } from '../kube/writer.ts';
import type { Log } from '../log.ts';
import type { Allowance } from '../plan/allowance.ts';
import type { Contest } from '../plan/contest.ts';
import { type Intent, isEnding } from '../plan/intent.ts';
import type { Sighting } from '../plan/recovery.ts';
import type { Facts } from '../plan/status.ts';
import { PRIORITY, type Priority } from '../queue/queue.ts';
import type { Key } from '../triggers/keys.ts';
import type { Reporter } from './report.ts';
import { type Standing, Tally } from './tally.ts';

/** What is there. Reconcilers read it, and feed the answers to their own writes into it. */
export interface World {
  readonly credentials: Store<CredentialRecord>;
  readonly namespaces: View<NamespaceRecord>;
  readonly accounts: Store<AccountRecord>;
  readonly managed: Ours;
  /** By Secret name: the Secrets of that name that do not carry our label; where there are `sourceNamespaces`, all of that name. */
  readonly foreign: Watches<SecretRecord>;
  /** By namespace/name. */
  readonly sources: Watches<SourceRecord>;
  /** Whether the API server adds our names to pods: for the status alone. */
  readonly podPolicy: { readonly state: PodPolicyState };
  /** By phase: watched as long as some credential asks for it. */
  readonly pods: Watches<PodRecord>;
  /** Asks the API server for the Job that owns a pod; undefined where there is none such. */
  readonly job: (namespace: string, owner: OwnerReference) => Promise<JobRecord | undefined>;
  /** Where sources may be. Where that is limited, Secrets are asked for by name only. */
  readonly sourceNamespaces: readonly string[] | undefined;
}

/** How the work for one credential goes. All of it can be made again from the cluster: it is lost without harm. */
export class Book {
  readonly secrets = new Tally();
  readonly accounts = new Tally();
  sources: Facts['sources'] = { state: 'loading' };
  blocked: Facts['blocked'];
  /** By pod: why it could not be evicted. */
  readonly notEvicted = new Map<string, Problem>();
  /** While namespaces are still being enqueued: what is pending is not all that there is to do. */
  fanningOut = false;
  /** The generation of the spec that all of this is about. */
  generation: number;
  /** When something was last taken back, in milliseconds of `Context.now`: a cleanup that stands still is given up in the end. */
  progressAt: number;

  constructor(now: number, generation: number) {
    this.progressAt = now;
    this.generation = generation;
  }
}

/** More than that, and what is known longest is forgotten: of objects that are gone nobody tells us again. */
const MOST_REMEMBERED = 10_000;

export function forgetOldest(remembered: Map<string, unknown>): void {
  for (const oldest of remembered.keys()) {
    if (remembered.size <= MOST_REMEMBERED) return;
    remembered.delete(oldest);
  }
}

/** What is remembered about pods that hang. Lost without harm: docs/adr/0010-pod-recovery.md says why nothing is done twice. */
export class Recovery {
  /** By pod. */
  readonly sightings = new Map<string, Sighting>();
  readonly done = new Map<string, ReadonlySet<string>>();
  /**
   * By uid of the ServiceAccount: when we last wrote its list, in seconds since 1970. The API server notes that by itself only for
   * accounts that it has managedFields of, which those made by the controllers of Kubernetes do not have.
   */
  readonly written = new Map<string, number>();
  allowance: Allowance | undefined;
}

/** What the reconcilers share for one term as leader. */
export interface Context {
  readonly world: World;
  readonly writer: Writer;
  readonly log: Log;
  readonly reporter: Reporter;
  /** What each credential wants, by name, as its reconciler last decided it. */
  readonly intents: Map<string, Intent>;
  readonly books: Map<string, Book>;
  /** By object: what we have written to it of late. */
  readonly contests: Map<string, Contest>;
  /** By key: how often in a row it has failed. */
  readonly failures: Map<string, number>;
  /** Namespaces with names in accounts of which it was not clear whose they are. */
  readonly unsure: Set<string>;
  readonly recovery: Recovery;
  readonly cleanupTimeoutMs: number;
  add(key: Key, priority: Priority): void;
  /** Told of each pod that was evicted so that it pulls again, and of each that would have been if somebody made it again. */
  recovered(credential: string, how: 'recreated' | 'reported'): void;
  /** Told of each step that failed. */
  failed(kind: Key['kind'], reason: FailureKind | 'fault'): void;
  /** Milliseconds on a clock that does not jump. */
  now(): number;
  random(): number;
}

/** Everything under one name in one namespace: ours and others'. */
export function secretAt(world: World, namespace: string, name: string): SecretRecord | undefined {
  return world.managed.get(namespace, name) ?? world.foreign.view(name)?.get(namespace, name);
}

export const sourceKey = ({ namespace, name }: Pick<ObjectRecord, 'namespace' | 'name'>) => `${namespace}/${name}`;

/** Notes how a credential stands in a namespace, now that work on it is done; undefined: nothing is wanted or left there. */
export function settle(
  context: Context,
  credential: string,
  side: 'secrets' | 'accounts',
  namespace: string,
  result: Standing | undefined,
): void {
  const book = context.books.get(credential);
  if (!book) return;
  if (result === undefined && book[side].get(namespace) !== undefined) book.progressAt = context.now();
  book[side].set(namespace, result);
  context.reporter.touch(credential);
  const intent = context.intents.get(credential);
  const nothingLeft = book.secrets.size === 0 && book.accounts.size === 0;
  // The last of a cleanup: now the finalizer can go.
  if (nothingLeft && intent && isEnding(intent)) context.add({ kind: 'credential', name: credential }, PRIORITY.now);
}
