import { expect } from 'chai';
import { formatDeselected } from '../../../../src/plan/status/deselected.ts';
import { credential } from '../../../support/builders.ts';

describe('The Event about namespaces that are selected no more', () => {
  const many = (count: number) => Array.from({ length: count }, (_, n) => `n${n}`);
  const ofTeam = credential({
    kind: 'NamespacedRegistryCredential',
    namespace: 'team-a',
    spec: { namespaces: { names: ['team-b', 'team-*'] } },
  });
  const table: Record<string, readonly [of: Parameters<typeof formatDeselected>[0], namespaces: readonly string[], list: string]> = {
    'names one namespace': [credential(), ['shop'], 'shop'],
    'names ten namespaces': [credential(), many(10), 'n0, n1, n2, n3, n4, n5, n6, n7, n8, n9'],
    'names ten of eleven': [credential(), many(11), 'n0, n1, n2, n3, n4, n5, n6, n7, n8, n9 and 1 more'],
    'names to a tenant its own namespace and those of its spec, and counts the others': [
      ofTeam,
      ['team-a', 'team-b', 'team-secret', 'team-other'],
      'team-a, team-b and 2 more',
    ],
    'only counts namespaces that the spec of a tenant does not name': [ofTeam, ['team-secret', 'team-other'], '2 namespaces'],
    'only counts the one that the spec of a tenant does not name': [ofTeam, ['team-secret'], '1 namespace'],
  };
  for (const [what, [of, namespaces, list]] of Object.entries(table)) {
    it(what, () => expect(formatDeselected(of, namespaces)).to.contain(`${of.kind} acme no longer selects ${list} (spec.namespaces, the `));
  }

  it('names acceptance as a cause to tenants only', () => {
    expect(formatDeselected(ofTeam, ['team-b'])).to.contain('the acceptance by the namespace');
    expect(formatDeselected(credential(), ['team-b'])).not.to.contain('acceptance');
  });
});
