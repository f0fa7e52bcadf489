import { mock } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { expect } from 'chai';
import type { CredentialRecord } from '../../../src/api/records.ts';
import type { RegistryCredentialStatus } from '../../../src/api/types.ts';
import { KubeError } from '../../../src/kube/errors.ts';
import type { Store } from '../../../src/kube/store.ts';
import type { Writer } from '../../../src/kube/writer.ts';
import type { Log } from '../../../src/log.ts';
import { type Facts, type Side, statusOf } from '../../../src/plan/status.ts';
import { Reporter } from '../../../src/reconcile/report.ts';
import { credential } from '../../support/builders.ts';

const side = (synced: number): Side => ({
  counters: { desired: 2, synced, failed: 0, conflicted: 0 },
  pending: 2 - synced,
  failures: [],
});
const facts = (mods: Partial<Facts> = {}): Facts => ({
  generation: 1,
  secretName: 'acme',
  mode: 'place',
  suspended: false,
  wantsAccounts: true,
  injection: 'injected',
  sources: { state: 'ready', servers: 1 },
  secrets: side(2),
  accounts: side(2),
  ...mods,
});
const underWay = { secrets: side(0), accounts: side(0) };

describe('The reporter of a new leader', () => {
  const written: RegistryCredentialStatus[] = [];
  let now: Facts;
  /** What becomes of a status that is written. */
  let answer: () => Promise<void>;
  let reporter: Reporter;

  beforeEach(() => {
    mock.timers.enable({ apis: ['setTimeout'] });
    written.length = 0;
    const status = statusOf(facts(), undefined, new Date(0));
    const credentials = { get: () => credential({ status }), wrote: () => {} } as unknown as Store<CredentialRecord>;
    answer = async () => {};
    const writer = {
      createEvent: async () => {},
      patchCredentialStatus: (_: string, status: RegistryCredentialStatus) => {
        written.push(status);
        return answer();
      },
    } as unknown as Writer;
    const log = { info: () => {}, warn: () => {} } as unknown as Log;
    reporter = new Reporter(credentials, writer, log, {
      progressOf: () => ({ generation: now.generation, busy: now.secrets.pending + now.accounts.pending > 0 }),
      factsOf: () => now,
    });
  });
  afterEach(() => {
    void reporter.end();
    mock.timers.reset();
  });

  const writtenAfter = (ms: number) => {
    mock.timers.tick(ms);
    return written.map(({ conditions }) => conditions?.find(({ type }) => type === 'Ready')?.reason);
  };

  it('does not say that work is under way as long as it has only begun to look', () => {
    now = facts(underWay);
    reporter.touch('acme');
    expect(writtenAfter(9500)).to.deep.equal([]);
    expect(writtenAfter(1000)).to.deep.equal(['Placing']);
  });

  it('writes nothing at all where it finds everything as it was', () => {
    now = facts(underWay);
    reporter.touch('acme');
    expect(writtenAfter(3000)).to.deep.equal([]);
    now = facts();
    reporter.touch('acme');
    expect(writtenAfter(20_000)).to.deep.equal([]);
  });

  it('says after a second that work is under way on a spec that is new', () => {
    now = facts({ ...underWay, generation: 2 });
    reporter.touch('acme');
    expect(writtenAfter(900)).to.deep.equal([]);
    expect(writtenAfter(200)).to.deep.equal(['Placing']);
  });

  it('waits no longer than ever with what needs a person', () => {
    now = facts({ sources: { state: 'invalid', problems: [{ reason: 'SourceMissing', message: 'It is missing.' }] } });
    reporter.touch('acme');
    expect(writtenAfter(1000)).to.deep.equal(['SourceMissing']);
  });

  const broken = () => facts({ sources: { state: 'invalid', problems: [{ reason: 'SourceMissing', message: 'It is missing.' }] } });

  it('tries a status that was refused again less and less often, and no sooner than it was asked to', async () => {
    now = broken();
    answer = () => Promise.reject(new KubeError('forbidden', 403));
    reporter.touch('acme');
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

  it('ends when the write under way has ended, and begins nothing after that', async () => {
    now = broken();
    let refuse = () => {};
    answer = () => new Promise((_, reject) => (refuse = () => reject(new KubeError('gone away', 0))));
    reporter.touch('acme');
    expect(writtenAfter(1000)).to.have.length(1);
    let ended = false;
    const end = reporter.end().then(() => (ended = true));
    await turn();
    expect(ended).to.equal(false);
    refuse();
    await end;
    reporter.touch('acme');
    expect(writtenAfter(600_000)).to.have.length(1);
  });
});
