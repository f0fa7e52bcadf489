import { CloudError, type RegistryToken, type TokenRequest } from '../../src/api/cloud-token.ts';
import { type CredentialRef, credentialId, refOf } from '../../src/api/credential-ref.ts';
import type { Problem } from '../../src/api/reasons.ts';
import type { CredentialRecord, SecretRecord } from '../../src/api/records.ts';
import type { RegistryCredentialSpec } from '../../src/api/types.ts';
import { path } from '../../src/cluster/paths.ts';
import { ClusterWriter } from '../../src/cluster/writer.ts';
import type { KubeObject } from '../../src/kube/object.ts';
import { FencedWriter } from '../../src/kube/writer.ts';
import type { Log } from '../../src/log.ts';
import { parseToken } from '../../src/plan/tokens/record.ts';
import { idOf, type Key } from '../../src/queue/keys.ts';
import { type AccountsReconciler, reconcileAccounts } from '../../src/reconcile/accounts.ts';
import { reconcileCredential } from '../../src/reconcile/credential.ts';
import type { CredentialReconciler } from '../../src/reconcile/credential-reconciler.ts';
import { DriftMemory } from '../../src/reconcile/drift-memory.ts';
import { FailedWrites } from '../../src/reconcile/failed-writes.ts';
import { Handovers } from '../../src/reconcile/handovers.ts';
import { PodMemory } from '../../src/reconcile/pod.ts';
import type { CheckState, WantedCheck } from '../../src/reconcile/registry-checks.ts';
import { RetryPolicy } from '../../src/reconcile/retry.ts';
import { reconcileSecret, type SecretReconciler } from '../../src/reconcile/secret.ts';
import { settleSecret } from '../../src/reconcile/settle-secret.ts';
import { reconcileState } from '../../src/reconcile/state.ts';
import { reconcileToken, type TokenReconciler } from '../../src/reconcile/token.ts';
import { Tokens } from '../../src/reconcile/tokens.ts';
import { Turns } from '../../src/reconcile/turns.ts';
import { CredentialStates } from '../../src/status/credential-state.ts';
import type { EventText } from '../../src/status/events.ts';
import { placementRecorder } from '../../src/status/record-placement.ts';
import { Triggers } from '../../src/triggers/triggers.ts';
import { base64, spec } from './builders.ts';
import { MemoryApi } from './memory-api.ts';
import { LateCluster, OPERATOR_NAMESPACE } from './observed.ts';

export const refTo = (name: string): CredentialRef => ({ kind: 'RegistryCredential', namespace: '', name });
/** A cluster-scoped credential by its name, or one of either kind. */
type Of = string | CredentialRef;
const refOfAny = (of: Of): CredentialRef => (typeof of === 'string' ? refTo(of) : of);

/** Creates objects in a cluster, as its users do. */
export const given = (api: MemoryApi) => ({
  namespace: (name: string, labels: Record<string, string> = {}) => api.put(path.namespace(name), { metadata: { labels } }),
  account(namespace: string, name = 'default', pullSecrets: readonly string[] = [], recorded: readonly string[] = []) {
    const annotations: Record<string, string> = recorded.length > 0 ? { 'regcred.dev/pull-secrets': recorded.join() } : {};
    const list = pullSecrets.map((pullSecret) => ({ name: pullSecret }));
    return api.put(path.account(namespace, name), { metadata: { uid: `uid-${namespace}-${name}`, annotations }, imagePullSecrets: list });
  },
  credential(name: string, mods: Partial<RegistryCredentialSpec> = {}, finalizers: readonly string[] = ['regcred.dev/cleanup']) {
    const registries = [{ server: 'registry.example.com', secretRef: { namespace: 'regcred-system', name: 'robot' } }];
    return api.put(path.credential(name), { metadata: { generation: 1, finalizers }, spec: spec({ registries, ...mods }) });
  },
  /** A NamespacedRegistryCredential, with a source in its namespace. */
  tenant(ref: CredentialRef, mods: Partial<RegistryCredentialSpec> = {}, finalizers: readonly string[] = ['regcred.dev/cleanup']) {
    this.source('sample-password', 'robot', ref.namespace);
    const registries = [{ server: 'registry.example.com', secretRef: { name: 'robot' } }];
    return api.put(path.credentialOf(ref), { metadata: { generation: 1, finalizers }, spec: { ...spec(mods), registries } });
  },
  source: (password = 'sample-password', name = 'robot', namespace = 'regcred-system') =>
    api.put(path.secret(namespace, name), {
      type: 'kubernetes.io/basic-auth',
      data: { username: base64('robot'), password: base64(password) },
    }),
  /** A Secret that another user created. */
  secret: (namespace: string, name: string, more: Partial<KubeObject> = {}) =>
    api.put(path.secret(namespace, name), { type: 'kubernetes.io/dockerconfigjson', data: {}, ...more }),
});

/** A log that keeps its messages, and its debug lines apart, with their keys. */
export function recordingLog(): Log & { readonly lines: string[]; readonly debugLines: { message: string; keys: object }[] } {
  const lines: string[] = [];
  const debugLines: { message: string; keys: object }[] = [];
  const line = (message: string) => void lines.push(message);
  return { lines, debugLines, debug: (message, keys = {}) => void debugLines.push({ message, keys }), info: line, warn: line, error: line };
}

/** Every reconciler of one leader term over a cluster in memory, with a clock that the test sets. A later term may go on with the same cluster. */
export function reconcilers(sourceNamespaces?: readonly string[], api = new MemoryApi()) {
  const cluster = new LateCluster(api, sourceNamespaces);
  /** `jumpedMs`: by how much somebody set the wall clock forward. */
  const clock = { now: 0, jumpedMs: 0 };
  const now = () => clock.now;
  const clocks = () => ({ wall: clock.now + clock.jumpedMs, steady: clock.now });
  /** Keys that the reconcilers enqueued, as ids without the kind of the credential. */
  const enqueued: string[] = [];
  /** The same of state Secrets: a list of its own, because every decision enqueues one. */
  const enqueuedStates: string[] = [];
  const add = (key: Key) => void (key.kind === 'state' ? enqueuedStates : enqueued).push(shortId(key));
  const events: EventText[] = [];
  const deselected: string[] = [];
  /** The conflicts that an Event reported: `SecretExists shop/acme`. */
  const conflicts: string[] = [];
  const counted: string[] = [];
  const forgotten: string[] = [];
  const writtenAccounts = new Set<string>();
  const podMemory = new PodMemory();
  const log = recordingLog();
  const registries = fakeRegistries();
  const clouds = fakeClouds();
  const tokens = new Tokens({
    clocks,
    onChange: (name) => add({ kind: 'token', name }),
    stored: (name) => parseToken(cluster.observed.tokenSecrets.get(OPERATOR_NAMESPACE, name)?.text ?? ''),
  });
  const states = new CredentialStates();
  const common = {
    observed: cluster.observed,
    states,
    writer: new ClusterWriter(new FencedWriter({ kube: api, fieldManager: 'regcred', fence: () => {}, onError: () => {} })),
    recordPlacement: placementRecorder(states, now, {
      changed: () => {},
      cleanedUp: (credential) => add({ kind: 'credential', credential: refOf(credential) }),
    }),
    reporter: {
      touch: () => {},
      event: async (_: CredentialRecord, event: EventText) => void events.push(event),
      forget: (credential: CredentialRef) => void forgotten.push(credentialId(credential)),
      conflict: async (_: CredentialRecord, { namespace, name }: SecretRecord, { reason }: Problem) =>
        void conflicts.push(`${reason} ${namespace}/${name}`),
      namespaceDeselected: (_: CredentialRef, namespace: string) => void deselected.push(namespace),
    },
    retries: new RetryPolicy(
      ({ key, reason }) => void counted.push(`${key.kind} ${reason}`),
      () => 0.5,
    ),
    drift: new DriftMemory(now),
    namespacesWithUnknownOwner: new Set<string>(),
    log,
    add,
    now,
  };
  const secret: SecretReconciler = { ...common, handovers: new Handovers(now) };
  const onAccountWrite = (uid: string) => {
    writtenAccounts.add(uid);
    return () => void writtenAccounts.delete(uid);
  };
  const accounts: AccountsReconciler = { ...common, failedWrites: new FailedWrites(now), onAccountWrite };
  const credential: CredentialReconciler = {
    ...common,
    settle: (key) => settleSecret(secret, key),
    turns: new Turns(),
    podMemory,
    cleanupTimeoutMs: 60_000,
    checks: registries.checks,
    tokens,
    wallClock: () => clocks().wall,
    expiryWarningMs: 336 * 3_600_000,
    isNamespacedOn: true,
    get isVerificationOn() {
      return registries.isVerificationOn;
    },
  };
  const state = { ...common };
  const token: TokenReconciler = {
    ...common,
    tokens,
    fetchToken: (request, signal) => clouds.fetch(request, signal),
    onToken: ({ name }) => add({ kind: 'credential', credential: refTo(name) }),
    onFetch: (cloud, result) => void clouds.results.push(`${cloud} ${result}`),
    mayAsk: () => !clouds.isBusy,
    clocks,
    random: () => 0.5,
  };
  const run = {
    secret: (namespace = 'shop', of: Of = 'acme') => reconcileSecret(secret, { kind: 'secret', credential: refOfAny(of), namespace }),
    accounts: (namespace = 'shop') => reconcileAccounts(accounts, { kind: 'accounts', namespace }),
    state: (name = 'acme') => reconcileState(state, { kind: 'state', credential: refTo(name) }),
    token: (name: string) => reconcileToken(token, { kind: 'token', name }, new AbortController().signal),
    credential: (of: Of = 'acme') => reconcileCredential(credential, { kind: 'credential', credential: refOfAny(of) }),
  };
  return {
    api,
    cluster,
    clock,
    states,
    run,
    enqueued,
    enqueuedStates,
    registries,
    clouds,
    tokens,
    /** Not connected to the watches unless a test does so. */
    triggers: new Triggers(cluster.observed, states, add),
    events,
    deselected,
    conflicts,
    counted,
    forgotten,
    writtenAccounts,
    podMemory,
    drift: common.drift,
    log,
    given: given(api),
    unknownOwners: common.namespacesWithUnknownOwner,
    /** Runs a credential until its watches have delivered. */
    async decide(of: Of = 'acme') {
      cluster.deliver();
      await run.credential(of);
      cluster.deliver();
      const watched = cluster.named.keys.length;
      const requeue = await run.credential(of);
      if (cluster.named.keys.length === watched) return requeue;
      cluster.deliver();
      return run.credential(of);
    },
  };
}

/** Registries that answer what the test says, by server. A server without an answer is pending. */
function fakeRegistries() {
  const answers = new Map<string, CheckState>();
  const wanted = new Map<string, readonly WantedCheck[]>();
  const requested: string[] = [];
  return {
    answers,
    /** By the name of the credential. */
    wanted,
    requested,
    isVerificationOn: true,
    checks: {
      want(credential: CredentialRef, checks: readonly WantedCheck[]): ReadonlyMap<string, CheckState> {
        wanted.set(credential.name, checks);
        return new Map(
          checks.map(({ question: { server }, known }) => [server, answers.get(server) ?? { record: known, pendingMs: 0 }] as const),
        );
      },
      request: ({ name }: CredentialRef) => void requested.push(name),
      forget: ({ name }: CredentialRef) => void wanted.delete(name),
    },
  };
}

/** Clouds that give out the tokens that the test says. */
function fakeClouds() {
  return {
    requests: [] as TokenRequest[],
    /** They have been asked so often that they might throttle. */
    isBusy: false,
    /** `aws fetched`, in order. */
    results: [] as string[],
    /** What a cloud answers. */
    answer: (_: TokenRequest): RegistryToken => {
      throw new CloudError('sts.amazonaws.com refuses AssumeRole: AccessDenied (HTTP 403)', 'AccessDenied', { httpStatus: 403 });
    },
    async fetch(request: TokenRequest, _: AbortSignal): Promise<RegistryToken> {
      this.requests.push(request);
      return this.answer(request);
    },
  };
}

const shortId = (key: Key) => idOf(key).replace('RegistryCredential /', '');
