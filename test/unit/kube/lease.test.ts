import { expect } from 'chai';
import { Kube } from '../../../src/kube/client.ts';
import type { KubeError } from '../../../src/kube/errors.ts';
import { Lease, type LeaseTimes } from '../../../src/kube/lease.ts';
import { eventually } from '../../support/eventually.ts';
import { type Answer, type ApiServer, json, refusal, serve } from './apiserver.ts';

const COLLECTION = '/apis/coordination.k8s.io/v1/namespaces/regcred-system/leases';

/** Long enough for a busy machine, short enough for a test. The API counts the duration in whole seconds. */
const SHORT: LeaseTimes = { durationMs: 1000, renewDeadlineMs: 700, renewMs: 20, retryMs: 20 };
/** Nothing runs out within a test. */
const LONG: LeaseTimes = { durationMs: 600_000, renewDeadlineMs: 500_000, renewMs: 20, retryMs: 20 };

interface Held {
  metadata: { name: string; resourceVersion: string; annotations?: object };
  spec: { holderIdentity: string; leaseDurationSeconds: number; leaseTransitions?: number; renewTime?: string; acquireTime?: string };
}

describe('The Lease', () => {
  let server: ApiServer;
  let kube: Kube;
  let held: Held | undefined;
  let version: number;
  let failures: unknown[];
  let abort: AbortController;
  /** In place of the API: what goes wrong. */
  let trouble: Answer | undefined;

  const store = (lease: object) =>
    (held = { ...(lease as Held), metadata: { ...(lease as Held).metadata, resourceVersion: String(++version) } });
  /** Somebody else's write. */
  const seize = (spec: Partial<Held['spec']>) => store({ ...held, spec: { ...(held as Held).spec, ...spec } });

  const api: Answer = (response, asked) => {
    const { method, path, body } = asked;
    const answer = () => {
      if (trouble) return trouble;
      if (method === 'POST' && path === COLLECTION)
        return held ? refusal(409, 'AlreadyExists', 'exists') : json(201, store(body as object));
      if (path !== `${COLLECTION}/regcred`) return refusal(404, 'NotFound', 'no such path');
      if (!held) return refusal(404, 'NotFound', 'no such Lease');
      if (method === 'GET') return json(200, held);
      if (method === 'PUT' && (body as Held).metadata.resourceVersion === held.metadata.resourceVersion)
        return json(200, store(body as object));
      return refusal(409, 'Conflict', 'the object has been modified');
    };
    answer()(response, asked);
  };
  const lease = (identity: string, times = SHORT) => new Lease(kube, 'regcred-system', identity, (error) => failures.push(error), times);

  beforeEach(async () => {
    held = undefined;
    version = 0;
    failures = [];
    trouble = undefined;
    abort = new AbortController();
    server = await serve(api);
    kube = new Kube(() => server.config());
  });
  afterEach(async () => {
    abort.abort();
    await kube.close();
    await server.close();
  });

  it('is made where there is none', async () => {
    const a = lease('a', LONG);
    expect(a.isHeld).to.equal(false);
    await a.acquire(abort.signal);
    expect(a.isHeld).to.equal(true);
    expect(held?.metadata.name).to.equal('regcred');
    expect(held?.spec).to.include({ holderIdentity: 'a', leaseDurationSeconds: 600, leaseTransitions: 0 });
    // MicroTime: the API takes nothing shorter.
    expect(held?.spec.renewTime).to.match(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
    expect(held?.spec.acquireTime).to.match(/\.\d{6}Z$/);
  });

  it('is held by one of many who come at once', async () => {
    const many = Array.from({ length: 5 }, (_, at) => lease(`candidate-${at}`, LONG));
    const acquired = many.map((one) => one.acquire(abort.signal).catch(() => {}));
    await Promise.race(acquired);
    const before = server.asked.length;
    await eventually('all have tried again', () => expect(server.asked.length).to.be.above(before + 20));
    expect(many.filter(({ isHeld }) => isHeld)).to.have.length(1);
    // To lose an election is no failure.
    expect(failures).to.deep.equal([]);
    abort.abort();
    await Promise.all(acquired);
  });

  it('is taken over when its holder has not renewed it for as long as it lasts, by our own clock', async () => {
    // Of a holder whose clock stands in the past, and who is as alive as any other until it is seen not to renew.
    store({
      metadata: { name: 'regcred' },
      spec: { holderIdentity: 'a', leaseDurationSeconds: 1, leaseTransitions: 3, renewTime: '1970-01-01T00:00:00.000000Z' },
    });
    const b = lease('b');
    const begun = performance.now();
    await b.acquire(abort.signal);
    expect(performance.now() - begun).to.be.at.least(1000);
    expect(b.isHeld).to.equal(true);
    expect(held?.spec).to.include({ holderIdentity: 'b', leaseTransitions: 4 });
  });

  it('is taken over when it has run out, and not a whole pause later', async () => {
    store({ metadata: { name: 'regcred' }, spec: { holderIdentity: 'a', leaseDurationSeconds: 1 } });
    const b = lease('b', { ...SHORT, retryMs: 60_000 });
    const begun = performance.now();
    await b.acquire(abort.signal);
    expect(performance.now() - begun).to.be.within(1000, 5000);
  });

  it('is not taken over before it was seen unchanged for as long as it lasts, however long the question was under way', async () => {
    store({ metadata: { name: 'regcred' }, spec: { holderIdentity: 'a', leaseDurationSeconds: 1 } });
    trouble = (response, asked) => {
      trouble = undefined;
      setTimeout(() => api(response, asked), 600);
    };
    const begun = performance.now();
    await lease('b', { ...SHORT, renewDeadlineMs: 4000 }).acquire(abort.signal);
    expect(performance.now() - begun).to.be.above(600 + 1000);
  });

  it('stays with a holder who keeps it', async () => {
    const a = lease('a');
    await a.acquire(abort.signal);
    const kept = a.keep(abort.signal);
    const b = lease('b');
    const taken = b.acquire(abort.signal).then(
      () => true,
      () => false,
    );
    const until = performance.now() + 1.5 * SHORT.durationMs;
    await eventually('it would have run out', () => expect(performance.now()).to.be.above(until));
    expect([a.isHeld, b.isHeld]).to.deep.equal([true, false]);
    expect(held?.spec).to.include({ holderIdentity: 'a', leaseTransitions: 0 });
    abort.abort();
    await kept;
    expect(await taken).to.equal(false);
  });

  it('that is given back is taken over at once', async () => {
    const a = lease('a', LONG);
    await a.acquire(abort.signal);
    const b = lease('b', LONG);
    const taken = b.acquire(abort.signal);
    await eventually('the other has tried', () => expect(server.asked.length).to.be.above(3));
    await a.release();
    expect(a.isHeld).to.equal(false);
    const puts = server.asked.filter(({ method }) => method === 'PUT').map(({ body }) => (body as Held).spec.holderIdentity);
    expect(puts[0]).to.equal('');
    await taken;
    expect(held?.spec).to.include({ holderIdentity: 'b', leaseTransitions: 1, leaseDurationSeconds: 600 });
  });

  it('that nobody holds is taken at once, however long it would last', async () => {
    store({ metadata: { name: 'regcred' }, spec: { holderIdentity: '', leaseDurationSeconds: 600 } });
    await lease('a', LONG).acquire(abort.signal);
    expect(held?.spec.holderIdentity).to.equal('a');
  });

  it('of somebody else is not given back', async () => {
    const a = lease('a', LONG);
    await a.acquire(abort.signal);
    seize({ holderIdentity: 'c' });
    await a.release();
    expect(a.isHeld).to.equal(false);
    expect(held?.spec.holderIdentity).to.equal('c');
    const asked = server.asked.length;
    await lease('d', LONG).release();
    expect(server.asked.length).to.equal(asked);
  });

  it('is lost as soon as somebody else is seen to hold it', async () => {
    const a = lease('a', LONG);
    await a.acquire(abort.signal);
    seize({ holderIdentity: 'c' });
    await a.keep(abort.signal);
    expect(a.isHeld).to.equal(false);
    expect(held?.spec.holderIdentity).to.equal('c');
    expect(failures).to.deep.equal([]);
  });

  it('is kept where somebody else has only annotated it, and so is the annotation', async () => {
    const a = lease('a', LONG);
    await a.acquire(abort.signal);
    const { resourceVersion } = store({ ...held, metadata: { ...held?.metadata, annotations: { note: 'b' } } }).metadata;
    const kept = a.keep(abort.signal);
    await eventually('it is renewed', () => expect(Number(held?.metadata.resourceVersion)).to.be.above(Number(resourceVersion)));
    expect(a.isHeld).to.equal(true);
    expect(held?.metadata.annotations).to.deep.equal({ note: 'b' });
    abort.abort();
    await kept;
  });

  it('is lost where it cannot be renewed in time, and the reason is told', async () => {
    const a = lease('a');
    await a.acquire(abort.signal);
    trouble = refusal(500, 'InternalError', 'etcd is down');
    const since = performance.now();
    await a.keep(abort.signal);
    expect(a.isHeld).to.equal(false);
    expect(performance.now() - since).to.be.at.least(SHORT.renewDeadlineMs - 300);
    // The last attempts may be cut short by the deadline, and tell of that.
    expect(failures.map((error) => (error as KubeError).message)).to.include('etcd is down');
  });

  describe('of a server that takes the request and never answers', () => {
    it('is not held any more when the time to renew it has passed', async () => {
      const a = lease('a');
      await a.acquire(abort.signal);
      trouble = () => {};
      const kept = a.keep(abort.signal);
      await eventually('it is lost', () => expect(a.isHeld).to.equal(false));
      abort.abort();
      await server.close();
      await kept;
    });

    const ends: Record<string, { times: LeaseTimes; told: boolean }> = {
      'when the time to renew it has passed, and not only when the call has': { times: SHORT, told: false },
      'when the program is told to stop': { times: LONG, told: true },
    };
    for (const [when, { times, told }] of Object.entries(ends)) {
      it(`is given up ${when}`, async () => {
        const a = lease('a', times);
        await a.acquire(abort.signal);
        trouble = () => {};
        let isGivenUp = false;
        const kept = a.keep(abort.signal).then(() => (isGivenUp = true));
        await eventually('it is being renewed', () => expect(server.open()).to.equal(1));
        if (told) abort.abort();
        await eventually('it is given up', () => expect(isGivenUp).to.equal(true), 4000).finally(() => server.close());
        await kept;
      });
    }
  });

  it('is not waited for any longer when the signal is aborted', async () => {
    store({ metadata: { name: 'regcred' }, spec: { holderIdentity: 'c', leaseDurationSeconds: 600 } });
    const a = lease('a', LONG);
    const acquired = a.acquire(abort.signal).then(
      () => 'acquired',
      (error: Error) => error.name,
    );
    await eventually('it has tried', () => expect(server.asked.length).to.be.above(1));
    abort.abort();
    expect(await acquired).to.equal('AbortError');
    expect(a.isHeld).to.equal(false);
  });
}).timeout(20_000);
