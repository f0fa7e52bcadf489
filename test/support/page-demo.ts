/** The cluster of the screenshots, and a very large one, in memory. Their objects look as the operator, the kubelet and kubectl leave them. */
import { base64, spec } from './builders.ts';
import { PageKube } from './page-kube.ts';

export const CREDENTIALS = '/apis/regcred.dev/v1alpha1/registrycredentials';
const DAY_MS = 86_400_000;

/** In every Secret of these clusters: it must never leave the program. */
export const DEMO_PASSWORD = 'sample-password-of-the-demo';

export const time = (at: number) => new Date(at).toISOString().replace(/\.\d+Z$/, 'Z');

interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
  readonly since?: number;
}

export interface CredentialDraft {
  readonly name: string;
  readonly registries: readonly {
    readonly server: string;
    readonly result?: string;
    readonly message?: string;
    readonly expiresAt?: number;
    readonly expirySource?: string;
    readonly refreshAt?: number;
    /** The cloud whose token it gets. Without one, it has a source. */
    readonly cloud?: 'aws' | 'gcp' | 'azure';
  }[];
  /** Of a NamespacedRegistryCredential. */
  readonly namespace?: string;
  readonly secretName?: string;
  readonly names?: readonly string[];
  readonly exclude?: readonly string[];
  readonly conditions: readonly Condition[];
  readonly counters: { readonly desired: number; readonly synced: number; readonly failed?: number; readonly conflicted?: number };
  readonly failures?: readonly object[];
}

/** A credential as the operator has reported on it. */
export function credential(
  { name, namespace, secretName = name, registries, names = ['*'], exclude, conditions, counters, failures = [] }: CredentialDraft,
  now: number,
) {
  const { desired, synced, failed = 0, conflicted = 0 } = counters;
  const expiries = registries.flatMap(({ expiresAt }) => expiresAt ?? []);
  return {
    apiVersion: 'regcred.dev/v1alpha1',
    kind: namespace === undefined ? 'RegistryCredential' : 'NamespacedRegistryCredential',
    metadata: { name, ...(namespace && { namespace }), uid: `uid-of-${name}`, generation: 1 },
    spec: spec({
      secretName,
      registries: registries.map(({ server, cloud }) => ({
        server,
        ...(cloud ? { token: { [cloud]: {} } } : { secretRef: { namespace: namespace ?? 'regcred-system', name: `${name}-robot` } }),
      })) as never,
      namespaces: { names: [...names], ...(exclude && { exclude: { names: [...exclude] } }) },
    }),
    status: {
      observedGeneration: 1,
      secretName,
      summary: `${synced}/${desired}`,
      namespaces: { desired, synced, failed, conflicted },
      serviceAccounts: { desired, synced, failed: 0, conflicted: 0 },
      ...(expiries.length > 0 && { expiresAt: time(Math.min(...expiries)) }),
      registries: registries.map(
        ({
          server,
          result = 'NotRefused',
          message = `${server} accepts the login.`,
          expiresAt,
          expirySource = 'Annotation',
          refreshAt,
        }) => ({
          server,
          result,
          message,
          checkedAt: time(now - 2 * 3_600_000),
          ...(expiresAt !== undefined && { expiresAt: time(expiresAt), expirySource }),
          ...(refreshAt !== undefined && { refreshAt: time(refreshAt) }),
        }),
      ),
      failures,
      failuresTotal: failures.length,
      conditions: conditions.map(({ since = now - 40 * DAY_MS, ...condition }) => ({
        observedGeneration: 1,
        lastTransitionTime: time(since),
        ...condition,
      })),
    },
  };
}

export const GOOD: readonly Condition[] = [
  { type: 'Ready', status: 'True', reason: 'Synced', message: 'The Secret is in place in every selected namespace.' },
  { type: 'SourcesReady', status: 'True', reason: 'Resolved', message: 'All sources are valid.' },
  { type: 'SecretsSynced', status: 'True', reason: 'Synced', message: 'The Secret is in place.' },
  { type: 'ServiceAccountsSynced', status: 'True', reason: 'Synced', message: 'The reference is in place.' },
];

export const VERIFIED: Condition = { type: 'Verified', status: 'True', reason: 'NotRefused', message: 'The registry accepts the login.' };

export function namespace(
  kube: PageKube,
  name: string,
  labels: Record<string, string> = {},
  pullSecrets: readonly string[] = [],
  annotations: Record<string, string> = {},
): void {
  kube.put('/api/v1/namespaces', { metadata: { name, labels, annotations }, status: { phase: 'Active' } });
  kube.put('/api/v1/serviceaccounts', {
    metadata: { namespace: name, name: 'default', annotations: { 'regcred.dev/pull-secrets': pullSecrets.join() } },
    imagePullSecrets: pullSecrets.map((secret) => ({ name: secret })),
  });
}

const DATA = {
  '.dockerconfigjson': base64(
    JSON.stringify({ auths: { 'ghcr.io': { username: 'robot', password: DEMO_PASSWORD, auth: base64(`robot:${DEMO_PASSWORD}`) } } }),
  ),
};

/** The copy of a credential in a namespace. */
export function placed(kube: PageKube, of: string, at: string, home = ''): void {
  kube.put('/api/v1/secrets', {
    metadata: {
      namespace: at,
      name: of,
      labels: { 'app.kubernetes.io/managed-by': 'regcred', 'regcred.dev/credential-uid': `uid-of-${of}` },
      annotations: { 'regcred.dev/credential': home === '' ? of : `${home}/${of}` },
    },
    type: 'kubernetes.io/dockerconfigjson',
    data: DATA,
  });
}

export function waitingPod(kube: PageKube, at: string, name: string, image: string): void {
  kube.put('/api/v1/pods', {
    metadata: {
      namespace: at,
      name,
      creationTimestamp: time(Date.now() - 23 * 60_000),
      ownerReferences: [
        {
          apiVersion: 'apps/v1',
          kind: 'StatefulSet',
          name: name.replace(/-\d+$/, ''),
          uid: `uid-set-${name.replace(/-\d+$/, '')}`,
          controller: true,
        },
      ],
    },
    spec: { serviceAccountName: 'default', containers: [{ name: 'web', image, imagePullPolicy: 'IfNotPresent' }] },
    status: {
      phase: 'Pending',
      containerStatuses: [
        {
          name: 'web',
          image,
          imageID: '',
          state: { waiting: { reason: 'ImagePullBackOff', message: `Back-off pulling image "${image}": ErrImagePull: 401 Unauthorized` } },
        },
      ],
    },
  });
}

const TEAMS = ['checkout', 'search', 'billing', 'identity', 'mobile', 'data', 'media', 'growth', 'infra', 'ml'];
const STAGES = ['dev', 'test', 'preview', 'staging', 'load', 'demo', 'prod-eu', 'prod-us'];

/** A cluster with something to do: the one of the screenshots. 412 namespaces. */
export function demoCluster(now: number): PageKube {
  const kube = new PageKube();
  const names = TEAMS.flatMap((team) => STAGES.map((stage) => `${team}-${stage}`));
  const others = Array.from({ length: 412 - names.length }, (_, at) => `preview-${String(1000 + at * 7)}`);
  const all = [...names, ...others];
  const optedOut = new Set(['billing-load', 'data-dev']);
  const conflicts = new Set(['checkout-prod-eu']);
  const pending = new Set(['identity-preview']);
  for (const name of all) {
    const isOut = optedOut.has(name);
    const isProd = name.includes('prod') || name.includes('staging');
    const secrets = isOut ? [] : ['acme', ...(isProd ? ['acr'] : []), ...(conflicts.has(name) || pending.has(name) ? [] : ['ghcr-robot'])];
    namespace(kube, name, isOut ? { 'regcred.dev/exclude': 'true' } : {}, secrets);
    for (const secret of secrets) placed(kube, secret, name);
  }
  kube.put('/api/v1/secrets', {
    metadata: { namespace: 'checkout-prod-eu', name: 'ghcr-robot' },
    type: 'kubernetes.io/dockerconfigjson',
    data: {},
  });
  const sincePushed = now - 6 * 3_600_000;
  const refused =
    'ghcr.io refuses the login of Secret regcred-system/ghcr-robot (HTTP 403, DENIED, from its token service ghcr.io). Put a password or token that ghcr.io accepts into Secret regcred-system/ghcr-robot.';
  const conflict =
    'Secret checkout-prod-eu/ghcr-robot exists and is not managed by regcred, so it was left untouched. Delete it, and the operator creates its own in its place; or set spec.conflictPolicy: Adopt to take it over; or set another spec.secretName.';
  const expires = now + 3 * DAY_MS + 3_600_000;
  const soon = `acme.azurecr.io: the password of Secret regcred-system/acr-robot expires on ${time(expires)}. Replace the password, and set the annotation regcred.dev/expires-at to its new date.`;
  const drafts: readonly CredentialDraft[] = [
    {
      name: 'acme',
      registries: [
        {
          server: 'registry.acme.example',
          result: 'Proven',
          message: 'registry.acme.example: the probe image can be pulled with the credentials, and not without.',
          expiresAt: now + 51 * DAY_MS,
        },
        { server: 'https://index.docker.io/v1/', expiresAt: now + 80 * DAY_MS },
      ],
      conditions: [
        ...GOOD,
        { ...VERIFIED, reason: 'NotRefused' },
        { type: 'Expiring', status: 'False', reason: 'NotSoon', message: 'The next to expire is the password for registry.acme.example.' },
      ],
      counters: { desired: 410, synced: 410 },
    },
    {
      name: 'acr',
      registries: [{ server: 'acme.azurecr.io', result: 'NotRefused', expiresAt: expires }],
      names: ['*-prod-*', '*-staging'],
      conditions: [...GOOD, VERIFIED, { type: 'Expiring', status: 'True', reason: 'ExpiresSoon', message: soon, since: now - 11 * DAY_MS }],
      counters: { desired: 30, synced: 30 },
    },
    {
      name: 'ghcr-robot',
      registries: [{ server: 'ghcr.io', result: 'Refused', message: refused }],
      conditions: [
        {
          type: 'Ready',
          status: 'False',
          reason: 'SecretExists',
          message: `1 namespace of 410 is not synced: checkout-prod-eu (SecretExists): ${conflict}`,
          since: now - 4 * DAY_MS,
        },
        ...GOOD.slice(1, 2),
        { type: 'SecretsSynced', status: 'False', reason: 'SecretExists', message: conflict },
        ...GOOD.slice(3),
        { type: 'Verified', status: 'False', reason: 'RegistryRefused', message: refused, since: sincePushed },
        { type: 'Expiring', status: 'False', reason: 'NoExpiryKnown', message: 'No expiry is known.' },
      ],
      counters: { desired: 410, synced: 408, conflicted: 1 },
      failures: [{ namespace: 'checkout-prod-eu', kind: 'Secret', name: 'ghcr-robot', reason: 'SecretExists', message: conflict }],
    },
  ];
  for (const draft of drafts) kube.put(CREDENTIALS, credential(draft, now));
  // Created before its account had the names.
  waitingPod(kube, 'search-prod-eu', 'indexer-0', 'ghcr.io/acme/indexer:42');
  waitingPod(kube, 'search-prod-eu', 'indexer-1', 'ghcr.io/acme/indexer:42');
  return kube;
}

/** `namespaces` × `credentials`, all synced but one failure in each thousandth namespace. */
export function largeCluster(namespaces: number, credentials: number, now: number): PageKube {
  const kube = new PageKube();
  const names = Array.from({ length: credentials }, (_, at) => `credential-${String(at).padStart(2, '0')}`);
  const failing = (at: number) => Array.from({ length: Math.ceil(namespaces / 1000) }, (_, n) => namespaceName(n * 1000 + at));
  for (let at = 0; at < namespaces; at++) {
    namespace(kube, namespaceName(at), {}, names);
    for (const name of names) placed(kube, name, namespaceName(at));
  }
  for (const [at, name] of names.entries()) {
    const failures = failing(at).map((where) => ({
      namespace: where,
      kind: 'Secret',
      name,
      reason: 'Forbidden',
      message: `The API server denied the write in ${where}.`,
    }));
    kube.put(
      CREDENTIALS,
      credential(
        {
          name,
          registries: [{ server: `registry-${at}.example.com`, expiresAt: now + (at + 20) * DAY_MS }],
          conditions: [...GOOD, VERIFIED],
          counters: { desired: namespaces, synced: namespaces - failures.length, failed: failures.length },
          failures,
        },
        now,
      ),
    );
  }
  return kube;
}

export const namespaceName = (at: number) => `team-${String(at).padStart(4, '0')}`;
