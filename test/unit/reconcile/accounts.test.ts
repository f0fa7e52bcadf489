import { expect } from 'chai';
import { ANNOTATION, LABEL } from '../../../src/api/names.ts';
import type { RegistryCredentialSpec } from '../../../src/api/types.ts';
import { path } from '../../../src/cluster/paths.ts';
import { KubeError } from '../../../src/kube/errors.ts';
import { reconcilers, refTo } from '../../support/reconcilers.ts';

const DEFAULT = path.account('shop', 'default');

type Term = ReturnType<typeof reconcilers>;

/** A cluster with the namespace shop, and one credential for each entry, all of them decided. */
async function decided(
  credentials: Record<string, Partial<RegistryCredentialSpec>> = { acme: {} },
  accounts: readonly string[] = ['default'],
): Promise<Term> {
  const term = reconcilers();
  term.given.namespace('shop');
  term.given.source();
  for (const account of accounts) term.given.account('shop', account);
  for (const [name, mods] of Object.entries(credentials)) term.given.credential(name, mods);
  for (const name of Object.keys(credentials)) await term.decide(name);
  return term;
}

/** What pods of the account inherit, and which of that is recorded as the operator's. */
function list({ api }: Term, at = DEFAULT) {
  const { imagePullSecrets = [], metadata } = api.get(at);
  return { names: imagePullSecrets.map(({ name }) => name), recorded: metadata.annotations?.[ANNOTATION.pullSecrets] };
}

const recorded = ({ states }: Term, name = 'acme') => states.stateOf(refTo(name))?.accounts.get('shop');
const synced = (count = 1) => ({ desired: count, synced: count, isPending: false, failures: [] });
const reasons = (term: Term, name?: string) => recorded(term, name)?.failures.map(({ name, reason }) => `${name} ${reason}`);

const denied = () => new KubeError('serviceaccounts "default" is forbidden', 403);
const busy = () => new KubeError('try again later', 503);

/** Another user sets the list of the account, and the watch delivers that. */
function overwrite({ api, cluster }: Term, ...names: string[]) {
  api.change(DEFAULT, { imagePullSecrets: names.map((name) => ({ name })) });
  cluster.deliver();
}

describe('The reconciler of ServiceAccounts', () => {
  it('adds the references of all credentials with one patch for each account', async () => {
    const term = await decided({ acme: {}, beta: { serviceAccounts: { names: ['*'] } } }, ['default', 'builder']);
    expect(await term.run.accounts()).to.equal(undefined);
    expect(term.api.writes).to.have.members(['patch serviceaccounts shop/default', 'patch serviceaccounts shop/builder']);
    expect(list(term)).to.deep.equal({ names: ['acme', 'beta'], recorded: 'acme,beta' });
    expect(list(term, path.account('shop', 'builder'))).to.deep.equal({ names: ['beta'], recorded: 'beta' });
    expect(recorded(term, 'acme')).to.deep.equal(synced(1));
    expect(recorded(term, 'beta')).to.deep.equal(synced(2));
  });

  it('writes nothing the second time, even before the watch has delivered its write', async () => {
    const term = await decided();
    await term.run.accounts();
    await term.run.accounts();
    expect(term.api.writes).to.have.lengthOf(1);
  });

  describe('with --source-namespaces, where the operator may list the Secrets of a tenant in its namespace only,', () => {
    /** The account has the name of a tenant's credential that is gone with its Secret. Nobody may list that name in all namespaces. */
    function leftBehind(): Term {
      const term = reconcilers(['regcred-system']);
      term.given.namespace('shop');
      term.given.account('shop', 'default');
      term.api.change(DEFAULT, { imagePullSecrets: [{ name: 'robot' }], metadata: { annotations: { [ANNOTATION.pullSecrets]: 'robot' } } });
      term.cluster.named.failing.set('robot', new KubeError('secrets "robot" is forbidden at the cluster scope', 403));
      term.cluster.deliver();
      return term;
    }
    const credential = { kind: 'NamespacedRegistryCredential', namespace: 'shop', name: 'robot' } as const;
    const secretKey = { kind: 'secret', credential, namespace: 'shop' } as const;

    it('removes a recorded name without an owner, and watches it in the namespace', async () => {
      const term = leftBehind();
      for (let round = 0; round < 3; round++) {
        await term.run.accounts();
        term.cluster.deliver();
      }
      expect(list(term)).to.deep.equal({ names: [], recorded: undefined });
    });

    it('does so also if the credential of the tenant stops its own watch of the name first', async () => {
      const term = leftBehind();
      term.cluster.observed.secrets.watchNamesIn(secretKey, 'shop', ['robot']);
      term.cluster.deliver();
      term.given.credential('acme'); // While it is not decided, the owner of the name is unknown, and the account keeps it.
      term.cluster.deliver();
      await term.run.accounts();
      expect(list(term).names).to.deep.equal(['robot']);
      expect(term.cluster.named.keys).to.deep.equal(['shop/robot']);
      term.cluster.observed.secrets.watchNamesIn(secretKey, 'shop', []);
      expect(term.cluster.named.keys).to.deep.equal(['shop/robot']);
    });
  });

  it('notes which accounts it has written, because not every account says when its list changed', async () => {
    const term = await decided({ acme: { serviceAccounts: { names: ['*'] } } }, ['default', 'builder']);
    term.api.refuse = (write) => (write.endsWith('/builder') ? busy() : undefined);
    await term.run.accounts();
    expect([...term.writtenAccounts]).to.deep.equal(['uid-shop-default']);
  });

  it('notes a write before the watch or the store can show it, because either reconciles the stuck pods there', async () => {
    const term = await decided();
    const noted: boolean[] = [];
    term.api.admit = (_, object) => {
      noted.push(term.writtenAccounts.has('uid-shop-default'));
      return object;
    };
    await term.run.accounts();
    expect(noted).to.deep.equal([true]);
  });

  it('records nothing where nothing is selected', async () => {
    const term = await decided({ acme: { serviceAccounts: { names: [] } } });
    await term.run.accounts();
    expect(term.api.writes).to.deep.equal([]);
    expect(recorded(term)).to.equal(undefined);
  });

  const removals: Record<string, (term: Term) => void> = {
    'the credential no longer selects the account': ({ given }) =>
      void given.credential('acme', { serviceAccounts: { names: ['builder'] } }),
    'the credential no longer selects the namespace': ({ given }) => void given.credential('acme', { namespaces: { names: ['team'] } }),
    'the namespace opts out': ({ api }) => void api.change(path.namespace('shop'), { metadata: { labels: { [LABEL.exclude]: 'true' } } }),
    'the credential is deleted': ({ api }) => api.remove(path.credential('acme')),
  };
  for (const [when, change] of Object.entries(removals)) {
    it(`removes the reference when ${when}, and keeps those of others`, async () => {
      const term = await decided({ acme: {}, beta: {} });
      overwrite(term, 'own');
      await term.run.accounts();
      expect(list(term).names).to.deep.equal(['own', 'acme', 'beta']);
      change(term);
      await term.decide();
      await term.run.accounts();
      expect(list(term).names).to.deep.equal(when === 'the namespace opts out' ? ['own'] : ['own', 'beta']);
      expect(recorded(term)).to.equal(undefined);
    });
  }

  const kept: Record<string, Partial<RegistryCredentialSpec>> = {
    'the credential is suspended': { suspend: true },
    'the credential is deleted under Retain': { deletionPolicy: 'Retain' },
  };
  for (const [when, mods] of Object.entries(kept)) {
    it(`leaves the reference alone when ${when}`, async () => {
      const term = await decided();
      await term.run.accounts();
      term.given.credential('acme', mods);
      if (mods.deletionPolicy) term.api.remove(path.credential('acme'));
      await term.decide();
      await term.run.accounts();
      expect(list(term)).to.deep.equal({ names: ['acme'], recorded: 'acme' });
      expect(term.api.writes).to.have.lengthOf(1);
    });
  }

  describe('when a patch fails', () => {
    it('decides again soon if another user changed the account, and keeps the entry of that user', async () => {
      const term = await decided();
      term.api.change(DEFAULT, { imagePullSecrets: [{ name: 'own' }] });
      expect(await term.run.accounts()).to.deep.equal({ afterMs: 20 });
      expect(recorded(term)).to.deep.equal({ desired: 1, synced: 0, isPending: true, failures: [] });
      term.cluster.deliver();
      expect(await term.run.accounts()).to.equal(undefined);
      expect(list(term)).to.deep.equal({ names: ['own', 'acme'], recorded: 'acme' });
    });

    it('reports it at once if the API server refuses it', async () => {
      const term = await decided();
      term.api.refuse = denied;
      expect(await term.run.accounts()).to.deep.equal({ afterMs: 500 });
      expect(recorded(term)).to.deep.equal({
        desired: 1,
        synced: 0,
        isPending: false,
        failures: [
          {
            namespace: 'shop',
            kind: 'ServiceAccount',
            name: 'default',
            reason: 'Forbidden',
            message:
              'Patching imagePullSecrets failed: serviceaccounts "default" is forbidden. Grant the permissions in manifests/rbac.yaml, or find the policy that refuses.',
            isConflict: false,
            needsPerson: true,
          },
        ],
      });
      expect(term.counted).to.deep.equal(['accounts refused']);
    });

    it('reports it after five failures if the API server is busy, and not before', async () => {
      const term = await decided();
      term.api.refuse = busy;
      for (let times = 1; times < 5; times++) {
        expect(await term.run.accounts()).to.deep.equal({ afterMs: 200 * 2 ** (times - 1) });
        expect(recorded(term)).to.deep.equal({ desired: 1, synced: 0, isPending: true, failures: [] });
        term.clock.now += 200 * 2 ** (times - 1);
      }
      const last = await term.run.accounts();
      expect(reasons(term)).to.deep.equal(['default Unavailable']);
      term.api.refuse = () => undefined;
      term.clock.now += last?.afterMs ?? 0;
      expect(await term.run.accounts()).to.equal(undefined);
      expect(recorded(term)).to.deep.equal(synced());
    });

    it('reports the failed account only, and patches the others', async () => {
      const term = await decided({ acme: { serviceAccounts: { names: ['*'] } } }, ['default', 'builder']);
      term.api.refuse = (write) => (write.endsWith('/builder') ? denied() : undefined);
      expect(await term.run.accounts()).to.deep.equal({ afterMs: 500 });
      expect(recorded(term)).to.deep.include({ desired: 2, synced: 1 });
      expect(reasons(term)).to.deep.equal(['builder Forbidden']);
    });

    describe('of one account, and of another for another reason,', () => {
      /** A policy denies the account builder, and the API server is busy for the account default. */
      async function failing() {
        const term = await decided({ acme: { serviceAccounts: { names: ['*'] } } }, ['default', 'builder']);
        term.api.refuse = (write) => (write.endsWith('/builder') ? denied() : busy());
        expect(await term.run.accounts()).to.deep.equal({ afterMs: 200 });
        return term;
      }
      /** The writes that are sent in one run. */
      async function sentIn(term: Term) {
        const sent: string[] = [];
        const { refuse } = term.api;
        term.api.refuse = (write) => {
          sent.push(write.split('/')[1] as string);
          return refuse(write);
        };
        const requeue = await term.run.accounts();
        term.api.refuse = refuse;
        return { sent, requeue };
      }

      it('reports only the denied one at once', async () => {
        const term = await failing();
        expect(reasons(term)).to.deep.equal(['builder Forbidden']);
      });

      it('retries each after its own wait', async () => {
        const term = await failing();
        expect(await sentIn(term)).to.deep.equal({ sent: [], requeue: { afterMs: 200 } });
        term.clock.now += 200;
        expect(await sentIn(term)).to.deep.equal({ sent: ['default'], requeue: { afterMs: 300 } });
        expect(reasons(term), 'the status still reports it').to.deep.equal(['builder Forbidden']);
        term.clock.now += 300;
        expect(await sentIn(term)).to.deep.equal({ sent: ['builder'], requeue: { afterMs: 100 } });
      });

      const fresh: Record<string, (term: Term) => Promise<unknown> | unknown> = {
        'the account has changed': ({ api }) => api.change(path.account('shop', 'builder'), { imagePullSecrets: [{ name: 'own' }] }),
        'the namespace has changed': ({ api }) => api.change(path.namespace('shop'), { metadata: { labels: { open: 'true' } } }),
        'something else is desired': async (term) => {
          term.given.credential('beta', { serviceAccounts: { names: ['builder'] } });
          await term.decide('beta');
        },
      };
      for (const [when, change] of Object.entries(fresh)) {
        it(`retries at once if ${when}`, async () => {
          const term = await failing();
          await change(term);
          term.cluster.deliver();
          expect((await sentIn(term)).sent).to.include('builder');
        });
      }
    });

    it('reports a failed removal on the credential that the reference belongs to', async () => {
      const term = await decided({ acme: {}, beta: {} });
      await term.run.accounts();
      term.given.credential('acme', { serviceAccounts: { names: [] } });
      await term.decide();
      term.api.refuse = denied;
      await term.run.accounts();
      expect(recorded(term)).to.deep.include({ desired: 0, synced: 0 });
      expect(reasons(term)).to.deep.equal(['default Forbidden']);
    });
  });

  describe('when another writer keeps removing the reference', () => {
    /** Reverts and repairs until the conflict is reported, and returns the last requeue. */
    async function contested(term: Term) {
      await term.run.accounts();
      let requeue = await term.run.accounts();
      for (let times = 0; times < 10; times++) {
        expect(requeue, `repair ${times}`).to.equal(undefined);
        overwrite(term);
        requeue = await term.run.accounts();
      }
      return requeue;
    }

    it('repairs it at once ten times, and then reports the conflict and waits', async () => {
      const term = await decided();
      expect(await contested(term)).to.deep.equal({ afterMs: 1000 });
      expect(reasons(term)).to.deep.equal(['default Contested']);
      overwrite(term);
      expect(await term.run.accounts()).to.deep.equal({ afterMs: 1000 });
      expect(list(term).names).to.deep.equal([]);
      term.clock.now += 1000;
      expect(await term.run.accounts()).to.deep.equal({ afterMs: 2000 });
      expect(list(term).names).to.deep.equal(['acme']);
      term.clock.now += 2000;
      expect(await term.run.accounts()).to.equal(undefined);
      expect(recorded(term)).to.deep.equal(synced());
    });

    it('reports the conflict on every credential with a reference there, and only on these', async () => {
      const term = await decided({ acme: {}, beta: {}, gamma: { serviceAccounts: { names: ['builder'] } } }, ['default', 'builder']);
      await contested(term);
      expect(reasons(term, 'acme')).to.deep.equal(['default Contested']);
      expect(reasons(term, 'beta')).to.deep.equal(['default Contested']);
      expect(recorded(term, 'gamma')).to.deep.equal(synced());
    });

    /** An account in contest that was overwritten once more, and then written for another credential. */
    async function writtenForBeta(): Promise<Term> {
      const term = await decided();
      await contested(term);
      overwrite(term);
      term.given.credential('beta');
      await term.decide('beta');
      await term.run.accounts();
      return term;
    }

    it('writes at once again when something else is desired', async () => {
      const term = await writtenForBeta();
      expect(list(term).names).to.deep.equal(['acme', 'beta']);
      expect(recorded(term)).to.deep.equal(synced());
    });

    it('does not count the first write of something else as a repair', async () => {
      const term = await writtenForBeta();
      await term.run.accounts();
      for (let times = 1; times < 10; times++) {
        overwrite(term);
        expect(await term.run.accounts(), `repair ${times}`).to.equal(undefined);
      }
      overwrite(term);
      expect(await term.run.accounts()).to.deep.equal({ afterMs: 1000 });
    });

    it('removes its reference without a wait when nothing is desired any more', async () => {
      const term = await decided();
      await contested(term);
      term.given.credential('acme', { serviceAccounts: { names: [] } });
      await term.decide();
      expect(await term.run.accounts()).to.equal(undefined);
      expect(list(term)).to.deep.equal({ names: [], recorded: undefined });
      expect(recorded(term)).to.equal(undefined);
    });

    it('runs again after the shortest wait of all accounts', async () => {
      const term = await decided({ acme: { serviceAccounts: { names: ['*'] } } }, ['default', 'builder']);
      await contested(term);
      term.api.refuse = busy;
      term.api.change(path.account('shop', 'builder'), { imagePullSecrets: null });
      term.cluster.deliver();
      expect(await term.run.accounts()).to.deep.equal({ afterMs: 200 });
      expect(reasons(term)).to.deep.equal(['default Contested']);
    });
  });

  describe('with a recorded name that no credential uses', () => {
    const owners: Record<string, { prepare: (term: Term) => void; keeps: boolean }> = {
      'removes it if there is no Secret of that name': { prepare: () => {}, keeps: false },
      'removes it if the Secret of that name is not managed': { prepare: ({ given }) => void given.secret('shop', 'former'), keeps: false },
      'keeps it if its Secret was retained by a deleted credential': {
        prepare: ({ api }) => {
          const labels = { [LABEL.managedBy]: 'regcred', [LABEL.credentialUid]: 'uid-gone' };
          api.put(path.secret('shop', 'former'), { type: 'kubernetes.io/dockerconfigjson', metadata: { labels }, data: {} });
        },
        keeps: true,
      },
    };
    for (const [what, { prepare, keeps }] of Object.entries(owners)) {
      it(what, async () => {
        const term = await decided();
        term.given.account('shop', 'default', ['former'], ['former']);
        prepare(term);
        term.cluster.deliver();
        await term.run.accounts();
        expect(list(term).names).to.deep.equal(keeps ? ['former', 'acme'] : ['acme']);
      });
    }

    it('keeps it as long as some credential is not decided, and decides again when all are', async () => {
      const term = await decided({});
      term.given.account('shop', 'default', ['former'], ['former']);
      term.given.credential('acme');
      term.given.credential('beta', { namespaces: { names: ['team'] } });
      await term.decide('acme');
      await term.run.accounts();
      expect(list(term).names).to.deep.equal(['former', 'acme']);
      expect([...term.unknownOwners]).to.deep.equal(['shop']);

      term.enqueued.length = 0;
      await term.decide('beta');
      expect(term.enqueued).to.deep.equal(['accounts shop']);
      expect([...term.unknownOwners]).to.deep.equal([]);
      await term.run.accounts();
      expect(list(term).names).to.deep.equal(['acme']);
    });

    it('decides again when the credential that was not decided is deleted', async () => {
      const term = await decided({});
      term.given.account('shop', 'default', ['former'], ['former']);
      term.given.credential('acme');
      term.given.credential('beta', {}, []);
      await term.decide('acme');
      await term.run.accounts();
      term.api.remove(path.credential('beta'));
      term.cluster.deliver();
      term.enqueued.length = 0;
      await term.run.credential('beta');
      expect(term.enqueued).to.deep.equal(['accounts shop']);
    });

    it('watches the Secret of that name first, if the operator may ask for Secrets by name only', async () => {
      const term = reconcilers(['regcred-system']);
      term.given.namespace('shop');
      term.given.account('shop', 'default', ['former'], ['former']);
      term.cluster.deliver();
      await term.run.accounts();
      expect(term.cluster.named.keys).to.deep.equal(['former']);
      expect(list(term).names).to.deep.equal(['former']);
      term.cluster.deliver();
      await term.run.accounts();
      expect(list(term).names).to.deep.equal([]);
      await term.run.accounts();
      expect(term.cluster.named.keys).to.deep.equal([]);
    });
  });

  describe('when the decision changes while a patch is under way', () => {
    /** Runs the accounts, and `change` before the API server answers. */
    async function during(term: Term, change: () => Promise<unknown>) {
      let answer = () => {};
      term.api.hold = new Promise<void>((resolve) => (answer = resolve));
      const running = term.run.accounts();
      await change();
      answer();
      await running;
    }

    it('records nothing for a credential that was deleted under Retain, so that the deletion can end', async () => {
      const term = await decided({ acme: { deletionPolicy: 'Retain' } });
      await during(term, () => {
        term.api.remove(path.credential('acme'));
        return term.decide();
      });
      expect(recorded(term)).to.equal(undefined);
      await term.run.secret();
      await term.decide();
      expect(term.api.has(path.credential('acme'))).to.equal(false);
    });

    it('records nothing for a credential that no longer selects the account', async () => {
      const term = await decided();
      await during(term, () => {
        term.given.credential('acme', { serviceAccounts: { names: [] } });
        return term.decide();
      });
      expect(recorded(term)).to.deep.include({ isPending: true });
      await term.run.accounts();
      expect(recorded(term)).to.equal(undefined);
    });

    it('still records the reference after a rotation, which does not run this key again', async () => {
      const term = await decided();
      await during(term, () => {
        term.given.source('sample-password-2');
        return term.decide();
      });
      expect(recorded(term)).to.deep.equal(synced());
    });
  });
});
