import { mock } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { expect } from 'chai';
import type { FetchToken } from '../../../src/api/cloud-token.ts';
import type { ObservedCluster } from '../../../src/cluster/observed-cluster.ts';
import { path } from '../../../src/cluster/paths.ts';
import { KubeError } from '../../../src/kube/errors.ts';
import { LeaderTerm } from '../../../src/operator/leader-term.ts';
import type { Key } from '../../../src/queue/keys.ts';
import { watchAhead } from '../../../src/reconcile/credential-watches.ts';
import { soon } from '../../support/eventually.ts';
import { MemoryApi } from '../../support/memory-api.ts';
import { LateCluster } from '../../support/observed.ts';
import { given, recordingLog } from '../../support/reconcilers.ts';

const ACME = path.credential('acme');

/** Two namespaces with a ServiceAccount each, a source, and the credential acme. */
function api(): MemoryApi {
  const api = new MemoryApi();
  const create = given(api);
  for (const namespace of ['shop', 'team']) {
    create.namespace(namespace);
    create.account(namespace);
  }
  create.source();
  create.credential('acme', {}, []);
  return api;
}

interface Mods {
  readonly observed?: (observed: ObservedCluster) => Partial<ObservedCluster>;
  readonly fence?: () => void;
  readonly fetchToken?: FetchToken;
  /** What happens between the lists and the begin of the term. */
  readonly ahead?: (cluster: { readonly observed: ObservedCluster; readonly deliver: () => void }) => readonly Key[];
}

const noCloud: FetchToken = () => Promise.reject(new Error('no cloud is asked'));

/** One leader term whose watches deliver every 10 ms, until it is ended. */
function lead(api: MemoryApi, { observed = () => ({}), fence = () => {}, fetchToken = noCloud, ahead = () => [] }: Mods = {}) {
  const cluster = new LateCluster(api);
  cluster.deliver();
  const counted: string[] = [];
  let runs = 0;
  let worked = 0;
  const runsOf: Record<string, number> = {};
  const log = recordingLog();
  const term = new LeaderTerm({
    observed: { ...cluster.observed, ...observed(cluster.observed) },
    kube: api,
    fence,
    concurrency: 4,
    cleanupTimeoutMs: 60_000,
    settings: { isVerificationOn: false, expiryWarningMs: 0, isNamespacedOn: true },
    ask: () => Promise.reject(new Error('no registry is asked')),
    fetchToken,
    metrics: {
      reconciled: (kind) => {
        runs++;
        runsOf[kind] = (runsOf[kind] ?? 0) + 1;
      },
      reconcileFailed: (kind, reason) => void counted.push(`${kind} ${reason}`),
      podRecovered: () => {},
      registryChecked: () => {},
      tokenFetched: () => {},
    },
    log,
    worked: () => worked++,
  });
  const watched = ahead({ observed: cluster.observed, deliver: () => cluster.deliver() });
  cluster.dispatcher.connect(term.triggers);
  const watching = setInterval(() => cluster.deliver(), 10);
  term.begin(watched);
  return {
    cluster,
    counted,
    log,
    term,
    runs: () => runs,
    worked: () => worked,
    runsOf,
    async end() {
      await term.end();
      clearInterval(watching);
      cluster.dispatcher.connect(undefined);
    },
  };
}

type Led = ReturnType<typeof lead>;

const ready = (api: MemoryApi, credential = ACME) => {
  const { conditions = [] } = (api.get(credential).status ?? {}) as { conditions?: { type: string; status: string; reason: string }[] };
  const { status, reason } = conditions.find(({ type }) => type === 'Ready') ?? {};
  return `${status} ${reason}`;
};

const untilReady = (api: MemoryApi, want = 'True Synced') => soon(`acme is ${want}`, () => expect(ready(api)).to.equal(want));

/** Nothing waits, and nothing has been written for so long that nothing is under way. */
async function untilIdle(api: MemoryApi, { term, runs }: Led) {
  let before = '';
  await soon('the term is idle', () => {
    const now = `${term.readings.queueDepth} ${runs()} ${api.writes.length}`;
    const isSame = now === before;
    before = now;
    expect(isSame && term.readings.queueDepth === 0).to.equal(true);
  });
}

describe('A leader term', () => {
  let led: Led | undefined;
  afterEach(async () => {
    await led?.end();
    led = undefined;
  });
  const start = (...args: Parameters<typeof lead>) => (led = lead(...args));

  it('places everything, and reports it by status and Event', async () => {
    const server = api();
    const { worked, runs } = start(server);
    await untilReady(server);
    expect(worked()).to.equal(runs());
    for (const namespace of ['shop', 'team']) {
      expect(server.get(path.secret(namespace, 'acme')).type).to.equal('kubernetes.io/dockerconfigjson');
      expect(server.get(path.account(namespace, 'default')).imagePullSecrets).to.deep.equal([{ name: 'acme' }]);
    }
    expect(server.get(ACME).metadata.finalizers).to.deep.equal(['regcred.dev/cleanup']);
    await soon('the Event is written', () => expect(server.events.map(({ reason }) => reason)).to.deep.equal(['Synced']));
  });

  it('plans each account once when everything is in place, and takes no run for a Secret that is right', async () => {
    const server = api();
    for (const name of ['beta', 'gamma']) given(server).credential(name, {}, []);
    start(server);
    await untilReady(server);
    await untilIdle(server, led as Led);
    await led?.end();
    const { writes } = server;
    const before = writes.length;
    // Without timers, only the decision of the last credential can release the fan-outs.
    mock.timers.enable({ apis: ['setTimeout'] });
    try {
      const { term, runsOf, worked } = start(server);
      for (let n = 0; n < 100_000 && (runsOf.accounts ?? 0) < 2; n++) await turn();
      for (let n = 0; n < 100; n++) await turn();
      expect(runsOf).to.deep.include({ accounts: 2 });
      expect(runsOf).to.not.have.property('secret');
      const all = Object.values(runsOf).reduce((sum, count) => sum + count, 0);
      expect(worked(), 'runs, and Secrets without one').to.equal(all + 6);
      const counts = Array.from(term.readings.placements(), ({ kind, states: { synced, pending } }) => ({ kind, synced, pending }));
      expect(counts).to.have.length(6);
      for (const { synced, pending } of counts) expect({ synced, pending }).to.deep.equal({ synced: 2, pending: 0 });
      expect(writes.length).to.equal(before);
    } finally {
      mock.timers.reset();
    }
  });

  it('forgets the sources that were watched ahead for a credential which is deleted before it begins', async () => {
    const server = api();
    given(server).source('sample-password', 'gone');
    given(server).credential(
      'gone',
      { registries: [{ server: 'gone.example.com', secretRef: { namespace: 'regcred-system', name: 'gone' } }] },
      [],
    );
    const { cluster } = start(server, {
      ahead: ({ observed, deliver }) => {
        const watched = watchAhead(observed, true);
        server.remove(path.credential('gone'));
        deliver();
        return watched;
      },
    });
    expect(cluster.sources.keys).to.deep.equal(['regcred-system/robot', 'regcred-system/gone']);
    await untilReady(server);
    expect(cluster.sources.keys).to.deep.equal(['regcred-system/robot']);
  });

  describe('with a token of a cloud', () => {
    const ECR = '123456789012.dkr.ecr.eu-central-1.amazonaws.com';
    const withToken = () => {
      const server = api();
      given(server).credential('ecr', { registries: [{ server: ECR, token: { aws: {} } }] }, []);
      return server;
    };
    const password = (server: MemoryApi) => {
      const { data = {} } = server.get(path.secret('shop', 'ecr'));
      return JSON.parse(Buffer.from(data['.dockerconfigjson'] ?? '', 'base64').toString()).auths[ECR].password;
    };

    it('fetches it at once, places it, and keeps it for the next term, which fetches nothing', async () => {
      const server = withToken();
      let fetches = 0;
      const fetchToken: FetchToken = async () => ({
        username: 'AWS',
        password: `sample-token-${++fetches}`,
        expiresAt: Date.now() + 3_600_000,
      });
      const { term } = start(server, { fetchToken });
      await soon('the token is placed', () => expect(password(server)).to.equal('sample-token-1'));
      const [reading] = term.readings.tokens();
      expect(reading?.token).to.match(/^regcred-token-aws-/);
      await soon('the token is kept', () => expect(server.has(path.secret('regcred-system', reading?.token ?? ''))).to.equal(true));
      // Otherwise the next term would write the last status of this one.
      await soon('the status is written', () => expect(ready(server, path.credential('ecr'))).to.equal('True Synced'));
      await untilIdle(server, led as Led);
      await led?.end();
      const writes = server.writes.length;
      start(server, { fetchToken });
      await untilIdle(server, led as Led);
      expect([fetches, server.writes.slice(writes)]).to.deep.equal([1, []]);
    });

    it('that never comes delays no other credential, and the end of the term does not wait for it', async () => {
      const server = withToken();
      start(server, {
        fetchToken: (_, signal) => new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
      });
      await untilReady(server);
      expect(server.has(path.secret('shop', 'ecr'))).to.equal(false);
    });
  });

  it('has a debug line for each decision and each write, without secrets', async () => {
    const server = api();
    const { log } = start(server);
    await untilReady(server);
    const keysOf = (message: string) => log.debugLines.filter((line) => line.message === message).map(({ keys }) => keys);
    expect(keysOf('Wrote.').length).to.be.at.least(server.writes.length);
    expect(keysOf('Wrote.')).to.deep.include({ method: 'POST', path: path.secretsIn('shop') });
    expect(keysOf('Decided about a Secret.')).to.deep.include({ credential: 'acme', namespace: 'shop', decision: 'place' });
    expect(keysOf('Decided about a RegistryCredential.')).to.deep.include({
      credential: 'acme',
      mode: 'sync',
      hasContent: true,
      isRotated: false,
      mayChangeReferences: true,
    });
    expect(keysOf('Decided about the ServiceAccounts of a namespace.')).to.deep.include({
      namespace: 'shop',
      accounts: 1,
      toPatch: 1,
      failed: 0,
      contested: 0,
    });
    expect(JSON.stringify(log.debugLines)).to.not.contain('sample-').and.not.contain('dockerconfigjson');
  });

  it('has a debug line for each write that fails, and when it is tried again, without what the API server quotes', async () => {
    const server = api();
    const quoted = 'denied: {"password":"sample-password-quoted"}';
    let refusals = 2;
    server.refuse = (write) => (write === 'create secrets shop/acme' && refusals-- > 0 ? new KubeError(quoted, 403) : undefined);
    const { log } = start(server);
    await untilReady(server);
    const messages = log.debugLines.map(({ message }) => message);
    expect(messages).to.include.members(['A write failed.', 'A step failed; retrying.']);
    const [failed] = log.debugLines.filter(({ message }) => message === 'A step failed; retrying.');
    expect(failed?.keys).to.include({ key: 'secret RegistryCredential /acme shop', reason: 'refused' }).and.to.have.property('afterMs');
    expect(JSON.stringify(log.debugLines)).to.not.contain('sample-password-quoted');
  });

  it('writes nothing if the term before has synced everything', async () => {
    const server = api();
    start(server);
    await untilReady(server);
    await led?.end();
    const writes = server.writes.length;
    const next = start(server);
    await soon('it has looked at everything', () => expect(next.runs()).to.be.at.least(5));
    await untilIdle(server, next);
    await untilReady(server);
    expect(server.writes.slice(writes)).to.deep.equal([]);
    expect([...next.term.readings.placements()]).to.deep.equal([
      { credential: 'acme', kind: 'Secret', states: { synced: 2, failed: 0, conflicted: 0, pending: 0 } },
      { credential: 'acme', kind: 'ServiceAccount', states: { synced: 2, failed: 0, conflicted: 0, pending: 0 } },
    ]);
  });

  it('repairs what changed while nobody led', async () => {
    const server = api();
    start(server);
    await untilReady(server);
    await led?.end();
    server.remove(path.secret('shop', 'acme'));
    server.change(path.account('team', 'default'), { imagePullSecrets: null });
    given(server).namespace('new');
    const writes = server.writes.length;
    start(server);
    await soon('it is repaired', () => {
      expect(server.writes.slice(writes)).to.include.members([
        'create secrets shop/acme',
        'create secrets new/acme',
        'patch serviceaccounts team/default',
      ]);
    });
  });

  it('cleans up a credential that was deleted while nobody led, without the help of a status write', async () => {
    const server = api();
    start(server);
    await untilReady(server);
    await led?.end();
    server.remove(ACME);
    server.refuse = (write) => (write.endsWith('/status') ? new KubeError('forbidden', 403) : undefined);
    start(server);
    await soon('it is gone', () => expect(server.has(ACME)).to.equal(false));
    expect(server.has(path.secret('shop', 'acme'))).to.equal(false);
    expect(server.get(path.account('team', 'default')).imagePullSecrets).to.equal(undefined);
  });

  it('continues with the other keys if a reconciler throws, and counts that as a fault', async () => {
    const server = api();
    const { counted, log } = start(server, {
      observed: ({ secrets }) => ({
        secrets: {
          ...secrets,
          ofCredentialIn(namespace, uid) {
            if (namespace === 'shop') throw new TypeError('a fault of the program');
            return secrets.ofCredentialIn(namespace, uid);
          },
        },
      }),
    });
    await soon('the other namespace is placed', () => expect(server.has(path.secret('team', 'acme'))).to.equal(true));
    await soon('the fault is counted', () => expect(counted).to.include('secret fault'));
    expect(counted.filter((fault) => fault !== 'secret fault')).to.deep.equal([]);
    expect(log.lines).to.include('A reconciler failed.');
    expect(server.has(path.secret('shop', 'acme'))).to.equal(false);
    expect(server.get(path.account('shop', 'default')).imagePullSecrets).to.deep.equal([{ name: 'acme' }]);
  });

  // Neither is possible by the schema. They stand for a fault of the program that concerns one credential.
  const faults = { 'status fault': null, 'accounts fault': { names: 1 } };
  for (const [fault, serviceAccounts] of Object.entries(faults)) {
    it(`continues with the other credentials after a ${fault}`, async () => {
      const server = api();
      const broken = given(server).credential('broken', {}, []);
      server.change(path.credential('broken'), { spec: { ...(broken.spec as object), serviceAccounts } });
      const { counted } = start(server);
      await soon('the fault is counted', () => expect(counted).to.include(fault));
      await untilReady(server);
      given(server).namespace('new');
      given(server).account('new');
      await soon('a new namespace is placed', () => {
        expect(server.get(path.account('new', 'default')).imagePullSecrets).to.deep.include({ name: 'acme' });
      });
    });
  }

  it('counts a refused write by its reason, and reports it', async () => {
    const server = api();
    server.refuse = (write) => (write.endsWith('secrets shop/acme') ? new KubeError('secrets is forbidden', 403) : undefined);
    const { counted } = start(server);
    await untilReady(server, 'False Forbidden');
    expect(counted).to.include('secret refused').and.not.include('secret fault');
    expect(server.has(path.secret('team', 'acme'))).to.equal(true);
  });

  it('starts nothing for as long as an overloaded API server asks for', async () => {
    const server = api();
    server.refuse = (write) => (write.includes('secrets') ? new KubeError('too many requests', 429, undefined, 60_000) : undefined);
    const { term } = start(server);
    expect(term.readings.queueWidth).to.equal(4);
    await soon('it pauses', () => expect(term.readings.queueWidth).to.equal(0));
    given(server).namespace('new');
    await soon('a key waits', () => expect(term.readings.queueDepth).to.be.above(0));
    expect(server.has(path.secret('new', 'acme'))).to.equal(false);
  });

  it('continues with other work if an admission webhook answers 429', async () => {
    const server = api();
    const denied = { code: 429, message: 'admission webhook "limits.example.com" denied the request' };
    server.refuse = (write) => (write.endsWith('shop/acme') ? new KubeError(denied.message, 429, denied, 60_000) : undefined);
    const { term } = start(server);
    await soon('the other namespace is placed', () => expect(server.has(path.secret('team', 'acme'))).to.equal(true));
    given(server).namespace('new');
    await soon('a new namespace is placed', () => expect(server.has(path.secret('new', 'acme'))).to.equal(true));
    expect(term.readings.queueWidth).to.equal(4);
  });

  it('ends when the writes under way have ended, and starts no other', async () => {
    const server = api();
    let accept = () => {};
    server.refuse = (write) => {
      if (write === 'patch registrycredentials acme') server.hold = new Promise((resolve) => (accept = resolve));
      return undefined;
    };
    const { term } = start(server);
    await soon('the finalizer is written', () => expect(server.writes).to.have.lengthOf(1));
    await soon('writes are under way', () => expect(server.waiting).to.be.above(0));
    const { waiting } = server;
    let hasEnded = false;
    const ending = term.end().then(() => {
      hasEnded = true;
    });
    for (let turns = 0; turns < 50; turns++) await turn();
    expect([server.waiting, hasEnded]).to.deep.equal([waiting, false]);
    accept();
    await ending;
    const { length } = server.writes;
    expect(length).to.equal(1 + waiting);
    given(server).namespace('new');
    term.triggers.all();
    expect(term.readings.queueDepth).to.equal(0);
  });

  it('writes nothing once its fence refuses', async () => {
    const server = api();
    let isHeld = true;
    const fence = () => {
      if (!isHeld) throw new Error('the Lease is not held');
    };
    const { counted } = start(server, { fence });
    await untilReady(server);
    isHeld = false;
    const writes = server.writes.length;
    given(server).namespace('new');
    server.remove(path.secret('shop', 'acme'));
    await soon('it has tried', () => expect(counted.filter((reason) => reason === 'secret passing')).to.have.length.above(1));
    expect(server.writes.slice(writes)).to.deep.equal([]);
    isHeld = true;
    await soon('it continues', () => expect(server.has(path.secret('new', 'acme'))).to.equal(true));
  });
});
