/** `npm run bench:pods`: what the policy that adds pull secrets adds to the creation of a pod, on a control plane of its own and without an operator. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Kube } from '../src/kube/client.ts';
import { connect } from '../test/support/api.ts';
import { kubectl, startControlPlane } from '../test/support/controlplane.ts';
import { eventually } from '../test/support/eventually.ts';
import { install } from '../test/support/operator.ts';
import { Screen } from './quickstart/screen.ts';

const CREDENTIALS = '/apis/regcred.dev/v1alpha1/registrycredentials';
const PODS = '/api/v1/namespaces/bench/pods';
const ACCOUNT = '/api/v1/namespaces/bench/serviceaccounts/default';
/** The policy looks for new credentials by a watch, and for changes of its own once a second. */
const SETTLED_MS = 2000;
const ROUNDS = 5;
const PODS_A_ROUND = 100;

interface Setting {
  readonly what: string;
  readonly credentials: number;
  /** Glob over namespaces. */
  readonly namespaces: string;
  /** The ServiceAccount refers to the Secrets already, so that the policy has nothing to add. */
  readonly referred?: true;
}

const settings: Setting[] = [
  { what: 'no RegistryCredential', credentials: 0, namespaces: '' },
  ...[1, 10, 50].map((credentials) => ({ what: `${credentials}, all added by the policy`, credentials, namespaces: 'bench' })),
  ...[1, 10, 50].map((credentials) => ({
    what: `${credentials}, all from the account`,
    credentials,
    namespaces: 'bench',
    referred: true as const,
  })),
  { what: '50 for other namespaces', credentials: 50, namespaces: 'team-*' },
];

const screen = new Screen();
const controlPlane = await startControlPlane((line) => screen.progress(line));
const api = connect(controlPlane.kubeconfig);
try {
  await install(controlPlane);
  await kubectl(controlPlane, 'apply', '-k', 'manifests/components/pod-injection');
  await api.call('POST', '/api/v1/namespaces', { body: { metadata: { name: 'bench' } } });
  await eventually('the account is there', () => api.call('GET', ACCOUNT));
  const times = settings.map((): number[] => []);
  // Round by round, so that whatever else the machine does falls on all of them.
  for (let round = 1; round <= ROUNDS; round++) {
    for (const [at, setting] of settings.entries()) {
      screen.progress(`${round} of ${ROUNDS}: ${setting.what}`);
      await arrange(api, setting);
      times[at]?.push(...(await create(api, setting)));
      await api.call('DELETE', PODS, { body: { gracePeriodSeconds: 0 } });
    }
  }
  const [none = 0, ...others] = times.map(median);
  screen.heading('The creation of a pod, median');
  for (const [at, ms] of [none, ...others].entries())
    screen.line(`  ${settings[at]?.what.padEnd(32)} ${ms.toFixed(2).padStart(7)} ms   ${(ms / none).toFixed(2)} ×`);
} finally {
  await api.close();
  await controlPlane.stop();
}

async function arrange(api: Kube, { credentials, namespaces, referred }: Setting): Promise<void> {
  await api.call('DELETE', CREDENTIALS);
  const names = Array.from({ length: credentials }, (_, n) => `credential-${n}`);
  for (const name of names) {
    const registries = [{ server: 'registry.example.com', secretRef: { namespace: 'regcred-system', name } }];
    const spec = { registries, namespaces: { names: [namespaces] } };
    await api.call('POST', CREDENTIALS, {
      body: { apiVersion: 'regcred.dev/v1alpha1', kind: 'RegistryCredential', metadata: { name }, spec },
    });
  }
  await api.call('PATCH', ACCOUNT, { body: { imagePullSecrets: referred ? names.map((name) => ({ name })) : null } });
  await delay(SETTLED_MS);
}

/** Creates pods one after another; how long each took, in milliseconds. The first ones, over which everything gets warm, do not count. */
async function create(api: Kube, { what, credentials, namespaces }: Setting): Promise<number[]> {
  const spec = { containers: [{ name: 'bench', image: 'registry.example.com/bench:1' }] };
  const times: number[] = [];
  for (let n = 0; n < PODS_A_ROUND; n++) {
    const begun = performance.now();
    const pod = await api.call<{ spec: { imagePullSecrets?: object[] } }>('POST', PODS, {
      body: { metadata: { name: `bench-${n}` }, spec },
    });
    if (n >= PODS_A_ROUND / 5) times.push(performance.now() - begun);
    const names = pod.spec.imagePullSecrets?.length ?? 0;
    if (names !== (namespaces === 'bench' ? credentials : 0)) throw new Error(`${what}: a pod has ${names} names`);
  }
  return times;
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}
