import { expect } from 'chai';
import { type Cluster, type Scene, theCluster } from '../support/cluster.ts';
import { eventually } from '../support/eventually.ts';
import { holdWrites } from '../support/hold.ts';

/** More than the operator needs, and less than the half minute that the API server waits for a webhook. */
const SOON_MS = 20_000;

describe('With a webhook that never answers in 60 namespaces', () => {
  let cluster: Cluster;
  let scene: Scene;
  let other: Scene;
  let hanging: string[];
  let healthy: string[];
  let release: () => Promise<void>;
  /** The log of the operator before this file. */
  let earlier: number;

  before(async () => {
    cluster = await theCluster();
    earlier = cluster.operator.log().length;
    scene = cluster.scene();
    other = cluster.scene();
    const label = { 'test.example.com/hanging': scene.name };
    await Promise.all([scene.basicAuth(), other.placed(1)]);
    // First in the order of the fan-out.
    hanging = await Promise.all(Array.from({ length: 60 }, () => scene.namespace(label)));
    healthy = await scene.namespaces(30);
    release = await holdWrites(scene, hanging[0] as string, {
      resources: ['secrets', 'serviceaccounts'],
      operations: ['CREATE', 'UPDATE'],
      namespaceSelector: { matchLabels: label },
      failurePolicy: 'Fail',
    });
  });
  after(() => release());

  const haveAll = (password: string) => async () => {
    for (const namespace of healthy) {
      expect((await scene.dockerConfigIn(namespace)).auths['registry.example.com']?.password).to.equal(password);
      expect(await scene.pullSecrets(namespace)).to.deep.equal([scene.name]);
    }
  };

  it('places everything in 30 healthy namespaces within seconds', async () => {
    await scene.credential();
    await eventually('the healthy namespaces have everything', haveAll('sample-password'), SOON_MS);
    expect(await scene.pullSecrets(hanging[59] as string)).to.deep.equal([]);
  });

  it('serves a new namespace of another credential within seconds', async () => {
    const namespace = await other.namespace();
    await eventually(
      'it has everything',
      async () => {
        await other.secretIn(namespace);
        expect(await other.pullSecrets(namespace)).to.deep.equal([other.name]);
      },
      SOON_MS,
    );
  });

  it('rotates in the healthy namespaces within seconds', async () => {
    await scene.rotate('sample-password-2');
    await eventually('the healthy namespaces have the new password', haveAll('sample-password-2'), SOON_MS);
  });

  it('keeps the Lease: the requests that wait leave seats in the API server for others', () => {
    expect(cluster.operator.log().slice(earlier)).to.not.include('Lost the Lease');
  });

  it('serves the 60 namespaces once the webhook is removed', async () => {
    await release();
    release = async () => {};
    await scene.ready();
  });
});
