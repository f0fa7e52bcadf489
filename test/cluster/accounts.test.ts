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

  it('keep others’ entries and their order, through placing and taking back', async () => {
    await scene.patchAccount(namespace, { imagePullSecrets: list('z', 'a', 'm') });
    await scene.credential();
    await scene.ready();
    expect(await scene.pullSecrets(namespace)).to.deep.equal(['z', 'a', 'm', scene.name]);
    await scene.deleteCredential();
    await scene.credentialGone();
    expect(await scene.pullSecrets(namespace)).to.deep.equal(['z', 'a', 'm']);
    expect(await recorded()).to.equal(undefined);
  });

  it('keep an entry of our name that a person made', async () => {
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

  it('keep what somebody adds at the same time', async () => {
    await scene.credential();
    // Another writer that adds entries as fast as it can, each with the resourceVersion it has read.
    const added: string[] = [];
    for (let at = 0; at < 20; at++) {
      await eventually('the other writer gets through', async () => {
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

  it('record which names are ours', async () => {
    await scene.credential();
    await scene.credential({}, `${scene.name}-b`);
    await scene.ready();
    await scene.ready('True', 'Synced', `${scene.name}-b`);
    await eventually('both are recorded', async () => expect(await recorded()).to.equal(`${scene.name},${scene.name}-b`));
  });

  it('lose a recorded name that nobody wants any more', async () => {
    await scene.patchAccount(namespace, {
      metadata: { annotations: { 'regcred.dev/pull-secrets': 'long-gone' } },
      imagePullSecrets: list('long-gone', 'other'),
    });
    await scene.pullSecretsAre(namespace, ['other']);
    expect(await recorded()).to.equal(undefined);
  });

  it('are written under one stable field manager', async () => {
    // The API server tracks managers only of objects that had a field of somebody's when they were made.
    await scene.makeAccount(namespace, 'robot', {}, { team: 'a' });
    await scene.credential({ serviceAccounts: { names: ['robot'] } });
    await scene.ready();
    const { managedFields } = (await scene.account(namespace, 'robot')).metadata as unknown as { managedFields: { manager: string }[] };
    expect(managedFields.map(({ manager }) => manager)).to.include('regcred');
  });

  it('survive kubectl apply of an account without the field, by client and by server', async () => {
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
