import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { mock } from 'node:test';
import { setTimeout as delay, setImmediate as turn } from 'node:timers/promises';
import { KubeConfig } from '@kubernetes/client-node';
import { expect } from 'chai';
import { KubeClient, type Method } from '../../../src/kube/client.ts';
import { KubeError } from '../../../src/kube/errors.ts';
import { type Authority, makeAuthority } from '../../support/certificates.ts';
import { soon } from '../../support/eventually.ts';
import { type Answer, type ApiServer, json, refusal, serve } from './apiserver.ts';

/** Returns the error of a call. */
async function failing(call: Promise<unknown>): Promise<KubeError> {
  const error = await call.then(
    () => expect.fail('the call went through'),
    (error: unknown) => error,
  );
  expect(error).to.be.instanceOf(KubeError);
  return error as KubeError;
}

describe('The client', () => {
  let server: ApiServer;
  let kube: KubeClient;
  let observed: string[];

  async function serving(answer: Answer, load = () => server.config()): Promise<void> {
    server = await serve(answer);
    observed = [];
    kube = new KubeClient(load, (method, status) => observed.push(`${method} ${status}`));
  }
  afterEach(async () => {
    await kube.close();
    await server.close();
  });

  it('returns the object in the answer', async () => {
    await serving(json(200, { kind: 'Secret', metadata: { name: 'acme' } }));
    expect(await kube.call('GET', '/api/v1/secrets', { query: { labelSelector: 'a=b,c!=d' } })).to.deep.equal({
      kind: 'Secret',
      metadata: { name: 'acme' },
    });
    expect(server.asked).to.have.length(1);
    expect(server.asked[0]).to.deep.include({
      method: 'GET',
      path: '/api/v1/secrets',
      query: { labelSelector: 'a=b,c!=d' },
      body: undefined,
    });
    expect(server.asked[0]?.headers).to.include({ accept: 'application/json', 'user-agent': 'regcred' });
    expect(observed).to.deep.equal(['get 200']);
  });

  it('calls the fence when it sends the request, and not only at the start of the call', async () => {
    await serving(json(200, {}));
    let isHeld = true;
    const fence = () => {
      if (!isHeld) throw new KubeError('no longer held', 0);
    };
    const call = kube.call('PATCH', '/x', { body: {}, fence });
    // The client still opens the connection.
    isHeld = false;
    expect((await failing(call)).message).to.equal('no longer held');
    expect(server.asked).to.deep.equal([]);
    isHeld = true;
    await kube.call('PATCH', '/x', { body: { a: 1 }, fence });
    expect(server.asked.map(({ body }) => body)).to.deep.equal([{ a: 1 }]);
  });

  const bodies: Record<Exclude<Method, 'GET'>, string> = {
    POST: 'application/json',
    PUT: 'application/json',
    PATCH: 'application/merge-patch+json',
    DELETE: 'application/json',
  };
  for (const [method, type] of Object.entries(bodies) as [Method, string][]) {
    it(`sends the body of a ${method} as ${type}`, async () => {
      await serving(json(200, {}));
      await kube.call(method, '/x', { body: { metadata: { name: 'Zürich' } } });
      expect(server.asked[0]).to.deep.include({ method, body: { metadata: { name: 'Zürich' } } });
      expect(server.asked[0]?.headers['content-type']).to.equal(type);
    });
  }

  it('reaches an API server behind a path, with the credentials of the kubeconfig', async () => {
    await serving(json(200, {}), () => server.config({ username: 'robot', password: 'sample-password' }, '/k8s/clusters/c-1/'));
    await kube.call('GET', '/version');
    expect(server.asked[0]?.path).to.equal('/k8s/clusters/c-1/version');
    expect(server.asked[0]?.headers.authorization).to.equal(`Basic ${Buffer.from('robot:sample-password').toString('base64')}`);
  });

  const repeated: Record<string, { answer: Answer; method?: Method }> = {
    'after a successful call': { answer: json(200, {}) },
    'after a refusal': { answer: refusal(403, 'Forbidden', 'no') },
    'after a DELETE with a body': { answer: json(200, {}), method: 'DELETE' },
  };
  for (const [when, { answer, method = 'PATCH' }] of Object.entries(repeated)) {
    it(`keeps its connection ${when}`, async () => {
      await serving(answer);
      for (let at = 0; at < 50; at++) await kube.call(method, '/x', { body: { at } }).catch(() => {});
      expect(server.asked).to.have.length(50);
      // A call that starts in the same event loop turn in which the previous one ends opens a second connection, and both stay open.
      expect(server.connections()).to.be.at.most(2);
    });
  }

  describe('throws', () => {
    const refusals: Record<string, { answer: Answer; want: Partial<KubeError> }> = {
      "the API server's words, code, reason and causes": {
        answer: refusal(403, 'Forbidden', 'secrets "acme" is forbidden', {
          causes: [{ reason: 'NamespaceTerminating' }, { message: 'no reason' }],
        }),
        want: {
          message: 'secrets "acme" is forbidden',
          status: 403,
          reason: 'Forbidden',
          causes: ['NamespaceTerminating'],
          retryAfterMs: undefined,
        },
      },
      'the delay in the Retry-After header': {
        answer: json(429, { message: 'too many requests', reason: 'TooManyRequests' }, { 'retry-after': '7' }),
        want: { message: 'too many requests', status: 429, reason: 'TooManyRequests', causes: [], retryAfterMs: 7000 },
      },
      'the delay in the body of the answer': {
        answer: refusal(504, 'Timeout', 'try again', { retryAfterSeconds: 2 }),
        want: { message: 'try again', status: 504, reason: 'Timeout', retryAfterMs: 2000 },
      },
      'the code, if a proxy answered with a text of its own': {
        answer: (response) => void response.writeHead(502, { 'content-type': 'text/html' }).end('<html>bad gateway</html>'),
        want: { message: 'the API server answered with HTTP 502', status: 502, reason: '', causes: [] },
      },
      'the code, if the answer is empty': {
        answer: (response) => void response.writeHead(500).end(),
        want: { message: 'the API server answered with HTTP 500', status: 500 },
      },
      'an error without a code if the connection is cut': {
        answer: (response) => void response.destroy(),
        want: { status: 0, reason: '', causes: [] },
      },
      'an error without a code if the connection is cut during the answer': {
        answer: (response) => void response.writeHead(200, { 'content-length': '100' }).write('{', () => response.destroy()),
        want: { status: 0 },
      },
    };
    for (const [what, { answer, want }] of Object.entries(refusals)) {
      it(what, async () => {
        await serving(answer);
        const error = await failing(kube.call('GET', '/x'));
        for (const [key, value] of Object.entries(want)) expect(error[key as keyof KubeError], key).to.deep.equal(value);
        if (want.status === 0) expect(error.message).to.match(/^the API server cannot be reached: ./);
      });
    }

    it('that the API server is unreachable, with the cause, and counts the call as unanswered', async () => {
      await serving(json(200, {}));
      const config = server.config();
      await server.close();
      kube = new KubeClient(
        () => config,
        (method, status) => observed.push(`${method} ${status}`),
      );
      const error = await failing(kube.call('GET', '/x'));
      expect(error.message).to.match(/^the API server cannot be reached: .*ECONNREFUSED/);
      expect(error.cause).to.be.instanceOf(Error);
      expect(error.status).to.equal(0);
      expect(observed).to.deep.equal(['get 0']);
    });

    it('that an answer is not JSON, without quoting it', async () => {
      await serving((response) => void response.writeHead(200).end('sample-password'));
      const error = await failing(kube.call('GET', '/x'));
      expect(error.message).to.equal('the API server answered with something that is not JSON');
      expect(error.cause).to.equal(undefined);
    });

    it('that the kubeconfig has no cluster', async () => {
      await serving(json(200, {}), () => new KubeConfig());
      expect((await failing(kube.call('GET', '/x'))).message).to.contain('no cluster');
    });
  });

  describe('with credentials that are no longer accepted', () => {
    let loads: number;
    /** The first configuration has a token that the server does not accept; later ones have `next`. */
    async function servingWith(next: string): Promise<void> {
      loads = 0;
      const load = () => server.config({ token: loads++ === 0 ? 'expired-sample' : next });
      const answer: Answer = (response, asked) => {
        const accepted = asked.headers.authorization === 'Bearer accepted-sample';
        (accepted ? json(200, { body: asked.body ?? null }) : refusal(401, 'Unauthorized', 'Unauthorized'))(response, asked);
      };
      await serving(answer, load);
    }

    it('reads the configuration again, and retries the call once', async () => {
      await servingWith('accepted-sample');
      expect(await kube.call('POST', '/x', { body: { name: 'acme' } })).to.deep.equal({ body: { name: 'acme' } });
      expect(loads).to.equal(2);
      expect(observed).to.deep.equal(['create 401', 'create 200']);
      await kube.call('GET', '/x');
      expect(observed).to.deep.equal(['create 401', 'create 200', 'get 200']);
      expect(loads).to.equal(2);
    });

    it('reads the configuration once for all open calls', async () => {
      await servingWith('accepted-sample');
      await Promise.all(Array.from({ length: 10 }, () => kube.call('GET', '/x')));
      expect(loads).to.equal(2);
    });

    it('reads a token file again after a minute, and keeps its connection', async () => {
      const tokenFile = join(mkdtempSync(join(tmpdir(), 'regcred-token-')), 'token');
      mock.timers.enable({ apis: ['Date'], now: Date.now() });
      try {
        await serving(json(200, {}), () => server.config({ authProvider: { name: 'tokenFile', config: { tokenFile } } }));
        for (const token of ['first-sample', 'second-sample']) {
          writeFileSync(tokenFile, token);
          await kube.call('GET', '/x');
          await turn();
          mock.timers.tick(61_000);
        }
        expect(server.asked.map(({ headers }) => headers.authorization)).to.deep.equal(['Bearer first-sample', 'Bearer second-sample']);
        expect(server.connections()).to.equal(1);
      } finally {
        mock.timers.reset();
        rmSync(dirname(tokenFile), { recursive: true });
      }
    });

    it('throws if the new credentials are not accepted either', async () => {
      await servingWith('expired-too-sample');
      const error = await failing(kube.call('GET', '/x'));
      expect(error.status).to.equal(401);
      expect(error.message).to.equal('Unauthorized');
      expect(observed).to.deep.equal(['get 401', 'get 401']);
    });
  });

  describe('whose API server changes under it', () => {
    let directory: string;
    let loads: number;
    beforeEach(() => {
      directory = mkdtempSync(join(tmpdir(), 'regcred-ca-'));
      loads = 0;
    });
    afterEach(async () => {
      mock.timers.reset();
      await kube.close();
      rmSync(directory, { recursive: true });
    });
    const caFile = () => join(directory, 'ca.crt');
    /** A server with a certificate of its own CA, which the client reads from a file. */
    async function servingTls(authority: Authority): Promise<Server> {
      const { key, cert } = authority.issue(['127.0.0.1']);
      const tls = createServer({ key, cert }, (_, response) => void response.end('{"ok":true}'));
      await new Promise<void>((resolve) => tls.listen(0, '127.0.0.1', resolve));
      return tls;
    }
    const configFor = (url: () => string) => () => {
      loads++;
      const config = new KubeConfig();
      config.loadFromClusterAndUser({ name: 'test', server: url(), skipTLSVerify: false, caFile: caFile() }, { name: 'test' });
      return config;
    };
    const urlOf = (of: Server) => `https://127.0.0.1:${(of.address() as AddressInfo).port}`;
    const closed = (of: Server) =>
      new Promise<void>((resolve) => {
        of.close(() => resolve());
        of.closeAllConnections();
      });

    it('follows a new CA in the file after the first call that fails', async () => {
      await serving(json(200, {}));
      const [before, after] = [makeAuthority(), makeAuthority()];
      writeFileSync(caFile(), before.cert);
      const tls = await servingTls(before);
      kube = new KubeClient(configFor(() => urlOf(tls)));
      expect(await kube.call('GET', '/x')).to.deep.equal({ ok: true });
      const { key, cert } = after.issue(['127.0.0.1']);
      tls.setSecureContext({ key, cert });
      tls.setTicketKeys(randomBytes(48));
      tls.closeAllConnections();
      writeFileSync(caFile(), after.cert);
      expect((await failing(kube.call('GET', '/x'))).status).to.equal(0);
      await soon('it is followed', async () => expect(await kube.call('GET', '/x')).to.deep.equal({ ok: true }));
      expect(loads).to.equal(2);
      await closed(tls);
    });

    it('follows a new address in the kubeconfig', async () => {
      await serving(json(200, {}));
      const authority = makeAuthority();
      writeFileSync(caFile(), authority.cert);
      let tls = await servingTls(authority);
      kube = new KubeClient(configFor(() => urlOf(tls)));
      await kube.call('GET', '/x');
      const former = tls;
      tls = await servingTls(authority);
      await closed(former);
      await failing(kube.call('GET', '/x'));
      await soon('it is followed', async () => expect(await kube.call('GET', '/x')).to.deep.equal({ ok: true }));
      await closed(tls);
    });

    it('reads a certificate file again after a minute, also if no call fails', async () => {
      await serving(json(200, {}));
      const [before, after] = [makeAuthority(), makeAuthority()];
      writeFileSync(caFile(), before.cert);
      const tls = await servingTls(before);
      mock.timers.enable({ apis: ['Date'], now: Date.now() });
      kube = new KubeClient(configFor(() => urlOf(tls)));
      await kube.call('GET', '/x');
      writeFileSync(caFile(), before.cert + after.cert);
      mock.timers.tick(61_000);
      await kube.call('GET', '/x');
      const { key, cert } = after.issue(['127.0.0.1']);
      tls.setSecureContext({ key, cert });
      tls.setTicketKeys(randomBytes(48));
      tls.closeAllConnections();
      await turn();
      // The first call may still meet the connection that was just closed.
      await kube.call('GET', '/x').catch(() => kube.call('GET', '/x'));
      expect(loads).to.be.at.most(2);
      await closed(tls);
    });

    it('keeps what it has while a file cannot be read', async () => {
      await serving(json(200, {}));
      const authority = makeAuthority();
      writeFileSync(caFile(), authority.cert);
      const tls = await servingTls(authority);
      mock.timers.enable({ apis: ['Date'], now: Date.now() });
      kube = new KubeClient(configFor(() => urlOf(tls)));
      await kube.call('GET', '/x');
      for (const content of ['half of a certif', undefined]) {
        if (content === undefined) rmSync(caFile());
        else writeFileSync(caFile(), content);
        mock.timers.tick(61_000);
        expect(await kube.call('GET', '/x')).to.deep.equal({ ok: true });
      }
      await closed(tls);
    });

    it('does not load the configuration for every call that fails', async () => {
      await serving(json(200, {}));
      const authority = makeAuthority();
      writeFileSync(caFile(), authority.cert);
      kube = new KubeClient(configFor(() => 'https://127.0.0.1:1'));
      for (let n = 0; n < 50; n++) await failing(kube.call('GET', '/x'));
      expect(loads).to.equal(2);
    });

    it('reports a kubeconfig that cannot be loaded again, without a line of it', async () => {
      let isBroken = false;
      await serving(refusal(401, 'Unauthorized', 'Unauthorized'), () => {
        if (isBroken) throw new Error('bad indentation (2:3)\n token: sample-password');
        return server.config();
      });
      isBroken = true;
      expect((await failing(kube.call('GET', '/x'))).message).to.equal('the kubeconfig cannot be loaded again: bad indentation (2:3)');
    });

    it('knows for how long nothing has worked', async () => {
      let answer: Answer = json(200, {});
      await serving((response, asked) => answer(response, asked));
      const afterOne = async () => {
        await delay(300);
        await kube.call('GET', '/x').catch(() => {});
        return kube.unansweredMs;
      };
      expect(await afterOne()).to.be.below(300);
      answer = refusal(403, 'Forbidden', 'no');
      expect(await afterOne()).to.be.below(300);
      answer = refusal(401, 'Unauthorized', 'no');
      expect(await afterOne()).to.be.at.least(300);
      answer = (response) => void response.destroy();
      expect(await afterOne()).to.be.at.least(600);
    });
  });

  it('ends a call when its signal is aborted', async () => {
    await serving(() => {});
    const abort = new AbortController();
    const call = failing(kube.call('GET', '/x', { signal: abort.signal }));
    await soon('the server has the request', () => expect(server.open()).to.equal(1));
    abort.abort();
    expect((await call).status).to.equal(0);
    await soon('the request is closed', () => expect(server.open()).to.equal(0));
  });
}).timeout(20_000);
