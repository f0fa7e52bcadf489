/** The steps about tenants: a team brings its own credential, and an intruder is refused. Both have the ClusterRole edit in one namespace only. */
import { stringify } from 'yaml';
import type { RegistryCredentialStatus } from '../../src/api/types.ts';
import type { KubeClient } from '../../src/kube/client.ts';
import { eventually } from '../../test/support/eventually.ts';
import { userOf } from '../../test/support/tenant-user.ts';
import { dockerConfig, hold, type Telling } from './telling.ts';

const NAME = 'team-robot';
const PASSWORD = 'sample-password-6';

export interface Tenants {
  /** The namespace of the team, and a second one of it. */
  readonly home: string;
  readonly second: string;
  /** The namespace of the intruder. */
  readonly intruder: string;
}

/** The team creates a Secret and a credential, and an administrator lets a second namespace accept it. Returns the namespaces. */
export async function bringOwnCredential({ stage, eyes, screen }: Telling): Promise<Tenants> {
  const { api, prefix, kubeconfig } = stage;
  screen.heading('12. A team brings its own credential, without an administrator');
  const [home, second, intruder] = ['oil', 'oil-dev', 'gas'].map((name) => `${prefix}${name}`) as [string, string, string];
  for (const name of [home, second, intruder]) {
    await api.call('POST', '/api/v1/namespaces', { body: { metadata: { name } } });
    await eventually('a default ServiceAccount', () => api.call('GET', `/api/v1/namespaces/${name}/serviceaccounts/default`));
  }
  const team = await userOf(api, kubeconfig, home);
  screen.done(
    `Created the namespaces ${home}, ${second} and ${intruder}. The team has the ClusterRole edit in ${home}, and no other right`,
  );
  const credential = credentialIn(home, {
    registries: [{ server: 'registry.example.com', secretRef: { name: 'robot' } }],
    namespaces: { names: [home, second] },
  });
  screen.quote(stringify(credential));
  screen.line();
  try {
    const since = performance.now();
    const stringData = { username: 'robot', password: PASSWORD };
    const secret = { metadata: { name: 'robot' }, type: 'kubernetes.io/basic-auth', stringData };
    await team.call('POST', `/api/v1/namespaces/${home}/secrets`, { body: secret });
    await team.call('POST', collection(home), { body: credential });
    await eyes.until(`${home} gets the pull secret`, () => eyes.isPlaced(home, NAME) || undefined);
    screen.done(`${home}: the Secret ${NAME} exists, and the ServiceAccount default refers to it`, performance.now() - since);
    screen.done(`Ready: ${(await settled(team, home)).message}`);
  } finally {
    await team.close();
  }
  const since = performance.now();
  const body = { metadata: { annotations: { 'regcred.dev/accept-from': home } } };
  await api.call('PATCH', `/api/v1/namespaces/${second}`, { body });
  await eyes.until(`${second} gets the pull secret`, () => eyes.isPlaced(second, NAME) || undefined);
  screen.done(
    `An administrator annotated ${second} with regcred.dev/accept-from: ${home}. It has the Secret, too`,
    performance.now() - since,
  );
  return { home, second, intruder };
}

/** Somebody with the same rights in another namespace tries to read the Secret of the team, and to write into its namespace. */
export async function refuseIntruder({ stage: { api, kubeconfig }, screen }: Telling, { home, intruder }: Tenants): Promise<void> {
  screen.heading('13. An intruder is refused');
  const user = await userOf(api, kubeconfig, intruder);
  const secretRef = { namespace: home, name: 'robot' };
  const credential = credentialIn(intruder, {
    registries: [{ server: 'registry.example.com', secretRef }],
    namespaces: { names: [intruder, home] },
  });
  screen.quote(stringify(credential));
  screen.line();
  try {
    await user.call('POST', collection(intruder), { body: credential });
    const { status, message } = await settled(user, intruder);
    hold(status === 'False', `the credential of ${intruder} is Ready`);
    screen.done(`Not Ready: ${message}`);
  } finally {
    await user.close();
  }
  const { items } = await api.call<{ items: { type: string }[] }>('GET', `/api/v1/namespaces/${intruder}/secrets`);
  hold(!items.some(({ type }) => type === 'kubernetes.io/dockerconfigjson'), `${intruder} has a pull secret`);
  const own = await dockerConfig(api, home, NAME);
  hold(own.auths['registry.example.com']?.password === PASSWORD, `the pull secret in ${home} was changed`);
  screen.done(`${intruder} has no pull secret, and that of ${home} is unchanged: secretRef always means the namespace of the object`);
}

/** Deletes both credentials, with what they created. */
export async function removeTenants({ stage: { api }, eyes }: Telling, { home, second, intruder }: Tenants): Promise<void> {
  for (const namespace of [home, intruder]) await api.call('DELETE', `${collection(namespace)}/${NAME}`);
  const isGone = (namespace: string) => !eyes.secrets.get(namespace, NAME) && !eyes.refersTo(namespace, NAME);
  await eyes.until('the operator removes everything of the team', () => (isGone(home) && isGone(second)) || undefined);
}

const credentialIn = (namespace: string, spec: object) => ({
  apiVersion: 'regcred.dev/v1alpha1',
  kind: 'NamespacedRegistryCredential',
  metadata: { name: NAME, namespace },
  // The quickstart asks no registry on the network.
  spec: { ...spec, verification: { mode: 'None' } },
});

const collection = (namespace: string) => `/apis/regcred.dev/v1alpha1/namespaces/${namespace}/namespacedregistrycredentials`;

/** The condition Ready, once the operator has decided. */
const settled = (user: KubeClient, namespace: string) =>
  eventually(`${namespace}/${NAME} is decided`, async () => {
    const { status } = await user.call<{ status?: RegistryCredentialStatus }>('GET', `${collection(namespace)}/${NAME}`);
    const ready = status?.conditions?.find(({ type }) => type === 'Ready');
    if (!ready || ready.status === 'Unknown') throw new Error(ready?.message ?? 'no status yet');
    return ready;
  });
