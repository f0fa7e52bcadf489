import { expect } from 'chai';
import { credentialName } from '../../../src/cli/credential-name.ts';

describe('The name of a RegistryCredential on the command line', () => {
  for (const written of [
    'acme',
    'regcred/acme',
    'registrycredential/acme',
    'registrycredentials/acme',
    'RegistryCredential/acme',
    'regcred.regcred.dev/acme',
    'registrycredential.regcred.dev/acme',
  ]) {
    it(`may be written as ${written}`, () => expect(credentialName(written)).to.equal('acme'));
  }
  it('may not have another kind', () =>
    expect(() => credentialName('secret/acme')).to.throw('this command takes names of RegistryCredentials, not of secret'));
});
