import { expect } from 'chai';
import { type Cluster, type Scene, SOURCES, theCluster } from '../support/cluster.ts';
import { eventually } from '../support/eventually.ts';

describe('The Events of a credential', () => {
  let cluster: Cluster;
  let scene: Scene;
  before(async () => (cluster = await theCluster()));
  beforeEach(() => (scene = cluster.scene()));

  const told = async (reason: string) => (await scene.events()).filter((event) => event.reason === reason).map(({ message }) => message);

  it('stay few where a source changes all the time', async () => {
    const [namespace] = (await scene.placed(1)) as [string];
    for (let at = 0; at < 30; at++) {
      await scene.rotate(`sample-${at}`);
      await eventually('the copy follows', async () =>
        expect((await scene.dockerConfigIn(namespace)).auths['registry.example.com']?.password).to.equal(`sample-${at}`),
      );
    }
    // Another credential is told of: by then this one would have been, and the others' Events are not held back.
    const other = cluster.scene();
    await other.placed(1);
    await other.told('Synced');
    expect(await scene.events()).to.have.lengthOf(10);
  });

  it('tell once of all namespaces that an edit of the spec takes it back from', async () => {
    const namespaces = await scene.placed(12);
    const [kept] = namespaces as [string];
    await scene.patchCredential({ namespaces: { names: [kept] } });
    await scene.ready();
    await scene.told('TakenBack');
    const [message, ...more] = await told('TakenBack');
    expect(more).to.deep.equal([]);
    const gone = namespaces.slice(1).sort();
    expect(message).to.equal(
      `spec.namespaces no longer matches ${gone.slice(0, 10).join(', ')} and 1 more, or exclude does: the Secret and the references there were taken back.`,
    );
  });

  it('tell of a namespace that opts out, and not of one that is deleted, nor of a deletion of the credential', async () => {
    const [opts, goes] = (await scene.placed(3)) as [string, string];
    await scene.api.call('DELETE', `/api/v1/namespaces/${goes}`);
    await scene.gone(goes, () => scene.api.call('GET', `/api/v1/namespaces/${goes}`));
    await scene.patch(`/api/v1/namespaces/${opts}`, { metadata: { labels: { 'regcred.dev/exclude': 'true' } } });
    await scene.told('TakenBack');
    await scene.deleteCredential();
    await scene.credentialGone();
    const messages = await told('TakenBack');
    expect(messages).to.have.lengthOf(1);
    expect(messages[0]).to.contain(opts).and.not.contain(goes);
  });

  it('are not needed for a name that matches nothing: Ready says so as long as it is so', async () => {
    const [namespace] = (await scene.placed(1, { namespaces: { names: [`${scene.name}-*`, `${scene.name}x`] } })) as [string];
    const { message } = await scene.ready();
    expect(message).to.contain(`No target matches "${scene.name}x" in spec.namespaces at present.`);
    await scene.namespace({}, `${scene.name}x`);
    await eventually('it matches', async () => expect((await scene.ready()).message).to.not.contain('No target matches'));
    await scene.secretPlaced(namespace);
    await scene.deleteSecret(SOURCES);
  });
});
