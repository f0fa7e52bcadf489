import { expect } from 'chai';
import { type Cluster, type Scene, theCluster } from '../support/cluster.ts';
import { eventually } from '../support/eventually.ts';
import { podsInherit } from '../support/pods.ts';

describe('Placing', () => {
  let cluster: Cluster;
  let scene: Scene;
  before(async () => (cluster = await theCluster()));
  beforeEach(() => (scene = cluster.scene()));

  it('creates the Secret in every target namespace, in the form that the kubelet reads, without metadata of the source', async () => {
    const [namespace] = (await scene.placed(1)) as [string];
    const credential = await scene.credentialObject();
    const secret = await scene.secretIn(namespace);

    expect(secret.type).to.equal('kubernetes.io/dockerconfigjson');
    expect(secret.immutable).to.equal(undefined);
    expect(secret.metadata.labels).to.deep.equal({
      'app.kubernetes.io/managed-by': 'regcred',
      'regcred.dev/credential-uid': credential.metadata.uid,
    });
    expect(secret.metadata.annotations).to.deep.equal({ 'regcred.dev/credential': scene.name });
    expect(secret.metadata.ownerReferences).to.deep.equal([
      { apiVersion: 'regcred.dev/v1alpha1', kind: 'RegistryCredential', name: scene.name, uid: credential.metadata.uid, controller: true },
    ]);
    expect(await scene.dockerConfigIn(namespace)).to.deep.equal({
      auths: {
        'registry.example.com': {
          username: 'robot',
          password: 'sample-password',
          auth: Buffer.from('robot:sample-password').toString('base64'),
        },
      },
    });
    expect(credential.metadata.finalizers).to.deep.equal(['regcred.dev/cleanup']);
  });

  it('adds the reference to the default ServiceAccount, and new pods there have it', async () => {
    const [namespace] = (await scene.placed(1)) as [string];
    expect(await scene.pullSecrets(namespace)).to.deep.equal([scene.name]);
    expect((await scene.account(namespace)).metadata.annotations).to.deep.equal({ 'regcred.dev/pull-secrets': scene.name });
    await podsInherit(scene, namespace);
    const pod = await scene.api.call<{ spec: { imagePullSecrets: { name: string }[] } }>('POST', `/api/v1/namespaces/${namespace}/pods`, {
      body: { metadata: { name: 'web' }, spec: { containers: [{ name: 'web', image: 'registry.example.com/web:1' }] } },
    });
    expect(pod.spec.imagePullSecrets).to.deep.equal([{ name: scene.name }]);
  });

  it('includes a namespace that is created later', async () => {
    await scene.placed(1);
    const later = await scene.namespace();
    await scene.secretPlaced(later);
    await scene.pullSecretsAre(later, [scene.name]);
    await eventually('the status counts it', async () => expect((await scene.status()).summary).to.equal('2/2'));
  });

  it('includes a ServiceAccount that is created later', async () => {
    const [namespace] = (await scene.placed(1, { serviceAccounts: { names: ['default', 'build-*'] } })) as [string];
    await scene.makeAccount(namespace, 'build-images');
    await scene.makeAccount(namespace, 'other');
    await scene.pullSecretsAre(namespace, [scene.name], 'build-images');
    expect(await scene.pullSecrets(namespace, 'other')).to.deep.equal([]);
  });

  describe('selects the namespaces', () => {
    const chosen: Record<string, { namespaces: object; labels?: Record<string, string>; placed: boolean }> = {
      'by name': { namespaces: { names: ['NAMESPACE'] }, placed: true },
      'by glob': { namespaces: { names: ['SCENE-*'] }, placed: true },
      'not by a glob that matches only a part of the name': { namespaces: { names: ['SCENE'] }, placed: false },
      'by label': { namespaces: { selector: { matchLabels: { pull: 'SCENE' } } }, labels: { pull: 'SCENE' }, placed: true },
      'not by a label with another value': {
        namespaces: { selector: { matchLabels: { pull: 'SCENE' } } },
        labels: { pull: 'no' },
        placed: false,
      },
      'by expression In': {
        namespaces: { selector: { matchExpressions: [{ key: 'pull', operator: 'In', values: ['a', 'SCENE'] }] } },
        labels: { pull: 'SCENE' },
        placed: true,
      },
      'by expression Exists': {
        namespaces: { selector: { matchExpressions: [{ key: 'SCENE', operator: 'Exists' }] } },
        labels: { SCENE: '' },
        placed: true,
      },
      'by name, although the selector does not match': {
        namespaces: { names: ['SCENE-*'], selector: { matchLabels: { pull: 'SCENE' } } },
        placed: true,
      },
      'but not one that is excluded by name': { namespaces: { names: ['SCENE-*'], exclude: { names: ['NAMESPACE'] } }, placed: false },
      'but not one that is excluded by label': {
        namespaces: { names: ['SCENE-*'], exclude: { selector: { matchLabels: { pull: 'no' } } } },
        labels: { pull: 'no' },
        placed: false,
      },
      'but not one that opts out': { namespaces: { names: ['SCENE-*'] }, labels: { 'regcred.dev/exclude': 'true' }, placed: false },
      'including one whose opt-out label is not "true"': {
        namespaces: { names: ['SCENE-*'] },
        labels: { 'regcred.dev/exclude': 'false' },
        placed: true,
      },
    };
    for (const [how, { namespaces, labels = {}, placed }] of Object.entries(chosen)) {
      it(how, async () => {
        const filled = <T>(value: T): T =>
          JSON.parse(JSON.stringify(value).replaceAll('SCENE', scene.name).replaceAll('NAMESPACE', `${scene.name}-1`));
        await scene.basicAuth();
        const namespace = await scene.namespace(filled(labels), `${scene.name}-1`);
        await scene.credential({ namespaces: filled(namespaces) as never });
        const ready = await scene.ready();
        expect(ready.reason).to.equal(placed ? 'Synced' : 'NoNamespaceMatches');
        expect(await scene.pullSecrets(namespace)).to.deep.equal(placed ? [scene.name] : []);
        if (placed) await scene.secretIn(namespace);
        else await scene.secretGone(namespace);
      });
    }

    it('all, by an empty selector', async () => {
      await scene.basicAuth();
      const namespace = await scene.namespace();
      // exclude restricts it to the namespaces of this test.
      await scene.credential({
        namespaces: { selector: {}, exclude: { selector: { matchExpressions: [{ key: scene.name, operator: 'DoesNotExist' }] } } },
      });
      await scene.ready('True', 'NoNamespaceMatches');
      await scene.patch(`/api/v1/namespaces/${namespace}`, { metadata: { labels: { [scene.name]: '' } } });
      await scene.secretPlaced(namespace);
    });
  });

  describe('selects the ServiceAccounts', () => {
    const chosen: Record<string, { serviceAccounts: object; labels?: Record<string, string>; referring: string[]; reason?: string }> = {
      'only default, if the spec has no serviceAccounts': { serviceAccounts: {}, referring: ['default'] },
      'by name, and default only if the spec names it': { serviceAccounts: { names: ['robot'] }, referring: ['robot'] },
      'by glob': { serviceAccounts: { names: ['*'] }, referring: ['default', 'robot'] },
      'by label, in addition to default': {
        serviceAccounts: { selector: { matchLabels: { pull: 'yes' } } },
        labels: { pull: 'yes' },
        referring: ['default', 'robot'],
      },
      'by label only': {
        serviceAccounts: { names: [], selector: { matchLabels: { pull: 'yes' } } },
        labels: { pull: 'yes' },
        referring: ['robot'],
      },
      'none, by an empty list of names': { serviceAccounts: { names: [] }, referring: [] },
      'and reports it if no ServiceAccount has the name': {
        serviceAccounts: { names: ['defualt'] },
        referring: [],
        reason: 'NoServiceAccountMatches',
      },
      'but not one that opts out': {
        serviceAccounts: { names: ['*'] },
        labels: { 'regcred.dev/exclude': 'true' },
        referring: ['default'],
      },
    };
    for (const [how, { serviceAccounts, labels = {}, referring, reason = 'Synced' }] of Object.entries(chosen)) {
      it(how, async () => {
        await scene.basicAuth();
        const namespace = await scene.namespace();
        await scene.makeAccount(namespace, 'robot', {}, labels);
        await scene.credential({ serviceAccounts });
        await scene.ready('True', reason);
        for (const account of ['default', 'robot']) {
          expect(await scene.pullSecrets(namespace, account), account).to.deep.equal(referring.includes(account) ? [scene.name] : []);
        }
        expect((await scene.status()).serviceAccounts).to.deep.equal({
          desired: referring.length,
          synced: referring.length,
          failed: 0,
          conflicted: 0,
        });
      });
    }
  });

  it('gives the Secret the name, labels and annotations of the spec, and changes them in place', async () => {
    const [namespace] = (await scene.placed(1, {
      secretName: `${scene.name}.pull`,
      secretMetadata: { labels: { team: 'a', old: 'x' }, annotations: { note: 'n' } },
    })) as [string];
    const name = `${scene.name}.pull`;
    const before = await scene.secretIn(namespace, name);
    expect(before.metadata.labels).to.include({ team: 'a', old: 'x' });
    expect(before.metadata.annotations).to.include({ note: 'n' });
    await scene.pullSecretsAre(namespace, [name]);
    await scene.patchSecret(namespace, { metadata: { labels: { foreign: 'stays' } } }, name);

    await scene.patchCredential({ secretMetadata: { labels: { team: 'b', old: null }, annotations: null } });
    await eventually('the metadata is updated', async () => {
      const { metadata } = await scene.secretIn(namespace, name);
      expect(metadata.labels).to.include({ team: 'b', foreign: 'stays' }).and.not.have.property('old');
      expect(metadata.annotations).to.not.have.property('note');
      expect(metadata.uid).to.equal(before.metadata.uid);
    });
  });

  it('supports several credentials in one namespace', async () => {
    const namespace = await scene.namespace();
    await scene.basicAuth();
    const names = Array.from({ length: 10 }, (_, at) => `${scene.name}-c${at}`);
    await Promise.all(names.map((name) => scene.credential({}, name)));
    for (const name of names) {
      await scene.ready('True', 'Synced', name);
      await scene.secretIn(namespace, name);
    }
    expect((await scene.pullSecrets(namespace)).sort()).to.deep.equal(names);
    await scene.deleteCredential(names[3] as string);
    await scene.credentialGone(names[3] as string);
    expect((await scene.pullSecrets(namespace)).sort()).to.deep.equal(names.filter((_, at) => at !== 3));
  });

  it('accepts names of the maximum length in Kubernetes', async () => {
    await scene.basicAuth();
    const namespace = await scene.namespace();
    const name = `${scene.name}.${'a'.repeat(253 - scene.name.length - 1)}`;
    await scene.credential({}, name);
    await scene.ready('True', 'Synced', name);
    await scene.secretIn(namespace, name);
    await scene.pullSecretsAre(namespace, [name]);
  });
});

describe('Removal', () => {
  let cluster: Cluster;
  let scene: Scene;
  before(async () => (cluster = await theCluster()));
  beforeEach(() => (scene = cluster.scene()));

  const changes: Record<string, (namespace: string) => Promise<unknown>> = {
    'the label of the namespace is removed': (namespace) =>
      scene.patch(`/api/v1/namespaces/${namespace}`, { metadata: { labels: { pull: null } } }),
    'the namespace opts out': (namespace) =>
      scene.patch(`/api/v1/namespaces/${namespace}`, { metadata: { labels: { 'regcred.dev/exclude': 'true' } } }),
    'the selector changes': () => scene.patchCredential({ namespaces: { selector: { matchLabels: { pull: 'other' } } } }),
    'the namespace is excluded': (namespace) => scene.patchCredential({ namespaces: { exclude: { names: [namespace] } } }),
  };
  for (const [what, change] of Object.entries(changes)) {
    it(`deletes the Secret and removes the reference when ${what}`, async () => {
      await scene.basicAuth();
      const namespace = await scene.namespace({ pull: scene.name });
      await scene.patchAccount(namespace, { imagePullSecrets: [{ name: 'somebody-elses' }] });
      await scene.credential({ namespaces: { selector: { matchLabels: { pull: scene.name } } } });
      await scene.ready();
      await scene.pullSecretsAre(namespace, ['somebody-elses', scene.name]);
      await change(namespace);
      await scene.secretGone(namespace);
      await scene.pullSecretsAre(namespace, ['somebody-elses']);
      await scene.ready('True', 'NoNamespaceMatches');
    });
  }

  it('removes the reference from an account that no longer matches, and keeps the Secret', async () => {
    const [namespace] = (await scene.placed(1, { serviceAccounts: { names: [], selector: { matchLabels: { pull: 'yes' } } } })) as [string];
    await scene.patchAccount(namespace, { metadata: { labels: { pull: 'yes' } } });
    await scene.pullSecretsAre(namespace, [scene.name]);
    await scene.patchAccount(namespace, { metadata: { labels: { pull: null } } });
    await scene.pullSecretsAre(namespace, []);
    expect((await scene.account(namespace)).metadata.annotations ?? {}).to.not.have.property('regcred.dev/pull-secrets');
    await scene.secretIn(namespace);
  });

  it('replaces the Secret and the reference when secretName changes', async () => {
    const [namespace] = (await scene.placed(1)) as [string];
    await scene.patchCredential({ secretName: `${scene.name}-new` });
    await scene.secretPlaced(namespace, `${scene.name}-new`);
    await scene.secretGone(namespace);
    await scene.pullSecretsAre(namespace, [`${scene.name}-new`]);
    expect((await scene.ready()).message).to.contain(`${scene.name}-new`);
  });

  it('keeps the former Secret and its reference until the new Secret is in place', async () => {
    const [namespace] = (await scene.placed(1)) as [string];
    const taken = `${scene.name}-taken`;
    await scene.secret(namespace, taken, 'Opaque', { note: 'sample-of-another' });
    await scene.patchCredential({ secretName: taken });
    await scene.ready('False', 'SecretExists');
    await scene.pullSecretsAre(namespace, [scene.name, taken]);
    expect((await scene.secretIn(namespace)).metadata.deletionTimestamp).to.equal(undefined);
    await scene.deleteSecret(namespace, taken);
    await scene.secretGone(namespace);
    await scene.pullSecretsAre(namespace, [taken]);
  });

  it('does not remove a former name during a suspension', async () => {
    const [namespace] = (await scene.placed(1)) as [string];
    await scene.patchCredential({ suspend: true, secretName: `${scene.name}-new` });
    await scene.ready('Unknown', 'Suspended');
    await cluster.restart();
    await scene.patchAccount(namespace, { metadata: { annotations: { note: 'a' } } });
    await cluster.scene().placed(1); // By then the operator would have changed the account.
    expect(await scene.pullSecrets(namespace)).to.deep.equal([scene.name]);
  });

  it('removes what stopped matching while no operator ran', async () => {
    const [namespace, other] = (await scene.placed(2)) as [string, string];
    await cluster.restart(async () => {
      await scene.patchCredential({ namespaces: { names: [other] }, secretName: `${scene.name}-new` });
    });
    await scene.secretGone(namespace);
    await scene.secretGone(other);
    await scene.pullSecretsAre(namespace, []);
    await scene.secretPlaced(other, `${scene.name}-new`);
    await scene.pullSecretsAre(other, [`${scene.name}-new`]);
  });
});
