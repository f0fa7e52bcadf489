import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import { type Audited, isWrite } from '../support/audit.ts';
import { eventually } from '../support/eventually.ts';
import { type Replica, theWorld, type World } from './world.ts';

/** The Lease of a killed leader expires after 12 s. The table of docs/reliability.md has the measured times. */
const KILLED_WITHIN_MS = 30_000;
/** Without the release of the Lease it would be 10 to 12 s. */
const STOPPED_WITHIN_MS = 8_000;

describe('With two or three replicas,', () => {
  let world: World;
  before(async () => (world = await theWorld()));

  const terms = (replica: Replica) => replica.log().split('This replica leads.').length - 1;
  const ready = (replica: Replica) =>
    eventually('the replica is ready', async () => expect((await fetch(`${await replica.url()}/readyz`)).status).to.equal(200));
  /** Starts a replica that is ready but does not lead. */
  async function follower(): Promise<Replica> {
    const replica = await world.replica();
    await ready(replica);
    return replica;
  }
  /** Returns the first of the replicas that begins a term, and the time since `since`. */
  const takesOver = async (replicas: readonly Replica[], since: number) => {
    const before = new Map(replicas.map((replica) => [replica, terms(replica)]));
    const next = await eventually('another replica leads', () => {
      const found = replicas.find((replica) => terms(replica) > (before.get(replica) ?? 0));
      if (!found) throw new Error('none does');
      return found;
    });
    return { next, ms: performance.now() - since };
  };

  it('another replica replaces a killed leader within 30 seconds, and a stopped one within 8', async () => {
    const killed = world.chronicle.row('leader killed, another takes over', 'a rotation, another spec, new namespaces');
    const stopped = world.chronicle.row('leader stopped, another takes over', 'a rotation');
    let leader = await world.leader();
    const followers = [await follower(), await follower()];
    for (let round = 0; round < 3; round++) {
      expect(followers.map(terms), 'terms of the followers').to.deep.equal(followers.map(() => 0));
      // At any time between two renewals.
      await delay(world.chance.next() * 2000);
      await Promise.all([world.rotate(), world.changeSpec()]);
      const begun = performance.now();
      void leader.stop('SIGKILL');
      const { next, ms } = await takesOver(followers, begun);
      killed.figures['longest takeover (ms)'] = Math.max(killed.figures['longest takeover (ms)'] ?? 0, Math.round(ms));
      expect(ms, 'takeover from one that was killed').to.be.below(KILLED_WITHIN_MS);
      await world.addNamespaces(2);
      await world.recovers(killed);
      followers.splice(followers.indexOf(next), 1);

      // Two replicas are left: the leader stops, and the follower must take over immediately.
      await world.rotate();
      const stopping = performance.now();
      void next.stop();
      const { next: last, ms: tookMs } = await takesOver(followers, stopping);
      stopped.figures['longest takeover (ms)'] = Math.max(stopped.figures['longest takeover (ms)'] ?? 0, Math.round(tookMs));
      expect(tookMs, 'takeover from one that stopped').to.be.below(STOPPED_WITHIN_MS);
      await world.recovers(stopped);
      leader = last;
      followers.splice(0, 1, await follower(), await follower());
    }
  });

  it('a leader that was frozen begins no write after it wakes up', async () => {
    const row = world.chronicle.row('leader frozen, another takes over, and it wakes up', 'rotations, other specs, new namespaces');
    row.figures['writes after the wake-up'] = 0;
    for (const others of [1, 2]) {
      const mark = world.mark();
      const frozen = await world.leader();
      const followers = await Promise.all(Array.from({ length: others }, follower));
      await Promise.all([world.rotate('wide'), world.changeSpec()]);
      // The leader is in the middle of its work.
      await eventually('the leader writes', () => expect(writesOf(frozen, world.audited(mark)).length).to.be.above(20));
      frozen.signal('SIGSTOP');
      await world.rotate('kept');
      const { next } = await takesOver(followers, performance.now());
      await Promise.all([world.rotate('wide'), world.changeSpec()]);
      await delay(world.chance.next() * 300);
      frozen.signal('SIGCONT');
      await world.addNamespaces(3);
      await world.recovers(row);
      await eventually('it follows', () => expect(frozen.log()).to.contain('Lost the Lease; waiting to acquire it again.'));
      await world.settles();

      const audited = world.audited(mark);
      const took = Math.min(...writesOf(next, audited).map(({ at }) => at));
      const late = writesOf(frozen, audited).filter(({ at }) => at >= took);
      row.figures['writes after the wake-up'] += late.length;
      // The process has one thread, so it can be frozen between the check and the network with one request, and no more (docs/reliability.md).
      expect(late, 'writes of the frozen leader after those of the next').to.have.lengthOf.at.most(1);
      await world.clear();
    }
  });

  it('only the leader writes, and followers are ready', async () => {
    const row = world.chronicle.row('three replicas, only one writes', 'a rotation, another spec, new namespaces');
    const mark = world.mark();
    const leader = await world.leader();
    const followers = [await follower(), await follower()];
    await Promise.all([world.rotate('wide'), world.changeSpec(), world.addNamespaces(5)]);
    await world.recovers(row);
    for (const replica of followers) {
      await ready(replica);
      expect(await (await fetch(`${await replica.url()}/metrics`)).text()).to.contain('regcred_leader 0');
    }
    const audited = world.audited(mark);
    expect(writesOf(leader, audited)).to.not.deep.equal([]);
    expect(followers.map((replica) => writesOf(replica, audited))).to.deep.equal([[], []]);
  });
});

const writesOf = ({ token }: Replica, audited: readonly Audited[]) => audited.filter((one) => one.token === token && isWrite(one));
