import { expect } from 'chai';
import fc from 'fast-check';
import {
  afterRejection,
  afterRepair,
  contestedForMs,
  DRIFT_LIMITS,
  type DriftHistory,
  isOver,
  repairDelayMs,
} from '../../../../src/plan/placement/drift-backoff.ts';

const minutes = (n: number) => n * 60_000;

/** Repairs of the same desiredState at these times. */
const repairedAt = (...times: number[]) =>
  times.reduce<DriftHistory | undefined>((before, at) => afterRepair(before, 'a', at), undefined) as DriftHistory;
const atOnce = (repairs: number) => repairedAt(...Array<number>(repairs).fill(0));

describe('A conflict with another writer', () => {
  it('does not delay the first repairs', () => {
    for (let repairs = 1; repairs < 10; repairs++) expect(repairDelayMs(atOnce(repairs), 'a', 0)).to.equal(0);
    expect(repairDelayMs(undefined, 'a', 0)).to.equal(0);
  });

  it('delays each further repair twice as long, up to five minutes', () => {
    const waits = [10, 11, 12, 13, 18, 19, 100, 5000].map((repairs) => repairDelayMs(atOnce(repairs), 'a', 0));
    expect(waits).to.deep.equal([1000, 2000, 4000, 8000, 256_000, 300_000, 300_000, 300_000]);
  });

  it('delays the next repair only for the rest of the time since the last one', () => {
    expect(repairDelayMs(atOnce(12), 'a', 1500)).to.equal(2500);
    expect(repairDelayMs(atOnce(12), 'a', 4000)).to.equal(0);
  });

  it('delays the next write from the first one on that the API server did not store as sent', () => {
    const rejected = { field: 'type', uid: 'uid-secret' };
    const first = afterRejection(undefined, 'a', 0, rejected);
    expect(first).to.deep.equal({ ...atOnce(1), bucketLevel: DRIFT_LIMITS.budget, rejected });
    expect(repairDelayMs(first, 'a', 0)).to.equal(1000);
    expect(repairDelayMs(afterRejection(first, 'a', 0, rejected), 'a', 0)).to.equal(2000);
    expect(afterRejection(atOnce(14), 'a', 0, rejected).bucketLevel).to.equal(15);
    expect(afterRepair(first, 'a', 0)).not.to.have.property('rejected');
  });

  it('does not use up the budget with one repair a minute', () => {
    const steady = repairedAt(...Array.from({ length: 100 }, (_, n) => minutes(n)));
    expect(repairDelayMs(steady, 'a', minutes(99))).to.equal(0);
  });

  it('starts again when another desiredState is written', () => {
    expect(repairDelayMs(atOnce(20), 'b', 0)).to.equal(0);
    expect(afterRepair(atOnce(20), 'b', 0)).to.deep.equal(afterRepair(undefined, 'b', 0));
  });

  it('is over once a repair lasts as long as the delay, and leaks from then on', () => {
    const later = afterRepair(atOnce(12), 'a', 4000 + minutes(5));
    expect(later.bucketLevel).to.equal(8);
    expect(contestedForMs(atOnce(12), 'a', 4000)).to.equal(0);
  });

  it('is forgotten after a minute for each repair and an hour since the last, and not before', () => {
    expect(isOver(atOnce(3), minutes(60) - 1)).to.equal(false);
    expect(isOver(atOnce(3), minutes(60))).to.equal(true);
    const written = atOnce(100);
    const waited = repairDelayMs(written, 'a', 0);
    expect(isOver(written, waited + minutes(100) - 1)).to.equal(false);
    expect(isOver(written, waited + minutes(100))).to.equal(true);
  });

  describe('with a controller that reverts every few minutes', () => {
    // Argo CD heals again after 2 seconds, 6, 18 and so on, up to every five minutes; Flux once an interval.
    const heals = [2, 8, 26, 80, 242, ...Array.from({ length: 12 }, (_, n) => 542 + n * 300)].map((seconds) => seconds * 1000);
    const reconciles = Array.from({ length: 20 }, (_, n) => minutes(10 * n));

    it('delays nothing', () => {
      for (const times of [heals, reconciles])
        for (let n = 1; n <= times.length; n++)
          expect(repairDelayMs(repairedAt(...times.slice(0, n)), 'a', times[n - 1] as number)).to.equal(0);
    });

    it('is reported from the tenth repair on', () => {
      for (const times of [heals, reconciles]) {
        const isReported = times.map((at, n) => contestedForMs(repairedAt(...times.slice(0, n + 1)), 'a', at) > 0);
        expect(isReported.indexOf(true)).to.equal(9);
        expect(isReported.lastIndexOf(false)).to.equal(8);
      }
    });

    it('is reported until a repair lasts twice as long as the one before it', () => {
      const history = repairedAt(...reconciles);
      const last = reconciles.at(-1) as number;
      expect(contestedForMs(history, 'a', last + minutes(20) - 1)).to.equal(1);
      expect(contestedForMs(history, 'a', last + minutes(20))).to.equal(0);
    });

    it('does not exist if an hour lies between two repairs, or another desiredState is written', () => {
      const hourly = Array.from({ length: 20 }, (_, n) => minutes(60 * n));
      expect(contestedForMs(repairedAt(...hourly), 'a', hourly.at(-1) as number)).to.equal(0);
      const later = [...reconciles.slice(0, 9), minutes(200), minutes(210)];
      expect(contestedForMs(repairedAt(...later), 'a', minutes(210))).to.equal(0);
      expect(contestedForMs(repairedAt(...reconciles), 'b', reconciles.at(-1) as number)).to.equal(0);
    });
  });

  it('with a controller that reverts at once ends at one repair every five minutes', () => {
    let history: DriftHistory | undefined;
    const waits: number[] = [];
    for (let now = 0; now < minutes(60); now += waits.at(-1) as number) {
      history = afterRepair(history, 'a', now);
      waits.push(repairDelayMs(history, 'a', now));
    }
    expect(waits.slice(0, 12)).to.deep.equal([...Array<number>(9).fill(0), 1000, 2000, 4000]);
    expect(waits.slice(-8)).to.deep.equal(Array<number>(8).fill(minutes(5)));
  });

  it('never causes a negative delay, or one of more than five minutes', () => {
    const write = fc.record({ desiredState: fc.constantFrom('a', 'b'), afterMs: fc.nat(minutes(10)) });
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
        (repairs, later) => {
          let now = 0;
          let history: DriftHistory | undefined;
          for (const { desiredState, afterMs } of repairs) {
            now += afterMs;
            history = afterRepair(history, desiredState, now);
            expect(repairDelayMs(history, desiredState, now)).to.be.within(0, minutes(5));
            expect(repairDelayMs(history, desiredState, now + minutes(5))).to.equal(0);
            expect(repairDelayMs(history, desiredState, now + later)).to.be.within(0, repairDelayMs(history, desiredState, now));
          }
        },
      ),
    );
  });
});
