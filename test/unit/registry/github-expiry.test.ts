import { expect } from 'chai';
import type { GitHubExpiry } from '../../../src/plan/checks/observation.ts';
import { gitHubExpiry } from '../../../src/registry/github-expiry.ts';
import { registryClient } from '../../../src/registry/probe.ts';
import { type Answering, type BadServer, startBad, startProxy } from '../../support/bad-registry.ts';
import { base64 } from '../../support/builders.ts';
import { type Issued, makeAuthority } from '../../support/certificates.ts';

const TOKEN = 'ghp_sampleSampleSampleSampleSample';
const LOGIN = { auth: base64(`robot:${TOKEN}`) };
const AT = '2027-01-31 00:00:00 UTC';
const HEADER = 'github-authentication-token-expiration';

describe('The look-up of an expiry at GitHub', () => {
  const cases: Record<string, { reply: Parameters<typeof answering>; want: GitHubExpiry }> = {
    'is the time in the header': { reply: [200, AT], want: { at: AT } },
    'with an offset is the time in the header': { reply: [200, '2027-01-31 00:00:00 +0200'], want: { at: '2027-01-31 00:00:00 +0200' } },
    'is that there is none without the header': { reply: [200], want: 'none' },
    'is that there is none if the header has another text': { reply: [200, 'sample-canary-in-a-header'], want: 'none' },
    'is unknown if GitHub refuses the token': { reply: [401, AT], want: 'unknown' },
    'is unknown if GitHub fails': { reply: [503], want: 'unknown' },
    'is unknown after a redirect': { reply: [302], want: 'unknown' },
    'is unknown without an answer': { reply: [undefined], want: 'unknown' },
  };
  function answering(status: number | undefined, value?: string) {
    if (status === undefined) return { kind: 'failure', why: 'timeout' } as const;
    return { kind: 'reply', status, headers: value === undefined ? {} : { [HEADER]: value }, body: Buffer.from('') } as const;
  }
  for (const [what, { reply, want }] of Object.entries(cases)) {
    it(what, async () => {
      const transport = { send: async () => answering(...reply), close: async () => {} };
      expect(await gitHubExpiry(LOGIN, 'https://api.github.com', transport)).to.deep.equal(want);
    });
  }

  it('sends the token, and nothing else that is secret, to the rate limit', async () => {
    const sent: { method: string; url: string; authorization: string | undefined }[] = [];
    const transport = {
      send: async ({ method, url, authorization }: { method: string; url: URL; authorization?: string }) => {
        sent.push({ method, url: url.href, authorization });
        return answering(200);
      },
      close: async () => {},
    };
    await gitHubExpiry(LOGIN, 'https://api.github.com', transport);
    expect(sent).to.deep.equal([{ method: 'GET', url: 'https://api.github.com/rate_limit', authorization: `Bearer ${TOKEN}` }]);
  });

  for (const password of ['', 'short', 'has a space in it, which no token has', `${TOKEN}\r\nx-other: 1`]) {
    it(`sends nothing for a password that is no token: ${JSON.stringify(password)}`, async () => {
      const transport = { send: () => expect.fail('nothing may be sent'), close: async () => {} };
      expect(await gitHubExpiry({ auth: base64(`robot:${password}`) }, 'https://api.github.com', transport)).to.equal('none');
    });
  }

  describe('of a check', () => {
    const servers: BadServer[] = [];
    afterEach(() => {
      for (const server of servers.splice(0)) server.close();
    });
    const serve = async (answer: Answering, tls?: Issued) => {
      const server = await startBad(answer, tls);
      servers.push(server);
      return server;
    };

    it('is asked of no other server than ghcr.io', async () => {
      const registry = await serve((_, response) => response.writeHead(200).end());
      const gitHub = await serve((_, response) => response.writeHead(200, { [HEADER]: AT }).end());
      const client = registryClient({
        proxy: {},
        insecureRegistries: [registry.host, gitHub.host],
        caFile: [],
        apiServers: [],
        now: () => 0,
        gitHubApi: `http://${gitHub.host}`,
      });
      const observation = await client.check(
        { host: registry.host, login: LOGIN, allowPrivate: true, withGitHubExpiry: true },
        new AbortController().signal,
      );
      expect(observation).to.not.have.property('githubExpiry');
      expect(gitHub.sent).to.deep.equal([]);
    });

    // A proxy takes both names to this machine.
    for (const [isAsked, withGitHubExpiry, status] of [
      [true, true, 200],
      [false, false, 200],
      [false, true, 401],
    ] as const) {
      it(`for ghcr.io is ${isAsked ? '' : 'not '}asked ${withGitHubExpiry ? 'with' : 'without'} the flag, if the registry answers ${status}`, async () => {
        const authority = makeAuthority();
        const registry = await serve(
          (request, response) => {
            const isLoggedIn = request.headers.authorization !== undefined && status === 200;
            response.writeHead(isLoggedIn ? 200 : 401, { 'www-authenticate': 'Basic realm="sample"' }).end();
          },
          authority.issue(['ghcr.io']),
        );
        const gitHub = await serve((_, response) => response.writeHead(200, { [HEADER]: AT }).end(), authority.issue(['api.github.com']));
        const proxy = await startProxy(undefined, { 'ghcr.io': registry.port, 'api.github.com': gitHub.port });
        servers.push(proxy);
        const client = registryClient({
          proxy: { httpsProxy: `http://${proxy.host}` },
          insecureRegistries: [],
          caFile: [authority.cert],
          apiServers: [],
          now: () => 0,
        });
        const observation = await client.check(
          { host: 'ghcr.io', login: LOGIN, allowPrivate: true, withGitHubExpiry },
          new AbortController().signal,
        );
        expect(gitHub.authorizations()).to.deep.equal(isAsked ? [`Bearer ${TOKEN}`] : []);
        expect(observation.state === 'asked' && observation.githubExpiry).to.deep.equal(isAsked ? { at: AT } : undefined);
      });
    }
  });
});
