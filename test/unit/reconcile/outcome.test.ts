import { expect } from 'chai';
import { REASON } from '../../../src/api/reasons.ts';
import { KubeError } from '../../../src/kube/errors.ts';
import type { Context } from '../../../src/reconcile/context.ts';
import { attempt, failureOf, type Outcome, retry } from '../../../src/reconcile/outcome.ts';
import { content } from '../../support/builders.ts';

const failed = (status: number, retryAfterMs?: number) =>
  attempt(() => Promise.reject(new KubeError('the words', status, undefined, retryAfterMs)));
const done: Outcome = { done: true };

describe('Work that failed', () => {
  let context: Context;
  let counted: string[];
  beforeEach(() => {
    counted = [];
    const failed = (kind: string, reason: string) => counted.push(`${kind} ${reason}`);
    context = { failures: new Map(), random: () => 0.5, failed } as unknown as Context;
  });
  const again = (...outcomes: Outcome[]) => retry(context, { kind: 'accounts', namespace: 'shop' }, outcomes);

  it('is an outcome, whatever was thrown', async () => {
    expect(await attempt(async () => {})).to.deep.equal(done);
    const error = new KubeError('', 409);
    expect(await attempt(() => Promise.reject(error))).to.deep.equal({ failed: 'stale', error });
    expect(await attempt(() => Promise.reject(new TypeError('x')))).to.have.property('failed', 'passing');
  });

  const waits: Record<string, { outcomes: () => Promise<Outcome>[]; want: number[] }> = {
    'soon, where the watch is about to bring what we did not know': { outcomes: () => [failed(409)], want: [20, 40, 80] },
    'later, where the object is gone': { outcomes: () => [failed(404)], want: [100, 200, 400] },
    'later, where the server is in trouble': { outcomes: () => [failed(503)], want: [200, 400, 800] },
    'last, where a person must act': { outcomes: () => [failed(403)], want: [500, 1000, 2000] },
    'as the slowest of several says': { outcomes: () => [failed(409), failed(403), failed(503)], want: [500, 1000] },
    'no sooner than the server asks': { outcomes: () => [failed(429, 700)], want: [700, 700, 800] },
  };
  for (const [when, { outcomes, want }] of Object.entries(waits)) {
    it(`is tried again ${when}`, async () => {
      const got: (number | undefined)[] = [];
      for (const _ of want) got.push(again(...(await Promise.all(outcomes()))).again?.afterMs);
      expect(got).to.deep.equal(want);
    });
  }

  it('is tried again for ever, in the end at a bounded distance', async () => {
    for (let times = 0; times < 100; times++) again(await failed(503));
    expect(again(await failed(503)).again).to.deep.equal({ afterMs: 30_000 });
  });

  it('begins anew with the waits once it has gone through', async () => {
    for (let times = 0; times < 3; times++) again(await failed(503));
    expect(again(done)).to.deep.equal({ tell: false });
    expect(again(done, await failed(503)).again).to.deep.equal({ afterMs: 200 });
  });

  it('is told a person at once where only a person can mend it', async () => {
    expect(again(await failed(403)).tell).to.equal(true);
    expect(again(await failed(409), await failed(422)).tell).to.equal(true);
  });

  it('is told a person the fifth time where it may pass', async () => {
    const told: boolean[] = [];
    for (let times = 0; times < 6; times++) told.push(again(await failed(503)).tell);
    expect(told).to.deep.equal([false, false, false, false, true, true]);
  });

  it('is counted by reason', async () => {
    again(await failed(403), done, await failed(409));
    expect(counted).to.deep.equal(['accounts refused', 'accounts stale']);
  });

  it('counts for its key alone', async () => {
    for (let times = 0; times < 5; times++) again(await failed(503));
    expect(retry(context, { kind: 'accounts', namespace: 'team' }, [await failed(503)])).to.deep.equal({
      again: { afterMs: 200 },
      tell: false,
    });
  });
});

describe('A failure', () => {
  const at = { namespace: 'shop', kind: 'Secret', name: 'acme' } as const;

  it("tells what was being done, and the API server's words without a secret", () => {
    const error = new KubeError('admission webhook denied sample-password\nfor acme', 403);
    const message = 'Creating the Secret failed: admission webhook denied [withheld] for acme';
    expect(failureOf(at, 'Creating the Secret', error, content())).to.deep.equal({
      ...at,
      reason: REASON.forbidden,
      message,
      conflict: false,
      final: true,
    });
  });

  const reasons: Record<string, { error: unknown; reason: string; final: boolean }> = {
    'a missing right': { error: new KubeError('', 403), reason: 'Forbidden', final: true },
    'an object that is invalid': { error: new KubeError('', 422), reason: 'Refused', final: true },
    'a server that is being restarted': { error: new KubeError('', 503), reason: 'Unavailable', final: false },
    'a conflict': { error: new KubeError('', 409), reason: 'Unavailable', final: false },
    'a server that asks for patience': { error: new KubeError('', 429), reason: 'Unavailable', final: false },
    'a server that cannot be reached': { error: new KubeError('', 0), reason: 'Unavailable', final: false },
    'a fault of the program': { error: new TypeError('x'), reason: 'Unavailable', final: false },
  };
  for (const [what, { error, reason, final }] of Object.entries(reasons)) {
    it(`of ${what} is ${final ? 'an answer' : 'none yet'}: ${reason}`, () => {
      expect(failureOf(at, 'Doing it', error, undefined)).to.include({ reason, final });
    });
  }
});
