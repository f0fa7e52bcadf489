import { expect } from 'chai';
import { auditedSince, endOf, isRead, isWrite, objectsOf, repeatedWrites } from '../support/audit.ts';
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

  /**
   * The objects that the operator wrote or read since then, by verb and resource, without the Lease, watches and lists. Also without Events:
   * the audit log does not name their subject, and the Event of an earlier case may arrive late. `reasonsOf` counts those of this case.
   */
  const requestedSince = (from: number): Record<string, number> =>
    objectsOf(
      audited(from).filter(({ verb, resource }) => verb !== 'watch' && verb !== 'list' && resource !== 'leases' && resource !== 'events'),
    );

  const repeatedSince = (from: number) =>
    repeatedWrites(audited(from).filter(({ resource }) => resource === 'secrets' || resource === 'serviceaccounts'));

  const reasonsOf = async () => (await scene.events()).map(({ reason }) => reason);

  it('are one Secret and one account write for each namespace, one of the state and one of the rules, and no reads except lists and watches', async () => {
    await scene.basicAuth();
    await scene.namespaces(50);
    const from = mark();
    const begun = performance.now();
    await scene.credential();
    await scene.ready();
    await scene.told('Synced');
    // The audit log and the rules, which are written at most every 200 ms, may come after Ready.
    await eventually('each object is written once', () => {
      // A new operator creates the rules, which may be just now.
      const { 'patch registrycredentials/status': status, 'create pullsecretrules': _, ...counts } = requestedSince(from);
      expect(counts, JSON.stringify(counts)).to.deep.equal({
        'create secrets': 51,
        'patch serviceaccounts': 50,
        'patch registrycredentials': 1,
        'update pullsecretrules': 1,
      });
      expect(status).to.equal(1);
    });
    expect(repeatedSince(from)).to.deep.equal([]);
    // The status reports progress about once in a second.
    const statuses = audited(from).filter(({ verb, resource }) => verb === 'patch' && resource === 'registrycredentials/status');
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
    await eventually('each Secret is written once', () => {
      const { 'patch registrycredentials/status': _, ...counts } = requestedSince(from);
      expect(counts).to.deep.equal({ 'patch secrets': 21 });
    });
    expect(repeatedSince(from)).to.deep.equal([]);
    expect(await reasonsOf()).to.have.members(['Synced', 'Rotated']);
  });

  it('include no write after a restart with everything in place', async () => {
    await scene.placed(10);
    let from = 0;
    await cluster.restart(async () => {
      from = mark();
    });
    // By the time that a later credential is placed, the operator would have written for this one.
    const later = cluster.scene();
    await later.placed(1);
    // Other cases of this process have left credentials in conflict, for which the operator writes again.
    const { uid } = (await scene.credentialObject()).metadata;
    const isOurs = ({ uri, name }: { uri: string; name?: string }) => uri.includes(scene.name) || name === `regcred-state-${uid}`;
    const writes = audited(from).filter((request) => isWrite(request) && isOurs(request) && !request.uri.includes('/events'));
    expect(writes).to.deep.equal([]);
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
