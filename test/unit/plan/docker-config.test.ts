import { expect } from 'chai';
import fc from 'fast-check';
import {
  type Auth,
  authOf,
  decodeBase64,
  type Outcome,
  readDockerConfig,
  readEntry,
  sayServer,
  writeDockerConfig,
} from '../../../src/plan/docker-config.ts';
import { DOCKER_HUB } from '../../../src/plan/server.ts';
import { base64 } from '../../support/builders.ts';

const WHERE = 'Secret regcred-system/robot, key "config.json"';
const SERVER = 'registry.example.com';
const PASSWORD = 'sample-password';
const PAIR = base64(`robot:${PASSWORD}`);
const AUTH: Auth = { username: 'robot', password: PASSWORD, auth: PAIR };

const reason = (outcome: Outcome<unknown>) => ('problem' in outcome ? outcome.problem.reason : undefined);
const message = (outcome: Outcome<unknown>) => ('problem' in outcome ? outcome.problem.message : '');

/** Reads a config and, where it is one, all its entries. */
function read(config: string | Buffer, legacy = false): { outcomes: Outcome<unknown>[]; entries: Record<string, Outcome<Auth>> } {
  const whole = readDockerConfig(Buffer.from(config as string), WHERE, legacy);
  if ('problem' in whole) return { outcomes: [whole], entries: {} };
  const entries = Array.from(whole.ok.entries, ([server, entry]) => [server, readEntry(entry, whole.ok, server, WHERE)] as const);
  return { outcomes: entries.map(([, outcome]) => outcome), entries: Object.fromEntries(entries) };
}

const readOne = (entry: unknown, more: object = {}) =>
  read(JSON.stringify({ auths: { [SERVER]: entry }, ...more })).entries[SERVER] as Outcome<Auth>;

describe('A docker config', () => {
  const auths = { [SERVER]: { auth: PAIR } };
  const unusable: Record<string, readonly [text: string, reason: string, says: string, legacy?: boolean]> = {
    'that is not JSON': ['auths: {}', 'NotJSON', 'not a JSON object'],
    'that is empty': ['', 'NotJSON', 'this is empty'],
    'that is JSON, but no object': [JSON.stringify([auths]), 'NotJSON', 'not a JSON object'],
    'that is base64 of something else': [PAIR, 'NotJSON', 'not a JSON object'],
    'that was encoded twice': [base64(JSON.stringify({ auths })), 'EncodedTwice', 'base64-encoded twice'],
    'that was encoded twice, in lines': [
      base64(JSON.stringify({ auths })).replace(/.{20}/g, '$&\n'),
      'EncodedTwice',
      'base64-encoded twice',
    ],
    'without auths': [JSON.stringify(auths), 'AuthsMissing', '"auths"'],
    'with auths that are no object': ['{"auths":[]}', 'AuthsMissing', '"auths"'],
    'with no entries in auths': ['{"auths":{}}', 'AuthsMissing', '"auths"'],
    'of the legacy kind with no entries': ['{}', 'AuthsMissing', '"auths"', true],
    'with a credential store only': ['{"credsStore":"desktop"}', 'PasswordInCredentialStore', 'credsStore'],
    'with a credential helper only': ['{"auths":{},"credHelpers":{"ghcr.io":"sample"}}', 'PasswordInCredentialStore', 'credHelpers'],
  };
  for (const [what, [text, wanted, says, legacy]] of Object.entries(unusable)) {
    it(`${what} is ${wanted}`, () => {
      const [outcome] = read(text, legacy).outcomes as [Outcome<unknown>];
      expect(reason(outcome)).to.equal(wanted);
      expect(message(outcome)).to.contain(says);
      expect(message(outcome).startsWith(WHERE)).to.equal(true);
    });
  }

  it('has entries by canonical server and as they are written, and knows of the helpers', () => {
    const text = JSON.stringify({ auths: { 'https://ghcr.io/': 1, 'docker.io': 2 }, credHelpers: { 'index.docker.io': 'sample' } });
    expect(readDockerConfig(Buffer.from(text), WHERE)).to.deep.equal({
      ok: {
        entries: new Map<string, unknown>([
          ['https://index.docker.io/v1/', 2],
          ['ghcr.io', 1],
        ]),
        written: new Map<string, unknown>([
          ['https://ghcr.io/', 1],
          ['docker.io', 2],
        ]),
        helped: true,
        helpedServers: ['https://index.docker.io/v1/'],
      },
    });
  });

  it('of the legacy kind has its entries without auths around them', () => {
    expect(read(JSON.stringify(auths), true).entries).to.deep.equal({ [SERVER]: { ok: AUTH } });
  });

  it('with two names for one server is read by the canonical one, else by the first in the alphabet', () => {
    const hub = 'https://index.docker.io/v1/';
    const pair = (username: string) => ({ auth: base64(`${username}:${PASSWORD}`) });
    const text = JSON.stringify({ auths: { 'docker.io': pair('first'), [hub]: pair('canonical'), 'index.docker.io': pair('last') } });
    expect(read(text).entries[hub]).to.have.nested.property('ok.username', 'canonical');
    for (const names of [
      ['docker.io', 'index.docker.io'],
      ['index.docker.io', 'docker.io'],
    ]) {
      const either = JSON.stringify({ auths: Object.fromEntries(names.map((name) => [name, pair(name)])) });
      expect(read(either).entries[hub]).to.have.nested.property('ok.username', 'docker.io');
    }
  });

  it('with Auths is read, as the kubelet does', () => {
    expect(read(JSON.stringify({ Auths: auths })).entries).to.deep.equal({ [SERVER]: { ok: AUTH } });
  });

  it('with one broken entry still has its others', () => {
    const { entries } = read(JSON.stringify({ auths: { ...auths, 'ghcr.io': null } }));
    expect(entries[SERVER]).to.deep.equal({ ok: AUTH });
    expect(reason(entries['ghcr.io'] as Outcome<Auth>)).to.equal('MalformedEntry');
  });
});

describe('An entry', () => {
  const good: Record<string, readonly [entry: object, want: Auth]> = {
    'with auth is read': [{ auth: PAIR }, AUTH],
    'with auth that has no padding is written with it': [{ auth: PAIR.replace(/=+$/, '') }, AUTH],
    'with auth broken into lines is joined': [{ auth: `${PAIR.slice(0, 8)}\r\n${PAIR.slice(8)}\n` }, AUTH],
    'with username and password gets its auth': [{ username: 'robot', password: PASSWORD }, AUTH],
    'with an empty auth beside username and password does, too': [{ auth: '', username: 'robot', password: PASSWORD }, AUTH],
    'is read by auth, as the kubelet does, where username and password differ': [{ auth: PAIR, username: 'other', password: 'x' }, AUTH],
    'has colons in its password': [{ auth: base64('robot:a:b:') }, { username: 'robot', password: 'a:b:', auth: base64('robot:a:b:') }],
    'keeps its email and nothing else': [
      { auth: PAIR, email: 'robot@example.com', serveraddress: 'x' },
      { ...AUTH, email: 'robot@example.com' },
    ],
    'has no email where it is empty': [{ auth: PAIR, email: '' }, AUTH],
    'takes null for absent, as the kubelet does': [{ auth: null, username: 'robot', password: PASSWORD, email: null }, AUTH],
    'is read by names in any case, as the kubelet does': [{ Username: 'robot', PASSWORD }, AUTH],
    'is read by the last of several names that differ in case': [{ auth: base64('other:x'), Auth: PAIR, AUTH: null }, AUTH],
    'may have an identity token beside the password': [{ auth: PAIR, identitytoken: 'sample-token' }, AUTH],
  };
  for (const [what, [entry, want]] of Object.entries(good)) it(what, () => expect(readOne(entry)).to.deep.equal({ ok: want }));

  it('with a password is read though a helper is named', () => {
    expect(readOne({ auth: PAIR }, { credsStore: 'desktop', credHelpers: { [SERVER]: 'sample' } })).to.deep.equal({ ok: AUTH });
  });

  const broken: Record<string, readonly [entry: unknown, reason: string, says: string, more?: object]> = {
    'that is no object': ['sample', 'MalformedEntry', 'not an object'],
    'with a number for a password': [{ username: 'robot', password: 12345 }, 'MalformedEntry', '"password" is not a string'],
    'with a number for a Password': [{ username: 'robot', Password: 12345 }, 'MalformedEntry', '"password" is not a string'],
    'with auth that has foreign characters': [{ auth: `${PAIR}!` }, 'AuthNotBase64', '"auth" is not base64'],
    'with auth that is too short by a character': [{ auth: PAIR.replace(/=*$/, '').slice(0, 25) }, 'AuthNotBase64', '"auth" is not base64'],
    'with auth that has too much padding': [{ auth: `${base64('robot:ab')}=` }, 'AuthNotBase64', '"auth" is not base64'],
    'with auth of line breaks only': [{ auth: '\n' }, 'AuthNotBase64', '"auth" is not base64'],
    'with auth of a password alone': [{ auth: base64('sample!') }, 'AuthNotBase64', 'no colon'],
    'with auth encoded twice': [{ auth: base64(PAIR) }, 'EncodedTwice', '"auth" was base64-encoded twice'],
    'with auth encoded twice, with a newline between': [{ auth: base64(`${PAIR}\n`) }, 'EncodedTwice', '"auth" was base64-encoded twice'],
    'with a newline after the password': [{ auth: base64(`robot:${PASSWORD}\n`) }, 'TrailingNewline', "printf '%s'"],
    'with a newline after the username': [{ username: 'robot\r\n', password: PASSWORD }, 'TrailingNewline', "printf '%s'"],
    'with no password': [{ username: 'robot' }, 'EmptyPassword', 'password is empty'],
    'with nothing in it': [{}, 'EmptyPassword', 'password is empty'],
    'with no username': [{ auth: base64(`:${PASSWORD}`) }, 'EmptyUsername', 'username is empty'],
    'with a colon in the username': [{ username: 'robot:x', password: PASSWORD }, 'ColonInUsername', 'colon'],
    'with an identity token alone': [{ identitytoken: 'sample-token' }, 'IdentityTokenOnly', 'identity token'],
    'with an identity token beside an empty password': [
      { auth: base64('00000000:'), identitytoken: 'sample-token' },
      'IdentityTokenOnly',
      'identity token',
    ],
    'with an identity token beside a credential store': [
      { identitytoken: 'sample-token' },
      'IdentityTokenOnly',
      'identity token',
      { credsStore: 'desktop' },
    ],
    'of a credential store': [{}, 'PasswordInCredentialStore', 'credsStore', { credsStore: 'desktop' }],
    'of a CredsStore': [{}, 'PasswordInCredentialStore', 'credsStore', { CredsStore: 'desktop' }],
    'with an IdentityToken alone': [{ IdentityToken: 'sample-token' }, 'IdentityTokenOnly', 'identity token'],
    'of a credential helper by another name of the server': [
      {},
      'PasswordInCredentialStore',
      'credHelpers',
      { credHelpers: { [`https://${SERVER}`]: 'sample' } },
    ],
  };
  for (const [what, [entry, wanted, says, more]] of Object.entries(broken)) {
    it(`${what} is ${wanted}`, () => {
      const outcome = readOne(entry, more);
      expect(reason(outcome)).to.equal(wanted);
      expect(message(outcome)).to.contain(says);
      expect(message(outcome).startsWith(WHERE)).to.equal(true);
      expect(message(outcome)).to.contain(` server ${SERVER}: `);
    });
  }
});

describe('Credentials', () => {
  const troublesome = fc.constantFrom(':', '"', "'", '\\', '\n', '\u0000', '\u007f', '\u2028', '\ufeff', 'é', '密', '😀', '=', 'a');
  const text = fc
    .oneof(fc.string({ unit: 'binary', minLength: 1 }), fc.string({ unit: troublesome, minLength: 1 }))
    .filter((one) => !/[\r\n]$/.test(one));
  const username = text.map((one) => one.replaceAll(':', '')).filter((one) => one !== '' && !/[\r\n]$/.test(one));

  it('of any characters come through reading, writing and reading again byte for byte', () => {
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

  it('whose password is not even UTF-8 keep its bytes in auth', () => {
    const bytes = fc.uint8Array({ minLength: 1 }).filter((one) => one.at(-1) !== 10 && one.at(-1) !== 13);
    fc.assert(
      fc.property(bytes, (password) => {
        const made = authOf(Buffer.from('robot'), Buffer.from(password), WHERE) as { ok: Auth };
        expect([...Buffer.from(made.ok.auth, 'base64')]).to.deep.equal([...Buffer.from('robot:'), ...password]);
        expect(read(writeDockerConfig(new Map([[SERVER, made.ok]]))).entries).to.deep.equal({ [SERVER]: made });
      }),
    );
  });

  it('with a colon in the username or without a password are refused', () => {
    expect(reason(authOf(Buffer.from('robot:x'), Buffer.from(PASSWORD), WHERE))).to.equal('ColonInUsername');
    expect(reason(authOf(Buffer.from('robot'), Buffer.from(''), WHERE))).to.equal('EmptyPassword');
  });
});

describe('A written docker config', () => {
  it('has its keys sorted, whatever the servers are called', () => {
    const email = 'robot@example.com';
    const written = writeDockerConfig(
      new Map([
        ['__proto__', AUTH],
        ['9', { ...AUTH, email }],
        ['10', AUTH],
        ['ghcr.io', AUTH],
      ]),
    );
    const plain = `{"auth":"${PAIR}","password":"${PASSWORD}","username":"robot"}`;
    const withEmail = `{"auth":"${PAIR}","email":"${email}","password":"${PASSWORD}","username":"robot"}`;
    expect(written).to.equal(`{"auths":{"10":${plain},"9":${withEmail},"__proto__":${plain},"ghcr.io":${plain}}}`);
  });

  it('has Docker Hub under its host, too, where the kubelet would overlook it beside another entry', () => {
    const servers = (...others: string[]) =>
      Object.keys(JSON.parse(writeDockerConfig(new Map([DOCKER_HUB, ...others].map((server) => [server, AUTH])))).auths);
    for (const other of ['docker.io/acme', '*.io', 'd*.i*/library'])
      expect(servers(other)).to.have.members([DOCKER_HUB, 'docker.io', other]);
    for (const other of ['ghcr.io', '*.example.com', '*.docker.io', '*.io:443'])
      expect(servers(other)).to.have.members([DOCKER_HUB, other]);
  });

  it('has the same bytes in whatever order its entries came', () => {
    const entry = fc.tuple(fc.oneof(fc.string(), fc.constantFrom('1', '02', '__proto__', 'constructor')), fc.constant(AUTH));
    const entries = fc.uniqueArray(entry, { selector: ([server]) => server });
    const shuffled = entries.chain((list) => fc.tuple(fc.constant(list), fc.shuffledSubarray(list, { minLength: list.length })));
    fc.assert(
      fc.property(shuffled, ([one, other]) => {
        expect(writeDockerConfig(new Map(other))).to.equal(writeDockerConfig(new Map(one)));
      }),
    );
  });
});

describe('Reading', () => {
  const field = fc.constantFrom('auth', 'username', 'password', 'email', 'identitytoken', 'registrytoken');
  const configOf = (value: fc.Arbitrary<unknown>) =>
    fc
      .oneof(
        value,
        fc.record({ auths: value, credsStore: value, credHelpers: value }, { requiredKeys: [] }),
        fc.record(
          {
            auths: fc.dictionary(fc.constantFrom(SERVER, 'docker.io', '__proto__'), fc.oneof(value, fc.dictionary(field, value))),
            credsStore: value,
          },
          { requiredKeys: ['auths'] },
        ),
      )
      .map((config) => JSON.stringify(config));
  const cut = (text: fc.Arbitrary<string>) => fc.tuple(text, fc.nat(200)).map(([whole, end]) => whole.slice(0, end));

  it('never throws', () => {
    const config = configOf(fc.oneof(fc.jsonValue(), fc.string().map(base64), fc.base64String()));
    const bytes = fc.oneof(
      config,
      cut(config),
      config.map(base64),
      fc.string(),
      fc.uint8Array().map((one) => Buffer.from(one)),
    );
    fc.assert(
      fc.property(bytes, fc.boolean(), (given, legacy) => {
        expect(read(given, legacy).outcomes).to.satisfy((all: object[]) => all.every((one) => 'ok' in one || 'problem' in one));
      }),
      { numRuns: 1000 },
    );
  });

  it('never says a secret value in a message', () => {
    const forms = [PASSWORD, `${PASSWORD}\n`, `:${PASSWORD}`, `robot:${PASSWORD}`];
    const encoded = [...forms, ...forms.map(base64), ...forms.map(base64).map(base64)];
    const value = fc.oneof(fc.constantFrom(...encoded), fc.constantFrom<unknown>('', null, 1, {}, [PASSWORD], { auth: PASSWORD }));
    const config = configOf(value);
    const given = fc.oneof(config, cut(config), config.map(base64), fc.constantFrom(...encoded));
    fc.assert(
      fc.property(given, (text) => {
        const said = read(text).outcomes.map(message).join('\n');
        for (const form of encoded) expect(said).to.not.contain(form.trim().replace(/=+$/, ''));
      }),
      { numRuns: 1000 },
    );
  });
});

describe('A server in a message', () => {
  const table: Record<string, readonly [server: string, want: string]> = {
    'is shown as it is': ['https://ghcr.io/acme', 'https://ghcr.io/acme'],
    'is on one line': ['ghcr.io\nsample', 'ghcr.io\\nsample'],
    'is as long as it may be': ['a'.repeat(100), 'a'.repeat(100)],
    'is bounded': ['a'.repeat(101), `${'a'.repeat(100)}…`],
    'is shown without username and password': [`https://robot:${PASSWORD}@ghcr.io/acme`, 'https://ghcr.io/acme'],
    'is shown without username and password where there is no scheme': [`robot:${PASSWORD}@ghcr.io`, 'ghcr.io'],
    'is shown without a password that has an @ in it': ['https://robot:sample@password@ghcr.io', 'https://ghcr.io'],
    'keeps an @ in its path': ['ghcr.io/acme@x', 'ghcr.io/acme@x'],
    'is shown without a password under any scheme': [`OCI://robot:${PASSWORD}@ghcr.io`, 'OCI://ghcr.io'],
    'is shown without a password where there is half a scheme': [`//robot:${PASSWORD}@ghcr.io`, '//ghcr.io'],
    'is shown without a password that has a slash, an @ and a line break in it': ['robot:sa@mple/pass\nword@ghcr.io', 'ghcr.io'],
    'is shown without a password that has a slash in it': ['https://robot:sample/password@ghcr.io', 'https://ghcr.io'],
  };
  for (const [what, [server, want]] of Object.entries(table)) it(what, () => expect(sayServer(server)).to.equal(want));

  it('is shown at once, however hostile it is', () => {
    const start = performance.now();
    for (const part of [':', '@', '/', 'a:', '/:', '://', 'a@:']) expect(sayServer(part.repeat(500_000))).to.have.length.below(110);
    // It took minutes once. This is generous, because the machine may be busy.
    expect(performance.now() - start).to.be.below(2000);
  });
});

describe('Base64', () => {
  it('padded, unpadded and in lines is decoded to the same bytes', () => {
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
