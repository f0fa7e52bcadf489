import { expect } from 'chai';
import fc from 'fast-check';
import { type ExpirySources, parseRfc3339, readExpiry } from '../../../../src/plan/checks/expiry.ts';
import { base64 } from '../../../support/builders.ts';

const url = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
const jwt = (claims: object, header: object = { alg: 'RS256', typ: 'JWT' }) => `${url(header)}.${url(claims)}.c2lnbmF0dXJl`;
const at = (text: string) => Date.parse(text);
const seconds = (text: string) => at(text) / 1000;

describe('The expiry of a password', () => {
  const table: Record<string, { of: Partial<ExpirySources>; want: ReturnType<typeof readExpiry>['expiry'] | undefined; malformed?: true }> =
    {
      'is not known of a plain password': { of: { password: 'sample' }, want: undefined },
      'is that of a fetched token before all others': {
        of: { fetched: 5000, annotation: '2027-01-01T00:00:00Z', password: jwt({ exp: 1 }) },
        want: { source: 'Token', at: 5000 },
      },
      'is that of the annotation before that of the password': {
        of: { annotation: '2027-01-01T00:00:00Z', password: jwt({ exp: seconds('2026-01-01T00:00:00Z') }) },
        want: { source: 'Annotation', at: at('2027-01-01T00:00:00Z') },
      },
      'is that of the password if the annotation is malformed': {
        of: { annotation: 'next week', password: jwt({ exp: seconds('2026-01-01T00:00:00Z') }) },
        want: { source: 'JWT', at: at('2026-01-01T00:00:00Z') },
        malformed: true,
      },
      'is exp of a JWT, whose age is iat': {
        of: { password: jwt({ exp: 2000, iat: 1000 }) },
        want: { source: 'JWT', at: 2_000_000, issuedAt: 1_000_000 },
      },
      'is exp of a JWT with a fraction': { of: { password: jwt({ exp: 2000.9 }) }, want: { source: 'JWT', at: 2_000_000 } },
      'is that of a JWT with a newline behind it': { of: { password: `${jwt({ exp: 2000 })}\n` }, want: { source: 'JWT', at: 2_000_000 } },
      'is exp of a JWT alone if iat is nonsense': {
        of: { password: jwt({ exp: 2000, iat: 3000 }) },
        want: { source: 'JWT', at: 2_000_000 },
      },
      'is exp of a JWT alone if it is not after iat': {
        of: { password: jwt({ exp: 2000, iat: 2000 }) },
        want: { source: 'JWT', at: 2_000_000 },
      },
      'is that of a JWT until the last second that RFC 3339 can write': {
        of: { password: jwt({ exp: seconds('9999-12-31T23:59:59Z') }) },
        want: { source: 'JWT', at: at('9999-12-31T23:59:59Z') },
      },
      'is not known of a JWT that expires after it': {
        of: { password: jwt({ exp: seconds('9999-12-31T23:59:59Z') + 1 }) },
        want: undefined,
      },
      'is the first second that is possible': { of: { password: jwt({ exp: 1 }) }, want: { source: 'JWT', at: 1000 } },
      'is not known of a JWT whose exp is zero': { of: { password: jwt({ exp: 0 }) }, want: undefined },
      'is not known of a JWT in four parts': { of: { password: `${jwt({ exp: 2000 })}.more` }, want: undefined },
      'is not known of a JWT without a signature': {
        of: { password: jwt({ exp: 2000 }).split('.').slice(0, 2).join('.') },
        want: undefined,
      },
      'is that of a JWT of 64 KiB': {
        of: { password: jwt({ exp: 2000 }).padEnd(65_536, 'x') },
        want: { source: 'JWT', at: 2_000_000 },
      },
      'is not known of a longer one': { of: { password: jwt({ exp: 2000 }).padEnd(65_537, 'x') }, want: undefined },
      'is that of a password in JSON of 64 KiB': {
        of: { password: '{"expiration":2000}'.padEnd(65_536) },
        want: { source: 'Password', at: 2_000_000 },
      },
      'is not known of longer JSON': { of: { password: '{"expiration":2000}'.padEnd(65_537) }, want: undefined },
      'is not known of a JWT without exp': { of: { password: jwt({ iat: 1000 }) }, want: undefined },
      'is not known of a JWT whose exp is a text': { of: { password: jwt({ exp: '2000' }) }, want: undefined },
      'is not known of a JWT whose exp is in milliseconds': { of: { password: jwt({ exp: 1_800_000_000_000 }) }, want: undefined },
      'is not known of three parts that are no JWT': { of: { password: 'one.two.three' }, want: undefined },
      'is not known of a JWT without an algorithm': { of: { password: jwt({ exp: 2000 }, { typ: 'JWT' }) }, want: undefined },
      'is expiration of a password in JSON': {
        of: { password: '{"payload":"x","expiration":1800000000}' },
        want: { source: 'Password', at: 1_800_000_000_000 },
      },
      'is expiration of a password of ECR': {
        of: { password: base64('{"payload":"x","datakey":"y","version":"2","type":"DATA_KEY","expiration":1800000000}') },
        want: { source: 'Password', at: 1_800_000_000_000 },
      },
      'is not known of the key file of a Google account': {
        of: { password: '{"type":"service_account","private_key_id":"x"}' },
        want: undefined,
      },
      'is not known of JSON that is broken': { of: { password: '{"expiration":' }, want: undefined },
      'is what GitHub reports': {
        of: { password: 'sample', github: '2027-01-01 00:00:00 UTC' },
        want: { source: 'GitHub', at: at('2027-01-01T00:00:00Z') },
      },
      'is what GitHub reports with an offset': {
        of: { password: 'sample', github: '2027-01-01 00:00:00 +0200' },
        want: { source: 'GitHub', at: at('2026-12-31T22:00:00Z') },
      },
      'is not known if GitHub reports something else': { of: { password: 'sample', github: 'soon' }, want: undefined },
    };
  for (const [what, { of, want, malformed = false }] of Object.entries(table)) {
    it(what, () =>
      expect(readExpiry({ password: '', ...of })).to.deep.equal({ ...(want && { expiry: want }), isAnnotationMalformed: malformed }),
    );
  }

  it('is read from any password without a crash', () => {
    const part = fc.oneof(
      fc.json().map((json) => Buffer.from(json).toString('base64url')),
      fc.string(),
    );
    const password = fc.oneof(
      fc.string(),
      fc.json(),
      fc.json().map(base64),
      fc.tuple(part, part, part).map((parts) => parts.join('.')),
    );
    fc.assert(
      fc.property(password, fc.option(fc.string(), { nil: undefined }), (text, annotation) => {
        const { expiry } = readExpiry({ password: text, ...(annotation !== undefined && { annotation }) });
        if (expiry) expect(new Date(expiry.at).getUTCFullYear()).to.be.within(0, 9999);
      }),
      { numRuns: 10_000 },
    );
  });
});

describe('An RFC 3339 time', () => {
  const good: Record<string, string> = {
    '2027-01-31T12:30:45Z': '2027-01-31T12:30:45Z',
    '2027-01-31t12:30:45z': '2027-01-31T12:30:45Z',
    '2027-01-31 12:30:45Z': '2027-01-31T12:30:45Z',
    '2027-01-31T12:30:45.123456789Z': '2027-01-31T12:30:45Z',
    '2027-01-31T12:30:45+02:00': '2027-01-31T10:30:45Z',
    '2027-01-31T12:30:45-05:30': '2027-01-31T18:00:45Z',
    '2028-02-29T00:00:00Z': '2028-02-29T00:00:00Z',
    '2000-02-29T00:00:00Z': '2000-02-29T00:00:00Z',
    '2027-02-28T00:00:00Z': '2027-02-28T00:00:00Z',
    '2027-01-01T00:00:00Z': '2027-01-01T00:00:00Z',
    '2027-04-30T00:00:00Z': '2027-04-30T00:00:00Z',
    '2027-12-31T23:59:59Z': '2027-12-31T23:59:59Z',
    '2027-01-31T12:30:45+23:59': '2027-01-30T12:31:45Z',
    '2016-12-31T23:59:60Z': '2017-01-01T00:00:00Z',
  };
  for (const [text, want] of Object.entries(good)) it(text, () => expect(parseRfc3339(text)).to.equal(at(want)));
  const bad = [
    '',
    '2027-01-31',
    '2027-01-31T12:30:45',
    '2027-01-31T12:30Z',
    '31.01.2027',
    '1800000000',
    '2027-02-29T00:00:00Z',
    '2028-02-30T00:00:00Z',
    '2100-02-29T00:00:00Z',
    '2027-01-00T00:00:00Z',
    '2027-01-32T00:00:00Z',
    '2027-04-31T00:00:00Z',
    '2027-06-31T00:00:00Z',
    '2027-09-31T00:00:00Z',
    '2027-11-31T00:00:00Z',
    '2027-13-01T00:00:00Z',
    '2027-00-01T00:00:00Z',
    '2027-01-31T24:00:00Z',
    '2027-01-31T12:60:00Z',
    '2027-01-31T12:30:61Z',
    '2027-01-31T12:30:45+24:00',
    '2027-01-31T12:30:45+00:60',
  ];
  for (const text of bad) it(`is not ${text || 'empty'}`, () => expect(parseRfc3339(text)).to.equal(undefined));
});
