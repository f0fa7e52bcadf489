import { createHmac, randomBytes } from 'node:crypto';
import { isNamespaced } from '../api/credential-ref.ts';
import type { CredentialRecord } from '../api/records.ts';
import { stateSecretName } from '../cluster/state-secrets.ts';
import { firstMalformed } from '../net/trust.ts';
import { nameOfServer } from '../plan/checks/asked-host.ts';
import { type CheckRecord, type CredentialMemory, parseMemory } from '../plan/checks/credential-memory.ts';
import { durationMs } from '../plan/checks/duration.ts';
import { readExpiry } from '../plan/checks/expiry.ts';
import { interpret } from '../plan/checks/interpret.ts';
import { messageFor, questionsFor, type ServerCheck, textOf } from '../plan/checks/questions.ts';
import type { Candidate } from '../plan/content/candidates.ts';
import type { ServerFacts } from '../plan/status/facts.ts';
import type { CredentialState } from '../status/credential-state.ts';
import type { CredentialReconciler } from './credential-reconciler.ts';
import type { CheckState } from './registry-checks.ts';

/** What is known about one server of a credential, for its status and for the decision what is released. */
export interface CheckedServer extends ServerFacts {
  /** Zero once it was answered. */
  readonly pendingMs: number;
}

/** The memory of a credential: from this term, else from its state Secret, else a new one. Undefined while that Secret is not known yet. */
export function memoryOf(
  { observed }: CredentialReconciler,
  credential: CredentialRecord,
  state: CredentialState,
): CredentialMemory | undefined {
  if (state.memory) return state.memory;
  const { stateSecrets, stateNamespace } = observed;
  if (!stateSecrets.synced && stateSecrets.error === undefined) return undefined;
  const record = stateSecrets.get(stateNamespace, stateSecretName(credential.uid));
  const remembered = record && parseMemory(record.text);
  return remembered ?? { released: new Map(), checks: new Map(), proven: new Set(), key: randomBytes(32).toString('hex') };
}

/** Wants the answers for the candidates from now on, and returns what is known of each server. */
export function checkServers(
  { checks, isVerificationOn }: CredentialReconciler,
  credential: CredentialRecord,
  entries: ReadonlyMap<string, Candidate>,
  memory: CredentialMemory,
): { readonly servers: ReadonlyMap<string, CheckedServer>; readonly records: ReadonlyMap<string, CheckRecord> } {
  const { mode, interval } = credential.spec.verification;
  const servers = questionsFor(
    entries,
    { isEnabled: isVerificationOn && mode !== 'None', allowPrivate: !isNamespaced(credential) },
    firstMalformed,
  );
  const hashes = new Map<string, string>();
  const wanted = servers.flatMap(({ question }) => {
    if (!question) return [];
    const hash = createHmac('sha256', memory.key).update(textOf(question)).digest('hex');
    hashes.set(question.server, hash);
    const wasProven = question.probeImage !== undefined && memory.proven.has(`${question.server} ${question.probeImage}`);
    return [{ question, intervalMs: durationMs(interval), wasProven, known: memory.checks.get(hash) }];
  });
  const answers = checks.want(credential, wanted);
  const records = Array.from(hashes, ([server, hash]) => [hash, answers.get(server)?.record] as const);
  return {
    servers: new Map(
      servers.map((server) => [server.server, checkedServer(server, entries.get(server.server) as Candidate, answers.get(server.server))]),
    ),
    records: new Map(records.flatMap(([hash, record]) => (record ? [[hash, record] as const] : []))),
  };
}

function checkedServer(
  { server, unanswered, warnings }: ServerCheck,
  { auth, source, expiresAt, fetched }: Candidate,
  answer: CheckState | undefined,
): CheckedServer {
  const { record, pendingMs = 0 } = answer ?? {};
  const secret = `Secret ${source}`;
  const unasked = unanswered ? ({ state: 'not-asked', why: unanswered } as const) : ({ state: 'pending' } as const);
  const { result, message } = record ?? interpret(unasked, { server: nameOfServer(server), secret, wasProven: false });
  const expiry = readExpiry({
    password: auth.password,
    ...(fetched && { fetched: fetched.expiresAt }),
    ...(expiresAt !== undefined && { annotation: expiresAt }),
    ...(record?.githubExpiry !== undefined && { github: record.githubExpiry }),
  });
  return {
    server,
    source,
    result,
    message: [messageFor(message, { secret }), ...warnings].join(' '),
    ...(record && { checkedAt: record.at }),
    ...expiry,
    ...(fetched && { refreshAt: fetched.refreshAt }),
    ...(fetched?.overdue && { refreshProblem: fetched.overdue.message }),
    pendingMs: record ? 0 : pendingMs,
  };
}
