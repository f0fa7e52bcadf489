/** Registries that answer as a test says, and a clock that it sets, for the tests of the checks. */
import { mock } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { credentialId } from '../../src/api/credential-ref.ts';
import type { CheckRecord } from '../../src/plan/checks/credential-memory.ts';
import type { Result } from '../../src/plan/checks/interpret.ts';
import type { Answer, Failure, Observation } from '../../src/plan/checks/observation.ts';
import type { CheckQuestion } from '../../src/plan/checks/questions.ts';
import { type CheckState, RegistryChecks, type WantedCheck } from '../../src/reconcile/registry-checks.ts';
import { base64 } from './builders.ts';
import { recordingLog, refTo } from './reconcilers.ts';

const answer = (status: number, mods: Partial<Answer> = {}): Answer => ({
  kind: 'answer',
  status,
  codes: [],
  hasUnknownCode: false,
  isHtml: false,
  deniesAddress: false,
  isEcrRefusal: false,
  ...mods,
});
type Asked = Observation & { readonly state: 'asked' };

const failure = (why: Failure['why']): Failure => ({ kind: 'failure', why });
const loggedIn = (reply: Answer | Failure, at: 'registry' | 'token service' = 'registry'): Asked => ({
  state: 'asked',
  login: { at, sent: 'login', reply },
});

const ACCEPTED = loggedIn(answer(200));
const DENIED = loggedIn(answer(401, { codes: ['denied'] }));
const image = (status: number): Asked => ({
  state: 'asked',
  login: { at: 'registry', sent: 'login', reply: answer(200) },
  image: {
    anonymous: { at: 'registry', sent: 'nothing', reply: answer(401) },
    login: { at: 'registry', sent: 'login', reply: answer(status) },
  },
});

/** What a registry says. */
export const ANSWERS = {
  accepted: ACCEPTED,
  refused: DENIED,
  proven: image(200),
  imageDenied: image(403),
  failing: loggedIn(answer(503)),
  busy: loggedIn(answer(429, { retryAfterSeconds: 300 })),
  timeout: loggedIn(failure('timeout')),
  tokenTimeout: loggedIn(failure('timeout'), 'token service'),
  expiring: { ...ACCEPTED, githubExpiry: { at: '2027-01-31 00:00:00 UTC' } },
  unknownExpiry: { ...ACCEPTED, githubExpiry: 'unknown' },
  noExpiry: { ...ACCEPTED, githubExpiry: 'none' },
} as const satisfies Record<string, Observation>;

/** How long an operator waits for a registry that does not answer. */
const TIMEOUT_MS = 20_000;

export const HOUR = 3_600_000;

export interface QuestionMods extends Partial<CheckQuestion> {
  readonly password?: string;
}

export const question = (server: string, { password = 'sample-password', ...mods }: QuestionMods = {}): CheckQuestion => ({
  server,
  host: server.split('/', 1)[0] as string,
  auth: base64(`robot:${password}`),
  allowPrivate: true,
  caBundle: [],
  secret: 'Secret regcred-system/robot',
  isFetched: false,
  ...mods,
});

/** Checks with mocked timers. `says` maps a host to what it says; others accept every login. */
export function askedRegistries(answers: Record<string, keyof typeof ANSWERS> = {}) {
  mock.timers.enable({ apis: ['setTimeout'] });
  const clock = { now: Date.UTC(2026, 0, 1) };
  const asked: { readonly host: string; readonly server: string; readonly at: number }[] = [];
  const answered: string[] = [];
  const counted: Result[] = [];
  const open = new Map<string, number>();
  const most = { perHost: 0, hosts: 0 };
  /** Hosts where the program itself fails. */
  const faulty = new Set<string>();
  const log = recordingLog();
  const begunAt = clock.now;

  async function ask({ host, server }: CheckQuestion, signal: AbortSignal): Promise<Observation> {
    asked.push({ host, server, at: clock.now - begunAt });
    open.set(host, (open.get(host) ?? 0) + 1);
    most.perHost = Math.max(most.perHost, open.get(host) as number);
    most.hosts = Math.max(most.hosts, open.size);
    const answer = answers[host] ?? 'accepted';
    try {
      await new Promise<void>((resolve, reject) => {
        setTimeout(resolve, answer.toLowerCase().endsWith('timeout') ? TIMEOUT_MS : 100);
        signal.addEventListener('abort', () => reject(signal.reason), { once: true });
      });
    } finally {
      open.set(host, (open.get(host) as number) - 1);
      if (open.get(host) === 0) open.delete(host);
    }
    if (faulty.has(host)) throw new TypeError('a fault');
    return ANSWERS[answer];
  }

  const start = () => {
    const checks = new RegistryChecks({
      ask,
      onAnswer: (credential) => void answered.push(credentialId(credential).split('/')[1] as string),
      onResult: (result) => void counted.push(result),
      log,
      now: () => clock.now,
      random: () => 0.5,
    });
    checks.begin();
    return checks;
  };
  let checks = start();

  return {
    clock,
    answers,
    asked,
    answered,
    counted,
    faulty,
    most,
    log,
    get checks() {
      return checks;
    },
    /** The questions so far to a host. */
    count: (host: string) => asked.filter((one) => one.host === host).length,
    /** The credential wants these answers, as it does at each of its decisions. */
    want(credential: string, questions: readonly CheckQuestion[], mods: Partial<WantedCheck> = {}): readonly CheckState[] {
      const states = checks.want(
        refTo(credential),
        questions.map((one) => ({ question: one, intervalMs: 6 * HOUR, wasProven: false, known: undefined, ...mods })),
      );
      return [...states.values()];
    },
    /** The clock and the timers go on, in small steps. */
    async pass(ms: number): Promise<void> {
      const step = Math.min(ms, Math.max(500, ms / 2000));
      for (let passed = 0; passed < ms; passed += step) {
        for (let n = 0; n < 8; n++) await turn();
        clock.now += step;
        mock.timers.tick(step);
      }
      for (let n = 0; n < 8; n++) await turn();
    },
    /** Another leader begins. It knows only what the state Secrets hold. */
    async restart(): Promise<void> {
      await checks.end();
      checks = start();
    },
    async end(): Promise<void> {
      await checks.end();
      mock.timers.reset();
    },
  };
}

export const resultsOf = (states: readonly CheckState[]) => states.map(({ record }) => record?.result);
export const recordOf = (states: readonly CheckState[]): CheckRecord => states[0]?.record as CheckRecord;
