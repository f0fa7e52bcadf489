import { expect } from 'chai';
import { injectionOf } from '../../../src/plan/injection.ts';
import { credential, spec } from '../../support/builders.ts';
import { CASES, inherits, PODS } from '../../support/inheritance.ts';

describe('Of what spec.namespaces and spec.serviceAccounts mean, the plan says that', () => {
  for (const [what, { spec, deleting = false, pods }] of Object.entries(CASES)) {
    it(what, () => {
      const inherit = PODS.filter(({ namespace, account }) => inherits(credential({ spec, deleting }), namespace, account));
      expect(inherit.map(({ name }) => name)).to.have.members([...pods]);
    });
  }
});

describe('Whether the API server adds the name to pods', () => {
  const selector = { matchLabels: { role: 'build' } };
  const table: Record<string, readonly [ReturnType<typeof injectionOf>, ReturnType<typeof injectionOf>]> = {
    'it does where the policy is': [injectionOf(spec(), 'installed'), 'injected'],
    'by names only, where labels of accounts count, too': [
      injectionOf(spec({ serviceAccounts: { names: ['default'], selector } }), 'installed'),
      'byNameOnly',
    ],
    'it cannot where labels alone count': [injectionOf(spec({ serviceAccounts: { names: [], selector } }), 'installed'), 'bySelectorOnly'],
    'nor could it with a policy': [injectionOf(spec({ serviceAccounts: { names: [], selector } }), 'notInstalled'), 'bySelectorOnly'],
    'it does not where no account is meant': [injectionOf(spec({ serviceAccounts: { names: [] } }), 'installed'), 'noAccounts'],
    'it does not where nobody wants it': [injectionOf(spec({ podInjection: 'None' }), 'installed'), 'off'],
    'it does not without the policy': [injectionOf(spec(), 'notInstalled'), 'notInstalled'],
    'it does not where there can be none': [injectionOf(spec(), 'notServed'), 'notServed'],
  };
  for (const [what, [is, want]] of Object.entries(table)) it(what, () => expect(is).to.equal(want));
});
