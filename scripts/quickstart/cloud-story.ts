/** `npm run quickstart -- --cloud aws|gcp|azure`: a token of a cloud is fetched, placed and refreshed. The cloud is a fake on this machine. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { stringify } from 'yaml';
import { tokenRole } from '../../src/cli/cloud-flags.ts';
import type { Clouds } from '../../test/support/clouds/clouds.ts';
import { eventually } from '../../test/support/eventually.ts';
import { CREDENTIALS, dockerConfig, hold, type Telling } from './telling.ts';

export const CLOUDS = ['aws', 'gcp', 'azure'] as const;
export type CloudName = (typeof CLOUDS)[number];

const NAME = 'acme';
const ACCOUNT = 'puller';
const ROLE = 'arn:aws:iam::123456789012:role/puller';
const POOL = '//iam.googleapis.com/projects/123456/locations/global/workloadIdentityPools/clusters';
const PROVIDER = `${POOL}/providers/prod`;
const TENANT = '11111111-2222-3333-4444-555555555555';
const CLIENT = 'aaaaaaaa-2222-3333-4444-555555555555';

/** So that the first refresh comes while somebody is watching. Real tokens live for 1 to 12 hours. */
const LIFETIME_MS = 14_000;

/** What a person sets up at each cloud, and writes into the credential. */
interface Setup {
  readonly title: string;
  readonly server: string;
  readonly token: object;
  readonly annotations: Record<string, string>;
  /** The commands for the real cloud; the fake is prepared in the same way. */
  readonly commands: readonly string[];
  prepare(clouds: Clouds, issuer: string, subject: string): void;
}

const SETUPS: Record<CloudName, (serviceAccountRef: object) => Setup> = {
  aws: (serviceAccountRef) => ({
    title: 'AWS',
    server: '123456789012.dkr.ecr.eu-central-1.amazonaws.com',
    token: { aws: { serviceAccountRef } },
    annotations: { 'eks.amazonaws.com/role-arn': ROLE },
    commands: [
      'eksctl create iamserviceaccount --namespace regcred-system --name puller --role-name puller --attach-policy-arn …',
      `kubectl annotate serviceaccount puller -n regcred-system eks.amazonaws.com/role-arn=${ROLE}`,
    ],
    prepare(clouds, issuer, subject) {
      clouds.aws.registryTokenLifetimeMs = LIFETIME_MS;
      clouds.aws.roles.set(ROLE, { webIdentity: { issuer, subject } });
    },
  }),
  gcp: (serviceAccountRef) => ({
    title: 'Google',
    server: 'europe-west3-docker.pkg.dev',
    token: { gcp: { workloadIdentityProvider: PROVIDER, serviceAccountRef } },
    annotations: {},
    commands: [
      'gcloud iam workload-identity-pools providers create-oidc prod --workload-identity-pool clusters --issuer-uri …',
      'gcloud artifacts repositories add-iam-policy-binding images --role roles/artifactregistry.reader --member principal://…',
    ],
    prepare(clouds, issuer) {
      clouds.google.tokenLifetimeMs = LIFETIME_MS;
      clouds.google.pools.set(PROVIDER, { issuer });
    },
  }),
  azure: (serviceAccountRef) => ({
    title: 'Azure',
    server: 'acme.azurecr.io',
    token: { azure: { serviceAccountRef } },
    annotations: { 'azure.workload.identity/client-id': CLIENT, 'azure.workload.identity/tenant-id': TENANT },
    commands: [
      'az identity federated-credential create --identity-name puller --subject system:serviceaccount:regcred-system:puller …',
      'az role assignment create --role AcrPull --assignee CLIENT_ID --scope REGISTRY_ID',
      `kubectl annotate serviceaccount puller -n regcred-system azure.workload.identity/client-id=${CLIENT} …`,
    ],
    prepare(clouds, issuer, subject) {
      clouds.azure.registryTokenLifetimeMs = LIFETIME_MS;
      clouds.azure.applications.push({ tenantId: TENANT, clientId: CLIENT, federated: { issuer, subject } });
      clouds.azure.registries.set('acme.azurecr.io', { tenantId: TENANT, pullers: [CLIENT] });
    },
  }),
};

/** Runs all steps. Rejects at the first check that fails. */
export async function playCloud(telling: Telling, cloud: CloudName, clouds: Clouds): Promise<void> {
  const setup = SETUPS[cloud]({ namespace: telling.stage.system, name: ACCOUNT });
  await trust(telling, setup, clouds);
  await credential(telling, setup);
  await allow(telling);
  const first = await placed(telling, setup, cloud, clouds);
  await refreshed(telling, setup, first);
  await notExpiring(telling);
}

/** Lets the cloud trust a ServiceAccount of this cluster. */
async function trust({ stage: { api, system, kubeconfig, kubectl }, screen }: Telling, setup: Setup, clouds: Clouds): Promise<void> {
  screen.heading(`2. Let ${setup.title} trust a ServiceAccount of this cluster`);
  const { issuer } = await api.call<{ issuer: string }>('GET', '/.well-known/openid-configuration');
  const { stdout } = await promisify(execFile)(kubectl, ['get', '--raw', '/openid/v1/jwks', '--kubeconfig', kubeconfig]);
  clouds.trust({ issuer, keys: (JSON.parse(stdout) as { keys: [] }).keys });
  setup.prepare(clouds, issuer, `system:serviceaccount:${system}:${ACCOUNT}`);
  const metadata = { name: ACCOUNT, annotations: setup.annotations };
  await api.call('POST', `/api/v1/namespaces/${system}/serviceaccounts`, { body: { metadata } });
  for (const command of setup.commands) screen.quote(`$ ${command}`);
  screen.done(`${setup.title} (a fake on this machine, which verifies every token) trusts ${system}/${ACCOUNT}; it has no other rights`);
}

/** Creates the credential. The operator has no right to use the ServiceAccount yet. */
async function credential({ stage: { api }, eyes, screen }: Telling, { server, token }: Setup): Promise<void> {
  screen.heading('3. Create one RegistryCredential, without any Secret');
  const namespaces = ['team-a', 'team-b', 'shop'];
  for (const name of namespaces) await api.call('POST', '/api/v1/namespaces', { body: { metadata: { name } } });
  const spec = { registries: [{ server, token }], namespaces: { names: ['team-*', 'shop'] } };
  const body = { apiVersion: 'regcred.dev/v1alpha1', kind: 'RegistryCredential', metadata: { name: NAME }, spec };
  screen.quote(stringify(body));
  screen.line();
  const since = performance.now();
  await api.call('POST', CREDENTIALS, { body });
  const ready = () => eyes.credentials.get('', NAME)?.status?.conditions?.find(({ type }) => type === 'Ready');
  const { reason, message } = await eyes.until('the credential is not Ready', () => (ready()?.status === 'False' ? ready() : undefined));
  screen.done(`The operator may not act as ${ACCOUNT} yet. ${reason}: ${message}`, performance.now() - since);
}

async function allow({ stage: { api, system }, screen }: Telling): Promise<void> {
  screen.heading('4. Create the Role that the status asks for');
  const [role, binding] = tokenRole({ namespace: system, name: ACCOUNT }, system);
  const path = `/apis/rbac.authorization.k8s.io/v1/namespaces/${system}`;
  await api.call('POST', `${path}/roles`, { body: role });
  await api.call('POST', `${path}/rolebindings`, { body: binding });
  screen.done(`The operator may request tokens of ${system}/${ACCOUNT}, and of no other account`);
}

/** Returns the first token. */
async function placed({ stage: { api, system }, eyes, screen }: Telling, setup: Setup, cloud: CloudName, clouds: Clouds): Promise<string> {
  screen.heading('5. The operator fetches a token and places it');
  const since = performance.now();
  await api.call('PATCH', `${CREDENTIALS}/${NAME}`, {
    body: { metadata: { annotations: { 'regcred.dev/check-now': 'the-role-exists' } } },
  });
  screen.quote(`$ kubectl regcred check ${NAME}     # or wait: the operator retries by itself`);
  await eyes.until('team-a gets its pull secret', () => eyes.isPlaced('team-a', NAME) || undefined);
  const token = await tokenIn(api, setup.server);
  const [given] = clouds.tokens(cloud);
  hold(
    clouds.tokens(cloud).some(({ password }) => password === token),
    'the pull secret has no token that the cloud gave out',
  );
  screen.done(`team-a, team-b and shop have the pull secret; its user is ${given?.username}`, performance.now() - since);
  const secrets = await api.call<{ items: { metadata: { name: string } }[] }>('GET', `/api/v1/namespaces/${system}/secrets`, {
    query: { labelSelector: 'regcred.dev/token=true' },
  });
  screen.done(`One fetch serves all of them. ${system}/${secrets.items[0]?.metadata.name} keeps the token over a restart`);
  const row = await eyes.until('the registry accepts the token', () => {
    const [found] = eyes.credentials.get('', NAME)?.status?.registries ?? [];
    return found?.result === 'NotRefused' ? found : undefined;
  });
  screen.done(`status.registries: ${row.message} It expires at ${row.expiresAt} (${row.expirySource})`, performance.now() - since);
  return token;
}

async function refreshed({ stage: { api }, screen }: Telling, { server }: Setup, first: string): Promise<void> {
  screen.heading('6. The operator refreshes it at half of its lifetime');
  screen.line(`  The tokens of this fake live for ${LIFETIME_MS / 1000} seconds only, so that you need not wait for hours.`);
  const uid = async () => (await api.call<{ metadata: { uid: string } }>('GET', `/api/v1/namespaces/team-a/secrets/${NAME}`)).metadata.uid;
  const [before, since] = [await uid(), performance.now()];
  await eventually(
    'the token is replaced',
    async () => hold((await tokenIn(api, server)) !== first, 'it is still the first token'),
    60_000,
  );
  hold((await uid()) === before, 'the pull secret was deleted and created again');
  screen.done('The three pull secrets have the next token, in the same Secrets', performance.now() - since);
}

async function notExpiring({ eyes, screen }: Telling): Promise<void> {
  const expiring = eyes.credentials.get('', NAME)?.status?.conditions?.find(({ type }) => type === 'Expiring');
  hold(expiring?.status === 'False', `Expiring is ${expiring?.status}: ${expiring?.message}`);
  screen.done(`Expiring: ${expiring?.reason}: ${expiring?.message}`);
}

const tokenIn = async (api: Telling['stage']['api'], server: string) =>
  (await dockerConfig(api, 'team-a', NAME)).auths[server]?.password ?? '';
