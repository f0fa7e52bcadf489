/** What the API server accepts under spec.registries[].token, and how it explains a refusal. */
import { expect } from 'chai';
import { CLOUD_FIELDS, CLOUD_SERVERS } from '../support/cloud-names.ts';
import { type Cluster, theCluster } from '../support/cluster.ts';
import { eventually } from '../support/eventually.ts';

const secretRef = { namespace: 'sources', name: 'keys' };
const serviceAccountRef = { namespace: 'sources', name: 'puller' };
const ECR = '123456789012.dkr.ecr.eu-central-1.amazonaws.com';
const GAR = 'europe-west3-docker.pkg.dev';
const ACR = 'acme.azurecr.io';
const [PROVIDER] = CLOUD_FIELDS.workloadIdentityProvider.valid;
const [GUID] = CLOUD_FIELDS.guid.valid;

describe('The API of cloud tokens', () => {
  let cluster: Cluster;
  before(async () => (cluster = await theCluster()));

  /** The message of the refusal, or `accepted`. */
  const dryRun = (...registries: object[]) =>
    cluster.api
      .call('POST', '/apis/regcred.dev/v1alpha1/registrycredentials', {
        body: {
          apiVersion: 'regcred.dev/v1alpha1',
          kind: 'RegistryCredential',
          metadata: { name: 'dry-run' },
          spec: { registries, namespaces: { names: ['team-*'] } },
        },
        query: { dryRun: 'All', fieldValidation: 'Strict' },
      })
      .then(
        () => 'accepted',
        (error: Error) => error.message,
      );

  const accepted: Record<string, object> = {
    'aws with the own identity': { server: ECR, token: { aws: {} } },
    'aws with the region of the server': { server: ECR, token: { aws: { region: 'eu-central-1' } } },
    'aws with the region of a dual-stack server': {
      server: '123456789012.dkr-ecr.eu-west-1.on.aws',
      token: { aws: { region: 'eu-west-1' } },
    },
    'aws with us-east-1 for public ECR': { server: 'public.ecr.aws', token: { aws: { region: 'us-east-1' } } },
    'aws with static keys and a role': { server: ECR, token: { aws: { secretRef, roleArn: CLOUD_FIELDS.roleArn.valid[0] } } },
    'aws with a ServiceAccount': { server: ECR, token: { aws: { serviceAccountRef } } },
    'gcp with the own identity and impersonation': {
      server: GAR,
      token: { gcp: { serviceAccount: CLOUD_FIELDS.serviceAccount.valid[0] } },
    },
    'gcp with a ServiceAccount': { server: GAR, token: { gcp: { serviceAccountRef, workloadIdentityProvider: PROVIDER } } },
    'azure with the own identity': { server: ACR, token: { azure: {} } },
    'azure with a client secret': { server: ACR, token: { azure: { secretRef, tenantId: GUID, clientId: GUID } } },
    'a token with a probe image and a CA bundle': { server: ACR, token: { azure: {} }, probeImage: 'team/app:1', caBundle: 'LS0tLS0=' },
  };
  for (const [what, registry] of Object.entries(accepted))
    it(`accepts ${what}`, async () => expect(await dryRun(registry)).to.equal('accepted'));

  const refused: Record<string, { registry: object; says: string }> = {
    'neither secretRef nor token': {
      registry: { server: 'ghcr.io' },
      says: 'set exactly one of secretRef (a Secret with a username and password) and token',
    },
    'both secretRef and token': { registry: { server: ECR, secretRef, token: { aws: {} } }, says: 'set exactly one of secretRef' },
    'a token without a cloud': { registry: { server: ECR, token: {} }, says: 'set exactly one of aws, gcp and azure' },
    'a token of two clouds': { registry: { server: ECR, token: { aws: {}, gcp: {} } }, says: 'set exactly one of aws, gcp and azure' },
    'two identities': {
      registry: { server: ECR, token: { aws: { secretRef, serviceAccountRef } } },
      says: 'set at most one of secretRef (static keys) and serviceAccountRef',
    },
    'two identities of Google': {
      registry: { server: GAR, token: { gcp: { secretRef, serviceAccountRef, workloadIdentityProvider: PROVIDER } } },
      says: 'set at most one of secretRef',
    },
    'two identities of Azure': {
      registry: { server: ACR, token: { azure: { secretRef, serviceAccountRef, tenantId: GUID, clientId: GUID } } },
      says: 'set at most one of secretRef',
    },
    'a ServiceAccount for Google without a provider': {
      registry: { server: GAR, token: { gcp: { serviceAccountRef } } },
      says: 'set serviceAccountRef and workloadIdentityProvider together',
    },
    'a client secret without a tenant': {
      registry: { server: ACR, token: { azure: { secretRef, clientId: GUID } } },
      says: 'secretRef needs tenantId and clientId',
    },
    'another region than the server’s': {
      registry: { server: ECR, token: { aws: { region: 'eu-west-1' } } },
      says: "token.aws.region must be the region in the server's name",
    },
    'a region in the path only': {
      registry: { server: `${ECR}/x.eu-west-1.x`, token: { aws: { region: 'eu-west-1' } } },
      says: 'token.aws.region must be the region',
    },
    'another region for public ECR': {
      registry: { server: 'public.ecr.aws', token: { aws: { region: 'eu-west-1' } } },
      says: 'For public.ecr.aws the region is us-east-1',
    },
    'a field of another cloud': { registry: { server: ECR, token: { aws: { tenantId: GUID } } }, says: 'unknown field' },
    'a key in the reference to static keys': {
      registry: { server: ECR, token: { aws: { secretRef: { ...secretRef, key: 'x' } } } },
      says: 'unknown field',
    },
    'a reference without a name': {
      registry: { server: ECR, token: { aws: { secretRef: { namespace: 'sources' } } } },
      says: 'name: Required value',
    },
  };
  const fields = {
    region: ['aws', ECR],
    roleArn: ['aws', ECR],
    serviceAccount: ['gcp', GAR],
    workloadIdentityProvider: ['gcp', GAR],
    guid: ['azure', ACR],
  } as const;
  for (const [field, [cloud, server]] of Object.entries(fields)) {
    for (const value of CLOUD_FIELDS[field as keyof typeof fields].invalid) {
      const more = field === 'workloadIdentityProvider' ? { serviceAccountRef } : {};
      const name = field === 'guid' ? 'tenantId' : field;
      refused[`${name} ${JSON.stringify(value)}`] = {
        registry: { server, token: { [cloud]: { [name]: value, ...more } } },
        says: `${name}: `,
      };
    }
  }
  for (const [cloud, { lookAlike }] of Object.entries(CLOUD_SERVERS)) {
    for (const server of lookAlike) refused[`the look-alike ${server}`] = { registry: { server, token: { [cloud]: {} } }, says: '' };
    for (const [other, { own }] of Object.entries(CLOUD_SERVERS)) {
      if (other !== cloud)
        refused[`a token of ${cloud} for ${own[0]}`] = {
          registry: { server: own[0], token: { [cloud]: {} } },
          says: `token.${cloud} is for `,
        };
    }
  }
  for (const [what, { registry, says }] of Object.entries(refused)) {
    it(`refuses ${what}`, async () => {
      const message = await dryRun(registry);
      expect(message).to.not.equal('accepted');
      expect(message).to.contain(says);
    });
  }

  for (const [cloud, { own }] of Object.entries(CLOUD_SERVERS)) {
    it(`accepts every kind of server of ${cloud}`, async () => {
      for (const server of own) expect(await dryRun({ server, token: { [cloud]: {} } }), server).to.equal('accepted');
    });
  }

  it('accepts 64 of them at once', async () => {
    const registries = Array.from({ length: 64 }, (_, n) => ({
      server: `${String(n).padStart(12, '0')}.dkr.ecr.eu-central-1.amazonaws.com/${'a/'.repeat(200)}x`,
      token: { aws: { region: 'eu-central-1', roleArn: `arn:aws:iam::123456789012:role/${'p'.repeat(500)}` } },
    }));
    expect(await dryRun(...registries)).to.equal('accepted');
  });

  it('says in kubectl explain what each field is for', async () => {
    // The API server publishes the schema of a new kind shortly after it starts to serve the kind.
    for (const path of [
      'token',
      'token.aws.region',
      'token.gcp.workloadIdentityProvider',
      'token.azure.clientId',
      'token.aws.serviceAccountRef.name',
    ])
      expect(
        await eventually('the schema is published', () => cluster.kubectl('explain', `regcred.spec.registries.${path}`)),
        path,
      ).to.match(/DESCRIPTION:\n +[^\s<]/);
  });
});
