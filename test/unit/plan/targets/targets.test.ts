import { expect } from 'chai';
import type { RegistryCredentialSpec } from '../../../../src/api/types.ts';
import {
  exactNames,
  explainAccount,
  explainObserved,
  selectsAccount,
  selectsAnyAccount,
  selectsNamespace,
  unmatchedParts,
} from '../../../../src/plan/targets/targets.ts';
import { account, credential, namespace, spec } from '../../../support/builders.ts';

const acme = { matchLabels: { pull: 'acme' } };

describe('A namespace', () => {
  const all = { names: ['*'] };
  const table: Record<string, readonly [RegistryCredentialSpec['namespaces'], Parameters<typeof namespace>[0], boolean]> = {
    'is a target if its name matches': [{ names: ['team-*', 'shop'] }, {}, true],
    'is a target if its labels match': [{ selector: acme }, { labels: { pull: 'acme' } }, true],
    'is not a target if nothing matches': [{ names: ['team-*'], selector: acme }, {}, false],
    'is not a target if its name is excluded': [{ ...all, exclude: { names: ['sh*'] } }, {}, false],
    'is not a target if its labels are excluded': [{ ...all, exclude: { selector: acme } }, { labels: { pull: 'acme' } }, false],
    'is a target if exclude matches only others': [{ ...all, exclude: { names: ['kube-*'], selector: acme } }, {}, true],
    'is a target if exclude is empty': [{ ...all, exclude: {} }, {}, true],
    'is not a target while it is Terminating': [all, { terminating: true }, false],
    'is not a target with the opt-out label': [all, { labels: { 'regcred.dev/exclude': 'true' } }, false],
    'is a target with another value of the opt-out label': [all, { labels: { 'regcred.dev/exclude': 'false' } }, true],
  };
  for (const [what, [namespaces, mods, want]] of Object.entries(table)) {
    it(what, () => expect(selectsNamespace(credential({ spec: { namespaces } }), namespace(mods))).to.equal(want));
  }
});

describe('A ServiceAccount', () => {
  const table: Record<string, readonly [RegistryCredentialSpec['serviceAccounts'], Parameters<typeof account>[0], boolean]> = {
    'is selected by its name': [{ names: ['build*', 'default'] }, {}, true],
    'is selected by its labels': [{ names: [], selector: acme }, { labels: { pull: 'acme' } }, true],
    'is not selected if its name differs': [{ names: ['default'] }, { name: 'builder' }, false],
    'is never selected by an empty list of names': [{ names: [] }, {}, false],
    'is not selected while it is being deleted': [{ names: ['*'] }, { terminating: true }, false],
    'is not selected with the opt-out label': [{ names: ['*'] }, { labels: { 'regcred.dev/exclude': 'true' } }, false],
  };
  for (const [what, [serviceAccounts, mods, want]] of Object.entries(table)) {
    it(what, () => expect(selectsAccount(spec({ serviceAccounts }), account(mods))).to.equal(want));
  }
});

describe('The reason why a credential', () => {
  it('does not select a ServiceAccount is the first that applies', () => {
    const of = (names: string[], mods: Parameters<typeof account>[0]) =>
      explainAccount(spec({ serviceAccounts: { names } }), account(mods));
    expect(of(['*'], {})).to.equal('selected');
    expect(of([], {})).to.equal('not-matched');
    expect(of([], { labels: { 'regcred.dev/exclude': 'true' } })).to.equal('opted-out');
    expect(of([], { labels: { 'regcred.dev/exclude': 'true' }, terminating: true })).to.equal('terminating');
  });

  it('of a tenant is not accepted is not known where its Secret is in place: the tenant label of the operator is not known', () => {
    const ofTeam = credential({ kind: 'NamespacedRegistryCredential', namespace: 'team-a' });
    const other = namespace({ name: 'team-b' });
    expect([true, false].map((isPlaced) => explainObserved(ofTeam, other, isPlaced))).to.deep.equal(['selected', 'not-accepted']);
    const leaving = namespace({ name: 'team-b', terminating: true });
    expect([true, false].map((isPlaced) => explainObserved(ofTeam, leaving, isPlaced))).to.deep.equal(['terminating', 'terminating']);
  });
});

describe('spec.namespaces', () => {
  const table: Record<string, readonly [RegistryCredentialSpec['namespaces'], readonly string[] | undefined]> = {
    'can select only the names that it lists': [{ names: ['team-a', 'shop'] }, ['team-a', 'shop']],
    'can select any name by a glob': [{ names: ['team-a', 'shop-*'] }, undefined],
    'can select any name by a selector': [{ names: ['team-a'], selector: acme }, undefined],
    'can select none if it is empty': [{}, []],
  };
  for (const [what, [namespaces, want]] of Object.entries(table)) {
    it(what, () => expect(exactNames(spec({ namespaces }))).to.deep.equal(want));
  }
});

describe('spec.serviceAccounts', () => {
  const table: Record<string, readonly [RegistryCredentialSpec['serviceAccounts'], boolean]> = {
    'can select accounts by a name': [{ names: ['default'] }, true],
    'can select accounts by a selector alone': [{ names: [], selector: acme }, true],
    'selects none if the list of names is empty': [{ names: [] }, false],
  };
  for (const [what, [serviceAccounts, want]] of Object.entries(table)) {
    it(what, () => expect(selectsAnyAccount(spec({ serviceAccounts }))).to.equal(want));
  }
});

describe('The parts of spec.namespaces that match no target', () => {
  const targets = [namespace({ name: 'team-a' }), namespace({ name: 'shop', labels: { pull: 'acme' } })];
  const table: Record<string, readonly [RegistryCredentialSpec['namespaces'], string[]]> = {
    'are none if each part matches a target': [{ names: ['team-*', 'shop'], selector: acme }, []],
    'are a name with a typing error': [{ names: ['team-*', 'shpo'] }, ['"shpo"']],
    'are a glob and a selector': [{ names: ['shop', 'tema-*'], selector: { matchLabels: { pull: 'amce' } } }, ['"tema-*"', 'the selector']],
    'are none if the name matches a target before the selector does': [{ names: ['team-*'], selector: acme }, []],
    'are none with an empty selector': [{ selector: {} }, []],
  };
  for (const [what, [namespaces, want]] of Object.entries(table)) {
    it(what, () => expect(unmatchedParts(spec({ namespaces }), targets)).to.deep.equal(want));
  }
});
