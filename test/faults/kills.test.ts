import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import { theWorld, type World } from './world.ts';

const KILLS = 30;
/** Each group: the test waits for no recovery after these kills, except for the last of them. */
const GROUP = 6;
/** Longer than the longest of these tasks takes on an idle machine, and shorter than two of them. */
const LONGEST_LIFE_MS = 900;

const MEANWHILE: readonly ((world: World) => Promise<unknown>)[] = [
  (world) => comeOrGo(world),
  (world) => comeOrGo(world),
  (world) => world.rotate('wide'),
  (world) => Promise.all([world.rotate(), world.changeSpec()]),
];

/** A fan-out or a deletion, or a rotation while the last deletion still runs. */
async function comeOrGo(world: World): Promise<void> {
  if (world.meant.has('passing')) return world.deleteCredential('passing');
  const isThere = (await world.look()).credentials.some(({ metadata }) => ['passing', 'visitor'].includes(metadata.name));
  return isThere ? world.rotate('regional') : world.makeCredential('passing');
}

describe('The operator, killed with SIGKILL', () => {
  let world: World;
  before(async () => (world = await theWorld()));

  it(`at ${KILLS} random moments of fan-out, rotation and deletion, loses nothing`, async () => {
    const row = world.chronicle.row('SIGKILL at a random moment', 'placing, rotation, other specs, deletion');
    let midway = 0;
    for (let kill = 0; kill < KILLS; kill++) {
      const replica = await world.leader();
      await world.chance.pick(MEANWHILE)(world);
      await delay(world.chance.next() * LONGEST_LIFE_MS);
      await replica.stop('SIGKILL');
      await world.expireLease();
      if ((await world.check()).length > 0) midway++;
      if (kill % GROUP < GROUP - 1) row.times++;
      else {
        const begun = performance.now();
        const last = await world.leader();
        await world.recovers(row, begun);
        await last.stop();
      }
    }
    row.figures['during work'] = midway;
    // Killing an idle operator would prove nothing.
    expect(midway, 'kills during work').to.be.at.least(KILLS / 3);
  });
});
