import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { mock } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { KubeConfig } from '@kubernetes/client-node';
import { expect } from 'chai';
import { Kube, type Method } from '../../../src/kube/client.ts';
import { KubeError } from '../../../src/kube/errors.ts';
import { eventually } from '../../support/eventually.ts';
import { type Answer, type ApiServer, json, refusal, serve } from './apiserver.ts';

/** The error that a call ends with. */
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
  let kube: Kube;
  let observed: string[];

  async function serving(answer: Answer, load = () => server.config()): Promise<void> {
    server = await serve(answer);
    observed = [];
    kube = new Kube(load, (method, status) => observed.push(`${method} ${status}`));
  }
  afterEach(async () => {
    await kube.close();
    await server.close();
  });

  it('returns the object that the API server answers with', async () => {
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

  it('asks whether it may when the request goes onto the wire, and not only when the call is made', async () => {
    await serving(json(200, {}));
    let isHeld = true;
    const fence = () => {
      if (!isHeld) throw new KubeError('no longer held', 0);
    };
    const call = kube.call('PATCH', '/x', { body: {}, fence });
    // The connection is still being made.
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
    'from call to call': { answer: json(200, {}) },
    'after a refusal': { answer: refusal(403, 'Forbidden', 'no') },
    'after a DELETE that has a body': { answer: json(200, {}), method: 'DELETE' },
  };
  for (const [when, { answer, method = 'PATCH' }] of Object.entries(repeated)) {
    it(`keeps its connection ${when}`, async () => {
      await serving(answer);
      for (let at = 0; at < 50; at++) await kube.call(method, '/x', { body: { at } }).catch(() => {});
      expect(server.asked).to.have.length(50);
      // A call made in the very turn in which the one before ends takes a second connection, and both are kept.
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
      'how long the API server asks to wait': {
        answer: json(429, { message: 'too many requests', reason: 'TooManyRequests' }, { 'retry-after': '7' }),
        want: { message: 'too many requests', status: 429, reason: 'TooManyRequests', causes: [], retryAfterMs: 7000 },
      },
      'how long the API server asks to wait in its body': {
        answer: refusal(504, 'Timeout', 'try again', { retryAfterSeconds: 2 }),
        want: { message: 'try again', status: 504, reason: 'Timeout', retryAfterMs: 2000 },
      },
      'the code, where a proxy answered in its own words': {
        answer: (response) => void response.writeHead(502, { 'content-type': 'text/html' }).end('<html>bad gateway</html>'),
        want: { message: 'the API server answered with HTTP 502', status: 502, reason: '', causes: [] },
      },
      'the code, where there are no words at all': {
        answer: (response) => void response.writeHead(500).end(),
        want: { message: 'the API server answered with HTTP 500', status: 500 },
      },
      'that no answer came, where the connection is cut': {
        answer: (response) => void response.destroy(),
        want: { status: 0, reason: '', causes: [] },
      },
      'that no answer came, where it is cut in the middle': {
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

    it('that the API server cannot be reached, with the cause, and counts that as a call without an answer', async () => {
      await serving(json(200, {}));
      const config = server.config();
      await server.close();
      kube = new Kube(
        () => config,
        (method, status) => observed.push(`${method} ${status}`),
      );
      const error = await failing(kube.call('GET', '/x'));
      expect(error.message).to.match(/^the API server cannot be reached: .*ECONNREFUSED/);
      expect(error.cause).to.be.instanceOf(Error);
      expect(error.status).to.equal(0);
      expect(observed).to.deep.equal(['get 0']);
    });

    it('that an answer is not JSON, without a word of it', async () => {
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

  describe('whose credentials are no longer accepted', () => {
    let loads: number;
    /** The first configuration has a token that the server does not accept, the others have `next`. */
    async function servingWith(next: string): Promise<void> {
      loads = 0;
      const load = () => server.config({ token: loads++ === 0 ? 'expired-sample' : next });
      const answer: Answer = (response, asked) => {
        const accepted = asked.headers.authorization === 'Bearer accepted-sample';
        (accepted ? json(200, { body: asked.body ?? null }) : refusal(401, 'Unauthorized', 'Unauthorized'))(response, asked);
      };
      await serving(answer, load);
    }

    it('reads the configuration again, and tries the call once more', async () => {
      await servingWith('accepted-sample');
      expect(await kube.call('POST', '/x', { body: { name: 'acme' } })).to.deep.equal({ body: { name: 'acme' } });
      expect(loads).to.equal(2);
      expect(observed).to.deep.equal(['create 401', 'create 200']);
      await kube.call('GET', '/x');
      expect(observed).to.deep.equal(['create 401', 'create 200', 'get 200']);
      expect(loads).to.equal(2);
    });

    it('reads the configuration once for all the calls under way', async () => {
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

    it('says so where the new ones are not accepted either', async () => {
      await servingWith('expired-too-sample');
      const error = await failing(kube.call('GET', '/x'));
      expect(error.status).to.equal(401);
      expect(error.message).to.equal('Unauthorized');
      expect(observed).to.deep.equal(['get 401', 'get 401']);
    });
  });

  it('gives up a call when its signal is aborted', async () => {
    await serving(() => {});
    const abort = new AbortController();
    const call = failing(kube.call('GET', '/x', { signal: abort.signal }));
    await eventually('the server was asked', () => expect(server.open()).to.equal(1));
    abort.abort();
    expect((await call).status).to.equal(0);
    await eventually('the server is rid of it', () => expect(server.open()).to.equal(0));
  });
}).timeout(10_000);
