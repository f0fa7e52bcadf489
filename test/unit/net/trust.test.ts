import { X509Certificate } from 'node:crypto';
import { expect } from 'chai';
import { firstMalformed, trustIn } from '../../../src/net/trust.ts';
import { makeAuthority } from '../../support/certificates.ts';

describe('The certificates of a caBundle', () => {
  const { cert, issue } = makeAuthority();

  it('are X.509', () => expect(firstMalformed([cert, issue(['localhost']).cert])).to.equal(undefined));

  it('are counted up to the first that is malformed', () => {
    const broken = '-----BEGIN CERTIFICATE-----\nc2FtcGxl\n-----END CERTIFICATE-----';
    expect(firstMalformed([cert, broken])).to.equal(2);
  });

  it('are trusted beside the roots of the system, and only where they are given', () => {
    const trust = trustIn([cert]);
    expect(trust([])).to.equal(trust([]));
    expect(trust([issue(['localhost']).cert])).to.not.equal(trust([]));
  });

  it('of the tests are what OpenSSL takes for certificates', () => {
    const leaf = new X509Certificate(issue(['localhost', '127.0.0.1']).cert);
    expect(leaf.verify(new X509Certificate(cert).publicKey)).to.equal(true);
    expect([leaf.checkHost('localhost'), leaf.checkIP('127.0.0.1'), leaf.checkHost('example.com')]).to.deep.equal([
      'localhost',
      '127.0.0.1',
      undefined,
    ]);
  });
});
