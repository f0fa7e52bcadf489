import { expect } from 'chai';
import { REASON } from '../../../src/api/reasons.ts';
import { KubeError } from '../../../src/kube/errors.ts';
import { attempt, failureOf, RetryPolicy, type StepOutcome } from '../../../src/reconcile/retry.ts';
import { content } from '../../support/builders.ts';

const failed = (status: number, retryAfterMs?: number) =>
  attempt(() => Promise.reject(new KubeError('the words', status, undefined, retryAfterMs)));
const done: StepOutcome = { done: true };

describe('A failed key', () => {
  let retries: RetryPolicy;
  let counted: string[];
  beforeEach(() => {
    counted = [];
    retries = new RetryPolicy(
      ({ key, reason }) => void counted.push(`${key.kind} ${reason}`),
      () => 0.5,
    );
  });
  const decide = (outcome: StepOutcome, part?: string) => retries.decide({ kind: 'accounts', namespace: 'shop' }, outcome, part);

  it('has an outcome for anything that a step throws', async () => {
    expect(await attempt(async () => {})).to.deep.equal(done);
    const error = new KubeError('', 409);
    expect(await attempt(() => Promise.reject(error))).to.deep.equal({ failed: 'stale', error });
    expect(await attempt(() => Promise.reject(new TypeError('x')))).to.have.property('failed', 'passing');
  });

  const waits: Record<string, { outcome: () => Promise<StepOutcome>; want: number[] }> = {
    'soon if the watch is about to deliver what was not known': { outcome: () => failed(409), want: [20, 40, 80] },
    'later if the object is gone': { outcome: () => failed(404), want: [100, 200, 400] },
    'later if the server has a problem': { outcome: () => failed(503), want: [200, 400, 800] },
    'last if a person must act': { outcome: () => failed(403), want: [500, 1000, 2000] },
    'no sooner than the server asks for': { outcome: () => failed(429, 700), want: [700, 700, 800] },
  };
  for (const [when, { outcome, want }] of Object.entries(waits)) {
    it(`is run again ${when}`, async () => {
      const got: (number | undefined)[] = [];
      for (const _ of want) got.push(decide(await outcome()).requeue?.afterMs);
      expect(got).to.deep.equal(want);
    });
  }

  it('is run again without end, after a bounded wait', async () => {
    for (let times = 0; times < 100; times++) decide(await failed(503));
    expect(decide(await failed(503)).requeue).to.deep.equal({ afterMs: 30_000 });
  });

  it('starts with the shortest wait again after a success', async () => {
    for (let times = 0; times < 3; times++) decide(await failed(503));
    expect(decide(done)).to.deep.equal({ isReported: false });
    expect(decide(await failed(503)).requeue).to.deep.equal({ afterMs: 200 });
  });

  it('is reported at once if only a person can fix it', async () => {
    expect(decide(await failed(403)).isReported).to.equal(true);
    expect(decide(await failed(422)).isReported).to.equal(true);
  });

  it('is reported the fifth time if it may pass', async () => {
    const reported: boolean[] = [];
    for (let times = 0; times < 6; times++) reported.push(decide(await failed(503)).isReported);
    expect(reported).to.deep.equal([false, false, false, false, true, true]);
  });

  it('is counted for each reason', async () => {
    for (const outcome of [await failed(403), done, await failed(409)]) decide(outcome);
    expect(counted).to.deep.equal(['accounts refused', 'accounts stale']);
  });

  it('does not make other keys wait longer', async () => {
    for (let times = 0; times < 5; times++) decide(await failed(503));
    expect(retries.decide({ kind: 'accounts', namespace: 'team' }, await failed(503))).to.deep.equal({
      requeue: { afterMs: 200 },
      isReported: false,
    });
  });

  it('does not count for another object of the same key', async () => {
    for (let times = 0; times < 5; times++) decide(await failed(403), 'uid-default');
    expect(decide(await failed(409), 'uid-builder')).to.deep.equal({ requeue: { afterMs: 20 }, isReported: false });
    decide(done, 'uid-builder');
    expect(decide(await failed(403), 'uid-default').requeue).to.deep.equal({ afterMs: 16_000 });
  });
});

describe('A reported failure', () => {
  const at = { namespace: 'shop', kind: 'Secret', name: 'acme' } as const;

  it("names the step, and has the API server's message without a secret value", () => {
    const error = new KubeError('admission webhook denied sample-password\nfor acme', 403);
    const message =
      'Creating the Secret failed: admission webhook denied [withheld] for acme. Grant the permissions in manifests/rbac.yaml, or find the policy that refuses.';
    expect(failureOf(at, 'Creating the Secret', error, content())).to.deep.equal({
      ...at,
      reason: REASON.forbidden,
      message,
      isConflict: false,
      needsPerson: true,
    });
  });

  const reasons: Record<string, { error: unknown; reason: string; needsPerson: boolean }> = {
    'a missing right': { error: new KubeError('', 403), reason: 'Forbidden', needsPerson: true },
    'an object that is invalid': { error: new KubeError('', 422), reason: 'Refused', needsPerson: true },
    'a server that is being restarted': { error: new KubeError('', 503), reason: 'Unavailable', needsPerson: false },
    'a conflict': { error: new KubeError('', 409), reason: 'Unavailable', needsPerson: false },
    'a server that asks to retry later': { error: new KubeError('', 429), reason: 'Unavailable', needsPerson: false },
    'a server that cannot be reached': { error: new KubeError('', 0), reason: 'Unavailable', needsPerson: false },
    'a fault of the program': { error: new TypeError('x'), reason: 'Unavailable', needsPerson: false },
  };
  for (const [what, { error, reason, needsPerson }] of Object.entries(reasons)) {
    it(`of ${what} ${needsPerson ? 'needs a person' : 'may pass'}: ${reason}`, () => {
      expect(failureOf(at, 'Doing it', error, undefined)).to.include({ reason, needsPerson });
    });
  }
});
