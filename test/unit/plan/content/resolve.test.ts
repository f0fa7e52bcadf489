import { expect } from 'chai';
import { contentHash } from '../../../../src/api/hash.ts';
import type { RegistryCredentialSpec } from '../../../../src/api/types.ts';
import { sourcesOf } from '../../../../src/plan/content/candidates.ts';
import { resolve } from '../../../../src/plan/content/resolve.ts';
import type { SourceState } from '../../../../src/plan/content/source.ts';
import { base64, content, source, spec } from '../../../support/builders.ts';

const ref = (name: string) => ({ secretRef: { namespace: 'regcred-system', name } });
const registry = (server: string, name: string) => ({ server, ...ref(name) });
const present = (secret: ReturnType<typeof source>): SourceState => ({ state: 'present', secret });
const config = (username: string, ...servers: string[]) =>
  present(
    source('kubernetes.io/dockerconfigjson', {
      '.dockerconfigjson': JSON.stringify({
        auths: Object.fromEntries(servers.map((server) => [server, { username, password: 'sample-password' }])),
      }),
    }),
  );

const SOURCES: Record<string, SourceState> = {
  robot: present(source('kubernetes.io/basic-auth', { username: 'robot', password: 'sample-password' })),
  'no-password': present(source('kubernetes.io/basic-auth', { username: 'robot' })),
  one: config('one', 'a.example.com', 'b.example.com', 'c.example.com'),
  two: config('two', 'a.example.com', 'b.example.com'),
  large: config('x'.repeat(600_000), 'registry.example.com'),
  gone: { state: 'missing' },
  slow: { state: 'loading' },
};
const resolved = (mods: Partial<RegistryCredentialSpec>) => resolve(spec(mods), 'uid-acme', ({ name }) => SOURCES[name] as SourceState);
const reasons = (mods: Partial<RegistryCredentialSpec>) => {
  const resolution = resolved(mods);
  return resolution.state === 'invalid' ? resolution.problems.map(({ reason }) => reason) : resolution.state;
};

describe('The sources', () => {
  it('become one docker config, in base64 and with its hash', () => {
    expect(resolved({ registries: [registry('https://registry.example.com/v2/', 'robot')] })).to.deep.equal({
      state: 'ready',
      content: content(),
      skipped: [],
    });
  });

  it('are applied in order: registries override later dockerConfigs, which override earlier ones', () => {
    const resolution = resolved({ registries: [registry('a.example.com', 'robot')], dockerConfigs: [ref('one'), ref('two')] });
    const entry = (username: string) => ({ auth: base64(`${username}:sample-password`), password: 'sample-password', username });
    const auths = { 'a.example.com': entry('robot'), 'b.example.com': entry('two'), 'c.example.com': entry('one') };
    const data = base64(JSON.stringify({ auths }));
    const names = ['a.example.com', 'b.example.com', 'c.example.com'];
    expect(resolution).to.deep.equal({ state: 'ready', content: { data, hash: contentHash(data), servers: 3, names }, skipped: [] });
  });

  it('of a whole config report the entries that are not used, and use the others', () => {
    const secret = source('kubernetes.io/dockerconfigjson', {
      '.dockerconfigjson': JSON.stringify({
        auths: { 'a.example.com': { username: 'robot', password: 'sample-password' }, 'b.example.com': {}, 'oci://c.example.com': {} },
        credsStore: 'desktop',
      }),
    });
    const resolution = resolve(spec({ dockerConfigs: [ref('x')] }), 'uid-acme', () => present(secret));
    if (resolution.state !== 'ready') return expect.fail(JSON.stringify(resolution));
    expect(resolution.content.names).to.deep.equal(['a.example.com']);
    expect(resolution.skipped.map(({ reason }) => reason)).to.deep.equal(['PasswordInCredentialStore', 'MalformedEntry']);
  });

  const unready: Record<string, readonly [Partial<RegistryCredentialSpec>, unknown]> = {
    'give no result while a registry is loading, even if another is invalid': [
      { registries: [registry('a', 'gone'), registry('b', 'slow')] },
      'loading',
    ],
    'give no result while a docker config is loading': [{ dockerConfigs: [ref('gone'), ref('slow')] }, 'loading'],
    'report all their problems': [
      {
        dockerConfigs: [ref('one'), ref('gone')],
        registries: [registry('a', 'no-password'), registry('b', 'gone'), registry('c', 'robot')],
      },
      ['SourceMissing', 'KeyMissing', 'SourceMissing'],
    ],
    'are invalid if two registries mean the same server': [
      { registries: [registry('docker.io', 'robot'), registry('index.docker.io', 'robot')] },
      ['DuplicateServer'],
    ],
    'are invalid if the docker config is larger than a Secret can be': [{ dockerConfigs: [ref('large')] }, ['TooLarge']],
  };
  for (const [what, [mods, want]] of Object.entries(unready)) it(what, () => expect(reasons(mods)).to.deep.equal(want));

  it('are listed once each, even if several entries refer to them', () => {
    expect(sourcesOf(spec())).to.deep.equal([]);
    const elsewhere = { secretRef: { namespace: 'elsewhere', name: 'robot' } };
    const withKey = { server: 'b', secretRef: { namespace: 'regcred-system', name: 'robot', key: 'config.json' } };
    const sources = sourcesOf(
      spec({ dockerConfigs: [ref('one')], registries: [registry('a', 'robot'), withKey, { server: 'c', ...elsewhere }] }),
    );
    expect(sources.map(({ namespace, name }) => `${namespace}/${name}`)).to.deep.equal([
      'regcred-system/one',
      'regcred-system/robot',
      'elsewhere/robot',
    ]);
  });
});
