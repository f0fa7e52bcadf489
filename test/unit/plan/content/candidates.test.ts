import { expect } from 'chai';
import { REASON } from '../../../../src/api/reasons.ts';
import type { RegistryCredentialSpec } from '../../../../src/api/types.ts';
import { hasSource, readCandidates, type TokenState } from '../../../../src/plan/content/candidates.ts';
import type { SourceState } from '../../../../src/plan/content/source.ts';
import { base64, source, spec } from '../../../support/builders.ts';

const ref = (name: string) => ({ secretRef: { namespace: 'regcred-system', name } });
const present = (...args: Parameters<typeof source>): SourceState => ({ state: 'present', secret: source(...args) });
const login = { username: 'robot', password: 'sample-password' };
const config = (...servers: string[]) => ({
  '.dockerconfigjson': JSON.stringify({ auths: Object.fromEntries(servers.map((server) => [server, login])) }),
});
const auth = { auth: base64('robot:sample-password'), username: 'robot', password: 'sample-password' };

const SOURCES: Record<string, SourceState> = {
  robot: present('kubernetes.io/basic-auth', login),
  expiring: present('kubernetes.io/basic-auth', login, { expiresAt: '2027-01-01T00:00:00Z' }),
  config: present('kubernetes.io/dockerconfigjson', config('ghcr.io', 'quay.io'), { expiresAt: '2028-01-01T00:00:00Z' }),
  gone: { state: 'missing' },
  slow: { state: 'loading' },
};
const problem = { reason: REASON.sourceMissing, message: 'no token' };
const fetched = { expiresAt: 2000, refreshAt: 1000 };
const TOKENS: Record<string, TokenState> = {
  'fetched.example.com': { state: 'present', source: 'regcred-system/token', auth, fetched },
  'unusable.example.com': { state: 'unusable', source: 'regcred-system/token', problem },
  'loading.example.com': { state: 'loading' },
};
const token = { aws: {} };

/** Each entry by its server without the login, which is always the same, and each broken source. */
function read(mods: Partial<RegistryCredentialSpec>) {
  const candidates = readCandidates(
    spec(mods),
    'uid-acme',
    ({ name }) => SOURCES[name] as SourceState,
    (server) => TOKENS[server] as TokenState,
  );
  if (candidates.state === 'loading') return 'loading';
  const entries = Array.from(candidates.entries, ([server, { auth: _, ...entry }]) => [server, entry]);
  return { entries: Object.fromEntries(entries), broken: candidates.broken.map(({ source, server }) => [source, server]) };
}

describe('The entries that the sources hold', () => {
  const table: Record<string, { spec: Partial<RegistryCredentialSpec>; entries?: object; broken?: [string, string?][] }> = {
    'name their source': {
      spec: { registries: [{ server: 'ghcr.io', ...ref('robot') }] },
      entries: { 'ghcr.io': { source: 'regcred-system/robot' } },
    },
    'have the annotation that says when the password expires': {
      spec: { registries: [{ server: 'ghcr.io', ...ref('expiring') }] },
      entries: { 'ghcr.io': { source: 'regcred-system/expiring', expiresAt: '2027-01-01T00:00:00Z' } },
    },
    'of a whole config all have its annotation': {
      spec: { dockerConfigs: [ref('config')] },
      entries: {
        'ghcr.io': { source: 'regcred-system/config', expiresAt: '2028-01-01T00:00:00Z' },
        'quay.io': { source: 'regcred-system/config', expiresAt: '2028-01-01T00:00:00Z' },
      },
    },
    'have the image and the certificates by which they are checked': {
      spec: { registries: [{ server: 'ghcr.io', ...ref('robot'), probeImage: 'acme/app', caBundle: 'sample' }] },
      entries: { 'ghcr.io': { source: 'regcred-system/robot', probeImage: 'acme/app', caBundle: 'sample' } },
    },
    'do not contain what a config has for a server whose own source is missing': {
      spec: { dockerConfigs: [ref('config')], registries: [{ server: 'https://ghcr.io', ...ref('gone') }] },
      entries: { 'quay.io': { source: 'regcred-system/config', expiresAt: '2028-01-01T00:00:00Z' } },
      broken: [['regcred-system/gone', 'ghcr.io']],
    },
    'do not contain what a config has for a server that has neither a source nor a token': {
      spec: { dockerConfigs: [ref('config')], registries: [{ server: 'ghcr.io' }] },
      entries: { 'quay.io': { source: 'regcred-system/config', expiresAt: '2028-01-01T00:00:00Z' } },
    },
    'of the other sources are there when a whole config is missing, whose servers nobody knows': {
      spec: { dockerConfigs: [ref('gone'), ref('config')] },
      entries: {
        'ghcr.io': { source: 'regcred-system/config', expiresAt: '2028-01-01T00:00:00Z' },
        'quay.io': { source: 'regcred-system/config', expiresAt: '2028-01-01T00:00:00Z' },
      },
      broken: [['regcred-system/gone', undefined]],
    },
    'have a fetched token with its times': {
      spec: { registries: [{ server: 'fetched.example.com', token }] },
      entries: { 'fetched.example.com': { source: 'regcred-system/token', fetched } },
    },
    'do not contain a server whose token cannot be fetched': {
      spec: { registries: [{ server: 'unusable.example.com', token }] },
      broken: [['regcred-system/token', 'unusable.example.com']],
    },
  };
  for (const [what, { spec, entries = {}, broken = [] }] of Object.entries(table)) {
    it(what, () => expect(read(spec)).to.deep.equal({ entries, broken }));
  }

  it('are not known while a source or a token is not', () => {
    const robot = { server: 'ghcr.io', ...ref('robot') };
    expect(read({ registries: [robot, { server: 'quay.io', ...ref('slow') }] })).to.equal('loading');
    expect(read({ registries: [robot, { server: 'loading.example.com', token }] })).to.equal('loading');
    expect(
      read({
        registries: [
          { server: 'loading.example.com', token },
          { server: 'fetched.example.com', token },
        ],
      }),
    ).to.equal('loading');
  });
});

describe('A Secret', () => {
  const registries = [
    { server: 'ghcr.io', ...ref('robot') },
    { server: 'fetched.example.com', token: { aws: { secretRef: { namespace: 'vault', name: 'keys' } } } },
  ];
  const table: Record<string, readonly [of: Partial<RegistryCredentialSpec>, secret: string, isSource: boolean]> = {
    'is a source if a registry refers to it': [{ registries }, 'regcred-system/robot', true],
    'is a source if a token is fetched with it': [{ registries }, 'vault/keys', true],
    'is a source if it is a whole config': [{ dockerConfigs: [ref('config'), ref('robot')] }, 'regcred-system/robot', true],
    'is a source if it is a whole config, and no registry refers to it': [
      { dockerConfigs: [ref('config')], registries },
      'regcred-system/config',
      true,
    ],
    'is a source if a registry refers to it, beside a whole config': [
      { dockerConfigs: [ref('config')], registries },
      'regcred-system/robot',
      true,
    ],
    'is none in another namespace': [{ dockerConfigs: [ref('config')], registries }, 'vault/robot', false],
    'is none of another name': [{ dockerConfigs: [ref('config')], registries }, 'vault/other', false],
    'is none if there are no sources': [{}, 'regcred-system/robot', false],
  };
  for (const [what, [of, secret, isSource]] of Object.entries(table)) {
    it(what, () => {
      const [namespace = '', name = ''] = secret.split('/');
      expect(hasSource(spec(of), namespace, name)).to.equal(isSource);
    });
  }
});
