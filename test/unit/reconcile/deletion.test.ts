import { expect } from 'chai';
import type { RegistryCredentialSpec } from '../../../src/api/types.ts';
import { path } from '../../../src/cluster/paths.ts';
import { KubeError } from '../../../src/kube/errors.ts';
import {
  ACME,
  decided,
  denied,
  EVERYWHERE,
  intentOf,
  placed,
  ROBOT,
  reasonsOf,
  stateOf,
  undecided,
  work,
} from '../../support/credential-term.ts';
import { reconcilers } from '../../support/reconcilers.ts';

describe('A credential', () => {
  describe('that is deleted', () => {
    it('loses its finalizer at once if nothing was ever placed', async () => {
      const term = await decided({ namespaces: { names: [] } });
      term.api.remove(ACME);
      expect(await term.decide()).to.equal(undefined);
      expect(term.api.has(ACME)).to.equal(false);
    });

    it('loses its Secrets and references, and its finalizer when nothing is left', async () => {
      const term = await placed();
      term.api.remove(ACME);
      expect(await term.decide()).to.deep.equal({ afterMs: 60_000 });
      expect(term.enqueued).to.have.members(EVERYWHERE);
      await work(term);
      expect(term.api.has(ACME), 'the watch has not reported yet that the Secrets are gone').to.equal(true);
      for (const namespace of ['shop', 'team']) await term.run.secret(namespace);
      expect(term.enqueued).to.deep.equal(['credential acme']);
      await term.run.credential();
      expect(term.api.has(ACME)).to.equal(false);
      expect(term.api.has(path.secret('shop', 'acme'))).to.equal(false);
      expect(term.api.get(path.account('shop', 'default')).imagePullSecrets).to.equal(undefined);
    });

    it('no longer needs its sources', async () => {
      const term = await placed();
      term.api.remove(ROBOT);
      term.api.remove(ACME);
      term.cluster.deliver();
      await term.run.credential();
      expect(term.cluster.sources.keys).to.deep.equal([]);
      expect(intentOf(term)?.mode).to.equal('cleanup');
    });

    it('is cleaned up even if the Secrets of its name may not be listed', async () => {
      const term = undecided();
      term.cluster.named.failing.set('acme', denied());
      term.api.remove(ACME);
      await term.decide();
      expect(intentOf(term)?.mode).to.equal('cleanup');
      expect(term.api.has(ACME)).to.equal(false);
    });

    it('keeps everything in place under Retain, and loses only the owner references', async () => {
      const term = await placed({ deletionPolicy: 'Delete' });
      term.given.credential('acme', { deletionPolicy: 'Retain' });
      term.api.remove(ACME);
      await term.decide();
      expect(term.enqueued).to.have.members(['secret acme shop', 'secret acme team']);
      expect(stateOf(term)?.accounts.size).to.equal(0);
      await work(term);
      await term.run.secret('shop');
      await term.run.secret('team');
      await term.run.credential();
      expect(term.api.has(ACME)).to.equal(false);
      expect(term.api.get(path.secret('shop', 'acme')).metadata.ownerReferences).to.deep.equal([]);
      expect(term.api.get(path.account('shop', 'default')).imagePullSecrets).to.deep.equal([{ name: 'acme' }]);
    });

    describe('and cannot be cleaned up', () => {
      /** Every deletion in shop is refused; team is clean. */
      async function refused(mods: Partial<RegistryCredentialSpec> = {}, error = denied()) {
        const term = await placed();
        if (mods.deletionPolicy) term.given.credential('acme', mods);
        term.api.remove(ACME);
        term.api.refuse = (write) => (write.includes(' shop/') ? error : undefined);
        term.clock.now = 5000;
        await term.decide();
        await work(term);
        await term.run.secret('team');
        return term;
      }

      it('keeps its finalizer until the timeout since the last progress', async () => {
        const term = await refused();
        term.clock.now += 59_000;
        expect(await term.run.credential()).to.deep.equal({ afterMs: 1000 });
        expect(term.api.has(ACME)).to.equal(true);
      });

      it('keeps its finalizer until the timeout since the deletion, if nothing could be removed at all', async () => {
        const term = await placed();
        term.api.refuse = denied;
        term.clock.now = 600_000;
        term.api.remove(ACME);
        await term.decide();
        await work(term);
        term.clock.now += 59_000;
        expect(await term.run.credential()).to.deep.equal({ afterMs: 1000 });
      });

      it('then loses its finalizer, and an Event and the log name what is left', async () => {
        const term = await refused();
        term.clock.now += 60_000;
        expect(await term.run.credential()).to.equal(undefined);
        expect(term.api.has(ACME)).to.equal(false);
        expect(reasonsOf(term)).to.deep.equal(['CleanupIncomplete']);
        expect(term.events[0]?.message).to.equal(
          'The operator stopped the cleanup after 60 s without progress. 2 objects are left. Remove by hand what is listed here: Secret shop/acme: Deleting the Secret failed: secrets is forbidden. Grant the permissions in manifests/rbac.yaml, or find the policy that refuses. ServiceAccount shop/default: Patching imagePullSecrets failed: secrets is forbidden. Grant the permissions in manifests/rbac.yaml, or find the policy that refuses.',
        );
        expect(term.log.lines).to.deep.equal(['Stopped an incomplete cleanup.']);
      });

      it('then has an Event that names, under Retain, what the garbage collector will delete', async () => {
        const term = await refused({ deletionPolicy: 'Retain' });
        term.clock.now += 60_000;
        await term.run.credential();
        expect(term.api.has(ACME)).to.equal(false);
        expect(term.events[0]?.message).to.contain(
          '1 Secret still has RegistryCredential acme as owner. Remove that owner reference now, or the garbage collector will delete what is listed here: Secret shop/acme: Updating the Secret failed',
        );
      });

      it('keeps its finalizer as long as the API server may still accept the deletions', async () => {
        const term = await refused({}, new KubeError('try again later', 503));
        for (let times = 0; times < 5; times++) await term.run.secret('shop');
        term.clock.now += 600_000;
        expect(await term.run.credential()).to.deep.equal({ afterMs: 1000 });
        expect(term.api.has(ACME)).to.equal(true);
      });

      it('keeps its finalizer as long as the API server may still accept one of the deletions', async () => {
        const term = await placed();
        term.api.remove(ACME);
        term.api.refuse = (write) => (write.includes(' shop/') ? denied() : new KubeError('try again later', 503));
        await term.decide();
        await work(term);
        for (let times = 0; times < 5; times++) {
          await term.run.secret('team');
          await term.run.accounts('team');
        }
        expect(
          stateOf(term)
            ?.secrets.failures()
            .map(({ needsPerson }) => needsPerson),
        ).to.have.members([true, false]);
        term.clock.now += 600_000;
        expect(await term.run.credential()).to.deep.equal({ afterMs: 1000 });
      });

      it('keeps its finalizer as long as some Secret is pending', async () => {
        const term = await refused();
        stateOf(term)?.secrets.markPending('team', 0);
        term.clock.now += 60_000;
        expect(await term.run.credential()).to.deep.equal({ afterMs: 1000 });
      });

      it('loses its finalizer at a later attempt, if the first one fails', async () => {
        const term = await refused();
        term.clock.now += 60_000;
        term.api.refuse = denied;
        expect(await term.run.credential()).to.deep.equal({ afterMs: 500 });
        expect(term.api.has(ACME)).to.equal(true);
      });
    });
  });

  describe('of a namespace, with a copy in another namespace that cannot be removed', () => {
    const OWN = { kind: 'NamespacedRegistryCredential', namespace: 'team', name: 'own' } as const;
    const AT = path.credentialOf(OWN);
    const COPY = path.secret('shop', 'own');

    /** The credential is deleted, together with its namespace unless the test keeps that. Every write in shop is refused. */
    async function stuck({ isHomeDeleted = true } = {}) {
      const term = reconcilers();
      for (const namespace of ['shop', 'team']) {
        term.given.namespace(namespace);
        term.given.account(namespace);
      }
      term.api.change(path.namespace('shop'), { metadata: { annotations: { 'regcred.dev/accept-from': 'team' } } });
      term.given.tenant(OWN, { namespaces: { names: ['team', 'shop'] } });
      await term.decide(OWN);
      await removeOrPlace(term);
      expect(term.api.has(COPY)).to.equal(true);
      term.api.refuse = (write) => (write.includes(' shop/') ? denied() : undefined);
      term.clock.now = 5000;
      if (isHomeDeleted) term.api.change(path.namespace('team'), { metadata: { deletionTimestamp: '2026-01-01T00:00:00Z' } });
      term.api.remove(AT);
      await term.decide(OWN);
      await removeOrPlace(term);
      return term;
    }

    async function removeOrPlace(term: ReturnType<typeof reconcilers>) {
      for (const namespace of ['shop', 'team']) {
        await term.run.secret(namespace, OWN);
        await term.run.accounts(namespace);
      }
      term.cluster.deliver();
      await term.run.secret('team', OWN);
    }

    it('keeps its finalizer for one minute while its namespace is Terminating', async () => {
      const term = await stuck();
      term.clock.now += 59_000;
      expect(await term.run.credential(OWN)).to.deep.equal({ afterMs: 1000 });
      expect(term.api.has(AT)).to.equal(true);
    });

    it('then loses its finalizer, so that the namespace can go, and the log says so', async () => {
      const term = await stuck();
      term.clock.now += 60_000;
      expect(await term.run.credential(OWN)).to.equal(undefined);
      expect(term.api.has(AT)).to.equal(false);
      expect(term.log.lines).to.include(
        'The namespace of the credential is Terminating. Stopped an incomplete cleanup, so that it can go.',
      );
    });

    it('loses it also while the API server may still accept the deletion', async () => {
      const term = await stuck();
      term.api.refuse = (write) => (write.includes(' shop/') ? new KubeError('try again later', 503) : undefined);
      await term.run.secret('shop', OWN);
      term.clock.now += 60_000;
      await term.run.credential(OWN);
      expect(term.api.has(AT)).to.equal(false);
    });

    it('removes the copy after that, when it can', async () => {
      const term = await stuck();
      term.clock.now += 60_000;
      await term.run.credential(OWN);
      term.cluster.deliver();
      await term.run.credential(OWN);
      term.api.refuse = () => undefined;
      await removeOrPlace(term);
      expect(term.api.has(COPY)).to.equal(false);
      await term.run.accounts('shop');
      expect(term.api.get(path.account('shop', 'default')).imagePullSecrets).to.equal(undefined);
    });

    it('keeps its finalizer until the cleanup timeout if its namespace stays', async () => {
      const term = await stuck({ isHomeDeleted: false });
      term.api.refuse = (write) => (write.includes(' shop/') ? new KubeError('try again later', 503) : undefined);
      for (let times = 0; times < 5; times++) await term.run.secret('shop', OWN);
      term.clock.now += 60_000;
      expect(await term.run.credential(OWN)).to.deep.equal({ afterMs: 1000 });
      expect(term.api.has(AT)).to.equal(true);
    });

    it('loses its finalizer soon if its namespace is deleted later', async () => {
      const term = await stuck({ isHomeDeleted: false });
      term.clock.now += 60_000;
      term.api.refuse = (write) => (write.includes(' shop/') ? new KubeError('try again later', 503) : undefined);
      for (let times = 0; times < 5; times++) await term.run.secret('shop', OWN);
      term.api.change(path.namespace('team'), { metadata: { deletionTimestamp: '2026-01-01T00:00:00Z' } });
      term.cluster.deliver();
      await term.run.credential(OWN);
      expect(term.api.has(AT)).to.equal(false);
    });
  });
});
