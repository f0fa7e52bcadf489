import { expect } from 'chai';
import fc from 'fast-check';
import { backoffMs } from '../../../src/queue/backoff.ts';

describe('Back-off', () => {
  const wait = { firstMs: 100, longestMs: 5000 };
  const waits: Record<string, { attempt: number; random: number; want: number }> = {
    'starts with the first delay': { attempt: 0, random: 0.5, want: 100 },
    doubles: { attempt: 1, random: 0.5, want: 200 },
    'doubles again': { attempt: 5, random: 0.5, want: 3200 },
    'ends at the maximum': { attempt: 6, random: 0.5, want: 5000 },
    'stays at the maximum': { attempt: 100_000, random: 0.5, want: 5000 },
    'is randomized by up to a quarter less': { attempt: 1, random: 0, want: 150 },
    'is randomized by up to a quarter more': { attempt: 1, random: 1, want: 250 },
  };
  for (const [what, { attempt, random, want }] of Object.entries(waits)) {
    it(what, () => expect(backoffMs(wait, attempt, random)).to.equal(want));
  }

  it('never shrinks from one attempt to the next, and stays within its bounds', () => {
    const settings = fc.record({ firstMs: fc.integer({ min: 1, max: 10_000 }), longestMs: fc.integer({ min: 10_000, max: 100_000 }) });
    fc.assert(
      fc.property(settings, fc.nat(5000), fc.double({ min: 0, max: 1, noNaN: true }), (backoff, attempt, random) => {
        const now = backoffMs(backoff, attempt, random);
        expect(now).to.be.within(0.75 * backoff.firstMs, 1.25 * backoff.longestMs);
        expect(backoffMs(backoff, attempt + 1, random)).to.be.at.least(now);
      }),
    );
  });
});
