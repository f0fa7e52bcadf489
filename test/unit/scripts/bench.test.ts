import { expect } from 'chai';
import { linesOf, worseBy } from '../../../scripts/bench/compare.ts';
import { placements, runs } from '../../../scripts/bench/restart.ts';

describe('The comparison of two builds', () => {
  const cases: Record<string, { before: number[]; after: number[]; want: boolean }> = {
    'reports a figure that is more than a third higher': { before: [100, 110, 90], after: [140, 150, 130], want: true },
    'reports no figure that is a third higher': { before: [100, 110, 90], after: [133, 143, 119], want: false },
    'reports no figure of which one round is as low as before: other work slowed down the rest': {
      before: [100, 110, 90],
      after: [300, 310, 95],
      want: false,
    },
    'reports no lower figure': { before: [100, 110, 90], after: [50, 60, 40], want: false },
    'reports writes where there were none': { before: [0, 0], after: [2, 2], want: true },
  };
  for (const [what, { want, ...values }] of Object.entries(cases)) {
    it(what, () => expect(worseBy([{ what: 'restart, ms', ...values }], 1.333)).to.deep.equal(want ? ['restart, ms'] : []));
  }

  it('shows the median, the spread and the ratio', () => {
    const [line] = linesOf([{ what: 'restart, ms', before: [100, 400, 200], after: [90, 100, 110] }]);
    expect(line?.replace(/ +/g, ' ')).to.equal('restart, ms 200 (100–400) → 100 (90.00–110) 0.50 ×');
  });
});

describe('The placements in the metrics', () => {
  it('are summed over the credentials of both kinds', () => {
    const text = [
      '# TYPE regcred_placements gauge',
      'regcred_placements{credential="a",kind="Secret",state="synced"} 5',
      'regcred_placements{namespace="shop",credential="b",kind="Secret",state="synced"} 1',
      'regcred_placements{credential="a",kind="Secret",state="pending"} 7',
      'regcred_placements{credential="a",kind="ServiceAccount",state="synced"} 9',
    ].join('\n');
    expect([placements(text, 'Secret', 'synced'), placements(text, 'ServiceAccount', 'synced')]).to.deep.equal([6, 9]);
  });
});

describe('The runs in the metrics', () => {
  const text = [
    '# TYPE regcred_reconcile_duration_seconds histogram',
    'regcred_reconcile_duration_seconds_bucket{le="30",kind="accounts"} 8',
    'regcred_reconcile_duration_seconds_count{kind="accounts"} 7',
    'regcred_reconcile_duration_seconds_count{kind="credential"} 3',
  ].join('\n');
  it('are counted by kind of key', () => expect(runs(text, 'accounts')).to.equal(7));
  it('are none for a kind that has not run', () => expect(runs(text, 'secret')).to.equal(0));
});
