import { expect } from 'chai';
import { type Cluster, type Scene, theCluster } from '../support/cluster.ts';
import { allowWrites, denyWrites } from '../support/denial.ts';
import { eventually } from '../support/eventually.ts';

describe('Deleting a RegistryCredential', () => {
  let cluster: Cluster;
  let scene: Scene;
  before(async () => (cluster = await theCluster()));
  beforeEach(() => (scene = cluster.scene()));

  it('takes back every Secret and every reference, and leaves nothing', async () => {
    const namespaces = await scene.placed(5);
    await scene.deleteCredential();
    await scene.credentialGone();
    for (const namespace of namespaces) {
      await scene.secretGone(namespace);
      expect(await scene.account(namespace)).to.not.have.property('imagePullSecrets');
      expect((await scene.account(namespace)).metadata.annotations ?? {}).to.not.have.property('regcred.dev/pull-secrets');
    }
  });

  it('takes back what was made although the sources are gone, or it is suspended', async () => {
    const [namespace] = (await scene.placed(1)) as [string];
    await scene.patchCredential({ suspend: true });
    await scene.ready('Unknown', 'Suspended');
    await scene.deleteSecret('sources');
    await scene.deleteCredential();
    await scene.credentialGone();
    await scene.secretGone(namespace);
    expect(await scene.pullSecrets(namespace)).to.deep.equal([]);
  });

  it('is carried through after a restart in the middle', async () => {
    const [namespace] = (await scene.placed(1)) as [string];
    await cluster.restart(() => scene.deleteCredential());
    await scene.credentialGone();
    await scene.secretGone(namespace);
    await scene.pullSecretsAre(namespace, []);
  });

  // As Argo CD does by default, as most do, and as is asked for by those who want to keep something.
  for (const policy of ['foreground', 'background', 'orphan']) {
    it(`by the propagation policy ${policy} takes all back, but for what is under Retain`, async () => {
      const [namespace] = (await scene.placed(1)) as [string];
      const kept = await scene.credential({ deletionPolicy: 'Retain' }, `${scene.name}-kept`);
      await scene.ready('True', 'Synced', kept);
      for (const name of [scene.name, kept]) {
        await cluster.kubectl('delete', 'regcred', name, `--cascade=${policy}`, '--wait=false');
        await scene.credentialGone(name);
      }
      await scene.secretGone(namespace);
      await scene.secretIn(namespace, kept);
      await scene.pullSecretsAre(namespace, [kept]);
    });
  }

  it('under Retain leaves everything as it is, without an owner, and a credential made anew goes on with it', async () => {
    const [namespace] = (await scene.placed(1, { deletionPolicy: 'Retain' })) as [string];
    const before = await scene.secretIn(namespace);
    const account = await scene.account(namespace);
    expect(before.metadata.ownerReferences).to.equal(undefined);
    await scene.deleteCredential();
    await scene.credentialGone();
    await cluster.restart();
    expect(await scene.secretIn(namespace)).to.deep.equal(before);
    expect(await scene.account(namespace)).to.deep.equal(account);

    await scene.credential({ deletionPolicy: 'Delete' });
    await scene.ready();
    expect((await scene.secretIn(namespace)).metadata.uid).to.equal(before.metadata.uid);
    expect((await scene.secretIn(namespace)).metadata.ownerReferences).to.have.lengthOf(1);
    await scene.deleteCredential();
    await scene.credentialGone();
    await scene.secretGone(namespace);
    expect(await scene.pullSecrets(namespace)).to.deep.equal([]);
  });

  it('under Retain frees the Secrets from their owner before it lets go, though they were placed under Delete', async () => {
    const namespaces = await scene.placed(3);
    // Suspended, nothing follows the change of the policy: it is the deletion that has to.
    await scene.patchCredential({ suspend: true });
    await scene.ready('Unknown', 'Suspended');
    await scene.patchCredential({ deletionPolicy: 'Retain' });
    await scene.deleteCredential();
    await scene.credentialGone();
    for (const namespace of namespaces) {
      expect((await scene.secretIn(namespace)).metadata.ownerReferences).to.equal(undefined);
      expect(await scene.pullSecrets(namespace)).to.deep.equal([scene.name]);
    }
  });

  it('under Retain leaves everything also while somebody else’s finalizer keeps the object', async () => {
    const [namespace] = (await scene.placed(1, { deletionPolicy: 'Retain' })) as [string];
    const { metadata } = await scene.credentialObject();
    const path = `/apis/regcred.dev/v1alpha1/registrycredentials/${scene.name}`;
    await scene.patch(path, { metadata: { finalizers: [...(metadata.finalizers ?? []), 'example.com/hold'] } });
    await scene.deleteCredential();
    await eventually('ours is gone', async () =>
      expect((await scene.credentialObject()).metadata.finalizers).to.deep.equal(['example.com/hold']),
    );
    await scene.patchAccount(namespace, { metadata: { annotations: { note: 'a' } } });
    await cluster.scene().placed(1); // By then what was to be done about the account would have been done.
    expect(await scene.pullSecrets(namespace)).to.deep.equal([scene.name]);
    await scene.patch(path, { metadata: { finalizers: null } });
    await scene.credentialGone();
  });

  it('under Retain leaves what is kept to be, also where a new credential of the same name goes elsewhere', async () => {
    const [namespace, other] = (await scene.placed(2, { deletionPolicy: 'Retain' })) as [string, string];
    await scene.deleteCredential();
    await scene.credentialGone();
    await scene.credential({ namespaces: { names: [other] } });
    await scene.ready();
    await scene.patchSecret(namespace, { metadata: { annotations: { note: 'a' } } });
    await cluster.scene().placed(1);
    expect((await scene.secretIn(namespace)).metadata.deletionTimestamp).to.equal(undefined);
    expect(await scene.pullSecrets(namespace)).to.deep.equal([scene.name]);
  });

  it('follows a change of the deletion policy: the owner goes under Retain and comes under Delete', async () => {
    const [namespace] = (await scene.placed(1)) as [string];
    await scene.patchCredential({ deletionPolicy: 'Retain' });
    await eventually('the owner goes', async () => expect((await scene.secretIn(namespace)).metadata.ownerReferences).to.equal(undefined));
    await scene.patchCredential({ deletionPolicy: 'Delete' });
    await eventually('the owner comes', async () => expect((await scene.secretIn(namespace)).metadata.ownerReferences).to.have.lengthOf(1));
  });

  it('does not hang on a namespace that is Terminating, nor is such a namespace an error', async () => {
    const [namespace, other] = (await scene.placed(2)) as [string, string];
    // A finalizer of somebody's own keeps the namespace from going.
    await scene.api.call('POST', `/api/v1/namespaces/${namespace}/configmaps`, {
      body: { metadata: { name: 'holds', finalizers: ['example.com/hold'] } },
    });
    await scene.api.call('DELETE', `/api/v1/namespaces/${namespace}`);
    await eventually('the status no longer counts it', async () => expect((await scene.status()).summary).to.equal('1/1'));
    await scene.ready();
    await scene.deleteCredential();
    await scene.credentialGone();
    await scene.secretGone(other);
    await scene.patch(`/api/v1/namespaces/${namespace}/configmaps/holds`, { metadata: { finalizers: null } });
    await scene.gone('the namespace', () => scene.api.call('GET', `/api/v1/namespaces/${namespace}`));
  });

  it('never puts a finalizer on a namespace, an account or a Secret', async () => {
    const [namespace] = (await scene.placed(1)) as [string];
    for (const { metadata } of [await scene.secretIn(namespace), await scene.account(namespace)])
      expect(metadata).to.not.have.property('finalizers');
    await scene.api.call('DELETE', `/api/v1/namespaces/${namespace}`);
    await scene.gone('the namespace', () => scene.api.call('GET', `/api/v1/namespaces/${namespace}`));
  });

  it('waits while a write is denied, says so, and goes through once it is allowed', async () => {
    const [namespace, other] = (await scene.placed(2)) as [string, string];
    await denyWrites(scene, namespace);
    await scene.deleteCredential();
    const { message } = await scene.ready('False', 'Forbidden');
    expect(message).to.contain(namespace).and.to.contain('this namespace is closed');
    await scene.secretGone(other);
    await allowWrites(scene, namespace);
    await scene.credentialGone();
    await scene.secretGone(namespace);
    await scene.pullSecretsAre(namespace, []);
  });

  it('gives up what is denied for ever after a bounded time, and says what is left', async () => {
    const [namespace] = (await scene.placed(1, { deletionPolicy: 'Delete' })) as [string];
    await cluster.operator.stop();
    cluster.operator = cluster.start({ REGCRED_CLEANUP_TIMEOUT: '2' });
    await denyWrites(scene, namespace);
    await scene.deleteCredential();
    await scene.credentialGone();
    await eventually('an Event says so', async () => {
      const event = (await scene.events()).find(({ reason }) => reason === 'CleanupIncomplete');
      expect(event?.message).to.contain(`ServiceAccount ${namespace}/default`);
    });
    await allowWrites(scene, namespace);
    await cluster.restart();
    await scene.secretGone(namespace);
    await scene.pullSecretsAre(namespace, []);
  });
});
