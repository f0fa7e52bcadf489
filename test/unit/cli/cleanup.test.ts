import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import { type CleanupFlags, cleanup } from '../../../src/cli/cleanup/cleanup.ts';
import { OperatorPresence } from '../../../src/cli/cleanup/operator-presence.ts';
import type { CommandIo } from '../../../src/cli/command-io.ts';
import { KubeClient } from '../../../src/kube/client.ts';
import { soon } from '../../support/eventually.ts';
import { type ApiServer, type Asked, serve } from '../kube/apiserver.ts';

const LEASES = '/apis/coordination.k8s.io/v1/leases';
const ACCOUNT = '/api/v1/namespaces/shop/serviceaccounts/default';
const list = (...items: object[]) => ({ metadata: { resourceVersion: '9' }, items });

/** The answers of the test API server, by method and path. */
type Told = { code?: number; body: object };
type There = Record<string, (asked: Asked) => Told | Promise<Told>>;

describe('cleanup', () => {
  let api: ApiServer;
  let there: There;
  let directory: string;
  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'regcred-cleanup-'));
    there = {};
    api = await serve(async (response, asked) => {
      const { code = 200, body } = (await there[`${asked.method} ${asked.path}`]?.(asked)) ?? { body: list() };
      response.writeHead(code, { 'content-type': 'application/json' });
      response.end(JSON.stringify(body));
    });
    writeFileSync(join(directory, 'config'), api.config().exportConfig());
  });
  afterEach(async () => {
    await api.close();
    rmSync(directory, { recursive: true });
  });

  async function run(names: string[], flags: Partial<CleanupFlags> = {}) {
    const printed: string[] = [];
    const told: string[] = [];
    const io: CommandIo = {
      env: {},
      home: '/nowhere',
      program: 'regcred',
      input: async () => undefined,
      now: () => new Date(0),
      version: '1.2.3',
      isTerminal: false,
      progress: () => {},
      print: (line) => printed.push(line),
      say: (line) => told.push(line),
    };
    const { notes, exitCode } = await cleanup(names, { dryRun: 'none', timeout: 5, kubeconfig: join(directory, 'config'), ...flags }, io);
    return { printed, told, notes, exitCode };
  }

  /** An account with an entry of ours but without our Secret; `answers` are the answers to its patches, in order. */
  function leftOver(...answers: { code?: number; message?: string }[]): void {
    let recorded: string | undefined = 'acme';
    let version = 1;
    const account = () => ({
      metadata: {
        name: 'default',
        namespace: 'shop',
        uid: 'u',
        resourceVersion: String(version),
        annotations: recorded ? { 'regcred.dev/pull-secrets': recorded } : {},
      },
      imagePullSecrets: recorded ? [{ name: 'theirs' }, { name: 'acme' }] : [{ name: 'theirs' }],
    });
    there['GET /api/v1/namespaces'] = () => ({ body: list({ metadata: { name: 'shop', uid: 'n', resourceVersion: '1' } }) });
    there['GET /api/v1/serviceaccounts'] = () => ({ body: list(account()) });
    there[`PATCH ${ACCOUNT}`] = ({ body }) => {
      const answer = answers.shift();
      if (answer?.code) {
        version++;
        return { code: answer.code, body: { code: answer.code, message: answer.message } };
      }
      expect((body as { metadata: { resourceVersion: string } }).metadata.resourceVersion).to.equal(String(version));
      recorded = undefined;
      return { body: account() };
    };
  }
  const patches = () => api.asked.filter(({ method }) => method === 'PATCH');

  it('reads the account again after a conflict, and patches the current version', async () => {
    leftOver({ code: 409, message: 'the object has been modified' }, { code: 500, message: 'a webhook is starting' }, {});
    const { printed, notes, exitCode } = await run([], { all: true });
    expect({ notes, exitCode }).to.deep.equal({ notes: ['Nothing is left to do.'], exitCode: 0 });
    expect(printed).to.deep.equal(['serviceaccount "default" patched in shop namespace: removed acme from imagePullSecrets']);
    expect(patches().map(({ body }) => (body as { imagePullSecrets: object }).imagePullSecrets)).to.deep.equal(
      Array.from({ length: 3 }, () => [{ name: 'theirs' }]),
    );
  });

  it('reports a patch that an admission policy has undone, although the API server accepted it', async () => {
    leftOver();
    const metadata = {
      name: 'default',
      namespace: 'shop',
      uid: 'u',
      resourceVersion: '1',
      annotations: { 'regcred.dev/pull-secrets': 'acme' },
    };
    there[`PATCH ${ACCOUNT}`] = () => ({ body: { metadata, imagePullSecrets: [{ name: 'acme' }] } });
    const { printed, notes, exitCode } = await run([], { all: true });
    expect({ printed, exitCode }).to.deep.equal({ printed: [], exitCode: 1 });
    expect(notes[0])
      .to.contain(
        'Failed to remove acme from imagePullSecrets of serviceaccount "default" in namespace shop: the API server accepted the write, but',
      )
      .and.to.contain('changed imagePullSecrets');
  });

  it('stops immediately if it is forbidden, and reports that without control characters', async () => {
    leftOver({ code: 403, message: 'not\u001b[31m you' });
    const { printed, notes, exitCode } = await run([], { all: true });
    expect({ printed, exitCode }).to.deep.equal({ printed: [], exitCode: 1 });
    expect(notes[0]).to.equal('Failed to remove acme from imagePullSecrets of serviceaccount "default" in namespace shop: not [31m you');
    expect(patches()).to.have.lengthOf(1);
  });

  it('has at most 16 open requests, and reports its progress', async () => {
    const accounts = new Map(
      Array.from({ length: 50 }, (_, at) => [
        `robot-${at}`,
        {
          metadata: {
            name: `robot-${at}`,
            namespace: 'shop',
            uid: `u${at}`,
            resourceVersion: '1',
            annotations: { 'regcred.dev/pull-secrets': 'acme' },
          },
        },
      ]),
    );
    there['GET /api/v1/namespaces'] = () => ({ body: list({ metadata: { name: 'shop', uid: 'n', resourceVersion: '1' } }) });
    there['GET /api/v1/serviceaccounts'] = () => ({ body: list(...accounts.values()) });
    let most = 0;
    for (const [name, account] of accounts) {
      there[`PATCH /api/v1/namespaces/shop/serviceaccounts/${name}`] = async () => {
        most = Math.max(most, api.open());
        accounts.delete(name);
        await delay(20); // The request takes some time.
        return { body: account };
      };
    }
    const { printed, exitCode, told } = await run([], { all: true });
    expect({ steps: printed.length, exitCode, told }).to.deep.equal({ steps: 50, exitCode: 0, told: ['50 steps to do.'] });
    expect(most).to.be.within(2, 16);
  });

  it('sends a server dry run with every request', async () => {
    leftOver({});
    const { exitCode } = await run([], { all: true, dryRun: 'server' });
    expect(exitCode).to.equal(1);
    expect(patches().map(({ query }) => query)).to.deep.equal([{ fieldManager: 'regcred', dryRun: 'All' }]);
  });
});

describe('Whether an operator runs', () => {
  let api: ApiServer;
  let leases: object[];
  let leader: OperatorPresence;
  let kube: KubeClient;
  beforeEach(async () => {
    leases = [];
    api = await serve((response, { path }) => response.end(JSON.stringify({ items: path === LEASES ? leases : [] })));
    kube = new KubeClient(() => api.config());
    leader = new OperatorPresence(kube);
  });
  afterEach(async () => {
    await kube.close();
    await api.close();
  });
  let version = 0;
  const lease = (holderIdentity: string, leaseDurationSeconds = 12, namespace = 'regcred-system') => ({
    metadata: { name: 'regcred', namespace, resourceVersion: String(++version) },
    spec: { holderIdentity, leaseDurationSeconds, renewTime: '2001-01-01T00:00:00.000000Z' },
  });

  it('is no without a Lease, and with a Lease that was released', async () => {
    expect(await leader.look()).to.deep.equal({ state: 'none' });
    leases = [lease('', 1)];
    expect(await leader.look()).to.deep.equal({ state: 'none' });
  });

  it('is unknown after the Lease was seen once, for any clock, and is yes when it is renewed', async () => {
    leases = [lease('pod-a')];
    expect(await leader.look()).to.deep.equal({ state: 'unknown' });
    expect(await leader.look()).to.deep.equal({ state: 'unknown' });
    leases = [lease('pod-a')];
    expect(await leader.look()).to.deep.equal({ state: 'runs', lease: 'regcred-system/regcred', holder: 'pod-a' });
    expect(await leader.look()).to.deep.equal({ state: 'runs', lease: 'regcred-system/regcred', holder: 'pod-a' });
  });

  it('is no if the Lease is not renewed for its duration', async () => {
    leases = [lease('pod-a', 1)];
    expect(await leader.look()).to.deep.equal({ state: 'unknown' });
    const begun = performance.now();
    await soon('the Lease has expired', async () => expect(await leader.look()).to.deep.equal({ state: 'none' }));
    expect(performance.now() - begun).to.be.above(900);
  });

  it('is found in any namespace', async () => {
    leases = [lease('', 1, 'a'), lease('pod-b', 12, 'b')];
    await leader.look();
    leases = [lease('', 1, 'a'), lease('pod-b', 12, 'b')];
    expect(await leader.look()).to.deep.include({ state: 'runs', lease: 'b/regcred' });
  });
});
