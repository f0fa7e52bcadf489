import { expect } from 'chai';
import { notHealthy } from '../../../src/operator/health.ts';

describe('The health of the operator', () => {
  it('is good for as long as the API server may be down for a moment', () => {
    for (const minutes of [0, 1, 9]) expect(notHealthy(minutes * 60_000)).to.deep.equal([]);
  });

  it('is bad when nothing has worked for ten minutes', () => {
    expect(notHealthy(11 * 60_000)).to.deep.equal([
      'no request to the API server has been answered or accepted for 11 minutes; the log has the reason',
    ]);
  });
});
