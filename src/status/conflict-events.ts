import { qualifiedName } from '../api/credential-ref.ts';
import type { Problem } from '../api/reasons.ts';
import type { CredentialRecord, SecretRecord } from '../api/records.ts';
import type { ClusterWriter } from '../cluster/writer.ts';
import type { Log } from '../log.ts';
import { type Rate, type TokenBucket, takeToken } from '../queue/token-bucket.ts';
import { eventOn, referenceTo, referenceToCredential } from './events.ts';

/** For one Secret: someone may create and delete it all the time. */
const RATE_OF_SECRET: Rate = { capacity: 2, refillMs: 3_600_000 };

/** For all together: one RegistryCredential may be in conflict in thousands of namespaces. */
const RATE: Rate = { capacity: 50, refillMs: 2000 };

/** A forgotten Secret may get one Event too many. */
const MAX_REMEMBERED = 10_000;

/**
 * Writes an Event on a Secret that is in the way of a pull secret, in its namespace: the people there can resolve the conflict, and they
 * may not read RegistryCredentials. Best effort and rate-limited; the status of the credential has all conflicts.
 */
export class ConflictEvents {
  readonly #writer: Pick<ClusterWriter, 'createEvent'>;
  readonly #log: Log;
  readonly #now: () => number;
  readonly #bySecret = new Map<string, TokenBucket>();
  #all: TokenBucket | undefined;

  constructor(writer: Pick<ClusterWriter, 'createEvent'>, log: Log, now: () => number) {
    this.#writer = writer;
    this.#log = log;
    this.#now = now;
  }

  /** Never rejects. */
  async write(credential: CredentialRecord, secret: SecretRecord, { reason, message }: Problem): Promise<void> {
    if (!this.#isGranted(`${secret.namespace}/${secret.name}`)) return;
    const text = `${credential.kind} ${qualifiedName(credential)} cannot put its pull secret here. ${message}`;
    const event = { type: 'Warning', reason, message: text } as const;
    const { namespace, body } = eventOn(referenceTo('v1', 'Secret', secret), event, new Date(), referenceToCredential(credential));
    await this.#writer.createEvent(namespace, body).catch((error: unknown) => {
      this.#log.warn('Cannot write an Event.', { secret: `${secret.namespace}/${secret.name}`, reason, error });
    });
  }

  #isGranted(id: string): boolean {
    const own = takeToken(this.#bySecret.get(id), this.#now(), RATE_OF_SECRET);
    if (!own.granted) return false;
    const all = takeToken(this.#all, this.#now(), RATE);
    this.#all = all.after;
    if (!all.granted) return false;
    this.#bySecret.set(id, own.after);
    const [oldest] = this.#bySecret.keys();
    if (this.#bySecret.size > MAX_REMEMBERED && oldest !== undefined) this.#bySecret.delete(oldest);
    return true;
  }
}
