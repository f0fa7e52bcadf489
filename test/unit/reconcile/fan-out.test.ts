import { expect } from 'chai';
import { path } from '../../../src/cluster/paths.ts';
import type { View } from '../../../src/kube/store.ts';
import { base64 } from '../../support/builders.ts';
import { ACME, EVERYWHERE, placed, ROBOT, reasonsOf, stateOf, type Term, undecided, work } from '../../support/credential-term.ts';

/** While it is on, the fan-out fails when it looks at the ServiceAccounts. */
function breakFanOut({ cluster: { observed } }: Term): { repair: () => void } {
  const accounts: View<unknown> = observed.accounts;
  Object.defineProperty(accounts, 'all', {
    configurable: true,
    value: () => {
      throw new TypeError('a fault of the program');
    },
  });
  return { repair: () => void Reflect.deleteProperty(accounts, 'all') };
}

describe('A credential', () => {
  describe('fans out', () => {
    it('nothing the second time', async () => {
      const term = await placed();
      expect(await term.decide()).to.equal(undefined);
      expect(term.enqueued).to.deep.equal([]);
      expect(term.events).to.deep.equal([]);
    });

    it('a rotation to the Secrets alone, with an Event', async () => {
      const term = await placed();
      term.given.source('sample-password-2');
      await term.decide();
      expect(term.enqueued).to.deep.equal(['secret acme shop', 'secret acme team']);
      expect(reasonsOf(term)).to.deep.equal(['Rotated']);
      expect(stateOf(term)?.secrets.counters()).to.deep.include({ desired: 2, synced: 2 });
      expect(stateOf(term)?.secrets.pending).to.equal(2);
      await work(term);
      const data = base64('{"auths":{"registry.example.com":{"auth":"');
      expect(term.api.get(path.secret('shop', 'acme')).data?.['.dockerconfigjson']?.slice(0, 40)).to.equal(data.slice(0, 40));
      expect(stateOf(term)?.pending).to.equal(0);
    });

    it('a wider spec, with an Event that names what changed', async () => {
      const term = await placed();
      term.given.credential('acme', { namespaces: { names: ['*', 'more'] }, conflictPolicy: 'Adopt' });
      await term.decide();
      expect(term.events.map(({ reason, message }) => `${reason}: ${message}`)).to.deep.equal([
        'SpecChanged: The spec changed: targets (spec.namespaces), policy (spec.conflictPolicy). The operator is updating the namespaces.',
      ]);
    });

    it('a rotation, with an Event that names the servers and no password', async () => {
      const term = await placed();
      term.given.source('sample-password-2');
      await term.decide();
      const [event] = term.events;
      expect(event?.message).to.equal(
        'The content of the sources changed for registry.example.com. The operator is updating the namespaces.',
      );
    });

    it('nothing when a source is written with the same content', async () => {
      const term = await placed();
      term.given.source();
      await term.decide();
      expect(term.enqueued).to.deep.equal([]);
      expect(term.events).to.deep.equal([]);
    });

    it('the first good content to the accounts too, without an Event', async () => {
      const term = undecided();
      term.api.remove(ROBOT);
      await term.decide();
      term.enqueued.length = 0;
      term.given.source();
      await term.decide();
      expect(term.enqueued).to.deep.equal(EVERYWHERE);
      expect(term.events).to.deep.equal([]);
    });

    it('a change of the spec to the former namespaces too', async () => {
      const term = await placed({ namespaces: { names: ['shop'] } });
      term.given.credential('acme', { namespaces: { names: ['team'] } });
      await term.decide();
      expect(term.enqueued).to.have.members(EVERYWHERE);
      await work(term);
      expect(term.api.has(path.secret('shop', 'acme'))).to.equal(false);
      expect(term.api.has(path.secret('team', 'acme'))).to.equal(true);
    });

    it('with the generation of the current spec', async () => {
      const term = await placed();
      term.api.change(ACME, { metadata: { generation: 2 }, spec: { podInjection: 'None' } });
      await term.decide();
      expect(stateOf(term)?.generation).to.equal(2);
      expect(term.enqueued).to.deep.equal(EVERYWHERE);
    });

    it('a change of the spec also to namespaces where only a state is left to be dropped', async () => {
      const term = undecided();
      term.given.secret('shop', 'acme');
      term.given.account('shop', 'default', ['acme']);
      await term.decide();
      await work(term);
      expect(stateOf(term)?.secrets.counters()).to.deep.include({ desired: 2, conflicted: 1 });
      term.given.credential('acme', { namespaces: { names: ['team'] } });
      await term.decide();
      await work(term);
      expect(stateOf(term)?.secrets.counters()).to.deep.equal({ desired: 1, synced: 1, failed: 0, conflicted: 0 });
      expect(stateOf(term)?.accounts.counters()).to.deep.equal({ desired: 1, synced: 1, failed: 0, conflicted: 0 });
    });

    it('a deletion with nothing desired, even in a new leader term', async () => {
      const term = undecided();
      const labels = { 'app.kubernetes.io/managed-by': 'regcred', 'regcred.dev/credential-uid': 'uid-acme' };
      term.api.put(path.secret('shop', 'acme'), { type: 'kubernetes.io/dockerconfigjson', metadata: { labels }, data: {} });
      term.api.remove(ACME);
      await term.decide();
      expect(term.enqueued).to.deep.equal(['secret acme shop']);
      expect(stateOf(term)?.secrets.counters()).to.deep.include({ desired: 0 });
      expect(stateOf(term)?.secrets.pending).to.equal(1);
    });

    it('a new leader term to namespaces that have its Secret or reference, though they are not selected', async () => {
      const term = undecided({ namespaces: { names: [] } });
      const labels = { 'app.kubernetes.io/managed-by': 'regcred', 'regcred.dev/credential-uid': 'uid-acme' };
      term.api.put(path.secret('shop', 'acme'), { type: 'kubernetes.io/dockerconfigjson', metadata: { labels }, data: {} });
      term.given.account('team', 'default', ['acme'], ['acme']);
      await term.decide();
      expect([...new Set(term.enqueued)]).to.have.members(['secret acme shop', 'accounts team']);
    });

    it('stuck pods last', async () => {
      const term = undecided({ podRecovery: 'Recreate' });
      term.api.put('/api/v1/namespaces/shop/pods/web-1', {
        spec: { containers: [{ name: 'main', image: 'registry.example.com/app:1' }] },
        status: { phase: 'Pending', containerStatuses: [{ name: 'main', state: { waiting: { reason: 'ImagePullBackOff' } } }] },
      });
      await term.decide();
      expect(term.enqueued).to.deep.equal([...EVERYWHERE, 'pod shop web-1']);
    });
  });

  describe('repeats a fan-out that throws', () => {
    const changes: Record<string, { first: boolean; change: (term: Term) => void; want: readonly string[]; events: readonly string[] }> = {
      'of the first decision': { first: true, change: () => {}, want: EVERYWHERE, events: [] },
      'of a rotation': {
        first: false,
        change: ({ given }) => void given.source('sample-password-2'),
        want: ['secret acme shop', 'secret acme team'],
        events: ['Rotated', 'Rotated'],
      },
      'of a change of the spec': {
        first: false,
        change: ({ given }) => void given.credential('acme', { secretMetadata: { labels: { team: 'a' } } }),
        want: EVERYWHERE,
        events: ['SpecChanged', 'SpecChanged'],
      },
      'of a deletion': { first: false, change: ({ api }) => api.remove(ACME), want: EVERYWHERE, events: [] },
      'of a deletion under Retain': {
        first: false,
        change({ given, api }) {
          given.credential('acme', { deletionPolicy: 'Retain' });
          api.remove(ACME);
        },
        want: ['secret acme shop', 'secret acme team'],
        events: [],
      },
    };
    for (const [what, { first, change, want, events }] of Object.entries(changes)) {
      it(`${what}, in full at the next run`, async () => {
        const term = first ? undecided() : await placed();
        change(term);
        term.cluster.deliver();
        if (first) await term.run.credential();
        term.cluster.deliver();
        const { repair } = breakFanOut(term);
        const error = await term.run.credential().catch((thrown: unknown) => thrown);
        expect(error).to.be.instanceOf(TypeError);
        expect(stateOf(term)?.isFanningOut).to.equal(false);
        term.enqueued.length = 0;
        repair();
        await term.run.credential();
        expect(term.enqueued).to.have.members(want);
        expect(reasonsOf(term)).to.deep.equal(events);
        term.enqueued.length = 0;
        await term.run.credential();
        expect(term.enqueued).to.deep.equal([]);
      });
    }

    it('even if the source has its former content at the next run, because some namespaces may have the new content', async () => {
      const term = await placed();
      term.given.source('sample-password-2');
      term.cluster.deliver();
      const { repair } = breakFanOut(term);
      await term.run.credential().catch(() => {});
      repair();
      term.given.source();
      await term.decide();
      expect(term.enqueued).to.deep.equal(['secret acme shop', 'secret acme team']);
    });
  });
});
