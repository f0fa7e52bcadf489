import { expect } from 'chai';
import { ANNOTATION, LABEL } from '../../../src/api/names.ts';
import { path } from '../../../src/cluster/paths.ts';
import type { KubeObject } from '../../../src/kube/object.ts';
import { merged } from '../../support/builders.ts';
import { ACME, decided, placed, stateOf, type Term, undecided } from '../../support/credential-term.ts';

const SECRET = path.secret('shop', 'acme');
const ACCOUNT = path.account('shop', 'default');

/** An admission policy that changes every Secret, or every ServiceAccount, by a merge patch. */
const policy = (resource: 'secrets' | 'serviceaccounts', patch: object) => (write: string, object: KubeObject) =>
  write.includes(` ${resource} shop/`) ? merged(object, patch) : object;

const secretState = (term: Term) => stateOf(term)?.secrets.get('shop');
const accountState = (term: Term) => stateOf(term)?.accounts.get('shop');
const SYNCED = { desired: 1, synced: 1, isPending: false, failures: [] };

function expectContested(state: ReturnType<typeof secretState>, field: string) {
  expect(state).to.deep.include({ desired: 1, synced: 0, isPending: false });
  const [failure] = state?.failures ?? [];
  expect(failure).to.deep.include({ reason: 'Contested', isConflict: false });
  expect(failure?.message)
    .to.contain(`policy or webhook changes ${field} whenever`)
    .and.to.contain('kubectl get mutatingwebhookconfigurations');
}

describe('A write of a Secret that the API server stores in another form', () => {
  const label = LABEL.managedBy;
  const fields: Record<string, { patch: object; field: string }> = {
    'another managed-by label': { patch: { metadata: { labels: { [label]: 'platform' } } }, field: `metadata.labels["${label}"]` },
    'no label with the uid': {
      patch: { metadata: { labels: { [LABEL.credentialUid]: null } } },
      field: `metadata.labels["${LABEL.credentialUid}"]`,
    },
    'another value of spec.secretMetadata': { patch: { metadata: { labels: { team: 'b' } } }, field: 'metadata.labels["team"]' },
    'no annotations': { patch: { metadata: { annotations: null } }, field: 'metadata.annotations["regcred.dev/secret-metadata"]' },
    'no owner': { patch: { metadata: { ownerReferences: null } }, field: 'metadata.ownerReferences' },
    'other content': { patch: { data: { '.dockerconfigjson': 'e30=' } }, field: 'data[".dockerconfigjson"]' },
    'another key': { patch: { data: { more: 'eA==' } }, field: 'data["more"]' },
    'another type': { patch: { type: 'Opaque' }, field: 'type' },
    'the mark immutable': { patch: { immutable: true }, field: 'immutable' },
  };
  const secretMetadata = { labels: { team: 'a' }, annotations: { note: 'x' } };

  for (const [what, { patch, field }] of Object.entries(fields)) {
    it(`with ${what} is reported as contested and names ${field}, after one write and again after each wait`, async () => {
      const term = await decided({ secretMetadata });
      term.api.admit = policy('secrets', patch);
      expect(await term.run.secret()).to.deep.equal({ afterMs: 1000 });
      expectContested(secretState(term), field);
      const { length } = term.api.writes;
      for (let times = 0; times < 3; times++) {
        term.cluster.deliver();
        await term.run.secret();
      }
      expect(term.api.writes, 'it does not write again before its time').to.have.lengthOf(length);
      expectContested(secretState(term), field);
      if (field === 'type' || field === 'immutable') return; // Cannot be written again.
      term.clock.now += 1000;
      expect(await term.run.secret()).to.deep.equal({ afterMs: 2000 });
      expectContested(secretState(term), field);
      term.api.admit = (_, object) => object;
      term.clock.now += 2000;
      expect(await term.run.secret()).to.equal(undefined);
      expect(secretState(term)).to.deep.equal(SYNCED);
    });
  }

  const harmless: Record<string, object> = {
    'another label': { metadata: { labels: { sidecar: 'true' } } },
    'another annotation': { metadata: { annotations: { sidecar: 'true' } } },
  };
  for (const [what, patch] of Object.entries(harmless)) {
    it(`with ${what} added is as desired`, async () => {
      const term = await decided({ secretMetadata });
      term.api.admit = policy('secrets', patch);
      expect(await term.run.secret()).to.equal(undefined);
      expect(secretState(term)).to.deep.equal(SYNCED);
      term.cluster.deliver();
      await term.run.secret();
      expect(term.api.writes).to.deep.equal(['create secrets shop/acme']);
    });
  }

  it('leaves the Secret known under its name, so that it is deleted with the credential', async () => {
    const term = await decided({ serviceAccounts: { names: [] }, namespaces: { names: ['shop'] } });
    term.api.admit = policy('secrets', { metadata: { labels: { [label]: 'platform' } } });
    await term.run.secret();
    term.cluster.deliver();
    expect(term.cluster.observed.secrets.at('shop', 'acme')?.labels[label]).to.equal('platform');
    expect([...term.cluster.observed.secrets.managed()]).to.deep.equal([]);
    term.api.remove(ACME);
    await term.decide();
    await term.run.secret();
    expect(term.api.has(SECRET)).to.equal(false);
    term.cluster.deliver();
    await term.run.secret();
    await term.run.accounts();
    await term.run.credential();
    expect(term.api.has(ACME)).to.equal(false);
    expect(term.events).to.deep.equal([]);
  });

  it('leaves the Secret known under a former name, even to a restarted operator, so that it is deleted there', async () => {
    for (const status of [undefined, { secretName: 'acme' }]) {
      const term = await decided({ namespaces: { names: ['shop'] } });
      term.api.admit = policy('secrets', { metadata: { labels: { [label]: 'platform' } } });
      await term.run.secret();
      if (status) {
        term.cluster.named.keepFor({ kind: 'credential', credential: { kind: 'RegistryCredential', namespace: '', name: 'acme' } }, []);
      }
      term.api.admit = (_, object) => object;
      term.api.change(ACME, { metadata: { generation: 2 }, spec: { secretName: 'pull' }, ...(status && { status }) });
      await term.decide();
      await term.decide();
      term.clock.now += 10_000;
      await term.run.secret();
      expect(term.api.has(path.secret('shop', 'pull'))).to.equal(true);
      expect(term.api.has(SECRET)).to.equal(false);
    }
  });

  it('keeps the reference to its former name as long as the Secret there stays, although its label was replaced', async () => {
    const term = await placed({ namespaces: { names: ['shop'] } });
    term.api.change(SECRET, { metadata: { labels: { [label]: 'platform' } } });
    term.api.change(ACME, { metadata: { generation: 2 }, spec: { secretName: 'pull' }, status: { secretName: 'acme' } });
    await term.decide();
    await term.decide();
    await term.run.accounts();
    expect(term.api.get(ACCOUNT).imagePullSecrets).to.deep.equal([{ name: 'acme' }, { name: 'pull' }]);
  });

  it('keeps the Secret under the former name until the new one is stored as it was sent', async () => {
    const term = await placed({ namespaces: { names: ['shop'] } });
    term.api.change(ACME, { metadata: { generation: 2 }, spec: { secretName: 'pull' } });
    await term.decide();
    term.api.admit = policy('secrets', { data: { '.dockerconfigjson': 'e30=' } });
    await term.run.secret();
    expect(term.api.has(SECRET)).to.equal(true);
  });

  it('under Retain is a failure that ends the deletion after the timeout', async () => {
    const term = await placed({ namespaces: { names: ['shop'] } });
    const owner = { apiVersion: 'regcred.dev/v1alpha1', kind: 'RegistryCredential', name: 'acme', uid: 'uid-acme', controller: true };
    term.api.admit = policy('secrets', { metadata: { ownerReferences: [owner] } });
    term.api.change(ACME, { metadata: { generation: 2 }, spec: { deletionPolicy: 'Retain' } });
    term.api.remove(ACME);
    await term.decide();
    expect(await term.run.secret()).to.deep.equal({ afterMs: 1000 });
    expect(await term.run.secret(), 'no hot loop').to.deep.equal({ afterMs: 1000 });
    expect(secretState(term)?.failures[0]).to.deep.include({ reason: 'Contested', needsPerson: true });
    term.clock.now += 60_000;
    await term.run.credential();
    expect(term.api.has(ACME)).to.equal(false);
    expect(term.events[0]?.message).to.contain('changes metadata.ownerReferences whenever');
  });
});

describe('The deletion of a Secret that does not exist any more', () => {
  it('counts as done, although the watch does not report it', async () => {
    const term = await placed({ namespaces: { names: ['shop'] }, serviceAccounts: { names: [] } });
    term.api.remove(ACME);
    await term.decide();
    term.api.remove(SECRET);
    expect(await term.run.secret()).to.equal(undefined);
    await term.run.secret();
    await term.run.credential();
    expect(term.counted).to.deep.equal([]);
    expect(term.api.has(ACME)).to.equal(false);
  });
});

describe('A write of a ServiceAccount that the API server stores in another form', () => {
  const names = ({ api }: Term) => api.get(ACCOUNT).imagePullSecrets?.map(({ name }) => name);
  const replaced = policy('serviceaccounts', { imagePullSecrets: [{ name: 'corp' }] });

  it('without the reference is reported as contested and names imagePullSecrets, until the policy is deleted', async () => {
    const term = await decided();
    term.api.admit = replaced;
    expect(await term.run.accounts()).to.deep.equal({ afterMs: 1000 });
    expect(names(term)).to.deep.equal(['corp']);
    expectContested(accountState(term), 'imagePullSecrets');
    const { length } = term.api.writes;
    term.cluster.deliver();
    expect(await term.run.accounts()).to.deep.equal({ afterMs: 1000 });
    expect(term.api.writes).to.have.lengthOf(length);
    expectContested(accountState(term), 'imagePullSecrets');
    term.clock.now += 1000;
    expect(await term.run.accounts(), 'the repeated patch changes nothing').to.deep.equal({ afterMs: 2000 });
    term.api.admit = (_, object) => object;
    term.clock.now += 2000;
    expect(await term.run.accounts()).to.equal(undefined);
    expect(names(term)).to.deep.equal(['corp', 'acme']);
    expect(accountState(term)).to.deep.equal(SYNCED);
  });

  it('recovers as soon as another user adds the reference', async () => {
    const term = await decided();
    term.api.admit = replaced;
    await term.run.accounts();
    term.api.change(ACCOUNT, { imagePullSecrets: [{ name: 'corp' }, { name: 'acme' }] });
    term.cluster.deliver();
    expect(await term.run.accounts()).to.equal(undefined);
    expect(accountState(term)).to.deep.equal(SYNCED);
  });

  it('is reported as contested only for the credentials whose reference is missing', async () => {
    const term = await decided({ secretName: 'corp' });
    term.given.credential('beta');
    await term.decide('beta');
    term.api.admit = replaced;
    await term.run.accounts();
    expect(accountState(term)).to.deep.equal(SYNCED);
    const beta = term.states.stateOf({ kind: 'RegistryCredential', namespace: '', name: 'beta' })?.accounts.get('shop');
    expectContested(beta, 'imagePullSecrets');
  });

  it('with an additional entry or label is as desired', async () => {
    const term = await decided();
    term.api.admit = (write, object) => {
      const added = { metadata: { labels: { sidecar: 'true' } }, imagePullSecrets: [...(object.imagePullSecrets ?? []), { name: 'corp' }] };
      return write.includes(' serviceaccounts ') ? merged(object, added) : object;
    };
    expect(await term.run.accounts()).to.equal(undefined);
    expect(accountState(term)).to.deep.equal(SYNCED);
  });

  it('without the record is reported as contested, and the reference is still removed with the credential', async () => {
    const term = await decided({ namespaces: { names: ['shop'] } });
    term.api.admit = policy('serviceaccounts', { metadata: { annotations: null } });
    await term.run.accounts();
    expectContested(accountState(term), `metadata.annotations["${ANNOTATION.pullSecrets}"]`);
    term.clock.now += 1000;
    expect(await term.run.accounts()).to.deep.equal({ afterMs: 2000 });
    term.api.remove(ACME);
    await term.decide();
    await term.run.accounts();
    expect(names(term)).to.equal(undefined);
  });

  it('with a reference that was to be removed is a failure of the credential that it belongs to', async () => {
    const term = await placed({ namespaces: { names: ['shop'] } });
    term.api.admit = policy('serviceaccounts', { imagePullSecrets: [{ name: 'acme' }] });
    term.api.remove(ACME);
    await term.decide();
    expect(await term.run.accounts()).to.deep.equal({ afterMs: 1000 });
    expect(accountState(term)).to.deep.include({ desired: 0, synced: 0 });
    expect(accountState(term)?.failures[0]).to.deep.include({ reason: 'Contested', needsPerson: true });
  });
});

describe('A list of finalizers that the API server stores in another form', () => {
  const finalizers = (list: readonly string[]) => (write: string, object: KubeObject) =>
    write === 'patch registrycredentials acme' ? merged(object, { metadata: { finalizers: list } }) : object;
  const blocked = (term: Term) => stateOf(term)?.blocked;

  it('without ours prevents the placement, is reported in the status, and recovers when the policy is deleted', async () => {
    const term = undecided();
    term.given.credential('acme', {}, []);
    term.api.admit = finalizers([]);
    term.cluster.deliver();
    expect(await term.run.credential()).to.deep.equal({ afterMs: 1000 });
    expect(await term.run.credential(), 'no hot loop').to.deep.equal({ afterMs: 1000 });
    expect(blocked(term)).to.deep.include({ reason: 'Contested' });
    expect(blocked(term)?.message).to.contain('changes metadata.finalizers whenever');
    expect(term.enqueued).to.deep.equal([]);
    term.api.admit = (_, object) => object;
    term.clock.now += 1000;
    await term.decide();
    await term.decide();
    expect(blocked(term)).to.equal(undefined);
    expect(term.enqueued).to.not.deep.equal([]);
  });

  it('with an additional finalizer of others is as desired', async () => {
    const term = undecided();
    term.given.credential('acme', {}, []);
    term.api.admit = finalizers(['regcred.dev/cleanup', 'example.com/other']);
    term.cluster.deliver();
    expect(await term.run.credential()).to.equal(undefined);
  });

  it('with ours still in it is reported in the status of the deleted credential', async () => {
    const term = await decided({ namespaces: { names: [] } });
    term.api.admit = finalizers(['regcred.dev/cleanup']);
    term.api.remove(ACME);
    await term.decide();
    expect(blocked(term)?.message).to.contain('So the object stays');
    expect(await term.run.credential()).to.deep.equal({ afterMs: 1000 });
  });
});
