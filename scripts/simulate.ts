/**
 * `npm run simulate`: runs the stores, triggers, queue and decisions with more objects than a test cluster can hold. There is no API
 * server: every write immediately returns the resulting object. So it measures only the time and memory of the program itself.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import process from 'node:process';
import { setImmediate as turn } from 'node:timers/promises';
import { Command } from 'commander';
import type { AccountRecord, ObjectRecord, RulesRecord, SecretRecord, SourceRecord } from '../src/api/records.ts';
import { accountsTarget } from '../src/cluster/accounts.ts';
import { CredentialIndex, credentialStore, namespaceStore } from '../src/cluster/credential-index.ts';
import { credentialsTarget, namespacedCredentialsTarget } from '../src/cluster/credentials.ts';
import { namespacesTarget } from '../src/cluster/namespaces.ts';
import type { ObservedCluster } from '../src/cluster/observed-cluster.ts';
import { path } from '../src/cluster/paths.ts';
import { managedSecretStore, secretsByLabel } from '../src/cluster/secret-index.ts';
import { managedSecretsTarget } from '../src/cluster/secrets.ts';
import type { Call } from '../src/kube/client.ts';
import type { KubeObject } from '../src/kube/object.ts';
import { type OnChange, Store } from '../src/kube/store.ts';
import type { WatchTarget } from '../src/kube/watch.ts';
import { LeaderTerm } from '../src/operator/leader-term.ts';

const options = new Command('npm run simulate --')
  .description('Runs the stores, triggers, queue and decisions in memory only, and prints the cost of each event.')
  .option('--namespaces <n>', 'namespaces', Number, 100_000)
  .option('--credentials <n>', 'RegistryCredentials, each in every namespace', Number, 20)
  .option('--tenants <n>', 'NamespacedRegistryCredentials, one in each of the first n namespaces', Number, 0)
  .parse()
  .opts<{ namespaces: number; credentials: number; tenants: number }>();

let clock = 1;
const nextVersion = () => String(clock++);

/** Returns the object that each write would store, and counts the writes. */
class InstantApiServer {
  writes = 0;

  async call<T>(_method: string, at: string, { body }: Call = {}): Promise<T> {
    await turn(); // A response never arrives in the same event loop turn as the call.
    return this.#answer(at, body as KubeObject) as T;
  }

  #answer(at: string, body: KubeObject): KubeObject {
    this.writes++;
    const [, , , , namespace = '', kind, name = body.metadata?.name] = at.split('/');
    const resourceVersion = nextVersion();
    if (kind === undefined || kind === 'events' || at.startsWith(path.credentials)) return this.#credential(at, body, resourceVersion);
    if (at.includes('namespacedregistrycredentials')) return this.#tenant(at, body, resourceVersion);
    const metadata = {
      ...body.metadata,
      uid: body.metadata.uid ?? `uid-${resourceVersion}`,
      namespace,
      name: name as string,
      resourceVersion,
    };
    return { ...body, type: body.type ?? 'kubernetes.io/dockerconfigjson', metadata } as KubeObject;
  }

  #tenant(at: string, body: KubeObject, resourceVersion: string): KubeObject {
    const [, , , , , namespace = '', , name = ''] = at.split('/');
    const { generation = 1, spec } = stores.namespaced.get(namespace, name) ?? {};
    return object(name, { namespace, resourceVersion, generation }, { spec, status: body.status });
  }

  #credential(at: string, body: KubeObject, resourceVersion: string): KubeObject {
    const name = at.split('/')[5] ?? '';
    const { generation = 1, spec } = stores.credentials.get('', name) ?? {};
    return object(name, { resourceVersion, generation, finalizers: FINALIZERS }, { spec, status: body.status });
  }
}

const FINALIZERS = ['regcred.dev/cleanup'];

const tenantSpec = (labels: object = {}) => ({
  ...specOf('robot'),
  registries: [{ server: 'own.example.com', secretRef: { name: 'robot' } }],
  namespaces: undefined,
  secretMetadata: { labels },
});

const specOf = (name: string) => ({
  registries: [{ server: 'registry.example.com', secretRef: { namespace: 'regcred-system', name } }],
  namespaces: { names: ['team-*'] },
  serviceAccounts: { names: ['default'] },
  conflictPolicy: 'Fail',
  deletionPolicy: 'Delete',
  suspend: false,
  verification: { mode: 'Report', interval: '6h' },
});

function object(name: string, metadata: Partial<KubeObject['metadata']> = {}, rest: Partial<KubeObject> = {}): KubeObject {
  return { metadata: { name, uid: `uid-${metadata.namespace ?? ''}-${name}`, resourceVersion: nextVersion(), ...metadata }, ...rest };
}

const server = new InstantApiServer();
let term: LeaderTerm | undefined;
const stores = {
  credentials: credentialStore((before, after) => term?.triggers.credential(before, after)),
  namespaced: credentialStore((before, after) => term?.triggers.credential(before, after)),
  namespaces: namespaceStore((before, after) => term?.triggers.namespace(before, after)),
  accounts: new Store<AccountRecord>((before, after) => term?.triggers.account(before, after)),
  managed: managedSecretStore((before, after) => term?.triggers.secret(before, after)),
};
const sources = synced<SourceRecord>((before, after) => term?.triggers.source((after ?? before) as SourceRecord));
const unmanaged = synced<SecretRecord>(() => {});
const observed: ObservedCluster = {
  credentials: new CredentialIndex(stores.credentials, stores.namespaced, stores.namespaces),
  namespaces: stores.namespaces,
  accounts: stores.accounts,
  secrets: secretsByLabel(stores.managed, {
    keepFor() {},
    view: () => unmanaged,
    views: () => [unmanaged].values(),
    records: () => unmanaged.all(),
    applyOwnWrite() {},
    dropGone() {},
  }),
  sources: { keepFor() {}, view: () => sources, records: () => sources.all() },
  pods: { keepFor() {}, view: () => undefined },
  stateSecrets: synced(() => {}),
  tokenSecrets: synced(() => {}),
  stateNamespace: 'regcred-system',
  podPolicy: { state: 'notInstalled' },
  rules: new Store<RulesRecord>(() => {}), // Without the kind, no rules are written.
  getJob: async () => undefined,
  sourceNamespaces: undefined,
};

function synced<R extends ObjectRecord>(changed: OnChange<R>): Store<R> {
  const store = new Store<R>(changed);
  store.accept({ type: 'init' });
  store.accept({ type: 'initDone', resourceVersion: nextVersion() });
  return store;
}

/** Fills a store like a list request does. */
function list<R extends ObjectRecord>(store: Store<R>, target: WatchTarget<R>, objects: Iterable<KubeObject>): void {
  store.accept({ type: 'init' });
  for (const one of objects) store.accept({ type: 'listed', records: [target.read(one)] });
  store.accept({ type: 'initDone', resourceVersion: nextVersion() });
}

const applied = <R extends ObjectRecord>(store: Store<R>, target: WatchTarget<R>, one: KubeObject) =>
  store.accept({ type: 'applied', record: target.read(one) });

function setSource(name: string, password: string, namespace = 'regcred-system'): void {
  const data = { username: base64('robot'), password: base64(password) };
  const record = { namespace, name, uid: `uid-${namespace}-${name}`, resourceVersion: nextVersion(), labels: {}, changedAt: 0, data };
  sources.accept({ type: 'applied', record: { ...record, type: 'kubernetes.io/basic-auth' } });
}

const base64 = (text: string) => Buffer.from(text).toString('base64');
const count = { namespaces: options.namespaces, credentials: options.credentials, tenants: options.tenants };
const nameOf = (n: number) => `credential-${n}`;
const namespaceOf = (n: number) => `team-${n}`;
function* each<T>(most: number, make: (n: number) => T): Generator<T> {
  for (let n = 0; n < most; n++) yield make(n);
}

/** Runs one step until the queue is empty, and prints the cost of each of `times` events. */
async function step(what: string, times: number, run: () => void): Promise<void> {
  const heapBefore = heap();
  const writesBefore = server.writes;
  const stalls = monitorEventLoopDelay({ resolution: 1 });
  stalls.enable();
  const cpu = process.cpuUsage();
  const begun = performance.now();
  run();
  const held = performance.now() - begun;
  let deepest = 0;
  // A fan-out first scans everything in slices. It enqueues nothing during the scan.
  for (let still = 0; still < 20_000; still = (term?.readings.queueDepth ?? 0) > 0 ? 0 : still + 1) {
    deepest = Math.max(deepest, term?.readings.queueDepth ?? 0);
    await turn();
  }
  const { user, system } = process.cpuUsage(cpu);
  stalls.disable();
  const row = [
    what.padEnd(52),
    `${((user + system) / times).toFixed(1)} µs each`.padStart(17),
    `${Math.round((heap() - heapBefore) / times)} B retained each`.padStart(17),
    `${server.writes - writesBefore} writes`.padStart(17),
    `${Math.round(Math.max(stalls.max / 1e6, held))} ms longest stall`.padStart(24),
    `${deepest} deepest queue`.padStart(24),
  ];
  process.stdout.write(`${row.join('')}\n`);
}

function heap(): number {
  globalThis.gc?.();
  return process.memoryUsage().heapUsed;
}

for (let n = 0; n < count.credentials; n++) setSource(nameOf(n), 'sample-password');
list(
  stores.credentials,
  credentialsTarget,
  each(count.credentials, (n) => object(nameOf(n), { generation: 1, finalizers: FINALIZERS }, { spec: specOf(nameOf(n)) })),
);
for (let n = 0; n < count.tenants; n++) setSource('robot', 'sample-password', namespaceOf(n));
list(
  stores.namespaced,
  namespacedCredentialsTarget,
  each(count.tenants, (n) => object('own', { namespace: namespaceOf(n), generation: 1 }, { spec: tenantSpec() })),
);
list(stores.managed, managedSecretsTarget, []);
await step('a namespace listed', count.namespaces, () =>
  list(
    stores.namespaces,
    namespacesTarget,
    each(count.namespaces, (n) => object(namespaceOf(n), { labels: { 'kubernetes.io/metadata.name': namespaceOf(n) } })),
  ),
);
await step('a ServiceAccount listed', count.namespaces, () =>
  list(
    stores.accounts,
    accountsTarget,
    each(count.namespaces, (n) => object('default', { namespace: namespaceOf(n) })),
  ),
);
const quiet = { debug() {}, info() {}, warn() {}, error: console.error };
function startTerm(): void {
  const metrics = { reconciled() {}, reconcileFailed() {}, podRecovered() {}, registryChecked() {}, tokenFetched() {} };
  const settings = { isVerificationOn: false, expiryWarningMs: 0, isNamespacedOn: true };
  const ask = () => Promise.reject(new Error('no registry is asked'));
  const fetchToken = () => Promise.reject(new Error('no cloud is asked'));
  const options = { observed, fetchToken, kube: server, fence() {}, concurrency: 32, cleanupTimeoutMs: 60_000 };
  term = new LeaderTerm({ ...options, settings, ask, metrics, log: quiet, worked: () => {} });
  term.begin();
}
/** Also forgets the term, so that its memory does not count for the next step. */
async function endTerm(): Promise<void> {
  await term?.end();
  term = undefined;
}
await step('a placement (all of them, from nothing)', count.namespaces * count.credentials, startTerm);
await endTerm();
await step('a placement that a new leader finds as desired', count.namespaces * count.credentials, startTerm);
await step(`a new namespace (${count.credentials} placements)`, 100, () => {
  for (let n = 0; n < 100; n++) {
    applied(stores.namespaces, namespacesTarget, object(`team-new-${n}`));
    applied(stores.accounts, accountsTarget, object('default', { namespace: `team-new-${n}` }));
  }
});
await step('a Secret deleted by another user', 1000, () => {
  for (let n = 0; n < 1000; n++) {
    const record = stores.managed.get(namespaceOf(n % count.namespaces), nameOf(n % count.credentials));
    if (record) stores.managed.accept({ type: 'deleted', record: { ...record, resourceVersion: nextVersion() } });
  }
});
await step('a Secret rotated (one credential, all namespaces)', count.namespaces, () => setSource(nameOf(0), 'sample-password-rotated'));
await step('a status that changed (one credential)', 100, () => {
  for (let n = 0; n < 100; n++)
    applied(
      stores.credentials,
      credentialsTarget,
      object(nameOf(1), { uid: `uid--${nameOf(1)}`, generation: 1, finalizers: FINALIZERS }, { spec: specOf(nameOf(1)) }),
    );
});
await step('a spec that changed (one credential)', 1, () =>
  applied(
    stores.credentials,
    credentialsTarget,
    object(
      nameOf(1),
      { uid: `uid--${nameOf(1)}`, generation: 2, finalizers: FINALIZERS },
      { spec: { ...specOf(nameOf(1)), secretMetadata: { labels: { a: 'b' } } } },
    ),
  ),
);
if (count.tenants > 0) {
  await step('a credential of a tenant that changed', 100, () => {
    for (let n = 0; n < 100; n++) {
      const namespace = namespaceOf(n % count.tenants);
      const metadata = { namespace, uid: `uid-${namespace}-own`, generation: 2 };
      applied(stores.namespaced, namespacedCredentialsTarget, object('own', metadata, { spec: tenantSpec({ changed: 'yes' }) }));
    }
  });
  await step('a source of a tenant rotated', 100, () => {
    for (let n = 0; n < 100; n++) setSource('robot', 'sample-password-rotated', namespaceOf(n % count.tenants));
  });
}
const mib = (bytes: number) => Math.round(bytes / 2 ** 20);
const { rss, heapUsed } = process.memoryUsage();
process.stdout.write(
  `\n${stores.managed.size} Secrets in ${stores.namespaces.size} namespaces: heap ${mib(heapUsed)} MiB, resident ${mib(rss)} MiB.\n`,
);
await endTerm();
