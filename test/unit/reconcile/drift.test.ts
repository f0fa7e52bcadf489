import { expect } from 'chai';
import { LABEL } from '../../../src/api/names.ts';
import { path } from '../../../src/cluster/paths.ts';
import { KubeError } from '../../../src/kube/errors.ts';
import { ACME, decided, placed, stateOf, type Term, work } from '../../support/credential-term.ts';

const SECRET = path.secret('shop', 'acme');

const recorded = (term: Term) => stateOf(term)?.secrets.get('shop');
const SYNCED = { desired: 1, synced: 1, isPending: false, failures: [] };

const busy = () => new KubeError('try again later', 503);

/** Another controller deletes the Secret, the watch delivers that, and the operator reacts. */
async function revert(term: Term) {
  term.api.remove(SECRET);
  term.cluster.deliver();
  return term.run.secret();
}

describe('The memory of repairs', () => {
  const secretId = 'secret RegistryCredential /acme shop';
  const accountId = 'uid-shop-default';
  const cases: Record<string, (term: Term) => Promise<unknown>> = {
    'a rotation': async (term) => term.given.source('sample-password-2'),
    'a new secretName': async (term) => term.api.change(ACME, { metadata: { generation: 2 }, spec: { secretName: 'pull' } }),
    'other metadata': async (term) =>
      term.api.change(ACME, { metadata: { generation: 2 }, spec: { secretMetadata: { labels: { team: 'a' } } } }),
    'a further account in the namespace': async (term) => {
      term.given.account('shop', 'builder');
      term.cluster.deliver();
      term.enqueued.push('accounts shop');
    },
    'another credential': async (term) => {
      term.given.credential('beta');
      await term.decide('beta');
    },
    'the end of another credential': async (term) => {
      term.given.credential('beta');
      await term.decide('beta');
      await work(term);
      term.api.remove(path.credential('beta'));
      await term.decide('beta');
    },
  };
  for (const [what, change] of Object.entries(cases)) {
    it(`does not count ${what} as a repair`, async () => {
      const term = await placed({ serviceAccounts: { names: ['*'] } });
      const { length } = term.api.writes;
      await change(term);
      await term.decide();
      await work(term);
      await work(term);
      expect(term.api.writes.length).to.be.above(length);
      for (const id of [secretId, accountId, 'uid-shop-builder']) expect(term.drift.has(id), id).to.equal(false);
    });
  }

  it('contains a repair, and keeps the latest longest', async () => {
    const term = await placed();
    await revert(term);
    expect(term.drift.has(secretId)).to.equal(true);
    for (let n = 0; n < 9999; n++) term.drift.recordRepair(`object ${n}`, '');
    await revert(term);
    for (let n = 0; n < 9999; n++) term.drift.recordRepair(`further object ${n}`, '');
    expect(term.drift.has(secretId)).to.equal(true);
  });
});

describe('A Secret', () => {
  describe('with another writer that keeps reverting it', () => {
    const BUDGET = 10;

    /** Places the Secret, and repairs it so often that the conflict is reported. */
    async function contested(everyMs: number) {
      const term = await decided();
      await term.run.secret();
      for (let times = 1; times < BUDGET; times++) {
        term.clock.now += everyMs;
        expect(await revert(term), `repair ${times}`).to.equal(undefined);
        expect(recorded(term)).to.deep.equal(SYNCED);
      }
      term.clock.now += everyMs;
      return term;
    }
    const reasons = (term: Term) =>
      recorded(term)?.failures.map(({ reason, isConflict, needsPerson }) => ({ reason, isConflict, needsPerson }));
    const CONTESTED = [{ reason: 'Contested', isConflict: false, needsPerson: false }];

    it('is repaired at once ten times, and then reported as contested', async () => {
      const term = await contested(0);
      expect((await revert(term))?.afterMs).to.equal(1000);
      expect(term.api.has(SECRET)).to.equal(true);
      expect(reasons(term)).to.deep.equal(CONTESTED);
    });

    it('is then repaired after a wait that doubles each time', async () => {
      const term = await contested(0);
      const waits: (number | undefined)[] = [];
      await revert(term);
      for (let times = 0; times < 3; times++) {
        waits.push((await revert(term))?.afterMs);
        expect(term.api.has(SECRET), 'it is not repaired before its time').to.equal(false);
        expect(reasons(term)).to.deep.equal(CONTESTED);
        term.clock.now += waits.at(-1) ?? 0;
        expect((await term.run.secret())?.afterMs).to.equal(1000 * 2 ** (times + 1));
        expect(term.api.has(SECRET)).to.equal(true);
      }
      expect(waits).to.deep.equal([1000, 2000, 4000]);
    });

    it('is no longer reported as contested once a repair has lasted as long as the wait', async () => {
      const term = await contested(0);
      const { afterMs = 0 } = (await revert(term)) ?? {};
      term.clock.now += afterMs - 1;
      expect(await term.run.secret()).to.deep.equal({ afterMs: 1 });
      expect(reasons(term)).to.deep.equal(CONTESTED);
      term.clock.now += 1;
      expect(await term.run.secret()).to.equal(undefined);
      expect(recorded(term)).to.deep.equal(SYNCED);
    });

    it('is also reported as contested if it is reverted every five minutes, until a repair has lasted twice as long', async () => {
      const term = await contested(300_000);
      expect(await revert(term)).to.deep.equal({ afterMs: 600_000 });
      expect(term.api.has(SECRET)).to.equal(true);
      expect(reasons(term)).to.deep.equal(CONTESTED);
      term.clock.now += 600_000;
      expect(await term.run.secret()).to.equal(undefined);
      expect(recorded(term)).to.deep.equal(SYNCED);
    });

    it('is no longer reported as contested after an hour without another repair, even if the last repairs were almost an hour apart', async () => {
      const minutes = 60_000;
      const term = await contested(50 * minutes);
      expect(await revert(term)).to.deep.equal({ afterMs: 100 * minutes });
      term.clock.now += 59 * minutes;
      await term.run.secret();
      expect(reasons(term)).to.deep.equal(CONTESTED);
      term.clock.now += 2 * minutes;
      expect(await term.run.secret()).to.equal(undefined);
      expect(recorded(term)).to.deep.equal(SYNCED);
    });

    const fresh: Record<string, (term: Term) => Promise<void>> = {
      'a rotation': async (term) => {
        term.given.source('sample-password-2');
        await term.decide();
      },
      'an interval in which the namespace was not selected': async (term) => {
        term.api.change(path.namespace('shop'), { metadata: { labels: { [LABEL.exclude]: 'true' } } });
        term.cluster.deliver();
        await term.run.secret();
        term.api.change(path.namespace('shop'), { metadata: { labels: { [LABEL.exclude]: null } } });
        term.cluster.deliver();
      },
    };
    for (const [what, change] of Object.entries(fresh)) {
      it(`is written at once again after ${what}`, async () => {
        const term = await contested(0);
        await revert(term);
        await revert(term);
        expect(term.api.has(SECRET)).to.equal(false);
        await change(term);
        await term.run.secret();
        expect(term.api.has(SECRET)).to.equal(true);
        expect(recorded(term)).to.deep.equal(SYNCED);
      });
    }

    it('is not counted as repaired by the first write after a rotation', async () => {
      const term = await contested(0);
      await revert(term);
      term.given.source('sample-password-2');
      await term.decide();
      await term.run.secret();
      for (let times = 1; times < BUDGET; times++) expect(await revert(term), `repair ${times}`).to.equal(undefined);
      expect(await revert(term)).to.deep.equal({ afterMs: 1000 });
    });

    it('is not counted as repaired by a failed write', async () => {
      const term = await contested(0);
      term.api.refuse = busy;
      await revert(term);
      for (let times = 0; times < 3; times++) await term.run.secret();
      term.api.refuse = () => undefined;
      expect(await term.run.secret()).to.deep.equal({ afterMs: 1000 });
    });
  });
});
