import { expect } from 'chai';
import { LABEL } from '../../../src/api/names.ts';
import { path } from '../../../src/cluster/paths.ts';
import { KubeError } from '../../../src/kube/errors.ts';
import { idOf } from '../../../src/queue/keys.ts';
import { watchAhead } from '../../../src/reconcile/credential-watches.ts';
import { spec } from '../../support/builders.ts';
import {
  ACME,
  decided,
  denied,
  EVERYWHERE,
  intentOf,
  placed,
  ROBOT,
  stateOf,
  type Term,
  undecided,
  work,
} from '../../support/credential-term.ts';
import { given, reconcilers, refTo } from '../../support/reconcilers.ts';

describe('The reconciler of a credential', () => {
  describe('writes the finalizer first', () => {
    it('and decides nothing before that', async () => {
      const term = undecided();
      term.given.credential('acme', {}, ['example.com/other']);
      term.cluster.deliver();
      expect(await term.run.credential()).to.equal(undefined);
      expect(term.api.get(ACME).metadata.finalizers).to.deep.equal(['example.com/other', 'regcred.dev/cleanup']);
      expect(intentOf(term)).to.equal(undefined);
      expect(term.enqueued).to.deep.equal([]);
      expect(term.cluster.sources.keys).to.deep.equal([]);
    });

    it('and tries again if that is refused, with a log line at once', async () => {
      const term = undecided();
      term.given.credential('acme', {}, []);
      term.cluster.deliver();
      term.api.refuse = denied;
      expect(await term.run.credential()).to.deep.equal({ afterMs: 500 });
      expect(term.log.lines).to.deep.equal(['Cannot write the finalizer; retrying.']);
      expect(intentOf(term)).to.equal(undefined);
    });

    it('and decides again soon if the observed version was outdated', async () => {
      const term = undecided();
      term.given.credential('acme', {}, []);
      term.cluster.deliver();
      term.given.credential('acme', { suspend: true }, []);
      expect(await term.run.credential()).to.deep.equal({ afterMs: 20 });
      expect(term.log.lines).to.deep.equal([]);
    });
  });

  describe('reads the sources', () => {
    it('and decides nothing while they or the Secrets of its name are being listed', async () => {
      const term = undecided();
      term.cluster.deliver();
      expect(await term.run.credential()).to.equal(undefined);
      expect(term.cluster.sources.keys).to.deep.equal(['regcred-system/robot']);
      expect(term.cluster.named.keys).to.deep.equal(['acme']);
      expect(stateOf(term)?.sources).to.deep.equal({ state: 'loading' });
      expect(intentOf(term)).to.equal(undefined);
      expect(term.enqueued).to.deep.equal([]);
    });

    it('and enqueues every namespace once they are good, the accounts before the Secret', async () => {
      const term = await decided();
      expect(stateOf(term)?.sources).to.deep.equal({ state: 'ready', servers: 1, problems: [], skipped: [] });
      expect(intentOf(term)?.content?.names).to.deep.equal(['registry.example.com']);
      expect(term.enqueued).to.deep.equal(EVERYWHERE);
      expect(stateOf(term)?.secrets.counters()).to.deep.include({ desired: 2, synced: 0 });
      expect(stateOf(term)?.pending).to.equal(4);
      expect(stateOf(term)?.isFanningOut).to.equal(false);
    });

    const invalid: Record<string, { prepare: (term: Term) => void; sourceNamespaces?: readonly string[]; reason: string }> = {
      'that is missing': { prepare: ({ api }) => api.remove(ROBOT), reason: 'SourceMissing' },
      'of the wrong type': {
        prepare: ({ api }) => void api.put(ROBOT, { type: 'kubernetes.io/tls', data: {} }),
        reason: 'WrongSecretType',
      },
      'that may not be read': {
        prepare: ({ cluster: { sources } }) => void sources.failing.set('regcred-system/robot', denied()),
        reason: 'SourceUnreadable',
      },
      'in a namespace that is not allowed': { prepare: () => {}, sourceNamespaces: ['vault'], reason: 'SourceNotAllowed' },
    };
    for (const [what, { prepare, sourceNamespaces, reason }] of Object.entries(invalid)) {
      it(`and places no content from a source ${what}`, async () => {
        const term = undecided({}, sourceNamespaces);
        prepare(term);
        await term.decide();
        const sources = stateOf(term)?.sources;
        expect(sources?.state === 'invalid' && sources.problems.map((problem) => problem.reason)).to.deep.equal([reason]);
        expect(intentOf(term)?.content).to.equal(undefined);
        await work(term);
        expect(term.api.writes).to.deep.equal([]);
      });

      if (sourceNamespaces) continue;
      it(`and keeps the last good content when it has a source ${what}`, async () => {
        const term = await placed();
        const writes = term.api.writes.length;
        const before = intentOf(term)?.content;
        prepare(term);
        await term.decide();
        expect(intentOf(term)?.content).to.equal(before);
        await work(term);
        expect(term.api.writes).to.have.lengthOf(writes);
        // A source that was read once is not forgotten because it may not be read any more.
        if (what === 'that may not be read') return;
        const sources = stateOf(term)?.sources;
        expect(sources?.state === 'ready' && sources.problems.map((problem) => problem.reason)).to.deep.equal([reason]);
      });
    }

    it('and reports that it may not list the Secrets of its name, and decides when it may', async () => {
      const term = undecided();
      term.cluster.named.failing.set('acme', denied());
      await term.decide();
      expect(stateOf(term)?.blocked).to.deep.include({ reason: 'Forbidden' });
      expect(stateOf(term)?.blocked?.message).to.contain('may not list the Secrets named acme').and.contain('secrets is forbidden');
      expect(term.enqueued).to.deep.equal([]);
      term.cluster.named.failing.clear();
      await term.decide();
      expect(stateOf(term)?.blocked).to.equal(undefined);
      expect(term.enqueued).to.deep.equal(EVERYWHERE);
    });

    it('and waits without a report if that list only fails for the moment', async () => {
      const term = undecided();
      term.cluster.named.failing.set('acme', new KubeError('try again later', 503));
      await term.decide();
      expect(stateOf(term)?.blocked).to.equal(undefined);
      expect(term.enqueued).to.deep.equal([]);
    });

    it('and waits for the Secrets under a former name, if the operator may ask for Secrets by name only', async () => {
      const term = undecided({ secretName: 'pull' }, ['regcred-system']);
      term.api.change(ACME, { status: { secretName: 'former' } });
      term.cluster.deliver();
      await term.run.credential();
      expect(term.cluster.named.keys).to.have.members(['pull', 'former']);
      term.cluster.named.failing.set('pull', denied());
      term.cluster.deliver();
      await term.run.credential();
      expect(stateOf(term)?.blocked).to.deep.include({ reason: 'Forbidden' });
      term.cluster.named.failing.clear();
      await term.decide();
      expect(term.enqueued).to.deep.equal(EVERYWHERE);
    });
  });

  it('has its sources watched ahead, if it is served and not deleted', async () => {
    const term = undecided();
    const registries = [{ server: 'registry.example.com', secretRef: { namespace: 'vault', name: 'deleted' } }];
    term.given.credential('deleted', { registries });
    term.api.remove(path.credential('deleted'));
    term.given.tenant({ kind: 'NamespacedRegistryCredential', namespace: 'team', name: 'own' });
    term.cluster.deliver();
    const { observed, sources } = term.cluster;
    expect(watchAhead(observed, true).map(idOf)).to.have.members([
      'credential RegistryCredential /acme',
      'credential NamespacedRegistryCredential team/own',
    ]);
    expect(sources.keys).to.have.members(['regcred-system/robot', 'team/robot']);
    const other = undecided();
    other.given.tenant({ kind: 'NamespacedRegistryCredential', namespace: 'team', name: 'own' });
    other.cluster.deliver();
    expect(watchAhead(other.cluster.observed, false).map(idOf), 'with --namespaced=false').to.deep.equal([
      'credential RegistryCredential /acme',
    ]);
  });

  describe('in a new term, while the other Secrets of its name are not listed', () => {
    /** A new term over the same cluster, which cannot list these Secrets yet. */
    const restarted = async (before: Term, whileNobodyLed: (api: Term['api']) => unknown = () => {}, duringFanOut = (_: Term) => {}) => {
      whileNobodyLed(before.api);
      const term = reconcilers(undefined, before.api);
      term.cluster.named.failing.set('acme', new KubeError('try again later', 503));
      const { accounts } = term.cluster.observed;
      const all = accounts.all.bind(accounts);
      let isFirst = true;
      Object.assign(accounts, {
        all() {
          const isInFanOut = stateOf(term)?.isFanningOut && isFirst;
          if (isInFanOut) isFirst = false;
          if (isInFanOut) duringFanOut(term);
          return all();
        },
      });
      await term.decide();
      return term;
    };
    const listed = async (term: Term) => {
      term.cluster.named.failing.clear();
      await term.decide();
      await work(term);
    };
    const removeLabel = (api: Term['api'], namespace: string) => {
      const { labels = {} } = api.get(path.secret(namespace, 'acme')).metadata;
      api.change(path.secret(namespace, 'acme'), { metadata: { labels: { ...labels, [LABEL.managedBy]: 'other' } } });
    };

    it('counts what is in place, and enqueues the accounts only', async () => {
      const before = await placed();
      const writes = before.api.writes.length;
      const term = await restarted(before);
      expect(stateOf(term)?.secrets.counters()).to.deep.include({ desired: 2, synced: 2 });
      expect(term.enqueued).to.deep.equal(['accounts shop', 'accounts team']);
      await listed(term);
      expect(term.api.writes).to.have.lengthOf(writes);
    });

    it('writes no missing Secret, which may be one of another user, and writes it after that', async () => {
      const term = await restarted(await placed(), (api) => api.remove(path.secret('shop', 'acme')));
      await term.run.secret('shop');
      expect(stateOf(term)?.secrets.get('shop')).to.deep.include({ desired: 1, synced: 0, isPending: true });
      expect(term.api.has(path.secret('shop', 'acme'))).to.equal(false);
      await listed(term);
      expect(term.api.has(path.secret('shop', 'acme'))).to.equal(true);
      expect(stateOf(term)?.secrets.counters()).to.deep.include({ desired: 2, synced: 2 });
    });

    it('counts nothing as pending that needs no write, even if its key runs', async () => {
      const term = await restarted(await placed({ namespaces: { names: ['shop', 'team'] } }), (api) => {
        given(api).namespace('sources');
        given(api).source('sample-password', 'acme', 'sources');
      });
      // A source may have the name of the pull secret. The list of the names shows it before it ends.
      for (const namespace of ['shop', 'sources']) await term.run.secret(namespace);
      expect(stateOf(term)?.secrets.pending).to.equal(0);
      expect(stateOf(term)?.secrets.counters()).to.deep.include({ desired: 2, synced: 2 });
    });

    it('keeps counting a Secret as in place that is deleted', async () => {
      const term = await restarted(await placed());
      term.api.remove(path.secret('shop', 'acme'));
      term.cluster.deliver();
      await term.run.secret('shop');
      expect(stateOf(term)?.secrets.get('shop')).to.deep.include({ desired: 1, synced: 1, isPending: true });
      await listed(term);
      expect(term.api.has(path.secret('shop', 'acme'))).to.equal(true);
      expect(stateOf(term)?.secrets.pending).to.equal(0);
    });

    it('waits for a Secret whose key has run during the fan-out', async () => {
      const term = await restarted(await placed(), undefined, (term) => stateOf(term)?.secrets.markPending('shop', 1));
      expect(stateOf(term)?.secrets.get('shop')).to.deep.include({ isPending: true });
      await listed(term);
      expect(stateOf(term)?.secrets.pending).to.equal(0);
    });

    it('decides again at once if another credential has listed the name meanwhile', async () => {
      const term = await restarted(await placed(), undefined, ({ cluster }) => {
        cluster.named.failing.clear();
        cluster.named.keepFor({ kind: 'credential', credential: refTo('other') }, ['acme']);
        cluster.deliver();
      });
      expect(term.enqueued).to.include('credential acme');
    });

    it('lists the name even if the fan-out fails', async () => {
      let watched: Term['cluster']['named'] | undefined;
      const failed = restarted(await placed(), undefined, (term) => {
        watched = term.cluster.named;
        throw new TypeError('a fault of the program');
      });
      await failed.catch(() => {});
      expect(watched?.keys).to.deep.equal(['acme']);
    });

    it('keeps a reference whose Secret may be one without the label, and removes it after that if there is none', async () => {
      const term = await restarted(await placed({ namespaces: { names: ['shop', 'team'] } }), (api) => {
        given(api).namespace('old');
        given(api).account('old', 'default', ['acme'], ['acme']);
      });
      const references = () => term.api.get(path.account('old', 'default')).imagePullSecrets;
      await work(term);
      expect(references()).to.deep.equal([{ name: 'acme' }]);
      await listed(term);
      expect(references() ?? []).to.deep.equal([]);
    });

    it('repairs a Secret without the label only after that', async () => {
      const term = await restarted(await placed(), (api) => removeLabel(api, 'shop'));
      await work(term);
      expect(stateOf(term)?.secrets.get('shop')).to.deep.include({ synced: 0, isPending: true });
      await listed(term);
      expect(term.api.get(path.secret('shop', 'acme')).metadata.labels?.[LABEL.managedBy]).to.equal('regcred');
    });

    it('removes a Secret without the label from a namespace that is not selected only after that', async () => {
      const term = await restarted(await placed(), (api) => {
        removeLabel(api, 'team');
        api.change(ACME, {
          metadata: { generation: 2 },
          spec: spec({ ...(api.get(ACME).spec as object), namespaces: { names: ['shop'] } }),
        });
      });
      await work(term);
      expect(term.api.has(path.secret('team', 'acme'))).to.equal(true);
      await listed(term);
      expect(term.api.has(path.secret('team', 'acme'))).to.equal(false);
    });

    it('removes a Secret under a former name only after that', async () => {
      const term = await restarted(await placed(), (api) =>
        api.put(path.secret('shop', 'former'), { ...api.get(path.secret('shop', 'acme')) }),
      );
      await work(term);
      expect(stateOf(term)?.secrets.get('shop')).to.deep.include({ synced: 0, isPending: true });
      await listed(term);
      expect(term.api.has(path.secret('shop', 'former'))).to.equal(false);
      expect(term.api.has(path.secret('shop', 'acme'))).to.equal(true);
    });

    it('takes a new name only after that, and removes what had the former name, even without the label', async () => {
      const term = await restarted(await placed(), (api) => removeLabel(api, 'shop'));
      const { generation = 1 } = term.api.get(ACME).metadata;
      term.api.change(ACME, { metadata: { generation: generation + 1 }, spec: { secretName: 'pull' }, status: { secretName: 'acme' } });
      term.cluster.named.failing.set('pull', new KubeError('try again later', 503));
      await term.decide();
      expect(intentOf(term)?.secretName).to.equal('acme');
      await listed(term);
      term.cluster.deliver();
      await work(term);
      expect(['acme', 'pull'].map((name) => term.api.has(path.secret('shop', name)))).to.deep.equal([false, true]);
    });

    it('counts what is to be removed as pending, but not as desired', async () => {
      const term = await restarted(await placed());
      term.given.namespace('team', { 'regcred.dev/exclude': 'true' });
      term.cluster.deliver();
      await term.run.secret('team');
      expect(stateOf(term)?.secrets.get('team')).to.deep.include({ desired: 0, synced: 0, isPending: true });
      await listed(term);
      expect(term.api.has(path.secret('team', 'acme'))).to.equal(false);
    });

    it('follows a rotation after that', async () => {
      const term = await restarted(await placed());
      await work(term);
      term.given.source('sample-password-2');
      await term.decide();
      expect(term.enqueued, 'no key that would only wait').to.not.include('secret acme shop');
      await work(term);
      expect(stateOf(term)?.secrets.pending, 'the two Secrets').to.equal(2);
      await listed(term);
      expect(stateOf(term)?.secrets.counters()).to.deep.include({ desired: 2, synced: 2 });
      expect(stateOf(term)?.secrets.pending).to.equal(0);
    });

    it('decides nothing if it has no Secret', async () => {
      expect(intentOf(await restarted(undecided()))).to.equal(undefined);
    });

    it('decides nothing if it may have Secrets under a former name', async () => {
      const term = await restarted(await placed(), (api) => api.change(ACME, { status: { secretName: 'former' } }));
      expect(intentOf(term)).to.equal(undefined);
    });

    it('decides nothing if it has no valid content', async () => {
      const term = await restarted(await placed(), (api) => api.change(ROBOT, { data: { password: null } }));
      expect(intentOf(term)).to.equal(undefined);
      expect(stateOf(term)?.sources, 'the status waits').to.deep.equal({ state: 'loading' });
    });
  });

  it('decides nothing while the Secrets under a former name are being listed, though those under the current name are known', async () => {
    const term = undecided({}, ['regcred-system']);
    term.cluster.deliver();
    await term.run.credential();
    term.api.change(ACME, { status: { secretName: 'former' } });
    term.cluster.deliver();
    await term.run.credential();
    expect(term.cluster.named.keys).to.have.members(['acme', 'former']);
    expect(term.enqueued).to.deep.equal([]);
    term.cluster.deliver();
    await term.run.credential();
    expect(term.enqueued).to.deep.equal(EVERYWHERE);
  });

  it('forgets about stuck pods when podRecovery is turned off', async () => {
    const term = await placed({ podRecovery: 'Recreate' });
    stateOf(term)?.notEvicted.set('pod shop web-1', { reason: 'Forbidden', message: 'pods "web-1" is forbidden' });
    term.podMemory.pullAttempts.set('pod shop web-1', { uid: 'uid-web-1', resourceVersion: '1', triedWith: new Map() });
    await term.decide();
    expect(term.podMemory.pullAttempts.size).to.equal(1);
    term.given.credential('acme');
    await term.decide();
    expect(term.cluster.pods.keys).to.deep.equal([]);
    expect(stateOf(term)?.notEvicted.size).to.equal(0);
    expect(term.podMemory.pullAttempts.size).to.equal(0);
  });

  describe('with spec.suspend', () => {
    it('changes nothing, and continues as before when the suspension ends', async () => {
      const term = await placed();
      const writes = term.api.writes.length;
      term.given.credential('acme', { suspend: true });
      term.given.source('sample-password-2');
      await term.decide();
      expect(term.enqueued).to.deep.equal([]);
      expect(term.events.map(({ message }) => message)).to.deep.equal([
        'The spec changed: policy (spec.suspend). The operator writes nothing while spec.suspend is true.',
      ]);
      expect(term.api.writes).to.have.lengthOf(writes);
      term.given.credential('acme');
      await term.decide();
      expect(term.enqueued).to.have.members(EVERYWHERE);
      await work(term);
      expect(term.api.writes.slice(writes)).to.have.members(['patch secrets shop/acme', 'patch secrets team/acme']);
    });
  });

  describe('that is deleted', () => {
    it('is forgotten, with its watches', async () => {
      const term = await placed({ podRecovery: 'Recreate' });
      expect(term.cluster.pods.keys).to.deep.equal(['Pending']);
      term.given.credential('acme', {}, []);
      term.api.remove(ACME);
      term.cluster.deliver();
      expect(await term.run.credential()).to.equal(undefined);
      expect([stateOf(term), intentOf(term)]).to.deep.equal([undefined, undefined]);
      expect([...term.cluster.sources.keys, ...term.cluster.named.keys, ...term.cluster.pods.keys]).to.deep.equal([]);
      expect(term.forgotten).to.deep.equal(['RegistryCredential /acme']);
      expect(term.log.lines).to.deep.equal(['The RegistryCredential no longer exists.']);
    });

    it('is forgotten even if another finalizer still keeps the object', async () => {
      const term = await placed();
      term.given.credential('acme', {}, ['example.com/other']);
      term.api.remove(ACME);
      term.cluster.deliver();
      await term.run.credential();
      expect(intentOf(term)).to.equal(undefined);
      expect(term.api.has(ACME)).to.equal(true);
    });

    it('has no previous intent if it was created again with another uid', async () => {
      const term = await placed();
      const former = stateOf(term);
      term.api.put(ACME, { ...term.api.get(ACME), metadata: { uid: 'uid-new', generation: 1, finalizers: ['regcred.dev/cleanup'] } });
      term.api.remove(ROBOT);
      await term.decide();
      expect(stateOf(term)).to.not.equal(former);
      expect(intentOf(term)).to.deep.include({ uid: 'uid-new', content: undefined });
      expect(term.enqueued).to.have.members(EVERYWHERE);
      await work(term);
      expect(stateOf(term)?.secrets.counters()).to.deep.include({ desired: 2, synced: 2 });
    });
  });
});
