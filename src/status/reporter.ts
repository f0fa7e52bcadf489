import { isDeepStrictEqual } from 'node:util';
import { type CredentialRef, credentialId, qualifiedName } from '../api/credential-ref.ts';
import { CONDITION, type Problem, REASON } from '../api/reasons.ts';
import type { CredentialRecord, SecretRecord } from '../api/records.ts';
import type { RegistryCredentialStatus } from '../api/types.ts';
import type { CredentialIndex } from '../cluster/credential-index.ts';
import type { ClusterWriter } from '../cluster/writer.ts';
import { classify, retryAfterMsOf } from '../kube/errors.ts';
import type { Log } from '../log.ts';
import { announcementsOf } from '../plan/status/announcements.ts';
import { conditionIn } from '../plan/status/condition.ts';
import { formatDeselected } from '../plan/status/deselected.ts';
import type { StatusFacts } from '../plan/status/facts.ts';
import { statusOf, statusPatch } from '../plan/status/status.ts';
import { type Backoff, backoffMs } from '../queue/backoff.ts';
import { ConflictEvents } from './conflict-events.ts';
import { EventWriter } from './event-writer.ts';
import type { EventText } from './events.ts';

/** The minimum time between two status writes of one credential. A fan-out over thousands of namespaces must not cause thousands of writes. */
const INTERVAL_MS = 1000;

/** Wait this long before a status write, so that the status does not report work that ends at once. */
const SETTLE_MS = 50;

/**
 * How long a new leader keeps the previous leader's status while its own first decisions are under way. Reading hundreds of sources takes
 * seconds, and Ready must not flap to Unknown at every restart.
 */
const TAKEOVER_MS = 10_000;

const BACKOFF = { firstMs: 1000, longestMs: 60_000 };

/** For a status write that failed because the credential had changed. The watch is about to deliver the change. */
const STALE_BACKOFF = { firstMs: 50, longestMs: 10_000 };

/** The wait after a fault of the program itself. */
const FAULT_RETRY_MS = 30_000;

/** How far the work for one credential is, for the spec of this generation. */
export interface Progress {
  readonly generation: number;
  /** Work is under way, so the status will change soon. */
  readonly isBusy: boolean;
}

/** Where the reporter reads what to report. Both are undefined if there is nothing to report. */
export interface StatusSource {
  progressOf(credential: CredentialRef): Progress | undefined;
  factsOf(credential: CredentialRef): StatusFacts | undefined;
}

/** Where the reporter reads credentials, and puts the answers to its writes. */
export type ReportedCredentials = Pick<CredentialIndex, 'get' | 'applyOwnWrite'>;

export interface ReporterOptions {
  readonly credentials: ReportedCredentials;
  readonly writer: Pick<ClusterWriter, 'patchCredentialStatus' | 'createEvent'>;
  readonly log: Log;
  readonly source: StatusSource;
  /** Called for each fault of the program itself. A fault in the report of one credential does not stop the others. */
  readonly onFault: () => void;
}

/** What the reporter keeps about one credential. */
interface ReportState {
  planned?: { readonly timer: NodeJS.Timeout; readonly at: number };
  writtenAt?: number;
  /** A status write is under way. `again`: the state has changed meanwhile, so another write follows. */
  writing?: 'once' | 'again';
  /** The failed status writes in a row, and until when to wait. */
  failure?: { readonly attempts: number; readonly until: number };
  /** By condition: its last settled outcome. Only a change of that is an Event. */
  readonly outcomes: Map<string, string>;
  /** Namespaces that are no longer selected and that no Event has reported yet. */
  readonly deselected: Set<string>;
}

/**
 * Writes the status of each credential when it changes, at most about once a second, and Events on changes of Ready. Only one status write
 * of a credential is under way at a time, so that an older status cannot overwrite a newer one.
 */
export class Reporter {
  readonly #credentials: ReportedCredentials;
  readonly #writer: ReporterOptions['writer'];
  readonly #log: Log;
  readonly #source: StatusSource;
  readonly #events: EventWriter;
  readonly #conflicts: ConflictEvents;
  readonly #reported = new Map<string, ReportState>();
  readonly #onFault: () => void;
  readonly #underWay = new Set<Promise<void>>();
  #ended = false;
  readonly #startedAt = performance.now();

  constructor({ credentials, writer, log, source, onFault }: ReporterOptions) {
    this.#credentials = credentials;
    this.#writer = writer;
    this.#log = log;
    this.#source = source;
    this.#onFault = onFault;
    this.#events = new EventWriter(writer, log);
    this.#conflicts = new ConflictEvents(writer, log, () => performance.now());
  }

  /** Something about this credential may have changed. Never throws. */
  touch(credential: CredentialRef): void {
    if (this.#ended) return;
    try {
      this.#touch(credential);
    } catch (fault) {
      this.#failed(credential, fault);
    }
  }

  #touch(credential: CredentialRef): void {
    const progress = this.#source.progressOf(credential);
    if (!progress) return;
    const now = performance.now();
    const { isBusy, generation } = progress;
    const reported = this.#reportedOf(credential);
    if (reported.writing) {
      reported.writing = 'again';
      return;
    }
    const isTakeover = isBusy && this.#observedCredential(credential)?.status?.observedGeneration === generation;
    const at = Math.max(
      now + (isBusy ? INTERVAL_MS : SETTLE_MS),
      (reported.writtenAt ?? 0) + INTERVAL_MS,
      isTakeover ? this.#startedAt + TAKEOVER_MS : 0,
      reported.failure?.until ?? 0,
    );
    this.#plan(credential, reported, at - now);
  }

  #plan(credential: CredentialRef, reported: ReportState, inMs: number): void {
    const at = performance.now() + inMs;
    if (reported.planned && reported.planned.at <= at) return;
    clearTimeout(reported.planned?.timer);
    reported.planned = { at, timer: setTimeout(() => this.#begin(credential, reported), inMs) };
  }

  /** A fault of the program while it reported on this credential. */
  #failed(credential: CredentialRef, fault: unknown): void {
    this.#onFault();
    this.#log.error('Cannot report a status; retrying.', {
      credential: qualifiedName(credential),
      error: fault,
      stack: (fault as Error).stack,
    });
    if (!this.#ended) this.#plan(credential, this.#reportedOf(credential), FAULT_RETRY_MS);
  }

  /** The credential no longer exists. */
  forget(credential: CredentialRef): void {
    clearTimeout(this.#reported.get(credentialId(credential))?.planned?.timer);
    this.#reported.delete(credentialId(credential));
    this.#events.forget(credential);
  }

  /** The credential no longer selects a namespace, and the operator deleted the Secret there. One Event reports all such namespaces. */
  namespaceDeselected(credential: CredentialRef, namespace: string): void {
    this.#reportedOf(credential).deselected.add(namespace);
  }

  /** Ends with the leader term, and resolves when the writes under way are done. The next leader writes the rest. */
  async end(): Promise<void> {
    this.#ended = true;
    for (const reported of this.#reported.values()) {
      clearTimeout(reported.planned?.timer);
      delete reported.planned;
    }
    await Promise.all(this.#underWay);
  }

  /** Writes an Event. Never rejects. */
  event(credential: CredentialRecord, event: EventText): Promise<void> {
    return this.#track(credential, this.#events.write(credential, event));
  }

  /** Writes an Event on the Secret that is in the way of a pull secret. Never rejects. */
  conflict(credential: CredentialRecord, secret: SecretRecord, problem: Problem): Promise<void> {
    return this.#track(credential, this.#conflicts.write(credential, secret, problem));
  }

  /** Lets the end of the term wait for this work. A fault in it affects this credential only. */
  #track(credential: CredentialRef, work: Promise<void>): Promise<void> {
    const tracked = work.catch((fault: unknown) => this.#failed(credential, fault)).finally(() => this.#underWay.delete(tracked));
    this.#underWay.add(tracked);
    return tracked;
  }

  #reportedOf(credential: CredentialRef): ReportState {
    const id = credentialId(credential);
    const reported = this.#reported.get(id) ?? { outcomes: new Map<string, string>(), deselected: new Set<string>() };
    this.#reported.set(id, reported);
    return reported;
  }

  #observedCredential = ({ namespace, name }: CredentialRef) => this.#credentials.get(namespace, name);

  #begin(ref: CredentialRef, reported: ReportState): void {
    delete reported.planned;
    reported.writing = 'once';
    const written = this.#write(ref, reported).finally(() => {
      const { writing } = reported;
      delete reported.writing;
      if (writing === 'again') this.touch(ref);
    });
    void this.#track(ref, written);
  }

  async #write(ref: CredentialRef, reported: ReportState): Promise<void> {
    const credential = this.#observedCredential(ref);
    const facts = this.#source.factsOf(ref);
    if (!credential || !facts) return;
    const status = JSON.parse(JSON.stringify(statusOf(facts, credential.status, new Date()))) as RegistryCredentialStatus;
    if (isDeepStrictEqual(status, credential.status)) {
      this.#log.debug('The status needs no write.', { credential: qualifiedName(ref) });
      return this.#announce(credential, status);
    }
    reported.writtenAt = performance.now();
    let stored: RegistryCredentialStatus | undefined;
    try {
      const answer = await this.#writer.patchCredentialStatus(credential, statusPatch(credential.status, status));
      this.#credentials.applyOwnWrite(answer);
      stored = answer.status;
    } catch (error) {
      const kind = classify(error);
      if (kind === 'gone' || this.#ended) return;
      if (kind !== 'stale') this.#log.warn('Cannot write the status; retrying.', { credential: qualifiedName(ref), error });
      return writeLater(reported, kind === 'stale' ? STALE_BACKOFF : BACKOFF, retryAfterMsOf(error));
    }
    if (this.#ended) return;
    const rejected = firstRejectedStatusField(status, stored);
    if (rejected === undefined) delete reported.failure;
    else {
      const fix = 'Apply the CustomResourceDefinition of this version, or find the admission policy or webhook that changes it.';
      this.#log.warn('The API server did not store the status as it was sent; retrying.', {
        credential: qualifiedName(ref),
        field: rejected,
        fix,
      });
      writeLater(reported, BACKOFF, 0);
    }
    this.#announce(credential, status);
  }

  /** Logs and records as Events what the conditions have settled on, if that changed. The next status does not wait for the Events. */
  #announce(credential: CredentialRecord, status: RegistryCredentialStatus): void {
    const { outcomes } = this.#reportedOf(credential);
    const { announcements, settled } = announcementsOf(credential.status, status, outcomes);
    for (const [type, outcome] of settled) outcomes.set(type, outcome);
    const ready = conditionIn(status, CONDITION.ready);
    if (ready && ready.status !== 'Unknown') this.#announceDeselected(credential);
    for (const { level, line, reason, message } of announcements) {
      this.#log[level](line, { credential: qualifiedName(credential), reason, status: message });
      void this.event(credential, { type: level === 'info' ? 'Normal' : 'Warning', reason, message });
    }
  }

  /** Writes an Event, because pods in these namespaces can no longer pull although Ready stays True. */
  #announceDeselected(credential: CredentialRecord): void {
    const { deselected } = this.#reportedOf(credential);
    if (deselected.size === 0) return;
    const namespaces = [...deselected].sort();
    deselected.clear();
    const message = formatDeselected(credential, namespaces);
    this.#log.info('Removed from namespaces that are no longer selected.', {
      credential: qualifiedName(credential),
      namespaces: namespaces.length,
    });
    void this.event(credential, { type: 'Normal', reason: REASON.removed, message });
  }
}

/** Makes the next status write follow after a wait. */
function writeLater(reported: ReportState, backoff: Backoff, atLeastMs: number): void {
  const attempts = reported.failure?.attempts ?? 0;
  const waitMs = Math.max(backoffMs(backoff, attempts, Math.random()), atLeastMs);
  reported.failure = { attempts: attempts + 1, until: performance.now() + waitMs };
  reported.writing = 'again';
}

/** The first field of the status that the API server did not store as sent: a policy changed it, or an older schema does not know it. */
function firstRejectedStatusField(sent: RegistryCredentialStatus, stored: RegistryCredentialStatus | undefined): string | undefined {
  const keys = Object.keys(sent) as (keyof RegistryCredentialStatus)[];
  const key = keys.find((key) => !isDeepStrictEqual(sent[key], stored?.[key]));
  return key && `status.${key}`;
}
