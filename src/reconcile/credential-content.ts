import { refOf } from '../api/credential-ref.ts';
import type { CredentialRecord } from '../api/records.ts';
import { type CredentialMemory, rememberedChecks } from '../plan/checks/credential-memory.ts';
import { decideRelease, MAX_PENDING_MS, type Release, type ReleasedEntries, releasedContent } from '../plan/checks/release.ts';
import { type Candidates, readCandidates, type TokenState } from '../plan/content/candidates.ts';
import type { Content } from '../plan/content/content.ts';
import { expiring } from '../plan/status/expiring.ts';
import type { SourcesFacts } from '../plan/status/facts.ts';
import { PRIORITY } from '../queue/queue.ts';
import type { CredentialState } from '../status/credential-state.ts';
import { type CheckedServer, checkServers, memoryOf } from './credential-checks.ts';
import type { CredentialReconciler } from './credential-reconciler.ts';
import { wantTokens } from './credential-tokens.ts';
import { sourceStateOf } from './credential-watches.ts';

/** The content of the pull secret, and when it must be decided again without an event. */
export interface DecidedContent {
  /** Undefined as long as nothing was ever released. */
  readonly content: Content | undefined;
  readonly againMs: number | undefined;
}

/**
 * Reads the sources, wants the answers of their registries, and decides which entries are released. Notes the facts for the status, and
 * remembers what was released. Undefined while a source, or the state Secret, is still being read.
 */
export function decideContent(
  reconciler: CredentialReconciler,
  credential: CredentialRecord,
  state: CredentialState,
): DecidedContent | undefined {
  const { observed, isVerificationOn } = reconciler;
  const tokens = wantTokens(reconciler, credential);
  const candidates = readCandidates(
    credential.spec,
    credential.uid,
    (ref) => sourceStateOf(observed, credential, ref),
    (server) => tokens.get(server) as TokenState,
  );
  const memory = memoryOf(reconciler, credential, state);
  if (candidates.state === 'loading' || !memory) return undefined;

  const checked = checkServers(reconciler, credential, candidates.entries, memory);
  const { servers } = checked;
  const checkOf = (server: string) => servers.get(server) as CheckedServer;
  const release = decideRelease({
    candidates,
    released: memory.released,
    isGated: isVerificationOn && credential.spec.verification.mode === 'Require',
    checkOf,
    pendingMs: (server) => checkOf(server).pendingMs,
  });
  // While suspended nothing is released, but the registries are still asked.
  const released = credential.spec.suspend ? memory.released : release.entries;
  requestIfAsked(reconciler, credential, memory);
  remember(reconciler, credential, state, { candidates, memory, checked, released });
  state.sources = sourcesFacts(release, candidates);
  state.verification = { servers: [...servers.values()], refusals: release.refusals, verifying: release.verifying };
  const content = credential.spec.suspend ? releasedContent(released) : release.content;
  return { content, againMs: nextDecisionMs(reconciler, release, servers) };
}

type ReadCandidates = Extract<Candidates, { state: 'read' }>;

interface WhatToRemember {
  readonly candidates: ReadCandidates;
  readonly memory: CredentialMemory;
  readonly checked: ReturnType<typeof checkServers>;
  readonly released: ReleasedEntries;
}

/** Keeps what must survive a restart, and enqueues the key that writes it into the state Secret. */
function remember(
  { add, wallClock }: CredentialReconciler,
  credential: CredentialRecord,
  state: CredentialState,
  { candidates, memory, checked, released }: WhatToRemember,
): void {
  const { checkNow } = credential;
  state.memory = {
    key: memory.key,
    released,
    checks: rememberedChecks(memory.checks, checked.records, wallClock()),
    proven: provenImages(memory, candidates, checked.servers),
    ...(checkNow !== undefined && { checkNow }),
  };
  add({ kind: 'state', credential: refOf(credential) }, PRIORITY.now);
}

function sourcesFacts({ isNothingReleased, sourceProblems }: Release, { entries, skipped }: ReadCandidates): SourcesFacts {
  if (isNothingReleased && sourceProblems.length > 0) return { state: 'invalid', problems: sourceProblems };
  return { state: 'ready', servers: entries.size, problems: sourceProblems, skipped };
}

/** The probe images that could be pulled at least once, as `server image`, of servers that the credential still has. */
function provenImages(
  { proven, released }: CredentialMemory,
  { entries }: ReadCandidates,
  servers: ReadonlyMap<string, CheckedServer>,
): ReadonlySet<string> {
  const known = [...proven].filter((one) => [entries, released].some((map) => map.has(one.slice(0, one.indexOf(' ')))));
  const now = Array.from(servers.values()).flatMap(({ server, result }) => {
    const image = entries.get(server)?.probeImage;
    return result === 'Proven' && image !== undefined ? [`${server} ${image}`] : [];
  });
  return new Set([...known, ...now]);
}

/** A new value of the annotation check-now asks all registries of the credential at once, and the clouds that gave no token. */
function requestIfAsked({ checks, tokens }: CredentialReconciler, credential: CredentialRecord, memory: CredentialMemory): void {
  if (credential.checkNow === undefined || credential.checkNow === memory.checkNow) return;
  checks.request(credential);
  tokens.request(credential);
}

/** Time alone can change two things: a first answer that does not come, and an expiry that comes near. */
function nextDecisionMs(
  { wallClock, expiryWarningMs }: CredentialReconciler,
  { verifying }: Release,
  servers: ReadonlyMap<string, CheckedServer>,
): number | undefined {
  const pending = [...servers.values()].filter(({ pendingMs, result }) => result === 'Pending' && pendingMs < MAX_PENDING_MS);
  const waits = verifying.length > 0 ? pending.map(({ pendingMs }) => MAX_PENDING_MS - pendingMs) : [];
  const { changesAt } = expiring([...servers.values()], wallClock(), expiryWarningMs);
  if (changesAt !== undefined) waits.push(Math.min(changesAt - wallClock() + 1000, MAX_TIMER_MS));
  return waits.length > 0 ? Math.max(0, Math.min(...waits)) : undefined;
}

/** A timer of Node.js cannot wait for longer than 24 days. A day is often enough to look again. */
const MAX_TIMER_MS = 24 * 3_600_000;
