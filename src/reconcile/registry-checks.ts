import { createHmac, randomBytes } from 'node:crypto';
import { type CredentialRef, credentialId } from '../api/credential-ref.ts';
import type { Log } from '../log.ts';
import type { CheckRecord } from '../plan/checks/credential-memory.ts';
import { interpret, type Result } from '../plan/checks/interpret.ts';
import type { GitHubExpiry, Observation } from '../plan/checks/observation.ts';
import { type CheckQuestion, displayName, SHARED_SECRET, textOf } from '../plan/checks/questions.ts';
import { nextCheck } from '../plan/checks/schedule.ts';
import { PRIORITY, type Requeue, WorkQueue } from '../queue/queue.ts';

/** Asks one registry. It rejects if the signal aborts, or after a fault of the program. */
export type AskRegistry = (question: CheckQuestion, signal: AbortSignal) => Promise<Observation>;

/** What one credential wants to know about one of its servers. */
export interface WantedCheck {
  readonly question: CheckQuestion;
  readonly intervalMs: number;
  /** The probe image was pulled once with these credentials or earlier ones. */
  readonly wasProven: boolean;
  /** The answer that an earlier leader got to the same question. */
  readonly known: CheckRecord | undefined;
}

export interface CheckState {
  /** Undefined before the first answer. */
  readonly record: CheckRecord | undefined;
  /** How long the question has waited for its first answer, in milliseconds. */
  readonly pendingMs: number;
}

interface Owner {
  readonly credential: CredentialRef;
  readonly intervalMs: number;
  readonly wasProven: boolean;
}

interface Check {
  readonly id: string;
  readonly question: CheckQuestion;
  readonly owners: Map<string, Owner>;
  readonly since: number;
  record: CheckRecord | undefined;
  /** Spreads the next check. */
  random: number;
  isRequested: boolean;
}

export interface RegistryChecksOptions {
  readonly ask: AskRegistry;
  /** Called for each credential whose question was answered. */
  readonly onAnswer: (credential: CredentialRef) => void;
  readonly onResult: (result: Result) => void;
  readonly log: Log;
  /** Milliseconds since 1970: answers are remembered over a restart. */
  readonly now: () => number;
  readonly random: () => number;
}

/** Four hosts at a time. A host is a key of the queue, so it is asked one question at a time. */
const HOSTS_AT_ONCE = 4;

/** A timer of Node.js cannot wait for longer than 24 days. A day is often enough to look again. */
const MAX_WAIT_MS = 24 * 3_600_000;

/**
 * These failures concern the host or its token service and not the question, so that other questions to it need not wait for the same
 * failure. The same holds if it asks to be left alone (Retry-After).
 */
const HOST_FAILURES: ReadonlySet<string> = new Set(['dns', 'connection-refused', 'network', 'timeout', 'proxy']);

/** A fault of the program counts as an answer, so that the question is asked again after the same back-off. */
const FAULT: Observation = {
  state: 'asked',
  login: { at: 'registry', sent: 'nothing', reply: { kind: 'failure', why: 'fault' } },
};

/**
 * Asks registries whether they accept credentials: in a queue of its own, so that a registry that hangs delays no placement. Credentials
 * with equal questions share one check.
 */
export class RegistryChecks {
  readonly #options: RegistryChecksOptions;
  readonly #key = randomBytes(32);
  readonly #checks = new Map<string, Check>();
  readonly #wantedBy = new Map<string, readonly string[]>();
  readonly #queue = new WorkQueue<string>({
    idOf: (host) => host,
    // Nothing here waits for the same webhook.
    groupOf: () => undefined,
    width: HOSTS_AT_ONCE,
  });
  readonly #ended = new AbortController();

  constructor(options: RegistryChecksOptions) {
    this.#options = options;
  }

  begin(): void {
    this.#queue.open((host) => this.#run(host));
  }

  /** Aborts the requests under way. */
  async end(): Promise<void> {
    this.#ended.abort();
    await this.#queue.close();
  }

  /** From now on the credential wants exactly these answers, one for each server. Returns what is known, by server. */
  want(credential: CredentialRef, wanted: readonly WantedCheck[]): ReadonlyMap<string, CheckState> {
    const owner = credentialId(credential);
    // Several servers may share a question, and so an id.
    const ids = new Map(wanted.map((want) => [want, this.#idOf(want.question)]));
    const kept = [...new Set(ids.values())];
    for (const id of this.#wantedBy.get(owner) ?? []) if (!kept.includes(id)) this.#drop(id, owner);
    this.#wantedBy.set(owner, kept);
    return new Map(Array.from(ids, ([want, id]) => [want.question.server, this.#add(id, owner, credential, want)]));
  }

  /** Asks again about everything of a credential, at most once a minute. */
  request(credential: CredentialRef): void {
    for (const id of this.#wantedBy.get(credentialId(credential)) ?? []) {
      const check = this.#checks.get(id);
      if (!check) continue;
      check.isRequested = true;
      this.#queue.add(check.question.host, PRIORITY.now);
    }
  }

  forget(credential: CredentialRef): void {
    this.want(credential, []);
    this.#wantedBy.delete(credentialId(credential));
  }

  #idOf = (question: CheckQuestion) => createHmac('sha256', this.#key).update(textOf(question)).digest('hex');

  #add(id: string, owner: string, credential: CredentialRef, { question, intervalMs, wasProven, known }: WantedCheck): CheckState {
    const { now, random } = this.#options;
    const before = this.#checks.get(id);
    const check = before ?? { id, question, owners: new Map(), since: now(), record: known, random: random(), isRequested: false };
    this.#checks.set(id, check);
    check.record ??= known;
    const isNew = check.owners.get(owner)?.intervalMs !== intervalMs;
    check.owners.set(owner, { credential, intervalMs, wasProven });
    if (isNew) this.#queue.add(question.host, PRIORITY.now);
    return { record: check.record, pendingMs: now() - check.since };
  }

  #drop(id: string, owner: string): void {
    const check = this.#checks.get(id);
    check?.owners.delete(owner);
    if (check?.owners.size === 0) this.#checks.delete(id);
  }

  async #run(host: string): Promise<Requeue | undefined> {
    const { now } = this.#options;
    const [next] = this.#dueTimes(host);
    if (!next) return undefined;
    if (next.at > now()) return { afterMs: Math.min(next.at - now(), MAX_WAIT_MS) };
    await this.#ask(next.check);
    const [later] = this.#dueTimes(host);
    // Through the queue again, so that hosts take turns.
    return later && { afterMs: Math.min(Math.max(0, later.at - now()), MAX_WAIT_MS) };
  }

  /** The questions for a host, the next one first. */
  #dueTimes(host: string): { readonly check: Check; readonly at: number }[] {
    const due = [...this.#checks.values()]
      .filter(({ question }) => question.host === host)
      .map((check) => ({ check, at: this.#dueAt(check) }));
    return due.sort((a, b) => a.at - b.at || a.check.since - b.check.since);
  }

  #dueAt({ record, owners, isRequested, random }: Check): number {
    const intervalMs = Math.min(...Array.from(owners.values(), (owner) => owner.intervalMs));
    return nextCheck({ last: record, isRequested, intervalMs }, random, this.#options.now());
  }

  async #ask(check: Check): Promise<void> {
    const { ask, log, random, onResult, onAnswer } = this.#options;
    check.isRequested = false;
    const { signal } = this.#ended;
    const observation = await ask(check.question, signal).catch((error: unknown) => {
      if (!signal.aborted) log.error('A registry check failed.', { server: displayName(check.question), error });
      return FAULT;
    });
    // The credential may have changed during the request. Then no credential needs this answer.
    if (signal.aborted || this.#checks.get(check.id) !== check) return;
    this.#record(check, observation);
    onResult((check.record as CheckRecord).result);
    check.random = random();
    const againMs = Math.round(this.#dueAt(check) - this.#options.now());
    log.debug('Asked a registry.', { server: displayName(check.question), result: check.record?.result, againMs });
    if (isHostFailure(observation)) this.#failOthers(check, observation);
    for (const { credential } of check.owners.values()) onAnswer(credential);
  }

  #record(check: Check, observation: Observation): void {
    const { question, owners } = check;
    const { record: last } = check;
    const wasProven = last?.result === 'Proven' || [...owners.values()].some((owner) => owner.wasProven);
    const { result, message, retryAfterSeconds } = interpret(observation, {
      server: displayName(question),
      secret: SHARED_SECRET,
      wasProven,
      isFetched: question.isFetched,
      ...(question.probeImage !== undefined && { probeImage: question.probeImage }),
    });
    const githubExpiry = githubExpiryAfter(last?.githubExpiry, observation.state === 'asked' ? observation.githubExpiry : undefined);
    check.record = {
      result,
      message,
      at: this.#options.now(),
      times: last?.result === result ? last.times + 1 : 1,
      ...(retryAfterSeconds !== undefined && { retryAfterSeconds }),
      ...(githubExpiry !== undefined && { githubExpiry }),
    };
  }

  /** The host does not answer. Its other due questions get the same answer, and are asked again after the same back-off. */
  #failOthers(failed: Check, observation: Observation): void {
    const now = this.#options.now();
    for (const check of this.#checks.values()) {
      if (check === failed || check.question.host !== failed.question.host || this.#dueAt(check) > now) continue;
      this.#record(check, observation);
      check.isRequested = false;
      for (const { credential } of check.owners.values()) this.#options.onAnswer(credential);
    }
  }
}

function isHostFailure(observation: Observation): boolean {
  if (observation.state !== 'asked') return false;
  const { reply } = observation.login;
  return reply.kind === 'failure' ? HOST_FAILURES.has(reply.why) : reply.retryAfterSeconds !== undefined;
}

/** A look-up that fails keeps the last known expiry. */
function githubExpiryAfter(before: string | undefined, found: GitHubExpiry | undefined): string | undefined {
  if (found === 'unknown') return before;
  return typeof found === 'object' ? found.at : undefined;
}
