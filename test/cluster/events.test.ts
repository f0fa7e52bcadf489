import { expect } from 'chai';
import { type Cluster, type Scene, SOURCES, theCluster } from '../support/cluster.ts';
import { eventually } from '../support/eventually.ts';

describe('The Events of a credential', () => {
  let cluster: Cluster;
  let scene: Scene;
  before(async () => (cluster = await theCluster()));
  beforeEach(() => (scene = cluster.scene()));

  const told = async (reason: string) => (await scene.events()).filter((event) => event.reason === reason).map(({ message }) => message);

  it('stay few if a source changes all the time', async () => {
    const [namespace] = (await scene.placed(1)) as [string];
    for (let at = 0; at < 30; at++) {
      await scene.rotate(`sample-${at}`);
      await eventually('the copy follows', async () =>
        expect((await scene.dockerConfigIn(namespace)).auths['registry.example.com']?.password).to.equal(`sample-${at}`),
      );
    }
    // Another credential gets its Event. By then this credential would have had one, too, and the limit of one does not hold back the other.
    const other = cluster.scene();
    await other.placed(1);
    await other.told('Synced');
    expect(await scene.events()).to.have.lengthOf(10);
  });

  it('name what a change of the spec changed', async () => {
    const [namespace] = (await scene.placed(2)) as [string];
    await scene.patchCredential({ namespaces: { names: [`${scene.name}-*`, `${scene.name}x`] }, conflictPolicy: 'Adopt' });
    await scene.told('SpecChanged');
    expect(await told('SpecChanged')).to.deep.equal([
      'The spec changed: targets (spec.namespaces), policy (spec.conflictPolicy). The operator is updating the namespaces.',
    ]);
    await scene.rotate('sample-password-rotated');
    await scene.told('Rotated');
    expect(await told('Rotated')).to.deep.equal([
      'The content of the sources changed for registry.example.com. The operator is updating the namespaces.',
    ]);
    await scene.secretPlaced(namespace);
  });

  it('report in one Event all namespaces that an edit of the spec no longer selects', async () => {
    const namespaces = await scene.placed(12);
    const [kept] = namespaces as [string];
    await scene.patchCredential({ namespaces: { names: [kept] } });
    await scene.ready();
    await scene.told('Removed');
    const [message, ...more] = await told('Removed');
    expect(more).to.deep.equal([]);
    const gone = namespaces.slice(1).sort();
    expect(message).to.equal(
      `RegistryCredential ${scene.name} no longer selects ${gone.slice(0, 10).join(', ')} and 1 more (spec.namespaces, the namespace's labels or its opt-out label changed). The operator removed the Secret and the references there.`,
    );
  });

  it('report a namespace that opts out, but not a deleted namespace and not the deletion of the credential', async () => {
    const [opts, goes] = (await scene.placed(3)) as [string, string];
    await scene.api.call('DELETE', `/api/v1/namespaces/${goes}`);
    await scene.gone(goes, () => scene.api.call('GET', `/api/v1/namespaces/${goes}`));
    await scene.patch(`/api/v1/namespaces/${opts}`, { metadata: { labels: { 'regcred.dev/exclude': 'true' } } });
    await scene.told('Removed');
    await scene.deleteCredential();
    await scene.credentialGone();
    const messages = await told('Removed');
    expect(messages).to.have.lengthOf(1);
    expect(messages[0]).to.contain(opts).and.not.contain(goes);
  });

  it('do not report a name that matches nothing: Ready reports it for as long as it is true', async () => {
    const [namespace] = (await scene.placed(1, { namespaces: { names: [`${scene.name}-*`, `${scene.name}x`] } })) as [string];
    const { message } = await scene.ready();
    expect(message).to.contain(`This entry of spec.namespaces matches no namespace: "${scene.name}x".`);
    await scene.namespace({}, `${scene.name}x`);
    await eventually('it matches', async () => expect((await scene.ready()).message).to.not.contain('no namespace matches'));
    await scene.secretPlaced(namespace);
    await scene.deleteSecret(SOURCES);
  });
});
