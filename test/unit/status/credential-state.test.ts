import { expect } from 'chai';
import { CredentialStates } from '../../../src/status/credential-state.ts';
import { intent } from '../../support/builders.ts';

describe('A credential shares the name of its Secrets', () => {
  const acme = intent({ secretName: 'regcred' });
  const other = intent({ name: 'other', secretName: 'regcred' });
  const ofTenant = intent({ kind: 'NamespacedRegistryCredential', namespace: 'shop', secretName: 'regcred' });

  const cases: Record<string, [boolean, (states: CredentialStates) => void]> = {
    'not if it is the only one': [false, () => {}],
    'not if it is decided again': [false, (states) => states.setIntent(acme)],
    'with another one that has this name': [true, (states) => states.setIntent(other)],
    'with one of a tenant': [true, (states) => states.setIntent(ofTenant)],
    'not with one that has another name': [false, (states) => states.setIntent({ ...other, secretName: 'other' })],
    'no longer if the other one changes its name': [
      false,
      (states) => {
        states.setIntent(other);
        states.setIntent({ ...other, secretName: 'other' });
      },
    ],
    'no longer if the other one is forgotten': [
      false,
      (states) => {
        states.setIntent(other);
        states.delete(other);
      },
    ],
    'still if one of two others is forgotten': [
      true,
      (states) => {
        states.setIntent(other);
        states.setIntent(ofTenant);
        states.delete(other);
      },
    ],
  };
  for (const [what, [isShared, change]] of Object.entries(cases)) {
    it(what, () => {
      const states = new CredentialStates();
      states.setIntent(acme);
      change(states);
      expect(states.hasNamesake(acme)).to.equal(isShared);
    });
  }
});
