import { expect } from 'chai';
import type { AzureTokenRequest } from '../../../src/api/cloud-token.ts';
import { createTokenFetcher } from '../../../src/cloud/cloud.ts';
import { type Clouds, startClouds } from '../../support/clouds/clouds.ts';
import { failureOf } from '../../support/clouds/fetching.ts';
import { makeSigner } from '../../support/clouds/jwt.ts';

const HOUR = 3_600_000;
const TENANT = '11111111-2222-3333-4444-555555555555';
const CLIENT = '66666666-7777-8888-9999-000000000000';
const SECOND_CLIENT = '66666666-7777-8888-9999-000000000001';
const OTHER_TENANT = '11111111-2222-3333-4444-666666666666';
const SECRET = 'sample-client-secret';
const SUBJECT = 'system:serviceaccount:team-a:puller';
const REGISTRY = 'acme.azurecr.io';

describe('A token for Azure Container Registry', () => {
  const cluster = makeSigner('https://cluster.test');
  let clouds: Clouds;
  let start = 0;

  before(async () => {
    clouds = await startClouds();
    clouds.trust(cluster);
    const federated = { issuer: cluster.issuer, subject: SUBJECT };
    clouds.azure.applications.push({ tenantId: TENANT, clientId: CLIENT, clientSecret: SECRET, federated });
    clouds.azure.applications.push({ tenantId: OTHER_TENANT, clientId: CLIENT, clientSecret: SECRET });
    for (const cloud of ['io', 'cn', 'us', 'de'])
      clouds.azure.registries.set(`acme.azurecr.${cloud}`, { tenantId: TENANT, pullers: [CLIENT, SECOND_CLIENT] });
    clouds.azure.registries.set('other.azurecr.io', { tenantId: TENANT, pullers: [] });
  });
  beforeEach(() => {
    clouds.azure.throttled = 0;
    clouds.azure.managedIdentities.splice(0);
    start = clouds.requests.length;
  });
  after(() => clouds.close());

  const hosts = () => clouds.requests.slice(start).map(({ host }) => host);
  const accountToken = (claims = {}, at = Date.now()) =>
    cluster.write({ sub: SUBJECT, aud: ['api://AzureADTokenExchange'], ...claims }, at);
  const fetchWith = (request: Partial<AzureTokenRequest>, env: Record<string, string> = {}) =>
    createTokenFetcher({ env: { ...clouds.env, ...env }, caFile: [clouds.ca], now: Date.now })(
      { cloud: 'azure', registry: REGISTRY, identity: secret, ...request },
      new AbortController().signal,
    );
  const secret = { kind: 'secret', tenantId: TENANT, clientId: CLIENT, clientSecret: SECRET } as const;
  const assertion = (token = accountToken()) => ({ kind: 'assertion' as const, tenantId: TENANT, clientId: CLIENT, token });
  const pod = { kind: 'pod' } as const;
  const hasIdentities = () => {
    const identity = { tenantId: TENANT, clientId: CLIENT };
    clouds.azure.managedIdentities.push(identity, { ...identity, clientId: SECOND_CLIENT });
  };

  const identities: Record<
    string,
    { identity: () => AzureTokenRequest['identity']; env?: () => Record<string, string>; before?: () => void; principal?: string }
  > = {
    'a client secret': { identity: () => secret },
    'the token of a ServiceAccount': { identity: () => assertion() },
    "the pod's workload identity": { identity: () => pod, env: () => clouds.podEnv.azureWorkloadIdentity(TENANT, CLIENT, accountToken()) },
    "the pod's workload identity, as another application": {
      identity: () => ({ ...pod, clientId: CLIENT, tenantId: TENANT }),
      env: () => clouds.podEnv.azureWorkloadIdentity(OTHER_TENANT, SECOND_CLIENT, accountToken()),
    },
    "a secret in the pod's environment": {
      identity: () => pod,
      env: () => ({ AZURE_TENANT_ID: TENANT, AZURE_CLIENT_ID: CLIENT, AZURE_CLIENT_SECRET: SECRET }),
    },
    'the managed identity of the node': { identity: () => pod, before: hasIdentities },
    'a named managed identity': { identity: () => ({ ...pod, clientId: SECOND_CLIENT }), before: hasIdentities, principal: SECOND_CLIENT },
    'a managed identity of the environment': {
      ...{ identity: () => pod, before: hasIdentities, principal: SECOND_CLIENT },
      env: () => ({ AZURE_CLIENT_ID: SECOND_CLIENT, AZURE_TENANT_ID: TENANT }),
    },
  };
  for (const [title, { identity, env, before: prepare, principal = CLIENT }] of Object.entries(identities)) {
    it(`comes with ${title}`, async () => {
      prepare?.();
      const got = await fetchWith({ identity: identity() }, env?.());
      const issued = clouds.tokens('azure').at(-1);
      expect(got).to.include({ username: '00000000-0000-0000-0000-000000000000', password: issued?.password });
      expect(issued?.principal).to.equal(principal);
      expect(got.expiresAt).to.be.closeTo(Date.now() + 3 * HOUR, 60_000);
      expect(hosts().at(-1)).to.equal(REGISTRY);
    });
  }

  describe('is asked for at the authority', () => {
    const authorities = {
      'acme.azurecr.io': 'login.microsoftonline.com',
      'acme.azurecr.cn': 'login.chinacloudapi.cn',
      'acme.azurecr.us': 'login.microsoftonline.us',
      'acme.azurecr.de': 'login.microsoftonline.de',
    };
    for (const [registry, authority] of Object.entries(authorities)) {
      it(`${authority} for ${registry}, also in a pod whose identity is of another cloud`, async () => {
        for (const env of [undefined, { AZURE_AUTHORITY_HOST: 'https://login.microsoftonline.com/' }]) {
          await fetchWith({ registry }, env);
          expect(hosts().slice(-2)).to.deep.equal([authority, registry]);
        }
      });
    }

    it('that AZURE_AUTHORITY_HOST names, if it is one of an own cloud', async () => {
      const error = await failureOf(fetchWith({}, { AZURE_AUTHORITY_HOST: 'https://login.acme-cloud.example.com/' }));
      expect(error.message).to.contain('cannot ask login.acme-cloud.example.com');
    });

    it('but not over plain HTTP', async () => {
      expect((await failureOf(fetchWith({}, { AZURE_AUTHORITY_HOST: 'http://login.microsoftonline.com' }))).code).to.equal('InvalidValue');
      expect(hosts()).to.deep.equal([]);
    });
  });

  describe('is refused with the code of Azure', () => {
    const cases: Record<string, { code: string; status: number; request: () => Partial<AzureTokenRequest> }> = {
      'for a wrong secret': {
        code: 'AADSTS7000215',
        status: 401,
        request: () => ({ identity: { ...secret, clientSecret: 'sample-wrong' } }),
      },
      'for an unknown application': {
        code: 'AADSTS700016',
        status: 400,
        request: () => ({ identity: { ...secret, clientId: OTHER_TENANT } }),
      },
      'for a token of another ServiceAccount': {
        ...{
          code: 'AADSTS700213',
          status: 401,
          request: () => ({ identity: assertion(accountToken({ sub: 'system:serviceaccount:b:c' })) }),
        },
      },
      'for a token of another audience': {
        ...{ code: 'AADSTS700212', status: 400, request: () => ({ identity: assertion(accountToken({ aud: 'sts.amazonaws.com' })) }) },
      },
      'for a token that has expired': {
        ...{ code: 'AADSTS700024', status: 400, request: () => ({ identity: assertion(accountToken({}, Date.now() - 2 * HOUR)) }) },
      },
      'for a token that another cluster signed': {
        ...{ code: 'AADSTS700027', status: 400 },
        request: () => ({
          identity: assertion(makeSigner(cluster.issuer).write({ sub: SUBJECT, aud: 'api://AzureADTokenExchange' }, Date.now())),
        }),
      },
      'by a registry without the role AcrPull': { code: 'UNAUTHORIZED', status: 401, request: () => ({ registry: 'other.azurecr.io' }) },
      'by a registry of another tenant': {
        code: 'UNAUTHORIZED',
        status: 401,
        request: () => ({ identity: { ...secret, tenantId: OTHER_TENANT } }),
      },
      'for a node without an identity': { code: 'invalid_request', status: 400, request: () => ({ identity: pod }) },
    };
    for (const [title, { code, status, request }] of Object.entries(cases)) {
      it(title, async () => {
        const error = await failureOf(fetchWith(request()));
        expect([error.code, error.httpStatus]).to.deep.equal([code, status]);
      });
    }

    it('when it throttles, with the time to wait', async () => {
      clouds.azure.throttled = 1;
      const error = await failureOf(fetchWith({}));
      expect([error.code, error.httpStatus, error.retryAfterMs]).to.deep.equal(['temporarily_unavailable', 429, 20_000]);
    });
  });
});
