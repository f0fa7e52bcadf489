import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import { eventually } from '../support/eventually.ts';
import type { Disturbance } from '../support/gateway.ts';
import { chance } from './random.ts';
import { inTurns, theWorld, type World } from './world.ts';

const CUTS = 10;
/** A watch that is silent is given up after 75 seconds. */
const HALF_OPEN_TAKES_AT_MOST_MS = 100_000;

describe('The network', () => {
  let world: World;
  before(async () => (world = await theWorld()));

  it('cuts every connection, again and again in the midst of work', async () => {
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

  it('leaves every connection half-open: what is sent goes nowhere, and nobody is told', async () => {
    const row = world.chronicle.row('every connection half-open', 'a rotation, another spec, new namespaces');
    const wire = await world.wire();
    await world.leader({ server: `https://127.0.0.1:${wire.port}` });
    // All watches are to be there, and to have nothing more to say.
    await world.settles();
    await world.rotate('wide');
    wire.swallow();
    const begun = performance.now();
    await Promise.all([world.rotate('kept'), world.changeSpec(), world.addNamespaces(5)]);
    await world.recovers(row, begun, HALF_OPEN_TAKES_AT_MOST_MS);
  }).timeout(HALF_OPEN_TAKES_AT_MOST_MS + 60_000);

  it('answers a third of the requests in place of the API server: 429, 500, 503, 409, no answer, an answer lost', async () => {
    const row = world.chronicle.row(
      'a third of all requests disturbed',
      'rotations, other specs, new namespaces, a placing and a deletion',
    );
    const gateway = await world.gateway();
    const counts = new Map<string, number>();
    // Of its own: how many requests there are is not the seed's to say.
    const dice = chance(world.chance.between(0, 2 ** 31));
    gateway.disturb = () => {
      if (dice.next() >= 1 / 3) return undefined;
      const [what, disturbance] = dice.pick(DISTURBANCES);
      counts.set(what, (counts.get(what) ?? 0) + 1);
      return disturbance;
    };
    await world.leader({ server: gateway.url });
    // The kills before may have left it there: whether they made it or deleted it last is a matter of chance.
    if (!world.meant.has('passing')) await world.makeCredential('passing');
    // Until each of them has come up: how many requests there are is not ours to say either.
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

  it('brings the events of watches three seconds late', async () => {
    const row = world.chronicle.row('watch events 3 s late', 'rotations, other specs, namespaces made and deleted, drift');
    const gateway = await world.gateway();
    await world.leader({ server: gateway.url });
    await world.settles();
    gateway.watchDelayMs = 3000;
    gateway.cutWatches();
    const fresh = await world.addNamespaces(10);
    await Promise.all([world.rotate('wide'), world.changeSpec(), world.relabel(10)]);
    await delay(500);
    // Deleted and stripped before the operator knows that it has them.
    await world.removeNamespaces(fresh.slice(0, 5));
    await Promise.all([world.rotate('wide'), world.rotate('bare'), world.changeSpec()]);
    await world.recovers(row);
  });

  it('lets namespaces come and go in a storm', async () => {
    const row = world.chronicle.row('a storm of namespaces made and deleted', '150 made and 100 deleted, rotations');
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
    await eventually(
      'the world is as large as before',
      async () => expect((await world.look()).namespaces.length).to.be.below(300),
      60_000,
    );
  });
});

const refused = (status: number, reason: string, retryAfterSeconds?: number): Disturbance => ({
  kind: 'refuse',
  status,
  reason,
  ...(retryAfterSeconds && { retryAfterSeconds }),
});
/** What happens to a request, each as often as the others. */
const DISTURBANCES: readonly [what: string, Disturbance][] = [
  ['429', refused(429, 'TooManyRequests', 1)],
  ['500', refused(500, 'InternalError')],
  ['500 after it was carried out', { kind: 'deny', status: 500, reason: 'InternalError' }],
  ['503', refused(503, 'ServiceUnavailable')],
  ['409', refused(409, 'Conflict')],
  ['no answer', { kind: 'ignore' }],
  ['an answer lost', { kind: 'forget' }],
];
