import { isOverloaded, retryAfterMsOf } from '../kube/errors.ts';
import type { Answered, Writer } from '../kube/writer.ts';
import type { Log } from '../log.ts';
import type { Contest } from '../plan/contest.ts';
import { injectionOf } from '../plan/injection.ts';
import { type Intent, isEnding, secretNameOf } from '../plan/intent.ts';
import type { Facts, Side } from '../plan/status.ts';
import { matchNothing, wantsAccounts } from '../plan/targets.ts';
import { Pace } from '../queue/pace.ts';
import { type Again, WorkQueue } from '../queue/queue.ts';
import { idOf, type Key } from '../triggers/keys.ts';
import { Triggers } from '../triggers/triggers.ts';
import { reconcileAccounts } from './accounts.ts';
import { type Book, type Context, Recovery, type World } from './context.ts';
import { reconcileCredential } from './credential.ts';
import { type Readings, readingsOf } from './readings.ts';
import { reconcilePod, standingOfRecovery } from './recovery.ts';
import { type Progress, Reporter } from './report.ts';
import { reconcileSecret } from './secret.ts';
import type { Tally } from './tally.ts';

export interface TermOptions {
  readonly concurrency: number;
  readonly cleanupTimeoutMs: number;
  readonly reconciled: (kind: Key['kind'], seconds: number) => void;
  readonly recovered: Context['recovered'];
  readonly failed: Context['failed'];
}

/** How long an API server is left alone that has no time for a few calls, where it does not say so itself. */
const PAUSE_MS = 1000;

/** The work of one term as leader, from the first decision to the last write. A new term begins with what is there, and nothing else. */
export class Term {
  readonly triggers: Triggers;
  readonly readings: Readings;
  readonly #pace: Pace;
  readonly #queue: WorkQueue<Key>;
  readonly #context: Context;

  constructor(world: World, writerWith: (answered: Answered) => Writer, log: Log, options: TermOptions) {
    const writer = writerWith((ms, error) => this.#answered(ms, error));
    const intents = new Map<string, Intent>();
    const books = new Map<string, Book>();
    this.#pace = new Pace(options.concurrency);
    this.#queue = new WorkQueue(
      idOf,
      (key) => this.#run(key, options),
      () => this.#pace.width,
    );
    this.#context = {
      world,
      writer,
      log,
      intents,
      books,
      reporter: new Reporter(world.credentials, writer, log, {
        progressOf: (name) => progressOf(this.#context, name),
        factsOf: (name) => factsOf(this.#context, name),
      }),
      contests: new Map<string, Contest>(),
      failures: new Map<string, number>(),
      unsure: new Set<string>(),
      recovery: new Recovery(),
      cleanupTimeoutMs: options.cleanupTimeoutMs,
      add: (key, priority) => this.#queue.add(key, priority),
      recovered: options.recovered,
      failed: options.failed,
      now: () => performance.now(),
      random: Math.random,
    };
    this.readings = readingsOf(this.#context, this.#queue);
    this.triggers = new Triggers(world, intents, (key, priority) => this.#queue.add(key, priority));
  }

  begin(): void {
    this.triggers.all();
    this.#queue.open();
  }

  /** Ends the work, and resolves when the writes under way are done. */
  async end(): Promise<void> {
    await Promise.all([this.#context.reporter.end(), this.#queue.close()]);
  }

  #answered(ms: number, error: unknown): void {
    const now = performance.now();
    if (error === undefined) this.#pace.answered(ms);
    else if (isOverloaded(error) && this.#pace.refused(now - ms, now)) {
      this.#queue.pause(retryAfterMsOf(error) || PAUSE_MS);
    }
  }

  async #run(key: Key, { reconciled, failed }: TermOptions): Promise<Again | undefined> {
    const begun = performance.now();
    try {
      return await reconcile(this.#context, key);
    } catch (error) {
      // Failed writes are outcomes. What gets here is a fault of the program: it must not take the other keys down.
      failed(key.kind, 'fault');
      this.#context.log.error('A reconciler failed.', { key: idOf(key), error, stack: (error as Error).stack });
      return { afterMs: 30_000 };
    } finally {
      reconciled(key.kind, (performance.now() - begun) / 1000);
    }
  }
}

function reconcile(context: Context, key: Key): Promise<Again | undefined> {
  switch (key.kind) {
    case 'credential':
      return reconcileCredential(context, key);
    case 'secret':
      return reconcileSecret(context, key);
    case 'accounts':
      return reconcileAccounts(context, key);
    case 'pod':
      return reconcilePod(context, key);
    default:
      return key satisfies never;
  }
}

/** What there is to tell of: the status of one that is being deleted tells of the deletion, or nothing. */
function subjectOf({ intents, books, world }: Context, name: string) {
  const book = books.get(name);
  const credential = world.credentials.get('', name);
  const intent = intents.get(name);
  if (!book || !credential || (credential.deleting && !(intent && isEnding(intent)))) return undefined;
  return { book, credential, intent };
}

/** How far the work for a credential is. It is asked at every placement, so it must not take longer for more of them. */
function progressOf(context: Context, name: string): Progress | undefined {
  const book = subjectOf(context, name)?.book;
  return (
    book && {
      generation: book.generation,
      busy: book.sources.state === 'loading' || book.fanningOut || book.secrets.pending + book.accounts.pending > 0,
    }
  );
}

/** Everything that the status of a credential says, as it is now. */
function factsOf(context: Context, name: string): Facts | undefined {
  const subject = subjectOf(context, name);
  if (!subject) return undefined;
  const { book, credential, intent } = subject;
  return {
    generation: book.generation,
    secretName: intent?.secretName ?? secretNameOf(credential),
    mode: intent?.mode ?? 'place',
    suspended: credential.spec.suspend,
    wantsAccounts: wantsAccounts(credential.spec),
    injection: injectionOf(credential.spec, context.world.podPolicy.state),
    sources: book.sources,
    blocked: book.blocked,
    podRecovery: standingOfRecovery(context.world, credential, book),
    unmatched: matchNothing(credential.spec, targetsOf(context.world, book)),
    secrets: sideOf(book.secrets, book),
    accounts: sideOf(book.accounts, book),
  };
}

function* targetsOf({ namespaces }: World, book: Book) {
  for (const name of book.secrets.namespaces()) {
    const namespace = namespaces.get('', name);
    if (namespace) yield namespace;
  }
}

const sideOf = (tally: Tally, { fanningOut }: Book): Side => ({
  counters: tally.counters(),
  pending: tally.pending + (fanningOut ? 1 : 0),
  failures: tally.failures(),
});
