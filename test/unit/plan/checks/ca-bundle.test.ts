import { expect } from 'chai';
import fc from 'fast-check';
import { parseCaBundle } from '../../../../src/plan/checks/ca-bundle.ts';
import { base64 } from '../../../support/builders.ts';
import { cpuMs } from '../../../support/cpu-time.ts';

const block = (label: string, body = 'c2FtcGxl') => `-----BEGIN ${label}-----\n${body}\n-----END ${label}-----`;

describe('caBundle', () => {
  it('is split into its certificates, and text around them is ignored', () => {
    const pem = `# the CA of Acme\n${block('CERTIFICATE')}\nthe old one:\n${block('X509 CERTIFICATE', 'b2xk')}\n`;
    expect(parseCaBundle(base64(pem), 'ghcr.io')).to.deep.equal({
      ok: true,
      certificates: [block('CERTIFICATE'), block('X509 CERTIFICATE', 'b2xk')],
    });
  });

  it('may have line breaks in its base64', () => {
    const wrapped = base64(block('CERTIFICATE')).replace(/.{20}/g, '$&\n');
    expect(parseCaBundle(wrapped, 'ghcr.io')).to.have.property('ok', true);
  });

  const bad: Record<string, readonly [caBundle: string, says: string]> = {
    'that is empty': ['', 'the value is empty'],
    'that is PEM': [block('CERTIFICATE'), 'the value is PEM, not base64 of it'],
    'that is not base64': ['%%%', 'the value is not base64'],
    'that was cut': [`${base64(block('CERTIFICATE')).slice(0, 41)}`, 'the value is not base64'],
    'without a certificate': [base64('sample'), 'has no certificate in PEM'],
    'with a certificate that does not end': [base64(block('CERTIFICATE').slice(0, -5)), 'has no certificate in PEM'],
    'with a certificate request': [base64(block('CERTIFICATE REQUEST')), 'has no certificate in PEM'],
    'with a private key': [base64(`${block('CERTIFICATE')}\n${block('EC PRIVATE KEY')}`), 'has a private key in it. Remove it'],
    'that is large': [base64('x'.repeat(300_000)), 'larger than 256 KiB'],
  };
  for (const [what, [caBundle, says]] of Object.entries(bad)) {
    it(`${what} is refused, with the fix`, () => {
      const parsed = parseCaBundle(caBundle, 'ghcr.io');
      expect(parsed).to.have.property('message').that.contains(`caBundle of server ghcr.io: `).and.contains(says);
    });
  }

  it('is read without a crash, whatever it is', () => {
    const piece = fc.constantFrom(
      '-----BEGIN CERTIFICATE-----',
      '-----END CERTIFICATE-----',
      '-----BEGIN ',
      '-----',
      '\n',
      'YQ==',
      'PRIVATE KEY',
    );
    const text = fc.oneof(
      fc.string(),
      fc.array(piece).map((pieces) => base64(pieces.join(''))),
    );
    fc.assert(
      fc.property(text, (caBundle) => {
        parseCaBundle(caBundle, 'ghcr.io');
      }),
      { numRuns: 10_000 },
    );
  });

  it('is read in linear time', () => {
    const start = cpuMs();
    parseCaBundle(base64('-----BEGIN CERTIFICATE-----\n'.repeat(6000)), 'ghcr.io');
    expect(cpuMs() - start).to.be.below(1000);
  });
});
