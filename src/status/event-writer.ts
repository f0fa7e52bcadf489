import { type CredentialRef, credentialId, qualifiedName } from '../api/credential-ref.ts';
import { REASON } from '../api/reasons.ts';
import type { CredentialRecord } from '../api/records.ts';
import type { ClusterWriter } from '../cluster/writer.ts';
import type { Log } from '../log.ts';
import { type Rate, type TokenBucket, takeToken } from '../queue/token-bucket.ts';
import { type EventText, eventOn, referenceToCredential } from './events.ts';

/**
 * The rate of Events for one credential. Without it, a source that appears and disappears would cause an Event each second. These would hide
 * all others, and each stays in etcd for an hour. client-go's recorder has the same limit (EventSourceObjectSpamFilter).
 */
const EVENT_RATE: Rate = { capacity: 10, refillMs: 5 * 60_000 };

/** Writes Events on credentials, best effort and rate-limited. The status reports the same, and it lasts. */
export class EventWriter {
  readonly #writer: Pick<ClusterWriter, 'createEvent'>;
  readonly #log: Log;
  readonly #buckets = new Map<string, TokenBucket>();

  constructor(writer: Pick<ClusterWriter, 'createEvent'>, log: Log) {
    this.#writer = writer;
    this.#log = log;
  }

  async write(credential: CredentialRecord, event: EventText): Promise<void> {
    const id = credentialId(credential);
    const before = this.#buckets.get(id);
    const { granted, after } = takeToken(before, performance.now(), EVENT_RATE);
    this.#buckets.set(id, after);
    // Always write this one: the object is about to be deleted, so no status can report it.
    if (!granted && event.reason !== REASON.cleanupIncomplete) return;
    const message = before?.denied ? `(${before.denied} earlier Events were left out.) ${event.message}` : event.message;
    const { namespace, body } = eventOn(referenceToCredential(credential), { ...event, message }, new Date());
    await this.#writer.createEvent(namespace, body).catch((error: unknown) => {
      this.#log.warn('Cannot write an Event.', { credential: qualifiedName(credential), reason: event.reason, error });
    });
  }

  forget(credential: CredentialRef): void {
    this.#buckets.delete(credentialId(credential));
  }
}
