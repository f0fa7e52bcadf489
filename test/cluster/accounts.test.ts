import { writeFileSync } from 'node:fs';
import { expect } from 'chai';
import { type Cluster, type Scene, theCluster } from '../support/cluster.ts';
import { eventually } from '../support/eventually.ts';

describe('The imagePullSecrets of a ServiceAccount', () => {
  let cluster: Cluster;
  let scene: Scene;
  let namespace: string;
  before(async () => (cluster = await theCluster()));
  beforeEach(async () => {
    scene = cluster.scene();
    await scene.basicAuth();
    namespace = await scene.namespace();
  });

  const recorded = async () => (await scene.account(namespace)).metadata.annotations?.['regcred.dev/pull-secrets'];
  const list = (...names: string[]) => names.map((name) => ({ name }));

  it('keep the entries of others, and their order, when ours is added and removed', async () => {
    await scene.patchAccount(namespace, { imagePullSecrets: list('z', 'a', 'm') });
    await scene.credential();
    await scene.ready();
    expect(await scene.pullSecrets(namespace)).to.deep.equal(['z', 'a', 'm', scene.name]);
    await scene.deleteCredential();
    await scene.credentialGone();
    expect(await scene.pullSecrets(namespace)).to.deep.equal(['z', 'a', 'm']);
    expect(await recorded()).to.equal(undefined);
  });

  it('keep an entry with our name that a person added', async () => {
    await scene.patchAccount(namespace, { imagePullSecrets: list(scene.name, 'a') });
    const before = await scene.account(namespace);
    await scene.credential();
    await scene.ready();
    await scene.secretIn(namespace);
    expect(await scene.account(namespace)).to.deep.equal(before);
    await scene.deleteCredential();
    await scene.credentialGone();
    expect(await scene.account(namespace)).to.deep.equal(before);
  });

  it('keep entries that another writer adds at the same time', async () => {
    await scene.credential();
    // The other writer adds entries as fast as it can, each with the resourceVersion that it read.
    const added: string[] = [];
    for (let at = 0; at < 20; at++) {
      await eventually('the write of the other writer succeeds', async () => {
        const { metadata, imagePullSecrets = [] } = await scene.account(namespace);
        await scene.patchAccount(namespace, {
          metadata: { resourceVersion: metadata.resourceVersion },
          imagePullSecrets: [...imagePullSecrets, { name: `other-${at}` }],
        });
      });
      added.push(`other-${at}`);
    }
    await scene.ready();
    const names = await scene.pullSecrets(namespace);
    expect(names.filter((name) => name !== scene.name)).to.deep.equal(added);
    expect(names.filter((name) => name === scene.name)).to.have.lengthOf(1);
  });

  it('get a record of the names that are ours', async () => {
    await scene.credential();
    await scene.credential({}, `${scene.name}-b`);
    await scene.ready();
    await scene.ready('True', 'Synced', `${scene.name}-b`);
    await eventually('both are recorded', async () => expect(await recorded()).to.equal(`${scene.name},${scene.name}-b`));
  });

  it('lose a recorded name that no credential needs any more', async () => {
    await scene.patchAccount(namespace, {
      metadata: { annotations: { 'regcred.dev/pull-secrets': 'long-gone' } },
      imagePullSecrets: list('long-gone', 'other'),
    });
    await scene.pullSecretsAre(namespace, ['other']);
    expect(await recorded()).to.equal(undefined);
  });

  it('are written with one stable field manager', async () => {
    // The API server tracks field managers only for an object that had managed fields when it was created.
    await scene.makeAccount(namespace, 'robot', {}, { team: 'a' });
    await scene.credential({ serviceAccounts: { names: ['robot'] } });
    await scene.ready();
    const { managedFields } = (await scene.account(namespace, 'robot')).metadata as unknown as { managedFields: { manager: string }[] };
    expect(managedFields.map(({ manager }) => manager)).to.include('regcred');
  });

  it('survive kubectl apply, client-side and server-side, of an account without the field', async () => {
    await scene.credential();
    await scene.ready();
    const manifest = JSON.stringify({
      apiVersion: 'v1',
      kind: 'ServiceAccount',
      metadata: { name: 'default', namespace, labels: { from: 'git' } },
    });
    const file = `${cluster.controlPlane.scratch}/${scene.name}.json`;
    writeFileSync(file, manifest);
    await cluster.kubectl('apply', '-f', file);
    await cluster.kubectl('apply', '--server-side', '--force-conflicts', '-f', file);
    expect(await scene.pullSecrets(namespace)).to.deep.equal([scene.name]);
    await scene.ready();
  });
});
