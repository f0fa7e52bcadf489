import { expect } from 'chai';
import fc from 'fast-check';
import { REASON } from '../../../src/api/reasons.ts';
import { PlacementCounts, type PlacementFailure, type PlacementState, placement } from '../../../src/status/placement-counts.ts';

const failure = (namespace: string, isConflict: boolean): PlacementFailure => ({
  namespace,
  kind: 'Secret',
  name: 'acme',
  reason: isConflict ? REASON.secretExists : REASON.forbidden,
  message: 'It failed.',
  isConflict,
  needsPerson: true,
});

describe('The placement counts', () => {
  it('count the desired, synced, pending, failed and conflicted objects', () => {
    const counts = new PlacementCounts();
    counts.set('a', placement.synced());
    counts.set('b', placement.pending());
    counts.set('c', placement.failed(1, failure('c', false)));
    counts.set('d', placement.of(5, 3, true, [failure('d', true), failure('d', false)]));
    expect(counts.counters()).to.deep.equal({ desired: 8, synced: 4, failed: 2, conflicted: 1 });
    expect(counts.pending).to.equal(2);
    expect(counts.failures().map(({ namespace }) => namespace)).to.deep.equal(['c', 'd', 'd']);
    expect(counts.get('a')).to.deep.equal({ desired: 1, synced: 1, isPending: false, failures: [] });
  });

  it('forget a namespace with nothing in it', () => {
    const counts = new PlacementCounts();
    counts.set('a', placement.failed(1, failure('a', false)));
    counts.set('a', undefined);
    counts.set('unknown', undefined);
    expect(counts.size).to.equal(0);
    expect(counts.failures()).to.deep.equal([]);
    expect(counts.counters()).to.deep.equal({ desired: 0, synced: 0, failed: 0, conflicted: 0 });
  });

  it('share the two most frequent states, because every namespace has one', () => {
    expect(placement.of(1, 1, false, [])).to.equal(placement.synced());
    expect(placement.of(1, 0, true, [])).to.equal(placement.pending());
    expect(placement.of(1, 1, true, [])).not.to.equal(placement.pending());
    expect(placement.of(2, 0, true, [])).to.deep.equal({ desired: 2, synced: 0, isPending: true, failures: [] });
  });

  it('have the right sums after any sequence of changes', () => {
    const namespaces = fc.constantFrom('a', 'b', 'c', 'd');
    const parts = fc.record({
      synced: fc.nat(2),
      more: fc.nat(2),
      pending: fc.boolean(),
      conflicts: fc.array(fc.boolean(), { maxLength: 3 }),
    });
    const states = parts.map(({ synced, more, ...rest }) => ({ desired: synced + more, synced, ...rest }));
    fc.assert(
      fc.property(fc.array(fc.tuple(namespaces, fc.option(states, { nil: undefined }))), (changes) => {
        const counts = new PlacementCounts();
        const naive = new Map<string, PlacementState>();
        for (const [namespace, change] of changes) {
          if (change) {
            const failures = change.conflicts.map((conflict) => failure(namespace, conflict));
            naive.set(namespace, { desired: change.desired, synced: change.synced, isPending: change.pending, failures });
            counts.set(namespace, placement.of(change.desired, change.synced, change.pending, failures));
          } else {
            naive.delete(namespace);
            counts.set(namespace, undefined);
          }
          const all = [...naive.values()];
          const sum = (of: (state: PlacementState) => number) => all.reduce((total, one) => total + of(one), 0);
          expect(counts.counters()).to.deep.equal({
            desired: sum(({ desired }) => desired),
            synced: sum(({ synced }) => synced),
            failed: sum(({ failures }) => failures.filter(({ isConflict }) => !isConflict).length),
            conflicted: sum(({ failures }) => failures.filter(({ isConflict }) => isConflict).length),
          });
          expect(counts.pending).to.equal(sum(({ isPending }) => Number(isPending)));
          expect(counts.size).to.equal(naive.size);
          expect([...counts.namespaces()].sort()).to.deep.equal([...naive.keys()].sort());
          expect(counts.failures()).to.have.deep.members(all.flatMap(({ failures }) => failures));
          for (const [namespace, one] of naive) expect(counts.get(namespace)).to.deep.equal(one);
        }
      }),
    );
  });

  const marked: Record<string, { before: PlacementState | undefined; want: PlacementState }> = {
    'a namespace without a state': { before: undefined, want: { desired: 1, synced: 0, isPending: true, failures: [] } },
    'a synced namespace': { before: placement.synced(2), want: { desired: 2, synced: 2, isPending: true, failures: [] } },
    'a failed namespace': {
      before: placement.failed(3, failure('a', true)),
      want: { desired: 3, synced: 0, isPending: true, failures: [] },
    },
    'a namespace that is being cleaned up': {
      before: placement.removing(),
      want: { desired: 0, synced: 0, isPending: true, failures: [] },
    },
  };
  for (const [what, { before, want }] of Object.entries(marked)) {
    it(`mark ${what} as pending with the numbers that were last known`, () => {
      const counts = new PlacementCounts();
      counts.set('a', before);
      counts.markPending('a', 1);
      expect(counts.get('a')).to.deep.equal(want);
    });
  }
});
