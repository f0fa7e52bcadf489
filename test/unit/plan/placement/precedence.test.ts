import { expect } from 'chai';
import fc from 'fast-check';
import { type Claimant, outranks } from '../../../../src/plan/placement/precedence.ts';

const claim = (uid: string, mods: Partial<Claimant> = {}): Claimant => ({
  kind: 'NamespacedRegistryCredential',
  namespace: 'team-a',
  name: uid,
  uid,
  createdAt: 100,
  ...mods,
});
const clusterScoped = { kind: 'RegistryCredential', namespace: '' } as const;

/** In the namespace team-a. */
describe('Of two credentials that want the same Secret, first goes', () => {
  const cases: Record<string, { first: Claimant; second: Claimant; holder?: string }> = {
    'the cluster-scoped one': { first: claim('z', clusterScoped), second: claim('a') },
    'the cluster-scoped one, even if the Secret of the other is there and the other is older': {
      first: claim('z', { ...clusterScoped, createdAt: 200 }),
      second: claim('a'),
      holder: 'a',
    },
    'the one of that namespace': { first: claim('z'), second: claim('a', { namespace: 'team-b' }) },
    'the one of that namespace, even if the Secret of the other is there and the other is older': {
      first: claim('z', { createdAt: 200 }),
      second: claim('a', { namespace: 'team-b' }),
      holder: 'a',
    },
    'the one whose Secret is there': { first: claim('z'), second: claim('a'), holder: 'z' },
    'the one whose Secret is there, even if the other is older': { first: claim('z', { createdAt: 200 }), second: claim('a'), holder: 'z' },
    'the older one': { first: claim('z'), second: claim('a', { createdAt: 101 }) },
    'the older one, if the Secret is of neither': { first: claim('z'), second: claim('a', { createdAt: 101 }), holder: 'other' },
    'the one with the lower uid, if all else is equal': { first: claim('a'), second: claim('b') },
    'the older one of two cluster-scoped ones': {
      first: claim('z', clusterScoped),
      second: claim('a', { ...clusterScoped, createdAt: 101 }),
    },
    'the one whose Secret is there, of two from elsewhere': {
      first: claim('z', { namespace: 'team-c' }),
      second: claim('a', { namespace: 'team-b' }),
      holder: 'z',
    },
  };
  for (const [what, { first, second, holder }] of Object.entries(cases)) {
    it(what, () => {
      expect(outranks(first, second, 'team-a', holder)).to.equal(true);
      expect(outranks(second, first, 'team-a', holder)).to.equal(false);
    });
  }

  it('always exactly one, and the order has no cycle', () => {
    const claims = fc.uniqueArray(
      fc.record({
        kind: fc.constantFrom('RegistryCredential' as const, 'NamespacedRegistryCredential' as const),
        home: fc.constantFrom('team-a', 'team-b'),
        uid: fc.string({ minLength: 1, maxLength: 3 }),
        createdAt: fc.integer({ min: 0, max: 2 }),
      }),
      { minLength: 3, maxLength: 3, selector: ({ uid }) => uid },
    );
    const property = fc.property(claims, fc.nat(3), (records, n) => {
      const all = records.map(({ home, ...rest }) =>
        claim(rest.uid, { ...rest, namespace: rest.kind === 'RegistryCredential' ? '' : home }),
      );
      const isFirst = (a: Claimant, b: Claimant) => outranks(a, b, 'team-a', all[n]?.uid);
      const [a, b, c] = all as [Claimant, Claimant, Claimant];
      expect(isFirst(a, b)).to.equal(!isFirst(b, a));
      if (isFirst(a, b) && isFirst(b, c)) expect(isFirst(a, c)).to.equal(true);
    });
    fc.assert(property, { numRuns: 500 });
  });
});
