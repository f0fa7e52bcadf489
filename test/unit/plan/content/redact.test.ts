import { expect } from 'chai';
import fc from 'fast-check';
import type { Content } from '../../../../src/plan/content/content.ts';
import { redact } from '../../../../src/plan/content/redact.ts';
import { base64, content } from '../../../support/builders.ts';

describe('A message of the API server', () => {
  const quoted = (password: string) =>
    [`denied: ${password} is not allowed`, 'denied: [withheld] is not allowed', content(password)] as const;
  const long = (length: number) => '-x'.repeat(length).slice(0, length);
  const table: Record<string, readonly [message: string, want: string, content?: Content]> = {
    'without secrets stays the same': ['secrets "acme" is forbidden', 'secrets "acme" is forbidden', content()],
    'is put on one line': ['denied:\r\n\tno\u0000\u001b reason', 'denied: no reason'],
    'has every encoded docker config withheld': [
      `denied: was ${base64('{"auths":{"registry.example.com":{"password":"former"}}}')} before`,
      'denied: was [withheld] before',
    ],
    'has values after password or auth withheld, with every kind of quotes': [
      'denied: {\\"password\\":\\"former\\",\\"auth\\": \\"eHg6eQ==\\"} password=other, user',
      'denied: {\\"password\\":\\"[withheld]\\",\\"auth\\": \\"[withheld]\\"} password=[withheld], user',
    ],
    'keeps paths, uids and digests': [
      '/api/v1/namespaces/shop/serviceaccounts/default 9b2f0c1e-5f0a-4a53-9d0a-6c1f4e2a7b11 sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef',
      '/api/v1/namespaces/shop/serviceaccounts/default 9b2f0c1e-5f0a-4a53-9d0a-6c1f4e2a7b11 sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef',
    ],
    'is cut after 500 characters': ['x'.repeat(501), `${'x'.repeat(499)}…`],
    'has up to 500 characters': ['x'.repeat(500), 'x'.repeat(500)],
    'is cut only after the password is withheld': [`${'x'.repeat(490)}sample-password`, `${'x'.repeat(490)}[withheld]`, content()],
    'is read to its end if it has 10,000 characters': [
      `denied: ${long(2498).repeat(4)}`,
      `denied: ${'[withheld]'.repeat(4)}`,
      content(long(2498)),
    ],
    'is not read to its end if it is longer, and ends 16 characters before, where a secret may begin': [
      `${'.'.repeat(100)}${long(2475).repeat(4)}.`,
      `${'.'.repeat(88)}…`,
      content(long(2475)),
    ],
    'that is not read to its end ends before the beginning of a password': [
      `denied: ${long(1000).repeat(10)}`,
      `denied: ${'[withheld]'.repeat(9)}…`,
      content(long(1000)),
    ],
    'that begins with a password that is longer than what is read is empty': [long(12_000), '…', content(long(12_000))],
    'that is not read to its end and contains nothing but secrets is empty': [long(2500).repeat(5), '…', content(long(2500))],
    'has the password withheld everywhere': ['sample-password, "sample-password"', '[withheld], "[withheld]"', content()],
    'has a password with two spaces withheld': quoted('sample  password'),
    'has a password with a tab withheld': quoted('sample\tpassword'),
    'has a password with a line break withheld': quoted('sample\r\npassword'),
    'has the longer of two passwords withheld if one begins with the other': [
      'sample-password-2',
      '[withheld]',
      contentOf('sample-password', 'sample-password-2'),
    ],
  };
  for (const [what, [message, want, of]] of Object.entries(table)) it(what, () => expect(redact(message, of)).to.equal(want));

  it('contains no form of a password', () => {
    const printable = fc.constantFrom(...'abXYZ019-_:;"\'\\/+%&<>{}=éß密😀');
    const password = fc.string({ unit: printable, minLength: 4, maxLength: 40 });
    fc.assert(
      fc.property(fc.array(password, { minLength: 1, maxLength: 3 }), (passwords) => {
        const content = contentOf(...passwords);
        const forms = passwords.flatMap((one) => {
          const encoded = [base64(one), base64(`robot:${one}`)];
          return [
            ...encoded.map((form) => form.replace(/=+$/, '')),
            one,
            JSON.stringify(one).slice(1, -1),
            encodeURIComponent(one),
            ...encoded,
          ];
        });
        for (const form of [content.data, ...forms]) {
          const redacted = redact(`denied: ${form} is not allowed`, content);
          for (const secret of forms) expect(redacted).to.not.contain(secret);
        }
      }),
    );
  });

  function contentOf(...passwords: string[]): Content {
    const auths = Object.fromEntries(
      passwords.map((password, n) => [`r${n}.example.com`, { auth: base64(`robot:${password}`), password, username: 'robot' }]),
    );
    return { ...content(), data: base64(JSON.stringify({ auths })) };
  }
});
