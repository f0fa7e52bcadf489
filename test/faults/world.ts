/** The cluster of the fault tests: its own control plane, 200 namespaces, credentials of every sort, and objects of others. */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type Cluster, KubeConfig } from '@kubernetes/client-node';
import type { KubeClient } from '../../src/kube/client.ts';
import { KubeError } from '../../src/kube/errors.ts';
import { connect } from '../support/api.ts';
import { type Audited, auditedSince, endOf, tokenId } from '../support/audit.ts';
import type { Issued } from '../support/certificates.ts';
import type { KubeObject } from '../support/cluster.ts';
import { type ControlPlane, startControlPlane } from '../support/controlplane.ts';
import { eventually } from '../support/eventually.ts';
import { type Front, startFront } from '../support/front.ts';
import { type Gateway, startGateway } from '../support/gateway.ts';
import { idOf, isTrespass, type Meant, type Seen, type Violation, violations } from '../support/invariant.ts';
import { expireLease, install, leads, type OperatorProcess, operatorToken, startOperator, writeKubeconfig } from '../support/operator.ts';
import { startWire, type Wire } from '../support/wire.ts';
import { type Chance, chance } from './random.ts';
import { Chronicle, type Row } from './record.ts';
import { ACCEPTED, CHANGES, LASTING, LASTING_TENANTS, SORTS, type SortName, TENANTS, type TenantName } from './sorts.ts';

export const CREDENTIALS = '/apis/regcred.dev/v1alpha1/registrycredentials';
const OF_TENANTS = '/apis/regcred.dev/v1alpha1/namespacedregistrycredentials';
export const SYSTEM = 'regcred-system';
const SOURCES = 'sources';
const LEASE = `/apis/coordination.k8s.io/v1/namespaces/${SYSTEM}/leases/regcred`;
/** Otherwise it counts as lost. Longer than a busy machine needs: how long it took is in the table of the run. */
const DEADLINE_MS = 180_000;
/** A check of the whole cluster takes CPU from the operator and the API server. */
const LOOK_EVERY_MS = 200;

/** A running replica, and the id of the token that it writes with. */
export interface Replica extends OperatorProcess {
  readonly token: string;
}

export interface ReplicaOptions {
  /** The address of the API server; by default its own. */
  readonly server?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** Replaces the default: a new token for each replica. */
  readonly kubeconfig?: string;
}

const nameOf = (n: number) => (n < 120 ? `team-${n}` : n < 180 ? `shop-${n}` : `bystander-${n}`);
const REGIONS = ['eu', 'us', 'ap'];
const base64 = (text: string) => Buffer.from(text).toString('base64');
const OTHERS_CONFIG = {
  '.dockerconfigjson': base64(JSON.stringify({ auths: { 'foreign.example.com': { auth: base64('somebody:else') } } })),
};

export class World {
  readonly controlPlane: ControlPlane;
  readonly api: KubeClient;
  /** Random numbers of the current test: each test has its own, so that it makes the same choices when it runs alone. */
  chance: Chance;
  readonly chronicle: Chronicle;
  readonly meant = new Map<string, Meant>();
  readonly foreign = { secrets: new Map<string, KubeObject>(), accounts: new Map<string, KubeObject>() };
  /** Stopped at the end of the test that started it. */
  #running: { stop(): Promise<unknown> }[] = [];
  #replicas = 0;
  #passwords = 0;
  #namespaces = 0;
  #changes = 0;

  constructor(controlPlane: ControlPlane, seed: number) {
    this.controlPlane = controlPlane;
    this.api = connect(controlPlane.kubeconfig);
    this.chance = chance(seed);
    this.chronicle = new Chronicle(seed);
  }

  /** Called at the start of a test. */
  beginWith(title: string): void {
    this.chance = chance(this.chronicle.seed ^ createHash('sha256').update(title).digest().readUInt32LE());
  }

  // --- the initial state ---

  async furnish(): Promise<void> {
    await install(this.controlPlane);
    await this.#post('/api/v1/namespaces', { metadata: { name: SOURCES } });
    await inTurns(
      Array.from({ length: 200 }, (_, n) => () => this.#furnishNamespace(n)),
      16,
    );
    for (const name of [...LASTING, 'passing'] as const) await this.#makeSource(SOURCES, name);
    for (const name of [...LASTING_TENANTS, 'visitor'] as const) await this.#makeSource(TENANTS[name].home, name);
    // The accounts must exist before the credentials, so that each credential finds all objects of others.
    await eventually('every namespace has its account', async () => {
      const { namespaces, accounts } = await this.look();
      const lacking = namespaces.filter(
        ({ metadata }) => !accounts.some((account) => account.metadata.namespace === metadata.name && account.metadata.name === 'default'),
      );
      if (lacking.length > 0) throw new Error(`${lacking.length} have none`);
    });
    await inTurns(
      Array.from({ length: 200 }, (_, n) => () => this.#furnishAccounts(n)),
      16,
    );
    const { secrets, accounts } = await this.look();
    for (const secret of secrets) this.#isForeign(secret);
    for (const account of accounts) this.foreign.accounts.set(at(account), account);
    for (const name of LASTING) await this.makeCredential(name);
    for (const name of LASTING_TENANTS) await this.makeTenant(name);
  }

  async #furnishNamespace(n: number): Promise<void> {
    const name = nameOf(n);
    const labels = {
      region: REGIONS[n % 3] as string,
      ...(n % 4 === 0 && { pull: 'shared' }),
      ...(n % 10 === 3 && { tier: 'internal' }),
      ...(n % 25 === 5 && { 'regcred.dev/exclude': 'true' }),
    };
    const accepted = name.startsWith('shop-') ? ACCEPTED[n % ACCEPTED.length] : null;
    await this.#post('/api/v1/namespaces', { metadata: { name, labels, ...(accepted && { annotations: { [ACCEPT_FROM]: accepted } }) } });
    const secret = (secretName: string, type: string, data: object, more = {}) =>
      this.#post(`/api/v1/namespaces/${name}/secrets`, { metadata: { name: secretName, ...more }, type, data });
    // Conflicting Secrets: of the right type, of another type, one to adopt, and one with forged labels.
    if (n % 15 === 1) await secret('wide', 'kubernetes.io/dockerconfigjson', OTHERS_CONFIG);
    if (n % 16 === 4) await secret('shared-pull', 'Opaque', { note: base64('sample of others') });
    if (n % 16 === 8) await secret('shared-pull', 'kubernetes.io/dockerconfigjson', OTHERS_CONFIG, { labels: { team: 'a' } });
    if (n % 30 === 7) await secret('regional', 'kubernetes.io/dockerconfigjson', OTHERS_CONFIG, PRETENDED);
    // A Secret that concerns no credential.
    if (n % 20 === 2) await secret('unrelated', 'Opaque', { note: base64('x') });
  }

  async #furnishAccounts(n: number): Promise<void> {
    const name = nameOf(n);
    const accounts = `/api/v1/namespaces/${name}/serviceaccounts`;
    const post = (account: string, labels: object, entries: string[]) =>
      this.#post(accounts, { metadata: { name: account, labels }, imagePullSecrets: entries.map((entry) => ({ name: entry })) });
    if (n % 4 === 0) await post('builder', { robot: 'yes' }, ['z-of-others', 'a-of-others']);
    if (n % 8 === 3) await post('build-apart', { 'regcred.dev/exclude': 'true', robot: 'yes' }, ['of-others']);
    const patch = (body: object) => this.api.call('PATCH', `${accounts}/default`, { body });
    if (n % 5 === 0) await patch({ imagePullSecrets: [{ name: 'of-others' }], metadata: { annotations: { note: 'of others' } } });
    // An entry that a person added, under a name that a credential will use: it must stay.
    if (n % 33 === 7) await patch({ imagePullSecrets: [{ name: 'wide' }, { name: 'of-others' }] });
  }

  async #makeSource(namespace: string, name: string): Promise<void> {
    const secret = await this.#post(`/api/v1/namespaces/${namespace}/secrets`, {
      metadata: { name: sourceNameOf(name) },
      type: 'kubernetes.io/basic-auth',
      stringData: { username: 'robot', password: `sample-${name}` },
    });
    this.#isForeign(secret);
  }

  /** Records that the Secret must not change from now on. */
  #isForeign(secret: KubeObject): void {
    // The check compares it with an object from a list, which has no kind and apiVersion.
    const { kind: _, apiVersion: _version, ...listed } = secret as KubeObject & { kind?: string; apiVersion?: string };
    this.foreign.secrets.set(at(secret), listed);
  }

  // --- changes ---

  /** `passing` brings the tenant `visitor`. */
  async makeCredential(sort: SortName): Promise<void> {
    const { meant, spec } = SORTS[sort];
    const secretRef = { namespace: SOURCES, name: sourceNameOf(sort) };
    const registries = [`${sort}.example.com`, 'docker.io'].map((server) => ({ server, secretRef }));
    await this.#post(CREDENTIALS, { ...objectOf('RegistryCredential', sort), spec: { registries, ...spec } });
    this.meant.set(sort, { ...meant, name: sort, logins: loginsOf(sort, this.#passwordOf(SOURCES, sort)) });
    if (sort === 'passing') await this.makeTenant('visitor');
  }

  async makeTenant(name: TenantName): Promise<void> {
    const { home, meant, spec } = TENANTS[name];
    const secretRef = { name: sourceNameOf(name) };
    const registries = [`${name}.example.com`, 'docker.io'].map((server) => ({ server, secretRef }));
    await this.#post(ofTenantsIn(home), { ...objectOf('NamespacedRegistryCredential', name), spec: { registries, ...spec } });
    const one: Meant = { ...meant, home, name, logins: loginsOf(name, this.#passwordOf(home, name)) };
    this.meant.set(idOf(one), one);
  }

  /** A tenant in a namespace of its own, and another namespace that accepts it. */
  async makeLeaver(): Promise<void> {
    await this.#post('/api/v1/namespaces', { metadata: { name: 'leaver' } });
    await this.#post('/api/v1/namespaces', { metadata: { name: 'harbour', annotations: { [ACCEPT_FROM]: 'leaver' } } });
    await this.#makeSource('leaver', 'leaver');
    await this.makeTenant('leaver');
    // The source goes with the namespace.
    this.foreign.secrets.delete(`leaver/${sourceNameOf('leaver')}`);
  }

  /** Makes a credential that was deleted. */
  makeAgain(id: string): Promise<void> {
    const [name = '', home] = id.split('/').reverse();
    return home === undefined ? this.makeCredential(name as SortName) : this.makeTenant(name as TenantName);
  }

  #passwordOf(namespace: string, name: string): string {
    const source = this.foreign.secrets.get(`${namespace}/${sourceNameOf(name)}`);
    return Buffer.from(source?.data?.password ?? '', 'base64').toString();
  }

  /** Deletes the credential without waiting. Under Retain its copies must stay. */
  async deleteCredential(sort: SortName): Promise<void> {
    await this.api.call('DELETE', `${CREDENTIALS}/${sort}`);
    this.deleted(sort);
    if (sort !== 'passing') return;
    const { home } = TENANTS.visitor;
    await this.api.call('DELETE', `${ofTenantsIn(home)}/visitor`);
    this.deleted(`${home}/visitor`);
  }

  /** Updates the expected state after a deletion. */
  deleted(sort: string): void {
    const meant = this.meant.get(sort);
    if (meant?.retains) this.meant.set(sort, { ...meant, left: true });
    else this.meant.delete(sort);
  }

  /** Changes the password of a source: of the credential `acme`, or of the tenant's credential `team-a/acme`. */
  async rotate(id: string = this.chance.pick(this.#lasting)): Promise<void> {
    const [name = '', home = SOURCES] = id.split('/').reverse();
    const password = `sample-${name}-${++this.#passwords}`;
    const secret = await this.api.call<KubeObject>('PATCH', `/api/v1/namespaces/${home}/secrets/${sourceNameOf(name)}`, {
      body: { stringData: { password } },
    });
    this.#isForeign(secret);
    const meant = this.meant.get(id);
    if (meant) this.meant.set(id, { ...meant, logins: loginsOf(name, password) });
  }

  get #lasting(): string[] {
    return [...LASTING, ...LASTING_TENANTS.map((name) => `${TENANTS[name].home}/${name}`)];
  }

  /** Creates namespaces with different labels. The cluster creates the default account in each. */
  async addNamespaces(count: number): Promise<string[]> {
    const names = Array.from({ length: count }, () => `team-new-${++this.#namespaces}`);
    await inTurns(
      names.map((name, n) => async () => {
        const labels = { region: REGIONS[n % 3] as string, pull: n % 2 === 0 ? 'shared' : 'none' };
        const annotations = n % 2 === 0 ? { [ACCEPT_FROM]: 'team-6' } : {};
        await this.#post('/api/v1/namespaces', { metadata: { name, labels, annotations } });
      }),
      16,
    );
    return names;
  }

  async removeNamespaces(names: readonly string[]): Promise<void> {
    await inTurns(
      names.map((name) => () => this.api.call('DELETE', `/api/v1/namespaces/${name}`)),
      16,
    );
  }

  /** Changes the labels by which credentials select namespaces, in some namespaces. */
  async relabel(count: number): Promise<void> {
    const names = this.chance.some(
      // Not where a Secret is adopted: it would be deleted together with what it was before.
      Array.from({ length: 180 }, (_, n) => n).filter((n) => n % 16 !== 8),
      count,
    );
    await inTurns(
      names.map((n) => async () => {
        const name = nameOf(n);
        const labels = { region: this.chance.pick(REGIONS), pull: this.chance.pick(['shared', 'none']) };
        await this.api.call('PATCH', `/api/v1/namespaces/${name}`, { body: { metadata: { labels } } });
      }),
      16,
    );
  }

  /** Changes whose credentials some namespaces accept. */
  async changeAcceptance(count = 6): Promise<void> {
    const names = this.chance.some(
      Array.from({ length: 60 }, (_, n) => nameOf(120 + n)),
      count,
    );
    await inTurns(
      names.map((name) => async () => {
        const annotations = { [ACCEPT_FROM]: this.chance.pick(ACCEPTED) };
        await this.api.call('PATCH', `/api/v1/namespaces/${name}`, { body: { metadata: { annotations } } });
      }),
      16,
    );
  }

  /**
   * Changes the spec of a credential: other namespaces, another Secret name, other accounts, and back. And which namespaces accept the
   * credentials of tenants.
   */
  async changeSpec(): Promise<void> {
    await this.changeAcceptance();
    const { of, to } = CHANGES[this.#changes++ % CHANGES.length] as (typeof CHANGES)[number];
    await this.api.call('PATCH', `${CREDENTIALS}/${of}`, { body: { spec: to.spec } });
    const { logins, secretName, formerName } = this.meant.get(of) as Meant;
    const former = secretName === to.meant.secretName ? formerName : secretName;
    this.meant.set(of, { ...to.meant, name: of, logins, ...(former !== undefined && { formerName: former }) });
  }

  /** Returns what brings back all that is to hold as it is now: for a cluster that goes back to a backup. */
  remember(): () => void {
    const [meant, secrets, accounts] = [new Map(this.meant), new Map(this.foreign.secrets), new Map(this.foreign.accounts)];
    const changes = this.#changes;
    return () => {
      this.meant.clear();
      for (const [name, one] of meant) this.meant.set(name, one);
      this.foreign.secrets = secrets;
      this.foreign.accounts = accounts;
      this.#changes = changes;
    };
  }

  /** An adopted Secret is ours from now on, to rotate and to delete. It may change. */
  async forgetAdopted(): Promise<void> {
    const adopting = [...this.meant.values()].filter(({ adopts }) => adopts);
    for (const secret of (await this.look()).secrets) {
      const isAdopted = adopting.some(({ name }) => secret.metadata.annotations?.['regcred.dev/credential'] === name);
      if (isAdopted) this.foreign.secrets.delete(at(secret));
    }
  }

  // --- the operator ---

  get cluster(): Cluster {
    const admin = new KubeConfig();
    admin.loadFromFile(this.controlPlane.kubeconfig);
    return admin.getCurrentCluster() as Cluster;
  }

  get #ca(): Buffer {
    return Buffer.from(this.cluster.caData ?? '', 'base64');
  }

  /** Starts a replica with a token of its own. The audit log identifies the replica by that token. */
  async replica({ server, env = {}, kubeconfig }: ReplicaOptions = {}): Promise<Replica> {
    const file = kubeconfig ?? join(this.controlPlane.scratch, `replica-${++this.#replicas}.kubeconfig`);
    let token = '';
    if (kubeconfig === undefined) {
      const bearer = await operatorToken(this.api, SYSTEM);
      token = tokenId(bearer);
      writeKubeconfig(file, server === undefined ? this.cluster : this.#clusterAt(server), { token: bearer }, SYSTEM);
    }
    const operator = startOperator({ kubeconfig: file, env, logFile: join(this.controlPlane.scratch, 'operator.log') });
    this.#running.push(operator);
    return { ...operator, token };
  }

  #clusterAt(server: string): Cluster {
    // client-node accepts plain HTTP only with this option.
    return server.startsWith('http:') ? { name: 'gateway', server, skipTLSVerify: true } : { ...this.cluster, server };
  }

  /** Starts a replica, and waits until it leads. */
  async leader(options: ReplicaOptions = {}): Promise<Replica> {
    const replica = await this.replica(options);
    // Behind a proxy that drops requests, several Lease calls may get no answer. Each takes 4 s.
    await leads(replica, 90_000);
    return replica;
  }

  /** An HTTP proxy in front of the API server, stopped at the end of the test. */
  async gateway(): Promise<Gateway> {
    const gateway = await startGateway(this.cluster.server, this.#ca);
    this.also(() => gateway.close());
    return gateway;
  }

  /** A TCP proxy in front of the API server, stopped at the end of the test. */
  async wire(): Promise<Wire> {
    const wire = await startWire(Number(new URL(this.cluster.server).port));
    this.also(() => wire.close());
    return wire;
  }

  /** A TLS front with its own CA before the API server, which goes with the test. */
  async front(certificate: Issued): Promise<Front> {
    const front = await startFront(this.cluster.server, this.#ca, certificate);
    this.also(() => front.close());
    return front;
  }

  /** Stops something at the end of the test. */
  also(stop: () => Promise<unknown>): void {
    this.#running.push({ stop });
  }

  lease(): Promise<KubeObject> {
    return this.api.call('GET', LEASE);
  }

  expireLease(): Promise<void> {
    return expireLease(this.api, SYSTEM);
  }

  /** Stops everything that the test started. The Lease of a killed replica is marked as expired, so that nobody waits for it. */
  async clear(): Promise<void> {
    const running = this.#running.reverse();
    this.#running = [];
    for (const one of running) {
      (one as Partial<OperatorProcess>).signal?.('SIGCONT');
      await one.stop();
    }
    await this.expireLease();
  }

  mark(): number {
    return endOf(this.controlPlane.auditLog);
  }

  audited(from: number): Audited[] {
    return auditedSince(this.controlPlane.auditLog, from);
  }

  // --- checks ---

  async look(): Promise<Seen> {
    const all = async (path: string) => (await this.api.call<{ items: KubeObject[] }>('GET', path)).items;
    const ofKind = (path: string) =>
      all(path).catch((error: unknown) => {
        if (error instanceof KubeError && error.status === 404) return [];
        throw error;
      });
    const [ofCluster, ofTenants, namespaces, secrets, accounts] = await Promise.all([
      ofKind(CREDENTIALS),
      ofKind(OF_TENANTS),
      all('/api/v1/namespaces'),
      all('/api/v1/secrets'),
      all('/api/v1/serviceaccounts'),
    ]);
    return { credentials: [...ofCluster, ...ofTenants], namespaces, secrets, accounts };
  }

  /** Returns all current violations. Throws if one of them must never happen, not even for a moment. */
  async check(): Promise<Violation[]> {
    const seen = await this.look();
    this.chronicle.checks++;
    const found = violations(seen, [...this.meant.values()], this.foreign);
    const trespasses = found.filter(isTrespass);
    if (trespasses.length > 0) throw new Trespass(say(trespasses));
    return found;
  }

  /** Waits until everything is correct before a fault, and records nothing. */
  async settles(): Promise<void> {
    await this.recovers(new Chronicle(0).row('nothing yet', ''));
  }

  /** Waits until everything is correct, and records the time since `since`, or since now. */
  async recovers(row: Row, since = performance.now(), deadlineMs = DEADLINE_MS): Promise<number> {
    row.times++;
    for (;;) {
      let wrong: string;
      try {
        const found = await this.check();
        const ms = performance.now() - since;
        if (found.length === 0) {
          row.longestRecoveryMs = Math.max(row.longestRecoveryMs, Math.round(ms));
          return ms;
        }
        wrong = say(found);
      } catch (error) {
        if (error instanceof Trespass) row.lost++;
        // The API server may not answer yet.
        if (!(error instanceof KubeError)) throw error;
        wrong = (error as Error).message;
      }
      if (performance.now() - since > deadlineMs) {
        row.lost++;
        throw new Error(
          `Not right ${deadlineMs / 1000} s after: ${row.fault}. ${wrong}\nThe operator's log is in ${this.controlPlane.scratch}.`,
        );
      }
      await delay(LOOK_EVERY_MS);
    }
  }

  async stop(): Promise<void> {
    await this.clear().catch(() => {});
    await this.api.close();
    await this.controlPlane.stop();
  }

  async #post(path: string, body: object): Promise<KubeObject> {
    return this.api.call('POST', path, { body });
  }
}

/** A violation that must never happen: waiting cannot repair it. */
class Trespass extends Error {
  override readonly name = 'Trespass';
}

const PRETENDED = {
  labels: { 'app.kubernetes.io/managed-by': 'regcred', 'regcred.dev/credential-uid': '00000000-0000-0000-0000-000000000000' },
  annotations: { 'regcred.dev/credential': 'another' },
};

const at = ({ metadata }: KubeObject) => `${metadata.namespace}/${metadata.name}`;
const ACCEPT_FROM = 'regcred.dev/accept-from';
const ofTenantsIn = (namespace: string) => `/apis/regcred.dev/v1alpha1/namespaces/${namespace}/namespacedregistrycredentials`;
const objectOf = (kind: string, name: string) => ({ apiVersion: 'regcred.dev/v1alpha1', kind, metadata: { name } });
/** The name of no pull secret: those of tenants are in namespaces that get some. */
const sourceNameOf = (name: string) => `source-of-${name}`;
const loginsOf = (sort: string, password: string): Meant['logins'] => ({
  [`${sort}.example.com`]: { username: 'robot', password },
  'https://index.docker.io/v1/': { username: 'robot', password },
});

function say(found: readonly Violation[]): string {
  const more = found.length > 10 ? [`… and ${found.length - 10} more`] : [];
  return [`${found.length} wrong:`, ...found.slice(0, 10).map(({ kind, says }) => `${kind}: ${says}`), ...more].join('\n  ');
}

/** Runs all steps, at most `width` at the same time. */
export async function inTurns(steps: readonly (() => Promise<unknown>)[], width: number): Promise<void> {
  let next = 0;
  const turn = async () => {
    for (let step = steps[next++]; step; step = steps[next++]) await step();
  };
  await Promise.all(Array.from({ length: width }, turn));
}

let opened: Promise<World> | undefined;

/** The first test that needs the cluster starts it, and test/faults/hooks.ts stops it after the last test. */
export function theWorld(): Promise<World> {
  opened ??= open();
  return opened;
}

export const theWorldIfOpen = () => opened?.catch(() => undefined);

async function open(): Promise<World> {
  const seed = Number(process.env.REGCRED_SEED || Math.floor(Math.random() * 1_000_000_000));
  console.error(`  Seed ${seed}`);
  const world = new World(await startControlPlane((line) => console.error(line)), seed);
  try {
    await world.furnish();
    await world.leader();
    await world.recovers(world.chronicle.row('none: the first placing', 'everything'));
    await world.forgetAdopted();
    await world.clear();
  } catch (error) {
    await world.stop();
    throw error;
  }
  return world;
}
