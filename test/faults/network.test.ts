import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import { eventually } from '../support/eventually.ts';
import type { Disturbance } from '../support/gateway.ts';
import { chance } from './random.ts';
import { inTurns, theWorld, type World } from './world.ts';

const CUTS = 10;

describe('The network', () => {
  let world: World;
  before(async () => (world = await theWorld()));

  it('cuts every connection, many times during work', async () => {
    const row = world.chronicle.row('every connection cut', 'rotations, other specs, new namespaces');
    const wire = await world.wire();
    await world.leader({ server: `https://127.0.0.1:${wire.port}` });
    for (let cut = 0; cut < CUTS; cut++) {
      await Promise.all([world.rotate(), cut % 3 === 0 ? world.changeSpec() : undefined]);
      await delay(world.chance.next() * 300);
      wire.cut();
      if (cut < CUTS - 1) row.times++;
      else {
        await world.addNamespaces(5);
        await world.recovers(row);
      }
    }
  });

  it('leaves every connection half-open: requests are lost without an error', async () => {
    const row = world.chronicle.row('every connection half-open', 'a rotation, another spec, new namespaces');
    const wire = await world.wire();
    await world.leader({ server: `https://127.0.0.1:${wire.port}` });
    // All watches are open and have delivered their events.
    await world.settles();
    await world.rotate('wide');
    wire.swallow();
    const begun = performance.now();
    await Promise.all([world.rotate('kept'), world.changeSpec(), world.addNamespaces(5)]);
    // The client aborts a watch that is silent for 75 seconds.
    await world.recovers(row, begun);
  });

  it('disturbs a third of the requests: 429, 500, 503, 409, no answer, or a lost answer', async () => {
    const row = world.chronicle.row(
      'a third of all requests disturbed',
      'rotations, other specs, new namespaces, a new and a deleted credential',
    );
    const gateway = await world.gateway();
    const counts = new Map<string, number>();
    // Random numbers of their own: the seed does not determine the number of requests.
    const dice = chance(world.chance.between(0, 2 ** 31));
    gateway.disturb = () => {
      if (dice.next() >= 1 / 3) return undefined;
      const [what, disturbance] = dice.pick(DISTURBANCES);
      counts.set(what, (counts.get(what) ?? 0) + 1);
      return disturbance;
    };
    await world.leader({ server: gateway.url });
    // The kill test may have left it: whether it created or deleted it last depends on the seed.
    if (!world.meant.has('passing')) await world.makeCredential('passing');
    // Until each disturbance has occurred: the test does not determine the number of requests either.
    for (let change = 0; change < 4 || (counts.size < DISTURBANCES.length && change < 60); change++) {
      await Promise.all([world.rotate(), world.changeSpec(), world.addNamespaces(3)]);
      await delay(1000);
    }
    await world.deleteCredential('passing');
    await delay(4000);
    gateway.disturb = () => undefined;
    row.times += [...counts.values()].reduce((sum, count) => sum + count, 0) - 1;
    await world.recovers(row);
    for (const [what] of DISTURBANCES) expect(counts.get(what), what).to.be.above(0);
  });

  it('delivers watch events three seconds late', async () => {
    const row = world.chronicle.row('watch events 3 s late', 'rotations, other specs, namespaces created and deleted, drift');
    const gateway = await world.gateway();
    await world.leader({ server: gateway.url });
    await world.settles();
    gateway.watchDelayMs = 3000;
    gateway.cutWatches();
    const fresh = await world.addNamespaces(10);
    await Promise.all([world.rotate('wide'), world.changeSpec(), world.relabel(10)]);
    await delay(500);
    // Deletes namespaces before the operator knows that it placed Secrets in them.
    await world.removeNamespaces(fresh.slice(0, 5));
    await Promise.all([world.rotate('wide'), world.rotate('bare'), world.changeSpec()]);
    await world.recovers(row);
  });

  it('is busy with many new and deleted namespaces', async () => {
    const row = world.chronicle.row('many namespaces created and deleted', '150 created and 100 deleted, rotations');
    await world.leader();
    const made: string[] = [];
    await inTurns(
      Array.from({ length: 30 }, (_, turn) => async () => {
        made.push(...(await world.addNamespaces(5)));
        if (turn % 5 === 0) await world.rotate();
        if (turn % 3 !== 0) await world.removeNamespaces(made.splice(0, 5));
      }),
      4,
    );
    row.times += 29;
    await world.recovers(row);
    await world.removeNamespaces(made);
    await eventually('the cluster has its former size', async () => expect((await world.look()).namespaces.length).to.be.below(300));
  });
});

const refused = (status: number, reason: string, retryAfterSeconds?: number): Disturbance => ({
  kind: 'refuse',
  status,
  reason,
  ...(retryAfterSeconds && { retryAfterSeconds }),
});
/** The disturbances of a request, all with the same probability. */
const DISTURBANCES: readonly [what: string, Disturbance][] = [
  ['429', refused(429, 'TooManyRequests', 1)],
  ['500', refused(500, 'InternalError')],
  ['500 after the request was executed', { kind: 'deny', status: 500, reason: 'InternalError' }],
  ['503', refused(503, 'ServiceUnavailable')],
  ['409', refused(409, 'Conflict')],
  ['no answer', { kind: 'ignore' }],
  ['an answer lost', { kind: 'forget' }],
];
