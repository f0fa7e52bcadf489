import { expect } from 'chai';
import type { Auth, Outcome } from '../../../src/plan/docker-config.ts';
import { readRegistry, readWholeConfig, type SecretRef, unusable } from '../../../src/plan/source.ts';
import { base64, source } from '../../support/builders.ts';

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
const present = ({ type, values }: Case) => ({ state: 'present' as const, secret: source(type, values) });
const registry = (one: Case) => readRegistry(refOf(one), one.server ?? SERVER, present(one));
const whole = (one: Case) => readWholeConfig(refOf(one), present(one));

function expectProblem(outcome: Outcome<unknown>, reason: string, says: readonly string[]): void {
  if (!('problem' in outcome)) throw new Error('There is no problem.');
  expect(outcome.problem.reason).to.equal(reason);
  for (const text of ['Secret regcred-system/robot', ...says]) expect(outcome.problem.message).to.contain(text);
}

describe('A registry', () => {
  const good: Record<string, Case> = {
    'is read from basic-auth': { type: BASIC, values: plain },
    'is read from Opaque': { type: 'Opaque', values: plain },
    'is read from keys of other names': {
      type: 'Opaque',
      values: { user: 'robot', token: 'sample-password', password: 'x' },
      ref: { usernameKey: 'user', passwordKey: 'token' },
    },
    'is read from dockerconfigjson': { type: JSON_TYPE, values: { '.dockerconfigjson': config('other.example.com', SERVER) } },
    'is read from dockercfg': { type: LEGACY, values: { '.dockercfg': JSON.stringify({ [SERVER]: pair() }) } },
    'is read from a docker config beside a dockercfg': {
      type: LEGACY,
      values: { '.dockercfg': '{}', 'config.json': config(SERVER) },
      ref: { key: 'config.json' },
    },
    'is read from a docker config in Opaque': {
      type: 'Opaque',
      values: { ...plain, 'config.json': config(SERVER) },
      ref: { key: 'config.json' },
    },
    'is found under another name of the server': {
      type: JSON_TYPE,
      values: { '.dockerconfigjson': config('https://index.docker.io/v1/') },
      server: 'docker.io',
    },
    'is read though another entry is broken': {
      type: JSON_TYPE,
      values: { '.dockerconfigjson': JSON.stringify({ auths: { [SERVER]: pair(), 'other.example.com': 1 } }) },
    },
  };
  for (const [what, one] of Object.entries(good)) it(what, () => expect(registry(one)).to.deep.equal({ ok: AUTH }));

  const many = Array.from({ length: 12 }, (_, n) => `r${String(n).padStart(2, '0')}.example.com`);
  const bad: Record<string, Case & { reason: string; says: readonly string[] }> = {
    'of a wrong type': {
      type: 'kubernetes.io/tls',
      values: plain,
      reason: 'WrongSecretType',
      says: ['"kubernetes.io/tls"', BASIC, JSON_TYPE, LEGACY, 'Opaque'],
    },
    'without its username': {
      type: BASIC,
      values: { password: 'x' },
      reason: 'KeyMissing',
      says: [SERVER, 'key "username" is missing', 'the keys: password.'],
    },
    'without its password': {
      type: 'Opaque',
      values: { username: 'x', token: 'x' },
      reason: 'KeyMissing',
      says: ['"password"', 'token, username', 'passwordKey'],
    },
    'of an empty Secret': { type: JSON_TYPE, values: {}, reason: 'KeyMissing', says: ['".dockerconfigjson"', 'The Secret is empty'] },
    'under a key that every object of JavaScript has': {
      type: 'Opaque',
      values: plain,
      ref: { key: 'constructor' },
      reason: 'KeyMissing',
      says: ['"constructor"'],
    },
    'with a colon in the username': {
      type: BASIC,
      values: { ...plain, username: 'a:b' },
      reason: 'ColonInUsername',
      says: [`server ${SERVER}:`],
    },
    'with a config that is none': { type: LEGACY, values: { '.dockercfg': 'x' }, reason: 'NotJSON', says: ['key ".dockercfg"'] },
    'with a helper for it': {
      type: JSON_TYPE,
      values: { '.dockerconfigjson': JSON.stringify({ auths: { 'other.example.com': pair() }, credHelpers: { [SERVER]: 'sample' } }) },
      reason: 'PasswordInCredentialStore',
      says: [`server ${SERVER}:`],
    },
    'with entries for others only': {
      type: JSON_TYPE,
      values: { '.dockerconfigjson': config(...many) },
      reason: 'ServerMissing',
      says: [`no entry for ${SERVER}`, `${many.slice(0, 10).join(', ')} and 2 more.`],
    },
  };
  for (const [what, { reason, says, ...one }] of Object.entries(bad)) {
    it(`${what} is ${reason}`, () => expectProblem(registry(one), reason, says));
  }
});

describe('A whole docker config', () => {
  const keys = Object.fromEntries(Array.from({ length: 12 }, (_, n) => [`k${String(n).padStart(2, '0')}`, 'x']));
  it('has all its entries taken over', () => {
    const auths = new Map([
      ['a.example.com', AUTH],
      ['b.example.com', AUTH],
    ]);
    expect(whole({ type: JSON_TYPE, values: { '.dockerconfigjson': config('b.example.com', 'https://a.example.com') } })).to.deep.equal({
      ok: auths,
    });
  });

  const bad: Record<string, Case & { reason: string; says: readonly string[] }> = {
    'with one broken entry': {
      type: JSON_TYPE,
      values: { '.dockerconfigjson': JSON.stringify({ auths: { [SERVER]: pair(), 'other.example.com': {} } }) },
      reason: 'EmptyPassword',
      says: ['Secret regcred-system/robot, key ".dockerconfigjson", server other.example.com: the password'],
    },
    'that is none': { type: JSON_TYPE, values: { '.dockerconfigjson': 'x' }, reason: 'NotJSON', says: ['key ".dockerconfigjson"'] },
    'in Opaque without a key': {
      type: 'Opaque',
      values: keys,
      reason: 'KeyMissing',
      says: ['secretRef.key', 'the keys: k00, k01', 'k09 and 2 more.'],
    },
    'that is a username and password': { type: BASIC, values: plain, reason: 'WrongSecretType', says: ['under spec.registries'] },
    'of a wrong type': {
      type: 'kubernetes.io/tls',
      values: plain,
      ref: { key: 'username' },
      reason: 'WrongSecretType',
      says: ['"kubernetes.io/tls"'],
    },
  };
  for (const [what, { reason, says, ...one }] of Object.entries(bad)) {
    it(`${what} is ${reason}`, () => expectProblem(whole(one), reason, says));
  }
});

describe('A source', () => {
  const ref = { namespace: 'regcred-system', name: 'robot' };
  const carrying = (uid: string) => ({
    state: 'present' as const,
    secret: source(BASIC, plain, { labels: { 'regcred.dev/credential-uid': uid } }),
  });

  it('that is missing is unusable', () => {
    expect(unusable(ref, { state: 'missing' }, 'uid-acme'))
      .to.deep.include({ reason: 'SourceMissing' })
      .and.have.property('message')
      .that.contains('regcred-system/robot does not exist');
  });
  it('that cannot be read is unusable, and why is said', () => {
    expect(unusable(ref, { state: 'unreadable', why: 'forbidden' }, 'uid-acme')).to.deep.equal({
      reason: 'SourceUnreadable',
      message: 'Secret regcred-system/robot cannot be read: forbidden',
    });
  });
  it('that lies where none may lie is unusable, and where they may is said', () => {
    expect(unusable(ref, { state: 'notAllowed', allowed: ['vault', 'ops'] }, 'uid-acme', 'ghcr.io')).to.deep.equal({
      reason: 'SourceNotAllowed',
      message:
        'Secret regcred-system/robot (server ghcr.io) is not read: the operator runs with --source-namespaces=vault,ops. Move the Secret into one of these, or have regcred-system added.',
    });
  });
  it('that the credential itself has made is unusable', () => {
    expect(unusable(ref, carrying('uid-acme'), 'uid-acme')).to.have.property('reason', 'SourceIsOwnOutput');
  });
  it('that another credential has made is usable', () => expect(unusable(ref, carrying('uid-other'), 'uid-acme')).to.equal(undefined));
});
