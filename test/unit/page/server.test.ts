import { type IncomingHttpHeaders, request } from 'node:http';
import { expect } from 'chai';
import { policyOf } from '../../../src/page/document.ts';
import type { Details, Snapshot } from '../../../src/page/messages.ts';
import { type PageServer, servePage } from '../../../src/page/server.ts';

const CODE = { script: "console.log('sample script')", style: 'body{margin:0}' };
const SNAPSHOT: Snapshot = {
  cluster: { context: 'sample', server: '' },
  at: 1,
  credentials: [],
  rows: [],
  needs: [],
  marks: [],
  notices: [],
};

interface Answer {
  readonly status: number | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

describe("The page's server", () => {
  let server: PageServer;
  beforeEach(async () => {
    const details = async (name: string) => (name === 'shop' ? ({ name } as Details) : undefined);
    server = await servePage({ code: CODE, token: 'sample-token', snapshot: () => SNAPSHOT, details }, 0);
  });
  afterEach(() => server.close());

  /** Asks for a path below the token, and ends at the end of the answer or of its first event. */
  function ask(
    path: string,
    { headers = {}, method = 'GET', base = server.url }: { headers?: Record<string, string>; method?: string; base?: string } = {},
  ): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const asked = request(base + path, { method, headers }, (response) => {
        let body = '';
        const done = () => resolve({ status: response.statusCode, headers: response.headers, body });
        response.setEncoding('utf8').on('data', (chunk: string) => {
          body += chunk;
          if (!body.endsWith('\n\n')) return;
          done();
          asked.destroy();
        });
        response.on('end', done);
      });
      asked.once('error', reject).end();
    });
  }

  it('listens on the loopback address, and its address has the token', () =>
    expect(server.url).to.match(/^http:\/\/127\.0\.0\.1:\d+\/sample-token\/$/));

  it('serves the page with a policy that allows its own script and style only', async () => {
    const { status, headers, body } = await ask('');
    expect(status).to.equal(200);
    expect(headers['content-type']).to.equal('text/html; charset=utf-8');
    expect(body).to.contain(`<script>${CODE.script}</script>`).and.contain(`<style>${CODE.style}</style>`);
    const policy = String(headers['content-security-policy']);
    expect(policy.split('; ')).to.include.members([
      "default-src 'none'",
      "connect-src 'self'",
      "frame-ancestors 'none'",
      "base-uri 'none'",
      "form-action 'none'",
    ]);
    expect(policy)
      .to.match(/script-src 'sha256-[\w+/=]+';/)
      .and.match(/style-src 'sha256-[\w+/=]+';/)
      .and.not.contain('unsafe');
  });

  it('sends a snapshot first, and then what changes', async () => {
    const { body, headers } = await ask('stream');
    expect(headers['content-type']).to.equal('text/event-stream');
    expect(body).to.equal(`event: snapshot\ndata: ${JSON.stringify(SNAPSHOT)}\n\n`);
  });

  it('sends the details of a namespace, and 404 for one that does not exist', async () => {
    expect(await ask('namespace?name=shop')).to.include({ status: 200, body: '{"name":"shop"}' });
    expect(await ask('namespace?name=other')).to.include({ status: 404 });
  });

  const security: Record<string, string> = {
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
    'referrer-policy': 'no-referrer',
    'cache-control': 'no-store',
    'cross-origin-opener-policy': 'same-origin',
    'cross-origin-resource-policy': 'same-origin',
    'cross-origin-embedder-policy': 'require-corp',
  };
  for (const path of ['', 'stream', 'namespace?name=shop', 'nothing']) {
    it(`has all security headers on /TOKEN/${path}`, async () => {
      const { headers } = await ask(path);
      expect(headers).to.include(security);
      expect(headers['content-security-policy']).to.contain("default-src 'none'");
    });
  }

  it('refuses a wrong Host, a foreign Origin, a wrong token and a write, and says what to do', async () => {
    const origin = new URL(server.url).origin;
    const refusals = {
      host: await ask('', { headers: { host: 'evil.example.com' } }),
      origin: await ask('stream', { headers: { origin: 'http://evil.example.com' } }),
      token: await ask('/another-token/', { base: origin }),
      write: await ask('', { method: 'POST' }),
    };
    expect(Object.values(refusals).map(({ status }) => status)).to.deep.equal([403, 403, 403, 405]);
    expect(refusals.token.body).to.equal(
      'The address has no token, or another one. Each run of the command has its own: open the address that it printed.\n',
    );
    for (const { headers, body } of Object.values(refusals)) {
      expect(headers).to.include(security);
      expect(body).to.not.contain('sample-token');
    }
  });

  it('rejects if another program uses the port', async () => {
    const port = Number(new URL(server.url).port);
    const source = { code: CODE, token: 'x', snapshot: () => SNAPSHOT, details: async () => undefined };
    const error = await servePage(source, port).catch((reason: NodeJS.ErrnoException) => reason);
    expect(error).to.include({ code: 'EADDRINUSE' });
  });
});

describe('The policy of a report', () => {
  it('does not even allow requests to a server', () => expect(policyOf(CODE, "'none'")).to.contain("connect-src 'none'"));
});
