import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { expect } from 'chai';
import type { AwsTokenRequest, AzureTokenRequest, GcpTokenRequest, TokenRequest } from '../../../src/api/cloud-token.ts';
import { createTokenFetcher } from '../../../src/cloud/cloud.ts';
import { startRaw } from '../../support/bad-registry.ts';
import { type Clouds, startClouds } from '../../support/clouds/clouds.ts';
import { failureOf, fetchersFor } from '../../support/clouds/fetching.ts';
import { allIdentities, type Case } from '../../support/clouds/identities.ts';

const GUID = '11111111-2222-3333-4444-555555555555';

describe('A cloud is asked', () => {
  let clouds: Clouds;
  let cases: Record<string, Case>;
  let fetcher: ReturnType<typeof fetchersFor>;
  before(async () => {
    clouds = await startClouds();
    cases = allIdentities(clouds);
    fetcher = fetchersFor(clouds);
  });
  after(() => clouds.close());
  beforeEach(() => {
    for (const cloud of ['aws', 'gcp', 'azure'] as const) clouds.outage(cloud, undefined);
  });

  const fetchWith = (request: TokenRequest, env?: Record<string, string>) => fetcher(env)(request, new AbortController().signal);
  const keys = () => (cases['aws: keys'] as Case).request;

  it('by a program that trusts the authority by NODE_EXTRA_CA_CERTS, and goes through HTTPS_PROXY', async () => {
    const script = `
      import { createTokenFetcher } from ${JSON.stringify(import.meta.resolve('../../../src/cloud/cloud.ts'))};
      const fetch = createTokenFetcher({ env: process.env, caFile: [], now: Date.now });
      const cases = JSON.parse(process.argv[1]);
      for (const { request } of cases) console.log((await fetch(request, AbortSignal.timeout(20_000))).password);`;
    const some = ['aws: keys', 'gcp: key', 'azure: assertion', 'gcp: metadata server'].map((name) => cases[name]);
    const run = async (env: Record<string, string>) => {
      const child = spawn(process.execPath, ['--input-type=module', '-e', script, JSON.stringify(some)], {
        env: { PATH: process.env.PATH, ...env },
      });
      const [out, failed] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]);
      return { out: out.trim().split('\n'), failed };
    };
    const { out, failed } = await run(clouds.env);
    expect(failed).to.equal('');
    const issued = (['aws', 'gcp', 'azure'] as const).flatMap((cloud) => clouds.tokens(cloud)).map(({ password }) => password);
    expect(issued).to.include.members(out);
    const { NODE_EXTRA_CA_CERTS: _, ...untrusting } = clouds.env;
    expect((await run(untrusting)).failed).to.contain('its certificate is not trusted');
  }).timeout(30_000);

  it('directly, if NO_PROXY has its host', async () => {
    const asked: string[] = [];
    const resolve = async (hostname: string) => {
      asked.push(hostname);
      throw Object.assign(new Error('no such name'), { code: 'ENOTFOUND' });
    };
    const fetch = createTokenFetcher({ env: { ...clouds.env, NO_PROXY: '.amazonaws.com' }, caFile: [], now: Date.now, resolve });
    const error = await failureOf(fetch(keys(), new AbortController().signal));
    expect([error.code, asked]).to.deep.equal(['ENOTFOUND', ['sts.eu-central-1.amazonaws.com']]);
  });

  // A name, since this machine itself is never asked through a proxy.
  const metadata = { 'aws: instance': 'AWS_EC2_METADATA_SERVICE_ENDPOINT', 'azure: managed identity': 'AZURE_POD_IDENTITY_AUTHORITY_HOST' };
  for (const [name, variable] of Object.entries({ ...metadata, 'gcp: metadata server': 'GCE_METADATA_HOST' })) {
    it(`without a proxy for metadata (${name})`, async () => {
      const { request } = cases[name] as Case;
      const local = (clouds.env[variable] as string).replace('127.0.0.1', 'metadata.test');
      const env = { ...clouds.env, [variable]: local, HTTP_PROXY: clouds.env.HTTPS_PROXY };
      const resolve = async () => [{ address: '127.0.0.1', family: 4 }];
      await createTokenFetcher({ env, caFile: [clouds.ca], now: Date.now, resolve })(request, new AbortController().signal);
      expect(clouds.requests.map(({ host }) => host)).to.include(new URL(local.includes('://') ? local : `http://${local}`).host);
      expect(clouds.strangers).to.deep.equal([]);
    });
  }

  it('and a pod without an identity gets an error that names the missing variables', async () => {
    const env = {
      ...{ AWS_EC2_METADATA_SERVICE_ENDPOINT: 'http://127.0.0.1:9', GCE_METADATA_HOST: '127.0.0.1:9' },
      AZURE_POD_IDENTITY_AUTHORITY_HOST: 'http://127.0.0.1:9',
    };
    for (const [name, variable] of [
      ['aws: instance', 'AWS_WEB_IDENTITY_TOKEN_FILE'],
      ['gcp: metadata server', 'GOOGLE_APPLICATION_CREDENTIALS'],
      ['azure: managed identity', 'AZURE_FEDERATED_TOKEN_FILE'],
    ] as const) {
      const error = await failureOf(fetchWith((cases[name] as Case).request, env));
      expect(error.code, name).to.equal('NoIdentity');
      expect(error.message, name).to.contain(variable).and.contain('cannot ask 127.0.0.1: it refuses the connection (ECONNREFUSED)');
    }
  });

  it('and an outage is an error with the code of the connection or the status', async () => {
    for (const [cloud, name] of [
      ['aws', 'aws: keys'],
      ['gcp', 'gcp: key'],
      ['azure', 'azure: secret'],
    ] as const) {
      const { request, env } = cases[name] as Case;
      clouds.outage(cloud, 503);
      expect(await failureOf(fetchWith(request, env))).to.include({ code: 'HTTP 503', httpStatus: 503 });
      clouds.outage(cloud, 'unreachable');
      const error = await failureOf(fetchWith(request, env));
      expect([error.httpStatus, error.code]).to.deep.equal([undefined, 'ECONNRESET']);
      clouds.outage(cloud, undefined);
      await fetchWith(request, env);
    }
  });

  it('for a limited time', async () => {
    const silent = await startRaw(() => {});
    const env = { AWS_ENDPOINT_URL: `http://${silent.host}` };
    const fetch = createTokenFetcher({ env, caFile: [], now: Date.now, timeoutMs: 300 });
    const error = await failureOf(fetch(keys(), new AbortController().signal));
    expect(error.message).to.equal('cannot ask 127.0.0.1: it does not answer in time (Timeout)');
    silent.close();
  });

  it('until the program ends', async () => {
    const silent = await startRaw(() => {});
    const stop = new AbortController();
    const fetch = fetcher({ AWS_ENDPOINT_URL: `http://${silent.host}` })(keys(), stop.signal);
    setTimeout(() => stop.abort(new Error('the end')), 100);
    expect(await fetch.catch((error: Error) => error.message)).to.equal('the end');
    silent.close();
  });

  describe('only with values that cannot lead elsewhere:', () => {
    const pod = { kind: 'pod' } as const;
    const aws = (more: Partial<AwsTokenRequest>): TokenRequest => ({ ...(keys() as AwsTokenRequest), ...more });
    const gcp = (more: Partial<GcpTokenRequest>): TokenRequest => ({ ...(cases['gcp: key']?.request as GcpTokenRequest), ...more });
    const azure = (more: Partial<AzureTokenRequest>): TokenRequest => ({
      cloud: 'azure',
      registry: 'acme.azurecr.io',
      identity: pod,
      ...more,
    });
    const provider = (workloadIdentityProvider: string) =>
      gcp({ identity: { kind: 'federated', token: 'sample', workloadIdentityProvider } });
    const tenant = (tenantId: string) => azure({ identity: { kind: 'secret', tenantId, clientId: GUID, clientSecret: 'sample-secret' } });
    const refused: Record<string, (value: string) => TokenRequest> = {
      region: (region) => aws({ region }),
      'role on top': (roleArn) => aws({ roleArn }),
      'role of a ServiceAccount': (roleArn) => aws({ identity: { kind: 'webIdentity', token: 'sample', roleArn } }),
      'service account': (serviceAccount) => gcp({ serviceAccount }),
      'email of a key': (clientEmail) => gcp({ identity: { kind: 'key', clientEmail, privateKey: 'sample' } }),
      provider,
      registry: (registry) => azure({ registry }),
      tenant,
      client: (clientId) => azure({ identity: { kind: 'secret', tenantId: GUID, clientId, clientSecret: 'sample-secret' } }),
      'client of a managed identity': (clientId) => azure({ identity: { kind: 'pod', clientId } }),
      'tenant of a managed identity': (tenantId) => azure({ identity: { kind: 'pod', tenantId } }),
    };
    const values = [
      ...[
        'a/b',
        'a@b',
        'evil.example.com',
        'eu-central-1.evil.example.com',
        'eu-central-1/',
        'eu-central-1@evil',
        'eu-central-1#',
        'eu-central-1\n',
      ],
      ...[
        'acme.azurecr.io.evil.com',
        'evil.com/acme.azurecr.io',
        'acme.azurecr.io:444',
        'acme.azurecr.io@evil.com',
        'acme-azurecr.io',
        'acme.azurecr.io\n',
      ],
      ...[`${GUID}/..`, `${GUID}@evil.com`, `${GUID}\n`, `${GUID}?x`, 'common', '..'],
      ...[
        'x@acme.iam.gserviceaccount.com.evil.com',
        'x@evilgserviceaccount.com',
        'x/../y@acme.iam.gserviceaccount.com',
        'x@acme.iam.gserviceaccount.com:x',
      ],
      ...[
        '//iam.googleapis.com/projects/1/../x',
        '//iam.googleapis.com.evil.com/projects/1/locations/global/workloadIdentityPools/pool/providers/prod',
      ],
      ...['arn:aws:iam::111122223333:user/x', 'arn:aws:iam::1:role/x', 'arn:aws:iam::111122223333:role/x y'],
    ];
    for (const [what, make] of Object.entries(refused)) {
      it(`a malformed ${what} is refused, and nothing is sent`, async () => {
        for (const value of values) {
          const before = clouds.requests.length;
          const error = await failureOf(fetchWith(make(value)));
          // A role or service account on top comes after the first token.
          const mayAsk = what === 'service account' ? ['oauth2.googleapis.com'] : [];
          expect(error.code, value).to.equal('InvalidValue');
          if (value.length > 2) expect(error.message).to.not.contain(value);
          expect(mayAsk, value).to.include.members(clouds.requests.slice(before).map(({ host }) => host));
        }
        expect(clouds.strangers).to.deep.equal([]);
      });
    }
  });
});
