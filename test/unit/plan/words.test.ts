import { expect } from 'chai';
import fc from 'fast-check';
import type { Content } from '../../../src/plan/resolve.ts';
import { repeatable } from '../../../src/plan/words.ts';
import { base64, content } from '../../support/builders.ts';

describe('Words of the API server', () => {
  const quoted = (password: string) =>
    [`denied: ${password} is not allowed`, 'denied: [withheld] is not allowed', content(password)] as const;
  const table: Record<string, readonly [words: string, want: string, content?: Content]> = {
    'are repeated as they are': ['secrets "acme" is forbidden', 'secrets "acme" is forbidden', content()],
    'come on one line': ['denied:\r\n\tno\u0000\u001b reason', 'denied: no reason'],
    'have an encoded config withheld, whosever it is': [
      `denied: was ${base64('{"auths":{"registry.example.com":{"password":"former"}}}')} before`,
      'denied: was [withheld] before',
    ],
    'have withheld what comes after password or auth, quoted in whatever way': [
      'denied: {\\"password\\":\\"former\\",\\"auth\\": \\"eHg6eQ==\\"} password=other, user',
      'denied: {\\"password\\":\\"[withheld]\\",\\"auth\\": \\"[withheld]\\"} password=[withheld], user',
    ],
    'keep paths, uids and digests': [
      '/api/v1/namespaces/shop/serviceaccounts/default 9b2f0c1e-5f0a-4a53-9d0a-6c1f4e2a7b11 sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef',
      '/api/v1/namespaces/shop/serviceaccounts/default 9b2f0c1e-5f0a-4a53-9d0a-6c1f4e2a7b11 sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef',
    ],
    'are bounded': ['x'.repeat(501), `${'x'.repeat(499)}…`],
    'are as long as they may be': ['x'.repeat(500), 'x'.repeat(500)],
    'are bounded only once the password is out of them': [`${'x'.repeat(490)}sample-password`, `${'x'.repeat(490)}[withheld]`, content()],
    'have the password withheld wherever it stands': ['sample-password, "sample-password"', '[withheld], "[withheld]"', content()],
    'have a password withheld that has two spaces in it': quoted('sample  password'),
    'have a password withheld that has a tab in it': quoted('sample\tpassword'),
    'have a password withheld that has a line break in it': quoted('sample\r\npassword'),
    'have the longer of two passwords withheld that begin alike': [
      'sample-password-2',
      '[withheld]',
      contentOf('sample-password', 'sample-password-2'),
    ],
  };
  for (const [what, [words, want, of]] of Object.entries(table)) it(what, () => expect(repeatable(words, of)).to.equal(want));

  it('hold no form of a password', () => {
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
          const said = repeatable(`denied: ${form} is not allowed`, content);
          for (const secret of forms) expect(said).to.not.contain(secret);
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
