import { expect } from 'chai';
import type { RegistryCredentialSpec } from '../../../src/api/types.ts';
import { coversAccount, isTarget, matchNothing } from '../../../src/plan/targets.ts';
import { account, namespace, spec } from '../../support/builders.ts';

const acme = { matchLabels: { pull: 'acme' } };

describe('A namespace', () => {
  const all = { names: ['*'] };
  const table: Record<string, readonly [RegistryCredentialSpec['namespaces'], Parameters<typeof namespace>[0], boolean]> = {
    'is a target by its name': [{ names: ['team-*', 'shop'] }, {}, true],
    'is a target by its labels': [{ selector: acme }, { labels: { pull: 'acme' } }, true],
    'is none where nothing matches': [{ names: ['team-*'], selector: acme }, {}, false],
    'is none where its name is excluded': [{ ...all, exclude: { names: ['sh*'] } }, {}, false],
    'is none where its labels are excluded': [{ ...all, exclude: { selector: acme } }, { labels: { pull: 'acme' } }, false],
    'is a target where the exclusion is of others': [{ ...all, exclude: { names: ['kube-*'], selector: acme } }, {}, true],
    'is a target where the exclusion is empty': [{ ...all, exclude: {} }, {}, true],
    'is none while it is Terminating': [all, { terminating: true }, false],
    'is none with the opt-out label': [all, { labels: { 'regcred.dev/exclude': 'true' } }, false],
    'is a target with another value of the opt-out label': [all, { labels: { 'regcred.dev/exclude': 'false' } }, true],
  };
  for (const [what, [namespaces, mods, want]] of Object.entries(table)) {
    it(what, () => expect(isTarget(spec({ namespaces }), namespace(mods))).to.equal(want));
  }
});

describe('A ServiceAccount', () => {
  const table: Record<string, readonly [RegistryCredentialSpec['serviceAccounts'], Parameters<typeof account>[0], boolean]> = {
    'is covered by its name': [{ names: ['build*', 'default'] }, {}, true],
    'is covered by its labels': [{ names: [], selector: acme }, { labels: { pull: 'acme' } }, true],
    'is not covered by another name': [{ names: ['default'] }, { name: 'builder' }, false],
    'is never covered where no names are wanted': [{ names: [] }, {}, false],
    'is not covered while it is being deleted': [{ names: ['*'] }, { terminating: true }, false],
    'is not covered with the opt-out label': [{ names: ['*'] }, { labels: { 'regcred.dev/exclude': 'true' } }, false],
  };
  for (const [what, [serviceAccounts, mods, want]] of Object.entries(table)) {
    it(what, () => expect(coversAccount(spec({ serviceAccounts }), account(mods))).to.equal(want));
  }
});

describe('What of spec.namespaces matches none of the targets', () => {
  const targets = [namespace({ name: 'team-a' }), namespace({ name: 'shop', labels: { pull: 'acme' } })];
  const table: Record<string, readonly [RegistryCredentialSpec['namespaces'], string[]]> = {
    'is nothing where each part has one': [{ names: ['team-*', 'shop'], selector: acme }, []],
    'is a name with a slip in it': [{ names: ['team-*', 'shpo'] }, ['"shpo"']],
    'is a glob, and a selector': [{ names: ['shop', 'tema-*'], selector: { matchLabels: { pull: 'amce' } } }, ['"tema-*"', 'the selector']],
    'is nothing under an empty selector': [{ selector: {} }, []],
  };
  for (const [what, [namespaces, want]] of Object.entries(table)) {
    it(what, () => expect(matchNothing(spec({ namespaces }), targets)).to.deep.equal(want));
  }
});
