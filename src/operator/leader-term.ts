import type { FetchToken } from '../api/cloud-token.ts';
import { type CredentialRef, refOf } from '../api/credential-ref.ts';
import { MANAGER } from '../api/names.ts';
import type { ObservedCluster } from '../cluster/observed-cluster.ts';
import { ClusterWriter } from '../cluster/writer.ts';
import type { TenantSettings } from '../config.ts';
import type { KubeClient } from '../kube/client.ts';
import { type ErrorKind, isOverloaded, retryAfterMsOf } from '../kube/errors.ts';
import { FencedWriter, type FencedWriterOptions } from '../kube/writer.ts';
import type { Log } from '../log.ts';
import type { Result } from '../plan/checks/interpret.ts';
import { redact } from '../plan/content/redact.ts';
import { parseToken } from '../plan/tokens/record.ts';
import { groupOf, idOf, type Key, type KeyOf } from '../queue/keys.ts';
import { PRIORITY, type Priority, type Run, WorkQueue } from '../queue/queue.ts';
import { reconcileAccounts } from '../reconcile/accounts.ts';
import { askRate } from '../reconcile/ask-rate.ts';
import { reconcileCredential } from '../reconcile/credential.ts';
import { DriftMemory } from '../reconcile/drift-memory.ts';
import { FailedWrites } from '../reconcile/failed-writes.ts';
import { Handovers } from '../reconcile/handovers.ts';
import { Pace } from '../reconcile/pace.ts';
import { PodMemory, type PodReconciler, reconcilePod } from '../reconcile/pod.ts';
import { type AskRegistry, RegistryChecks } from '../reconcile/registry-checks.ts';
import { RetryPolicy } from '../reconcile/retry.ts';
import { reconcileRules } from '../reconcile/rules.ts';
import { reconcileSecret } from '../reconcile/secret.ts';
import { settleSecret } from '../reconcile/settle-secret.ts';
import { reconcileState } from '../reconcile/state.ts';
import { reconcileToken, type TokenReconciler } from '../reconcile/token.ts';
import { Tokens } from '../reconcile/tokens.ts';
import { Turns } from '../reconcile/turns.ts';
import { CredentialStates } from '../status/credential-state.ts';
import { type StatusSettings, statusSource } from '../status/gather-facts.ts';
import { type Readings, readingsOf } from '../status/readings.ts';
import { placementRecorder } from '../status/record-placement.ts';
import { Reporter } from '../status/reporter.ts';
import { Triggers } from '../triggers/triggers.ts';
import { StartHold } from './start-hold.ts';

/** What a term counts for the metrics. */
export interface TermMetrics {
  readonly reconciled: (kind: Key['kind'], seconds: number) => void;
  readonly reconcileFailed: (kind: Key['kind'] | 'status', reason: ErrorKind | 'fault') => void;
  readonly podRecovered: PodReconciler['onRecovered'];
  readonly registryChecked: (result: Result) => void;
  readonly tokenFetched: TokenReconciler['onFetch'];
}

export interface LeaderTermOptions {
  readonly observed: ObservedCluster;
  readonly kube: Pick<KubeClient, 'call'>;
  /** Throws when this process may no longer write. */
  readonly fence: () => void;
  readonly concurrency: number;
  readonly cleanupTimeoutMs: number;
  readonly settings: StatusSettings & Pick<TenantSettings, 'isNamespacedOn'>;
  readonly ask: AskRegistry;
  readonly fetchToken: FetchToken;
  readonly metrics: TermMetrics;
  readonly log: Log;
  /** Called for each key that has run, and for each Secret that was synced without a run. */
  readonly worked: () => void;
}

/** How many tokens are fetched at once. */
const TOKENS_AT_ONCE = 32;

/** How long to pause when the API server is overloaded and does not say for how long. */
const PAUSE_MS = 1000;

/** The wait after a fault of the program itself. */
const FAULT_RETRY_MS = 30_000;

/** The work of one term as leader, from the first decision to the last write. A new term starts from the observed state only. */
export class LeaderTerm {
  readonly triggers: Triggers;
  readonly readings: Readings;
  readonly #queue: WorkQueue<Key>;
  readonly #reporter: Reporter;
  readonly #checks: RegistryChecks;
  readonly #tokenQueue: WorkQueue<Key>;
  readonly #ended = new AbortController();
  readonly #run: Run<Key>;
  #startHold: StartHold | undefined;
  readonly #observed: ObservedCluster;

  constructor(options: LeaderTermOptions) {
    const { observed, kube, fence, concurrency, log } = options;
    const now = () => performance.now();
    const states = new CredentialStates();
    const queue = new WorkQueue({ idOf, groupOf, width: concurrency });
    // A queue of their own: a cloud that does not answer delays no placement, and no other token.
    const tokenQueue = new WorkQueue<Key>({ idOf, groupOf: idOf, width: TOKENS_AT_ONCE });
    const add = (key: Key, priority: Priority) => (key.kind === 'token' ? tokenQueue : queue).add(key, priority);
    const writer = new ClusterWriter(new FencedWriter({ kube, fieldManager: MANAGER, fence, ...writerHooks(queue, log) }));
    const reporter = new Reporter({
      credentials: observed.credentials,
      writer,
      log,
      source: statusSource(states, observed, options.settings),
      onFault: () => options.metrics.reconcileFailed('status', 'fault'),
    });

    const tokens = new Tokens({
      clocks,
      onChange: (name) => add({ kind: 'token', name }, PRIORITY.now),
      stored: (name) => parseToken(observed.tokenSecrets.get(observed.stateNamespace, name)?.text ?? ''),
    });

    this.readings = readingsOf({ states, observed, queue, tokens, now });
    this.triggers = new Triggers(observed, states, add);
    this.#queue = queue;
    this.#tokenQueue = tokenQueue;
    this.#reporter = reporter;
    this.#checks = new RegistryChecks({
      ask: options.ask,
      onAnswer: (credential) => add({ kind: 'credential', credential: refOf(credential) }, PRIORITY.now),
      onResult: options.metrics.registryChecked,
      log,
      now: Date.now,
      random: Math.random,
    });
    const run = reconcilers({ options, states, writer, reporter, checks: this.#checks, tokens, add, now, ended: this.#ended.signal });
    const isDecided = (ref: CredentialRef) =>
      states.stateOf(ref)?.fannedOut !== undefined || observed.credentials.get(ref.namespace, ref.name) === undefined;
    this.#observed = observed;
    this.#run = withFaultBarrier(async (key, signal) => {
      const requeue = await run(key, signal).finally(options.worked);
      if (key.kind === 'credential' && isDecided(key.credential)) this.#startHold?.decided(key.credential);
      return requeue;
    }, options);
  }

  /** @param watched the keys of credentials whose watches have started already. Some credentials may have been deleted since. */
  begin(watched: readonly Key[] = []): void {
    this.#queue.hold();
    this.#startHold = new StartHold(this.#observed.credentials.all(), () => this.#queue.release());
    this.triggers.all();
    this.triggers.watchState(watched);
    this.#queue.open(this.#run);
    this.#tokenQueue.open(this.#run);
    this.#checks.begin();
  }

  /** Stops the work, and resolves when the running writes are done. */
  async end(): Promise<void> {
    this.#ended.abort();
    const closed = Promise.all([this.#reporter.end(), this.#queue.close(), this.#tokenQueue.close(), this.#checks.end()]);
    this.#startHold?.end();
    await closed;
  }
}

/** What the reconcilers of one term share. */
interface Parts {
  readonly options: LeaderTermOptions;
  readonly states: CredentialStates;
  readonly writer: ClusterWriter;
  readonly reporter: Reporter;
  readonly checks: RegistryChecks;
  readonly tokens: Tokens;
  readonly add: (key: Key, priority: Priority) => void;
  readonly now: () => number;
  /** Aborts when the term ends. */
  readonly ended: AbortSignal;
}

const clocks = () => ({ wall: Date.now(), steady: performance.now() });

/** What the reconciler of each kind of key depends on, apart from the writer. */
function dependenciesByKind({ options, states, reporter, checks, tokens, add, now }: Parts) {
  const { observed, log, metrics, cleanupTimeoutMs } = options;
  const runAgain = (credential: CredentialRef) => add({ kind: 'credential', credential: refOf(credential) }, PRIORITY.now);
  const recordPlacement = placementRecorder(states, now, {
    changed: (credential) => reporter.touch(credential),
    cleanedUp: runAgain,
  });
  const retries = new RetryPolicy(({ key, part, reason, error, afterMs }) => {
    metrics.reconcileFailed(key.kind, reason);
    log.debug('A step failed; retrying.', { key: idOf(key), ...(part && { part }), reason, error: redactError(error), afterMs });
  }, Math.random);
  const drift = new DriftMemory(now);
  const podMemory = new PodMemory();
  const namespacesWithUnknownOwner = new Set<string>();
  const common = { observed, states, reporter, recordPlacement, retries, drift, log, add, now, namespacesWithUnknownOwner };
  const settle = (key: KeyOf<'secret'>) => {
    const isSettled = settleSecret(common, key);
    if (isSettled) options.worked();
    return isSettled;
  };
  return {
    credential: {
      ...common,
      ...options.settings,
      settle,
      turns: new Turns(),
      podMemory,
      checks,
      tokens,
      cleanupTimeoutMs,
      wallClock: Date.now,
    },
    secret: { ...common, handovers: new Handovers(now) },
    accounts: { ...common, failedWrites: new FailedWrites(now), onAccountWrite: (uid: string) => podMemory.accountWrite(uid) },
    state: common,
    token: {
      ...common,
      tokens,
      fetchToken: options.fetchToken,
      onToken: runAgain,
      onFetch: metrics.tokenFetched,
      mayAsk: askRate(now),
      clocks,
      random: Math.random,
    },
    rules: { ...common, ...options.settings, injection: states.injection, pace: new Pace(now) },
    pod: { ...common, memory: podMemory, onRecovered: metrics.podRecovered, random: Math.random },
  };
}

/** Runs the reconciler of a key. Its writes stop waiting for their answers when the queue stops the run. */
function reconcilers(parts: Parts): Run<Key> {
  const dependencies = dependenciesByKind(parts);
  return (key, signal) => {
    const writer = parts.writer.until(signal);
    switch (key.kind) {
      case 'credential':
        return reconcileCredential({ ...dependencies.credential, writer }, key);
      case 'secret':
        return reconcileSecret({ ...dependencies.secret, writer }, key);
      case 'accounts':
        return reconcileAccounts({ ...dependencies.accounts, writer }, key);
      case 'state':
        return reconcileState({ ...dependencies.state, writer }, key);
      case 'token':
        return reconcileToken({ ...dependencies.token, writer }, key, AbortSignal.any([signal, parts.ended]));
      case 'rules':
        return reconcileRules({ ...dependencies.rules, writer }, key);
      case 'pod':
        return reconcilePod({ ...dependencies.pod, writer }, key);
      default:
        return key satisfies never;
    }
  };
}

/** Reconcilers return failed writes as outcomes. An error here is a fault of the program, and it must not stop the other keys. */
function withFaultBarrier(run: Run<Key>, { metrics, log }: LeaderTermOptions): Run<Key> {
  return async (key, signal) => {
    const startedAt = performance.now();
    try {
      return await run(key, signal);
    } catch (error) {
      metrics.reconcileFailed(key.kind, 'fault');
      log.error('A reconciler failed.', { key: idOf(key), error, stack: (error as Error).stack });
      return { afterMs: FAULT_RETRY_MS };
    } finally {
      metrics.reconciled(key.kind, (performance.now() - startedAt) / 1000);
    }
  };
}

/** Logs each write, and starts no new key while the API server is overloaded. Running keys continue. */
const writerHooks = (queue: WorkQueue<Key>, log: Log): Pick<FencedWriterOptions, 'onError' | 'onWritten'> => ({
  onWritten: ({ method, path }) => log.debug('Wrote.', { method, path }),
  onError: (error, { method, path }) => {
    log.debug('A write failed.', { method, path, error: redactError(error) });
    if (isOverloaded(error)) queue.pause(retryAfterMsOf(error) || PAUSE_MS);
  },
});

/** The message of the API server may quote what it refuses. */
const redactError = (error: unknown): string => redact((error as Error).message, undefined);
