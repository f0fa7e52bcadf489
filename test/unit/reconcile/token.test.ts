/** What the key of a token does, apart from fetching in time: test/unit/reconcile/token-day.test.ts has that. */
import { expect } from 'chai';
import { CloudError, type RegistryToken } from '../../../src/api/cloud-token.ts';
import { path } from '../../../src/cluster/paths.ts';
import { KubeError } from '../../../src/kube/errors.ts';
import type { MemoryApi } from '../../support/memory-api.ts';
import { reconcilers } from '../../support/reconcilers.ts';
import { begin, type Term, work } from '../../support/work.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const SERVER = '123456789012.dkr.ecr.eu-central-1.amazonaws.com';
const token = (): RegistryToken => ({ username: 'AWS', password: 'sample-token-of-aws', expiresAt: 12 * HOUR });

describe('The key of a token', () => {
  let term: Term;
  let waits: Map<string, number>;

  function newTerm(api?: MemoryApi): Term {
    const next = reconcilers(undefined, api);
    next.cluster.dispatcher.connect(next.triggers);
    next.clouds.answer = token;
    waits = new Map();
    return next;
  }
  beforeEach(() => {
    term = newTerm();
    term.given.namespace('shop');
    term.given.account('shop');
    term.given.credential('acme', { registries: [{ server: SERVER, token: { aws: {} } }], namespaces: { names: ['shop'] } });
    begin(term);
  });

  const secrets = () => [...term.cluster.observed.tokenSecrets.all()].map(({ name }) => name);
  const name = () => [...waits.keys()][0] as string;

  /** Turns the clock, and looks at the tokens when they want it. */
  async function pass(ms: number): Promise<void> {
    const end = term.clock.now + ms;
    for (;;) {
      await work(term, waits);
      const due = Math.min(...waits.values());
      if (due > end) break;
      term.clock.now = Math.max(term.clock.now, due);
      for (const [one, at] of waits) {
        if (at > term.clock.now) continue;
        waits.delete(one);
        term.enqueued.push(`token ${one}`);
      }
    }
    term.clock.now = end;
  }

  describe('deletes the Secret', () => {
    it('when nothing has used it for an hour, and not before', async () => {
      await pass(MINUTE);
      expect(secrets()).to.have.lengthOf(1);
      term.api.remove(path.credential('acme'));
      await pass(59 * MINUTE);
      expect(secrets()).to.have.lengthOf(1);
      await pass(2 * MINUTE);
      expect(secrets()).to.deep.equal([]);
      expect(term.api.writes.filter((write) => write.startsWith('delete secrets regcred-system/regcred-token-aws-'))).to.have.lengthOf(1);
    });

    it('not if a credential uses it again within the hour, which then fetches nothing', async () => {
      await pass(MINUTE);
      term.api.remove(path.credential('acme'));
      await pass(40 * MINUTE);
      term.given.credential('later', { registries: [{ server: SERVER, token: { aws: {} } }], namespaces: { names: ['shop'] } });
      await pass(2 * HOUR);
      expect(secrets()).to.have.lengthOf(1);
      expect(term.clouds.results).to.deep.equal(['aws fetched']);
      expect(term.api.has(path.secret('shop', 'later'))).to.equal(true);
    });

    it('also if the leader changed meanwhile, an hour after the change', async () => {
      await pass(MINUTE);
      term.api.remove(path.credential('acme'));
      await pass(30 * MINUTE);
      term = newTerm(term.api);
      begin(term);
      await pass(59 * MINUTE);
      expect(secrets()).to.have.lengthOf(1);
      await pass(2 * MINUTE);
      expect(secrets()).to.deep.equal([]);
    });
  });

  it('serves all credentials of one identity with one fetch', async () => {
    for (const one of ['second', 'third'])
      term.given.credential(one, { registries: [{ server: SERVER, token: { aws: {} } }], namespaces: { names: ['shop'] } });
    await pass(MINUTE);
    expect(term.clouds.results).to.deep.equal(['aws fetched']);
    for (const one of ['acme', 'second', 'third']) expect(term.api.has(path.secret('shop', one)), one).to.equal(true);
  });

  it('waits for its turn while the cloud has been asked often', async () => {
    term.clouds.isBusy = true;
    await work(term, waits);
    expect(term.clouds.requests).to.deep.equal([]);
    expect((waits.get(name()) as number) - term.clock.now).to.equal(200);
    term.clouds.isBusy = false;
    await pass(1000);
    expect(term.clouds.results).to.deep.equal(['aws fetched']);
  });

  it('tries again after 5 seconds, after twice that, up to 5 minutes', async () => {
    const times: number[] = [];
    term.clouds.answer = () => {
      times.push(term.clock.now);
      throw new CloudError('it answers with HTTP 503', 'HTTP 503', { httpStatus: 503 });
    };
    await pass(30 * MINUTE);
    const waited = times.slice(1).map((at, n) => at - (times[n] as number));
    // With jitter: the test draws the middle of it.
    expect(waited[0]).to.be.within(2500, 5000);
    for (const [n, ms] of waited.slice(1, 6).entries()) expect(ms / (waited[n] as number)).to.be.within(1.9, 2.1);
    expect(Math.max(...waited)).to.be.at.most(5 * MINUTE);
    expect(waited.slice(-3)).to.deep.equal(Array(3).fill(waited.at(-1)));
  });

  it('waits for as long as the cloud asks, up to 5 minutes', async () => {
    const times: number[] = [];
    const asks = [60_000, 3_600_000];
    term.clouds.answer = () => {
      times.push(term.clock.now);
      const retryAfterMs = asks.shift();
      throw new CloudError('it throttles', 'Throttling', { httpStatus: 400, ...(retryAfterMs !== undefined && { retryAfterMs }) });
    };
    await pass(10 * MINUTE);
    expect(times.slice(1, 3)).to.deep.equal([MINUTE, 6 * MINUTE]);
  });

  it('tries at once on request, at most once a minute', async () => {
    term.clouds.answer = () => {
      throw new CloudError('it refuses', 'AccessDenied', { httpStatus: 403 });
    };
    await pass(20 * MINUTE);
    const request = async (value: string) => {
      const before = term.clouds.requests.length;
      term.api.change(path.credential('acme'), { metadata: { annotations: { 'regcred.dev/check-now': value } } });
      await work(term, waits);
      return term.clouds.requests.length - before;
    };
    expect(await request('1')).to.equal(1);
    term.clock.now += 10_000;
    expect(await request('2')).to.equal(0);
    term.clock.now += MINUTE;
    expect(await request('3')).to.equal(1);
  });

  it('hands the token on although its Secret cannot be written, and writes it when that works again', async () => {
    term.api.refuse = (write) => (write.includes('regcred-token-') ? new KubeError('exceeded quota', 403) : undefined);
    await pass(MINUTE);
    expect(term.api.has(path.secret('shop', 'acme'))).to.equal(true);
    expect(term.log.lines).to.include('Cannot write a token Secret; retrying. A restart would fetch the token again.');
    term.api.refuse = () => undefined;
    await pass(10 * MINUTE);
    expect(secrets()).to.have.lengthOf(1);
    expect(term.clouds.results).to.deep.equal(['aws fetched']);
  });

  it('repeats no word of a fault in a library, which may quote a secret', async () => {
    term.clouds.answer = () => {
      throw new TypeError('sample-secret-of-a-library');
    };
    await pass(1000);
    const told = JSON.stringify([term.log, term.states.stateOf({ kind: 'RegistryCredential', namespace: '', name: 'acme' })]);
    expect(told).to.not.contain('sample-secret-of-a-library');
    expect(term.clouds.results).to.deep.equal(['aws failed']);
  });
});
