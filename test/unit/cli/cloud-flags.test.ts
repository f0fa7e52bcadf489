import { expect } from 'chai';
import { type CloudFlags, cloudOf, cloudTokenOf, type Home, tokenRole } from '../../../src/cli/cloud-flags.ts';

const ECR = '123456789012.dkr.ecr.eu-central-1.amazonaws.com';
const GUID = '11111111-2222-3333-4444-555555555555';
const PROVIDER = '//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/pool/providers/prod';
const tokenOf = (flags: CloudFlags, server = ECR, home: Home = undefined) =>
  cloudTokenOf(cloudOf(flags) as 'aws', flags, [server], home).token;
const refusal = (flags: CloudFlags, server = ECR, home: Home = undefined): string => {
  try {
    tokenOf(flags, server, home);
  } catch (error) {
    return (error as Error).message;
  }
  return 'accepted';
};

describe('The flags for a token of a cloud', () => {
  const good: Record<string, { flags: CloudFlags; server?: string; home?: Home; want: object }> = {
    'the own identity': { flags: { aws: true }, want: { aws: {} } },
    'a role and a region': {
      flags: { aws: true, region: 'eu-central-1', roleArn: 'arn:aws:iam::123456789012:role/puller' },
      want: { aws: { region: 'eu-central-1', roleArn: 'arn:aws:iam::123456789012:role/puller' } },
    },
    'static keys': { flags: { aws: true, identitySecret: 'ops/keys' }, want: { aws: { secretRef: { namespace: 'ops', name: 'keys' } } } },
    'a ServiceAccount for Google': {
      flags: {
        gcp: true,
        identityAccount: 'ops/puller',
        workloadIdentityProvider: PROVIDER,
        googleServiceAccount: 'p@x.iam.gserviceaccount.com',
      },
      server: 'gcr.io',
      want: {
        gcp: {
          serviceAccount: 'p@x.iam.gserviceaccount.com',
          workloadIdentityProvider: PROVIDER,
          serviceAccountRef: { namespace: 'ops', name: 'puller' },
        },
      },
    },
    'a client secret for Azure': {
      flags: { azure: true, identitySecret: 'ops/keys', tenantId: GUID, clientId: GUID },
      server: 'acme.azurecr.io',
      want: { azure: { tenantId: GUID, clientId: GUID, secretRef: { namespace: 'ops', name: 'keys' } } },
    },
    'an account of the same namespace, for a namespaced credential': {
      flags: { aws: true, identityAccount: 'puller' },
      home: { namespace: 'team-a' },
      want: { aws: { serviceAccountRef: { name: 'puller' } } },
    },
    'the same with its namespace': {
      flags: { aws: true, identityAccount: 'team-a/puller' },
      home: { namespace: 'team-a' },
      want: { aws: { serviceAccountRef: { name: 'puller' } } },
    },
  };
  for (const [what, { flags, server, home, want }] of Object.entries(good))
    it(`describe ${what}`, () => expect(tokenOf(flags, server, home)).to.deep.equal(want));

  const bad: Record<string, { flags: CloudFlags; server?: string; home?: Home; says: string }> = {
    'two clouds': { flags: { aws: true, gcp: true }, says: 'Choose one of --aws, --gcp and --azure' },
    'a look-alike': {
      flags: { azure: true },
      server: 'acme.azurecr.io.example.com',
      says: 'token.azure is for Azure Container Registry only',
    },
    'a flag of another cloud': { flags: { aws: true, tenantId: GUID }, says: '--tenant-id belongs to --azure, and the token is of AWS' },
    'another region': { flags: { aws: true, region: 'eu-west-1' }, says: '--region eu-west-1 is not the region of' },
    'a region with a slash': { flags: { aws: true, region: 'eu/x' }, says: '--region: must be an AWS region' },
    'two identities': {
      flags: { aws: true, identityAccount: 'a/b', identitySecret: 'a/b' },
      says: 'Choose one of --identity-account and --identity-secret',
    },
    'an account for Google without a provider': { flags: { gcp: true, identityAccount: 'a/b' }, server: 'gcr.io', says: 'belong together' },
    'a client secret without a tenant': {
      flags: { azure: true, identitySecret: 'a/b' },
      server: 'acme.azurecr.io',
      says: '--identity-secret needs --tenant-id and --client-id',
    },
    'an account without a namespace': { flags: { aws: true, identityAccount: 'puller' }, says: 'must be NAMESPACE/NAME' },
    'an account with a bad name': { flags: { aws: true, identityAccount: 'ops/Puller' }, says: 'must be a ServiceAccount name' },
    'the own identity for a namespaced credential': {
      flags: { aws: true },
      home: {},
      says: "the operator's own identity is not used for it",
    },
    'an account elsewhere for a namespaced credential': {
      flags: { aws: true, identityAccount: 'ops/puller' },
      home: { namespace: 'team-a' },
      says: 'must be in team-a, the namespace of the credential',
    },
  };
  for (const [what, { flags, server, home, says }] of Object.entries(bad))
    it(`refuse ${what}`, () => expect(refusal(flags, server, home)).to.contain(says));

  it('lead to the Role that lets the operator request tokens of the account, and of no other', () => {
    const [role, binding] = tokenRole({ namespace: 'ops', name: 'puller' }, 'regcred-system');
    expect(role).to.deep.include({
      metadata: { name: 'regcred-token-puller', namespace: 'ops' },
      rules: [{ apiGroups: [''], resources: ['serviceaccounts/token'], resourceNames: ['puller'], verbs: ['create'] }],
    });
    expect(binding).to.deep.include({ subjects: [{ kind: 'ServiceAccount', name: 'regcred', namespace: 'regcred-system' }] });
  });
});
