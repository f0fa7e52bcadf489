import { generateKeyPairSync } from 'node:crypto';
import { expect } from 'chai';
import type { GcpTokenRequest } from '../../../src/api/cloud-token.ts';
import { createTokenFetcher } from '../../../src/cloud/cloud.ts';
import { type Clouds, startClouds } from '../../support/clouds/clouds.ts';
import { failureOf } from '../../support/clouds/fetching.ts';
import { makeSigner } from '../../support/clouds/jwt.ts';

const HOUR = 3_600_000;
const ROBOT = 'robot@acme-prod.iam.gserviceaccount.com';
const PULLER = 'puller@acme-prod.iam.gserviceaccount.com';
const POOL = '//iam.googleapis.com/projects/123456789012/locations/global/workloadIdentityPools/clusters';
const PROVIDER = `${POOL}/providers/prod`;
const SUBJECT = 'system:serviceaccount:team-a:puller';
const FEDERATED = `principal:${POOL}/subject/${SUBJECT}`;

describe('A token for Google Artifact Registry', () => {
  const cluster = makeSigner('https://cluster.test');
  let clouds: Clouds;
  let key: { readonly client_email: string; readonly private_key: string };

  before(async () => {
    clouds = await startClouds();
    clouds.trust(cluster);
    clouds.google.pools.set(PROVIDER, { issuer: cluster.issuer });
    key = clouds.google.addServiceAccount(ROBOT);
    clouds.google.addServiceAccount(PULLER);
    clouds.google.serviceAccounts.get(PULLER)?.impersonators.push(ROBOT, FEDERATED);
  });
  beforeEach(() => {
    clouds.google.metadataAccount = undefined;
    clouds.google.throttled = 0;
    clouds.tamper = () => undefined;
    start = clouds.requests.length;
  });
  after(() => clouds.close());

  let start = 0;
  const hosts = () => clouds.requests.slice(start).map(({ host }) => host);
  const subjectToken = (claims = {}, lifetimeMs = HOUR, at = Date.now()) =>
    cluster.write({ sub: SUBJECT, aud: [`https:${PROVIDER}`], ...claims }, at, lifetimeMs);
  const fetchWith = (request: Partial<GcpTokenRequest>, env: Record<string, string> = {}) =>
    createTokenFetcher({ env: { ...clouds.env, ...env }, caFile: [clouds.ca], now: Date.now })(
      { cloud: 'gcp', identity: keys(), ...request },
      new AbortController().signal,
    );
  const keys = () => ({ kind: 'key' as const, clientEmail: key.client_email, privateKey: key.private_key });
  const federated = (token = subjectToken()) => ({ kind: 'federated' as const, token, workloadIdentityProvider: PROVIDER });
  const pod = { kind: 'pod' } as const;
  const externalAccount = (more = {}) => ({
    ...{ type: 'external_account', audience: PROVIDER, token_url: 'https://evil.example.com/token' },
    credential_source: { file: clouds.file('subject', subjectToken()) },
    ...more,
  });
  const latest = () => clouds.tokens('gcp').at(-1);

  const identities: Record<string, { identity: () => GcpTokenRequest['identity']; env?: () => Record<string, string>; principal: string }> =
    {
      'a key': { identity: keys, principal: ROBOT },
      'the token of a ServiceAccount': { identity: () => federated(), principal: FEDERATED },
      'the metadata server': { identity: () => pod, principal: ROBOT },
      "a key in the pod's GOOGLE_APPLICATION_CREDENTIALS": {
        ...{ identity: () => pod, principal: ROBOT },
        env: () => clouds.podEnv.googleCredentials({ type: 'service_account', ...key, token_uri: 'https://evil.example.com/token' }),
      },
      "federation in the pod's GOOGLE_APPLICATION_CREDENTIALS": {
        ...{ identity: () => pod, principal: FEDERATED },
        env: () => clouds.podEnv.googleCredentials(externalAccount()),
      },
    };
  for (const [title, { identity, env, principal }] of Object.entries(identities)) {
    it(`comes with ${title}`, async () => {
      if (title === 'the metadata server') clouds.google.metadataAccount = ROBOT;
      const got = await fetchWith({ identity: identity() }, env?.());
      expect(got).to.include({ username: 'oauth2accesstoken', password: latest()?.password });
      expect(latest()?.principal).to.equal(principal);
      expect(got.expiresAt).to.be.closeTo(Date.now() + HOUR, 60_000);
    });

    it(`comes with a service account that ${title} impersonates`, async () => {
      if (title === 'the metadata server') clouds.google.metadataAccount = ROBOT;
      const got = await fetchWith({ identity: identity(), serviceAccount: PULLER }, env?.());
      expect(got.password).to.equal(latest()?.password);
      expect(latest()?.principal).to.equal(PULLER);
      expect(got.expiresAt).to.be.closeTo(Date.now() + HOUR, 60_000);
      expect(hosts().at(-1)).to.equal('iamcredentials.googleapis.com');
    });
  }

  it("comes with the service account that the pod's federation names", async () => {
    const url = `https://evil.example.com/v1/projects/-/serviceAccounts/${PULLER}:generateAccessToken`;
    await fetchWith({ identity: pod }, clouds.podEnv.googleCredentials(externalAccount({ service_account_impersonation_url: url })));
    expect(latest()?.principal).to.equal(PULLER);
    expect(hosts()).to.deep.equal(['sts.googleapis.com', 'iamcredentials.googleapis.com']);
  });

  it('expires with the ServiceAccount token that it was exchanged for', async () => {
    const { expiresAt } = await fetchWith({ identity: federated(subjectToken({}, HOUR / 4)) });
    expect(expiresAt).to.be.closeTo(Date.now() + HOUR / 4, 60_000);
  });

  it('accepts a ServiceAccount token whose audience is the provider itself', async () => {
    await fetchWith({ identity: federated(subjectToken({ aud: PROVIDER })) });
    expect(latest()?.principal).to.equal(FEDERATED);
  });

  it('is the same one as before, if the metadata server returns it again', async () => {
    clouds.google.metadataAccount = ROBOT;
    const [first, second] = [await fetchWith({ identity: pod }), await fetchWith({ identity: pod })];
    expect(second.password).to.equal(first.password);
  });

  it('is asked for at the metadata server that GCE_METADATA_HOST names, without a proxy', async () => {
    clouds.google.metadataAccount = ROBOT;
    await fetchWith({ identity: pod }, { HTTP_PROXY: 'http://127.0.0.1:9' });
    expect(hosts()).to.deep.equal([clouds.env.GCE_METADATA_HOST]);
  });

  it('is not taken from a server that does not say that it is Google', async () => {
    clouds.tamper = () => ({ status: 200, body: '{"access_token":"sample","expires_in":3600}' });
    const error = await failureOf(fetchWith({ identity: pod }));
    expect(error.code).to.equal('MalformedAnswer');
  });

  describe('is refused with the code of Google', () => {
    const cases: Record<string, { code: string; status?: number; request?: () => Partial<GcpTokenRequest>; before?: () => void }> = {
      'for a key that was deleted': {
        code: 'invalid_grant',
        status: 400,
        request: () => ({ identity: { ...keys(), privateKey: otherKey() } }),
      },
      'for an account that does not exist': {
        ...{ code: 'invalid_grant', status: 400 },
        request: () => ({ identity: { ...keys(), clientEmail: 'nobody@acme-prod.iam.gserviceaccount.com' } }),
      },
      'for a ServiceAccount token of another audience': {
        ...{ code: 'invalid_grant', status: 400, request: () => ({ identity: federated(subjectToken({ aud: ['api'] })) }) },
      },
      'for a ServiceAccount token that has expired': {
        ...{ code: 'invalid_grant', status: 400, request: () => ({ identity: federated(subjectToken({}, HOUR, Date.now() - 2 * HOUR)) }) },
      },
      'for a provider that does not exist': {
        ...{ code: 'invalid_target', status: 400 },
        request: () => ({ identity: { ...federated(), workloadIdentityProvider: `${PROVIDER}-2` } }),
      },
      'for a service account that may not be impersonated': {
        ...{ code: 'PERMISSION_DENIED', status: 403, request: () => ({ serviceAccount: 'other@acme-prod.iam.gserviceaccount.com' }) },
      },
      'for a node without a service account': { code: 'HTTP 404', status: 404, request: () => ({ identity: pod }) },
    };
    for (const [title, { code, status, request, before: prepare }] of Object.entries(cases)) {
      it(title, async () => {
        prepare?.();
        const error = await failureOf(fetchWith(request?.() ?? {}));
        expect([error.code, error.httpStatus]).to.deep.equal([code, status]);
      });
    }

    it('when it throttles, with the time to wait', async () => {
      clouds.google.throttled = 1;
      const error = await failureOf(fetchWith({}));
      expect([error.code, error.httpStatus, error.retryAfterMs]).to.deep.equal(['RESOURCE_EXHAUSTED', 429, 30_000]);
    });
  });

  describe('is not asked for', () => {
    const cases: Record<string, () => { request: Partial<GcpTokenRequest>; env?: Record<string, string> }> = {
      'with a key that is no RSA key': () => ({ request: { identity: { ...keys(), privateKey: 'sample' } } }),
      'with a key for an elliptic curve': () => ({ request: { identity: { ...keys(), privateKey: ellipticKey() } } }),
      'with a file of an unknown type': () => ({
        request: { identity: pod },
        env: clouds.podEnv.googleCredentials({ type: 'authorized_user' }),
      }),
      'with a file without a key': () => ({
        request: { identity: pod },
        env: clouds.podEnv.googleCredentials({ type: 'service_account' }),
      }),
    };
    for (const [title, make] of Object.entries(cases)) {
      it(title, async () => {
        const { request, env } = make();
        expect((await failureOf(fetchWith(request, env))).code).to.equal('InvalidValue');
        expect(hosts()).to.deep.equal([]);
      });
    }
  });
});

const otherKey = () => generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
const ellipticKey = () => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
