import { expect } from 'chai';
import { type Cluster, type Scene, theCluster } from '../support/cluster.ts';
import { eventually } from '../support/eventually.ts';
import { accept, Tenant } from '../support/tenants.ts';

/** Several credentials that want the same Secret name in one namespace. Each has a password of its own. */
describe('Of credentials that want the same Secret', () => {
  let cluster: Cluster;
  let scene: Scene;
  let home: string;
  let tenant: Tenant;
  before(async () => (cluster = await theCluster()));
  beforeEach(async () => {
    scene = cluster.scene();
    home = await scene.namespace();
    tenant = new Tenant(scene, home);
  });

  const passwordIs = (namespace: string, want: string) =>
    eventually(`the password in ${namespace} is ${want}`, async () =>
      expect((await scene.dockerConfigIn(namespace)).auths['registry.example.com']?.password).to.equal(want),
    );
  const uid = async (namespace = home) => (await scene.secretIn(namespace)).metadata.uid;
  const clusterScoped = async () => {
    await scene.basicAuth('cluster-sample');
    await scene.credential({ namespaces: { names: [home] } });
  };
  const ownerKinds = async () => (await scene.secretIn(home)).metadata.ownerReferences?.map(({ kind }) => kind);

  it('a cluster-scoped one takes over that of a tenant in place, and hands it back in place when it is deleted', async () => {
    await tenant.placed();
    const before = await uid();
    await clusterScoped();
    await scene.ready();
    await passwordIs(home, 'cluster-sample');
    expect(await uid()).to.equal(before);
    expect(await ownerKinds()).to.deep.equal(['RegistryCredential']);
    const { message } = await tenant.ready('False', 'SecretExists');
    expect(message).to.contain(`is managed by RegistryCredential ${scene.name}`);

    await scene.deleteCredential();
    await scene.credentialGone();
    await tenant.ready();
    await passwordIs(home, 'sample-password');
    expect(await uid()).to.equal(before);
    expect(await ownerKinds()).to.deep.equal(['NamespacedRegistryCredential']);
    await scene.pullSecretsAre(home, [scene.name]);
  });

  it('a cluster-scoped one hands its Secret over in place when it no longer selects the namespace', async () => {
    await clusterScoped();
    await scene.ready();
    const before = await uid();
    await tenant.source();
    await tenant.create();
    await tenant.ready('False', 'SecretExists');
    await scene.patchCredential({ namespaces: { names: ['nothing'] } });
    await tenant.ready();
    await passwordIs(home, 'sample-password');
    expect(await uid()).to.equal(before);
  });

  it('a tenant does not win by deleting or relabelling the copy of a cluster-scoped one', async () => {
    await clusterScoped();
    await scene.ready();
    await tenant.source();
    const { metadata } = await tenant.create();
    await tenant.ready('False', 'SecretExists');
    await scene.deleteSecret(home);
    await passwordIs(home, 'cluster-sample');
    await scene.patchSecret(home, {
      metadata: {
        labels: { 'regcred.dev/credential-uid': metadata.uid },
        annotations: { 'regcred.dev/credential': `${home}/${scene.name}` },
      },
      stringData: { '.dockerconfigjson': '{"auths":{}}' },
    });
    await passwordIs(home, 'cluster-sample');
    expect((await scene.secretIn(home)).metadata.annotations?.['regcred.dev/credential']).to.equal(scene.name);
    expect((await tenant.ready('False', 'SecretExists')).message).to.contain('RegistryCredential');
  });

  it('the one of the namespace goes before one from elsewhere, and after it is gone the other takes over in place', async () => {
    const other = await scene.namespace();
    const guest = new Tenant(scene, other);
    await accept(scene, home, other);
    await guest.source('guest-sample');
    await guest.create({ namespaces: { names: [home] } });
    await guest.ready();
    await passwordIs(home, 'guest-sample');
    const before = await uid();
    await tenant.placed();
    await passwordIs(home, 'sample-password');
    expect(await uid()).to.equal(before);
    const { message } = await guest.ready('False', 'SecretExists');
    expect(message).to.contain('is managed by a NamespacedRegistryCredential of that namespace');
    await tenant.patch({ secretName: `${scene.name}-new` });
    await guest.ready();
    await passwordIs(home, 'guest-sample');
  });

  it('the order is the same after a restart of the operator', async () => {
    const other = await scene.namespace();
    const guest = new Tenant(scene, other);
    await accept(scene, home, other);
    await clusterScoped();
    await scene.ready();
    await tenant.source();
    await tenant.create();
    await guest.source('guest-sample');
    await guest.create({ namespaces: { names: [home] } });
    await tenant.ready('False', 'SecretExists');
    await guest.ready('False', 'SecretExists');
    const before = (await scene.secretIn(home)).metadata.resourceVersion;
    await cluster.restart();
    await tenant.ready('False', 'SecretExists');
    await guest.ready('False', 'SecretExists');
    expect((await scene.secretIn(home)).metadata.resourceVersion).to.equal(before);
  });
});
