import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import { eventually } from '../support/eventually.ts';
import { theWorld, type World } from './world.ts';

const RESTARTS = 3;
const FROZEN_MS = 30_000;

describe('The API server', () => {
  let world: World;
  before(async () => (world = await theWorld()));

  it('killed in the midst of work and started again on the same etcd', async () => {
    const row = world.chronicle.row('API server killed and restarted', 'a rotation, another spec, relabelled namespaces');
    const { apiServer } = world.controlPlane;
    await world.leader();
    for (let restart = 0; restart < RESTARTS; restart++) {
      await world.rotate('wide');
      await Promise.all([world.changeSpec(), world.relabel(20)]);
      await delay(world.chance.next() * 300);
      await apiServer.kill();
      await apiServer.start();
      const begun = performance.now();
      await world.rotate('kept');
      await world.recovers(row, begun);
    }
  });

  it('frozen for 30 seconds in the midst of work', async () => {
    const row = world.chronicle.row('API server frozen for 30 s (SIGSTOP)', 'a rotation, another spec');
    const { apiServer } = world.controlPlane;
    const replica = await world.leader();
    await Promise.all([world.rotate('wide'), world.changeSpec()]);
    apiServer.freeze();
    try {
      await delay(FROZEN_MS);
    } finally {
      apiServer.thaw();
    }
    const begun = performance.now();
    await eventually('the API server answers', () => world.rotate('regional'));
    await world.recovers(row, begun);
    expect(replica.log()).to.contain('The Lease was lost');
  });

  it('restarted after etcd was compacted, so that watches get 410 Gone', async () => {
    const row = world.chronicle.row(
      'etcd compacted, watches get 410 Gone',
      'a rotation, another spec, a deletion, new and deleted namespaces',
    );
    const { apiServer, etcdUrl } = world.controlPlane;
    const gateway = await world.gateway();
    const doomed = await world.addNamespaces(5);
    await world.makeCredential('passing');
    await world.leader({ server: gateway.url });
    await world.settles();

    // All of this happens behind the operator's back, and the API server forgets how it came about.
    gateway.shut = true;
    await Promise.all([world.rotate(), world.changeSpec(), world.addNamespaces(10), world.removeNamespaces(doomed)]);
    await world.deleteCredential('passing');
    await eventually('the namespaces are gone', async () => {
      const { namespaces } = await world.look();
      if (namespaces.some(({ metadata }) => doomed.includes(metadata.name))) throw new Error('they are there');
    });
    const { header } = await etcd<{ header: { revision: string } }>(etcdUrl, 'range', { key: Buffer.from('x').toString('base64') });
    await etcd(etcdUrl, 'compaction', { revision: header.revision, physical: true });
    // It still has in memory what etcd has no more.
    await apiServer.kill();
    await apiServer.start();

    gateway.shut = false;
    await world.recovers(row);
    row.figures['410 Gone'] = gateway.gone;
    expect(gateway.gone, 'watches that were told 410 Gone').to.be.at.least(4);
  });
});

/** A call through etcd's gRPC gateway: https://etcd.io/docs/v3.6/dev-guide/api_grpc_gateway/ */
async function etcd<T>(url: string, method: 'range' | 'compaction', body: object): Promise<T> {
  const response = await fetch(`${url}/v3/kv/${method}`, { method: 'POST', body: JSON.stringify(body) });
  if (!response.ok) throw new Error(`etcd refuses: ${await response.text()}`);
  return (await response.json()) as T;
}
