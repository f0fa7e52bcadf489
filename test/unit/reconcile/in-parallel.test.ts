import { setImmediate as turn } from 'node:timers/promises';
import { expect } from 'chai';
import { inParallel } from '../../../src/reconcile/in-parallel.ts';

describe('Work in parallel', () => {
  it('runs no more at once than allowed, and returns the results in order', async () => {
    let running = 0;
    let most = 0;
    const results = await inParallel([5, 1, 4, 2, 3], 2, async (turns) => {
      most = Math.max(most, ++running);
      for (let n = 0; n < turns; n++) await turn();
      running--;
      return turns * 10;
    });
    expect({ results, most }).to.deep.equal({ results: [50, 10, 40, 20, 30], most: 2 });
  });

  it('is done at once without items', async () => {
    expect(await inParallel([], 4, async () => expect.fail('it ran'))).to.deep.equal([]);
  });
});
