import { expect } from 'chai';
import type { RegistryCredentialSpec } from '../../../src/api/types.ts';
import { path } from '../../../src/cluster/paths.ts';
import { KubeError } from '../../../src/kube/errors.ts';
import { parseMemory } from '../../../src/plan/checks/credential-memory.ts';
import type { Result } from '../../../src/plan/checks/interpret.ts';
import { MAX_PENDING_MS } from '../../../src/plan/checks/release.ts';
import { base64 } from '../../support/builders.ts';
import { ACME, intentOf, placed, ROBOT, stateOf, type Term, undecided, work } from '../../support/credential-term.ts';
import { reconcilers } from '../../support/reconcilers.ts';

const SERVER = 'registry.example.com';
const REQUIRE = { verification: { mode: 'Require', interval: '6h' } } as const;
const STATE = path.secret('regcred-system', 'regcred-state-uid-acme');

/** The registry answers this from now on. */
function answer({ registries, clock }: Term, result: Result, server = SERVER): void {
  registries.answers.set(server, { record: { result, message: `It is ${result}.`, at: clock.now, times: 1 }, pendingMs: 0 });
}
const pending = ({ registries }: Term, pendingMs: number) => void registries.answers.set(SERVER, { record: undefined, pendingMs });

/** The password that is to be placed. */
function password(term: Term, server = SERVER): string | undefined {
  const data = intentOf(term)?.content?.data;
  if (data === undefined) return undefined;
  const { auths } = JSON.parse(Buffer.from(data, 'base64').toString()) as { auths: Record<string, { password: string }> };
  return auths[server]?.password;
}

/** A credential whose registry answers this to its first password, which was placed. */
async function started(mods: Partial<RegistryCredentialSpec> = {}, result: Result = 'NotRefused'): Promise<Term> {
  const term = undecided(mods);
  answer(term, result);
  await term.decide();
  await work(term);
  await term.run.state();
  return term;
}

/** The same cluster under a new leader, which knows only what is in it. */
async function nextLeader(former: Term): Promise<Term> {
  const term = reconcilers();
  for (const at of [ACME, ROBOT, STATE, path.namespace('shop'), path.namespace('team')])
    if (former.api.has(at)) term.api.put(at, former.api.get(at));
  for (const namespace of ['shop', 'team']) term.given.account(namespace);
  return term;
}

const stateIn = ({ api }: Term) => parseMemory(Buffer.from(api.get(STATE).data?.['state.json'] ?? '', 'base64').toString());

describe('The content of a pull secret', () => {
  it('is placed under Report before any registry has answered', async () => {
    const term = undecided();
    pending(term, 0);
    await term.decide();
    expect(password(term)).to.equal('sample-password');
    expect(stateOf(term)?.verification.verifying).to.deep.equal([]);
  });

  for (const mode of ['Report', 'None'] as const) {
    it(`is placed under ${mode} although its registry refuses it`, async () => {
      const term = undecided({ verification: { mode, interval: '6h' } });
      answer(term, 'Refused');
      await term.decide();
      expect(password(term)).to.equal('sample-password');
    });
  }

  it('is not placed under Require while its registry refuses it', async () => {
    const term = await started(REQUIRE, 'Refused');
    expect(intentOf(term)?.content).to.equal(undefined);
    expect(stateOf(term)?.verification.refusals.map(({ reason }) => reason)).to.deep.equal(['RegistryRefused']);
    expect(stateOf(term)?.sources).to.deep.include({ state: 'ready', servers: 1 });
    expect(term.api.writes.filter((write) => write.endsWith('/acme'))).to.deep.equal([]);
    answer(term, 'NotRefused');
    await term.decide();
    expect(password(term)).to.equal('sample-password');
  });

  it('waits under Require for the first answer, for two minutes at most', async () => {
    const term = undecided(REQUIRE);
    pending(term, 1000);
    expect(await term.decide()).to.deep.equal({ afterMs: MAX_PENDING_MS - 1000 });
    expect(intentOf(term)?.content).to.equal(undefined);
    expect(stateOf(term)?.verification.verifying).to.deep.equal([SERVER]);
    pending(term, MAX_PENDING_MS);
    expect(await term.decide()).to.equal(undefined);
    expect(password(term)).to.equal('sample-password');
  });

  it('stays under Require if the new password is refused, and is repaired with the last one', async () => {
    const term = await started(REQUIRE);
    term.given.source('new-password');
    answer(term, 'Refused');
    await term.decide();
    expect(password(term)).to.equal('sample-password');
    expect(term.enqueued).to.deep.equal([]);
    answer(term, 'NotRefused');
    await term.decide();
    expect(password(term)).to.equal('new-password');
  });

  it('goes out when Require is left, and is not withdrawn when it is entered', async () => {
    const term = await started(REQUIRE);
    term.given.source('new-password');
    answer(term, 'Refused');
    await term.decide();
    expect(password(term)).to.equal('sample-password');
    term.api.change(ACME, { spec: { verification: { mode: 'Report' } } });
    await term.decide();
    expect(password(term)).to.equal('new-password');
    term.api.change(ACME, { spec: { verification: { mode: 'Require' } } });
    await term.decide();
    expect(password(term)).to.equal('new-password');
    expect(stateOf(term)?.verification.refusals).to.deep.equal([]);
  });

  it('is not held back if checks are off, whatever the mode', async () => {
    const term = undecided(REQUIRE);
    term.registries.isVerificationOn = false;
    await term.decide();
    expect(term.registries.wanted.get('acme')).to.deep.equal([]);
    expect(stateOf(term)?.verification.servers.map(({ result }) => result)).to.deep.equal(['NotAsked']);
  });

  it('does not change while the credential is suspended, but its registry is asked', async () => {
    const term = await started();
    term.api.change(ACME, { spec: { suspend: true } });
    term.given.source('new-password');
    answer(term, 'Refused');
    await term.decide();
    expect(term.registries.wanted.get('acme')?.map(({ question }) => question.auth)).to.deep.equal([base64('robot:new-password')]);
    expect(stateOf(term)?.verification.servers.map(({ result }) => result)).to.deep.equal(['Refused']);
    expect(stateOf(term)?.memory?.released.get(SERVER)?.auth.password).to.equal('sample-password');
    answer(term, 'NotRefused');
    term.api.change(ACME, { spec: { suspend: false } });
    await term.decide();
    expect(password(term)).to.equal('new-password');
  });

  it('of a server whose source is missing is its last entry, and that of the others is new', async () => {
    const registries = ['a', 'b'].map((name) => ({ server: `${name}.example.com`, secretRef: { namespace: 'regcred-system', name } }));
    const term = undecided({ registries });
    for (const name of ['a', 'b']) term.given.source('sample-password', name);
    await term.decide();
    term.api.remove(path.secret('regcred-system', 'a'));
    term.given.source('new-password', 'b');
    await term.decide();
    expect([password(term, 'a.example.com'), password(term, 'b.example.com')]).to.deep.equal(['sample-password', 'new-password']);
    const sources = stateOf(term)?.sources;
    expect(sources?.state === 'ready' && sources.problems.map(({ reason }) => reason)).to.deep.equal(['SourceMissing']);
  });

  it('is decided again when an expiry comes near', async () => {
    const term = undecided();
    term.clock.now = Date.UTC(2026, 0, 1);
    term.api.change(ROBOT, { metadata: { annotations: { 'regcred.dev/expires-at': '2026-01-15T06:00:00Z' } } });
    answer(term, 'NotRefused');
    // The warning begins 14 days before: in six hours.
    expect(await term.decide()).to.deep.equal({ afterMs: 6 * 3_600_000 + 1000 });
  });
});

describe('The state Secret', () => {
  it('belongs to the credential, and has what a new leader needs', async () => {
    const term = await started();
    expect(term.api.get(STATE)).to.deep.include({ type: 'Opaque' });
    expect(term.api.get(STATE).metadata.labels).to.deep.equal({ 'regcred.dev/state': 'true' });
    expect(term.api.get(STATE).metadata.ownerReferences).to.deep.equal([
      { apiVersion: 'regcred.dev/v1alpha1', kind: 'RegistryCredential', name: 'acme', uid: 'uid-acme' },
    ]);
    expect(stateIn(term)?.released.get(SERVER)?.auth.password).to.equal('sample-password');
    expect(Array.from(stateIn(term)?.checks.values() ?? [], ({ result }) => result)).to.deep.equal(['NotRefused']);
  });

  it('is written only if something has changed', async () => {
    const term = await started();
    term.cluster.deliver();
    const writes = term.api.writes.length;
    await term.decide();
    await term.run.state();
    expect(term.api.writes).to.have.lengthOf(writes);
    answer(term, 'Refused');
    await term.decide();
    await term.run.state();
    expect(term.api.writes.slice(writes)).to.deep.equal(['patch secrets regcred-system/regcred-state-uid-acme']);
  });

  it('lets a new leader serve a new namespace while the source is missing, and ask nothing again', async () => {
    const former = await started();
    const term = await nextLeader(former);
    term.api.remove(ROBOT);
    await term.decide();
    expect(password(term)).to.equal('sample-password');

    const other = await nextLeader(former);
    await other.decide();
    expect(other.registries.wanted.get('acme')?.map(({ known }) => known?.result)).to.deep.equal(['NotRefused']);
    await other.run.state();
    expect(other.api.writes.filter((write) => write.includes('regcred-state'))).to.deep.equal([]);
  });

  it('lets a new leader hold back what the last one held back', async () => {
    const former = await started(REQUIRE);
    former.given.source('new-password');
    answer(former, 'Refused');
    await former.decide();
    await former.run.state();
    const term = await nextLeader(former);
    await term.decide();
    expect(password(term)).to.equal('sample-password');
    expect(stateOf(term)?.verification.refusals).to.have.lengthOf(1);
  });

  for (const text of ['', 'not JSON', '{"version":7}']) {
    it(`that another program wrote is replaced: ${JSON.stringify(text)}`, async () => {
      const term = await nextLeader(await started());
      term.api.change(STATE, { data: { 'state.json': base64(text) } });
      answer(term, 'NotRefused');
      await term.decide();
      await term.run.state();
      expect(password(term)).to.equal('sample-password');
      expect(stateIn(term)?.released.size).to.equal(1);
    });
  }

  it('that cannot be written delays nothing, and is reported and tried again', async () => {
    const term = undecided();
    term.api.refuse = (write) => (write.includes('regcred-state') ? new KubeError('secrets is forbidden', 403) : undefined);
    await term.decide();
    await work(term);
    expect(await term.run.state()).to.have.property('afterMs');
    expect(term.log.lines).to.deep.equal(['Cannot write the state Secret; retrying. A restart would forget what was released.']);
    expect(term.api.has(path.secret('shop', 'acme'))).to.equal(true);
  });

  it('remembers which probe images could be pulled, as long as the credential has the server', async () => {
    const registries = [{ server: SERVER, secretRef: { namespace: 'regcred-system', name: 'robot' }, probeImage: 'acme/web:1' }];
    const term = await started({ registries }, 'Proven');
    expect([...(stateIn(term)?.proven ?? [])]).to.deep.equal([`${SERVER} acme/web:1`]);
    term.given.source('new-password');
    await term.decide();
    expect(term.registries.wanted.get('acme')?.map(({ wasProven }) => wasProven)).to.deep.equal([true]);
    const others = registries.map((registry) => ({ ...registry, server: 'ghcr.io' }));
    term.api.change(ACME, { spec: { registries: others } });
    await term.decide();
    await term.decide();
    expect([...(stateOf(term)?.memory?.proven ?? [])]).to.deep.equal([]);
  });
});

describe('The annotation check-now', () => {
  const set = (term: Term, value: string) => term.api.change(ACME, { metadata: { annotations: { 'regcred.dev/check-now': value } } });

  it('with a new value asks the registries, once', async () => {
    const term = await placed();
    expect(term.registries.requested).to.deep.equal([]);
    for (const value of ['one', 'one', 'two']) {
      set(term, value);
      await term.decide();
    }
    expect(term.registries.requested).to.deep.equal(['acme', 'acme']);
  });

  it('that an earlier leader acted on asks nothing', async () => {
    const former = await started();
    set(former, 'one');
    await former.decide();
    await former.run.state();
    const term = await nextLeader(former);
    await term.decide();
    expect(term.registries.requested).to.deep.equal([]);
  });
});

describe('A credential that is being deleted', () => {
  it('asks nothing more', async () => {
    const term = await placed();
    expect(term.registries.wanted.get('acme')).to.have.lengthOf(1);
    term.api.remove(ACME);
    await term.decide();
    expect(term.registries.wanted.has('acme')).to.equal(false);
  });
});
