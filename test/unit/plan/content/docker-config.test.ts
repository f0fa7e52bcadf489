import { expect } from 'chai';
import fc from 'fast-check';
import type { Auth } from '../../../../src/plan/content/auth.ts';
import { readDockerConfig } from '../../../../src/plan/content/docker-config.ts';
import type { Parsed } from '../../../../src/plan/content/parsed.ts';
import { base64 } from '../../../support/builders.ts';
import { AUTH, messageOf, PAIR, PASSWORD, read, reasonOf, SERVER, WHERE } from './reading.ts';

describe('A docker config', () => {
  const auths = { [SERVER]: { auth: PAIR } };
  const unusable: Record<string, readonly [text: string, reason: string, phrase: string, legacy?: boolean]> = {
    'that is not JSON': ['auths: {}', 'NotJSON', 'not a JSON object'],
    'that is empty': ['', 'NotJSON', 'the value is empty'],
    'that is JSON but not an object': [JSON.stringify([auths]), 'NotJSON', 'not a JSON object'],
    'that is base64 of something other than JSON': [PAIR, 'NotJSON', 'not a JSON object'],
    'that is encoded twice': [base64(JSON.stringify({ auths })), 'EncodedTwice', 'base64-encoded twice'],
    'that is encoded twice, with line breaks': [
      base64(JSON.stringify({ auths })).replace(/.{20}/g, '$&\n'),
      'EncodedTwice',
      'base64-encoded twice',
    ],
    'without auths': ['{"experimental":"enabled"}', 'AuthsMissing', 'no entries under "auths"'],
    'with the servers at the top level': [JSON.stringify(auths), 'AuthsMissing', 'legacy format of .dockercfg. Write {"auths": {…}}'],
    'of today in the place of a legacy one': [JSON.stringify({ auths }), 'AuthsMissing', 'type kubernetes.io/dockerconfigjson', true],
    'with auths that is not an object': ['{"auths":[]}', 'AuthsMissing', '"auths"'],
    'without entries in auths': ['{"auths":{}}', 'AuthsMissing', '"auths"'],
    'in the legacy format without entries': ['{}', 'AuthsMissing', '"auths"', true],
    'with only a credential store': ['{"credsStore":"desktop"}', 'PasswordInCredentialStore', 'credsStore'],
    'with only a credential helper': ['{"auths":{},"credHelpers":{"ghcr.io":"sample"}}', 'PasswordInCredentialStore', 'credHelpers'],
  };
  for (const [what, [text, expected, phrase, legacy]] of Object.entries(unusable)) {
    it(`${what} is ${expected}`, () => {
      const [parsed] = read(text, legacy).parsed as [Parsed<unknown>];
      expect(reasonOf(parsed)).to.equal(expected);
      expect(messageOf(parsed)).to.contain(phrase);
      expect(messageOf(parsed).startsWith(WHERE)).to.equal(true);
    });
  }

  it('has its entries by canonical server and as written, and knows its credential helpers', () => {
    const text = JSON.stringify({ auths: { 'https://ghcr.io/': 1, 'docker.io': 2 }, credHelpers: { 'index.docker.io': 'sample' } });
    expect(readDockerConfig(Buffer.from(text), WHERE)).to.deep.equal({
      ok: {
        entries: new Map<string, unknown>([
          ['https://index.docker.io/v1/', 2],
          ['ghcr.io', 1],
        ]),
        entriesAsWritten: new Map<string, unknown>([
          ['https://ghcr.io/', 1],
          ['docker.io', 2],
        ]),
        names: new Map([
          ['https://index.docker.io/v1/', { used: 'docker.io', unused: [] }],
          ['ghcr.io', { used: 'https://ghcr.io/', unused: [] }],
        ]),
        ambiguous: new Set(),
        hasCredentialHelper: true,
        serversWithHelper: ['https://index.docker.io/v1/'],
      },
    });
  });

  it('in the legacy format has its entries without auths around them', () => {
    expect(read(JSON.stringify(auths), true).entries).to.deep.equal({ [SERVER]: { ok: AUTH } });
  });

  it('with two names of one server uses the canonical name, otherwise the first in the alphabet', () => {
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

  it('may spell auths with a capital, as for the kubelet', () => {
    expect(read(JSON.stringify({ Auths: auths })).entries).to.deep.equal({ [SERVER]: { ok: AUTH } });
  });

  it('with a byte order mark is read', () =>
    expect(read(`\ufeff${JSON.stringify({ auths })}`).entries).to.deep.equal({ [SERVER]: { ok: AUTH } }));

  it('in UTF-16 is refused with that word', () => {
    for (const text of [JSON.stringify({ auths }), `\ufeff${JSON.stringify({ auths })}`]) {
      const [parsed] = read(Buffer.from(text, 'utf16le')).parsed as [Parsed<unknown>];
      expect(reasonOf(parsed)).to.equal('NotJSON');
      expect(messageOf(parsed)).to.contain('UTF-16').and.not.contain('not a JSON object');
    }
  });

  const other = { auth: base64(`other:${PASSWORD}`) };
  const repeated: Record<string, readonly [json: string, servers: readonly string[], ambiguous: readonly string[]]> = {
    'auths twice has the entries of both': [
      `{"auths":{"a.b":${JSON.stringify(other)}},"auths":{"c.d":${JSON.stringify(other)}}}`,
      ['a.b', 'c.d'],
      [],
    ],
    'auths twice, in two spellings, has the entries of both': [
      `{"auths":{"a.b":${JSON.stringify(other)}},"Auths":{"c.d":${JSON.stringify(other)}}}`,
      ['a.b', 'c.d'],
      [],
    ],
    'one server twice is ambiguous': [`{"auths":{"a.b":{"auth":"${PAIR}"},"a.b":${JSON.stringify(other)}}}`, ['a.b'], ['a.b']],
    'one server in two auths is ambiguous': [
      `{"auths":{"a.b":{"auth":"${PAIR}"}},"auths":{"a.b":${JSON.stringify(other)}}}`,
      ['a.b'],
      ['a.b'],
    ],
    'one server twice, with the same content, is not ambiguous': [
      `{"auths":{"a.b":{"auth":"${PAIR}"},"a.b":{ "auth" : "${PAIR}" }}}`,
      ['a.b'],
      [],
    ],
    'one field twice is ambiguous': [
      `{"auths":{"a.b":{"auth":"${PAIR}","auth":"${other.auth}"},"c.d":${JSON.stringify(other)}}}`,
      ['a.b', 'c.d'],
      ['a.b'],
    ],
    'one field twice, in two spellings, is ambiguous': [`{"auths":{"a.b":{"auth":"${PAIR}","Auth":"${other.auth}"}}}`, ['a.b'], ['a.b']],
    'one field twice, once as null, is not ambiguous': [`{"auths":{"a.b":{"auth":"${PAIR}","auth":null}}}`, ['a.b'], []],
  };
  for (const [what, [json, servers, ambiguous]] of Object.entries(repeated)) {
    it(`with ${what}`, () => {
      const config = readDockerConfig(Buffer.from(json), WHERE);
      if ('problem' in config) return expect.fail(config.problem.message);
      expect([...config.ok.entries.keys()]).to.deep.equal(servers);
      expect([...config.ok.ambiguous]).to.deep.equal(ambiguous);
    });
  }

  it('with one broken entry still has its other entries', () => {
    const { entries } = read(JSON.stringify({ auths: { ...auths, 'ghcr.io': null } }));
    expect(entries[SERVER]).to.deep.equal({ ok: AUTH });
    expect(reasonOf(entries['ghcr.io'] as Parsed<Auth>)).to.equal('MalformedEntry');
  });
});

describe('Reading a docker config', () => {
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
        expect(read(given, legacy).parsed).to.satisfy((all: object[]) => all.every((one) => 'ok' in one || 'problem' in one));
      }),
      { numRuns: 1000 },
    );
  });

  it('never shows a secret value in a message', () => {
    const forms = [PASSWORD, `${PASSWORD}\n`, `:${PASSWORD}`, `robot:${PASSWORD}`];
    const encoded = [...forms, ...forms.map(base64), ...forms.map(base64).map(base64)];
    const value = fc.oneof(fc.constantFrom(...encoded), fc.constantFrom<unknown>('', null, 1, {}, [PASSWORD], { auth: PASSWORD }));
    const config = configOf(value);
    const given = fc.oneof(config, cut(config), config.map(base64), fc.constantFrom(...encoded));
    fc.assert(
      fc.property(given, (text) => {
        const messages = read(text).parsed.map(messageOf).join('\n');
        for (const form of encoded) expect(messages).to.not.contain(form.trim().replace(/=+$/, ''));
      }),
      { numRuns: 1000 },
    );
  });
});
