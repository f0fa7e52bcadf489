import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import { eventually } from '../support/eventually.ts';
import { jumpingClock, writeOffset } from './jumps.ts';
import { theWorld, type World } from './world.ts';

const RESTARTS = 3;
const FROZEN_MS = 30_000;
const HOUR_MS = 3_600_000;

describe('The API server', () => {
  let world: World;
  before(async () => (world = await theWorld()));

  it('is killed during work and restarted on the same etcd', async () => {
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

  it('is frozen for 30 seconds during work', async () => {
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
    expect(replica.log()).to.contain('Lost the Lease');
  });

  it('is restarted after a compaction of etcd, so that watches get 410 Gone', async () => {
    const row = world.chronicle.row(
      'etcd compacted, watches get 410 Gone',
      'a rotation, another spec, a deletion, new and deleted namespaces',
    );
    const { apiServer, etcd } = world.controlPlane;
    const gateway = await world.gateway();
    const doomed = await world.addNamespaces(5);
    await world.makeCredential('passing');
    await world.leader({ server: gateway.url });
    await world.settles();

    // The operator sees none of these changes, and the API server loses their history.
    gateway.shut = true;
    await Promise.all([world.rotate(), world.changeSpec(), world.addNamespaces(10), world.removeNamespaces(doomed)]);
    await world.deleteCredential('passing');
    await eventually('the namespaces are gone', async () => {
      const { namespaces } = await world.look();
      if (namespaces.some(({ metadata }) => doomed.includes(metadata.name))) throw new Error('some still exist');
    });
    const { header } = await callEtcd<{ header: { revision: string } }>(etcd.url, 'range', { key: Buffer.from('x').toString('base64') });
    await callEtcd(etcd.url, 'compaction', { revision: header.revision, physical: true });
    // It still has in memory what etcd has no more.
    await apiServer.kill();
    await apiServer.start();

    gateway.shut = false;
    await world.recovers(row);
    row.figures['410 Gone'] = gateway.gone;
    expect(gateway.gone, 'watches that got 410 Gone').to.be.at.least(4);
  });

  it('is restored from a backup of etcd that is an hour old: watches ask from resourceVersions in the future, and what was deleted is back', async () => {
    const row = world.chronicle.row(
      'etcd restored from a backup',
      'rotations, another spec, new, deleted and relabelled namespaces, a deleted credential; an hour goes by',
    );
    const { etcd, scratch } = world.controlPlane;
    const offset = join(scratch, 'clock-offset');
    const replica = await world.leader({ env: jumpingClock(offset) });
    const doomed = await world.addNamespaces(10);
    await world.makeCredential('passing');
    await world.settles();
    await etcd.backup();
    const asBefore = world.remember();
    writeOffset(offset, HOUR_MS);
    replica.signal('SIGUSR2');
    // All of this is lost. The watches see it, and the bookmarks of a minute bring the quiet ones up to it.
    await Promise.all([
      world.rotate('wide'),
      world.changeSpec(),
      world.relabel(20),
      world.addNamespaces(20),
      world.removeNamespaces(doomed),
      world.deleteCredential('passing'),
    ]);
    await world.settles();
    await delay(65_000);
    await etcd.restore();
    asBefore();
    const begun = performance.now();
    await eventually('the API server answers', () => world.rotate('regional'));
    await Promise.all([world.rotate('wide'), world.changeSpec(), world.addNamespaces(5)]);
    await world.recovers(row, begun);
    expect(replica.log()).to.contain('etcd was probably restored from a backup');
    await world.deleteCredential('passing');
    await world.settles();
  });
});

/** A call through etcd's gRPC gateway: https://etcd.io/docs/v3.6/dev-guide/api_grpc_gateway/ */
async function callEtcd<T>(url: string, method: 'range' | 'compaction', body: object): Promise<T> {
  const response = await fetch(`${url}/v3/kv/${method}`, { method: 'POST', body: JSON.stringify(body) });
  if (!response.ok) throw new Error(`etcd refuses: ${await response.text()}`);
  return (await response.json()) as T;
}
