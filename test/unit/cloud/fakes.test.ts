import { createHmac } from 'node:crypto';
import { expect } from 'chai';
import { createTokenFetcher } from '../../../src/cloud/cloud.ts';
import { type CloudRequest, Refusal } from '../../support/clouds/answers.ts';
import { endpointOf } from '../../support/clouds/aws.ts';
import { type Clouds, startClouds } from '../../support/clouds/clouds.ts';
import { allIdentities } from '../../support/clouds/identities.ts';
import { type Claims, type Issuer, makeSigner, verifyToken } from '../../support/clouds/jwt.ts';
import { verifySignature } from '../../support/clouds/sigv4.ts';

// A fake that accepts anything proves nothing: these are the mistakes that it must find.
describe('The judge of signatures', () => {
  const now = Date.parse('2015-08-30T12:36:00Z');
  const key = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY', principal: 'user' };
  const errors = { missing: 'missing', unknownKey: 'unknownKey', expiredKey: 'expiredKey', wrong: 'wrong' };
  const scope = { service: 'service', region: 'us-east-1' };
  /** The request `get-vanilla` of the test suite that AWS published for Signature Version 4. */
  const SIGNATURE = '5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31';
  const authorization = (region = 'us-east-1', headers = 'host;x-amz-date', signature = SIGNATURE) =>
    `AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/${region}/service/aws4_request, SignedHeaders=${headers}, Signature=${signature}`;
  const vanilla: CloudRequest = {
    ...{ method: 'GET', host: 'example.amazonaws.com', path: '/', query: new URLSearchParams(), body: '' },
    headers: { host: 'example.amazonaws.com', 'x-amz-date': '20150830T123600Z', authorization: authorization() },
  };
  const judge = (change: Partial<CloudRequest> = {}, at = now, keys: Parameters<typeof verifySignature>[2] = [key]) => {
    try {
      return verifySignature({ ...vanilla, ...change }, scope, keys, at, errors).principal;
    } catch (error) {
      if (error instanceof Refusal) return error.code;
      throw error;
    }
  };
  const withHeaders = (headers: CloudRequest['headers']) => ({ headers: { ...vanilla.headers, ...headers } });

  it("accepts AWS's own example", () => expect(judge()).to.equal('user'));

  const wrong: Record<string, [string, () => unknown]> = {
    'without a signature': ['missing', () => judge({ headers: { host: 'example.amazonaws.com' } })],
    'with another body': ['wrong', () => judge({ body: '{}' })],
    'with another path': ['wrong', () => judge({ path: '/other' })],
    'with another query': ['wrong', () => judge({ query: new URLSearchParams('a=b') })],
    'with another method': ['wrong', () => judge({ method: 'POST' })],
    'for another host': ['wrong', () => judge(withHeaders({ host: 'evil.example.com' }))],
    'for another region': ['wrong', () => judge(withHeaders({ authorization: authorization('eu-central-1') }))],
    'with another signature': ['wrong', () => judge(withHeaders({ authorization: authorization(undefined, undefined, '0'.repeat(64)) }))],
    'whose target is not signed': ['wrong', () => judge(withHeaders({ 'x-amz-target': 'sample' }))],
    'that is six minutes old': ['wrong', () => judge({}, now + 6 * 60_000)],
    'from six minutes in the future': ['wrong', () => judge({}, now - 6 * 60_000)],
    'of an unknown key': ['unknownKey', () => judge({}, now, [])],
    'of a session without its token': ['unknownKey', () => judge({}, now, [{ ...key, sessionToken: 'sample-session' }])],
    'of a session that has expired': ['expiredKey', () => judge({}, now, [{ ...key, expiresAt: now }])],
  };
  for (const [title, [code, judged]] of Object.entries(wrong)) it(`refuses a request ${title}`, () => expect(judged()).to.equal(code));

  it('knows the hosts of AWS, and no look-alike', () => {
    for (const host of [
      'api.ecr.eu-central-1.amazonaws.com',
      'sts.cn-north-1.amazonaws.com.cn',
      'ecr.us-west-2.api.aws',
      'sts.amazonaws.com',
    ])
      expect(endpointOf(host), host).to.not.equal(undefined);
    for (const host of [
      'api.ecr.eu-central-1.amazonaws.com.evil.com',
      'api.ecr.cn-north-1.amazonaws.com',
      'evil-amazonaws.com',
      'ecr.eu-central-1.amazonaws.com',
    ])
      expect(endpointOf(host), host).to.equal(undefined);
  });
});

describe('The judge of tokens', () => {
  const signer = makeSigner('https://cluster.test');
  const now = Date.now();
  const judge = (token: string, at = now, issuers: readonly Issuer[] = [signer]) => {
    try {
      return verifyToken(token, issuers, at, { invalid: 'invalid', expired: 'expired' }).sub;
    } catch (error) {
      if (error instanceof Refusal) return error.code;
      throw error;
    }
  };
  const write = (claims: Claims = {}) => signer.write({ sub: 'me', ...claims }, now);
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const [header = '', claims = '', signature = ''] = write().split('.');
  const hs256 = `${encode({ alg: 'HS256', kid: signer.keys[0]?.kid })}.${claims}`;

  it('accepts a token of an issuer that it trusts', () => expect(judge(write())).to.equal('me'));

  const wrong: Record<string, [string, () => unknown]> = {
    'that is none': ['invalid', () => judge('sample')],
    'of another issuer': ['invalid', () => judge(write({ iss: 'https://other.test' }))],
    'that another key signed': ['invalid', () => judge(makeSigner(signer.issuer).write({ sub: 'me' }, now))],
    'with other claims': [
      'invalid',
      () => judge(`${header}.${encode({ iss: signer.issuer, sub: 'other', iat: now / 1000, exp: now / 500 })}.${signature}`),
    ],
    'without a signature': ['invalid', () => judge(`${encode({ alg: 'none', kid: signer.keys[0]?.kid })}.${claims}.`)],
    'signed with the public key as a password': [
      'invalid',
      () => judge(`${hs256}.${createHmac('sha256', String(signer.keys[0]?.n)).update(hs256).digest('base64url')}`),
    ],
    'without an expiry': ['invalid', () => judge(write({ exp: undefined }))],
    'that has expired': ['expired', () => judge(write(), now + 3_601_000)],
    'that is not valid yet': ['invalid', () => judge(write(), now - 120_000)],
    'of an issuer that nobody trusts': ['invalid', () => judge(write(), now, [])],
  };
  for (const [title, [code, judged]] of Object.entries(wrong)) it(`refuses a token ${title}`, () => expect(judged()).to.equal(code));
});

describe('The fakes', () => {
  let clouds: Clouds;
  before(async () => {
    clouds = await startClouds();
  });
  after(() => clouds.close());

  it('give out tokens that their registries accept until they expire', async () => {
    const cases = allIdentities(clouds);
    const hosts = { aws: '123456789012.dkr.ecr.eu-central-1.amazonaws.com', gcp: 'europe-west3-docker.pkg.dev', azure: 'acme.azurecr.io' };
    for (const name of ['aws: keys', 'gcp: key', 'azure: secret']) {
      const { request } = cases[name] ?? expect.fail(name);
      const fetch = createTokenFetcher({ env: clouds.env, caFile: [clouds.ca], now: Date.now });
      const { username, password } = await fetch(request, new AbortController().signal);
      const login = { host: hosts[request.cloud], username, password };
      expect(clouds.accepts(login), name).to.equal(true);
      expect(clouds.accepts({ ...login, password: `${password}x` }), name).to.equal(false);
      expect(clouds.accepts({ ...login, username: 'other' }), name).to.equal(false);
      expect(clouds.accepts({ ...login, host: 'ghcr.io' }), name).to.equal(false);
      clouds.clock.offsetMs = 13 * 3_600_000;
      expect(clouds.accepts(login), name).to.equal(false);
      clouds.clock.offsetMs = 0;
    }
  });
});
