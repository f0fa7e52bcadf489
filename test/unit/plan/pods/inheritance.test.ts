import { expect } from 'chai';
import type { Problem } from '../../../../src/api/reasons.ts';
import { injectionOf, type RulesState } from '../../../../src/plan/pods/injection.ts';
import { credential, type spec } from '../../../support/builders.ts';
import { CASES, inherits, PODS } from '../../../support/inheritance.ts';

describe('According to the plan,', () => {
  for (const [what, { spec, terminating = false, pods }] of Object.entries(CASES)) {
    it(what, () => {
      const inherit = PODS.filter(({ namespace, account }) => inherits(credential({ spec, terminating }), namespace, account));
      expect(inherit.map(({ name }) => name)).to.have.members([...pods]);
    });
  }
});

describe('The API server', () => {
  const withSpec = (mods: Parameters<typeof spec>[0] = {}) => credential({ spec: mods });
  const selector = { matchLabels: { role: 'build' } };
  const written: RulesState = { capped: undefined };
  const problem = { reason: 'Forbidden', message: 'The operator cannot write the PullSecretRules.' } as const;
  const byLabels = withSpec({ serviceAccounts: { names: [], selector } });
  const table: Record<string, readonly [ReturnType<typeof injectionOf>, ReturnType<typeof injectionOf>]> = {
    'adds the name to pods if the policy is installed and the rules are written': [
      injectionOf(withSpec(), 'installed', written),
      'injected',
    ],
    'adds the name by account names only, if a selector is set too': [
      injectionOf(withSpec({ serviceAccounts: { names: ['default'], selector } }), 'installed', written),
      'byNameOnly',
    ],
    'cannot add the name if accounts are selected by labels only': [injectionOf(byLabels, 'installed', written), 'bySelectorOnly'],
    'cannot add the name if accounts are selected by labels only, even without the policy': [
      injectionOf(byLabels, 'notInstalled', written),
      'bySelectorOnly',
    ],
    'does not add the name if no account is selected': [
      injectionOf(withSpec({ serviceAccounts: { names: [] } }), 'installed', written),
      'noAccounts',
    ],
    'does not add the name with podInjection None': [injectionOf(withSpec({ podInjection: 'None' }), 'installed', written), 'off'],
    'does not add the name without the policy': [injectionOf(withSpec(), 'notInstalled', written), 'notInstalled'],
    'does not add the name if it does not serve such policies': [injectionOf(withSpec(), 'notServed', written), 'notServed'],
    'adds the name by the policy of an earlier version, which reads no rules': [
      injectionOf(withSpec(), 'perCredential', 'noRules'),
      'perCredential',
    ],
    'does not add the name of a namespaced credential by the policy of an earlier version': [
      injectionOf({ ...withSpec(), kind: 'NamespacedRegistryCredential' }, 'perCredential', 'noRules'),
      'perClusterCredential',
    ],
    'does not add the name before the rules are written': [injectionOf(withSpec(), 'installed', 'pending'), 'pending'],
    'does not add the name if the kind of the rules is not installed': [injectionOf(withSpec(), 'installed', 'noRules'), 'noRules'],
    'does not add the name if the rules cannot be written': [injectionOf(withSpec(), 'installed', { problem }), problem],
  };
  for (const [what, [actual, want]] of Object.entries(table)) it(what, () => expect(actual).to.deep.equal(want));

  it('does not add the name of a credential that is capped, and the message says what to do', () => {
    const capped = injectionOf(withSpec(), 'installed', { capped: { cap: 'namespaces', count: 3 } });
    expect(capped).to.deep.include({ reason: 'PodInjectionCapped' });
    expect((capped as Problem).message)
      .to.contain('In 3 of its namespaces')
      .and.contain('accept fewer credentials');
  });
});
