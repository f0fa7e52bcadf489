/** The cluster that the faults are done to: its own control plane, 200 namespaces, credentials of every sort, and what others have there. */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type Cluster, KubeConfig } from '@kubernetes/client-node';
import type { Kube } from '../../src/kube/client.ts';
import { KubeError } from '../../src/kube/errors.ts';
import { connect } from '../support/api.ts';
import { type Audited, auditedSince, endOf, tokenId } from '../support/audit.ts';
import type { KubeObject } from '../support/cluster.ts';
import { type ControlPlane, startControlPlane } from '../support/controlplane.ts';
import { eventually } from '../support/eventually.ts';
import { type Gateway, startGateway } from '../support/gateway.ts';
import { isTrespass, type Meant, type Seen, type Violation, violations } from '../support/invariant.ts';
import { install, leads, type OperatorProcess, operatorToken, startOperator, writeKubeconfig } from '../support/operator.ts';
import { startWire, type Wire } from '../support/wire.ts';
import { type Chance, chance } from './random.ts';
import { Chronicle, type Row } from './record.ts';
import { CHANGES, LASTING, SORTS, type SortName } from './sorts.ts';

export const CREDENTIALS = '/apis/regcred.dev/v1alpha1/registrycredentials';
export const SYSTEM = 'regcred-system';
const SOURCES = 'sources';
const LEASE = `/apis/coordination.k8s.io/v1/namespaces/${SYSTEM}/leases/regcred`;
/** All must be right again by then, or it is called lost. */
const DEADLINE_MS = 60_000;
/** A look at the whole cluster takes CPU from those who work on it. */
const LOOK_EVERY_MS = 200;

/** A running replica, and the id of the token that it writes with. */
export interface Replica extends OperatorProcess {
  readonly token: string;
}

export interface ReplicaOptions {
  /** Where it finds the API server, if not at its own address. */
  readonly server?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** In place of a token of its own. */
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
  readonly api: Kube;
  /** Of the test that runs: each has its own, so that one run alone makes the same choices as in the whole suite. */
  chance: Chance;
  readonly chronicle: Chronicle;
  readonly meant = new Map<string, Meant>();
  readonly foreign = { secrets: new Map<string, KubeObject>(), accounts: new Map<string, KubeObject>() };
  /** Ends with the test that started it. */
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

  /** A test begins. */
  beginWith(title: string): void {
    this.chance = chance(this.chronicle.seed ^ createHash('sha256').update(title).digest().readUInt32LE());
  }

  // --- what there is to begin with ---

  async furnish(): Promise<void> {
    await install(this.controlPlane);
    await this.#post('/api/v1/namespaces', { metadata: { name: SOURCES } });
    await inTurns(
      Array.from({ length: 200 }, (_, n) => () => this.#furnishNamespace(n)),
      16,
    );
    for (const name of LASTING) await this.#makeSource(name);
    await this.#makeSource('passing');
    // A credential finds everything that others have there before it.
    await eventually('every namespace has its account', async () => {
      const { namespaces, accounts } = await this.look();
      const lacking = namespaces.filter(
        ({ metadata }) => !accounts.some((account) => account.metadata.namespace === metadata.name && account.metadata.name === 'default'),
      );
      if (lacking.length > 0) throw new Error(`${lacking.length} lack it`);
    });
    await inTurns(
      Array.from({ length: 200 }, (_, n) => () => this.#furnishAccounts(n)),
      16,
    );
    const { secrets, accounts } = await this.look();
    for (const secret of secrets) this.#isForeign(secret);
    for (const account of accounts) this.foreign.accounts.set(at(account), account);
    for (const name of LASTING) await this.makeCredential(name);
  }

  async #furnishNamespace(n: number): Promise<void> {
    const name = nameOf(n);
    const labels = {
      region: REGIONS[n % 3] as string,
      ...(n % 4 === 0 && { pull: 'shared' }),
      ...(n % 10 === 3 && { tier: 'internal' }),
      ...(n % 25 === 5 && { 'regcred.dev/exclude': 'true' }),
    };
    await this.#post('/api/v1/namespaces', { metadata: { name, labels } });
    const secret = (secretName: string, type: string, data: object, more = {}) =>
      this.#post(`/api/v1/namespaces/${name}/secrets`, { metadata: { name: secretName, ...more }, type, data });
    // In the way: of the right type, of another, under Adopt, and one that pretends to be ours.
    if (n % 15 === 1) await secret('wide', 'kubernetes.io/dockerconfigjson', OTHERS_CONFIG);
    if (n % 16 === 4) await secret('shared-pull', 'Opaque', { note: base64('somebody else’s') });
    if (n % 16 === 8) await secret('shared-pull', 'kubernetes.io/dockerconfigjson', OTHERS_CONFIG, { labels: { team: 'a' } });
    if (n % 30 === 7) await secret('regional', 'kubernetes.io/dockerconfigjson', OTHERS_CONFIG, PRETENDED);
    // Nobody's business.
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
    // An entry that a person made, under a name that a credential will use: it stays hers.
    if (n % 33 === 7) await patch({ imagePullSecrets: [{ name: 'wide' }, { name: 'of-others' }] });
  }

  async #makeSource(name: SortName): Promise<void> {
    const secret = await this.#post(`/api/v1/namespaces/${SOURCES}/secrets`, {
      metadata: { name },
      type: 'kubernetes.io/basic-auth',
      stringData: { username: 'robot', password: `sample-${name}` },
    });
    this.#isForeign(secret);
  }

  /** From now on it must stay as it is. */
  #isForeign(secret: KubeObject): void {
    // In a list, which is what it is compared with, the objects do not say what they are.
    const { kind: _, apiVersion: _version, ...listed } = secret as KubeObject & { kind?: string; apiVersion?: string };
    this.foreign.secrets.set(at(secret), listed);
  }

  // --- what is changed in it ---

  async makeCredential(sort: SortName): Promise<void> {
    const { meant, spec } = SORTS[sort];
    const source = this.foreign.secrets.get(`${SOURCES}/${sort}`);
    const password = Buffer.from(source?.data?.password ?? '', 'base64').toString();
    const registries = [
      { server: `${sort}.example.com`, secretRef: { namespace: SOURCES, name: sort } },
      { server: 'docker.io', secretRef: { namespace: SOURCES, name: sort } },
    ];
    await this.#post(CREDENTIALS, {
      apiVersion: 'regcred.dev/v1alpha1',
      kind: 'RegistryCredential',
      metadata: { name: sort },
      spec: { registries, ...spec },
    });
    this.meant.set(sort, { ...meant, name: sort, logins: loginsOf(sort, password) });
  }

  /** Deletes it, and waits for nothing. Under Retain what it has made is to stay. */
  async deleteCredential(sort: SortName): Promise<void> {
    await this.api.call('DELETE', `${CREDENTIALS}/${sort}`);
    this.deleted(sort);
  }

  /** It was deleted: what is to hold from now on. */
  deleted(sort: string): void {
    const meant = this.meant.get(sort);
    if (meant?.retains) this.meant.set(sort, { ...meant, left: true });
    else this.meant.delete(sort);
  }

  /** Changes the password of a source. */
  async rotate(sort: string = this.chance.pick(LASTING)): Promise<void> {
    const password = `sample-${sort}-${++this.#passwords}`;
    const secret = await this.api.call<KubeObject>('PATCH', `/api/v1/namespaces/${SOURCES}/secrets/${sort}`, {
      body: { stringData: { password } },
    });
    this.#isForeign(secret);
    const meant = this.meant.get(sort);
    if (meant) this.meant.set(sort, { ...meant, logins: loginsOf(sort, password) });
  }

  /** New namespaces of every kind, with the default account that the cluster makes for each. */
  async addNamespaces(count: number): Promise<string[]> {
    const names = Array.from({ length: count }, () => `team-new-${++this.#namespaces}`);
    await inTurns(
      names.map((name, n) => async () => {
        const labels = { region: REGIONS[n % 3] as string, pull: n % 2 === 0 ? 'shared' : 'none' };
        await this.#post('/api/v1/namespaces', { metadata: { name, labels } });
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

  /** Takes a label by which namespaces are chosen away from some, or gives it to them. */
  async relabel(count: number): Promise<void> {
    const names = this.chance.some(
      // Not where a Secret is there to be adopted: it would be deleted with what it became.
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

  /** Changes the spec of a credential: other namespaces, another Secret name, other accounts, and back. */
  async changeSpec(): Promise<void> {
    const { of, to } = CHANGES[this.#changes++ % CHANGES.length] as (typeof CHANGES)[number];
    await this.api.call('PATCH', `${CREDENTIALS}/${of}`, { body: { spec: to.spec } });
    const { logins, secretName, formerName } = this.meant.get(of) as Meant;
    const former = secretName === to.meant.secretName ? formerName : secretName;
    this.meant.set(of, { ...to.meant, name: of, logins, ...(former !== undefined && { formerName: former }) });
  }

  /** What was adopted is ours from now on, to rotate and to delete: nothing has to stay as it was. */
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

  /** Starts a replica with a token of its own, by which the audit log tells it from others. */
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
    // client-node takes plain HTTP only so.
    return server.startsWith('http:') ? { name: 'gateway', server, skipTLSVerify: true } : { ...this.cluster, server };
  }

  /** A replica that leads. */
  async leader(options: ReplicaOptions = {}): Promise<Replica> {
    const replica = await this.replica(options);
    // Behind a proxy that swallows requests it may take several Lease calls that get no answer, 4 s each.
    await leads(replica, 90_000);
    return replica;
  }

  /** An HTTP proxy in front of the API server, which goes with the test. */
  async gateway(): Promise<Gateway> {
    const gateway = await startGateway(this.cluster.server, this.#ca);
    this.also(() => gateway.close());
    return gateway;
  }

  /** A TCP proxy in front of the API server, which goes with the test. */
  async wire(): Promise<Wire> {
    const wire = await startWire(Number(new URL(this.cluster.server).port));
    this.also(() => wire.close());
    return wire;
  }

  /** Has something ended with the test. */
  also(stop: () => Promise<unknown>): void {
    this.#running.push({ stop });
  }

  lease(): Promise<KubeObject> {
    return this.api.call('GET', LEASE);
  }

  /** As if the Lease had run out: what takes 12 seconds for each killed leader otherwise. */
  async expireLease(): Promise<void> {
    await this.api.call('PATCH', LEASE, { body: { spec: { holderIdentity: '' } } }).catch((error: unknown) => {
      if (!(error instanceof KubeError && error.status === 404)) throw error;
    });
  }

  /** Ends all that the test has started. A replica that was killed has left the Lease to be waited for. */
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

  // --- what is to be seen ---

  async look(): Promise<Seen> {
    const all = async (path: string) => (await this.api.call<{ items: KubeObject[] }>('GET', path)).items;
    const [credentials, namespaces, secrets, accounts] = await Promise.all([
      all(CREDENTIALS).catch((error: unknown) => {
        if (error instanceof KubeError && error.status === 404) return [];
        throw error;
      }),
      all('/api/v1/namespaces'),
      all('/api/v1/secrets'),
      all('/api/v1/serviceaccounts'),
    ]);
    return { credentials, namespaces, secrets, accounts };
  }

  /** All that is wrong at present. Fails at once where something is that must not be for a moment. */
  async check(): Promise<Violation[]> {
    const seen = await this.look();
    this.chronicle.checks++;
    const found = violations(seen, [...this.meant.values()], this.foreign);
    const trespasses = found.filter(isTrespass);
    if (trespasses.length > 0) throw new Trespass(say(trespasses));
    return found;
  }

  /** Waits until everything is right before something is done to it, and notes nothing. */
  async settles(): Promise<void> {
    await this.recovers(new Chronicle(0).row('nothing yet', ''));
  }

  /** Waits until everything is right, and notes how long that took from `since`, or from now. */
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
        // The API server may not be there yet.
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

/** Something happened that must not happen for a moment: waiting does not mend it. */
class Trespass extends Error {
  override readonly name = 'Trespass';
}

const PRETENDED = {
  labels: { 'app.kubernetes.io/managed-by': 'regcred', 'regcred.dev/credential-uid': '00000000-0000-0000-0000-000000000000' },
  annotations: { 'regcred.dev/credential': 'another' },
};

const at = ({ metadata }: KubeObject) => `${metadata.namespace}/${metadata.name}`;
const loginsOf = (sort: string, password: string): Meant['logins'] => ({
  [`${sort}.example.com`]: { username: 'robot', password },
  'https://index.docker.io/v1/': { username: 'robot', password },
});

function say(found: readonly Violation[]): string {
  const more = found.length > 10 ? [`… and ${found.length - 10} more`] : [];
  return [`${found.length} wrong:`, ...found.slice(0, 10).map(({ kind, says }) => `${kind}: ${says}`), ...more].join('\n  ');
}

/** Runs all of them, so many at a time. */
export async function inTurns(steps: readonly (() => Promise<unknown>)[], width: number): Promise<void> {
  let next = 0;
  const turn = async () => {
    for (let step = steps[next++]; step; step = steps[next++]) await step();
  };
  await Promise.all(Array.from({ length: width }, turn));
}

let opened: Promise<World> | undefined;

/** The world is made with the first test that needs it, and test/faults/hooks.ts ends it after the last. */
export function theWorld(): Promise<World> {
  opened ??= open();
  return opened;
}

export const theWorldIfOpen = () => opened?.catch(() => undefined);

async function open(): Promise<World> {
  const seed = Number(process.env.REGCRED_SEED || Math.floor(Math.random() * 1_000_000_000));
  console.error(`  Seed ${seed}; to have the same again: REGCRED_SEED=${seed} npm run test:faults`);
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
