import { expect } from 'chai';
import type { CloudAnnotations } from '../../../../src/api/records.ts';
import { belongsTo, regionOfServer } from '../../../../src/plan/tokens/cloud-names.ts';
import { identityFor, type SubjectState, type TokenIdentity, type TokenSpec, tokenNameOf } from '../../../../src/plan/tokens/identity.ts';
import { CLOUD_SERVERS } from '../../../support/cloud-names.ts';

const ECR = '123456789012.dkr.ecr.eu-central-1.amazonaws.com';
const GUID = '11111111-2222-3333-4444-555555555555';
const ROLE = 'arn:aws:iam::123456789012:role/puller';
const ref = { namespace: 'regcred-system', name: 'puller' };
const account = (cloud?: CloudAnnotations, uid = 'u1'): SubjectState => ({
  kind: 'account',
  ref,
  account: { state: 'present', account: { uid, ...(cloud && { cloud }) } },
});
const secret = (uid = 'u1', namespace = 'regcred-system'): SubjectState => ({ kind: 'secret', ref: { namespace, name: 'keys' }, uid });
const POD: SubjectState = { kind: 'pod' };

const identity = (server: string, token: TokenSpec, subject: SubjectState = POD) => identityFor({ server }, token, subject);
const ok = (server: string, token: TokenSpec, subject: SubjectState = POD): TokenIdentity => {
  const found = identity(server, token, subject);
  return 'ok' in found ? found.ok : expect.fail(found.problem.message);
};
const name = (server: string, token: TokenSpec, subject: SubjectState = POD) => tokenNameOf(ok(server, token, subject));

describe('The identity of a token', () => {
  const regions: Record<string, [string, string]> = {
    [ECR]: ['ecr', 'eu-central-1'],
    [`https://${ECR}/team`]: ['ecr', 'eu-central-1'],
    '123456789012.dkr.ecr-fips.us-gov-west-1.amazonaws.com': ['ecr', 'us-gov-west-1'],
    '123456789012.dkr-ecr-fips.us-east-2.on.aws': ['ecr', 'us-east-2'],
    '123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn': ['ecr', 'cn-north-1'],
    'public.ecr.aws': ['ecr-public', 'us-east-1'],
    'ecr-public.aws.com': ['ecr-public', 'us-east-1'],
  };
  for (const [server, [service, region]] of Object.entries(regions))
    it(`for ${server} is of ${service} in ${region}`, () => expect(regionOfServer(server)).to.deep.equal({ service, region }));

  it('takes from the annotations of the ServiceAccount what the spec leaves out', () => {
    expect(ok(ECR, { aws: {} }, account({ roleArn: ROLE }))).to.include({ roleArn: ROLE });
    expect(ok(ECR, { aws: { roleArn: `${ROLE}-2` } }, account({ roleArn: ROLE }))).to.include({ roleArn: `${ROLE}-2` });
    const azure = ok('https://acme.azurecr.io/team', { azure: { clientId: GUID } }, account({ tenantId: GUID, clientId: 'other' }));
    expect(azure).to.include({ registry: 'acme.azurecr.io', tenantId: GUID, clientId: GUID });
  });

  it('of the pod and of static keys ignores annotations: there is no ServiceAccount', () =>
    expect(ok(ECR, { aws: {} })).to.deep.equal({ cloud: 'aws', service: 'ecr', region: 'eu-central-1', subject: { kind: 'pod' } }));

  const problems: Record<string, { server?: string; token: TokenSpec; subject: SubjectState; reason: string; says: string }> = {
    'a missing ServiceAccount': {
      token: { aws: {} },
      subject: { kind: 'account', ref, account: { state: 'missing' } },
      reason: 'SourceMissing',
      says: 'ServiceAccount regcred-system/puller (server',
    },
    'a ServiceAccount in a namespace that is not allowed': {
      token: { aws: {} },
      subject: { kind: 'account', ref, account: { state: 'notAllowed', allowed: ['a', 'b'] } },
      reason: 'SourceNotAllowed',
      says: '--source-namespaces=a,b',
    },
    'a ServiceAccount without a role': {
      token: { aws: {} },
      subject: account(),
      reason: 'IdentityIncomplete',
      says: 'eks.amazonaws.com/role-arn',
    },
    'an annotation that is no role': {
      token: { aws: {} },
      subject: account({ roleArn: 'https://evil.example.com/' }),
      reason: 'IdentityIncomplete',
      says: 'no valid annotation eks.amazonaws.com/role-arn',
    },
    'a tenant that would change the path of a URL': {
      server: 'acme.azurecr.io',
      token: { azure: {} },
      subject: account({ tenantId: '../common', clientId: GUID }),
      reason: 'IdentityIncomplete',
      says: 'token.azure.tenantId is not set',
    },
    'a server of nobody': {
      server: 'acme.azurecr.io.example.com',
      token: { azure: {} },
      subject: POD,
      reason: 'IdentityIncomplete',
      says: 'no registry of Azure',
    },
  };
  for (const [what, { server = ECR, token, subject, reason, says }] of Object.entries(problems)) {
    it(`cannot be made of ${what}`, () => {
      const found = identity(server, token, subject);
      expect('problem' in found && found.problem.reason).to.equal(reason);
      expect('problem' in found && found.problem.message).to.contain(says);
    });
  }

  it('belongs to no look-alike of a cloud, and to every registry of its own', () => {
    for (const cloud of ['aws', 'gcp', 'azure'] as const) {
      const { own, lookAlike } = CLOUD_SERVERS[cloud];
      for (const server of own) expect(belongsTo(cloud, server), server).to.equal(true);
      for (const server of lookAlike) expect(belongsTo(cloud, server), server).to.equal(false);
    }
  });

  it('is shared where cloud, region, role and object are equal', () => {
    expect(name(ECR, { aws: {} })).to.match(/^regcred-token-aws-[0-9a-f]{32}$/);
    expect(name(ECR, { aws: {} })).to.equal(
      name('210987654321.dkr.ecr-fips.eu-central-1.amazonaws.com/team', { aws: { region: 'eu-central-1' } }),
    );
    expect(name('gcr.io', { gcp: {} })).to.equal(name('europe-west3-docker.pkg.dev', { gcp: {} }));
    expect(name(ECR, { aws: { roleArn: ROLE } }, account())).to.equal(name(ECR, { aws: {} }, account({ roleArn: ROLE })));
  });

  it('is not shared where one of them differs', () => {
    const names = [
      name(ECR, { aws: {} }),
      name('123456789012.dkr.ecr.us-east-1.amazonaws.com', { aws: {} }),
      name('public.ecr.aws', { aws: {} }),
      name(ECR, { aws: { roleArn: ROLE } }),
      name(ECR, { aws: {} }, secret()),
      name(ECR, { aws: {} }, secret('u2')),
      name(ECR, { aws: {} }, secret('u1', 'other')),
      name(ECR, { aws: { roleArn: ROLE } }, account()),
      name(ECR, { aws: { roleArn: ROLE } }, account(undefined, 'u2')),
      name('gcr.io', { gcp: {} }),
      name('gcr.io', { gcp: { serviceAccount: 'a@p.iam.gserviceaccount.com' } }),
      name('acme.azurecr.io', { azure: {} }),
      name('other.azurecr.io', { azure: {} }),
      name('acme.azurecr.io', { azure: { clientId: GUID } }),
      name('acme.azurecr.io', { azure: { tenantId: GUID } }),
    ];
    expect(new Set(names).size).to.equal(names.length);
  });
});
