import { expect } from 'chai';
import fc from 'fast-check';
import type { Result } from '../../../../src/plan/checks/interpret.ts';
import { type LastCheck, nextCheck } from '../../../../src/plan/checks/schedule.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const INTERVAL = 6 * HOUR;
const AT = 1_800_000_000_000;

describe('A registry is asked next', () => {
  interface Row {
    last?: Partial<LastCheck>;
    requested?: true;
    random?: number;
    interval?: number;
    /** When it is, after the last check. Default 0. */
    now?: number;
    want: number;
  }
  const good = (result: Result, random: number, want: number): Row => ({ last: { result }, random, want });
  const refused = (times: number, want: number): Row => ({ last: { result: 'Refused', times }, want });
  const unreachable = (times: number, want: number, more: Partial<LastCheck> = {}): Row => ({
    last: { result: 'Unreachable', times, ...more },
    want,
  });
  const table: Record<string, Row> = {
    'at once if it was never asked': { want: 0 },
    'at once if it is Pending': { last: { result: 'Pending' }, want: 0 },
    'after the interval if it is Proven, a little earlier': good('Proven', 0, 0.95 * INTERVAL),
    'after the interval if it is Proven': good('Proven', 0.5, INTERVAL),
    'after the interval if it is NotRefused, a little later': good('NotRefused', 1, 1.05 * INTERVAL),
    'after the interval if it is Public': good('Public', 0.5, INTERVAL),
    'after the interval if it must not be asked: a name may lead elsewhere then': good('NotAsked', 0.5, INTERVAL),
    'an hour after it refused': refused(1, HOUR),
    'two hours after it refused again': refused(2, 2 * HOUR),
    'four hours after the third time': refused(3, 4 * HOUR),
    'a day after the sixth time': refused(6, 24 * HOUR),
    'a day after the thousandth time': refused(1000, 24 * HOUR),
    'an hour after it refused, and never earlier': { last: { result: 'Refused' }, random: 1, want: 1.1 * HOUR },
    'a minute after it was unreachable': unreachable(1, MINUTE),
    'two minutes after the second time': unreachable(2, 2 * MINUTE),
    'after the interval if it stays unreachable': unreachable(50, INTERVAL),
    'after what Retry-After says': unreachable(1, 10 * MINUTE, { retryAfterSeconds: 600 }),
    'after what Retry-After says, also beyond the interval': {
      ...unreachable(1, HOUR, { retryAfterSeconds: 3600 }),
      interval: 10 * MINUTE,
    },
    'a day after a Retry-After that is longer': unreachable(1, 24 * HOUR, { retryAfterSeconds: 1e9 }),
    'not earlier because of a short Retry-After': unreachable(3, 4 * MINUTE, { retryAfterSeconds: 1 }),
    'a minute after the last time, on request': { last: { result: 'Refused' }, requested: true, want: MINUTE },
    'at once on request, if the last time is longer ago': { last: { result: 'Proven' }, requested: true, now: HOUR, want: HOUR },
    'now if it is overdue': { last: { result: 'Proven' }, now: 100 * HOUR, want: 100 * HOUR },
    'after the interval from now, if the clock was ahead': { last: { result: 'Proven' }, random: 0.5, now: -HOUR, want: INTERVAL - HOUR },
  };
  for (const [what, { last, requested = false, random = 0, interval = INTERVAL, now = 0, want }] of Object.entries(table)) {
    it(what, () => {
      const check = last && { result: 'Proven' as const, at: AT, times: 1, ...last };
      expect(nextCheck({ last: check, isRequested: requested, intervalMs: interval }, random, AT + now) - AT).to.be.closeTo(want, 1);
    });
  }

  it('never in the past, and never twice in a minute', () => {
    const last = fc.record({
      result: fc.constantFrom<Result>('Proven', 'NotRefused', 'Public', 'Refused', 'Unreachable', 'NotAsked'),
      at: fc.constant(AT),
      times: fc.nat(100),
      retryAfterSeconds: fc.nat(1_000_000),
    });
    const interval = fc.integer({ min: 10 * MINUTE, max: 168 * HOUR });
    fc.assert(
      fc.property(
        last,
        fc.boolean(),
        interval,
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        fc.nat(1e9),
        (check, isRequested, intervalMs, random, after) => {
          const now = AT + after;
          const next = nextCheck({ last: check, isRequested, intervalMs }, random, now);
          expect(next).to.be.at.least(Math.max(now, AT + MINUTE));
          expect(next - now).to.be.at.most(Math.max(1.1 * 24 * HOUR, 1.1 * intervalMs));
        },
      ),
      { numRuns: 10_000 },
    );
  });
});
