import { expect } from 'chai';
import fc from 'fast-check';
import { decodeBase64 } from '../../../../src/plan/content/go-syntax.ts';

describe('Base64', () => {
  it('is decoded to the same bytes whether it is padded, unpadded or in lines', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1 }), (bytes) => {
        const padded = Buffer.from(bytes).toString('base64');
        for (const text of [padded, padded.replace(/=+$/, ''), padded.replace(/.{4}/g, '$&\r\n')]) {
          expect([...(decodeBase64(text) ?? [])]).to.deep.equal([...bytes]);
        }
      }),
    );
  });

  for (const text of ['', '=', '====', 'YQ=', 'YWI==', 'YQ===', 'Y', 'YWJjZ', 'YW-_', 'YW Jj', 'YQ==YQ==']) {
    it(`is not ${JSON.stringify(text)}`, () => expect(decodeBase64(text)).to.equal(undefined));
  }
});
