/**
 * `npm run simulate`: the stores, triggers, queue and decisions past what a machine can hold of a cluster. There is no API
 * server: a write is answered at once with the object that it makes. What is left is the program's own time and memory.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import process from 'node:process';
import { setImmediate as turn } from 'node:timers/promises';
import { Command } from 'commander';
import type { AccountRecord, CredentialRecord, NamespaceRecord, ObjectRecord, SecretRecord, SourceRecord } from '../src/api/records.ts';
import type { Kube } from '../src/kube/client.ts';
import type { KubeObject } from '../src/kube/records.ts';
import { accounts, credentials, managedSecrets, namespaces, path } from '../src/kube/resources.ts';
import { type Changed, Store } from '../src/kube/store.ts';
import type { Target } from '../src/kube/watch.ts';
import { Writer } from '../src/kube/writer.ts';
import type { World } from '../src/reconcile/context.ts';
import { Term } from '../src/reconcile/term.ts';

const options = new Command('npm run simulate --')
  .description('Runs the stores, triggers, queue and decisions in memory alone, and tells what each event costs.')
  .option('--namespaces <n>', 'namespaces', Number, 100_000)
  .option('--credentials <n>', 'RegistryCredentials, each in every namespace', Number, 20)
  .parse()
  .opts<{ namespaces: number; credentials: number }>();

let clock = 1;
const nextVersion = () => String(clock++);

/** Answers every write with the object as it would be stored, and counts. */
class InstantApiServer {
  writes = 0;

  async call(_method: string, at: string, { body }: { body: KubeObject }): Promise<KubeObject> {
    await turn(); // An answer never comes in the same turn as the call.
    this.writes++;
    const [, , , , namespace = '', kind, name = body.metadata?.name] = at.split('/');
    const resourceVersion = nextVersion();
    if (kind === undefined || kind === 'events' || at.startsWith(path.credentials)) return this.#credential(at, body, resourceVersion);
    const metadata = {
      ...body.metadata,
      uid: body.metadata.uid ?? `uid-${resourceVersion}`,
      namespace,
      name: name as string,
      resourceVersion,
    };
    return { ...body, type: body.type ?? 'kubernetes.io/dockerconfigjson', metadata } as KubeObject;
  }

  #credential(at: string, body: KubeObject, resourceVersion: string): KubeObject {
    const name = at.split('/')[5] ?? '';
    const { generation = 1, spec } = stores.credentials.get('', name) ?? {};
    return object(name, { resourceVersion, generation, finalizers: FINALIZERS }, { spec, status: body.status });
  }
}

const FINALIZERS = ['regcred.dev/cleanup'];

const specOf = (name: string) => ({
  registries: [{ server: 'registry.example.com', secretRef: { namespace: 'regcred-system', name } }],
  namespaces: { names: ['team-*'] },
  serviceAccounts: { names: ['default'] },
  conflictPolicy: 'Fail',
  deletionPolicy: 'Delete',
  suspend: false,
});

function object(name: string, metadata: Partial<KubeObject['metadata']> = {}, rest: Partial<KubeObject> = {}): KubeObject {
  return { metadata: { name, uid: `uid-${metadata.namespace ?? ''}-${name}`, resourceVersion: nextVersion(), ...metadata }, ...rest };
}

const server = new InstantApiServer();
let term: Term | undefined;
const stores = {
  credentials: new Store<CredentialRecord>((before, after) => term?.triggers.credential(before, after)),
  namespaces: new Store<NamespaceRecord>((before, after) => term?.triggers.namespace(before, after)),
  accounts: new Store<AccountRecord>((before, after) => term?.triggers.account(before, after)),
  managed: new Store<SecretRecord>((before, after) => term?.triggers.secret(before, after)),
};
const sources = synced<SourceRecord>((before, after) => term?.triggers.source((after ?? before) as SourceRecord));
const foreign = synced<SecretRecord>(() => {});
const world = {
  ...stores,
  sources: { want() {}, view: () => sources, records: () => sources.all() },
  foreign: { want() {}, view: () => foreign },
  pods: { want() {}, view: () => undefined },
} as unknown as World;

function synced<R extends ObjectRecord>(changed: Changed<R>): Store<R> {
  const store = new Store<R>(changed);
  store.accept({ type: 'init' });
  store.accept({ type: 'initDone', resourceVersion: nextVersion() });
  return store;
}

/** Fills a store as a list does. */
function list<R extends ObjectRecord>(store: Store<R>, target: Target<R>, objects: Iterable<KubeObject>): void {
  store.accept({ type: 'init' });
  for (const one of objects) store.accept({ type: 'listed', record: target.read(one) });
  store.accept({ type: 'initDone', resourceVersion: nextVersion() });
}

const applied = <R extends ObjectRecord>(store: Store<R>, target: Target<R>, one: KubeObject) =>
  store.accept({ type: 'applied', record: target.read(one) });

function setSource(name: string, password: string): void {
  const data = { username: base64('robot'), password: base64(password) };
  const record = { namespace: 'regcred-system', name, uid: `uid-${name}`, resourceVersion: nextVersion(), labels: {}, changedAt: 0, data };
  sources.accept({ type: 'applied', record: { ...record, type: 'kubernetes.io/basic-auth' } });
}

const base64 = (text: string) => Buffer.from(text).toString('base64');
const count = { namespaces: options.namespaces, credentials: options.credentials };
const nameOf = (n: number) => `credential-${n}`;
const namespaceOf = (n: number) => `team-${n}`;
function* each<T>(most: number, make: (n: number) => T): Generator<T> {
  for (let n = 0; n < most; n++) yield make(n);
}

/** Runs one step until nothing is left to do, and prints what it took for each of `times`. */
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
  // A fan-out looks at everything in slices first, and enqueues nothing meanwhile.
  for (let still = 0; still < 20_000; still = (term?.readings.queueDepth ?? 0) > 0 ? 0 : still + 1) {
    deepest = Math.max(deepest, term?.readings.queueDepth ?? 0);
    await turn();
  }
  const { user, system } = process.cpuUsage(cpu);
  stalls.disable();
  const row = [
    what.padEnd(52),
    `${((user + system) / times).toFixed(1)} µs each`.padStart(17),
    `${Math.round((heap() - heapBefore) / times)} B kept each`.padStart(17),
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
  credentials,
  each(count.credentials, (n) => object(nameOf(n), { generation: 1, finalizers: FINALIZERS }, { spec: specOf(nameOf(n)) })),
);
list(stores.managed, managedSecrets, []);
await step('a namespace listed', count.namespaces, () =>
  list(
    stores.namespaces,
    namespaces,
    each(count.namespaces, (n) => object(namespaceOf(n), { labels: { 'kubernetes.io/metadata.name': namespaceOf(n) } })),
  ),
);
await step('an account listed', count.namespaces, () =>
  list(
    stores.accounts,
    accounts,
    each(count.namespaces, (n) => object('default', { namespace: namespaceOf(n) })),
  ),
);
const quiet = { debug() {}, info() {}, warn() {}, error: console.error };
const kube = server as unknown as Kube;
await step('a placement (all of them, from nothing)', count.namespaces * count.credentials, () => {
  const limits = { concurrency: 32, cleanupTimeoutMs: 60_000, reconciled() {}, recovered() {}, failed() {} };
  term = new Term(world, (answered) => new Writer(kube, () => {}, answered), quiet, limits);
  term.begin();
});
await step(`a new namespace (${count.credentials} placements)`, 100, () => {
  for (let n = 0; n < 100; n++) {
    applied(stores.namespaces, namespaces, object(`team-new-${n}`));
    applied(stores.accounts, accounts, object('default', { namespace: `team-new-${n}` }));
  }
});
await step('a Secret that somebody deleted', 1000, () => {
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
      credentials,
      object(nameOf(1), { uid: `uid--${nameOf(1)}`, generation: 1, finalizers: FINALIZERS }, { spec: specOf(nameOf(1)) }),
    );
});
await step('a spec that changed (one credential)', 1, () =>
  applied(
    stores.credentials,
    credentials,
    object(
      nameOf(1),
      { uid: `uid--${nameOf(1)}`, generation: 2, finalizers: FINALIZERS },
      { spec: { ...specOf(nameOf(1)), secretMetadata: { labels: { a: 'b' } } } },
    ),
  ),
);
const mib = (bytes: number) => Math.round(bytes / 2 ** 20);
const { rss, heapUsed } = process.memoryUsage();
process.stdout.write(
  `\n${stores.managed.size} Secrets in ${stores.namespaces.size} namespaces: heap ${mib(heapUsed)} MiB, resident ${mib(rss)} MiB.\n`,
);
await term?.end();
