import { expect } from 'chai';
import { LABEL } from '../../../src/api/names.ts';
import type { RegistryCredentialSpec } from '../../../src/api/types.ts';
import { path } from '../../../src/cluster/paths.ts';
import { KubeError } from '../../../src/kube/errors.ts';
import { reconcilers, refTo } from '../../support/reconcilers.ts';

const SECRET = path.secret('shop', 'acme');

/** A cluster with the namespaces shop and team, and the credential acme, which is decided. */
async function decided(mods: Partial<RegistryCredentialSpec> = {}, prepare: (term: ReturnType<typeof reconcilers>) => void = () => {}) {
  const term = reconcilers();
  term.given.namespace('shop');
  term.given.namespace('team');
  term.given.source();
  term.given.credential('acme', mods);
  prepare(term);
  await term.decide();
  return term;
}

type Term = Awaited<ReturnType<typeof decided>>;

const recorded = ({ states }: Term, namespace = 'shop', name = 'acme') => states.stateOf(refTo(name))?.secrets.get(namespace);
const SYNCED = { desired: 1, synced: 1, isPending: false, failures: [] };
const PENDING = { desired: 1, synced: 0, isPending: true, failures: [] };
const REMOVING = { desired: 0, synced: 0, isPending: true, failures: [] };

const denied = () => new KubeError('secrets "acme" is forbidden', 403);
const busy = () => new KubeError('try again later', 503);

describe('The reconciler of a Secret', () => {
  describe('does what the plan says', () => {
    interface Case {
      readonly mods?: Partial<RegistryCredentialSpec>;
      readonly prepare?: (term: Term) => void;
      /** Between the first placement and the run. */
      readonly meanwhile?: (term: Term) => Promise<void> | void;
      readonly writes: readonly string[];
      readonly state: object | undefined;
    }
    const cases: Record<string, Case> = {
      'it creates a missing Secret': { writes: ['create secrets shop/acme'], state: SYNCED },
      'it leaves a synced Secret alone': {
        async meanwhile({ run }) {
          await run.secret();
        },
        writes: ['create secrets shop/acme'],
        state: SYNCED,
      },
      'it repairs a changed Secret': {
        async meanwhile({ run, api, cluster }) {
          await run.secret();
          api.change(SECRET, { data: { '.dockerconfigjson': 'e30=' } });
          cluster.deliver();
        },
        writes: ['create secrets shop/acme', 'patch secrets shop/acme'],
        state: SYNCED,
      },
      'it writes nothing if the source is missing and no Secret is there': {
        prepare: ({ api }) => api.remove(path.secret('regcred-system', 'robot')),
        writes: [],
        state: { desired: 1, synced: 0, isPending: false, failures: [] },
      },
      'it does not change the Secret of another user': {
        prepare: ({ given }) => void given.secret('shop', 'acme', { type: 'Opaque' }),
        writes: [],
        state: { desired: 1, synced: 0, isPending: false },
      },
      'it does nothing in a namespace that is not selected and has no Secret': {
        mods: { namespaces: { names: ['team'] } },
        writes: [],
        state: undefined,
      },
      'it does nothing in a deleted namespace': {
        meanwhile({ api, cluster }) {
          api.remove(path.namespace('shop'));
          cluster.deliver();
        },
        writes: [],
        state: undefined,
      },
      'it removes the Secret from a namespace that is no longer selected': {
        async meanwhile({ run, api, cluster }) {
          await run.secret();
          api.change(path.namespace('shop'), { metadata: { labels: { [LABEL.exclude]: 'true' } } });
          cluster.deliver();
        },
        writes: ['create secrets shop/acme', 'delete secrets shop/acme'],
        state: REMOVING,
      },
      'it replaces a Secret under a former name only after the new one is there': {
        async meanwhile({ run, given, cluster }) {
          await run.secret();
          cluster.deliver();
          given.credential('acme', { secretName: 'pull' });
          cluster.deliver();
          await run.credential();
          cluster.deliver();
          await run.credential();
        },
        writes: ['create secrets shop/acme', 'create secrets shop/pull', 'delete secrets shop/acme'],
        state: SYNCED,
      },
    };
    for (const [what, { mods, prepare, meanwhile, writes, state }] of Object.entries(cases)) {
      it(what, async () => {
        const term = await decided(mods, prepare);
        await meanwhile?.(term);
        expect(await term.run.secret()).to.equal(undefined);
        expect(term.api.writes).to.deep.equal(writes);
        if (state === undefined) expect(recorded(term)).to.equal(undefined);
        else expect(recorded(term)).to.deep.include(state);
      });
    }
  });

  it('does nothing for a credential that is suspended', async () => {
    const term = await decided({ suspend: true });
    expect(await term.run.secret()).to.equal(undefined);
    expect(term.api.writes).to.deep.equal([]);
    expect(recorded(term)).to.equal(undefined);
  });

  it('does nothing for a credential that is not decided yet', async () => {
    const term = await decided();
    expect(await term.run.secret('shop', 'other')).to.equal(undefined);
    expect(term.api.writes).to.deep.equal([]);
  });

  it('waits for the sources if there is no Secret, and keeps an existing Secret', async () => {
    const term = await decided({}, ({ api }) => {
      const labels = { [LABEL.managedBy]: 'regcred', [LABEL.credentialUid]: 'uid-acme' };
      api.put(path.secret('team', 'acme'), { type: 'kubernetes.io/dockerconfigjson', metadata: { labels }, data: {} });
      api.put(path.secret('regcred-system', 'robot'), { type: 'Opaque', data: {} });
    });
    await term.run.secret('shop');
    await term.run.secret('team');
    expect(term.api.writes).to.deep.equal([]);
    expect(recorded(term, 'shop')).to.deep.equal({ desired: 1, synced: 0, isPending: false, failures: [] });
    expect(recorded(term, 'team')).to.deep.equal(SYNCED);
  });

  it('reports a conflict once to the people of the namespace, who can resolve it', async () => {
    const term = await decided({}, ({ given }) => void given.secret('shop', 'acme', { type: 'Opaque' }));
    await term.run.secret();
    await term.run.secret();
    expect(term.conflicts).to.deep.equal(['SecretExists shop/acme']);
  });

  it('does not report a conflict again that an earlier leader has reported', async () => {
    const term = await decided({}, ({ given, api }) => {
      given.secret('shop', 'acme', { type: 'Opaque' });
      const failures = [{ namespace: 'shop', kind: 'Secret', name: 'acme', reason: 'SecretExists', message: '' }];
      api.change(path.credential('acme'), { status: { failures } });
    });
    await term.run.secret();
    expect(term.conflicts).to.deep.equal([]);
  });

  it('reports no conflict to a namespace in which nobody can resolve it: the Secret is a source', async () => {
    const mods = { secretName: 'robot', namespaces: { names: ['regcred-system'] } };
    const term = await decided(mods, ({ given }) => void given.namespace('regcred-system'));
    await term.run.secret('regcred-system');
    expect(recorded(term, 'regcred-system')?.failures[0]).to.deep.include({ reason: 'SecretExists' });
    expect(term.conflicts).to.deep.equal([]);
  });

  it('reports a conflict and requeues nothing, because the watch reports when the conflict is over', async () => {
    const term = await decided({}, ({ given }) => void given.secret('shop', 'acme', { immutable: true }));
    expect(await term.run.secret()).to.equal(undefined);
    const [failure] = recorded(term)?.failures ?? [];
    expect(failure).to.deep.include({
      namespace: 'shop',
      kind: 'Secret',
      name: 'acme',
      reason: 'SecretImmutable',
      isConflict: true,
      needsPerson: true,
    });
  });

  it('keeps the Secret of another credential, even if its label managed-by was removed and the policy is Adopt', async () => {
    const term = await decided({ conflictPolicy: 'Adopt', secretName: 'pull' }, ({ given, api }) => {
      given.credential('beta', { secretName: 'pull' });
      const labels = { [LABEL.credentialUid]: 'uid-beta' };
      api.put(path.secret('shop', 'pull'), { type: 'kubernetes.io/dockerconfigjson', metadata: { labels }, data: {} });
    });
    await term.decide('beta');
    await term.run.secret();
    expect(term.api.writes).to.deep.equal([]);
    expect(recorded(term)?.failures[0]?.message).to.contain('is managed by RegistryCredential beta');
  });

  it('adopts the Secret that a deleted credential released', async () => {
    const term = await decided({ conflictPolicy: 'Adopt', secretName: 'pull' }, ({ given, api }) => {
      given.credential('beta', { secretName: 'pull' }, ['example.com/other']);
      api.remove(path.credential('beta'));
      const labels = { [LABEL.managedBy]: 'regcred', [LABEL.credentialUid]: 'uid-beta' };
      api.put(path.secret('shop', 'pull'), { type: 'kubernetes.io/dockerconfigjson', metadata: { labels }, data: {} });
    });
    await term.run.secret();
    expect(term.api.get(path.secret('shop', 'pull')).metadata.labels?.[LABEL.credentialUid]).to.equal('uid-acme');
    expect(recorded(term)).to.deep.equal(SYNCED);
  });

  it('does not overwrite a Secret that is a source, even if the policy is Adopt', async () => {
    const term = await decided(
      { conflictPolicy: 'Adopt', secretName: 'robot', namespaces: { names: ['regcred-system'] } },
      ({ api, given }) => {
        given.namespace('regcred-system');
        api.put(path.secret('regcred-system', 'robot'), { type: 'kubernetes.io/dockerconfigjson', data: {} });
        const secretRef = { namespace: 'regcred-system', name: 'base' };
        given.source('sample-password', 'base');
        given.credential('acme', {
          conflictPolicy: 'Adopt',
          secretName: 'robot',
          namespaces: { names: ['regcred-system'] },
          registries: [{ server: 'registry.example.com', secretRef }],
        });
        given.credential('beta', { dockerConfigs: [{ secretRef: { namespace: 'regcred-system', name: 'robot' } }] });
      },
    );
    await term.run.secret('regcred-system');
    expect(term.api.writes).to.deep.equal([]);
    expect(recorded(term, 'regcred-system')?.failures[0]?.message).to.contain('is a source of credentials');
  });

  describe('when a write fails', () => {
    const steps: Record<string, { prepare: (term: Term) => Promise<void>; step: string; desired: number }> = {
      'the creation': { prepare: async () => {}, step: 'Creating the Secret', desired: 1 },
      'the update': {
        async prepare({ run, api, cluster }) {
          await run.secret();
          api.change(SECRET, { data: { stray: 'eA==' } });
          cluster.deliver();
        },
        step: 'Updating the Secret',
        desired: 1,
      },
      'the deletion': {
        async prepare({ run, api, cluster }) {
          await run.secret();
          api.change(path.namespace('shop'), { metadata: { labels: { [LABEL.exclude]: 'true' } } });
          cluster.deliver();
        },
        step: 'Deleting the Secret',
        desired: 0,
      },
    };
    for (const [what, { prepare, step, desired }] of Object.entries(steps)) {
      it(`reports a refusal of ${what} at once`, async () => {
        const term = await decided();
        await prepare(term);
        term.api.refuse = denied;
        expect(await term.run.secret()).to.deep.equal({ afterMs: 500 });
        expect(recorded(term)).to.deep.include({ desired, synced: 0, isPending: false });
        expect(recorded(term)?.failures).to.deep.equal([
          {
            namespace: 'shop',
            kind: 'Secret',
            name: 'acme',
            reason: 'Forbidden',
            message: `${step} failed: secrets "acme" is forbidden. Grant the permissions in manifests/rbac.yaml, or find the policy that refuses.`,
            isConflict: false,
            needsPerson: true,
            ...(desired === 0 && { isRemoval: true }),
          },
        ]);
      });

      it(`counts ${what} as pending, and reports it only after five failures, if the server is busy`, async () => {
        const term = await decided();
        await prepare(term);
        term.api.refuse = busy;
        for (let times = 1; times < 5; times++) {
          expect((await term.run.secret())?.afterMs).to.equal(200 * 2 ** (times - 1));
          expect(recorded(term)).to.deep.equal({ desired, synced: 0, isPending: true, failures: [] });
        }
        await term.run.secret();
        expect(recorded(term)?.failures).to.have.lengthOf(1);
      });

      it(`finishes ${what} once the server accepts it, and starts with short waits the next time`, async () => {
        const term = await decided();
        await prepare(term);
        term.api.refuse = busy;
        for (let times = 0; times < 5; times++) await term.run.secret();
        term.api.refuse = () => undefined;
        expect(await term.run.secret()).to.equal(undefined);
        expect(recorded(term)).to.deep.equal(desired === 1 ? SYNCED : REMOVING);
        term.cluster.deliver();
        if (term.api.has(SECRET)) term.api.remove(SECRET);
        else term.api.change(path.namespace('shop'), { metadata: { labels: { [LABEL.exclude]: null } } });
        term.cluster.deliver();
        term.api.refuse = busy;
        expect(await term.run.secret()).to.deep.equal({ afterMs: 200 });
      });
    }

    it('starts with short waits again after another writer repaired the Secret', async () => {
      const term = await decided();
      await term.run.secret();
      const { data } = term.api.get(SECRET);
      term.api.refuse = busy;
      for (const content of [{ '.dockerconfigjson': 'e30=' }, data, { '.dockerconfigjson': 'e30=' }]) {
        term.api.change(SECRET, { data: content });
        term.cluster.deliver();
        expect(await term.run.secret()).to.deep.equal(content === data ? undefined : { afterMs: 200 });
      }
    });

    it('decides again soon if the observed Secret was outdated', async () => {
      const term = await decided();
      term.given.secret('shop', 'acme', { type: 'Opaque' });
      expect(await term.run.secret()).to.deep.equal({ afterMs: 20 });
      expect(recorded(term)).to.deep.equal(PENDING);
      term.cluster.deliver();
      expect(await term.run.secret()).to.equal(undefined);
      expect(recorded(term)?.failures[0]).to.deep.include({ reason: 'SecretExists' });
    });

    it('keeps the Secret under the former name until the new one can be created', async () => {
      const term = await decided();
      await term.run.secret();
      term.cluster.deliver();
      term.given.credential('acme', { secretName: 'pull' });
      await term.decide();
      term.api.refuse = denied;
      await term.run.secret();
      expect(term.api.has(SECRET)).to.equal(true);
      expect(recorded(term)?.failures[0]).to.deep.include({ name: 'pull', reason: 'Forbidden' });
    });

    it('reports no secret value in the message', async () => {
      const term = await decided();
      term.api.refuse = () => new KubeError('admission webhook denied password sample-password', 403);
      await term.run.secret();
      expect(recorded(term)?.failures[0]?.message).to.equal(
        'Creating the Secret failed: admission webhook denied password [withheld]. Grant the permissions in manifests/rbac.yaml, or find the policy that refuses.',
      );
    });
  });

  it('keeps a deleted Secret in the counters until the watch reports that it is gone', async () => {
    const term = await decided();
    await term.run.secret();
    term.api.change(path.namespace('shop'), { metadata: { labels: { [LABEL.exclude]: 'true' } } });
    term.cluster.deliver();
    await term.run.secret();
    expect(recorded(term)).to.deep.equal(REMOVING);
    term.cluster.deliver();
    await term.run.secret();
    expect(recorded(term)).to.equal(undefined);
  });

  it('reports a namespace that is no longer selected, but not one whose credential is deleted', async () => {
    const term = await decided();
    await term.run.secret('shop');
    await term.run.secret('team');
    term.api.change(path.namespace('shop'), { metadata: { labels: { [LABEL.exclude]: 'true' } } });
    term.cluster.deliver();
    await term.run.secret('shop');
    term.api.remove(path.credential('acme'));
    await term.decide();
    await term.run.secret('team');
    expect(term.api.writes.slice(2)).to.deep.equal(['delete secrets shop/acme', 'delete secrets team/acme']);
    expect(term.deselected).to.deep.equal(['shop']);
  });

  it('under Retain only removes the owner reference, so that the garbage collector keeps the Secret', async () => {
    const term = await decided();
    await term.run.secret();
    expect(term.api.get(SECRET).metadata.ownerReferences).to.have.lengthOf(1);
    term.api.change(path.credential('acme'), { metadata: { generation: 2 }, spec: { deletionPolicy: 'Retain' } });
    term.api.remove(path.credential('acme'));
    await term.decide();
    await term.run.secret();
    expect(term.api.get(SECRET).metadata.ownerReferences).to.deep.equal([]);
    expect(term.deselected).to.deep.equal([]);
    await term.run.secret();
    expect(recorded(term)).to.equal(undefined);
  });

  it('is done without another look once the last Secret of a deleted credential is gone', async () => {
    const term = await decided({ namespaces: { names: ['shop'] }, serviceAccounts: { names: [] } });
    await term.run.secret();
    term.api.remove(path.credential('acme'));
    await term.decide();
    await term.run.secret();
    await term.run.accounts('shop');
    term.cluster.deliver();
    term.enqueued.length = 0;
    await term.run.secret();
    expect(term.enqueued).to.deep.equal(['credential acme']);
  });
});
