import { expect } from 'chai';
import { CredentialStates } from '../../../src/status/credential-state.ts';
import { intent } from '../../support/builders.ts';

describe('The name of the Secrets of a credential', () => {
  const acme = intent({ secretName: 'regcred' });
  const other = intent({ name: 'other', secretName: 'regcred' });
  const ofTenant = intent({ kind: 'NamespacedRegistryCredential', namespace: 'shop', secretName: 'regcred' });

  const cases: Record<string, [boolean, (states: CredentialStates) => void]> = {
    'is not shared if there is no other credential': [false, () => {}],
    'is not shared with the same credential, which is decided again': [false, (states) => states.setIntent(acme)],
    'is shared with another credential that has it': [true, (states) => states.setIntent(other)],
    'is shared with the credential of a tenant': [true, (states) => states.setIntent(ofTenant)],
    'is not shared with a credential that has another name': [false, (states) => states.setIntent({ ...other, secretName: 'other' })],
    'is no longer shared when the other credential changes its name': [
      false,
      (states) => {
        states.setIntent(other);
        states.setIntent({ ...other, secretName: 'other' });
      },
    ],
    'is no longer shared when the other credential is forgotten': [
      false,
      (states) => {
        states.setIntent(other);
        states.delete(other);
      },
    ],
    'is still shared when one of two other credentials is forgotten': [
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
