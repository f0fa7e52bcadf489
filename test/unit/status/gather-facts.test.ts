import { expect } from 'chai';
import type { ObjectRecord } from '../../../src/api/records.ts';
import type { RegistryCredentialSpec } from '../../../src/api/types.ts';
import { path } from '../../../src/cluster/paths.ts';
import { KubeError } from '../../../src/kube/errors.ts';
import type { Store } from '../../../src/kube/store.ts';
import { statusSource } from '../../../src/status/gather-facts.ts';
import { placement } from '../../../src/status/placement-counts.ts';
import { reconcilers, refTo } from '../../support/reconcilers.ts';

const SETTINGS = { isVerificationOn: true, expiryWarningMs: 336 * 3_600_000 };
const ACME = path.credential('acme');

/** The credential acme, decided in a cluster with the namespaces shop and team, and what a status reads of it. */
async function decided(mods: Partial<RegistryCredentialSpec> = {}) {
  const term = reconcilers();
  for (const namespace of ['shop', 'team']) term.given.namespace(namespace);
  term.given.source();
  term.given.credential('acme', mods);
  await term.decide();
  const source = statusSource(term.states, term.cluster.observed, SETTINGS);
  return {
    ...term,
    state: term.states.stateOf(refTo('acme')),
    facts: () => source.factsOf(refTo('acme')),
    progress: () => source.progressOf(refTo('acme')),
    async place() {
      for (const namespace of ['shop', 'team']) {
        await term.run.accounts(namespace);
        await term.run.secret(namespace);
      }
    },
  };
}

describe('The facts of a status', () => {
  it('are those of the present spec and of its placements', async () => {
    const { facts, place } = await decided();
    expect(facts()).to.deep.include({ generation: 1, secretName: 'acme', mode: 'sync', isSuspended: false, selectsAccounts: true });
    expect(facts()?.sources).to.deep.equal({ state: 'ready', servers: 1, problems: [], skipped: [] });
    expect(facts()?.secrets).to.deep.equal({ counters: { desired: 2, synced: 0, failed: 0, conflicted: 0 }, pending: 2, failures: [] });
    await place();
    expect(facts()?.secrets).to.deep.equal({ counters: { desired: 2, synced: 2, failed: 0, conflicted: 0 }, pending: 0, failures: [] });
  });

  describe('name what may be outdated after a watch was lost', () => {
    const denied = new KubeError('secrets is forbidden: no right to watch', 403);
    const lost = (store: unknown, error: Error = denied) => {
      (store as Store<ObjectRecord>).accept({ type: 'failed', error });
      (store as Store<ObjectRecord>).accept({ type: 'outdated' });
    };
    type Cluster = Awaited<ReturnType<typeof decided>>['cluster'];
    const cases: Record<string, { lose: (cluster: Cluster) => void; conditions: string[]; message: string }> = {
      'the sources': {
        lose: ({ sources }) => lost(sources.view('regcred-system/robot')),
        conditions: ['sources'],
        message:
          'The operator can no longer watch the Secret regcred-system/robot, so it does not see changes: secrets is forbidden: no right to watch. Grant the permissions in manifests/rbac.yaml, or find the policy that refuses.',
      },
      'the Secrets of the name': {
        lose: ({ named }) => lost(named.view('acme'), new KubeError('the API server cannot be reached: ECONNREFUSED', 0)),
        conditions: ['secrets'],
        message:
          'The operator can no longer watch Secrets, so it does not see changes: the API server cannot be reached: ECONNREFUSED. The operator keeps retrying. Check the API server and the network.',
      },
      'the ServiceAccounts': {
        lose: ({ observed }) => lost(observed.accounts),
        conditions: ['accounts'],
        message: 'watch ServiceAccounts',
      },
      'the namespaces': {
        lose: ({ observed }) => lost(observed.namespaces),
        conditions: ['secrets', 'accounts'],
        message: 'watch Namespaces',
      },
      'the credentials': {
        lose: ({ observed }) => lost(observed.credentials.clusterScoped),
        conditions: ['sources', 'secrets', 'accounts'],
        message: 'watch RegistryCredentials',
      },
    };
    for (const [what, { lose, conditions, message }] of Object.entries(cases)) {
      it(what, async () => {
        const { cluster, facts } = await decided();
        expect(Object.values(facts()?.outdated ?? {})).to.deep.equal([undefined, undefined, undefined]);
        lose(cluster);
        const found = Object.entries(facts()?.outdated ?? {}).filter(([, problem]) => problem !== undefined);
        expect(found.map(([condition]) => condition)).to.deep.equal(conditions);
        for (const [, problem] of found) {
          expect(problem?.reason).to.equal('WatchLost');
          expect(problem?.message).to.contain(message);
        }
      });
    }
  });

  it('name the parts of spec.namespaces that select nothing', async () => {
    const { facts } = await decided({ namespaces: { names: ['shop', 'shpo'] } });
    expect(facts()?.unmatched).to.deep.equal(['"shpo"']);
  });

  it('are none before the first look, after the last, and for a credential that nobody knows', async () => {
    const term = reconcilers();
    const source = statusSource(term.states, term.cluster.observed, SETTINGS);
    term.given.credential('acme');
    term.cluster.deliver();
    expect([source.factsOf(refTo('acme')), source.progressOf(refTo('acme'))]).to.deep.equal([undefined, undefined]);
    await term.run.credential();
    expect(source.factsOf(refTo('acme'))).to.deep.include({ secretName: 'acme', mode: 'sync' });
    expect(source.progressOf(refTo('acme'))).to.deep.equal({ generation: 1, isBusy: true });
    term.given.credential('acme', {}, []);
    term.api.remove(ACME);
    term.cluster.deliver();
    await term.run.credential();
    expect(source.factsOf(refTo('acme'))).to.equal(undefined);
  });

  it('of a deleted credential are those of its cleanup, and none before that is decided', async () => {
    const { api, cluster, run, facts, progress, place } = await decided();
    await place();
    cluster.deliver();
    api.remove(ACME);
    cluster.deliver();
    expect([facts(), progress()]).to.deep.equal([undefined, undefined]);
    await run.credential();
    expect(facts()).to.deep.include({ mode: 'cleanup' });
    expect(facts()?.secrets.pending).to.equal(2);
  });

  describe('say that work is under way', () => {
    it('while a placement is pending', async () => {
      const { progress, place } = await decided();
      expect(progress()).to.deep.equal({ generation: 1, isBusy: true });
      await place();
      expect(progress()).to.deep.equal({ generation: 1, isBusy: false });
    });

    it('while namespaces are being enqueued, even if none of them is pending yet', async () => {
      const { state, facts, progress, place } = await decided();
      await place();
      if (state) state.isFanningOut = true;
      expect(progress()?.isBusy).to.equal(true);
      expect([facts()?.secrets.pending, facts()?.accounts.pending]).to.deep.equal([1, 1]);
    });

    it('not while a placement has failed, or waits for the sources', async () => {
      const { state, progress, place } = await decided();
      await place();
      state?.secrets.set('shop', placement.waitingForSources());
      expect(progress()?.isBusy).to.equal(false);
    });
  });

  describe('about pod recovery', () => {
    it('are none unless the spec asks for it', async () => {
      expect((await decided()).facts()?.podRecovery).to.equal(undefined);
    });

    it('are that the pods are being listed, and then which pods could not be evicted', async () => {
      const { facts, state } = await decided({ podRecovery: 'Recreate' });
      const problem = { reason: 'Forbidden', message: 'shop/web-1: pods "web-1" is forbidden' } as const;
      state?.notEvicted.set('pod shop web-1', problem);
      expect(facts()?.podRecovery).to.deep.equal({ state: 'watching', notEvicted: [problem] });
    });

    it('are that the pods may not be listed', async () => {
      const { facts, cluster } = await decided({ podRecovery: 'Recreate' });
      cluster.pods.failing.set('Pending', new KubeError('pods is forbidden', 403));
      cluster.deliver();
      expect(facts()?.podRecovery).to.deep.equal({ state: 'blind', why: 'pods is forbidden' });
    });
  });
});
