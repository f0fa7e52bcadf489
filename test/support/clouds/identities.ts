/** One request for each identity of each cloud, with the fakes prepared so that it succeeds. For tests that need all of them. */
import type { TokenRequest } from '../../../src/api/cloud-token.ts';
import type { Clouds } from './clouds.ts';
import { makeSigner } from './jwt.ts';

export interface Case {
  readonly request: TokenRequest;
  readonly env: Readonly<Record<string, string>>;
  /** What the request holds that must not come out. */
  readonly secrets: readonly string[];
}

const ROLE = 'arn:aws:iam::111122223333:role/puller';
const ON_TOP = 'arn:aws:iam::111122223333:role/shared-puller';
const USER = 'arn:aws:iam::111122223333:user/robot';
const TENANT = '11111111-2222-3333-4444-555555555555';
const CLIENT = '66666666-7777-8888-9999-000000000000';
const ROBOT = 'robot@acme-prod.iam.gserviceaccount.com';
const PULLER = 'puller@acme-prod.iam.gserviceaccount.com';
const POOL = '//iam.googleapis.com/projects/123456789012/locations/global/workloadIdentityPools/clusters';
const SUBJECT = 'system:serviceaccount:team-a:puller';

export function allIdentities(clouds: Clouds): Record<string, Case> {
  const cluster = makeSigner('https://cluster.test');
  clouds.trust(cluster);
  const token = (aud: string) => cluster.write({ sub: SUBJECT, aud }, Date.now());
  return {
    ...awsCases(clouds, cluster.issuer, token),
    ...googleCases(clouds, cluster.issuer, token),
    ...azureCases(clouds, cluster.issuer, token),
  };
}

type WriteToken = (audience: string) => string;

function awsCases(clouds: Clouds, issuer: string, write: WriteToken): Record<string, Case> {
  const key = clouds.aws.addUser(USER);
  clouds.aws.roles.set(ROLE, { webIdentity: { issuer, subject: SUBJECT } });
  clouds.aws.roles.set(ON_TOP, { principals: [USER, ROLE] });
  clouds.aws.podIdentity = { authorization: 'sample-pod-identity-authorization', role: ROLE };
  clouds.aws.instanceRole = ROLE;
  const token = write('sts.amazonaws.com');
  const aws = { cloud: 'aws', service: 'ecr', region: 'eu-central-1', roleArn: ON_TOP } as const;
  const pod = { ...aws, identity: { kind: 'pod' } } as const;
  const { accessKeyId, secretAccessKey } = key;
  return {
    'aws: keys': { request: { ...aws, identity: { kind: 'keys', accessKeyId, secretAccessKey } }, env: {}, secrets: [secretAccessKey] },
    'aws: web identity': { request: { ...aws, identity: { kind: 'webIdentity', token, roleArn: ROLE } }, env: {}, secrets: [token] },
    'aws: IRSA': { request: pod, env: clouds.podEnv.irsa(ROLE, token), secrets: [token] },
    'aws: EKS Pod Identity': {
      ...{ request: pod, env: clouds.podEnv.eksPodIdentity('sample-pod-identity-authorization') },
      secrets: ['sample-pod-identity-authorization'],
    },
    'aws: instance': { request: pod, env: {}, secrets: [] },
  };
}

function googleCases(clouds: Clouds, issuer: string, write: WriteToken): Record<string, Case> {
  const workloadIdentityProvider = `${POOL}/providers/prod`;
  clouds.google.pools.set(workloadIdentityProvider, { issuer });
  const key = clouds.google.addServiceAccount(ROBOT);
  clouds.google.addServiceAccount(PULLER);
  clouds.google.serviceAccounts.get(PULLER)?.impersonators.push(ROBOT, `principal:${POOL}/subject/${SUBJECT}`);
  clouds.google.metadataAccount = ROBOT;
  const token = write(`https:${workloadIdentityProvider}`);
  const gcp = { cloud: 'gcp', serviceAccount: PULLER } as const;
  const file = {
    type: 'external_account',
    audience: workloadIdentityProvider,
    credential_source: { file: clouds.file('gcp-token', token) },
  };
  return {
    'gcp: key': {
      ...{ request: { ...gcp, identity: { kind: 'key', clientEmail: key.client_email, privateKey: key.private_key } }, env: {} },
      secrets: [key.private_key.slice(60, 120)],
    },
    'gcp: federated': { request: { ...gcp, identity: { kind: 'federated', token, workloadIdentityProvider } }, env: {}, secrets: [token] },
    'gcp: metadata server': { request: { ...gcp, identity: { kind: 'pod' } }, env: {}, secrets: [] },
    'gcp: federation of the pod': {
      request: { ...gcp, identity: { kind: 'pod' } },
      env: clouds.podEnv.googleCredentials(file),
      secrets: [token],
    },
  };
}

function azureCases(clouds: Clouds, issuer: string, write: WriteToken): Record<string, Case> {
  const application = { tenantId: TENANT, clientId: CLIENT };
  const clientSecret = 'sample-client-secret';
  clouds.azure.applications.push({ ...application, clientSecret, federated: { issuer, subject: SUBJECT } });
  clouds.azure.managedIdentities.push(application);
  clouds.azure.registries.set('acme.azurecr.io', { tenantId: TENANT, pullers: [CLIENT] });
  const token = write('api://AzureADTokenExchange');
  const azure = { cloud: 'azure', registry: 'acme.azurecr.io' } as const;
  return {
    'azure: secret': {
      request: { ...azure, identity: { kind: 'secret', ...application, clientSecret } },
      env: {},
      secrets: [clientSecret],
    },
    'azure: assertion': { request: { ...azure, identity: { kind: 'assertion', ...application, token } }, env: {}, secrets: [token] },
    'azure: workload identity': {
      ...{
        request: { ...azure, identity: { kind: 'pod' } },
        env: clouds.podEnv.azureWorkloadIdentity(TENANT, CLIENT, token),
        secrets: [token],
      },
    },
    'azure: managed identity': { request: { ...azure, identity: { kind: 'pod' } }, env: {}, secrets: [] },
  };
}
