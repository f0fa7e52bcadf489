import { expect } from 'chai';
import fc from 'fast-check';
import type { RawReply, Request, Transport } from '../../../src/net/transport.ts';
import { interpret } from '../../../src/plan/checks/interpret.ts';
import { startExchange } from '../../../src/registry/exchange.ts';
import { observe } from '../../../src/registry/probe.ts';
import { base64 } from '../../support/builders.ts';

const HOST = 'registry.test:5000';
const PASSWORD = 'sample-password-of-exchange';
const AUTH = base64(`robot:${PASSWORD}`);
const CANARY = 'sample-canary';
const IMAGE = { repository: 'acme/web', reference: '1' };

/** Random answers that look like those of a registry that means harm, or is broken. */
const hosts = fc.constantFrom(
  'registry.test:5000',
  'registry.test',
  'registry.test:5001',
  'evil.test',
  `${PASSWORD}.test`,
  '127.0.0.1',
  '[::1]',
  'user:word@evil.test',
);
const place = fc
  .tuple(fc.constantFrom('http://', 'https://', 'HTTP://', 'file://', '//', ''), hosts, fc.constantFrom('/token', '/', '?x=1#y', ''))
  .map((parts) => parts.join(''));
const challenge = fc.oneof(
  fc
    .tuple(fc.constantFrom('Bearer', 'bearer', 'BEARER '), place, fc.constantFrom('"', ''), fc.string({ maxLength: 8 }))
    .map(([scheme, realm, quote, service]) => `${scheme} realm=${quote}${realm}${quote},service="${service}",error="insufficient_scope"`),
  fc.constantFrom(
    'Basic realm="x"',
    'Basic',
    'Negotiate',
    'Digest realm="x"',
    'Bearer',
    'Bearer realm',
    'Bearer realm=',
    'Bearer realm="',
    ', ,',
  ),
  fc.string({ maxLength: 20 }),
);
const body = fc.oneof(
  fc.constantFrom(
    '{"token":"abc"}',
    '{"access_token":"abc"}',
    '{"token":1}',
    'null',
    '[]',
    '{',
    '<html>',
    '{"errors":[null,1,{}]}',
    '{"errors":{"code":1}}',
  ),
  fc
    .constantFrom('UNAUTHORIZED', 'DENIED', 'TOOMANYREQUESTS', CANARY, PASSWORD)
    .map((code) => JSON.stringify({ errors: [{ code, message: CANARY }], error: code })),
  fc.json(),
);
const headers = fc.record(
  {
    'www-authenticate': fc.oneof(challenge, fc.array(challenge, { maxLength: 3 })),
    location: place,
    'content-type': fc.constantFrom('application/json', 'text/html', CANARY),
    'retry-after': fc.constantFrom('1', '-1', '1e9', CANARY, 'Wed, 21 Oct 2026 07:28:00 GMT'),
    'docker-distribution-api-version': fc.constant('registry/2.0'),
  },
  { requiredKeys: [] },
);
const status = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(200, 401) },
  { weight: 1, arbitrary: fc.constantFrom(204, 301, 307, 400, 403, 404, 407, 429, 500, 999) },
);
const reply: fc.Arbitrary<RawReply | { kind: 'failure'; why: 'tls'; code: string }> = fc.oneof(
  {
    weight: 9,
    arbitrary: fc.record({ kind: fc.constant('reply' as const), status, headers, body: body.map((text) => Buffer.from(text)) }),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      { kind: 'failure' as const, why: 'tls' as const, code: 'EPROTO' },
      { kind: 'failure' as const, why: 'tls' as const, code: 'CERT_HAS_EXPIRED' },
    ),
  },
);

async function run(answers: readonly Awaited<ReturnType<Transport['send']>>[], insecure: readonly string[]) {
  const sent: Request[] = [];
  const left = [...answers];
  const transport = {
    send: async (request: Request) => {
      sent.push(request);
      return left.shift() ?? ({ kind: 'failure', why: 'timeout' } as const);
    },
    close: async () => {},
  };
  const isInsecure = (url: URL) => insecure.includes(url.host);
  const exchange = startExchange({ host: HOST, isInsecure, transport, now: () => 0, hidden: { auth: AUTH } });
  return { sent, observation: await observe(exchange, { login: { auth: AUTH }, image: IMAGE }) };
}

describe('Talking to a registry that answers anything', () => {
  // One property for both: to run ten thousand exchanges takes seconds.
  it('sends the password over TLS or to the host of a listed server, never to the place of a redirect, and repeats nothing', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(reply, { maxLength: 12 }), fc.boolean(), async (answers, isListed) => {
        const { sent, observation } = await run(answers, isListed ? [HOST] : []);
        const { message } = interpret(observation, { server: HOST, secret: 'Secret a/b', probeImage: 'acme/web:1', wasProven: false });
        for (const text of [JSON.stringify(observation), message])
          expect(text).to.not.contain(CANARY).and.not.contain(PASSWORD).and.not.contain(AUTH);
        // Once for the login, and once for the image: accounts get locked.
        expect(sent.filter(({ authorization }) => authorization?.startsWith('Basic ')).length).to.be.at.most(2);
        expect(sent.length).to.be.at.most(20);
        sent.forEach(({ url, authorization }, index) => {
          expect(['http:', 'https:']).to.include(url.protocol);
          if (!isListed) expect(url.protocol).to.equal('https:');
          if (url.protocol === 'http:') expect(url.hostname).to.equal('registry.test');
          expect(url.username + url.password).to.equal('');
          const before = answers[index - 1];
          const isAfterRedirect =
            before?.kind === 'reply' && [301, 302, 303, 307, 308].includes(before.status) && before.headers.location === url.href;
          if (isAfterRedirect) expect(authorization).to.equal(undefined);
          // A token is for the registry, and for nobody else.
          if (authorization?.startsWith('Bearer ')) expect(url.host).to.equal(HOST);
        });
      }),
      { numRuns: 10_000 },
    );
  }).timeout(60_000);
});
