import { expect } from 'chai';
import { type Cluster, type Scene, theCluster } from '../support/cluster.ts';
import { eventually } from '../support/eventually.ts';
import { accept, Tenant } from '../support/tenants.ts';

const FINALIZER = 'regcred.dev/cleanup';

describe('A NamespacedRegistryCredential', () => {
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

  const finalizers = async () => (await tenant.object()).metadata.finalizers ?? [];
  const summary = async () => (await tenant.status()).summary;
  const summaryIs = (want: string) => eventually(`the summary is ${want}`, async () => expect(await summary()).to.equal(want));

  describe('in its own namespace', () => {
    it('is placed from a source there, with labels, an annotation and an owner reference, and no finalizer', async () => {
      await tenant.placed();
      const { metadata, type } = await scene.secretIn(home);
      const { metadata: own } = await tenant.object();
      expect(type).to.equal('kubernetes.io/dockerconfigjson');
      expect(metadata.labels).to.deep.equal({ 'app.kubernetes.io/managed-by': 'regcred', 'regcred.dev/credential-uid': own.uid });
      expect(metadata.annotations).to.deep.equal({ 'regcred.dev/credential': `${home}/${scene.name}` });
      expect(metadata.ownerReferences).to.deep.equal([
        { apiVersion: 'regcred.dev/v1alpha1', kind: 'NamespacedRegistryCredential', name: scene.name, uid: own.uid, controller: true },
      ]);
      expect((await scene.dockerConfigIn(home)).auths['registry.example.com']?.password).to.equal('sample-password');
      await scene.pullSecretsAre(home, [scene.name]);
      expect(own.finalizers).to.equal(undefined);
      expect(await summary()).to.equal('1/1');
    });

    it('follows a rotation and repairs drift', async () => {
      await tenant.placed();
      await scene.patchSecret(home, { stringData: { password: 'rotated-sample' } }, 'robot');
      const password = async () => (await scene.dockerConfigIn(home)).auths['registry.example.com']?.password;
      await eventually('it is rotated', async () => expect(await password()).to.equal('rotated-sample'));
      await scene.deleteSecret(home);
      await scene.secretPlaced(home);
      await scene.patchAccount(home, { imagePullSecrets: null });
      await scene.pullSecretsAre(home, [scene.name]);
    });

    it('leaves nothing behind when it is deleted', async () => {
      await tenant.placed();
      await tenant.delete();
      await scene.secretGone(home);
      await scene.pullSecretsAre(home, []);
      await eventually('its state is gone', async () => {
        const { items } = await scene.api.call<{ items: { metadata: { annotations?: Record<string, string> } }[] }>(
          'GET',
          '/api/v1/namespaces/regcred-system/secrets',
          { query: { labelSelector: 'regcred.dev/state=true' } },
        );
        expect(items.map(({ metadata }) => metadata.annotations?.['regcred.dev/credential'])).to.not.include(`${home}/${scene.name}`);
      });
    });

    it('keeps everything under Retain when it is deleted', async () => {
      await tenant.placed({ deletionPolicy: 'Retain' });
      expect((await scene.secretIn(home)).metadata.ownerReferences).to.equal(undefined);
      await tenant.delete();
      await scene.gone('the credential', () => tenant.object());
      await scene.patchAccount(home, { metadata: { labels: { touched: 'yes' } } });
      await scene.secretIn(home);
      await scene.pullSecretsAre(home, [scene.name]);
    });

    it('takes over an unmanaged Secret with conflictPolicy Adopt', async () => {
      await scene.secret(home, scene.name, 'kubernetes.io/dockerconfigjson', { '.dockerconfigjson': '{"auths":{}}' });
      await tenant.source();
      await tenant.create();
      await tenant.ready('False', 'SecretExists');
      await tenant.patch({ conflictPolicy: 'Adopt' });
      await tenant.ready();
    });

    it('writes its Events there', async () => {
      await tenant.placed();
      await eventually('an Event is there', async () => {
        const { items } = await scene.api.call<{ items: { reason: string; involvedObject: { kind: string; name: string } }[] }>(
          'GET',
          `/api/v1/namespaces/${home}/events`,
        );
        const own = items.filter(({ involvedObject }) => involvedObject.kind === 'NamespacedRegistryCredential');
        expect(own.map(({ reason }) => reason)).to.include('Synced');
      });
    });

    it('is shown by kubectl with the columns of the cluster-scoped kind', async () => {
      await tenant.placed();
      const [header = '', row = ''] = (await cluster.kubectl('get', 'nregcred', '-n', home)).split('\n');
      expect(header.split(/\s{2,}/)).to.deep.equal(['NAME', 'READY', 'REASON', 'NAMESPACES', 'SECRET', 'AGE']);
      expect(row).to.match(new RegExp(`^${scene.name} +True +Synced +1/1 +${scene.name} `));
    });
  });

  describe('in another namespace', () => {
    let other: string;
    beforeEach(async () => (other = await scene.namespace()));
    const both = () => ({ namespaces: { names: [home, other] } });

    it('is placed if that namespace accepts it, without an owner reference and with a finalizer', async () => {
      await accept(scene, other, 'somebody', home);
      await tenant.placed(both());
      await scene.secretPlaced(other);
      expect((await scene.secretIn(other)).metadata.ownerReferences).to.equal(undefined);
      await scene.pullSecretsAre(other, [scene.name]);
      expect(await finalizers()).to.deep.equal([FINALIZER]);
      await summaryIs('2/2');
    });

    it('is not placed, counted or awaited before that namespace accepts it, and placed at once when it does', async () => {
      await tenant.placed(both());
      expect(await summary()).to.equal('1/1');
      expect(await finalizers()).to.deep.equal([]);
      await accept(scene, other, home);
      await scene.secretPlaced(other);
      await scene.pullSecretsAre(other, [scene.name]);
      await summaryIs('2/2');
    });

    it('is placed in a new namespace that accepts it from the start', async () => {
      await tenant.placed({ namespaces: { names: [home, `${scene.name}-late`] } });
      const name = `${scene.name}-late`;
      const metadata = { name, annotations: { 'regcred.dev/accept-from': home } };
      await scene.api.call('POST', '/api/v1/namespaces', { body: { metadata } });
      await scene.secretPlaced(name);
      await scene.pullSecretsAre(name, [scene.name]);
    });

    it('is removed when acceptance ends, and the finalizer with it', async () => {
      await accept(scene, other, home);
      await tenant.placed(both());
      await scene.pullSecretsAre(other, [scene.name]);
      await accept(scene, other);
      await scene.secretGone(other);
      await scene.pullSecretsAre(other, []);
      await summaryIs('1/1');
      await eventually('the finalizer is gone', async () => expect(await finalizers()).to.deep.equal([]));
      await scene.secretIn(home);
    });

    it('is removed when acceptance ended while no operator ran', async () => {
      await accept(scene, other, home);
      await tenant.placed(both());
      await scene.pullSecretsAre(other, [scene.name]);
      await cluster.restart(() => accept(scene, other));
      await scene.secretGone(other);
      await scene.pullSecretsAre(other, []);
      await summaryIs('1/1');
    });

    it('is removed when it is deleted', async () => {
      await accept(scene, other, home);
      await tenant.placed(both());
      await scene.pullSecretsAre(other, [scene.name]);
      await tenant.delete();
      await scene.gone('the credential', () => tenant.object());
      await scene.secretGone(other);
      await scene.pullSecretsAre(other, []);
      await scene.secretGone(home);
    });

    it('does not adopt a Secret there', async () => {
      await scene.secret(other, scene.name, 'kubernetes.io/dockerconfigjson', { '.dockerconfigjson': '{"auths":{}}' });
      await accept(scene, other, home);
      await tenant.source();
      await tenant.create({ ...both(), conflictPolicy: 'Adopt' });
      const { message } = await tenant.ready('False', 'SecretExists');
      expect(message).to.contain(`Secret ${other}/${scene.name} exists and is not managed by regcred`).and.not.contain('Adopt');
    });

    it('has the same message for a namespace that does not accept it and for one that does not exist', async () => {
      await tenant.placed({ namespaces: { names: [home, other] } });
      const about = async (name: string) => {
        await tenant.patch({ namespaces: { names: [home, name] } });
        const { message } = await tenant.ready();
        return message.replaceAll(name, 'NAME');
      };
      const exists = await about(other);
      expect(exists).to.contain('matches no namespace that accepts credentials from').and.contain('NAME');
      expect(await about(`${scene.name}-none`)).to.equal(exists);
    });

    it('names no namespace that only a glob or a selector matches', async () => {
      await tenant.placed({ namespaces: { names: [home, `${scene.name}*`], selector: {} } });
      expect(JSON.stringify(await tenant.status())).to.not.contain(other);
      expect(await summary()).to.equal('1/1');
    });

    it('does not keep its own namespace Terminating', async () => {
      await accept(scene, other, home);
      await tenant.placed(both());
      await scene.api.call('DELETE', `/api/v1/namespaces/${home}`);
      await scene.gone('the namespace', () => scene.api.call('GET', `/api/v1/namespaces/${home}`));
      await scene.secretGone(other);
      await scene.pullSecretsAre(other, []);
    });
  });
});
