import { expect } from 'chai';
import fc from 'fast-check';
import { Pace } from '../../../src/queue/pace.ts';

const MOST = 32;

/** An API server that works on so many calls at a time, each `ms` long; more have to wait their turn. */
function serve(pace: Pace, atOnce: number, ms: number, calls: number): void {
  for (let n = 0; n < calls; n++) pace.answered(ms * Math.max(1, pace.width / atOnce));
}

describe('The pace of writing', () => {
  it('begins with a few at once', () => {
    expect(new Pace(MOST).width).to.equal(8);
  });

  const servers: Record<string, { atOnce: number; ms: number; want: [number, number] }> = {
    'goes as wide as it may with an API server that answers all at once': { atOnce: 1000, ms: 5, want: [MOST, MOST] },
    'keeps a short line at one that does two things at a time': { atOnce: 2, ms: 1, want: [13, 26] },
    'keeps the same line at one that does as much, but slowly': { atOnce: 2, ms: 50, want: [13, 26] },
    'keeps one more at work for each that it does at a time': { atOnce: 10, ms: 5, want: [21, 32] },
  };
  for (const [what, { atOnce, ms, want }] of Object.entries(servers)) {
    it(what, () => {
      const pace = new Pace(MOST);
      pace.answered(ms);
      serve(pace, atOnce, ms, 2000);
      expect(pace.width).to.be.within(...want);
    });
  }

  it('is at its widest within the first hundred answers', () => {
    const pace = new Pace(MOST);
    serve(pace, 1000, 5, 100);
    expect(pace.width).to.equal(MOST);
  });

  it('makes room when others come to load the API server, and takes it back when they go', () => {
    const pace = new Pace(MOST);
    serve(pace, 20, 5, 500);
    const before = pace.width;
    for (let n = 0; n < 500; n++) pace.answered(100);
    expect(pace.width).to.be.below(before);
    serve(pace, 20, 5, 1000);
    expect(pace.width).to.be.within(before - 1, before + 1);
  });

  it('keeps its line at an API server that has become slower for good', () => {
    const pace = new Pace(MOST);
    serve(pace, 1000, 1, 200);
    serve(pace, 1000, 100, 5000);
    expect(pace.width).to.be.within(24, 26);
  });

  it('halves at a refusal, once for all that was asked before', () => {
    const pace = new Pace(MOST);
    serve(pace, 1000, 5, 100);
    for (let n = 0; n < 300; n++) pace.refused(1000, 1005 + n);
    expect(pace.width).to.equal(16);
    for (let n = 0; n < 300; n++) pace.refused(2000, 2005 + n);
    expect(pace.width).to.equal(8);
  });

  it('says so when even the fewest at a time are too much', () => {
    const pace = new Pace(MOST);
    expect([pace.refused(0, 1), pace.refused(0, 2), pace.refused(3, 4), pace.refused(5, 6)]).to.deep.equal([false, false, true, true]);
    expect(pace.width).to.equal(4);
  });

  it('opens up again one by one after a refusal', () => {
    const pace = new Pace(MOST);
    serve(pace, 1000, 5, 100);
    for (let n = 0; n < 5; n++) pace.refused(n, n);
    expect(pace.width).to.equal(4);
    serve(pace, 1000, 5, 10);
    expect(pace.width).to.be.within(5, 8);
    serve(pace, 1000, 5, 1000);
    expect(pace.width).to.equal(MOST);
  });

  it('never leaves its bounds, whatever is answered', () => {
    const answers = fc.array(fc.option(fc.double({ min: 0, max: 60_000, noNaN: true })), { maxLength: 500 });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1024 }), answers, (most, answers) => {
        const pace = new Pace(most);
        for (const [at, ms] of answers.entries()) {
          if (ms === null) pace.refused(at, at);
          else pace.answered(ms);
          expect(pace.width).to.be.within(Math.min(4, most), most);
        }
      }),
    );
  });
});
