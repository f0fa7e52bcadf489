import { expect } from 'chai';
import type { Attempt, Observation } from '../../../src/plan/checks/observation.ts';
import { type ProbeQuestion, type ProbeSettings, registryClient } from '../../../src/registry/probe.ts';
import { type Answering, type BadServer, startBad, startProxy, startRaw } from '../../support/bad-registry.ts';
import { base64 } from '../../support/builders.ts';
import { makeAuthority } from '../../support/certificates.ts';

const PASSWORD = 'sample-password-of-probe';
const CANARY = 'sample-canary-in-a-body';
const LOGIN = { auth: base64(`robot:${PASSWORD}`) };
const IMAGE = { repository: 'acme/web', reference: '1' };
const BASIC = { 'www-authenticate': 'Basic realm="sample"' };

const servers: BadServer[] = [];
const authority = makeAuthority();
const issued = authority.issue(['127.0.0.1', 'registry.test', 'auth.test']);

async function bad(answer: Answering, { tls = false } = {}): Promise<BadServer> {
  const server = await startBad(answer, tls ? issued : undefined);
  servers.push(server);
  return server;
}
async function keep<S extends BadServer>(starting: Promise<S>): Promise<S> {
  const server = await starting;
  servers.push(server);
  return server;
}

/** Asks a server that is listed as insecure, since all servers of the tests are on this machine. */
function check(
  host: string,
  { question = {}, settings = {} }: { question?: Partial<ProbeQuestion>; settings?: Partial<ProbeSettings> } = {},
): Promise<Observation> {
  const client = registryClient({
    proxy: {},
    insecureRegistries: [host],
    caFile: [],
    apiServers: [],
    now: () => 0,
    timeoutMs: 5000,
    ...settings,
  });
  return client.check({ host, login: LOGIN, allowPrivate: true, ...question }, new AbortController().signal);
}

/** The last word of an observation, in short: `401 UNAUTHORIZED`, `timeout`. */
function last(observation: Observation): string {
  if (observation.state !== 'asked') return observation.state;
  return inShort(observation.image?.login ?? observation.image?.anonymous ?? observation.login);
}
function inShort({ at, sent, reply }: Attempt): string {
  const what = reply.kind === 'failure' ? [reply.why, reply.code] : [reply.status, ...reply.codes, reply.isHtml ? 'html' : undefined];
  return [...what, at === 'registry' ? undefined : 'at the token service', sent === 'nothing' ? undefined : `with ${sent}`]
    .filter(Boolean)
    .join(' ');
}

const json = (response: Parameters<Answering>[1], status: number, body: object, headers = {}) =>
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
const denied = (code: string) => ({ errors: [{ code, message: CANARY, detail: CANARY }] });

describe('A registry that is asked', () => {
  afterEach(() => {
    for (const server of servers.splice(0)) server.close();
  });

  const table: Record<string, { answer: Answering; want: string }> = {
    'without a challenge gets no login': { answer: (_, response) => response.end('{}'), want: '200' },
    'with Basic accepts the login': {
      answer: ({ headers }, response) =>
        headers.authorization === `Basic ${LOGIN.auth}` ? response.end() : response.writeHead(401, BASIC).end(),
      want: '200 with login',
    },
    'with Basic refuses the login': {
      answer: (_, response) => json(response, 401, denied('UNAUTHORIZED'), BASIC),
      want: '401 UNAUTHORIZED with login',
    },
    'with two headers and odd quoting is understood': {
      answer: (_, response) =>
        json(response, 401, denied('UNAUTHORIZED'), {
          'www-authenticate': ['Negotiate', ' ,BASIC   realm = "a \\"quoted, \\" realm" , x-y=1'],
        }),
      want: '401 UNAUTHORIZED with login',
    },
    'with an unknown scheme gets no login': {
      answer: (_, response) => response.writeHead(401, { 'www-authenticate': 'Digest realm="x"' }).end(),
      want: '401',
    },
    'with 403 in plain text is passed on': {
      answer: ({ headers }, response) =>
        headers.authorization
          ? response.writeHead(403, { 'content-type': 'text/plain' }).end(`no. ${CANARY}`)
          : response.writeHead(401, BASIC).end(),
      want: '403 with login',
    },
    'with HTML': {
      answer: (_, response) => response.writeHead(200, { 'content-type': 'text/html' }).end(`<html>${CANARY}`),
      want: '200 html',
    },
    'with HTML that is called JSON': { answer: (_, response) => json(response, 200, {}).end(), want: '200' },
    'with an error': { answer: (_, response) => response.writeHead(500).end(CANARY), want: '500' },
    'with a body that is no JSON': { answer: (_, response) => response.writeHead(403).end(`{"errors":[{"code":"${CANARY}`), want: '403' },
    'with a code that is on no list is not repeated': {
      answer: (_, response) => json(response, 403, denied('SAMPLE_CANARY')),
      want: '403',
    },
    'with a redirect': {
      answer: (_, response) => response.writeHead(307, { location: 'https://elsewhere.test/' }).end(),
      want: 'redirect',
    },
    'that never answers': { answer: () => {}, want: 'timeout' },
    'that answers slowly for ever': {
      answer: (_, response) => {
        const timer = setInterval(() => response.write('x'), 20);
        response.on('close', () => clearInterval(timer));
      },
      want: 'timeout',
    },
    'with an endless body': {
      answer: (_, response) => {
        const more = () => {
          while (!response.destroyed && response.write('x'.repeat(16_384)));
        };
        response.on('drain', more);
        more();
      },
      want: 'too-large',
    },
    'with endless headers': {
      answer: (_, response) => response.writeHead(200, { 'x-large': 'x'.repeat(100_000) }).end(),
      want: 'too-large',
    },
    'that ends the connection': { answer: (request) => request.socket.destroy(), want: 'network UND_ERR_SOCKET' },
    'with a realm over plain HTTP on another host is not told the login': {
      answer: (_, response) => response.writeHead(401, { 'www-authenticate': 'Bearer realm="http://auth.test/token"' }).end(),
      want: 'insecure-realm at the token service',
    },
    'with a realm that is no URL': {
      answer: (_, response) => response.writeHead(401, { 'www-authenticate': 'Bearer realm="/token"' }).end(),
      want: 'protocol MALFORMED_REALM at the token service',
    },
    'with a realm that is a file': {
      answer: (_, response) => response.writeHead(401, { 'www-authenticate': 'Bearer realm="file:///etc/passwd"' }).end(),
      want: 'protocol MALFORMED_REALM at the token service',
    },
  };
  for (const [what, { answer, want }] of Object.entries(table)) {
    it(what, async () => {
      const server = await bad(answer);
      const isSlow = want === 'timeout';
      const start = performance.now();
      const observation = await check(server.host, { settings: isSlow ? { timeoutMs: 300 } : {} });
      expect(last(observation)).to.equal(want);
      expect(performance.now() - start).to.be.below(4500);
      expect(JSON.stringify(observation))
        .to.not.contain(CANARY)
        .and.not.contain(PASSWORD)
        .and.not.contain(LOGIN.auth)
        .and.not.contain('SAMPLE_CANARY');
      if (!want.includes('with')) expect(server.authorizations()).to.deep.equal([]);
    });
  }

  it('passes on how long to wait, and that an address is denied, and the words of ECR', async () => {
    const busy = await bad((_, response) => json(response, 429, denied('TOOMANYREQUESTS'), { 'retry-after': '120' }));
    expect(await check(busy.host)).to.have.nested.property('login.reply.retryAfterSeconds', 120);
    const later = await bad((_, response) => response.writeHead(503, { 'retry-after': new Date(60_000).toUTCString() }).end());
    expect(await check(later.host)).to.have.nested.property('login.reply.retryAfterSeconds', 60);
    const firewall = await bad((_, response) =>
      json(response, 403, {
        errors: [
          {
            code: 'DENIED',
            message: "client with IP '203.0.113.1' is not allowed access. Refer https://aka.ms/acr/firewall to grant access.",
          },
        ],
      }),
    );
    expect(await check(firewall.host)).to.have.nested.property('login.reply.deniesAddress', true);
    const ecr = await bad(({ headers }, response) =>
      headers.authorization
        ? response
            .writeHead(403, { 'content-type': 'text/plain' })
            .end('Your authorization token has expired. Reauthenticate and try again.')
        : response.writeHead(401, BASIC).end(),
    );
    expect(await check(ecr.host)).to.have.nested.property('login.reply.isEcrRefusal', true);
  });

  describe('by token', () => {
    const tokenServer =
      (token: Answering, registry: (authorization: string, response: Parameters<Answering>[1]) => unknown): Answering =>
      (request, response, self) => {
        if (request.url?.startsWith('/token')) return token(request, response, self);
        const { authorization = '' } = request.headers;
        if (authorization !== '') return registry(authorization, response);
        const realm = `Bearer realm="http://127.0.0.1:${self.port}/token?x=1",service="sample service",scope="repository:user/image:pull"`;
        return json(response, 401, denied('UNAUTHORIZED'), { 'www-authenticate': realm });
      };

    it('issues one for the login, without the scope of the challenge', async () => {
      const server = await bad(
        tokenServer(
          (_, response) => json(response, 200, { access_token: 'abc' }),
          (_, response) => response.end('{}'),
        ),
      );
      expect(last(await check(server.host))).to.equal('200 with token');
      expect(server.sent.map(({ url, authorization }) => [url, authorization])).to.deep.equal([
        ['/v2/', undefined],
        ['/token?x=1&service=sample+service', `Basic ${LOGIN.auth}`],
        ['/v2/', 'Bearer abc'],
      ]);
    });

    const answers: Record<string, { token: Answering; want: string }> = {
      'refuses the login': {
        token: (_, response) => json(response, 401, { details: CANARY }),
        want: '401 at the token service with login',
      },
      'refuses the login by an error of OAuth': {
        token: (_, response) => json(response, 401, { error: 'invalid_client', error_description: CANARY }),
        want: '401 invalid_client at the token service with login',
      },
      'gives none': { token: (_, response) => json(response, 200, { token: '' }), want: 'no-token at the token service with login' },
      'gives one that is no header': {
        token: (_, response) => json(response, 200, { token: 'a\r\nb: c' }),
        want: 'no-token at the token service with login',
      },
      'answers with a list': { token: (_, response) => json(response, 200, [1]), want: 'no-token at the token service with login' },
      'answers with null': { token: (_, response) => response.end('null'), want: 'no-token at the token service with login' },
      'shows a web page': {
        token: (_, response) => response.writeHead(200, { 'content-type': 'text/html' }).end(CANARY),
        want: '200 html at the token service with login',
      },
      redirects: {
        token: (_, response) => response.writeHead(302, { location: 'https://auth.test/' }).end(),
        want: 'redirect at the token service with login',
      },
      'sends without end': {
        token: (_, response) => response.end('x'.repeat(100_000)),
        want: 'too-large at the token service with login',
      },
    };
    for (const [what, { token, want }] of Object.entries(answers)) {
      it(`where the token service ${what}`, async () => {
        const server = await bad(tokenServer(token, (_, response) => response.end('{}')));
        const observation = await check(server.host);
        expect(last(observation)).to.equal(want);
        expect(JSON.stringify(observation)).to.not.contain(CANARY);
      });
    }

    it('does not accept the token, and says why', async () => {
      const server = await bad(
        tokenServer(
          (_, response) => json(response, 200, { token: 'abc' }),
          (_, response) => response.writeHead(401, { 'www-authenticate': 'Bearer realm="x",error="insufficient_scope"' }).end(),
        ),
      );
      expect(last(await check(server.host))).to.equal('401 insufficient_scope with token');
    });

    it('gets the scope of the probe image, first without the login', async () => {
      const server = await bad(
        tokenServer(
          ({ headers }, response) => (headers.authorization ? json(response, 200, { token: 'abc' }) : json(response, 401, {})),
          (_, response) => response.end(),
        ),
      );
      expect(last(await check(server.host, { question: { image: IMAGE } }))).to.equal('200 with token');
      const [, , , ...image] = server.sent;
      const scope = '/token?x=1&service=sample+service&scope=repository%3Aacme%2Fweb%3Apull';
      expect(image.map(({ method, url, authorization }) => [method, url, authorization])).to.deep.equal([
        ['HEAD', '/v2/acme/web/manifests/1', undefined],
        ['GET', scope, undefined],
        ['GET', scope, `Basic ${LOGIN.auth}`],
        ['HEAD', '/v2/acme/web/manifests/1', 'Bearer abc'],
      ]);
      expect(image[0]?.accept).to.contain('application/vnd.oci.image.index.v1+json').and.contain('docker.distribution.manifest.v2+json');
    });

    it('is at another host over TLS, which gets the login', async () => {
      const auth = await bad((_, response) => json(response, 200, { token: 'abc' }), { tls: true });
      const server = await bad(
        ({ headers }, response) =>
          headers.authorization
            ? response.end('{}')
            : response.writeHead(401, { 'www-authenticate': `Bearer realm="https://auth.test:${auth.port}/t"` }).end(),
        { tls: true },
      );
      const settings = {
        resolve: async () => [{ address: '127.0.0.1', family: 4 }],
        insecureRegistries: [server.host, `auth.test:${auth.port}`],
      };
      const observation = await check(server.host, { question: { caBundle: [authority.cert] }, settings });
      expect(last(observation)).to.equal('200 with token');
      expect(auth.sent).to.have.length(1);
      expect(auth.sent[0]).to.include({ servername: 'auth.test', authorization: `Basic ${LOGIN.auth}` });
    });

    it('is at an address that must not be asked, and is not asked', async () => {
      const auth = await bad((_, response) => json(response, 200, { token: 'abc' }), { tls: true });
      const server = await bad((_, response) =>
        response.writeHead(401, { 'www-authenticate': `Bearer realm="https://auth.test:${auth.port}/t"` }).end(),
      );
      const observation = await check(server.host, { settings: { resolve: async () => [{ address: '127.0.0.1', family: 4 }] } });
      expect(last(observation)).to.equal('address loopback at the token service with login');
      expect(observation).to.have.nested.property('login.tokenHost', `auth.test:${auth.port}`);
      expect(auth.connections()).to.equal(0);
    });

    it('is at a host that has the password in its name, which is not repeated', async () => {
      const server = await bad((_, response) =>
        response.writeHead(401, { 'www-authenticate': `Bearer realm="https://${PASSWORD}.test/t"` }).end(),
      );
      const observation = await check(server.host, { settings: { resolve: async () => [] } });
      expect(last(observation)).to.equal('dns ENODATA at the token service with login');
      expect(JSON.stringify(observation)).to.not.contain(PASSWORD);
    });
  });

  describe('for a probe image, and', () => {
    const withImage =
      (image: (authorization: string | undefined, response: Parameters<Answering>[1]) => unknown): Answering =>
      ({ url, headers }, response) =>
        url === '/v2/'
          ? headers.authorization
            ? response.end('{}')
            : response.writeHead(401, BASIC).end()
          : image(headers.authorization, response);
    const images: Record<string, { image: Parameters<typeof withImage>[0]; anonymous: string; login: string | undefined }> = {
      'gives it to anybody': { image: (_, response) => response.end(), anonymous: '200', login: undefined },
      'gives it to the login': {
        image: (authorization, response) => response.writeHead(authorization ? 200 : 401, BASIC).end(),
        anonymous: '401',
        login: '200 with login',
      },
      'hides it from strangers': {
        image: (authorization, response) => response.writeHead(authorization ? 200 : 404).end(),
        anonymous: '404',
        login: '200 with login',
      },
      'denies it': {
        image: (authorization, response) => response.writeHead(authorization ? 403 : 401, BASIC).end(),
        anonymous: '401',
        login: '403 with login',
      },
      'is too busy': { image: (_, response) => response.writeHead(429).end(), anonymous: '429', login: undefined },
      'redirects strangers': {
        image: (_, response) => response.writeHead(307, { location: 'http://elsewhere.test/' }).end(),
        anonymous: 'redirect',
        login: undefined,
      },
    };
    for (const [what, { image, anonymous, login }] of Object.entries(images)) {
      it(what, async () => {
        const server = await bad(withImage(image));
        const observation = await check(server.host, { question: { image: IMAGE } });
        if (observation.state !== 'asked' || !observation.image) throw new Error('no image was asked for');
        expect(inShort(observation.image.anonymous)).to.equal(anonymous);
        expect(observation.image.login && inShort(observation.image.login)).to.equal(login);
      });
    }

    it('refuses the login for a token, although /v2/ is open to anybody', async () => {
      const server = await bad(({ url, headers }, response, { port }) => {
        if (url === '/v2/') return response.end('{}');
        if (url?.startsWith('/token')) return json(response, headers.authorization ? 401 : 403, denied('DENIED'));
        return response.writeHead(401, { 'www-authenticate': `Bearer realm="http://127.0.0.1:${port}/token"` }).end();
      });
      const observation = await check(server.host, { question: { image: IMAGE } });
      expect(last(observation)).to.equal('401 DENIED at the token service with login');
      expect(observation).to.have.nested.property('login.reply.status', 200);
    });

    it('redirects to another host, which gets no login', async () => {
      const elsewhere = await bad((_, response) => response.end());
      const server = await bad(
        withImage((authorization, response) =>
          authorization ? response.writeHead(307, { location: `http://${elsewhere.host}/x` }).end() : response.writeHead(401, BASIC).end(),
        ),
      );
      const settings = { insecureRegistries: [server.host, elsewhere.host] };
      expect(last(await check(server.host, { question: { image: IMAGE }, settings }))).to.equal('200 with login');
      expect(elsewhere.sent.map(({ method, url }) => `${method} ${url}`)).to.deep.equal(['HEAD /x']);
      expect(elsewhere.authorizations()).to.deep.equal([]);
    });

    it('redirects for ever', async () => {
      const server = await bad(withImage((_, response) => response.writeHead(307, { location: '/again' }).end()));
      expect(last(await check(server.host, { question: { image: IMAGE } }))).to.equal('redirect');
      expect(server.sent.length).to.be.below(10);
    });
  });

  describe('at an address', () => {
    const names: Record<string, { addresses: string[]; want: string }> = {
      'that is link-local': { addresses: ['169.254.169.254'], want: 'address metadata' },
      'that is loopback': { addresses: ['127.0.0.1'], want: 'address loopback' },
      'that is IPv4-mapped IPv6': { addresses: ['::ffff:127.0.0.1'], want: 'address loopback' },
      'of which one of two is refused': { addresses: ['203.0.113.1', '127.0.0.1'], want: 'address loopback' },
      'that is the API server': { addresses: ['10.96.0.1'], want: 'address api-server' },
    };
    for (const [what, { addresses, want }] of Object.entries(names)) {
      it(`${what} is not connected to`, async () => {
        const server = await bad((_, response) => response.end());
        const resolve = async () => addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
        const settings = { resolve, insecureRegistries: [], apiServers: [{ address: '10.96.0.1', port: server.port }] };
        expect(last(await check(`registry.test:${server.port}`, { settings }))).to.equal(want);
        expect(server.connections()).to.equal(0);
      });
    }

    for (const host of ['127.0.0.1', '0x7f.1', '2130706433', '0177.1', '[::ffff:127.0.0.1]', '[::1]', '0', 'localhost']) {
      it(`written as ${host} is not connected to`, async () => {
        const server = await bad((_, response) => response.end());
        expect(last(await check(`${host}:${server.port}`, { settings: { insecureRegistries: [] } }))).to.match(
          /^address (loopback|unspecified)$/,
        );
        expect(server.connections()).to.equal(0);
      });
    }

    it('that is private is not connected to for a tenant', async () => {
      const settings = { resolve: async () => [{ address: '10.1.2.3', family: 4 }], insecureRegistries: [] };
      expect(last(await check('registry.test', { settings, question: { allowPrivate: false } }))).to.equal('address private');
    });

    it('is looked up once, and every connection goes there', async () => {
      const [first, second] = [await bad((_, response) => response.end()), await bad((_, response) => response.end())];
      let times = 0;
      // The second look-up would lead to an address that a listed server may have, and where another one listens.
      const resolve = async () => {
        times += 1;
        return [{ address: times === 1 ? '127.0.0.1' : '127.0.0.2', family: 4 }];
      };
      const host = `registry.test:${first.port}`;
      expect(last(await check(host, { settings: { resolve, insecureRegistries: [host] } }))).to.equal('200');
      expect([times, second.connections()]).to.deep.equal([1, 0]);
    });

    it('that changes to a refused one between two look-ups is refused', async () => {
      const server = await bad((_, response) =>
        response.writeHead(401, { 'www-authenticate': 'Bearer realm="https://auth.test/t"' }).end(),
      );
      const resolve = async () => [{ address: '169.254.169.254', family: 4 }];
      expect(last(await check(server.host, { settings: { resolve } }))).to.equal('address metadata at the token service with login');
    });
  });

  describe('by TLS', () => {
    const open: Answering = (_, response) => response.end('{}');
    const resolve = async () => [{ address: '127.0.0.1', family: 4 }];
    const at = (server: BadServer, name = 'registry.test') => {
      const host = `${name}:${server.port}`;
      return { host, settings: { resolve, insecureRegistries: [host] } };
    };

    it('is trusted by its caBundle, and gets its name', async () => {
      const server = await bad(open, { tls: true });
      const { host, settings } = at(server);
      expect(last(await check(host, { settings, question: { caBundle: [authority.cert] } }))).to.equal('200');
      expect(server.sent[0]).to.include({ servername: 'registry.test', host });
    });

    it('is trusted by --registry-ca-file', async () => {
      const server = await bad(open, { tls: true });
      const { host, settings } = at(server);
      expect(last(await check(host, { settings: { ...settings, caFile: [authority.cert] } }))).to.equal('200');
    });

    it('is trusted at its address', async () => {
      const server = await bad(open, { tls: true });
      expect(last(await check(server.host, { question: { caBundle: [authority.cert] } }))).to.equal('200');
    });

    const untrusted: Record<string, { name?: string; caBundle: string[]; days?: number; want: RegExp }> = {
      'of an unknown CA': {
        caBundle: [],
        want: /^tls (UNABLE_TO_VERIFY_LEAF_SIGNATURE|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_GET_ISSUER_CERT_LOCALLY)$/,
      },
      'of another CA': {
        caBundle: [makeAuthority().cert],
        want: /^tls (UNABLE_TO_VERIFY_LEAF_SIGNATURE|UNABLE_TO_GET_ISSUER_CERT_LOCALLY)$/,
      },
      'for another name': { name: 'other.test', caBundle: [authority.cert], want: /^tls ERR_TLS_CERT_ALTNAME_INVALID$/ },
      'that has expired': { caBundle: [authority.cert], days: -1, want: /^tls CERT_HAS_EXPIRED$/ },
    };
    for (const [what, { name, caBundle, days, want }] of Object.entries(untrusted)) {
      it(`with a certificate ${what} gets nothing, also if it may speak plain HTTP`, async () => {
        const server = await keep(startBad(open, days === undefined ? issued : authority.issue(['registry.test'], days)));
        const { host, settings } = at(server, name);
        expect(last(await check(host, { settings, question: { caBundle } }))).to.match(want);
        expect(server.sent).to.deep.equal([]);
      });
    }

    it('that speaks plain HTTP and is not listed gets nothing', async () => {
      const server = await bad(open);
      // It is reached through a proxy, as nothing on this machine may be asked without being listed.
      const proxy = await keep(startProxy());
      const settings = { insecureRegistries: [], proxy: { httpsProxy: `http://${proxy.host}` } };
      expect(last(await check(`registry.test:${server.port}`, { settings }))).to.match(/^tls ERR_SSL_/);
      expect(server.sent).to.deep.equal([]);
    });

    it('that is no HTTP server', async () => {
      const server = await keep(startRaw((socket) => socket.end('SSH-2.0-sample\r\n')));
      expect(last(await check(server.host))).to.match(/^protocol/);
    });

    it('that takes the connection and says nothing', async () => {
      const server = await keep(startRaw(() => {}));
      expect(last(await check(server.host, { settings: { timeoutMs: 300 } }))).to.equal('timeout');
    });
  });

  it('may be listed in capitals, and without a port for the ports of https and http', async () => {
    const resolve = async () => [{ address: '127.0.0.1', family: 4 }];
    const asked = async (host: string, entry: string) => {
      const observation = await check(host, { settings: { resolve, insecureRegistries: [entry], timeoutMs: 2000 } });
      return last(observation).startsWith('address') ? 'not listed' : 'listed';
    };
    for (const entry of ['registry.test', 'REGISTRY.test', 'registry.test:443', 'registry.test:80'])
      expect(await asked('registry.test', entry), entry).to.equal('listed');
    for (const entry of ['registry.test:5000', 'test', 'a.registry.test', ''])
      expect(await asked('registry.test', entry), entry).to.equal('not listed');
    expect(await asked('registry.test:5000', 'registry.test')).to.equal('not listed');
  });

  it('that is not there', async () => {
    const server = await bad(() => {});
    server.close();
    expect(last(await check(server.host))).to.equal('connection-refused ECONNREFUSED');
  });

  it('whose name does not resolve, or never', async () => {
    const missing = async () => Promise.reject(Object.assign(new Error('no'), { code: 'ENOTFOUND' }));
    expect(last(await check('registry.test', { settings: { resolve: missing } }))).to.equal('dns ENOTFOUND');
    expect(last(await check('registry.test', { settings: { resolve: () => new Promise(() => {}), timeoutMs: 200 } }))).to.equal('timeout');
    expect(last(await check('1.2.3.4.5'))).to.equal('dns ERR_INVALID_URL');
  });

  it('is left when the program ends', async () => {
    const server = await bad(() => stop.abort(new Error('the end')));
    const stop = new AbortController();
    const client = registryClient({ proxy: {}, insecureRegistries: [server.host], caFile: [], apiServers: [], now: () => 0 });
    const answer = client.check({ host: server.host, login: LOGIN, allowPrivate: true }, stop.signal);
    expect(await answer.catch((error: Error) => error.message)).to.equal('the end');
  });

  describe('through a proxy', () => {
    it('is asked by name, which the proxy resolves', async () => {
      const server = await bad((_, response) => response.end('{}'), { tls: true });
      const proxy = await keep(startProxy());
      const settings = { insecureRegistries: [], proxy: { httpsProxy: `http://user:p%40ss@${proxy.host}` } };
      const host = `registry.test:${server.port}`;
      expect(last(await check(host, { settings, question: { caBundle: [authority.cert] } }))).to.equal('200');
      expect(proxy.asked).to.deep.equal([{ authority: host, login: `Basic ${base64('user:p@ss')}` }]);
    });

    it('is not asked at an address that must not be asked', async () => {
      const proxy = await keep(startProxy());
      const settings = { insecureRegistries: [], proxy: { httpsProxy: `http://${proxy.host}` } };
      expect(last(await check('169.254.169.254', { settings }))).to.equal('address metadata');
      expect(proxy.asked).to.deep.equal([]);
    });

    it('that wants a login, refuses, or is not there', async () => {
      const [locked, closed] = [await keep(startProxy(407)), await keep(startProxy(403))];
      const via = async (httpsProxy: string) =>
        last(await check('registry.test', { settings: { insecureRegistries: [], proxy: { httpsProxy } } }));
      expect(await via(`http://${locked.host}`)).to.equal('proxy-login HTTP 407');
      expect(await via(`http://${closed.host}`)).to.equal('proxy HTTP 403');
      closed.close();
      expect(await via(`http://${closed.host}`)).to.equal('proxy ECONNREFUSED');
      expect(await via('socks5://proxy.test')).to.equal('proxy MALFORMED_PROXY');
    });
  });
});
