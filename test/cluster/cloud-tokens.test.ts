/**
 * Tokens of AWS, Google and Azure, from a RegistryCredential to what the kubelet finds for an image. The clouds are fakes that verify what
 * clouds verify. The operator reaches them by their real names through a proxy.
 */
import { expect } from 'chai';
import type { RegistryCredentialStatus } from '../../src/api/types.ts';
import { type Clouds, startClouds } from '../support/clouds/clouds.ts';
import { type Cluster, type KubeObject, type Scene, startCluster, stopCluster } from '../support/cluster.ts';
import { eventually } from '../support/eventually.ts';
import { Keyring } from '../support/keyring.ts';
import { leads } from '../support/operator.ts';
import { Tenant } from '../support/tenants.ts';

const SYSTEM = 'regcred-system';
const ECR = '123456789012.dkr.ecr.eu-central-1.amazonaws.com';
const ROLE = 'arn:aws:iam::123456789012:role/puller';
const POD_ROLE = 'arn:aws:iam::123456789012:role/operator';
const NODE_ROLE = 'arn:aws:iam::123456789012:role/node';
const OTHER_ROLE = 'arn:aws:iam::210987654321:role/other-account';
const USER = 'arn:aws:iam::123456789012:user/robot';
const PROVIDER = '//iam.googleapis.com/projects/123456/locations/global/workloadIdentityPools/clusters/providers/prod';
const GSA = 'puller@my-project.iam.gserviceaccount.com';
const NODE_GSA = 'node@my-project.iam.gserviceaccount.com';
const TENANT = '11111111-2222-3333-4444-555555555555';
const CLIENT = 'aaaaaaaa-2222-3333-4444-555555555555';
const POD_CLIENT = 'bbbbbbbb-2222-3333-4444-555555555555';
const NODE_CLIENT = 'cccccccc-2222-3333-4444-555555555555';
const SECOND_NODE_CLIENT = 'dddddddd-2222-3333-4444-555555555555';
const FEDERATED_CLIENT = '99999999-2222-3333-4444-555555555555';
const HOUR = 3_600_000;
const OPERATOR = 'system:serviceaccount:regcred-system:regcred';

type Cloud = 'aws' | 'gcp' | 'azure';
type Token = Record<string, unknown>;

/** An identity, the token that a user writes for it, and who the cloud then gives the token to. */
interface Identity {
  readonly cloud: Cloud;
  readonly server: string;
  readonly token: (home: Home) => Token | Promise<Token>;
  readonly principal: string | ((home: Home) => string);
}

/** Where the Secret or ServiceAccount of a token is. The references of a tenant have no namespace. */
interface Home {
  readonly namespace: string;
  readonly isTenant: boolean;
}

describe('Tokens of clouds', () => {
  let clouds: Clouds;
  let cluster: Cluster;
  let keyring: Keyring | undefined;
  let scene: Scene;
  let issuer: string;

  before(async function () {
    this.timeout(600_000);
    clouds = await startClouds();
    keyring = await Keyring.start((line) => console.error(line));
    const env = { ...clouds.env, NO_PROXY: '127.0.0.1,localhost', REGCRED_VERIFICATION: 'on', REGCRED_LOG_LEVEL: 'debug' };
    cluster = await startCluster([], env);
    ({ issuer } = await cluster.api.call<{ issuer: string }>('GET', '/.well-known/openid-configuration'));
    const { keys } = JSON.parse(await cluster.kubectl('get', '--raw', '/openid/v1/jwks')) as { keys: [] };
    clouds.trust({ issuer, keys });
    await cluster.kubectl('apply', '-f', 'manifests/components/cloud-identities/policy.yaml');
    // All tests run under the stricter sample as well: it lets the operator write tokens.
    await cluster.kubectl('apply', '-f', 'manifests/samples/policy-operator.yaml');
    trustOperator();
  });
  after(async () => {
    await keyring?.stop();
    if (cluster) await stopCluster(cluster);
    await clouds?.close();
  });
  beforeEach(() => (scene = cluster.scene()));
  afterEach(() => clouds.outage('aws', undefined));

  /** What the clouds know of the operator itself, of users and of applications. */
  function trustOperator(): void {
    const { aws, google, azure } = clouds;
    aws.roles.set(POD_ROLE, { webIdentity: { issuer, subject: OPERATOR } });
    aws.roles.set(OTHER_ROLE, { principals: [POD_ROLE, NODE_ROLE, USER] });
    google.metadataAccount = NODE_GSA;
    google.serviceAccounts.set(GSA, { keys: [], impersonators: [NODE_GSA] });
    azure.managedIdentities.push({ tenantId: TENANT, clientId: NODE_CLIENT }, { tenantId: TENANT, clientId: SECOND_NODE_CLIENT });
    azure.applications.push({ tenantId: TENANT, clientId: POD_CLIENT, federated: { issuer, subject: OPERATOR } });
  }

  /** A token of a ServiceAccount, as the kubelet projects it into a pod. */
  async function projected(audience: string): Promise<string> {
    const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { audiences: [audience], expirationSeconds: 3600 } };
    const path = `/api/v1/namespaces/${SYSTEM}/serviceaccounts/regcred/token`;
    return (await cluster.api.call<{ status: { token: string } }>('POST', path, { body })).status.token;
  }

  async function restartWith(env: Record<string, string>): Promise<void> {
    await cluster.operator.stop();
    cluster.operator = cluster.start(env);
    await leads(cluster.operator);
  }

  const SHARED: Home = { namespace: SYSTEM, isTenant: false };
  const SOURCE: Home = { namespace: 'sources', isTenant: false };
  /** In the namespace of a tenant, the pull secret has the name of the scene. */
  const nameIn = ({ isTenant }: Home) => (isTenant ? `${scene.name}-identity` : scene.name);
  const refIn = (home: Home) => ({ ...(!home.isTenant && { namespace: home.namespace }), name: nameIn(home) });
  const subjectIn = (home: Home) => `system:serviceaccount:${home.namespace}:${nameIn(home)}`;
  const federatedIn = (home: Home) => `principal:${PROVIDER.replace('/providers/prod', '')}/subject/${subjectIn(home)}`;

  /** A ServiceAccount that the operator may use, with these annotations. */
  async function account(home: Home, annotations: Record<string, string> = {}, isAllowed = true): Promise<object> {
    const name = nameIn(home);
    await cluster.api.call('POST', `/api/v1/namespaces/${home.namespace}/serviceaccounts`, { body: { metadata: { name, annotations } } });
    if (isAllowed) await allow(name, home.namespace);
    return refIn(home);
  }

  async function allow(name: string, namespace: string): Promise<void> {
    const [group, metadata] = ['rbac.authorization.k8s.io', { name: `regcred-token-${name}` }];
    const at = `/apis/${group}/v1/namespaces/${namespace}`;
    const rules = [{ apiGroups: [''], resources: ['serviceaccounts/token'], resourceNames: [name], verbs: ['create'] }];
    await cluster.api.call('POST', `${at}/roles`, { body: { metadata, rules } });
    const subjects = [{ kind: 'ServiceAccount', namespace: SYSTEM, name: 'regcred' }];
    const roleRef = { apiGroup: group, kind: 'Role', ...metadata };
    await cluster.api.call('POST', `${at}/rolebindings`, { body: { metadata, roleRef, subjects } });
  }

  async function keys(home: Home, values: Record<string, string>): Promise<object> {
    await scene.secret(home.namespace, nameIn(home), 'Opaque', values);
    return refIn(home);
  }

  /** The keys of a new access key of AWS. */
  function accessKey(arn = USER): Record<string, string> {
    const { accessKeyId, secretAccessKey } = clouds.aws.addUser(arn);
    return { accessKeyId, secretAccessKey };
  }

  /** An application that may pull from a registry, in place of the one with the same client id. */
  function application(
    registry: string,
    one: { clientId: string; clientSecret?: string; federated?: { issuer: string; subject: string } },
  ) {
    const { applications, registries } = clouds.azure;
    const at = applications.findIndex(({ clientId }) => clientId === one.clientId);
    applications.splice(at < 0 ? applications.length : at, 1, { tenantId: TENANT, ...one });
    registries.set(registry, { tenantId: TENANT, pullers: [one.clientId] });
  }

  /** What the kubelet finds for an image of this server, as `username:password`. */
  async function kubeletFinds(namespace: string, server: string): Promise<string | undefined> {
    const { data = {} } = await scene.secretIn(namespace);
    const found = await keyring?.lookup({ type: 'kubernetes.io/dockerconfigjson', data }, [`${server}/team/app:1`]);
    return Array.isArray(found) ? (found[0] as readonly string[])[0] : JSON.stringify(found);
  }

  const tokenSecrets = async () =>
    (
      await cluster.api.call<{ items: KubeObject[] }>('GET', `/api/v1/namespaces/${SYSTEM}/secrets`, {
        query: { labelSelector: 'regcred.dev/token=true' },
      })
    ).items;

  /** What the clouds were asked after so many requests, without the logins at registries. */
  const tokenRequests = (after: number) =>
    clouds.requests.slice(after).filter(({ path, host }) => !path.startsWith('/v2/') && !host.endsWith('.azurecr.io'));

  /** A new namespace needs the tokens of all credentials that select it. */
  async function placedElsewhere(names: readonly string[] = [scene.name]): Promise<void> {
    const namespace = await scene.namespace();
    for (const name of names) await scene.secretPlaced(namespace, name);
  }

  /** Creates a credential in this cluster or, for a tenant, in its namespace, and checks everything that a user sees of it. */
  async function worksFor({ cloud, server, token, principal }: Identity, home: Home): Promise<void> {
    const namespace = home.isTenant ? home.namespace : await scene.namespace();
    const registries = [{ server, token: { [cloud]: await token(home) } }];
    const credential = home.isTenant ? new Tenant(scene, namespace) : scene;
    await (credential instanceof Tenant ? credential.create({ registries }) : scene.credential({ registries } as never));
    await credential.ready();
    // The pattern for every account of a region has no host that could be asked.
    const isPattern = server.startsWith('*');
    const host = server.replace('*', '210987654321');
    const pair = await kubeletFinds(namespace, host);
    const issued = clouds.tokens(cloud).find(({ username, password }) => pair === `${username}:${password}`);
    expect(issued, 'the kubelet finds a token that the cloud gave out').to.not.equal(undefined);
    expect(issued?.principal).to.equal(typeof principal === 'string' ? principal : principal(home));
    expect(issued?.hosts.test(host.split('/')[0] as string), 'the registry accepts it').to.equal(true);
    await eventually('the registry accepts the login', async () => {
      const [row] = (await credential.status()).registries ?? [];
      expect(row, JSON.stringify(row)).to.include({ result: isPattern ? 'NotAsked' : 'NotRefused', expirySource: 'Token' });
      const { expiresAt = '', refreshAt = '' } = row ?? {};
      expect(Date.parse(refreshAt), JSON.stringify(row)).to.be.below(Date.parse(expiresAt));
    });
    const { status, reason } = await credential.condition('Expiring');
    expect([status, reason]).to.deep.equal(['False', 'NotSoon']);
    expect(clouds.strangers).to.deep.equal([]);
  }

  /** Each identity works for a credential of the cluster, and for one of a namespace with an object of that namespace. */
  function workForBothKinds(identities: Record<string, Identity>, home: Home): void {
    for (const [who, identity] of Object.entries(identities)) {
      it(who, () => worksFor(identity, home));
      it(`${who}, for a tenant`, async () => worksFor(identity, { namespace: await scene.namespace(), isTenant: true }));
    }
  }

  describe('of the operator’s own identity:', () => {
    interface Own {
      readonly env: () => Promise<Record<string, string>>;
      readonly identities: Record<string, Identity>;
    }
    const own: Record<string, Own> = {
      'IRSA, GKE metadata server, Azure workload identity': {
        env: async () => ({
          ...clouds.podEnv.irsa(POD_ROLE, await projected('sts.amazonaws.com')),
          ...clouds.podEnv.azureWorkloadIdentity(TENANT, POD_CLIENT, await projected('api://AzureADTokenExchange')),
        }),
        identities: {
          'AWS, by IRSA': { cloud: 'aws', server: ECR, token: () => ({}), principal: POD_ROLE },
          'AWS, by IRSA and a role of another account': {
            cloud: 'aws',
            server: ECR,
            token: () => ({ roleArn: OTHER_ROLE }),
            principal: OTHER_ROLE,
          },
          'AWS, for public ECR': { cloud: 'aws', server: 'public.ecr.aws', token: () => ({}), principal: POD_ROLE },
          'AWS, for a region in China': {
            cloud: 'aws',
            server: '123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn',
            token: () => ({}),
            principal: POD_ROLE,
          },
          'Google, by the metadata server': { cloud: 'gcp', server: 'europe-west3-docker.pkg.dev', token: () => ({}), principal: NODE_GSA },
          'Google, by the metadata server and impersonation': {
            cloud: 'gcp',
            server: 'gcr.io',
            token: () => ({ serviceAccount: GSA }),
            principal: GSA,
          },
          'Azure, by workload identity': { cloud: 'azure', server: 'own.azurecr.io', token: () => ({}), principal: POD_CLIENT },
        },
      },
      'EKS Pod Identity, a key file of Google, a managed identity': {
        env: async () => ({
          ...clouds.podEnv.eksPodIdentity('sample-pod-identity-authorization'),
          ...clouds.podEnv.googleCredentials({
            type: 'service_account',
            ...clouds.google.addServiceAccount('file@my-project.iam.gserviceaccount.com'),
          }),
        }),
        identities: {
          'AWS, by EKS Pod Identity': { cloud: 'aws', server: ECR, token: () => ({}), principal: POD_ROLE },
          'Google, by Application Default Credentials': {
            cloud: 'gcp',
            server: 'eu.gcr.io',
            token: () => ({}),
            principal: 'file@my-project.iam.gserviceaccount.com',
          },
          'Azure, by a managed identity': { cloud: 'azure', server: 'own.azurecr.io', token: () => ({}), principal: NODE_CLIENT },
          'Azure, by a named managed identity': {
            cloud: 'azure',
            server: 'own.azurecr.io',
            token: () => ({ clientId: SECOND_NODE_CLIENT }),
            principal: SECOND_NODE_CLIENT,
          },
        },
      },
      'the role of the node, a federation file of Google, a client secret in the environment': {
        env: async () => {
          clouds.google.pools.set(PROVIDER, { issuer });
          clouds.azure.applications.push({ tenantId: TENANT, clientId: CLIENT, clientSecret: 'sample-client-secret-of-the-operator' });
          const file = clouds.file('google-subject-token', await projected(PROVIDER));
          return {
            ...clouds.podEnv.googleCredentials({ type: 'external_account', audience: PROVIDER, credential_source: { file } }),
            ...{ AZURE_TENANT_ID: TENANT, AZURE_CLIENT_ID: CLIENT, AZURE_CLIENT_SECRET: 'sample-client-secret-of-the-operator' },
          };
        },
        identities: {
          'AWS, by the role of the node': { cloud: 'aws', server: ECR, token: () => ({}), principal: NODE_ROLE },
          'AWS, by the role of the node and a role of another account': {
            cloud: 'aws',
            server: ECR,
            token: () => ({ roleArn: OTHER_ROLE }),
            principal: OTHER_ROLE,
          },
          'Google, by federation of the operator’s ServiceAccount': {
            cloud: 'gcp',
            server: 'gcr.io',
            token: () => ({}),
            principal: `principal:${PROVIDER.replace('/providers/prod', '')}/subject/${OPERATOR}`,
          },
          'Azure, by a client secret of the environment': {
            cloud: 'azure',
            server: 'own.azurecr.io',
            token: () => ({}),
            principal: CLIENT,
          },
        },
      },
    };
    for (const [where, { env, identities }] of Object.entries(own)) {
      describe(where, () => {
        before(async () => {
          clouds.aws.podIdentity = { authorization: 'sample-pod-identity-authorization', role: POD_ROLE };
          clouds.aws.instanceRole = NODE_ROLE;
          const pullers = [POD_CLIENT, NODE_CLIENT, SECOND_NODE_CLIENT, CLIENT];
          clouds.azure.registries.set('own.azurecr.io', { tenantId: TENANT, pullers });
          await cluster.kubectl('delete', 'regcred', '--all', '--timeout=90s');
          await cluster.operator.stop();
          // The identity of the pod is not part of what a token depends on. A person who changes it deletes the tokens.
          await cluster.kubectl('delete', 'secret', '-n', SYSTEM, '-l', 'regcred.dev/token=true');
          await restartWith(await env());
        });
        for (const [who, identity] of Object.entries(identities)) it(who, () => worksFor(identity, SHARED));
      });
    }
  });

  describe('of static keys:', () => {
    const googleKey = async (home: Home) => {
      const file = { type: 'service_account', ...clouds.google.addServiceAccount('robot@my-project.iam.gserviceaccount.com') };
      return keys(home, { 'key.json': JSON.stringify(file) });
    };
    const identities: Record<string, Identity> = {
      'an access key of AWS': {
        cloud: 'aws',
        server: ECR,
        token: async (home) => {
          const { accessKeyId = '', secretAccessKey } = accessKey();
          return { secretRef: await keys(home, { accessKeyId, secretAccessKey: `${secretAccessKey}\n` }) };
        },
        principal: USER,
      },
      'an access key of AWS, with a role of another account': {
        cloud: 'aws',
        server: '*.dkr.ecr.us-east-1.amazonaws.com',
        token: async (home) => ({ secretRef: await keys(home, accessKey()), roleArn: OTHER_ROLE }),
        principal: OTHER_ROLE,
      },
      'the key of a service account of Google': {
        cloud: 'gcp',
        server: 'us-docker.pkg.dev/my-project',
        token: async (home) => ({ secretRef: await googleKey(home) }),
        principal: 'robot@my-project.iam.gserviceaccount.com',
      },
      'the key of a service account of Google that impersonates another one': {
        cloud: 'gcp',
        server: 'us.gcr.io',
        token: async (home) => {
          clouds.google.serviceAccounts.set(GSA, { keys: [], impersonators: ['robot@my-project.iam.gserviceaccount.com'] });
          return { secretRef: await googleKey(home), serviceAccount: GSA };
        },
        principal: GSA,
      },
      'a client secret of Azure': {
        cloud: 'azure',
        server: 'static.azurecr.io',
        token: async (home) => {
          application('static.azurecr.io', { clientId: CLIENT, clientSecret: 'sample-client-secret-of-azure' });
          return { tenantId: TENANT, clientId: CLIENT, secretRef: await keys(home, { clientSecret: 'sample-client-secret-of-azure' }) };
        },
        principal: CLIENT,
      },
    };
    workForBothKinds(identities, SOURCE);

    it('other keys in the Secret are used at once', async () => {
      const wrong = { accessKeyId: 'AKIASAMPLESAMPLESAMP', secretAccessKey: 'sample-secret-access-key-that-is-wrong' };
      const namespace = await scene.namespace();
      await scene.credential({ registries: [{ server: ECR, token: { aws: { secretRef: await keys(SOURCE, wrong) } } }] } as never);
      const { message } = await scene.ready('False', 'TokenFetchFailed');
      expect(message)
        .to.contain('UnrecognizedClientException')
        .and.contain(`the keys in Secret sources/${scene.name}`)
        .and.contain('Replace the keys');
      await scene.patch(`/api/v1/namespaces/sources/secrets/${scene.name}`, { stringData: accessKey() });
      await scene.ready();
      expect(await kubeletFinds(namespace, ECR)).to.match(/^AWS:ecr-/);
    });

    it('an external_account file is refused, and nothing in it is followed', async () => {
      const file = {
        type: 'external_account',
        audience: PROVIDER,
        token_url: 'https://evil.example.com/token',
        credential_source: { file: '/var/run/secrets/token' },
      };
      await scene.namespace();
      await scene.credential({
        registries: [{ server: 'gcr.io', token: { gcp: { secretRef: await keys(SOURCE, { 'key.json': JSON.stringify(file) }) } } }],
      } as never);
      const { message } = await scene.ready('False', 'MalformedEntry');
      expect(message).to.contain('not the key of a service account (type "external_account")').and.contain('serviceAccountRef');
      expect(clouds.strangers).to.deep.equal([]);
    });
  });

  describe('of a ServiceAccount:', () => {
    const trustedRole = (home: Home) => void clouds.aws.roles.set(ROLE, { webIdentity: { issuer, subject: subjectIn(home) } });
    const trustedApplication = (home: Home) =>
      application('federated.azurecr.io', { clientId: FEDERATED_CLIENT, federated: { issuer, subject: subjectIn(home) } });
    const identities: Record<string, Identity> = {
      'AWS, by its annotation': {
        cloud: 'aws',
        server: ECR,
        token: async (home) => {
          trustedRole(home);
          return { serviceAccountRef: await account(home, { 'eks.amazonaws.com/role-arn': ROLE }) };
        },
        principal: ROLE,
      },
      'AWS, by roleArn': {
        cloud: 'aws',
        server: '123456789012.dkr-ecr.eu-west-1.on.aws',
        token: async (home) => {
          trustedRole(home);
          return { roleArn: ROLE, serviceAccountRef: await account(home) };
        },
        principal: ROLE,
      },
      'Google, by workload identity federation': {
        cloud: 'gcp',
        server: 'europe-west3-docker.pkg.dev',
        token: async (home) => {
          clouds.google.pools.set(PROVIDER, { issuer });
          return { workloadIdentityProvider: PROVIDER, serviceAccountRef: await account(home) };
        },
        principal: federatedIn,
      },
      'Google, by federation and its annotation': {
        cloud: 'gcp',
        server: 'docker.europe-west3.rep.pkg.dev',
        token: async (home) => {
          clouds.google.pools.set(PROVIDER, { issuer });
          clouds.google.serviceAccounts.set(GSA, { keys: [], impersonators: [federatedIn(home)] });
          return { workloadIdentityProvider: PROVIDER, serviceAccountRef: await account(home, { 'iam.gke.io/gcp-service-account': GSA }) };
        },
        principal: GSA,
      },
      'Azure, by its annotations': {
        cloud: 'azure',
        server: 'federated.azurecr.io',
        token: async (home) => {
          trustedApplication(home);
          const annotations = { 'azure.workload.identity/client-id': FEDERATED_CLIENT, 'azure.workload.identity/tenant-id': TENANT };
          return { serviceAccountRef: await account(home, annotations) };
        },
        principal: FEDERATED_CLIENT,
      },
      'Azure, by clientId and tenantId': {
        cloud: 'azure',
        server: 'federated.azurecr.io',
        token: async (home) => {
          trustedApplication(home);
          return { clientId: FEDERATED_CLIENT, tenantId: TENANT, serviceAccountRef: await account(home) };
        },
        principal: FEDERATED_CLIENT,
      },
    };
    workForBothKinds(identities, SHARED);

    it('each token of a ServiceAccount that a cloud got has one audience, and lives for one hour', () => {
      const sent = clouds.requests.flatMap(({ body }) => {
        const form = new URLSearchParams(body);
        return ['WebIdentityToken', 'subject_token', 'client_assertion'].flatMap((field) => form.get(field) ?? []);
      });
      const claims = sent.map((token) => JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()));
      const accounts = claims.filter(({ sub }) => sub !== OPERATOR);
      expect(new Set(accounts.map(({ aud }) => aud.join()))).to.deep.equal(
        new Set(['sts.amazonaws.com', PROVIDER, 'api://AzureADTokenExchange']),
      );
      for (const { iat, exp } of accounts) expect(exp - iat).to.equal(3600);
    });

    for (const whose of ['of the cluster', 'of a namespace']) {
      it(`without the right to request its tokens, the status of a credential ${whose} prints the Role, and the token comes when the Role does`, async () => {
        const namespace = await scene.namespace();
        const tenant = whose === 'of a namespace' ? new Tenant(scene, namespace) : undefined;
        const home: Home = tenant ? { namespace, isTenant: true } : SHARED;
        trustedRole(home);
        const serviceAccountRef = await account(home, { 'eks.amazonaws.com/role-arn': ROLE }, false);
        const registries = [{ server: ECR, token: { aws: { serviceAccountRef } } }];
        await (tenant ? tenant.create({ registries }) : scene.credential({ registries } as never));
        const { message } = await (tenant ?? scene).ready('False', 'TokenFetchFailed');
        expect(message).to.contain(`may not request a token of ServiceAccount ${home.namespace}/${nameIn(home)} (Forbidden)`);
        const [commands = ''] = /kubectl create role .*regcred-system:regcred/.exec(message) ?? [];
        for (const command of commands.split(' && ')) await cluster.kubectl(...command.split(' ').slice(1));
        await (tenant ?? scene).ready();
      });
    }

    it('without an annotation, the status says which field or annotation is missing', async () => {
      await scene.namespace();
      await scene.credential({
        registries: [{ server: 'federated.azurecr.io', token: { azure: { serviceAccountRef: await account(SHARED) } } }],
      } as never);
      const { message } = await scene.ready('False', 'IdentityIncomplete');
      expect(message).to.contain('token.azure.tenantId and token.azure.clientId').and.contain('azure.workload.identity/tenant-id');
      const annotations = { 'azure.workload.identity/client-id': '../common', 'azure.workload.identity/tenant-id': TENANT };
      await scene.patch(`/api/v1/namespaces/${SYSTEM}/serviceaccounts/${scene.name}`, { metadata: { annotations } });
      await eventually('a malformed annotation counts as missing', async () =>
        expect((await scene.condition('Ready')).message).to.contain('token.azure.clientId is not set'),
      );
    });

    it('the policy limits the tokens to audiences of clouds and to one hour', async () => {
      await account(SHARED);
      const ask = (spec: object) =>
        cluster
          .kubectl(
            'create',
            '--raw',
            `/api/v1/namespaces/${SYSTEM}/serviceaccounts/${scene.name}/token`,
            '-f',
            clouds.file('ask.json', JSON.stringify({ apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec })),
            `--as=${OPERATOR}`,
          )
          .then(
            () => 'issued',
            (error: Error) => error.message,
          );
      await eventually('the role is in force', async () =>
        expect(await ask({ audiences: ['sts.amazonaws.com'], expirationSeconds: 3600 })).to.equal('issued'),
      );
      expect(await ask({ audiences: [PROVIDER], expirationSeconds: 3600 })).to.equal('issued');
      await eventually('the policy is in force', async () =>
        expect(await ask({ audiences: [issuer], expirationSeconds: 3600 })).to.contain('that AWS, Google or Azure accept'),
      );
      expect(await ask({ audiences: ['sts.amazonaws.com', issuer], expirationSeconds: 3600 })).to.contain(
        'that AWS, Google or Azure accept',
      );
      expect(await ask({ expirationSeconds: 3600 })).to.contain('that AWS, Google or Azure accept');
      expect(await ask({ audiences: ['sts.amazonaws.com'], expirationSeconds: 7200 })).to.contain('at most one hour');
    });
  });

  describe('are shared:', () => {
    it('fifty credentials with the same identity fetch once, and a new leader fetches and writes nothing', async () => {
      const secretRef = await keys(SOURCE, accessKey(`${USER}-${scene.name}`));
      await scene.namespace();
      const names = Array.from({ length: 50 }, (_, n) => `${scene.name}-c${n}`);
      const before = clouds.tokens('aws').length;
      await Promise.all(
        names.map((name) => scene.credential({ registries: [{ server: ECR, token: { aws: { secretRef } } }] } as never, name)),
      );
      await allReady(names);
      expect(clouds.tokens('aws').length - before).to.equal(1);

      const [secrets, asked] = [await tokenSecrets(), clouds.count()];
      const follower = cluster.start();
      await eventually('the second replica follows', () => expect(follower.log()).to.contain('This replica follows.'));
      await cluster.operator.stop();
      cluster.operator = follower;
      await leads(follower);
      await placedElsewhere(names);
      expect(tokenRequests(asked)).to.deep.equal([]);
      expect(await tokenSecrets()).to.deep.equal(secrets);
      await Promise.all(names.map((name) => scene.deleteCredential(name)));
    });

    it('twenty identities are all served, although the cloud throttles some calls', async () => {
      await scene.namespace();
      clouds.aws.throttled = 3;
      const names = Array.from({ length: 20 }, (_, n) => `${scene.name}-i${n}`);
      for (const name of names) {
        await scene.secret('sources', name, 'Opaque', accessKey(`${USER}-${name}`));
        await scene.credential(
          { registries: [{ server: ECR, token: { aws: { secretRef: { namespace: 'sources', name } } } }] } as never,
          name,
        );
      }
      await allReady(names);
      await Promise.all(names.map((name) => scene.deleteCredential(name)));
    });

    const allReady = (names: readonly string[]) =>
      eventually(`${names.length} credentials are Ready`, async () => {
        const { items } = await cluster.api.call<{ items: KubeObject[] }>('GET', '/apis/regcred.dev/v1alpha1/registrycredentials');
        const ready = items.flatMap(({ metadata, status }) => {
          const { conditions = [] } = (status ?? {}) as RegistryCredentialStatus;
          return conditions.some(({ type, status }) => type === 'Ready' && status === 'True') ? [metadata.name] : [];
        });
        expect(ready).to.include.members([...names]);
      });
  });

  /** Lets hours pass for the tokens: while no operator runs, their times move into the past. The next leader reads them. */
  async function later(hours: number): Promise<void> {
    await cluster.restart(async () => {
      for (const { metadata, data } of await tokenSecrets()) {
        const record = JSON.parse(Buffer.from(data?.['token.json'] ?? '', 'base64').toString()) as Record<string, number>;
        for (const time of ['obtainedAt', 'expiresAt', 'refreshAt']) record[time] = (record[time] as number) - hours * HOUR;
        await scene.patch(`/api/v1/namespaces/${SYSTEM}/secrets/${metadata.name}`, {
          stringData: { 'token.json': JSON.stringify(record) },
        });
      }
    });
  }

  it('a token is refreshed in place, and neither a restart nor an outage takes anything away', async () => {
    const secretRef = await keys(SOURCE, accessKey(`${USER}-${scene.name}`));
    clouds.aws.registryTokenLifetimeMs = 10_000;
    const namespace = await scene.namespace();
    await scene.credential({ registries: [{ server: ECR, token: { aws: { secretRef } } }] } as never);
    await scene.ready();
    clouds.aws.registryTokenLifetimeMs = 12 * HOUR;
    const first = await kubeletFinds(namespace, ECR);
    const { metadata } = await scene.secretIn(namespace);
    await eventually('the token is replaced', async () => expect(await kubeletFinds(namespace, ECR)).to.not.equal(first));
    // The operator may have asked for the next token just before the lifetime changed.
    await eventually('the token lasts for hours', async () =>
      expect(Date.parse((await scene.status()).registries?.[0]?.expiresAt ?? '')).to.be.above(Date.now() + HOUR),
    );
    const second = await kubeletFinds(namespace, ECR);

    const [secrets, asked] = [await tokenSecrets(), clouds.count()];
    await cluster.restart();
    await placedElsewhere();
    expect(tokenRequests(asked), 'a restart fetches nothing').to.deep.equal([]);
    expect(await tokenSecrets(), 'a restart writes nothing').to.deep.equal(secrets);

    clouds.outage('aws', 503);
    await later(10);
    await eventually('the refresh is overdue', async () => {
      const expiring = await scene.condition('Expiring');
      expect([expiring.status, expiring.reason], expiring.message).to.deep.equal(['True', 'TokenRefreshOverdue']);
      expect(expiring.message).to.contain('HTTP 503').and.contain('the operator retries');
    });
    expect((await scene.condition('Ready')).status).to.equal('True');
    await later(3);
    const { message } = await scene.ready('False', 'TokenFetchFailed');
    expect(message).to.contain('HTTP 503');
    expect(await kubeletFinds(namespace, ECR)).to.equal(second);

    clouds.outage('aws', undefined);
    await cluster.kubectl('annotate', 'regcred', scene.name, 'regcred.dev/check-now=1');
    await scene.ready();
    expect(await kubeletFinds(namespace, ECR)).to.not.equal(second);
    expect((await scene.secretIn(namespace)).metadata.uid).to.equal(metadata.uid);
  });

  it('a credential of a namespace never uses the operator’s own identity', async () => {
    const tenant = new Tenant(scene, await scene.namespace());
    const own: Record<string, object> = {
      'aws: {}': { server: ECR, token: { aws: {} } },
      'aws with a role': { server: ECR, token: { aws: { roleArn: OTHER_ROLE } } },
      'gcp: {}': { server: 'gcr.io', token: { gcp: {} } },
      'gcp with a service account': { server: 'gcr.io', token: { gcp: { serviceAccount: GSA } } },
      'azure: {}': { server: 'own.azurecr.io', token: { azure: {} } },
      'azure with a client': { server: 'own.azurecr.io', token: { azure: { tenantId: TENANT, clientId: POD_CLIENT } } },
    };
    for (const [what, registry] of Object.entries(own)) {
      const refusal = await tenant.create({ registries: [registry] }).catch((error: Error) => error.message);
      expect(refusal, what).to.contain("the operator's own identity is not used for credentials of a namespace");
    }
  });

  it('cleanup deletes the tokens', async () => {
    await scene.namespace();
    await scene.credential({ registries: [{ server: ECR, token: { aws: { secretRef: await keys(SOURCE, accessKey()) } } }] } as never);
    await scene.ready();
    expect(await tokenSecrets()).to.not.deep.equal([]);
    const { execFile } = await import('node:child_process');
    const env = { ...process.env, KUBECONFIG: cluster.controlPlane.kubeconfig };
    await new Promise<void>((resolve) =>
      execFile(process.execPath, ['dist/main.js', 'cleanup', '--all', '--dry-run=none'], { env }, () => resolve()),
    );
    expect(await tokenSecrets()).to.deep.equal([]);
  });
});
