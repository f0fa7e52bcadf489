import { expect } from 'chai';
import type { AccountRecord, CredentialRecord, NamespaceRecord, ObjectRecord, PodRecord, SecretRecord } from '../../../src/api/records.ts';
import { CredentialIndex } from '../../../src/cluster/credential-index.ts';
import { secretsByLabel } from '../../../src/cluster/secret-index.ts';
import { unmanagedSecretsTarget } from '../../../src/cluster/secrets.ts';
import { KubeError } from '../../../src/kube/errors.ts';
import { Store } from '../../../src/kube/store.ts';
import { PodMemory, type PodReconciler, reconcilePod } from '../../../src/reconcile/pod.ts';
import { RetryPolicy } from '../../../src/reconcile/retry.ts';
import { CredentialState, CredentialStates } from '../../../src/status/credential-state.ts';
import { account, intent, namespace, pod, secret } from '../../support/builders.ts';
import { MemoryApi } from '../../support/memory-api.ts';
import { LateWatchSet } from '../../support/observed.ts';
import { recordingLog } from '../../support/reconcilers.ts';

function view<R extends ObjectRecord>(...records: R[]): Store<R> {
  const store = new Store<R>(() => {});
  for (const record of records) store.accept({ type: 'listed', records: [record] });
  return store;
}

describe('The reconciler of pods', () => {
  let now: number;
  let pods: Store<PodRecord>;
  let accounts: Store<AccountRecord>;
  let state: CredentialState;
  let memory: PodMemory;
  /** The API server's answer to an eviction. */
  let answer: () => Promise<void>;
  let evicted: string[];
  /** The reasons of the Events on pods. */
  let events: string[];
  let reconciler: PodReconciler;

  beforeEach(() => {
    now = 0;
    pods = view<PodRecord>();
    accounts = view(account({ pullSecrets: [{ name: 'acme' }], changedAt: 100 }));
    state = new CredentialState(0, 1);
    memory = new PodMemory();
    answer = async () => {};
    evicted = [];
    events = [];
    const namespaces = view<NamespaceRecord>(namespace());
    const states = new CredentialStates();
    const recovering = intent({ spec: { podRecovery: 'Recreate' } });
    states.setIntent(recovering);
    states.setState(recovering, state);
    reconciler = {
      observed: {
        pods: { keepFor: () => {}, view: () => pods },
        namespaces,
        accounts,
        secrets: secretsByLabel(view<SecretRecord>(secret()), new LateWatchSet(new MemoryApi(), unmanagedSecretsTarget)),
        credentials: new CredentialIndex(view<CredentialRecord>(), view<CredentialRecord>(), namespaces),
        getJob: async () => ({ failed: 0, backoffLimit: 0, countsOtherwise: false }),
      },
      states,
      writer: {
        evictPod: ({ name }) => {
          evicted.push(name);
          return answer();
        },
        createEvent: async (_, event) => void events.push((event as { reason: string }).reason),
      },
      reporter: { touch: () => {} },
      memory,
      retries: new RetryPolicy(
        () => {},
        () => 0,
      ),
      log: recordingLog(),
      onRecovered: () => {},
      now: () => now,
      random: () => 0,
    };
  });

  const applied = (record: PodRecord) => pods.accept({ type: 'listed', records: [record] });
  const gone = (record: PodRecord) => pods.accept({ type: 'deleted', record });
  const run = async (name = 'web-1') => (await reconcilePod(reconciler, { kind: 'pod', namespace: 'shop', name }))?.afterMs;
  /** Runs the key, and once more when it is due. */
  const runDue = async (name?: string) => {
    now += (await run(name)) ?? 0;
    return run(name);
  };

  it('evicts a pod five seconds after it is due, and not before', async () => {
    applied(pod());
    expect(await run()).to.equal(5000);
    now = 4000;
    expect(await run()).to.equal(1000);
    expect(evicted).to.deep.equal([]);
    now = 5000;
    expect(await run()).to.equal(undefined);
    expect(evicted).to.deep.equal(['web-1']);
    expect(events).to.deep.equal(['EvictedToPullAgain']);
  });

  for (const [where, home, want] of [
    ['in its own namespace', 'shop', ['web-1']],
    ['in no namespace that accepts it', 'team-a', []],
  ] as const) {
    it(`evicts pods for a credential of a namespace ${where}`, async () => {
      const states = new CredentialStates();
      const own = intent({ kind: 'NamespacedRegistryCredential', namespace: home, spec: { podRecovery: 'Recreate' } });
      states.setIntent(own);
      states.setState(own, state);
      const namespaces = view<NamespaceRecord>(namespace({ acceptFrom: ['team-a'] }));
      const credentials = new CredentialIndex(view<CredentialRecord>(), view<CredentialRecord>(), namespaces);
      reconciler = { ...reconciler, states, observed: { ...reconciler.observed, namespaces, credentials } };
      applied(pod());
      await runDue();
      expect(evicted).to.deep.equal(want);
    });
  }

  it('waits five seconds again if the reason changes meanwhile', async () => {
    applied(pod());
    await run();
    now = 4000;
    applied(pod({ resourceVersion: '2', pullSecrets: ['own'] }));
    expect(await run()).to.equal(undefined);
    applied(pod({ resourceVersion: '3' }));
    expect(await run()).to.equal(5000);
  });

  it('waits five seconds again if the list of the ServiceAccount is written meanwhile', async () => {
    applied(pod());
    await run();
    now = 4000;
    accounts.accept({ type: 'listed', records: [account({ resourceVersion: '2', pullSecrets: [{ name: 'acme' }], changedAt: 104 })] });
    expect(await run()).to.equal(5000);
  });

  it("evicts a pod that is older than the operator's own write to the list, even if the account does not say when it changed", async () => {
    accounts.accept({ type: 'listed', records: [account({ resourceVersion: '2', pullSecrets: [{ name: 'acme' }], changedAt: 0 })] });
    applied(pod({ createdAt: 100 }));
    expect(await runDue()).to.equal(undefined);
    expect(evicted).to.deep.equal([]);
    memory.accountWrite('uid-default')();
    await runDue();
    expect(evicted, 'the write failed').to.deep.equal([]);
    memory.accountWrite('uid-default');
    await runDue();
    expect(evicted).to.deep.equal(['web-1']);
  });

  it('evicts ten pods at once, and then one each half second', async () => {
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

  it('does not evict the successor of a pod, even if the answer to the eviction was lost', async () => {
    answer = () => Promise.reject(new KubeError('no answer', 0));
    applied(pod());
    expect(await runDue()).to.be.above(0);
    expect(events).to.deep.equal([]);
    gone(pod());
    await run();
    applied(pod({ name: 'web-2' }));
    expect(await runDue('web-2')).to.equal(undefined);
    expect(evicted).to.deep.equal(['web-1']);
  });

  it('retries a refused eviction, and reports the refusal until the eviction succeeds', async () => {
    answer = () => Promise.reject(new KubeError('pods "web-1" is forbidden', 403));
    applied(pod());
    expect(await runDue()).to.be.above(0);
    expect([...state.notEvicted.values()]).to.deep.equal([{ reason: 'Forbidden', message: 'shop/web-1: pods "web-1" is forbidden' }]);
    answer = async () => {};
    now += 10_000;
    await run();
    expect(evicted).to.deep.equal(['web-1', 'web-1']);
    expect([...state.notEvicted]).to.deep.equal([]);
  });

  it('reports once all pods of a Job that may not lose a pod', async () => {
    const owner = { apiVersion: 'batch/v1', kind: 'Job', name: 'load', uid: 'uid-load', controller: true };
    for (const name of ['load-1', 'load-2']) applied(pod({ name, owner }));
    await runDue('load-1');
    await runDue('load-2');
    await runDue('load-1');
    expect(evicted).to.deep.equal([]);
    expect(events).to.deep.equal(['StuckWithoutPullSecret']);
  });

  it('evicts every stuck pod of an owner, and none of their successors', async () => {
    for (const name of ['web-1', 'web-2']) applied(pod({ name }));
    await runDue('web-1');
    gone(pod());
    applied(pod({ name: 'web-3' }));
    await runDue('web-2');
    await runDue('web-3');
    expect(evicted).to.deep.equal(['web-1', 'web-2']);
  });

  it('forgets a pod that is gone or no longer stuck', async () => {
    for (const name of ['web-1', 'web-2']) applied(pod({ name }));
    await run('web-1');
    await run('web-2');
    gone(pod());
    applied(pod({ name: 'web-2', resourceVersion: '2', failingImages: [] }));
    await run('web-1');
    await run('web-2');
    expect(memory.pullAttempts.size).to.equal(0);
  });
});
