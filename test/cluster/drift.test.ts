import { expect } from 'chai';
import { type Cluster, type Scene, theCluster } from '../support/cluster.ts';
import { eventually } from '../support/eventually.ts';

describe('Drift', () => {
  let cluster: Cluster;
  let scene: Scene;
  let namespace: string;
  before(async () => (cluster = await theCluster()));
  beforeEach(async () => {
    scene = cluster.scene();
    [namespace] = (await scene.placed(1)) as [string];
  });

  const asWanted = async () => {
    const credential = await scene.credentialObject();
    const secret = await scene.secretIn(namespace);
    expect(secret.metadata.labels).to.include({
      'app.kubernetes.io/managed-by': 'regcred',
      'regcred.dev/credential-uid': credential.metadata.uid,
    });
    expect(secret.metadata.annotations).to.include({ 'regcred.dev/credential': scene.name });
    expect(secret.metadata.ownerReferences?.map(({ uid, controller }) => ({ uid, controller }))).to.deep.equal([
      { uid: credential.metadata.uid, controller: true },
    ]);
    expect(Object.keys(secret.data ?? {})).to.deep.equal(['.dockerconfigjson']);
    expect((await scene.dockerConfigIn(namespace)).auths['registry.example.com']?.password).to.equal('sample-password');
    expect(await scene.pullSecrets(namespace)).to.deep.equal([scene.name]);
  };

  const drifts: Record<string, () => Promise<unknown>> = {
    'a deleted Secret': () => scene.deleteSecret(namespace),
    'a Secret with other content': () =>
      scene.patchSecret(namespace, { data: { '.dockerconfigjson': Buffer.from('{"auths":{}}').toString('base64') } }),
    'a Secret with another key': () => scene.patchSecret(namespace, { stringData: { more: 'sample-of-another' } }),
    'a Secret without its uid label': () => scene.patchSecret(namespace, { metadata: { labels: { 'regcred.dev/credential-uid': null } } }),
    'a Secret without its managed-by label': () =>
      scene.patchSecret(namespace, { metadata: { labels: { 'app.kubernetes.io/managed-by': null } } }),
    'a Secret without any label': () => scene.patchSecret(namespace, { metadata: { labels: null } }),
    'a Secret without its annotation': () => scene.patchSecret(namespace, { metadata: { annotations: null } }),
    'a Secret without its owner': () => scene.patchSecret(namespace, { metadata: { ownerReferences: null } }),
    'an account stripped of the reference': () => scene.patchAccount(namespace, { imagePullSecrets: null }),
    'an account stripped of the reference and the record': () =>
      scene.patchAccount(namespace, { metadata: { annotations: null }, imagePullSecrets: null }),
    'an account that is deleted and that its controller creates again': () =>
      scene.api.call('DELETE', `/api/v1/namespaces/${namespace}/serviceaccounts/default`),
  };
  for (const [what, drift] of Object.entries(drifts)) {
    it(`is repaired: ${what}`, async () => {
      const { metadata } = await scene.secretIn(namespace);
      await drift();
      await eventually('everything has the desired state', asWanted);
      if (!what.includes('deleted')) expect((await scene.secretIn(namespace)).metadata.uid).to.equal(metadata.uid);
      await scene.ready();
    });
  }

  it('is repaired: a change while no operator ran', async () => {
    await cluster.restart(async () => {
      await scene.patchSecret(namespace, { stringData: { more: 'sample-of-another' } });
      await scene.patchAccount(namespace, { imagePullSecrets: [{ name: 'other' }] });
    });
    await scene.pullSecretsAre(namespace, ['other', scene.name]);
    await eventually('the Secret has the desired state', async () =>
      expect(Object.keys((await scene.secretIn(namespace)).data ?? {})).to.deep.equal(['.dockerconfigjson']),
    );
  });

  it('does not include many edits of the spec by a person', async () => {
    // If edits counted as repairs, the operator would wait 64 s before the second last of them, and 128 s before the last one.
    for (let n = 0; n < 18; n++) {
      await scene.patchCredential({ secretMetadata: { labels: { edit: String(n) } } });
      await eventually(`edit ${n} is applied`, async () =>
        expect((await scene.secretIn(namespace)).metadata.labels?.edit).to.equal(String(n)),
      );
    }
    await scene.ready();
  });

  it('does not include labels and annotations that others add to the Secret', async () => {
    const { metadata } = await scene.patchSecret(namespace, { metadata: { labels: { team: 'a' }, annotations: { note: 'b' } } });
    await scene.rotate('rotated-sample');
    await eventually('the password is rotated', async () =>
      expect((await scene.secretIn(namespace)).metadata.resourceVersion).to.not.equal(metadata.resourceVersion),
    );
    const secret = await scene.secretIn(namespace);
    expect(secret.metadata.labels).to.include({ team: 'a' });
    expect(secret.metadata.annotations).to.include({ note: 'b' });
  });

  it('of a Secret that became immutable is reported with the fix, and the operator re-creates the Secret when it is deleted', async () => {
    await scene.patchSecret(namespace, { immutable: true });
    expect((await scene.ready('False', 'SecretImmutable')).message).to.contain('Delete it, and the operator creates its own in its place');
    await scene.deleteSecret(namespace);
    await scene.ready();
    expect((await scene.secretIn(namespace)).immutable).to.equal(undefined);
  });
});

describe('A second manager that keeps reverting our changes', () => {
  const opponents: Record<string, (scene: Scene, namespace: string) => Promise<boolean>> = {
    'on a ServiceAccount': async (scene, namespace) => {
      if ((await scene.pullSecrets(namespace)).length === 0) return false;
      await scene.patchAccount(namespace, { imagePullSecrets: null });
      return true;
    },
    'on a Secret': async (scene, namespace) => {
      const there = await scene.secretIn(namespace).catch(() => undefined);
      if (!there) return false;
      await scene.deleteSecret(namespace);
      return true;
    },
  };
  // Both run at the same time: most of the time is a back-off of 15 seconds.
  const answered = new Map<string, Promise<void>>();
  before(async () => {
    const cluster = await theCluster();
    for (const [where, revert] of Object.entries(opponents)) {
      const done = isAnswered(cluster.scene(), revert);
      done.catch(() => {}); // The test case reports it.
      answered.set(where, done);
    }
  });

  async function isAnswered(scene: Scene, revert: (scene: Scene, namespace: string) => Promise<boolean>): Promise<void> {
    const [namespace, quiet] = (await scene.placed(2)) as [string, string];
    let reverted = 0;
    // Reverts as fast as it can until the operator reports a conflict, and for 3 seconds more.
    const contested = async () => (await scene.status()).failures?.some(({ reason }) => reason === 'Contested') ?? false;
    await eventually(
      'the operator reports it',
      async () => {
        for (let at = 0; at < 10; at++) reverted += (await revert(scene, namespace)) ? 1 : 0;
        if (!(await contested())) throw new Error(`reverted ${reverted} times`);
      },
      150_000,
    );
    const before = reverted;
    const until = performance.now() + 3000;
    while (performance.now() < until) reverted += (await revert(scene, namespace)) ? 1 : 0;
    expect(before).to.be.within(10, 14);
    expect(reverted - before).to.be.within(0, 4);
    const { message } = await scene.ready('False', 'Contested');
    expect(message).to.contain(namespace).and.to.not.contain(quiet);
    // The other manager has stopped: the last write is ours.
    await scene.ready();
    await scene.secretIn(namespace);
    await scene.pullSecretsAre(namespace, [scene.name]);
  }

  for (const where of Object.keys(opponents))
    it(`${where} is reported, and the operator slows down its repairs but does not stop them`, () => answered.get(where));
});
