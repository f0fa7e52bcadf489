/** A cluster in memory with tokens of clouds and with credentials of tenants, for the tests of the page. */
import { CREDENTIALS, type CredentialDraft, credential, GOOD, namespace, placed, VERIFIED } from './page-demo.ts';
import { PageKube } from './page-kube.ts';

const TENANTS = '/apis/regcred.dev/v1alpha1/namespacedregistrycredentials';
const HOUR_MS = 3_600_000;

export const ECR = '123456789012.dkr.ecr.eu-central-1.amazonaws.com';

const failed = (reason: string, message: string) => [{ type: 'Ready', status: 'False', reason, message }, ...GOOD.slice(1)];

/**
 * Tokens: `fresh` is refreshed in time, `late` cannot be refreshed, `none` never got one.
 * Tenants: `robot` of oil reaches oil and gas-a, which accepts it, but not gas-b. `acme` of gas-a wants the Secret of the cluster-scoped acme.
 */
export function cloudsAndTenants(now: number): PageKube {
  const kube = new PageKube();
  namespace(kube, 'oil', {}, ['acme', 'robot']);
  namespace(kube, 'gas-a', {}, ['acme', 'robot'], { 'regcred.dev/accept-from': 'oil, coal' });
  namespace(kube, 'gas-b', {}, ['acme']);
  for (const name of ['oil', 'gas-a', 'gas-b']) placed(kube, 'acme', name);
  for (const name of ['oil', 'gas-a']) placed(kube, 'robot', name, 'oil');
  const all = { desired: 3, synced: 3 };
  const none = { desired: 0, synced: 0 };
  const denied = "AWS gives no token to the operator's own identity: AccessDenied: not authorized to perform sts:AssumeRole. Allow it.";
  const drafts: readonly CredentialDraft[] = [
    { name: 'acme', registries: [{ server: 'ghcr.io' }], conditions: [...GOOD, VERIFIED], counters: all },
    {
      name: 'fresh',
      names: ['none'],
      registries: [{ server: ECR, cloud: 'aws', expiresAt: now + 9.5 * HOUR_MS, expirySource: 'Token', refreshAt: now + 3.5 * HOUR_MS }],
      conditions: [
        ...GOOD,
        VERIFIED,
        { type: 'Expiring', status: 'False', reason: 'NotSoon', message: 'The operator refreshes its tokens.' },
      ],
      counters: none,
    },
    {
      name: 'late',
      names: ['none'],
      registries: [
        { server: 'acme.azurecr.io', cloud: 'azure', expiresAt: now + 1.5 * 60_000, expirySource: 'Token', refreshAt: now - 2.5 * HOUR_MS },
      ],
      conditions: [
        ...GOOD,
        VERIFIED,
        {
          type: 'Expiring',
          status: 'True',
          reason: 'TokenRefreshOverdue',
          message:
            'acme.azurecr.io: the operator cannot refresh the token, which expires soon. Azure gives no token to the keys in Secret regcred-system/azure-keys: AADSTS7000222: the client secret has expired. Create a new client secret for the application, and put it into the Secret under clientSecret.',
        },
      ],
      counters: none,
    },
    {
      name: 'none',
      names: ['none'],
      registries: [],
      conditions: failed('TokenFetchFailed', `Server ${ECR}: ${denied}`),
      counters: none,
    },
    {
      name: 'robot',
      namespace: 'oil',
      names: ['oil', 'gas-*'],
      registries: [{ server: 'quay.io' }],
      conditions: [...GOOD, VERIFIED],
      counters: { desired: 2, synced: 2 },
    },
    {
      name: 'acme-own',
      namespace: 'gas-a',
      secretName: 'acme',
      names: ['gas-a'],
      registries: [{ server: 'ghcr.io' }],
      conditions: failed('SecretExists', 'Secret gas-a/acme is managed by a RegistryCredential. Set another spec.secretName.'),
      counters: { desired: 1, synced: 0, conflicted: 1 },
    },
  ];
  for (const draft of drafts) kube.put(draft.namespace === undefined ? CREDENTIALS : TENANTS, credential(draft, now));
  return kube;
}

/** The namespace accepts the credentials of these namespaces from now on. */
export const acceptFrom = (kube: PageKube, name: string, homes: string): void =>
  namespace(kube, name, {}, ['acme'], { 'regcred.dev/accept-from': homes });
