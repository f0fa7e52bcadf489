import { expect } from 'chai';
import type { Auth } from '../../../../src/plan/content/auth.ts';
import type { Parsed } from '../../../../src/plan/content/parsed.ts';
import { readRegistry, readWholeConfig } from '../../../../src/plan/content/read-source.ts';
import type { SecretRef } from '../../../../src/plan/content/source.ts';
import { base64, source } from '../../../support/builders.ts';

const SERVER = 'registry.example.com';
const pair = (username = 'robot') => ({ auth: base64(`${username}:sample-password`) });
const AUTH: Auth = { username: 'robot', password: 'sample-password', ...pair() };
const config = (...servers: string[]) => JSON.stringify({ auths: Object.fromEntries(servers.map((server) => [server, pair()])) });
const plain = { username: 'robot', password: 'sample-password' };

const BASIC = 'kubernetes.io/basic-auth';
const JSON_TYPE = 'kubernetes.io/dockerconfigjson';
const LEGACY = 'kubernetes.io/dockercfg';

interface Case {
  readonly type: string;
  readonly values: Record<string, string>;
  readonly ref?: Partial<SecretRef>;
  readonly server?: string;
}
const refOf = ({ ref }: Case): SecretRef => ({ namespace: 'regcred-system', name: 'robot', ...ref });
const registry = (one: Case) => readRegistry(refOf(one), one.server ?? SERVER, source(one.type, one.values));
const whole = (one: Case) => readWholeConfig(refOf(one), source(one.type, one.values));

function expectProblem(parsed: Parsed<unknown>, reason: string, phrases: readonly string[]): void {
  if (!('problem' in parsed)) throw new Error('There is no problem.');
  expect(parsed.problem.reason).to.equal(reason);
  for (const text of ['Secret regcred-system/robot', ...phrases]) expect(parsed.problem.message).to.contain(text);
}

describe('A registry', () => {
  const good: Record<string, Case> = {
    'is read from basic-auth': { type: BASIC, values: plain },
    'is read from Opaque': { type: 'Opaque', values: plain },
    'is read from other keys': {
      type: 'Opaque',
      values: { user: 'robot', token: 'sample-password', password: 'x' },
      ref: { usernameKey: 'user', passwordKey: 'token' },
    },
    'is read from dockerconfigjson': { type: JSON_TYPE, values: { '.dockerconfigjson': config('other.example.com', SERVER) } },
    'is read from dockercfg': { type: LEGACY, values: { '.dockercfg': JSON.stringify({ [SERVER]: pair() }) } },
    'is read from a docker config in addition to a dockercfg': {
      type: LEGACY,
      values: { '.dockercfg': '{}', 'config.json': config(SERVER) },
      ref: { key: 'config.json' },
    },
    'is read from a docker config in Opaque': {
      type: 'Opaque',
      values: { ...plain, 'config.json': config(SERVER) },
      ref: { key: 'config.json' },
    },
    'is found under another name of its server': {
      type: JSON_TYPE,
      values: { '.dockerconfigjson': config('https://index.docker.io/v1/') },
      server: 'docker.io',
    },
    'is read even if another entry is broken': {
      type: JSON_TYPE,
      values: { '.dockerconfigjson': JSON.stringify({ auths: { [SERVER]: pair(), 'other.example.com': 1 } }) },
    },
  };
  for (const [what, one] of Object.entries(good)) it(what, () => expect(registry(one)).to.deep.equal({ ok: AUTH }));

  const many = Array.from({ length: 12 }, (_, n) => `r${String(n).padStart(2, '0')}.example.com`);
  const bad: Record<string, Case & { reason: string; phrases: readonly string[] }> = {
    'from a Secret of a wrong type': {
      type: 'kubernetes.io/tls',
      values: plain,
      reason: 'WrongSecretType',
      phrases: ['"kubernetes.io/tls"', BASIC, JSON_TYPE, LEGACY, 'Opaque'],
    },
    'without its username': {
      type: BASIC,
      values: { password: 'x' },
      reason: 'KeyMissing',
      phrases: [SERVER, 'key "username" is missing', 'the keys: password.'],
    },
    'without its password': {
      type: 'Opaque',
      values: { username: 'x', token: 'x' },
      reason: 'KeyMissing',
      phrases: ['"password"', 'token, username', 'passwordKey'],
    },
    'from an empty Secret': { type: JSON_TYPE, values: {}, reason: 'KeyMissing', phrases: ['".dockerconfigjson"', 'The Secret is empty'] },
    'under a key that every JavaScript object inherits': {
      type: 'Opaque',
      values: plain,
      ref: { key: 'constructor' },
      reason: 'KeyMissing',
      phrases: ['"constructor"'],
    },
    'with a colon in the username': {
      type: BASIC,
      values: { ...plain, username: 'a:b' },
      reason: 'ColonInUsername',
      phrases: [`server ${SERVER}:`],
    },
    'with an invalid docker config': { type: LEGACY, values: { '.dockercfg': 'x' }, reason: 'NotJSON', phrases: ['key ".dockercfg"'] },
    'with a credential helper for its server': {
      type: JSON_TYPE,
      values: { '.dockerconfigjson': JSON.stringify({ auths: { 'other.example.com': pair() }, credHelpers: { [SERVER]: 'sample' } }) },
      reason: 'PasswordInCredentialStore',
      phrases: [`server ${SERVER}:`],
    },
    'with entries only for other servers': {
      type: JSON_TYPE,
      values: { '.dockerconfigjson': config(...many) },
      reason: 'ServerMissing',
      phrases: [`no entry for ${SERVER}`, `${many.slice(0, 10).join(', ')} and 2 more.`],
    },
    'with ten entries only for other servers': {
      type: JSON_TYPE,
      values: { '.dockerconfigjson': config(...many.slice(0, 10)) },
      reason: 'ServerMissing',
      phrases: [`no entry for ${SERVER}`, `${many.slice(0, 10).join(', ')}.`],
    },
    'of a type that is very long': {
      type: `${'t'.repeat(100)}-end`,
      values: plain,
      reason: 'WrongSecretType',
      phrases: [`is of type "${'t'.repeat(100)}". `],
    },
    'with keys that are very long': {
      type: BASIC,
      values: { [`${'k'.repeat(100)}-end`]: 'x' },
      reason: 'KeyMissing',
      phrases: [`the keys: ${'k'.repeat(100)}. `],
    },
  };
  for (const [what, { reason, phrases, ...one }] of Object.entries(bad)) {
    it(`${what} is ${reason}`, () => expectProblem(registry(one), reason, phrases));
  }
});

describe('A whole docker config', () => {
  const keys = Object.fromEntries(Array.from({ length: 12 }, (_, n) => [`k${String(n).padStart(2, '0')}`, 'x']));
  it('contributes all its entries', () => {
    const auths = new Map([
      ['a.example.com', AUTH],
      ['b.example.com', AUTH],
    ]);
    expect(whole({ type: JSON_TYPE, values: { '.dockerconfigjson': config('b.example.com', 'https://a.example.com') } })).to.deep.equal({
      ok: { auths, skipped: [] },
    });
  });

  const json = (value: object) => ({ type: JSON_TYPE, values: { '.dockerconfigjson': JSON.stringify(value) } });
  const partly: Record<string, { auths: object; more?: object; skipped: readonly (readonly [reason: string, phrase: string])[] }> = {
    'whose password is in a credential store': {
      auths: { 'other.example.com': {} },
      more: { credsStore: 'desktop' },
      skipped: [['PasswordInCredentialStore', 'server other.example.com: the password is not in this config']],
    },
    'of an identity token': {
      auths: { 'other.example.com': { identitytoken: 'sample-token' } },
      skipped: [['IdentityTokenOnly', 'server other.example.com']],
    },
    'without a name': { auths: { '': pair() }, skipped: [['MalformedEntry', 'server "": the kubelet never finds this entry']] },
    'of only a scheme': { auths: { 'https://': pair() }, skipped: [['MalformedEntry', 'server "https://"']] },
    'with a space at the end': { auths: { 'ghcr.io ': pair() }, skipped: [['MalformedEntry', 'server "ghcr.io "']] },
    'with another scheme': { auths: { 'oci://ghcr.io': pair() }, skipped: [['MalformedEntry', 'server "oci://ghcr.io"']] },
    'with the tag of an image': { auths: { 'ghcr.io/acme/app:1': pair() }, skipped: [['MalformedEntry', 'server "ghcr.io/acme/app:1"']] },
    'for a server that another entry names in another way': {
      auths: { [`https://${SERVER}/`]: { auth: base64('other:sample-password') } },
      skipped: [['DuplicateServer', `server "https://${SERVER}/": the entry "${SERVER}" is for the same server and is used`]],
    },
  };
  for (const [what, { auths, more, skipped }] of Object.entries(partly)) {
    it(`with an entry ${what} reports it and uses the others`, () => {
      const parsed = whole(json({ auths: { [SERVER]: pair(), ...auths }, ...more }));
      if ('problem' in parsed) return expect.fail(parsed.problem.message);
      expect([...parsed.ok.auths.keys()]).to.deep.equal([SERVER]);
      expect(parsed.ok.skipped.map(({ reason }) => reason)).to.deep.equal(skipped.map(([reason]) => reason));
      for (const [n, [, phrase]] of skipped.entries()) expect(parsed.ok.skipped[n]?.message).to.contain(phrase);
    });
  }

  it('reports at most ten entries that are not used', () => {
    const auths = Object.fromEntries(Array.from({ length: 40 }, (_, n) => [`oci://r${n}.example.com`, pair()]));
    const parsed = whole(json({ auths: { [SERVER]: pair(), ...auths } }));
    if ('problem' in parsed) return expect.fail(parsed.problem.message);
    expect(parsed.ok.skipped).to.have.lengthOf(11);
    expect(parsed.ok.skipped.at(-1)?.message).to.contain('30 more entries');
    const ten = whole(json({ auths: { [SERVER]: pair(), ...Object.fromEntries(Object.entries(auths).slice(0, 10)) } }));
    expect('ok' in ten && ten.ok.skipped.map(({ message }) => message).join())
      .to.contain('r9.example.com')
      .and.not.contain('more entries');
  });

  const bad: Record<string, Case & { reason: string; phrases: readonly string[] }> = {
    'with one broken entry': {
      type: JSON_TYPE,
      values: { '.dockerconfigjson': JSON.stringify({ auths: { [SERVER]: pair(), 'other.example.com': {} } }) },
      reason: 'EmptyPassword',
      phrases: ['Secret regcred-system/robot, key ".dockerconfigjson", server other.example.com: the password'],
    },
    'without a usable entry': {
      type: JSON_TYPE,
      values: { '.dockerconfigjson': JSON.stringify({ auths: { 'oci://ghcr.io': pair() } }) },
      reason: 'MalformedEntry',
      phrases: ['server "oci://ghcr.io": the kubelet never finds this entry'],
    },
    'with one server twice': {
      type: JSON_TYPE,
      values: { '.dockerconfigjson': `{"auths":{"a.example.com":${JSON.stringify(pair())},"a.example.com":{"auth":"eDp5"}}}` },
      reason: 'MalformedEntry',
      phrases: ['server a.example.com: the config has this server, or a field of its entry, twice'],
    },
    'that is invalid': { type: JSON_TYPE, values: { '.dockerconfigjson': 'x' }, reason: 'NotJSON', phrases: ['key ".dockerconfigjson"'] },
    'in an Opaque Secret without secretRef.key': {
      type: 'Opaque',
      values: keys,
      reason: 'KeyMissing',
      phrases: ['secretRef.key', 'the keys: k00, k01', 'k09 and 2 more.'],
    },
    'that is a username and password': { type: BASIC, values: plain, reason: 'WrongSecretType', phrases: ['under spec.registries'] },
    'from a Secret of a wrong type': {
      type: 'kubernetes.io/tls',
      values: plain,
      ref: { key: 'username' },
      reason: 'WrongSecretType',
      phrases: ['"kubernetes.io/tls"'],
    },
  };
  for (const [what, { reason, phrases, ...one }] of Object.entries(bad)) {
    it(`${what} is ${reason}`, () => expectProblem(whole(one), reason, phrases));
  }
});
