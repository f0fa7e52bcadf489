import { setImmediate as turn } from 'node:timers/promises';
import { expect } from 'chai';
import fc from 'fast-check';
import { Turns } from '../../../src/reconcile/turns.ts';

describe('The turns of fan-outs', () => {
  it('all come, in any order of beginnings and lengths, and let other work run between two slices', async () => {
    // Each fan-out begins after some turns of the event loop, and has some slices.
    const fanOuts = fc.array(fc.record({ beginsAfter: fc.nat(8), slices: fc.nat(12) }), { maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(fanOuts, async (all) => {
        const turns = new Turns();
        let urgent = 0;
        let isRunning = true;
        const urgentKeys = (async () => {
          while (isRunning) {
            await turn();
            urgent++;
          }
        })();
        const seen: number[] = [];
        const done = await Promise.all(
          all.map(async ({ beginsAfter, slices }) => {
            for (let n = 0; n < beginsAfter; n++) await turn();
            for (let n = 0; n < slices; n++) {
              await turns.next();
              seen.push(urgent);
            }
            return slices;
          }),
        );
        isRunning = false;
        await urgentKeys;
        expect(done).to.deep.equal(all.map(({ slices }) => slices));
        // One slice in each turn of the event loop, before or after the urgent keys of that turn.
        for (const [at, count] of seen.entries()) expect(seen[at + 2] ?? Number.POSITIVE_INFINITY).to.be.above(count);
      }),
      { numRuns: 50 },
    );
  });

  it('come in the order in which they were asked for', async () => {
    const turns = new Turns();
    const order: string[] = [];
    const take = async (name: string) => {
      for (let n = 1; n <= 2; n++) {
        await turns.next();
        order.push(`${name}${n}`);
      }
    };
    await Promise.all(['a', 'b', 'c'].map(take));
    expect(order).to.deep.equal(['a1', 'b1', 'c1', 'a2', 'b2', 'c2']);
  });
});
