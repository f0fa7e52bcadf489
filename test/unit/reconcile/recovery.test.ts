import { expect } from 'chai';
import type { AccountRecord, ObjectRecord, PodRecord } from '../../../src/api/records.ts';
import { KubeError } from '../../../src/kube/errors.ts';
import { Store } from '../../../src/kube/store.ts';
import { Book, type Context, Recovery } from '../../../src/reconcile/context.ts';
import { reconcilePod } from '../../../src/reconcile/recovery.ts';
import { account, intent, namespace, pod, secret } from '../../support/builders.ts';

function view<R extends ObjectRecord>(...records: R[]): Store<R> {
  const store = new Store<R>(() => {});
  for (const record of records) store.accept({ type: 'listed', record });
  return store;
}

describe('The reconciler of pods', () => {
  let now: number;
  let pods: Store<PodRecord>;
  let accounts: Store<AccountRecord>;
  let book: Book;
  /** What becomes of an eviction. */
  let answer: () => Promise<void>;
  let evicted: string[];
  let told: string[];
  let context: Context;

  beforeEach(() => {
    now = 0;
    pods = view<PodRecord>();
    accounts = view(account({ pullSecrets: [{ name: 'acme' }], changedAt: 100 }));
    book = new Book(0, 1);
    answer = async () => {};
    evicted = [];
    told = [];
    context = {
      world: {
        pods: { view: () => pods },
        namespaces: view(namespace()),
        accounts,
        managed: view(secret()),
        credentials: view(),
        job: async () => ({ failed: 0, backoffLimit: 0, countsOtherwise: false }),
      },
      writer: {
        evictPod: ({ name }: PodRecord) => {
          evicted.push(name);
          return answer();
        },
        createEvent: async (_: string, { reason }: { reason: string }) => void told.push(reason),
      },
      log: { info: () => {}, warn: () => {} },
      reporter: { touch: () => {} },
      intents: new Map([['acme', intent({ spec: { podRecovery: 'Recreate' } })]]),
      books: new Map([['acme', book]]),
      failures: new Map(),
      recovery: new Recovery(),
      recovered: () => {},
      failed: () => {},
      now: () => now,
      random: () => 0,
    } as unknown as Context;
  });

  const applied = (record: PodRecord) => pods.accept({ type: 'listed', record });
  const gone = (record: PodRecord) => pods.accept({ type: 'deleted', record });
  const run = async (name = 'web-1') => (await reconcilePod(context, { kind: 'pod', namespace: 'shop', name }))?.afterMs;
  /** Looks at it, and again when it is due. */
  const runDue = async (name?: string) => {
    now += (await run(name)) ?? 0;
    return run(name);
  };

  it('evicts after it has been due for five seconds, and not before', async () => {
    applied(pod());
    expect(await run()).to.equal(5000);
    now = 4000;
    expect(await run()).to.equal(1000);
    expect(evicted).to.deep.equal([]);
    now = 5000;
    expect(await run()).to.equal(undefined);
    expect(evicted).to.deep.equal(['web-1']);
    expect(told).to.deep.equal(['EvictedToPullAgain']);
  });

  it('waits five seconds anew where there is another reason meanwhile', async () => {
    applied(pod());
    await run();
    now = 4000;
    applied(pod({ resourceVersion: '2', pullSecrets: ['own'] }));
    expect(await run()).to.equal(undefined);
    applied(pod({ resourceVersion: '3' }));
    expect(await run()).to.equal(5000);
  });

  it('waits five seconds anew where the list of the account was written meanwhile', async () => {
    applied(pod());
    await run();
    now = 4000;
    accounts.accept({ type: 'listed', record: account({ resourceVersion: '2', pullSecrets: [{ name: 'acme' }], changedAt: 104 }) });
    expect(await run()).to.equal(5000);
  });

  it('evicts ten at once, and then one each half second', async () => {
    const names = Array.from({ length: 12 }, (_, n) => `web-${n}`);
    for (const name of names) {
      applied(pod({ name }));
      await run(name);
    }
    now = 5000;
    for (const name of names) await run(name);
    expect(evicted).to.have.lengthOf(10);
    expect(await run('web-10')).to.equal(500);
    now = 5500;
    await run('web-10');
    await run('web-11');
    expect(evicted).to.deep.equal(names.slice(0, 11));
  });

  it('does not evict what comes in the place of a pod, though the answer was lost', async () => {
    answer = () => Promise.reject(new KubeError('no answer', 0));
    applied(pod());
    expect(await runDue()).to.be.above(0);
    expect(told).to.deep.equal([]);
    gone(pod());
    await run();
    applied(pod({ name: 'web-2' }));
    expect(await runDue('web-2')).to.equal(undefined);
    expect(evicted).to.deep.equal(['web-1']);
  });

  it('tries again where the pod has changed meanwhile, or the API server says no, and says so until it is over', async () => {
    answer = () => Promise.reject(new KubeError('pods "web-1" is forbidden', 403));
    applied(pod());
    expect(await runDue()).to.be.above(0);
    expect([...book.notEvicted.values()]).to.deep.equal([{ reason: 'Forbidden', message: 'shop/web-1: pods "web-1" is forbidden' }]);
    answer = async () => {};
    now += 10_000;
    await run();
    expect(evicted).to.deep.equal(['web-1', 'web-1']);
    expect([...book.notEvicted]).to.deep.equal([]);
  });

  it('tells once of all pods of a Job that may not lose one', async () => {
    const owner = { apiVersion: 'batch/v1', kind: 'Job', name: 'load', uid: 'uid-load', controller: true };
    for (const name of ['load-1', 'load-2']) applied(pod({ name, owner }));
    await runDue('load-1');
    await runDue('load-2');
    await runDue('load-1');
    expect(evicted).to.deep.equal([]);
    expect(told).to.deep.equal(['StuckWithoutPullSecret']);
  });

  it('gives every pod of an owner its turn, and none of those that come in their place', async () => {
    for (const name of ['web-1', 'web-2']) applied(pod({ name }));
    await runDue('web-1');
    gone(pod());
    applied(pod({ name: 'web-3' }));
    await runDue('web-2');
    await runDue('web-3');
    expect(evicted).to.deep.equal(['web-1', 'web-2']);
  });

  it('forgets a pod that is gone, or hangs no more', async () => {
    for (const name of ['web-1', 'web-2']) applied(pod({ name }));
    await run('web-1');
    await run('web-2');
    gone(pod());
    applied(pod({ name: 'web-2', resourceVersion: '2', failing: [] }));
    await run('web-1');
    await run('web-2');
    expect(context.recovery.sightings.size).to.equal(0);
  });
});
