import { expect } from 'chai';
import fc from 'fast-check';
import { type Contest, isForgotten, tellMs, waitMs, wrote } from '../../../src/plan/contest.ts';

const minutes = (n: number) => n * 60_000;

/** So many writes of the same, at these times. */
const writtenAt = (...times: number[]) => times.reduce<Contest | undefined>((before, at) => wrote(before, 'a', at), undefined) as Contest;
const atOnce = (writes: number) => writtenAt(...Array<number>(writes).fill(0));

describe('A contest', () => {
  it('does not hold up the first writes', () => {
    for (let writes = 1; writes < 10; writes++) expect(waitMs(atOnce(writes), 'a', 0)).to.equal(0);
    expect(waitMs(undefined, 'a', 0)).to.equal(0);
  });

  it('beyond these makes us wait twice as long each time, and no longer than five minutes', () => {
    const waits = [10, 11, 12, 13, 18, 19, 100, 5000].map((writes) => waitMs(atOnce(writes), 'a', 0));
    expect(waits).to.deep.equal([1000, 2000, 4000, 8000, 256_000, 300_000, 300_000, 300_000]);
  });

  it('makes us wait only for what is left of the time since the last write', () => {
    expect(waitMs(atOnce(12), 'a', 1500)).to.equal(2500);
    expect(waitMs(atOnce(12), 'a', 4000)).to.equal(0);
  });

  it('leaves the budget as it was with a write a minute', () => {
    const steady = writtenAt(...Array.from({ length: 100 }, (_, n) => minutes(n)));
    expect(waitMs(steady, 'a', minutes(99))).to.equal(0);
  });

  it('begins anew when something else is written', () => {
    expect(waitMs(atOnce(20), 'b', 0)).to.equal(0);
    expect(wrote(atOnce(20), 'b', 0)).to.deep.equal(wrote(undefined, 'b', 0));
  });

  it('is over when our write has stood for as long as we would have waited, and leaks from then on', () => {
    const later = wrote(atOnce(12), 'a', 4000 + minutes(5));
    expect(later.level).to.equal(8);
    expect(tellMs(atOnce(12), 'a', 4000)).to.equal(0);
  });

  it('is forgotten when a minute for each write has passed, and an hour since the last, and not before', () => {
    expect(isForgotten(atOnce(3), minutes(60) - 1)).to.equal(false);
    expect(isForgotten(atOnce(3), minutes(60))).to.equal(true);
    const written = atOnce(100);
    const waited = waitMs(written, 'a', 0);
    expect(isForgotten(written, waited + minutes(100) - 1)).to.equal(false);
    expect(isForgotten(written, waited + minutes(100))).to.equal(true);
  });

  describe('with a manager that comes by every few minutes', () => {
    // Argo CD heals again after 2 seconds, 6, 18 and so on, up to every five minutes; Flux once an interval.
    const heals = [2, 8, 26, 80, 242, ...Array.from({ length: 12 }, (_, n) => 542 + n * 300)].map((seconds) => seconds * 1000);
    const reconciles = Array.from({ length: 20 }, (_, n) => minutes(10 * n));

    it('makes us wait for nothing', () => {
      for (const times of [heals, reconciles])
        for (let n = 1; n <= times.length; n++) expect(waitMs(writtenAt(...times.slice(0, n)), 'a', times[n - 1] as number)).to.equal(0);
    });

    it('is told of from the tenth time on', () => {
      for (const times of [heals, reconciles]) {
        const told = times.map((at, n) => tellMs(writtenAt(...times.slice(0, n + 1)), 'a', at) > 0);
        expect(told.indexOf(true)).to.equal(9);
        expect(told.lastIndexOf(false)).to.equal(8);
      }
    });

    it('is told of until a write has stood for twice as long as the one before it', () => {
      const contest = writtenAt(...reconciles);
      const last = reconciles.at(-1) as number;
      expect(tellMs(contest, 'a', last + minutes(20) - 1)).to.equal(1);
      expect(tellMs(contest, 'a', last + minutes(20))).to.equal(0);
    });

    it('is none where there is an hour between two writes, or something else is written', () => {
      const hourly = Array.from({ length: 20 }, (_, n) => minutes(60 * n));
      expect(tellMs(writtenAt(...hourly), 'a', hourly.at(-1) as number)).to.equal(0);
      const later = [...reconciles.slice(0, 9), minutes(200), minutes(210)];
      expect(tellMs(writtenAt(...later), 'a', minutes(210))).to.equal(0);
      expect(tellMs(writtenAt(...reconciles), 'b', reconciles.at(-1) as number)).to.equal(0);
    });
  });

  it('with a manager that reverts us at once ends at a write every five minutes', () => {
    let contest: Contest | undefined;
    const waits: number[] = [];
    for (let now = 0; now < minutes(60); now += waits.at(-1) as number) {
      contest = wrote(contest, 'a', now);
      waits.push(waitMs(contest, 'a', now));
    }
    expect(waits.slice(0, 12)).to.deep.equal([...Array<number>(9).fill(0), 1000, 2000, 4000]);
    expect(waits.slice(-8)).to.deep.equal(Array<number>(8).fill(minutes(5)));
  });

  it('never makes us wait for less than nothing or more than five minutes', () => {
    const write = fc.record({ what: fc.constantFrom('a', 'b'), afterMs: fc.nat(minutes(10)) });
    fc.assert(
      fc.property(
        fc.array(
          fc.oneof(
            write,
            write.map((one) => ({ ...one, afterMs: 0 })),
          ),
          { maxLength: 60 },
        ),
        fc.nat(minutes(10)),
        (writes, later) => {
          let now = 0;
          let contest: Contest | undefined;
          for (const { what, afterMs } of writes) {
            now += afterMs;
            contest = wrote(contest, what, now);
            expect(waitMs(contest, what, now)).to.be.within(0, minutes(5));
            expect(waitMs(contest, what, now + minutes(5))).to.equal(0);
            expect(waitMs(contest, what, now + later)).to.be.within(0, waitMs(contest, what, now));
          }
        },
      ),
    );
  });
});
