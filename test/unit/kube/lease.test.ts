import { expect } from 'chai';
import { KubeClient } from '../../../src/kube/client.ts';
import type { KubeError } from '../../../src/kube/errors.ts';
import { Lease, type LeaseTimes } from '../../../src/kube/lease.ts';
import { Timeline } from '../../../src/kube/timeline.ts';
import { soon } from '../../support/eventually.ts';
import { type Answer, type ApiServer, json, refusal, serve } from './apiserver.ts';

const LEASE = { namespace: 'regcred-system', name: 'regcred' };
const COLLECTION = '/apis/coordination.k8s.io/v1/namespaces/regcred-system/leases';

/** Long enough for a busy machine, and short enough for a test. The API counts the duration in whole seconds. */
const SHORT: LeaseTimes = { durationMs: 1000, renewDeadlineMs: 700, renewMs: 20, retryMs: 20 };
/** Nothing expires during a test. */
const LONG: LeaseTimes = { durationMs: 600_000, renewDeadlineMs: 500_000, renewMs: 20, retryMs: 20 };

interface Held {
  metadata: { name: string; resourceVersion: string; annotations?: object };
  spec: { holderIdentity: string; leaseDurationSeconds: number; leaseTransitions?: number; renewTime?: string; acquireTime?: string };
}

describe('The Lease', () => {
  let server: ApiServer;
  let kube: KubeClient;
  let held: Held | undefined;
  let version: number;
  let failures: unknown[];
  /** The holders that were reported. */
  let followed: string[];
  let abort: AbortController;
  /** Replaces the answer of the API server by an error. */
  let trouble: Answer | undefined;

  const store = (lease: object) =>
    (held = { ...(lease as Held), metadata: { ...(lease as Held).metadata, resourceVersion: String(++version) } });
  /** A write of another client. */
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
  const lease = (identity: string, times = SHORT) =>
    new Lease(kube, {
      lease: LEASE,
      identity,
      failed: (error) => failures.push(error),
      following: (holder) => followed.push(holder),
      times,
    });

  beforeEach(async () => {
    held = undefined;
    version = 0;
    failures = [];
    followed = [];
    trouble = undefined;
    abort = new AbortController();
    server = await serve(api);
    kube = new KubeClient(() => server.config());
  });
  afterEach(async () => {
    abort.abort();
    await kube.close();
    await server.close();
  });

  it('is created if it does not exist', async () => {
    const a = lease('a', LONG);
    expect(a.isHeld).to.equal(false);
    await a.acquire(abort.signal);
    expect(a.isHeld).to.equal(true);
    expect(held?.metadata.name).to.equal('regcred');
    expect(held?.spec).to.include({ holderIdentity: 'a', leaseDurationSeconds: 600, leaseTransitions: 0 });
    // MicroTime: the API accepts no shorter form.
    expect(held?.spec.renewTime).to.match(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
    expect(held?.spec.acquireTime).to.match(/\.\d{6}Z$/);
  });

  it('reports who holds it, once for each holder, and again after this process held it', async () => {
    const holder = (holderIdentity: string) => seize({ holderIdentity });
    store({ metadata: { name: 'regcred' }, spec: { holderIdentity: 'one', leaseDurationSeconds: 600 } });
    const a = lease('a', LONG);
    const acquired = a.acquire(abort.signal);
    await soon('it asks several times', () => expect(server.asked.length).to.be.above(4));
    expect(followed).to.deep.equal(['one']);
    holder('two');
    await soon('it reports the next holder', () => expect(followed).to.deep.equal(['one', 'two']));
    holder('');
    await acquired;
    holder('two');
    const lost = new AbortController();
    await a.keep(lost.signal);
    const again = a.acquire(abort.signal).catch(() => {});
    await soon('it reports the holder again', () => expect(followed).to.deep.equal(['one', 'two', 'two']));
    abort.abort();
    await again;
  });

  it('has the annotations of its holder, beside those of others', async () => {
    const a = new Lease(kube, { lease: LEASE, identity: 'a', annotations: { version: '2' }, failed: () => {}, times: LONG });
    await a.acquire(abort.signal);
    expect(held?.metadata.annotations).to.deep.equal({ version: '2' });
    store({
      ...held,
      metadata: { ...(held as Held).metadata, annotations: { version: '1', note: 'b' } },
      spec: { ...held?.spec, holderIdentity: '' },
    });
    const b = new Lease(kube, { lease: LEASE, identity: 'b', annotations: { version: '2' }, failed: () => {}, times: LONG });
    await b.acquire(abort.signal);
    expect(held?.metadata.annotations).to.deep.equal({ version: '2', note: 'b' });
  });

  it('shows that etcd was restored from a backup: every answer has the latest version of the Lease', async () => {
    for (const holder of ['a', 'another']) {
      let rewound = 0;
      const timeline = new Timeline(() => rewound++);
      const times = { ...LONG, renewMs: 5, retryMs: 5 };
      const one = new Lease(kube, { lease: LEASE, identity: 'a', failed: () => {}, times, timeline });
      version = 1000;
      store({ metadata: { name: 'regcred' }, spec: { holderIdentity: holder, leaseDurationSeconds: 600 } });
      const stop = new AbortController();
      // One that leads renews the Lease, and one that follows reads it.
      const running = one.acquire(stop.signal).then(
        () => one.keep(stop.signal),
        () => {},
      );
      const asked = server.asked.length;
      await soon('it has asked a few times', () => expect(server.asked.length).to.be.above(asked + 4));
      expect(rewound).to.equal(0);
      version = 500;
      store(held as Held);
      await soon('it is noticed', () => expect(rewound).to.equal(1));
      const later = server.asked.length;
      await soon('it has asked a few times more', () => expect(server.asked.length).to.be.above(later + 4));
      expect(rewound).to.equal(1);
      stop.abort();
      await running;
    }
  });

  it('has one holder if many replicas start at the same time', async () => {
    const many = Array.from({ length: 5 }, (_, at) => lease(`candidate-${at}`, LONG));
    const acquired = many.map((one) => one.acquire(abort.signal).catch(() => {}));
    await Promise.race(acquired);
    const before = server.asked.length;
    await soon('all have retried', () => expect(server.asked.length).to.be.above(before + 20));
    expect(many.filter(({ isHeld }) => isHeld)).to.have.length(1);
    // Losing an election is not a failure.
    expect(failures).to.deep.equal([]);
    abort.abort();
    await Promise.all(acquired);
  });

  it('is acquired when its holder has not renewed it for its duration, measured by our own clock', async () => {
    // The holder's clock is wrong, and it counts as alive until we see that it does not renew.
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

  it('is acquired as soon as it expires, and not one retry period later', async () => {
    store({ metadata: { name: 'regcred' }, spec: { holderIdentity: 'a', leaseDurationSeconds: 1 } });
    const b = lease('b', { ...SHORT, retryMs: 60_000 });
    const begun = performance.now();
    await b.acquire(abort.signal);
    expect(performance.now() - begun).to.be.within(1000, 5000);
  });

  it('is not acquired before it was seen unchanged for its duration, even if a request takes long', async () => {
    store({ metadata: { name: 'regcred' }, spec: { holderIdentity: 'a', leaseDurationSeconds: 1 } });
    trouble = (response, asked) => {
      trouble = undefined;
      setTimeout(() => api(response, asked), 600);
    };
    const begun = performance.now();
    await lease('b', { ...SHORT, renewDeadlineMs: 4000 }).acquire(abort.signal);
    expect(performance.now() - begun).to.be.above(600 + 1000);
  });

  it('stays with a holder that renews it', async () => {
    // A busy machine may stop this process for a second.
    const times: LeaseTimes = { ...SHORT, durationMs: 3000, renewDeadlineMs: 2500 };
    const a = lease('a', times);
    await a.acquire(abort.signal);
    const kept = a.keep(abort.signal);
    const b = lease('b', times);
    const taken = b.acquire(abort.signal).then(
      () => true,
      () => false,
    );
    const until = performance.now() + 1.5 * times.durationMs;
    await soon('it would have expired', () => expect(performance.now()).to.be.above(until));
    expect([a.isHeld, b.isHeld]).to.deep.equal([true, false]);
    expect(held?.spec).to.include({ holderIdentity: 'a', leaseTransitions: 0 });
    abort.abort();
    await kept;
    expect(await taken).to.equal(false);
  });

  it('that was released is acquired immediately', async () => {
    const a = lease('a', LONG);
    await a.acquire(abort.signal);
    const b = lease('b', LONG);
    const taken = b.acquire(abort.signal);
    await soon('the other has tried', () => expect(server.asked.length).to.be.above(3));
    await a.release();
    expect(a.isHeld).to.equal(false);
    const puts = server.asked.filter(({ method }) => method === 'PUT').map(({ body }) => (body as Held).spec.holderIdentity);
    expect(puts[0]).to.equal('');
    await taken;
    expect(held?.spec).to.include({ holderIdentity: 'b', leaseTransitions: 1, leaseDurationSeconds: 600 });
  });

  it('without a holder is acquired immediately, regardless of its duration', async () => {
    store({ metadata: { name: 'regcred' }, spec: { holderIdentity: '', leaseDurationSeconds: 600 } });
    await lease('a', LONG).acquire(abort.signal);
    expect(held?.spec.holderIdentity).to.equal('a');
  });

  it('of another holder is not released', async () => {
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

  it('is lost as soon as another holder is seen', async () => {
    const a = lease('a', LONG);
    await a.acquire(abort.signal);
    seize({ holderIdentity: 'c' });
    await a.keep(abort.signal);
    expect(a.isHeld).to.equal(false);
    expect(held?.spec.holderIdentity).to.equal('c');
    expect(failures).to.deep.equal([]);
  });

  it('is kept if another client only annotates it, and the annotation stays', async () => {
    const a = lease('a', LONG);
    await a.acquire(abort.signal);
    const { resourceVersion } = store({ ...held, metadata: { ...held?.metadata, annotations: { note: 'b' } } }).metadata;
    const kept = a.keep(abort.signal);
    await soon('it is renewed', () => expect(Number(held?.metadata.resourceVersion)).to.be.above(Number(resourceVersion)));
    expect(a.isHeld).to.equal(true);
    expect(held?.metadata.annotations).to.deep.equal({ note: 'b' });
    abort.abort();
    await kept;
  });

  it('is lost if it cannot be renewed in time, and the reason is reported', async () => {
    const a = lease('a');
    await a.acquire(abort.signal);
    trouble = refusal(500, 'InternalError', 'etcd is down');
    const since = performance.now();
    await a.keep(abort.signal);
    expect(a.isHeld).to.equal(false);
    expect(performance.now() - since).to.be.at.least(SHORT.renewDeadlineMs - 300);
    // The deadline may cut the last attempts short, and their errors report that.
    expect(failures.map((error) => (error as KubeError).message)).to.include('etcd is down');
  });

  describe('on a server that never answers', () => {
    it('is no longer held after the renew deadline', async () => {
      const a = lease('a');
      await a.acquire(abort.signal);
      trouble = () => {};
      const kept = a.keep(abort.signal);
      await soon('it is lost', () => expect(a.isHeld).to.equal(false));
      abort.abort();
      await server.close();
      await kept;
    });

    const ends: Record<string, { times: LeaseTimes; isStopped: boolean }> = {
      'at the renew deadline, and not only when the call times out': { times: SHORT, isStopped: false },
      'when the program stops': { times: LONG, isStopped: true },
    };
    for (const [when, { times, isStopped }] of Object.entries(ends)) {
      it(`is no longer renewed ${when}`, async () => {
        const a = lease('a', times);
        await a.acquire(abort.signal);
        trouble = () => {};
        let hasEnded = false;
        const kept = a.keep(abort.signal).then(() => (hasEnded = true));
        await soon('the renewal has started', () => expect(server.open()).to.equal(1));
        if (isStopped) abort.abort();
        await soon('the renewal ends', () => expect(hasEnded).to.equal(true), 4000).finally(() => server.close());
        await kept;
      });
    }
  });

  it('is no longer waited for when the signal is aborted', async () => {
    store({ metadata: { name: 'regcred' }, spec: { holderIdentity: 'c', leaseDurationSeconds: 600 } });
    const a = lease('a', LONG);
    const acquired = a.acquire(abort.signal).then(
      () => 'acquired',
      (error: Error) => error.name,
    );
    await soon('it has tried', () => expect(server.asked.length).to.be.above(1));
    abort.abort();
    expect(await acquired).to.equal('AbortError');
    expect(a.isHeld).to.equal(false);
  });
}).timeout(20_000);
