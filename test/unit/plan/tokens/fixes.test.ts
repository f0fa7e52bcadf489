import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { fixOf } from '../../../../src/plan/tokens/fixes.ts';
import type { Subject, TokenIdentity } from '../../../../src/plan/tokens/identity.ts';

const pod: Subject = { kind: 'pod' };
const secret: Subject = { kind: 'secret', namespace: 'regcred-system', name: 'keys', uid: 'u' };
const account: Subject = { kind: 'account', namespace: 'regcred-system', name: 'puller', uid: 'u' };
const aws = (subject: Subject): TokenIdentity => ({ cloud: 'aws', service: 'ecr', region: 'eu-central-1', subject });
const gcp = (subject: Subject): TokenIdentity => ({ cloud: 'gcp', subject });
const azure = (subject: Subject): TokenIdentity => ({ cloud: 'azure', registry: 'acme.azurecr.io', subject });

const cases: Record<string, [TokenIdentity, code: string, fix: string]> = {
  'a pod without an identity at AWS': [aws(pod), 'NoIdentity', "Annotate the operator's ServiceAccount with eks.amazonaws.com/role-arn"],
  'a pod without an identity at Google': [gcp(pod), 'NoIdentity', 'enable Workload Identity Federation'],
  'a node of Google without a service account': [gcp(pod), 'HTTP 404', 'enable Workload Identity Federation'],
  'a pod without an identity at Azure': [azure(pod), 'NoIdentity', 'label its pods azure.workload.identity/use=true'],
  'a node of Azure without a managed identity': [azure(pod), 'invalid_request', 'label its pods azure.workload.identity/use=true'],
  'a role that does not trust the identity': [aws(account), 'AccessDenied', 'the role must trust this identity'],
  'keys of AWS that do not exist': [aws(secret), 'UnrecognizedClientException', 'Replace the keys in the Secret'],
  'a session of static keys that has expired': [aws(secret), 'ExpiredTokenException', 'remove an expired sessionToken'],
  'a token of the pod that has expired': [aws(pod), 'ExpiredTokenException', 'Check the clock of the node'],
  'a cluster that AWS does not know': [aws(account), 'InvalidIdentityToken', 'Create the IAM identity provider'],
  'a key of Google that was deleted': [gcp(secret), 'invalid_grant', 'Create a new key for the service account'],
  'a provider of Google that does not accept the token': [gcp(account), 'invalid_grant', 'Check workloadIdentityProvider'],
  'an impersonation that Google does not allow': [gcp(account), 'PERMISSION_DENIED', 'Grant roles/iam.workloadIdentityUser'],
  'an application without a federated credential': [azure(account), 'AADSTS700213', 'Create a federated credential'],
  'an application of another tenant': [azure(secret), 'AADSTS700016', 'Correct clientId or tenantId'],
  'a client secret that has expired': [azure(secret), 'AADSTS7000222', 'Create a new client secret'],
  'a registry of Azure without the role': [azure(account), 'UNAUTHORIZED', 'Grant the role AcrPull'],
  'AWS that throttles': [aws(pod), 'ThrottlingException', 'the operator retries'],
  'Google that throttles': [gcp(pod), 'RESOURCE_EXHAUSTED', 'the operator retries'],
  'an outage': [azure(pod), 'HTTP 503', 'the operator retries'],
  'a file of the cloud that is not mounted': [aws(pod), 'ENOENT', "restart the operator's pods"],
  'a value that is malformed': [gcp(secret), 'InvalidValue', 'Correct this value'],
  'a clock that is wrong': [azure(pod), 'ExpiredOnArrival', 'Synchronize its time'],
  'an answer that is not from the cloud': [aws(pod), 'MalformedAnswer', 'check HTTPS_PROXY and DNS'],
  'a connection that is refused': [aws(pod), 'ECONNREFUSED', 'Check that the operator can reach the cloud'],
  'a name that cannot be resolved': [aws(pod), 'ENOTFOUND', 'its network policy, DNS'],
  'a cloud that does not answer': [gcp(pod), 'Timeout', 'Check that the operator can reach the cloud'],
  'a proxy that wants a login': [gcp(pod), 'ProxyLogin', 'HTTPS_PROXY'],
  'a certificate that is not trusted': [azure(pod), 'UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'Check that the operator can reach the cloud'],
  'a certificate of nobody': [azure(pod), 'DEPTH_ZERO_SELF_SIGNED_CERT', 'Check that the operator can reach the cloud'],
  'a code that is on no list': [
    azure(account),
    'AADSTS500011',
    'Check at Azure that ServiceAccount regcred-system/puller is allowed to do this',
  ],
};

describe('The fix for an error of a cloud', () => {
  for (const [what, [identity, code, fix]] of Object.entries(cases))
    it(`is right for ${what}`, () => expect(fixOf(identity, code)).to.contain(fix));

  it('never says that keys in a Secret are wrong if there is no Secret', () => {
    for (const [identity, code] of Object.values(cases))
      if (identity.subject.kind !== 'secret') expect(fixOf(identity, code), code).to.not.match(/keys in the Secret|sessionToken/);
  });

  it('is in the table of docs/cloud-tokens.md for each code of these clouds', () => {
    const [, table = ''] = readFileSync('docs/cloud-tokens.md', 'utf8').split('## Errors');
    const codes = Object.values(cases).flatMap(([{ cloud }, code]) =>
      code === 'AADSTS500011' || code.startsWith('HTTP ') ? [] : [{ cloud, code }],
    );
    const missing = codes.filter(({ code }) => !table.includes(`\`${code.replace(/(?<=ExpiredToken|Throttling)Exception$/, '')}`));
    expect(missing).to.deep.equal([]);
  });
});
