import { expect } from 'chai';
import { acceptedNames } from '../../../../src/plan/targets/acceptance.ts';
import { explainNamespace, type NamespaceVerdict, type TargetRules } from '../../../../src/plan/targets/targets.ts';
import { namespace, spec } from '../../../support/builders.ts';

const LABEL = 'capsule.clastix.io/tenant';
const oil = { [LABEL]: 'oil' };

/** A credential of team-a that selects every namespace. */
const selecting = (mods: Partial<TargetRules> = {}): TargetRules => ({
  kind: 'NamespacedRegistryCredential',
  namespace: 'team-a',
  spec: spec({ namespaces: { names: ['*'] } }),
  ...mods,
});

const tenant = (value: string) => ({ label: LABEL, value });

describe('A credential of team-a reaches', () => {
  const cases: Record<string, [Partial<TargetRules>, Parameters<typeof namespace>[0], NamespaceVerdict]> = {
    'its own namespace, without acceptance': [{}, { name: 'team-a' }, 'selected'],
    'no other namespace that accepts nobody': [{}, { name: 'team-b' }, 'not-accepted'],
    'a namespace whose annotation lists it': [{}, { name: 'team-b', acceptFrom: ['x', 'team-a'] }, 'selected'],
    'no namespace whose annotation lists others': [{}, { name: 'team-b', acceptFrom: ['team-ab', 'team'] }, 'not-accepted'],
    'no namespace whose annotation has a glob': [{}, { name: 'team-b', acceptFrom: ['*', 'team-*'] }, 'not-accepted'],
    'a namespace of the same tenant': [{ tenant: tenant('oil') }, { name: 'team-b', labels: oil }, 'selected'],
    'no namespace of another tenant': [{ tenant: tenant('gas') }, { name: 'team-b', labels: oil }, 'not-accepted'],
    'no namespace with the same label if its own has none': [{}, { name: 'team-b', labels: oil }, 'not-accepted'],
    'no namespace with the value in another label': [
      { tenant: tenant('oil') },
      { name: 'team-b', labels: { tenant: 'oil' } },
      'not-accepted',
    ],
    'no namespace that only inherits a property of that name': [
      { tenant: { label: 'constructor', value: 'x' } },
      { name: 'team-b', labels: {} },
      'not-accepted',
    ],
    'no accepting namespace before it has a finalizer': [{ isConfined: true }, { name: 'team-b', acceptFrom: ['team-a'] }, 'not-accepted'],
    'its own namespace before it has a finalizer': [{ isConfined: true }, { name: 'team-a' }, 'selected'],
    'no accepting namespace that its spec does not select': [
      { spec: spec({ namespaces: { names: ['team-c'] } }) },
      { name: 'team-b', acceptFrom: ['team-a'] },
      'not-matched',
    ],
    'no accepting namespace that its spec excludes': [
      { spec: spec({ namespaces: { names: ['*'], exclude: { names: ['team-b'] } } }) },
      { name: 'team-b', acceptFrom: ['team-a'] },
      'excluded',
    ],
    'no accepting namespace that is Terminating': [{}, { name: 'team-b', acceptFrom: ['team-a'], terminating: true }, 'terminating'],
    'no accepting namespace that opted out': [
      {},
      { name: 'team-b', acceptFrom: ['team-a'], labels: { 'regcred.dev/exclude': 'true' } },
      'opted-out',
    ],
    'every namespace, if it is cluster-scoped': [{ kind: 'RegistryCredential', namespace: '' }, { name: 'team-b' }, 'selected'],
  };
  for (const [what, [mods, target, want]] of Object.entries(cases)) {
    it(what, () => expect(explainNamespace(selecting(mods), namespace(target))).to.equal(want));
  }
});

describe('The annotation accept-from', () => {
  const cases: Record<string, [string | undefined, string[]]> = {
    'that is missing lists nobody': [undefined, []],
    'that is empty lists nobody': ['', []],
    'of commas and spaces lists nobody': [' , ,', []],
    'lists one name': ['team-a', ['team-a']],
    'lists names with spaces around them, each once': [' team-a ,team-b,team-a', ['team-a', 'team-b']],
  };
  for (const [what, [annotation, want]] of Object.entries(cases)) it(what, () => expect(acceptedNames(annotation)).to.deep.equal(want));
});
