import { isDeepStrictEqual } from 'node:util';
import { CONDITION, REASON, type Reason } from '../api/reasons.ts';
import type { CredentialRecord } from '../api/records.ts';
import type { RegistryCredentialStatus } from '../api/types.ts';
import { classify, retryAfterMsOf } from '../kube/errors.ts';
import type { Store } from '../kube/store.ts';
import type { Writer } from '../kube/writer.ts';
import type { Log } from '../log.ts';
import { type Allowance, EVENTS, spend } from '../plan/allowance.ts';
import { type Facts, statusOf } from '../plan/status.ts';
import { backoffMs } from '../queue/backoff.ts';
import { eventOn, referenceToCredential } from './event.ts';

/** Between two status writes of one credential: a fan-out over thousands of namespaces must not become as many writes. */
const INTERVAL_MS = 1000;

/** How long to wait for what is under way to settle, so that what takes no time is not reported as under way. */
const SETTLE_MS = 50;

/**
 * How long a new leader keeps to what the last one has said, as long as it has yet to look for itself: to read some hundred
 * sources takes seconds, and Ready must not go to Unknown and back with every restart.
 */
const TAKEOVER_MS = 10_000;

/** Between two tries to write a status. */
const BACKOFF = { firstMs: 1000, longestMs: 60_000 };

/** How far the work for one credential is, the spec of this generation. */
export interface Progress {
  readonly generation: number;
  /** Something is under way, and what is to be told will change. */
  readonly busy: boolean;
}

/** What there is to tell of a credential; undefined where there is nothing. */
export interface Told {
  progressOf(name: string): Progress | undefined;
  factsOf(name: string): Facts | undefined;
}

/** Writes status, on change and at most about once a second for each credential, and Events on what changes. */
export class Reporter {
  readonly #credentials: Store<CredentialRecord>;
  readonly #writer: Writer;
  readonly #log: Log;
  readonly #told: Told;
  readonly #timers = new Map<string, { timer: NodeJS.Timeout; at: number }>();
  readonly #writtenAt = new Map<string, number>();
  /** Of statuses that could not be written: how often in a row, and until when they wait. */
  readonly #failures = new Map<string, { attempts: number; until: number }>();
  /** Writes under way. */
  readonly #writing = new Set<Promise<void>>();
  #ended = false;
  /** What Ready last settled on. Only a change of that is an Event. */
  readonly #settled = new Map<string, string>();
  /** Namespaces that a credential has been taken back from, and that no Event has told of yet. */
  readonly #takenBack = new Map<string, Set<string>>();
  /** Of Events, by credential. */
  readonly #allowances = new Map<string, Allowance>();
  readonly #begunAt = performance.now();

  constructor(credentials: Store<CredentialRecord>, writer: Writer, log: Log, told: Told) {
    this.#credentials = credentials;
    this.#writer = writer;
    this.#log = log;
    this.#told = told;
  }

  /** Something about this credential may have changed. */
  touch(name: string): void {
    const progress = this.#ended ? undefined : this.#told.progressOf(name);
    if (!progress) return;
    const now = performance.now();
    const { busy, generation } = progress;
    const stands = busy && this.#credentials.get('', name)?.status?.observedGeneration === generation;
    const at = Math.max(
      now + (busy ? INTERVAL_MS : SETTLE_MS),
      (this.#writtenAt.get(name) ?? 0) + INTERVAL_MS,
      stands ? this.#begunAt + TAKEOVER_MS : 0,
      this.#failures.get(name)?.until ?? 0,
    );
    const planned = this.#timers.get(name);
    if (planned && planned.at <= at) return;
    clearTimeout(planned?.timer);
    this.#timers.set(name, { at, timer: setTimeout(() => this.#begin(name), at - now) });
  }

  forget(name: string): void {
    clearTimeout(this.#timers.get(name)?.timer);
    this.#timers.delete(name);
    this.#writtenAt.delete(name);
    this.#failures.delete(name);
    this.#settled.delete(name);
    this.#takenBack.delete(name);
    this.#allowances.delete(name);
  }

  /** A namespace came to be no target any more, and the Secret there was deleted. One Event tells of all of them. */
  tookBack(name: string, namespace: string): void {
    const namespaces = this.#takenBack.get(name) ?? new Set();
    this.#takenBack.set(name, namespaces.add(namespace));
  }

  /** Ends with the term, and resolves when the writes under way are done: what was not written is written by the next leader. */
  async end(): Promise<void> {
    this.#ended = true;
    for (const { timer } of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
    await Promise.all(this.#writing);
  }

  /** An Event on a credential. Best effort, and bounded: the status tells the same, and lasts. */
  async event(credential: CredentialRecord, type: 'Normal' | 'Warning', reason: Reason, message: string): Promise<void> {
    const before = this.#allowances.get(credential.name);
    const { granted, after } = spend(before, performance.now(), EVENTS);
    this.#allowances.set(credential.name, after);
    // The last word on an object that is about to be gone has no status to stand in for it.
    if (!granted && reason !== REASON.cleanupIncomplete) return;
    const told = before?.withheld ? `(${before.withheld} Events before this one were left out.) ${message}` : message;
    const { namespace, body } = eventOn(referenceToCredential(credential), { type, reason, message: told }, new Date());
    await this.#writer.createEvent(namespace, body).catch((error: unknown) => {
      this.#log.warn('An Event could not be written.', { credential: credential.name, reason, error });
    });
  }

  #begin(name: string): void {
    this.#timers.delete(name);
    const writing = this.#write(name).finally(() => this.#writing.delete(writing));
    this.#writing.add(writing);
  }

  async #write(name: string): Promise<void> {
    const credential = this.#credentials.get('', name);
    const facts = this.#told.factsOf(name);
    if (!credential || !facts) return;
    const status = JSON.parse(JSON.stringify(statusOf(facts, credential.status, new Date()))) as RegistryCredentialStatus;
    if (isDeepStrictEqual(status, credential.status)) return this.#tell(credential, status);
    this.#writtenAt.set(name, performance.now());
    try {
      this.#credentials.wrote(await this.#writer.patchCredentialStatus(name, status));
    } catch (error) {
      if (classify(error) === 'gone' || this.#ended) return;
      this.#log.warn('The status could not be written; it is tried again.', { credential: name, error });
      const attempts = this.#failures.get(name)?.attempts ?? 0;
      const until = performance.now() + Math.max(backoffMs(BACKOFF, attempts, Math.random()), retryAfterMsOf(error));
      this.#failures.set(name, { attempts: attempts + 1, until });
      this.touch(name);
      return;
    }
    this.#failures.delete(name);
    if (!this.#ended) await this.#tell(credential, status);
  }

  /** Logs and records what Ready has settled on, when that is news. */
  async #tell(credential: CredentialRecord, status: RegistryCredentialStatus): Promise<void> {
    const ready = readyOf(status);
    if (!ready || ready.status === 'Unknown') return;
    await this.#tellOfTakenBack(credential);
    const before = readyOf(credential.status);
    const settled = this.#settled.get(credential.name) ?? (before && before.status !== 'Unknown' ? verdict(before) : undefined);
    this.#settled.set(credential.name, verdict(ready));
    if (settled === verdict(ready)) return;
    const well = ready.status === 'True';
    this.#log[well ? 'info' : 'warn'](well ? 'Everything is in place.' : 'A person must act.', {
      credential: credential.name,
      reason: ready.reason,
      status: ready.message,
    });
    await this.event(credential, well ? 'Normal' : 'Warning', ready.reason as Reason, ready.message);
  }

  /** That pods somewhere can no longer pull is news to whoever runs them, and Ready stays True over it. */
  async #tellOfTakenBack(credential: CredentialRecord): Promise<void> {
    const namespaces = [...(this.#takenBack.get(credential.name) ?? [])].sort();
    if (!this.#takenBack.delete(credential.name)) return;
    const named = namespaces.slice(0, 10).join(', ') + (namespaces.length > 10 ? ` and ${namespaces.length - 10} more` : '');
    const message = `spec.namespaces no longer matches ${named}, or exclude does: the Secret and the references there were taken back.`;
    this.#log.info('Taken back where it is no longer wanted.', { credential: credential.name, namespaces: namespaces.length });
    await this.event(credential, 'Normal', REASON.takenBack, message);
  }
}

type Condition = NonNullable<RegistryCredentialStatus['conditions']>[number];

const readyOf = (status: RegistryCredentialStatus | undefined) => status?.conditions?.find(({ type }) => type === CONDITION.ready);
const verdict = ({ status, reason }: Condition) => `${status} ${reason}`;
