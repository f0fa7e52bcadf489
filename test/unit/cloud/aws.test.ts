import { expect } from 'chai';
import type { AwsTokenRequest } from '../../../src/api/cloud-token.ts';
import { createTokenFetcher } from '../../../src/cloud/cloud.ts';
import { type Clouds, startClouds } from '../../support/clouds/clouds.ts';
import { failureOf } from '../../support/clouds/fetching.ts';
import { makeSigner } from '../../support/clouds/jwt.ts';
import type { Key } from '../../support/clouds/sigv4.ts';

const HOUR = 3_600_000;
const REGION = 'eu-central-1';
const ROLE = 'arn:aws:iam::111122223333:role/puller';
const ON_TOP = 'arn:aws:iam::444455556666:role/team/shared-puller';
const USER = 'arn:aws:iam::111122223333:user/robot';
const SUBJECT = 'system:serviceaccount:team-a:puller';
const AUTHORIZATION = 'sample-pod-identity-authorization';

describe('A token for Amazon ECR', () => {
  const cluster = makeSigner('https://cluster.test');
  let clouds: Clouds;
  let key: Key;
  let token: string;

  beforeEach(async () => {
    clouds = await startClouds();
    clouds.trust(cluster);
    key = clouds.aws.addUser(USER);
    clouds.aws.roles.set(ROLE, { webIdentity: { issuer: cluster.issuer, subject: SUBJECT } });
    clouds.aws.roles.set(ON_TOP, { principals: [ROLE, USER] });
    clouds.aws.podIdentity = { authorization: AUTHORIZATION, role: ROLE };
    token = webIdentityToken();
  });
  afterEach(() => clouds.close());

  const webIdentityToken = (claims = {}, at = Date.now()) => cluster.write({ sub: SUBJECT, aud: ['sts.amazonaws.com'], ...claims }, at);
  const fetcher = (env: Record<string, string> = {}, now = Date.now) =>
    createTokenFetcher({ env: { ...clouds.env, ...env }, caFile: [clouds.ca], now });
  const fetchWith = (request: Partial<AwsTokenRequest>, env?: Record<string, string>, now?: () => number) =>
    fetcher(env, now)({ cloud: 'aws', service: 'ecr', region: REGION, identity: keys(), ...request }, new AbortController().signal);
  const keys = () => ({ kind: 'keys' as const, accessKeyId: key.accessKeyId, secretAccessKey: key.secretAccessKey });
  const webIdentity = () => ({ kind: 'webIdentity' as const, token, roleArn: ROLE });
  const throttle = () => {
    clouds.aws.throttled = 1;
  };
  const hosts = () => clouds.requests.map(({ host }) => host);

  /** The identity, with what the pod's environment has of it. */
  const identities: Record<string, { env: () => Record<string, string>; identity: () => AwsTokenRequest['identity']; principal: string }> =
    {
      'static keys': { env: () => ({}), identity: keys, principal: USER },
      'the token of a ServiceAccount': { env: () => ({}), identity: webIdentity, principal: ROLE },
      "the pod's IRSA": { env: () => clouds.podEnv.irsa(ROLE, token), identity: () => ({ kind: 'pod' }), principal: ROLE },
      "the pod's EKS Pod Identity": {
        env: () => clouds.podEnv.eksPodIdentity(AUTHORIZATION),
        identity: () => ({ kind: 'pod' }),
        principal: ROLE,
      },
      'the role of the instance': { env: () => ({}), identity: () => ({ kind: 'pod' }), principal: ROLE },
      "keys in the pod's environment": {
        env: () => ({ AWS_ACCESS_KEY_ID: key.accessKeyId, AWS_SECRET_ACCESS_KEY: key.secretAccessKey }),
        identity: () => ({ kind: 'pod' }),
        principal: USER,
      },
    };

  for (const [title, { env, identity, principal }] of Object.entries(identities)) {
    const prepare = () => {
      if (title === 'the role of the instance') clouds.aws.instanceRole = ROLE;
    };
    for (const [service, region] of [
      ['ecr', REGION],
      ['ecr-public', 'us-east-1'],
    ] as const) {
      it(`comes with ${title}, from ${service}`, async () => {
        prepare();
        const got = await fetchWith({ service, region, identity: identity() }, env());
        const [issued] = clouds.tokens('aws');
        expect(got).to.deep.equal({ username: 'AWS', password: issued?.password, expiresAt: issued?.expiresAt });
        expect(got.expiresAt - Date.now()).to.be.within(12 * HOUR - 60_000, 12 * HOUR);
        expect(issued?.principal).to.equal(principal);
      });
    }

    it(`comes with a role on top of ${title}${title === 'the token of a ServiceAccount' ? ', whose role is the only one' : ''}`, async () => {
      prepare();
      await fetchWith({ identity: identity(), roleArn: ON_TOP }, env());
      expect(clouds.tokens('aws')[0]?.principal).to.equal(title === 'the token of a ServiceAccount' ? ROLE : ON_TOP);
    });
  }

  describe('is asked for at the host', () => {
    const cases: Record<string, { region: string; ecr: string; sts: string; env?: Record<string, string> }> = {
      'of a region': { region: 'ap-southeast-5', ecr: 'api.ecr.ap-southeast-5.amazonaws.com', sts: 'sts.ap-southeast-5.amazonaws.com' },
      'of China': { region: 'cn-north-1', ecr: 'api.ecr.cn-north-1.amazonaws.com.cn', sts: 'sts.cn-north-1.amazonaws.com.cn' },
      'of GovCloud': { region: 'us-gov-west-1', ecr: 'api.ecr.us-gov-west-1.amazonaws.com', sts: 'sts.us-gov-west-1.amazonaws.com' },
      'of the sovereign cloud': {
        region: 'eusc-de-east-1',
        ecr: 'api.ecr.eusc-de-east-1.amazonaws.eu',
        sts: 'sts.eusc-de-east-1.amazonaws.eu',
      },
      'of an isolated region': { region: 'us-iso-east-1', ecr: 'api.ecr.us-iso-east-1.c2s.ic.gov', sts: 'sts.us-iso-east-1.c2s.ic.gov' },
      'of another one': { region: 'us-isob-east-1', ecr: 'api.ecr.us-isob-east-1.sc2s.sgov.gov', sts: 'sts.us-isob-east-1.sc2s.sgov.gov' },
      'of the isolated cloud in Europe': {
        region: 'eu-isoe-west-1',
        ecr: 'api.ecr.eu-isoe-west-1.cloud.adc-e.uk',
        sts: 'sts.eu-isoe-west-1.cloud.adc-e.uk',
      },
      'of the newest isolated one': {
        region: 'us-isof-south-1',
        ecr: 'api.ecr.us-isof-south-1.csp.hci.ic.gov',
        sts: 'sts.us-isof-south-1.csp.hci.ic.gov',
      },
      'with FIPS': {
        region: 'us-east-1',
        ecr: 'api.ecr-fips.us-east-1.amazonaws.com',
        sts: 'sts-fips.us-east-1.amazonaws.com',
        env: { AWS_USE_FIPS_ENDPOINT: 'true' },
      },
      'with IPv6': {
        region: 'us-west-2',
        ecr: 'ecr.us-west-2.api.aws',
        sts: 'sts.us-west-2.api.aws',
        env: { AWS_USE_DUALSTACK_ENDPOINT: 'true' },
      },
      'with the global STS': {
        region: REGION,
        ecr: `api.ecr.${REGION}.amazonaws.com`,
        sts: 'sts.amazonaws.com',
        env: { AWS_STS_REGIONAL_ENDPOINTS: 'legacy' },
      },
    };
    for (const [title, { region, ecr, sts, env }] of Object.entries(cases)) {
      it(title, async () => {
        await fetchWith({ region, roleArn: ON_TOP }, env);
        expect(hosts()).to.deep.equal([sts, ecr]);
      });
    }

    it('of public ECR', async () => {
      await fetchWith({ service: 'ecr-public', region: 'us-east-1' });
      expect(hosts()).to.deep.equal(['api.ecr-public.us-east-1.amazonaws.com']);
    });

    for (const variables of [
      { AWS_ENDPOINT_URL_ECR: 'ecr', AWS_ENDPOINT_URL_STS: 'sts', AWS_ENDPOINT_URL: 'other' },
      { AWS_ENDPOINT_URL: 'other' },
    ]) {
      it(`of ${Object.keys(variables).join(', ')}`, async () => {
        // The fakes answer at the hosts of AWS only, so the variables name those of another region.
        const urls: Record<string, string> = {
          ecr: 'https://api.ecr.eu-west-3.amazonaws.com',
          sts: 'https://sts.eu-west-3.amazonaws.com',
          other: 'https://api.ecr.eu-north-1.amazonaws.com',
        };
        const env = Object.fromEntries(Object.entries(variables).map(([name, url]) => [name, urls[url] as string]));
        await fetchWith({ roleArn: ON_TOP }, env).catch(() => {});
        const all = Object.values(env).map((url) => new URL(url).host);
        expect(all).to.include(hosts()[0]);
        await fetchWith({}, { ...env, AWS_IGNORE_CONFIGURED_ENDPOINT_URLS: 'true' });
        expect(hosts().at(-1)).to.equal(`api.ecr.${REGION}.amazonaws.com`);
      });
    }
  });

  describe('when the clocks differ', () => {
    for (const minutes of [-40, 40, 600]) {
      it(`by ${minutes} minutes, is fetched after one correction`, async () => {
        await fetchWith({ roleArn: ON_TOP }, {}, () => Date.now() + minutes * 60_000);
        expect(hosts()).to.deep.equal([`sts.${REGION}.amazonaws.com`, `sts.${REGION}.amazonaws.com`, `api.ecr.${REGION}.amazonaws.com`]);
      });
    }

    it('is not asked for a third time', async () => {
      const wrong = { kind: 'keys' as const, accessKeyId: key.accessKeyId, secretAccessKey: 'sample-wrong-secret-key' };
      const error = await failureOf(fetchWith({ identity: wrong }, {}, () => Date.now() + HOUR));
      expect([error.code, clouds.count()]).to.deep.equal(['InvalidSignatureException', 2]);
    });
  });

  describe('is refused with the code of AWS', () => {
    const cases: Record<string, { code: string; status: number; request?: () => Partial<AwsTokenRequest>; before?: () => void }> = {
      'for a role that may not pull': {
        ...{ code: 'AccessDeniedException', status: 400, request: () => ({ roleArn: ON_TOP }) },
        before: () => void clouds.aws.roles.set(ON_TOP, { principals: [USER], mayPull: false }),
      },
      'for a role that may not be assumed': { code: 'AccessDenied', status: 403, request: () => ({ roleArn: ROLE }) },
      'for an unknown key': { code: 'UnrecognizedClientException', status: 403, before: () => void clouds.aws.keys.splice(0) },
      'for a wrong secret key': {
        ...{ code: 'InvalidSignatureException', status: 403 },
        request: () => ({ identity: { ...keys(), secretAccessKey: 'sample-wrong-secret-key' } }),
      },
      'for a session that has expired': {
        ...{ code: 'ExpiredTokenException', status: 403 },
        request: () => {
          const expired = {
            accessKeyId: 'ASIASAMPLE',
            secretAccessKey: 'sample-secret',
            sessionToken: 'sample-session',
            expiresAt: Date.now() - 1,
          };
          clouds.aws.keys.push({ ...expired, principal: USER });
          return { identity: { kind: 'keys', ...expired } };
        },
      },
      'for a token of another audience': {
        ...{ code: 'InvalidIdentityToken', status: 400 },
        request: () => ({ identity: { ...webIdentity(), token: webIdentityToken({ aud: ['api'] }) } }),
      },
      'for a token that has expired': {
        ...{ code: 'ExpiredTokenException', status: 400 },
        request: () => ({ identity: { ...webIdentity(), token: webIdentityToken({}, Date.now() - 2 * HOUR) } }),
      },
      'for a token of another ServiceAccount': {
        ...{ code: 'AccessDenied', status: 403 },
        request: () => ({ identity: { ...webIdentity(), token: webIdentityToken({ sub: 'system:serviceaccount:team-b:puller' }) } }),
      },
      'for a token that another cluster signed': {
        ...{ code: 'InvalidIdentityToken', status: 400 },
        request: () => ({
          identity: { ...webIdentity(), token: makeSigner(cluster.issuer).write({ sub: SUBJECT, aud: 'sts.amazonaws.com' }, Date.now()) },
        }),
      },
      'by ECR when it throttles': { code: 'ThrottlingException', status: 400, before: throttle },
      'by STS when it throttles': {
        ...{ code: 'Throttling', status: 400, request: () => ({ identity: webIdentity() }) },
        before: throttle,
      },
    };
    for (const [title, { code, status, request, before }] of Object.entries(cases)) {
      it(title, async () => {
        before?.();
        const error = await failureOf(fetchWith(request?.() ?? {}));
        expect([error.code, error.httpStatus]).to.deep.equal([code, status]);
        expect(error.message).to.match(new RegExp(`^[a-z0-9.-]+ refuses \\w+: ${code} \\(HTTP ${status}\\)$`));
      });
    }
  });

  describe('for the pod', () => {
    it('fails with the reason if it has no identity', async () => {
      const error = await failureOf(fetchWith({ identity: { kind: 'pod' } }, { AWS_EC2_METADATA_DISABLED: 'true' }));
      expect(error.code).to.equal('NoIdentity');
      expect(error.message).to.contain('AWS_WEB_IDENTITY_TOKEN_FILE').and.contain('AWS_EC2_METADATA_DISABLED is true');
    });

    it('fails with the code of the metadata service', async () => {
      clouds.aws.instanceRole = ROLE;
      clouds.tamper = ({ path }) =>
        path.endsWith('/puller') ? { status: 200, body: '{"Code":"AssumeRoleUnauthorizedAccess","Message":"sample"}' } : undefined;
      expect((await failureOf(fetchWith({ identity: { kind: 'pod' } }))).code).to.equal('AssumeRoleUnauthorizedAccess');
    });

    it('reads the authorization of EKS again each time, since EKS replaces it', async () => {
      const env = clouds.podEnv.eksPodIdentity(AUTHORIZATION);
      const fetch = fetcher(env);
      const request = { cloud: 'aws', service: 'ecr', region: REGION, identity: { kind: 'pod' } } as const;
      await fetch(request, new AbortController().signal);
      clouds.aws.podIdentity = { authorization: 'sample-second-authorization', role: ROLE };
      clouds.podEnv.eksPodIdentity('sample-second-authorization');
      await fetch(request, new AbortController().signal);
      expect(clouds.tokens('aws')).to.have.length(2);
    });

    it('sends the authorization of EKS to no other host over plain HTTP', async () => {
      const env = { ...clouds.podEnv.eksPodIdentity(AUTHORIZATION), AWS_CONTAINER_CREDENTIALS_FULL_URI: 'http://credentials.example.com/' };
      expect((await failureOf(fetchWith({ identity: { kind: 'pod' } }, env))).code).to.equal('InvalidValue');
      expect(clouds.count()).to.equal(0);
    });

    it('names the file of IRSA that is missing', async () => {
      const env = { AWS_ROLE_ARN: ROLE, AWS_WEB_IDENTITY_TOKEN_FILE: '/nonexistent/token' };
      const error = await failureOf(fetchWith({ identity: { kind: 'pod' } }, env));
      expect([error.code, error.message]).to.deep.equal([
        'ENOENT',
        'the file /nonexistent/token of AWS_WEB_IDENTITY_TOKEN_FILE cannot be read (ENOENT)',
      ]);
    });
  });
});
