import { expect } from 'chai';
import fc from 'fast-check';
import { Lane } from '../../../src/queue/lane.ts';

describe('A lane', () => {
  it('returns what was added, in that order, however additions and removals alternate', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('push', 'shift', 'clear'), { maxLength: 40 }), (steps) => {
        const lane = new Lane();
        let want: string[] = [];
        steps.forEach((step, n) => {
          if (step === 'push') {
            lane.push(`${n}`);
            want.push(`${n}`);
          } else if (step === 'shift') expect(lane.shift()).to.equal(want.shift());
          else {
            lane.clear();
            want = [];
          }
          expect(lane.first).to.equal(want[0]);
        });
      }),
    );
  });
});
