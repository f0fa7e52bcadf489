import { expect } from 'chai';
import { type Cluster, type Scene, theCluster } from '../support/cluster.ts';
import { allowWrites, denyWrites } from '../support/denial.ts';
import { eventually } from '../support/eventually.ts';

describe('Deleting a RegistryCredential', () => {
  let cluster: Cluster;
  let scene: Scene;
  before(async () => (cluster = await theCluster()));
  beforeEach(() => (scene = cluster.scene()));

  it('removes every Secret and every reference', async () => {
    const namespaces = await scene.placed(5);
    await scene.deleteCredential();
    await scene.credentialGone();
    for (const namespace of namespaces) {
      await scene.secretGone(namespace);
      expect(await scene.account(namespace)).to.not.have.property('imagePullSecrets');
      expect((await scene.account(namespace)).metadata.annotations ?? {}).to.not.have.property('regcred.dev/pull-secrets');
    }
  });

  it('removes everything although the sources are gone and the credential is suspended', async () => {
    const [namespace] = (await scene.placed(1)) as [string];
    await scene.patchCredential({ suspend: true });
    await scene.ready('Unknown', 'Suspended');
    await scene.deleteSecret('sources');
    await scene.deleteCredential();
    await scene.credentialGone();
    await scene.secretGone(namespace);
    expect(await scene.pullSecrets(namespace)).to.deep.equal([]);
  });

  it('continues after a restart', async () => {
    const [namespace] = (await scene.placed(1)) as [string];
    await cluster.restart(() => scene.deleteCredential());
    await scene.credentialGone();
    await scene.secretGone(namespace);
    await scene.pullSecretsAre(namespace, []);
  });

  // Argo CD uses foreground by default, most tools use background, and people who want to keep something use orphan.
  for (const policy of ['foreground', 'background', 'orphan']) {
    it(`with --cascade=${policy} removes everything, except for what is under Retain`, async () => {
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

  it('under Retain keeps everything without an owner, and a new credential of that name takes it over', async () => {
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

  it('under Retain removes the owner references before the finalizer, although the Secrets were placed under Delete', async () => {
    const namespaces = await scene.placed(3);
    // The operator ignores a change of the policy while the credential is suspended. The deletion has to apply it.
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

  it('under Retain keeps everything while the finalizer of another controller keeps the object', async () => {
    const [namespace] = (await scene.placed(1, { deletionPolicy: 'Retain' })) as [string];
    const { metadata } = await scene.credentialObject();
    const path = `/apis/regcred.dev/v1alpha1/registrycredentials/${scene.name}`;
    await scene.patch(path, { metadata: { finalizers: [...(metadata.finalizers ?? []), 'example.com/hold'] } });
    await scene.deleteCredential();
    await eventually('our finalizer is gone', async () =>
      expect((await scene.credentialObject()).metadata.finalizers).to.deep.equal(['example.com/hold']),
    );
    await scene.patchAccount(namespace, { metadata: { annotations: { note: 'a' } } });
    await cluster.scene().placed(1); // By then the operator would have changed the account.
    expect(await scene.pullSecrets(namespace)).to.deep.equal([scene.name]);
    await scene.patch(path, { metadata: { finalizers: null } });
    await scene.credentialGone();
  });

  it('under Retain keeps the Secret and the reference, although a new credential of that name does not select the namespace', async () => {
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

  it('applies a change of the deletion policy: Retain removes the owner references, and Delete adds them', async () => {
    const [namespace] = (await scene.placed(1)) as [string];
    await scene.patchCredential({ deletionPolicy: 'Retain' });
    await eventually('the owner goes', async () => expect((await scene.secretIn(namespace)).metadata.ownerReferences).to.equal(undefined));
    await scene.patchCredential({ deletionPolicy: 'Delete' });
    await eventually('the owner comes', async () => expect((await scene.secretIn(namespace)).metadata.ownerReferences).to.have.lengthOf(1));
  });

  it('is not blocked by a namespace that is Terminating, and does not report it as an error', async () => {
    const [namespace, other] = (await scene.placed(2)) as [string, string];
    // A finalizer of another controller keeps the namespace.
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

  it('never adds a finalizer to a namespace, an account or a Secret', async () => {
    const [namespace] = (await scene.placed(1)) as [string];
    for (const { metadata } of [await scene.secretIn(namespace), await scene.account(namespace)])
      expect(metadata).to.not.have.property('finalizers');
    await scene.api.call('DELETE', `/api/v1/namespaces/${namespace}`);
    await scene.gone('the namespace', () => scene.api.call('GET', `/api/v1/namespaces/${namespace}`));
  });

  it('waits while a write is denied, reports it, and finishes once the write is allowed', async () => {
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

  it('under Retain says in right numbers what cannot be released while writes are denied', async () => {
    const [namespace] = (await scene.placed(1)) as [string];
    await denyWrites(scene, namespace);
    // After the denial: otherwise the operator removes the owner reference at once.
    await scene.patchCredential({ deletionPolicy: 'Retain' });
    await scene.ready('False', 'Forbidden');
    await scene.deleteCredential();
    const { message } = await eventually('the status is about the deletion', async () => {
      const ready = await scene.condition('Ready');
      expect(ready.message).to.contain('cannot be removed');
      return ready;
    });
    expect(message).to.match(/^The owner reference cannot be removed from 1 Secret, so the garbage collector will delete it: /);
    await allowWrites(scene, namespace);
    await scene.credentialGone();
    expect((await scene.secretIn(namespace)).metadata.ownerReferences ?? []).to.deep.equal([]);
  });

  it('stops retrying a write that stays denied after a time limit, and reports what is left', async () => {
    const [namespace] = (await scene.placed(1, { deletionPolicy: 'Delete' })) as [string];
    await cluster.operator.stop();
    cluster.operator = cluster.start({ REGCRED_CLEANUP_TIMEOUT: '2' });
    await denyWrites(scene, namespace);
    await scene.deleteCredential();
    await scene.credentialGone();
    await eventually('an Event reports it', async () => {
      const event = (await scene.events()).find(({ reason }) => reason === 'CleanupIncomplete');
      expect(event?.message).to.contain(`ServiceAccount ${namespace}/default`);
    });
    await allowWrites(scene, namespace);
    await cluster.restart();
    await scene.secretGone(namespace);
    await scene.pullSecretsAre(namespace, []);
  });
});
