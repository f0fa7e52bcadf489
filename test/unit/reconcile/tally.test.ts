import { expect } from 'chai';
import fc from 'fast-check';
import { REASON } from '../../../src/api/reasons.ts';
import { type Failure, type Standing, standing, Tally } from '../../../src/reconcile/tally.ts';

const failure = (namespace: string, conflict: boolean): Failure => ({
  namespace,
  kind: 'Secret',
  name: 'acme',
  reason: conflict ? REASON.secretExists : REASON.forbidden,
  message: 'as it is',
  conflict,
  final: true,
});

describe('The tally', () => {
  it('counts what is wanted, done, under way, failed and in conflict', () => {
    const tally = new Tally();
    tally.set('a', standing(1, 1));
    tally.set('b', standing(1, 0, true));
    tally.set('c', standing(1, 0, false, [failure('c', false)]));
    tally.set('d', standing(5, 3, true, [failure('d', true), failure('d', false)]));
    expect(tally.counters()).to.deep.equal({ desired: 8, synced: 4, failed: 2, conflicted: 1 });
    expect(tally.pending).to.equal(2);
    expect(tally.failures().map(({ namespace }) => namespace)).to.deep.equal(['c', 'd', 'd']);
    expect(tally.get('a')).to.deep.equal({ desired: 1, synced: 1, pending: false, failures: [] });
  });

  it('forgets a namespace with nothing in it', () => {
    const tally = new Tally();
    tally.set('a', standing(1, 0, false, [failure('a', false)]));
    tally.set('a', undefined);
    tally.set('unknown', undefined);
    expect(tally.size).to.equal(0);
    expect(tally.failures()).to.deep.equal([]);
    expect(tally.counters()).to.deep.equal({ desired: 0, synced: 0, failed: 0, conflicted: 0 });
  });

  it('has the sums right after any sequence of changes', () => {
    const namespaces = fc.constantFrom('a', 'b', 'c', 'd');
    const parts = fc.record({
      synced: fc.nat(2),
      more: fc.nat(2),
      pending: fc.boolean(),
      conflicts: fc.array(fc.boolean(), { maxLength: 3 }),
    });
    const standings = parts.map(({ synced, more, ...rest }) => ({ desired: synced + more, synced, ...rest }));
    fc.assert(
      fc.property(fc.array(fc.tuple(namespaces, fc.option(standings, { nil: undefined }))), (changes) => {
        const tally = new Tally();
        const naive = new Map<string, Standing>();
        for (const [namespace, change] of changes) {
          if (change) {
            const failures = change.conflicts.map((conflict) => failure(namespace, conflict));
            naive.set(namespace, { desired: change.desired, synced: change.synced, pending: change.pending, failures });
            tally.set(namespace, standing(change.desired, change.synced, change.pending, failures));
          } else {
            naive.delete(namespace);
            tally.set(namespace, undefined);
          }
          const all = [...naive.values()];
          const sum = (of: (standing: Standing) => number) => all.reduce((total, one) => total + of(one), 0);
          expect(tally.counters()).to.deep.equal({
            desired: sum(({ desired }) => desired),
            synced: sum(({ synced }) => synced),
            failed: sum(({ failures }) => failures.filter(({ conflict }) => !conflict).length),
            conflicted: sum(({ failures }) => failures.filter(({ conflict }) => conflict).length),
          });
          expect(tally.pending).to.equal(sum(({ pending }) => Number(pending)));
          expect(tally.size).to.equal(naive.size);
          expect([...tally.namespaces()].sort()).to.deep.equal([...naive.keys()].sort());
          expect(tally.failures()).to.have.deep.members(all.flatMap(({ failures }) => failures));
          for (const [namespace, one] of naive) expect(tally.get(namespace)).to.deep.equal(one);
        }
      }),
    );
  });
});
