import { CloudError, type FetchToken, type RegistryToken } from '../api/cloud-token.ts';
import type { CredentialRef } from '../api/credential-ref.ts';
import type { ObservedCluster } from '../cluster/observed-cluster.ts';
import { tokenPatch, tokenSecret } from '../cluster/token-secrets.ts';
import type { ClusterWriter } from '../cluster/writer.ts';
import { KubeError } from '../kube/errors.ts';
import type { Log } from '../log.ts';
import { explainFailure, type FetchError } from '../plan/tokens/failure.ts';
import { formatIdentity } from '../plan/tokens/identity.ts';
import { serializeToken } from '../plan/tokens/record.ts';
import { audienceOf, type Proof, requestFor } from '../plan/tokens/request.ts';
import { type Clocks, FETCH_BACKOFF, fetchWaitMs, LONGEST_WAIT_MS, overdueAt, recordOf, UNUSED_MS } from '../plan/tokens/schedule.ts';
import { backoffMs } from '../queue/backoff.ts';
import type { KeyOf } from '../queue/keys.ts';
import type { Requeue } from '../queue/queue.ts';
import { attempt, type RetryPolicy } from './retry.ts';
import { isProvenBy, proofOf, type Token, type Tokens, type WantedToken } from './tokens.ts';

export type FetchResult = 'fetched' | 'unchanged' | 'failed';

export interface TokenReconciler {
  readonly observed: Pick<ObservedCluster, 'tokenSecrets' | 'stateNamespace'>;
  readonly tokens: Tokens;
  readonly fetchToken: FetchToken;
  readonly writer: Pick<ClusterWriter, 'createToken' | 'patchToken' | 'deleteSecret' | 'createAccountToken'>;
  readonly retries: RetryPolicy;
  /** Called for each credential that uses a token which has changed. */
  readonly onToken: (credential: CredentialRef) => void;
  readonly onFetch: (cloud: WantedToken['identity']['cloud'], result: FetchResult) => void;
  /** False while this cloud has been asked so often that it might throttle. */
  readonly mayAsk: (cloud: WantedToken['identity']['cloud']) => boolean;
  readonly clocks: () => Clocks;
  readonly random: () => number;
  readonly log: Log;
}

/** Fetches one token when it is due, keeps it in its Secret, and deletes that Secret when nothing has used it for an hour. */
export async function reconcileToken(reconciler: TokenReconciler, key: KeyOf<'token'>, signal: AbortSignal): Promise<Requeue | undefined> {
  const { observed, tokens, clocks } = reconciler;
  if (!observed.tokenSecrets.synced && observed.tokenSecrets.error === undefined) return { afterMs: WATCH_WAIT_MS };
  const token = tokens.at(key.name);
  const { wanted } = token;
  if (!wanted || token.owners.size === 0) return deleteUnused(reconciler, key, token);
  if (waitMs(token, wanted, clocks()) <= 0) {
    if (!reconciler.mayAsk(wanted.identity.cloud)) return { afterMs: TURN_WAIT_MS };
    await fetchOnce(reconciler, token, wanted, signal);
  }
  const stored = await store(reconciler, key, token);
  const next = Math.max(0, Math.min(nextLookMs(token, wanted, clocks()), LONGEST_WAIT_MS));
  return { afterMs: Math.min(next, stored?.afterMs ?? LONGEST_WAIT_MS) };
}

/** The store of token Secrets has not listed yet. */
const WATCH_WAIT_MS = 200;

/** Many tokens are due at once, so they take turns. */
const TURN_WAIT_MS = 200;

function waitMs({ current, failure }: Token, { keys }: WantedToken, now: Clocks): number {
  return fetchWaitMs({ current, failure, hasOtherProof: current !== undefined && !isProvenBy(current.record, keys) }, now);
}

/** Until the next fetch, or until what is known of the token changes with time: its refresh becomes overdue, or it expires. */
function nextLookMs(token: Token, wanted: WantedToken, now: Clocks): number {
  const { current, failure } = token;
  const changes = current && failure ? [overdueAt(current.record), current.record.expiresAt].map((at) => at - now.wall) : [];
  return Math.min(waitMs(token, wanted, now), ...changes.filter((ms) => ms > 0));
}

/** One attempt. It notes its result in the token, and reconciles the credentials that use the token. */
async function fetchOnce(reconciler: TokenReconciler, token: Token, wanted: WantedToken, signal: AbortSignal): Promise<void> {
  const { clocks, random, log, onFetch, onToken } = reconciler;
  const { identity, keys } = wanted;
  try {
    const fetched = await ask(reconciler, wanted, signal);
    const now = clocks();
    if (fetched.expiresAt <= now.wall) throw new CloudError(EXPIRED_ON_ARRIVAL, 'ExpiredOnArrival');
    const before = token.current?.record;
    const record = recordOf(fetched, before, before && isProvenBy(before, keys) ? before.proof : proofOf(keys), now.wall, random());
    token.current = { record, seen: now };
    token.failure = undefined;
    const isSame = before?.obtainedAt === record.obtainedAt;
    onFetch(identity.cloud, isSame ? 'unchanged' : 'fetched');
    log.debug('Fetched a token.', {
      name: token.name,
      cloud: identity.cloud,
      isSame,
      expiresAt: new Date(record.expiresAt).toISOString(),
    });
  } catch (error) {
    // The term ends, or the queue needs the slot: that says nothing about the cloud.
    if (signal.aborted) return;
    noteFailure(reconciler, token, wanted, error);
  }
  for (const credential of token.owners.values()) onToken(credential);
}

const EXPIRED_ON_ARRIVAL = "the token had expired when it came. Check the clock of the operator's node";

function noteFailure(
  { clocks, random, log, onFetch }: TokenReconciler,
  token: Token,
  { identity, keys }: WantedToken,
  error: unknown,
): void {
  // Other keys came meanwhile: they are tried at once.
  if (JSON.stringify(token.wanted?.keys) !== JSON.stringify(keys)) return;
  const attempts = (token.failure?.attempts ?? 0) + 1;
  const why = explainFailure(identity, fetchErrorOf(error));
  const asked = error instanceof CloudError ? (error.retryAfterMs ?? 0) : 0;
  const afterMs = Math.min(Math.max(backoffMs(FETCH_BACKOFF, attempts - 1, random()), asked), FETCH_BACKOFF.longestMs);
  token.failure = { attempts, retryAt: clocks().steady + afterMs, why };
  onFetch(identity.cloud, 'failed');
  log.warn('Cannot fetch a token; retrying.', { name: token.name, identity: formatIdentity(identity), why, attempts, afterMs });
}

function fetchErrorOf(error: unknown): FetchError {
  if (error instanceof KubeError) return { kind: 'account', status: error.status, message: error.message };
  if (error instanceof CloudError) return { kind: 'cloud', code: error.code, message: error.message };
  // A fault of a library. Its message may quote what was sent.
  return { kind: 'cloud', code: 'fault', message: `an unexpected ${(error as Error).name ?? 'error'}` };
}

async function ask({ fetchToken, writer }: TokenReconciler, { identity, keys }: WantedToken, signal: AbortSignal): Promise<RegistryToken> {
  const { subject } = identity;
  const proof: Proof =
    subject.kind === 'account'
      ? { kind: 'account', token: await writer.createAccountToken(subject.namespace, subject.name, audienceOf(identity)) }
      : keys
        ? { kind: 'keys', keys }
        : { kind: 'pod' };
  return fetchToken(requestFor(identity, proof), signal);
}

/** Writes the token into its Secret, if that has another one or none. Returns when to try again. */
async function store(reconciler: TokenReconciler, key: KeyOf<'token'>, { name, current }: Token): Promise<Requeue | undefined> {
  const { observed, writer, retries, log } = reconciler;
  if (!current) return undefined;
  const { tokenSecrets, stateNamespace } = observed;
  const text = serializeToken(current.record);
  const stored = tokenSecrets.get(stateNamespace, name);
  if (stored?.text === text) return undefined;
  const outcome = await attempt(async () => {
    const written = stored
      ? await writer.patchToken(stateNamespace, name, tokenPatch(stored, text))
      : await writer.createToken(stateNamespace, tokenSecret(name, stateNamespace, text));
    tokenSecrets.applyOwnWrite(written);
  });
  const { requeue, isReported } = retries.decide(key, outcome);
  if (isReported && 'failed' in outcome)
    log.warn('Cannot write a token Secret; retrying. A restart would fetch the token again.', { name, error: outcome.error });
  return requeue;
}

/** Deletes the Secret of a token that no credential has used for an hour. */
async function deleteUnused(reconciler: TokenReconciler, key: KeyOf<'token'>, token: Token): Promise<Requeue | undefined> {
  const { observed, tokens, writer, retries, clocks, log } = reconciler;
  const { tokenSecrets, stateNamespace } = observed;
  const leftMs = (token.unusedSince ?? 0) + UNUSED_MS - clocks().steady;
  if (leftMs > 0) return { afterMs: Math.min(leftMs, LONGEST_WAIT_MS) };
  const stored = tokenSecrets.get(stateNamespace, token.name);
  if (stored) {
    const outcome = await attempt(async () => {
      await writer.deleteSecret(stored);
      tokenSecrets.dropGone(stored);
    });
    if ('failed' in outcome && outcome.failed !== 'gone') return retries.decide(key, outcome).requeue;
    log.debug('Deleted a token that nothing has used for an hour.', { name: token.name });
  }
  retries.succeeded(key);
  // A credential may have begun to use it while the Secret was deleted.
  if (token.owners.size === 0) tokens.delete(token.name);
  return token.owners.size === 0 ? undefined : { afterMs: 0 };
}
