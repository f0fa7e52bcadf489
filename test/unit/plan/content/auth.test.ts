import { expect } from 'chai';
import fc from 'fast-check';
import { type Auth, authOf } from '../../../../src/plan/content/auth.ts';
import { foreignEncodingOf } from '../../../../src/plan/content/encoding.ts';
import { writeDockerConfig } from '../../../../src/plan/content/write-docker-config.ts';
import { base64 } from '../../../support/builders.ts';
import { AUTH, messageOf, PAIR, PASSWORD, read, readOne, reasonOf, SERVER, WHERE } from './reading.ts';

describe('An entry', () => {
  const good: Record<string, readonly [entry: object, want: Auth]> = {
    'with auth is read': [{ auth: PAIR }, AUTH],
    'with unpadded auth gets padded auth': [{ auth: PAIR.replace(/=+$/, '') }, AUTH],
    'with auth in several lines is joined': [{ auth: `${PAIR.slice(0, 8)}\r\n${PAIR.slice(8)}\n` }, AUTH],
    'with username and password gets auth': [{ username: 'robot', password: PASSWORD }, AUTH],
    'with empty auth, username and password gets auth': [{ auth: '', username: 'robot', password: PASSWORD }, AUTH],
    'uses auth if username and password differ, as the kubelet does': [{ auth: PAIR, username: 'other', password: 'x' }, AUTH],
    'may have colons in its password': [
      { auth: base64('robot:a:b:') },
      { username: 'robot', password: 'a:b:', auth: base64('robot:a:b:') },
    ],
    'keeps its email and drops all other fields': [
      { auth: PAIR, email: 'robot@example.com', serveraddress: 'x' },
      { ...AUTH, email: 'robot@example.com' },
    ],
    'drops an empty email': [{ auth: PAIR, email: '' }, AUTH],
    'treats null as absent, as the kubelet does': [{ auth: null, username: 'robot', password: PASSWORD, email: null }, AUTH],
    'may spell its fields in any case, as for the kubelet': [{ Username: 'robot', PASSWORD }, AUTH],
    'uses the last of several fields that differ only in case': [{ auth: base64('other:x'), Auth: PAIR, AUTH: null }, AUTH],
    'may have an identity token in addition to the password': [{ auth: PAIR, identitytoken: 'sample-token' }, AUTH],
  };
  for (const [what, [entry, want]] of Object.entries(good)) it(what, () => expect(readOne(entry)).to.deep.equal({ ok: want }));

  it('with a password is read even if the config names a credential helper', () => {
    expect(readOne({ auth: PAIR }, { credsStore: 'desktop', credHelpers: { [SERVER]: 'sample' } })).to.deep.equal({ ok: AUTH });
  });

  const broken: Record<string, readonly [entry: unknown, reason: string, phrase: string, more?: object]> = {
    'that is not an object': ['sample', 'MalformedEntry', 'not an object'],
    'with a number for a password': [{ username: 'robot', password: 12345 }, 'MalformedEntry', '"password" is not a string'],
    'with a number for a Password': [{ username: 'robot', Password: 12345 }, 'MalformedEntry', '"password" is not a string'],
    'with auth that contains foreign characters': [{ auth: `${PAIR}!` }, 'AuthNotBase64', '"auth" is not base64'],
    'with auth that lacks one character': [{ auth: PAIR.replace(/=*$/, '').slice(0, 25) }, 'AuthNotBase64', '"auth" is not base64'],
    'with auth that has too much padding': [{ auth: `${base64('robot:ab')}=` }, 'AuthNotBase64', '"auth" is not base64'],
    'with auth that consists of a line break': [{ auth: '\n' }, 'AuthNotBase64', '"auth" is not base64'],
    'with auth of only a password': [{ auth: base64('sample!') }, 'AuthNotBase64', 'no colon'],
    'with auth encoded twice': [{ auth: base64(PAIR) }, 'EncodedTwice', '"auth" is base64-encoded twice'],
    'with auth encoded twice, with a newline in between': [{ auth: base64(`${PAIR}\n`) }, 'EncodedTwice', '"auth" is base64-encoded twice'],
    'with a newline after the password': [{ auth: base64(`robot:${PASSWORD}\n`) }, 'TrailingNewline', "printf '%s'"],
    'with a newline after the username': [{ username: 'robot\r\n', password: PASSWORD }, 'TrailingNewline', "printf '%s'"],
    'without a password': [{ username: 'robot' }, 'EmptyPassword', 'password is empty'],
    'without any field': [{}, 'EmptyPassword', 'password is empty'],
    'without a username': [{ auth: base64(`:${PASSWORD}`) }, 'EmptyUsername', 'username is empty'],
    'with a colon in the username': [{ username: 'robot:x', password: PASSWORD }, 'ColonInUsername', 'colon'],
    'with only an identity token': [{ identitytoken: 'sample-token' }, 'IdentityTokenOnly', 'identity token'],
    'with an identity token and an empty password': [
      { auth: base64('00000000:'), identitytoken: 'sample-token' },
      'IdentityTokenOnly',
      'identity token',
    ],
    'with an identity token, in a config with a credential store': [
      { identitytoken: 'sample-token' },
      'IdentityTokenOnly',
      'identity token',
      { credsStore: 'desktop' },
    ],
    'that is empty, in a config with a credential store': [{}, 'PasswordInCredentialStore', 'credsStore', { credsStore: 'desktop' }],
    'that is empty, in a config with a CredsStore': [{}, 'PasswordInCredentialStore', 'credsStore', { CredsStore: 'desktop' }],
    'with only an IdentityToken': [{ IdentityToken: 'sample-token' }, 'IdentityTokenOnly', 'identity token'],
    'that is empty, of a server whose credential helper has another of its names': [
      {},
      'PasswordInCredentialStore',
      'credHelpers',
      { credHelpers: { [`https://${SERVER}`]: 'sample' } },
    ],
  };
  for (const [what, [entry, expected, phrase, more]] of Object.entries(broken)) {
    it(`${what} is ${expected}`, () => {
      const parsed = readOne(entry, more);
      expect(reasonOf(parsed)).to.equal(expected);
      expect(messageOf(parsed)).to.contain(phrase);
      expect(messageOf(parsed).startsWith(WHERE)).to.equal(true);
      expect(messageOf(parsed)).to.contain(` server ${SERVER}: `);
    });
  }
});

describe('A key file of Google as the password', () => {
  const key = JSON.stringify({ type: 'service_account', project_id: 'sample' }, null, 2);
  const usable: Record<string, readonly [username: string, password: string]> = {
    'is read with its newline at the end': ['_json_key', `${key}\n`],
    'is read with a newline of Windows': ['_json_key', `${key}\r\n`],
    'is read without one': ['_json_key', key],
    'is read in base64 in several lines, as base64 writes it': ['_json_key_base64', base64(key).replace(/.{20}/g, '$&\n').concat('\n')],
  };
  for (const [what, [username, password]] of Object.entries(usable)) {
    it(`${what}, and copied byte for byte`, () => {
      const want = { ok: { username, password, auth: base64(`${username}:${password}`) } };
      expect(authOf(Buffer.from(username), Buffer.from(password), WHERE)).to.deep.equal(want);
      expect(readOne({ auth: base64(`${username}:${password}`) })).to.deep.equal(want);
    });
  }

  const broken: Record<string, readonly [username: string, password: string]> = {
    'that is cut off, with a newline': ['_json_key', `${key.slice(0, -2)}\n`],
    'in base64 for another username, with a newline': ['_json_key', `${base64(key)}\n`],
    'that is no JSON in base64, with a newline': ['_json_key_base64', `${base64('sample')}\n`],
    'whose username has a newline': ['_json_key\n', key],
  };
  for (const [what, [username, password]] of Object.entries(broken))
    it(`${what} is refused`, () =>
      expect(reasonOf(authOf(Buffer.from(username), Buffer.from(password), WHERE))).to.equal('TrailingNewline'));
});

describe('Text that Windows has saved', () => {
  const utf16 = (text: string) => Buffer.from(text, 'utf16le');
  const marked = (text: string) => Buffer.from(`\ufeff${text}`);
  const cases: Record<string, readonly [username: Buffer, password: Buffer, phrases: readonly string[]]> = {
    'as a password with a byte order mark': [Buffer.from('robot'), marked(PASSWORD), ['the password', 'UTF-8 with a byte order mark']],
    'as a username with a byte order mark': [marked('robot'), Buffer.from(PASSWORD), ['the username', 'UTF-8 with a byte order mark']],
    'as a password in UTF-16': [Buffer.from('robot'), utf16(PASSWORD), ['the password', 'UTF-16']],
    'as a password in UTF-16 with a mark': [Buffer.from('robot'), utf16(`\ufeff${PASSWORD}`), ['the password', 'UTF-16']],
    'as a password in UTF-16 of other scripts, with a mark': [Buffer.from('robot'), utf16('\ufeffпароль'), ['the password', 'UTF-16']],
    'as a password in big-endian UTF-16': [Buffer.from('robot'), utf16(`\ufeff${PASSWORD}`).swap16(), ['the password', 'UTF-16']],
    'as a password in UTF-16, with a newline at the end': [Buffer.from('robot'), utf16(`${PASSWORD}\r\n`), ['the password', 'UTF-16']],
    'as a username in UTF-16': [utf16('robot'), Buffer.from(PASSWORD), ['the username', 'UTF-16']],
  };
  for (const [what, [username, password, phrases]] of Object.entries(cases)) {
    it(`${what} is refused, with its encoding`, () => {
      const parsed = authOf(username, password, WHERE);
      expect(reasonOf(parsed)).to.equal('WrongEncoding');
      for (const phrase of phrases) expect(messageOf(parsed)).to.contain(phrase);
    });
  }

  it('as auth in UTF-16 is refused, with its encoding', () => {
    const parsed = readOne({ auth: utf16(`robot:${PASSWORD}`).toString('base64') });
    expect(reasonOf(parsed)).to.equal('WrongEncoding');
    expect(messageOf(parsed)).to.contain('UTF-16');
  });

  it('as a password in an entry with a byte order mark is refused', () =>
    expect(reasonOf(readOne({ username: 'robot', password: `\ufeff${PASSWORD}` }))).to.equal('WrongEncoding'));
});

describe('Credentials', () => {
  const isMarked = (bytes: Uint8Array) => foreignEncodingOf(Buffer.from(bytes)) !== undefined;
  const troublesome = fc.constantFrom(':', '"', "'", '\\', '\n', '\u0000', '\u007f', '\u2028', '\ufeff', 'é', '密', '😀', '=', 'a');
  const text = fc
    .oneof(fc.string({ unit: 'binary', minLength: 1 }), fc.string({ unit: troublesome, minLength: 1 }))
    .filter((one) => !/[\r\n]$/.test(one) && !isMarked(Buffer.from(one)));
  const username = text
    .map((one) => one.replaceAll(':', ''))
    .filter((one) => one !== '' && !/[\r\n]$/.test(one) && !isMarked(Buffer.from(one)));

  it('of any characters stay the same, byte for byte, when they are read, written and read again', () => {
    fc.assert(
      fc.property(username, text, (user, password) => {
        const made = authOf(Buffer.from(user), Buffer.from(password), WHERE);
        const want: Auth = { username: user, password, auth: Buffer.from(`${user}:${password}`).toString('base64') };
        expect(made).to.deep.equal({ ok: want });
        const written = writeDockerConfig(new Map([[SERVER, want]]));
        expect(read(written).entries).to.deep.equal({ [SERVER]: { ok: want } });
        expect(readOne({ username: user, password })).to.deep.equal({ ok: want });
        expect(JSON.parse(written)).to.deep.equal({ auths: { [SERVER]: want } });
      }),
    );
  });

  it('with a password that is not UTF-8 keep its bytes in auth', () => {
    const bytes = fc.uint8Array({ minLength: 1 }).filter((one) => one.at(-1) !== 10 && one.at(-1) !== 13 && !isMarked(one));
    fc.assert(
      fc.property(bytes, (password) => {
        const made = authOf(Buffer.from('robot'), Buffer.from(password), WHERE) as { ok: Auth };
        expect([...Buffer.from(made.ok.auth, 'base64')]).to.deep.equal([...Buffer.from('robot:'), ...password]);
        expect(read(writeDockerConfig(new Map([[SERVER, made.ok]]))).entries).to.deep.equal({ [SERVER]: made });
      }),
    );
  });

  it('with a colon in the username, or without a password, are refused', () => {
    expect(reasonOf(authOf(Buffer.from('robot:x'), Buffer.from(PASSWORD), WHERE))).to.equal('ColonInUsername');
    expect(reasonOf(authOf(Buffer.from('robot'), Buffer.from(''), WHERE))).to.equal('EmptyPassword');
  });
});
