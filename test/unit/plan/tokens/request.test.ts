import { expect } from 'chai';
import type { SourceRecord } from '../../../../src/api/records.ts';
import { explainFailure } from '../../../../src/plan/tokens/failure.ts';
import type { TokenIdentity } from '../../../../src/plan/tokens/identity.ts';
import { audienceOf, requestFor } from '../../../../src/plan/tokens/request.ts';
import { readSecretKeys, type SecretKeys } from '../../../../src/plan/tokens/secret-keys.ts';
import { base64 } from '../../../support/builders.ts';

const ref = { namespace: 'regcred-system', name: 'keys' };
const source = (values: Record<string, string>): SourceRecord => ({
  ...{ namespace: ref.namespace, name: ref.name, uid: 'u', resourceVersion: '1', type: 'Opaque', labels: {}, changedAt: 0 },
  data: Object.fromEntries(Object.entries(values).map(([key, value]) => [key, base64(value)])),
});
const read = (cloud: TokenIdentity['cloud'], values: Record<string, string>) =>
  readSecretKeys(cloud, ref, source(values), 'registry.example.com');
const keyFile = {
  type: 'service_account',
  client_email: 'puller@p.iam.gserviceaccount.com',
  private_key: '-----BEGIN PRIVATE KEY-----\nsample',
  token_uri: 'https://evil.example.com',
};

describe('The static keys of a token', () => {
  const good: Record<string, [TokenIdentity['cloud'], Record<string, string>, SecretKeys]> = {
    'of AWS': [
      'aws',
      { accessKeyId: 'AKIA\n', secretAccessKey: ' sample ' },
      { cloud: 'aws', accessKeyId: 'AKIA', secretAccessKey: 'sample' },
    ],
    'of AWS with a session': [
      'aws',
      { accessKeyId: 'ASIA', secretAccessKey: 'sample', sessionToken: 'x' },
      { cloud: 'aws', accessKeyId: 'ASIA', secretAccessKey: 'sample', sessionToken: 'x' },
    ],
    'of Google, of which only two fields are used': [
      'gcp',
      { 'key.json': JSON.stringify(keyFile) },
      { cloud: 'gcp', clientEmail: keyFile.client_email, privateKey: keyFile.private_key },
    ],
    'of Azure': ['azure', { clientSecret: 'sample\n' }, { cloud: 'azure', clientSecret: 'sample' }],
  };
  for (const [what, [cloud, values, ok]] of Object.entries(good))
    it(`${what} are read`, () => expect(read(cloud, values)).to.deep.equal({ ok }));

  const bad: Record<string, [TokenIdentity['cloud'], Record<string, string>, string, string]> = {
    'without a key': [
      'aws',
      { accessKeyId: 'AKIA', password: 'x' },
      'KeyMissing',
      'the key "secretAccessKey" is missing. The Secret has the keys: accessKeyId, password.',
    ],
    'of a Secret with many long keys': [
      'azure',
      Object.fromEntries(Array.from({ length: 11 }, (_, n) => [`${'k'.repeat(99)}${'abcdefghijk'[n]}-end`, 'x'])),
      'KeyMissing',
      `${'k'.repeat(99)}i, ${'k'.repeat(99)}j. Add the key.`,
    ],
    'in a file of a very long type': [
      'gcp',
      { 'key.json': JSON.stringify({ ...keyFile, type: `${'t'.repeat(40)}-end` }) },
      'MalformedEntry',
      `(type "${'t'.repeat(40)}")`,
    ],
    'of an empty Secret': ['azure', {}, 'KeyMissing', 'The Secret is empty.'],
    'with an empty value': ['azure', { clientSecret: '\n' }, 'EmptyPassword', 'the value is empty'],
    'in a file that is not JSON': ['gcp', { 'key.json': 'sample' }, 'NotJSON', 'not a JSON object'],
    'in an external_account file': [
      'gcp',
      { 'key.json': JSON.stringify({ ...keyFile, type: 'external_account' }) },
      'MalformedEntry',
      'set serviceAccountRef and workloadIdentityProvider',
    ],
    'in an authorized_user file': [
      'gcp',
      { 'key.json': JSON.stringify({ ...keyFile, type: 'authorized_user' }) },
      'MalformedEntry',
      'type "authorized_user"',
    ],
    'without a type': [
      'gcp',
      { 'key.json': JSON.stringify({ ...keyFile, type: undefined }) },
      'MalformedEntry',
      'not the key of a service account.',
    ],
    'without an email address': ['gcp', { 'key.json': JSON.stringify({ ...keyFile, client_email: 1 }) }, 'MalformedEntry', 'client_email'],
    'without a private key': [
      'gcp',
      { 'key.json': JSON.stringify({ ...keyFile, private_key: 'sample' }) },
      'MalformedEntry',
      'private_key',
    ],
  };
  for (const [what, [cloud, values, reason, says]] of Object.entries(bad)) {
    it(`${what} are refused, with the Secret and the key but no value`, () => {
      const found = read(cloud, values);
      const problem = 'problem' in found ? found.problem : expect.fail('it was read');
      expect(problem.reason).to.equal(reason);
      expect(problem.message).to.contain('Secret regcred-system/keys').and.contain(says).and.not.contain('sample');
    });
  }
});

const PROVIDER = '//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/pool/providers/prod';
const account = { kind: 'account', namespace: 'regcred-system', name: 'puller', uid: 'u' } as const;
const aws: TokenIdentity = { cloud: 'aws', service: 'ecr', region: 'eu-central-1', roleArn: 'arn:aws:iam::1:role/r', subject: account };

describe('The request for a token', () => {
  it('asks for the audience of the cloud', () => {
    expect(audienceOf(aws)).to.equal('sts.amazonaws.com');
    expect(audienceOf({ cloud: 'gcp', workloadIdentityProvider: PROVIDER, subject: account })).to.equal(PROVIDER);
    expect(audienceOf({ cloud: 'azure', registry: 'acme.azurecr.io', subject: account })).to.equal('api://AzureADTokenExchange');
  });

  it('of a ServiceAccount has its role as the only one', () =>
    expect(requestFor(aws, { kind: 'account', token: 'jwt' })).to.deep.equal({
      ...{ cloud: 'aws', service: 'ecr', region: 'eu-central-1' },
      identity: { kind: 'webIdentity', token: 'jwt', roleArn: 'arn:aws:iam::1:role/r' },
    }));

  it('of static keys assumes the role on top', () =>
    expect(requestFor(aws, { kind: 'keys', keys: { cloud: 'aws', accessKeyId: 'a', secretAccessKey: 'b' } })).to.deep.include({
      roleArn: 'arn:aws:iam::1:role/r',
    }));

  it('never takes the keys of one cloud to another', () =>
    expect(() => requestFor(aws, { kind: 'keys', keys: { cloud: 'azure', clientSecret: 'x' } })).to.throw('These keys are for azure'));
});

describe('A failed fetch', () => {
  const says = (error: Parameters<typeof explainFailure>[1], identity: TokenIdentity = aws) => explainFailure(identity, error);
  it('has the code of the cloud, and what usually causes it', () => {
    const message = 'sts.eu-central-1.amazonaws.com refuses AssumeRoleWithWebIdentity: AccessDenied (HTTP 403)';
    expect(says({ kind: 'cloud', code: 'AccessDenied', message })).to.equal(
      `AWS gives no token to ServiceAccount regcred-system/puller: ${message}. Allow it: the role must trust this identity, and its policy needs ecr:GetAuthorizationToken (for public.ecr.aws also ecr-public:GetAuthorizationToken and sts:GetServiceBearerToken).`,
    );
  });
  it('has the code also if the message lacks it', () =>
    expect(
      says(
        { kind: 'cloud', code: 'AADSTS700213', message: 'no' },
        { cloud: 'azure', registry: 'acme.azurecr.io', subject: { kind: 'pod' } },
      ),
    ).to.match(/^Azure gives no token to the operator's own identity: no \(AADSTS700213\)\. Create a federated credential/));
  it('prints the Role that is missing, for the operator that the API server names', () => {
    const message =
      'serviceaccounts "puller" is forbidden: User "system:serviceaccount:ops:regcred-2" cannot create resource "serviceaccounts/token"';
    expect(says({ kind: 'account', status: 403, message })).to.contain(
      'kubectl create role regcred-token-puller -n regcred-system --verb=create --resource=serviceaccounts/token --resource-name=puller && kubectl create rolebinding regcred-token-puller -n regcred-system --role=regcred-token-puller --serviceaccount=ops:regcred-2',
    );
  });
  it('on the network says what to check', () =>
    expect(says({ kind: 'cloud', code: 'ECONNREFUSED', message: 'cannot ask' })).to.contain('HTTPS_PROXY'));
  it('repeats no secret that an answer may quote', () =>
    expect(says({ kind: 'cloud', code: 'X', message: 'password=sample-secret-value' })).to.not.contain('sample-secret-value'));
});
