import { expect } from 'chai';
import { foreignEncodingOf, withoutByteOrderMark } from '../../../../src/plan/content/encoding.ts';

describe('The encoding of', () => {
  const utf16 = (text: string) => Buffer.from(text, 'utf16le');
  const table: Record<string, readonly [bytes: Buffer, want: string | undefined]> = {
    'plain text is not foreign': [Buffer.from('sample'), undefined],
    'nothing is not foreign': [Buffer.from(''), undefined],
    'random bytes is not foreign': [Buffer.from([0xff, 0x80, 0x41]), undefined],
    'bytes with zeros that are no text is not foreign': [Buffer.from([1, 0, 2, 0]), undefined],
    'text with a zero at its end is not foreign': [Buffer.from('a\0'), undefined],
    'a mark within the text is not foreign': [Buffer.from('a\ufeff'), undefined],
    'a marked text': [Buffer.from('\ufeffsample'), 'UTF-8 with a byte order mark'],
    'UTF-16': [utf16('sample'), 'UTF-16'],
    'UTF-16 of two characters': [utf16('ab'), 'UTF-16'],
    'UTF-16 of less than two characters is not foreign: it may be no text': [utf16('ab').subarray(0, 3), undefined],
    'UTF-16 with the first and the last sign of ASCII, and white space': [utf16(' ~\t\n\r'), 'UTF-16'],
    'zeros beside the control character before the first sign is not foreign': [utf16('sample\u001f'), undefined],
    'zeros beside the control character after the last sign is not foreign': [utf16('sample\u007f'), undefined],
    'UTF-16 with a line end': [utf16('sample\r\n'), 'UTF-16'],
    'UTF-16 whose last byte was cut off with the line end': [utf16('sample\n').swap16().subarray(0, -1), 'UTF-16'],
    'marked UTF-16': [utf16('\ufeffпароль'), 'UTF-16'],
    'big-endian UTF-16': [utf16('sample').swap16(), 'UTF-16'],
    'marked big-endian UTF-16': [utf16('\ufeffпароль').swap16(), 'UTF-16'],
  };
  for (const [what, [bytes, want]] of Object.entries(table)) it(what, () => expect(foreignEncodingOf(bytes)).to.equal(want));

  it('a text without its mark is the same text', () => {
    expect(withoutByteOrderMark(Buffer.from('\ufeffsample')).toString()).to.equal('sample');
    expect(withoutByteOrderMark(Buffer.from('sample')).toString()).to.equal('sample');
  });
});
