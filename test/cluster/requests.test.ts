import { expect } from 'chai';
import { auditedSince, endOf, isRead, isWrite } from '../support/audit.ts';
import { type Cluster, type Scene, theCluster } from '../support/cluster.ts';
import { eventually } from '../support/eventually.ts';

/** What the operator costs the API server, in the API server's own count. */
describe('Requests', () => {
  let cluster: Cluster;
  let scene: Scene;
  before(async () => (cluster = await theCluster()));
  beforeEach(() => (scene = cluster.scene()));

  const mark = () => endOf(cluster.controlPlane.auditLog);
  const audited = (from: number) => auditedSince(cluster.controlPlane.auditLog, from);

  /** By verb and resource: what the operator asked for since, the Lease, watches and lists aside. */
  function countedSince(from: number): Record<string, number> {
    const counts: Record<string, number> = {};
    for (const { verb, resource } of audited(from)) {
      if (verb === 'watch' || verb === 'list' || resource === 'leases') continue;
      const what = `${verb} ${resource}`;
      counts[what] = (counts[what] ?? 0) + 1;
    }
    return counts;
  }

  it('are one create and one account write for each namespace, and no reads but lists and watches', async () => {
    await scene.basicAuth();
    await scene.namespaces(50);
    const from = mark();
    await scene.credential();
    await scene.ready();
    await scene.told('Synced');
    const counts = countedSince(from);
    expect(counts['patch registrycredentials/status']).to.be.within(1, 3);
    delete counts['patch registrycredentials/status'];
    expect(counts).to.deep.equal({ 'create secrets': 50, 'patch serviceaccounts': 50, 'patch registrycredentials': 1, 'create events': 1 });
  });

  it('are one write for each Secret that is rotated, and none for accounts', async () => {
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
    const { 'patch registrycredentials/status': _, ...counts } = countedSince(from);
    expect(counts).to.deep.equal({ 'patch secrets': 20, 'create events': 1 });
  });

  it('are no writes at all at a restart with everything in place', async () => {
    await scene.placed(10);
    let from = 0;
    await cluster.restart(async () => {
      from = mark();
    });
    // A later credential is done: by then all that was to be written for this one would have been.
    const later = cluster.scene();
    await later.placed(1);
    const writes = audited(from).filter(isWrite);
    expect(writes.filter(({ uri }) => !uri.includes(later.name) && !uri.includes('/events'))).to.deep.equal([]);
  });

  it('never list or watch all Secrets of the cluster', () => {
    const reads = audited(0).filter((request) => isRead(request) && request.resource === 'secrets');
    expect(reads.length).to.be.above(0);
    for (const { uri } of reads)
      expect(uri).to.match(/labelSelector=app.kubernetes.io%2Fmanaged-by%3Dregcred|fieldSelector=metadata.name%3D/);
  });

  it('are none but for the Lease while nothing changes', async () => {
    await scene.placed(5);
    await scene.told('Synced');
    const from = mark();
    const leases = () => audited(from).filter(({ resource }) => resource === 'leases').length;
    await eventually('the Lease was renewed twice', () => expect(leases()).to.be.at.least(2));
    expect(countedSince(from)).to.deep.equal({});
  });
});
