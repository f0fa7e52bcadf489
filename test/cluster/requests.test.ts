import { expect } from 'chai';
import { type Audited, auditedSince, endOf, isRead, isWrite, objectsOf, repeatedWrites } from '../support/audit.ts';
import { type Cluster, type Scene, theCluster } from '../support/cluster.ts';
import { eventually } from '../support/eventually.ts';

/** The operator's load on the API server, counted in the audit log. */
describe('Requests', () => {
  let cluster: Cluster;
  let scene: Scene;
  before(async () => (cluster = await theCluster()));
  beforeEach(() => (scene = cluster.scene()));

  const mark = () => endOf(cluster.controlPlane.auditLog);
  const audited = (from: number) => auditedSince(cluster.controlPlane.auditLog, from);

  /** Whether a request is about the scene. The cluster is shared: the operator also writes for what other cases of this process left. */
  const ofScene = async () => {
    const { uid } = (await scene.credentialObject()).metadata;
    return ({ uri, name }: Pick<Audited, 'uri' | 'name'>) => uri.includes(scene.name) || name === `regcred-state-${uid}`;
  };

  /**
   * The objects of the scene that the operator wrote or read since then, by verb and resource, without the Lease, watches and lists. Also
   * without Events: the audit log does not name their subject. `reasonsOf` counts those of this case.
   */
  const requestedSince = async (from: number): Promise<Record<string, number>> => {
    const isOwn = await ofScene();
    const isCounted = ({ verb, resource }: Audited) =>
      verb !== 'watch' && verb !== 'list' && resource !== 'leases' && resource !== 'events';
    return objectsOf(audited(from).filter((request) => isOwn(request) && isCounted(request)));
  };

  const repeatedSince = async (from: number) => {
    const isOwn = await ofScene();
    return repeatedWrites(
      audited(from).filter((request) => isOwn(request) && (request.resource === 'secrets' || request.resource === 'serviceaccounts')),
    );
  };

  const reasonsOf = async () => (await scene.events()).map(({ reason }) => reason);

  it('are one Secret and one account write for each namespace, one of the state, and no reads except lists and watches', async () => {
    await scene.basicAuth();
    await scene.namespaces(50);
    const from = mark();
    const begun = performance.now();
    await scene.credential();
    await scene.ready();
    await scene.told('Synced');
    // The audit log and the rules, which are written at most every 200 ms, may come after Ready.
    await eventually('each object is written once', async () => {
      const { 'patch registrycredentials/status': status, ...counts } = await requestedSince(from);
      expect(counts, JSON.stringify(counts)).to.deep.equal({
        'create secrets': 51,
        'patch serviceaccounts': 50,
        'patch registrycredentials': 1,
      });
      expect(status).to.equal(1);
      // All credentials share the rules. A new operator creates them, which may be just now.
      expect(audited(from).filter((request) => isWrite(request) && request.resource === 'pullsecretrules')).to.not.deep.equal([]);
    });
    expect(await repeatedSince(from)).to.deep.equal([]);
    // The status reports progress about once in a second.
    const isOwn = await ofScene();
    const statuses = audited(from).filter(
      (request) => isOwn(request) && request.verb === 'patch' && request.resource === 'registrycredentials/status',
    );
    expect(statuses.length).to.be.at.most(3 + Math.ceil((performance.now() - begun) / 1000));
    expect(await reasonsOf()).to.deep.equal(['Synced']);
  });

  it('are one write for each Secret after a rotation and one of the state, and none for accounts', async () => {
    const namespaces = await scene.placed(20);
    await scene.told('Synced');
    const from = mark();
    await scene.rotate('rotated-sample');
    for (const namespace of namespaces) {
      await eventually('it is rotated', async () =>
        expect((await scene.dockerConfigIn(namespace)).auths['registry.example.com']?.password).to.equal('rotated-sample'),
      );
    }
    await scene.told('Rotated');
    await eventually('each Secret is written once', async () => {
      const { 'patch registrycredentials/status': _, ...counts } = await requestedSince(from);
      expect(counts).to.deep.equal({ 'patch secrets': 21 });
    });
    expect(await repeatedSince(from)).to.deep.equal([]);
    expect(await reasonsOf()).to.have.members(['Synced', 'Rotated']);
  });

  it('include no write after a restart with everything in place', async () => {
    await scene.placed(10);
    const before = await scene.status();
    let from = 0;
    await cluster.restart(async () => {
      from = mark();
    });
    // By the time that a later credential is placed, the operator would have written for this one.
    const later = cluster.scene();
    await later.placed(1);
    const isOwn = await ofScene();
    const writes = audited(from).filter((request) => isWrite(request) && isOwn(request) && !request.uri.includes('/events'));
    expect(writes, `the status was ${JSON.stringify(before)}, and is ${JSON.stringify(await scene.status())}`).to.deep.equal([]);
  });

  it('never list or watch all Secrets of the cluster', () => {
    const reads = audited(0).filter((request) => isRead(request) && request.resource === 'secrets');
    expect(reads.length).to.be.above(0);
    for (const { uri } of reads)
      expect(uri).to.match(
        /labelSelector=app.kubernetes.io%2Fmanaged-by%3Dregcred|fieldSelector=metadata.name%3D|\/namespaces\/regcred-system\/secrets\?.*labelSelector=regcred.dev%2F(state|token)%3Dtrue/,
      );
  });

  it('are only for the Lease while nothing changes', async () => {
    await scene.placed(5);
    await scene.told('Synced');
    // A late Event or status of an earlier case starts the interval again.
    let from = mark();
    await eventually('the Lease is renewed twice, and nothing else is requested', () => {
      const others = audited(from).filter(({ verb, resource }) => verb !== 'watch' && verb !== 'list' && resource !== 'leases');
      if (others.length > 0) from = mark();
      expect(others).to.deep.equal([]);
      expect(audited(from).filter(({ resource }) => resource === 'leases')).to.have.length.of.at.least(2);
    });
  });
});
