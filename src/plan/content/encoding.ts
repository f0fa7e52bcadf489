/** The encodings in which Windows saves text, and which neither a registry nor the kubelet expects. */
export type ForeignEncoding = 'UTF-16' | 'UTF-8 with a byte order mark';

const UTF8_MARK = Buffer.from([0xef, 0xbb, 0xbf]);
const UTF16_MARKS = [Buffer.from([0xff, 0xfe]), Buffer.from([0xfe, 0xff])];

/** The foreign encoding of some bytes, if they are in one. UTF-16 without a mark is recognized by its zero bytes, if the text is ASCII. */
export function foreignEncodingOf(bytes: Buffer): ForeignEncoding | undefined {
  if (startsWith(bytes, UTF8_MARK)) return 'UTF-8 with a byte order mark';
  if (UTF16_MARKS.some((mark) => startsWith(bytes, mark))) return 'UTF-16';
  return isAsciiWithZeros(1, bytes) || isAsciiWithZeros(0, bytes) ? 'UTF-16' : undefined;
}

/** The bytes without the byte order mark of UTF-8. */
export const withoutByteOrderMark = (bytes: Buffer): Buffer => (startsWith(bytes, UTF8_MARK) ? bytes.subarray(UTF8_MARK.length) : bytes);

const startsWith = (bytes: Buffer, mark: Buffer) => bytes.subarray(0, mark.length).equals(mark);

/** Fewer bytes may be a value that is no text. */
const MIN_LENGTH = 4;

/** Whether every second byte is zero, from `first` on, and every other byte is a letter, a sign or white space of ASCII. */
const isAsciiWithZeros = (first: 0 | 1, bytes: Buffer) =>
  bytes.length >= MIN_LENGTH && bytes.every((byte, n) => (n % 2 === first ? byte === 0 : isText(byte)));

const isText = (byte: number) => (byte >= 0x20 && byte < 0x7f) || [0x09, 0x0a, 0x0d].includes(byte);
