import { expect } from 'chai';
import type { CredentialRecord, NamespaceRecord } from '../../../src/api/records.ts';
import { CredentialIndex, credentialStore, namespaceStore } from '../../../src/cluster/credential-index.ts';
import { credential, namespace } from '../../support/builders.ts';

const robot = (home = 'regcred-system', name = 'robot') => [{ server: 'registry.example.com', secretRef: { namespace: home, name } }];

describe('The index of credentials', () => {
  let index: CredentialIndex;
  const put = (record: CredentialRecord) =>
    (record.namespace === '' ? index.clusterScoped : index.namespaced).accept({ type: 'applied', record });
  const named = (found: Iterable<CredentialRecord>) => Array.from(found, ({ namespace, name }) => `${namespace}/${name}`).sort();
  let version = 1;
  const cluster = (name: string, spec: object = {}) =>
    credential({ name, uid: `uid-${name}`, resourceVersion: String(version++), spec: { registries: robot(), ...spec } });
  const tenant = (home: string, name: string, spec: object = {}) =>
    credential({
      kind: 'NamespacedRegistryCredential',
      namespace: home,
      name,
      uid: `uid-${home}-${name}`,
      resourceVersion: String(version++),
      spec: { registries: robot(home), ...spec },
    });
  const shop: NamespaceRecord = namespace({ name: 'shop', acceptFrom: ['team'] });

  beforeEach(() => {
    index = new CredentialIndex(
      credentialStore(() => {}),
      credentialStore(() => {}),
      namespaceStore(() => {}),
    );
    for (const one of [
      cluster('acme', { secretName: 'regcred' }),
      cluster('other'),
      tenant('shop', 'own', { secretName: 'regcred' }),
      tenant('team', 'lent', { secretName: 'regcred' }),
      tenant('far', 'away', { secretName: 'regcred' }),
    ])
      put(one);
  });
  const withName = (name: string) => named(index.reachingWithName(shop, name));

  it('finds those that can reach a namespace and have a Secret name', () =>
    expect([withName('regcred'), withName('other')]).to.deep.equal([['/acme', 'shop/own', 'team/lent'], ['/other']]));
  it('finds those that got the Secret name, and no longer those that had it', () => {
    put(cluster('acme', { secretName: 'other' }));
    put(tenant('team', 'lent', { secretName: 'other' }));
    expect([withName('regcred'), withName('other')]).to.deep.equal([['shop/own'], ['/acme', '/other', 'team/lent']]);
  });
  it('finds those that have a Secret as a source', () => {
    expect(named(index.readersOf({ namespace: 'regcred-system', name: 'robot' }))).to.deep.equal(['/acme', '/other']);
    expect(named(index.readersOf({ namespace: 'team', name: 'robot' }))).to.deep.equal(['team/lent']);
  });
  it('finds those that got a source, and no longer those that had it', () => {
    put(cluster('acme', { registries: robot('regcred-system', 'another') }));
    expect(named(index.readersOf({ namespace: 'regcred-system', name: 'robot' }))).to.deep.equal(['/other']);
    expect(named(index.readersOf({ namespace: 'regcred-system', name: 'another' }))).to.deep.equal(['/acme']);
  });
  it('finds one by its uid', () => expect(index.byUid('uid-team-lent')?.name).to.equal('lent'));
});
