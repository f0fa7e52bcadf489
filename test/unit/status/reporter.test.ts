import { mock } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { expect } from 'chai';
import type { CredentialRecord, ObjectRecord } from '../../../src/api/records.ts';
import type { RegistryCredentialStatus } from '../../../src/api/types.ts';
import { KubeError } from '../../../src/kube/errors.ts';
import { Store } from '../../../src/kube/store.ts';
import type { PlacementFacts, StatusFacts } from '../../../src/plan/status/facts.ts';
import { statusOf } from '../../../src/plan/status/status.ts';
import { Reporter } from '../../../src/status/reporter.ts';
import { credential, readySources, verificationFacts } from '../../support/builders.ts';
import { recordingLog, refTo } from '../../support/reconcilers.ts';

const placed = (synced: number): PlacementFacts => ({
  counters: { desired: 2, synced, failed: 0, conflicted: 0 },
  pending: 2 - synced,
  failures: [],
});
const factsWith = (mods: Partial<StatusFacts> = {}): StatusFacts => ({
  ref: { kind: 'RegistryCredential', namespace: '', name: 'acme' },
  generation: 1,
  secretName: 'acme',
  mode: 'sync',
  isSuspended: false,
  selectsAccounts: true,
  injection: 'injected',
  sources: readySources(1),
  verification: verificationFacts(),
  secrets: placed(2),
  accounts: placed(2),
  ...mods,
});
const underWay = { secrets: placed(0), accounts: placed(0) };

describe('The reporter of a new leader', () => {
  const written: RegistryCredentialStatus[] = [];
  /** The version that each write was for. */
  const versions: string[] = [];
  let faults: number;
  let credentials: Store<CredentialRecord>;
  let now: StatusFacts;
  /** The API server's answer to a status write. */
  let answer: () => Promise<void>;
  /** What the API server stores of a status. */
  let stored: (status: RegistryCredentialStatus) => object;
  let reporter: Reporter;

  beforeEach(() => {
    mock.timers.enable({ apis: ['setTimeout'] });
    written.length = 0;
    const status = statusOf(factsWith(), undefined, new Date(0));
    credentials = new Store<CredentialRecord>(() => {});
    credentials.accept({ type: 'listed', records: [credential({ status })] });
    versions.length = 0;
    faults = 0;
    answer = async () => {};
    stored = (status) => status;
    const writer = {
      createEvent: async () => {},
      patchCredentialStatus: async ({ uid, resourceVersion }: ObjectRecord, status: object) => {
        written.push(status as RegistryCredentialStatus);
        versions.push(`${uid} ${resourceVersion}`);
        await answer();
        return credential({ status: stored(status as RegistryCredentialStatus), resourceVersion: String(Number(resourceVersion) + 1) });
      },
    };
    const source = {
      progressOf: () => ({ generation: now.generation, isBusy: now.secrets.pending + now.accounts.pending > 0 }),
      factsOf: () => now,
    };
    reporter = new Reporter({ credentials, writer, log: recordingLog(), source, onFault: () => faults++ });
  });
  afterEach(() => {
    void reporter.end();
    mock.timers.reset();
  });

  const writtenAfter = (ms: number) => {
    mock.timers.tick(ms);
    return written.map(({ conditions }) => conditions?.find(({ type }) => type === 'Ready')?.reason);
  };

  it('does not report pending work during its first ten seconds', () => {
    now = factsWith(underWay);
    reporter.touch(refTo('acme'));
    expect(writtenAfter(9500)).to.deep.equal([]);
    expect(writtenAfter(1000)).to.deep.equal(['Placing']);
  });

  it('writes nothing if it finds everything unchanged', () => {
    now = factsWith(underWay);
    reporter.touch(refTo('acme'));
    expect(writtenAfter(3000)).to.deep.equal([]);
    now = factsWith();
    reporter.touch(refTo('acme'));
    expect(writtenAfter(20_000)).to.deep.equal([]);
  });

  it('reports pending work after a second if the spec is new', () => {
    now = factsWith({ ...underWay, generation: 2 });
    reporter.touch(refTo('acme'));
    expect(writtenAfter(900)).to.deep.equal([]);
    expect(writtenAfter(200)).to.deep.equal(['Placing']);
  });

  it('reports immediately what a person must fix', () => {
    now = factsWith({ sources: { state: 'invalid', problems: [{ reason: 'SourceMissing', message: 'It is missing.' }] } });
    reporter.touch(refTo('acme'));
    expect(writtenAfter(1000)).to.deep.equal(['SourceMissing']);
  });

  const broken = () => factsWith({ sources: { state: 'invalid', problems: [{ reason: 'SourceMissing', message: 'It is missing.' }] } });

  it('retries a refused status after increasing delays, and no sooner than the server asks for', async () => {
    now = broken();
    answer = () => Promise.reject(new KubeError('forbidden', 403));
    reporter.touch(refTo('acme'));
    const tries: number[] = [];
    const pass = async (ms: number) => {
      mock.timers.tick(ms);
      await turn();
      tries.push(written.length);
    };
    await pass(1000);
    await pass(700); // One second, give or take a quarter.
    await pass(600);
    await pass(1400); // Two.
    answer = () => Promise.reject(new KubeError('busy', 429, undefined, 30_000));
    await pass(1200);
    await pass(29_000);
    await pass(1100);
    expect(tries).to.deep.equal([1, 1, 2, 2, 3, 3, 4]);
  });

  it('writes a status that was stored in another form again after increasing delays, and not at each occasion', async () => {
    stored = (status) => ({ ...status, failuresTotal: undefined });
    now = factsWith({ secrets: { ...placed(1), pending: 0 } });
    const counts: number[] = [];
    for (let second = 0; second < 20; second++) {
      reporter.touch(refTo('acme'));
      mock.timers.tick(1000);
      await turn();
      counts.push(written.length);
    }
    expect(counts.at(-1)).to.be.within(2, 8);
  });

  it('writes one status at a time, each for the version that it is about', async () => {
    now = broken();
    let accept = () => {};
    answer = () => new Promise((resolve) => (accept = resolve));
    reporter.touch(refTo('acme'));
    expect(writtenAfter(1000)).to.deep.equal(['SourceMissing']);
    now = factsWith();
    for (let times = 0; times < 3; times++) reporter.touch(refTo('acme'));
    expect(writtenAfter(60_000), 'while the first one is under way').to.have.length(1);
    accept();
    for (let turns = 0; turns < 5; turns++) await turn();
    expect(writtenAfter(1000)).to.deep.equal(['SourceMissing', 'Synced']);
    const { uid, resourceVersion } = credential();
    expect(versions).to.deep.equal([`${uid} ${resourceVersion}`, `${uid} ${Number(resourceVersion) + 1}`]);
  });

  it('decides again if the credential has changed meanwhile, and writes for the new version', async () => {
    now = broken();
    answer = () => Promise.reject(new KubeError('the object has been modified', 409));
    reporter.touch(refTo('acme'));
    writtenAfter(1000);
    credentials.accept({ type: 'applied', record: credential({ uid: 'uid-new', resourceVersion: '50' }) });
    answer = async () => {};
    for (let turns = 0; turns < 5; turns++) await turn();
    writtenAfter(1000);
    expect(versions[1]).to.equal('uid-new 50');
  });

  it('continues after a fault: counts it, and reports again half a minute later', async () => {
    const good = broken();
    Object.defineProperty(good, 'sources', { configurable: true, get: () => expect.fail('a fault of the program') });
    now = good;
    reporter.touch(refTo('acme'));
    writtenAfter(1000);
    for (let turns = 0; turns < 5; turns++) await turn();
    expect([faults, written.length]).to.deep.equal([1, 0]);
    now = broken();
    expect(writtenAfter(29_000)).to.deep.equal([]);
    expect(writtenAfter(1000)).to.deep.equal(['SourceMissing']);
  });

  it('does not pass a fault on to the reconciler that reports progress', () => {
    now = undefined as unknown as StatusFacts;
    reporter.touch(refTo('acme'));
    expect(faults).to.equal(1);
  });

  it('ends when the write under way has ended, and starts no other write', async () => {
    now = broken();
    let refuse = () => {};
    answer = () => new Promise((_, reject) => (refuse = () => reject(new KubeError('gone away', 0))));
    reporter.touch(refTo('acme'));
    expect(writtenAfter(1000)).to.have.length(1);
    let ended = false;
    const end = reporter.end().then(() => (ended = true));
    await turn();
    expect(ended).to.equal(false);
    refuse();
    await end;
    reporter.touch(refTo('acme'));
    expect(writtenAfter(600_000)).to.have.length(1);
  });
});

describe('The reporter announces', () => {
  const announced: { reason: string; type: string; message: string }[] = [];
  let facts: StatusFacts;
  let store: Store<CredentialRecord>;
  let log: ReturnType<typeof recordingLog>;
  let reporter: Reporter;

  beforeEach(() => {
    mock.timers.enable({ apis: ['setTimeout'] });
    announced.length = 0;
    log = recordingLog();
    facts = factsWith();
    store = new Store<CredentialRecord>(() => {});
    store.accept({ type: 'listed', records: [credential()] });
    let version = 1;
    const writer = {
      createEvent: async (_: string, body: object) => void announced.push(body as (typeof announced)[number]),
      patchCredentialStatus: async (_: ObjectRecord, status: object) => credential({ status, resourceVersion: String(++version) }),
    };
    const source = { progressOf: () => ({ generation: 1, isBusy: false }), factsOf: () => facts };
    reporter = new Reporter({ credentials: store, writer, log, source, onFault: expect.fail });
  });
  afterEach(() => {
    void reporter.end();
    mock.timers.reset();
  });

  /** Lets the reporter write the status of these facts. */
  async function report(now: StatusFacts): Promise<string[]> {
    facts = now;
    reporter.touch(refTo('acme'));
    mock.timers.tick(2000);
    for (let turns = 0; turns < 5; turns++) await turn();
    return announced.splice(0).map(({ type, reason }) => `${type} ${reason}`);
  }
  const missing = () => factsWith({ sources: { state: 'invalid', problems: [{ reason: 'SourceMissing', message: 'It is missing.' }] } });
  const placing = () => factsWith(underWay);

  it('by an Event and in the log what Ready has settled on', async () => {
    expect(await report(factsWith())).to.deep.equal(['Normal Synced']);
    expect(await report(missing())).to.deep.equal(['Warning SourceMissing']);
    expect(log.lines).to.deep.equal(['The RegistryCredential is Ready.', 'The RegistryCredential is not Ready: a person must act.']);
  });

  it('in the log that a person must act, unless the operator retries', async () => {
    const failing = (reason: string) =>
      factsWith({
        secrets: { ...placed(1), failures: [{ namespace: 'shop', kind: 'Secret', name: 'acme', reason, message: 'It failed.' }] },
      });
    expect(await report(failing('Unavailable'))).to.deep.equal(['Warning Unavailable']);
    expect(await report(failing('Forbidden'))).to.deep.equal(['Warning Forbidden']);
    expect(log.lines).to.deep.equal(['The RegistryCredential is not Ready.', 'The RegistryCredential is not Ready: a person must act.']);
  });

  it('nothing while work is pending, and nothing if Ready ends as it began', async () => {
    await report(factsWith());
    expect(await report(placing())).to.deep.equal([]);
    expect(await report(factsWith())).to.deep.equal([]);
  });

  it('nothing if only the message of Ready changes', async () => {
    await report(factsWith());
    expect(
      await report(factsWith({ secrets: { ...placed(3), counters: { desired: 3, synced: 3, failed: 0, conflicted: 0 }, pending: 0 } })),
    ).to.deep.equal([]);
  });

  it('nothing that the last leader has announced already', async () => {
    const status = statusOf(factsWith(), undefined, new Date(0));
    store.accept({ type: 'listed', records: [credential({ status, resourceVersion: '2' })] });
    expect(await report(factsWith())).to.deep.equal([]);
    expect(await report(missing())).to.deep.equal(['Warning SourceMissing']);
  });

  it('the namespaces that are no longer selected in one Event, sorted, and once', async () => {
    await report(factsWith());
    for (const namespace of ['team', 'shop', 'team']) reporter.namespaceDeselected(refTo('acme'), namespace);
    facts = factsWith();
    reporter.touch(refTo('acme'));
    mock.timers.tick(2000);
    await turn();
    expect(announced.map(({ message }) => message)).to.deep.equal([
      "RegistryCredential acme no longer selects shop, team (spec.namespaces, the namespace's labels or its opt-out label changed). The operator removed the Secret and the references there.",
    ]);
    announced.length = 0;
    expect(await report(factsWith())).to.deep.equal([]);
  });

  it('the first ten of many such namespaces by name', async () => {
    await report(factsWith());
    for (let n = 10; n < 22; n++) reporter.namespaceDeselected(refTo('acme'), `team-${n}`);
    facts = factsWith();
    reporter.touch(refTo('acme'));
    mock.timers.tick(2000);
    await turn();
    expect(announced[0]?.message).to.contain('team-18, team-19 and 2 more (spec.namespaces, ');
  });

  it('everything again after the credential was forgotten', async () => {
    await report(factsWith());
    reporter.namespaceDeselected(refTo('acme'), 'shop');
    reporter.forget(refTo('acme'));
    store.accept({ type: 'listed', records: [credential({ uid: 'uid-new', resourceVersion: '50' })] });
    expect(await report(factsWith())).to.deep.equal(['Normal Synced']);
  });
});
