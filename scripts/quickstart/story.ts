import { stringify } from 'yaml';
import type { CredentialRecord } from '../../src/api/records.ts';
import { doctor } from '../../src/cli/doctor/doctor.ts';
import type { KubeClient } from '../../src/kube/client.ts';
import { find } from '../../test/support/api.ts';
import { eventually } from '../../test/support/eventually.ts';
import { leaveSomethingToDo, refuseRotation, removeLocal, warnOfExpiry } from './registry-steps.ts';
import { CREDENTIALS, dockerConfig, hold, type Source, type Telling } from './telling.ts';
import { bringOwnCredential, refuseIntruder, removeTenants, type Tenants } from './tenant-steps.ts';

interface Pod {
  readonly spec: { readonly imagePullSecrets?: readonly { readonly name: string }[] };
}

const SOURCE = 'docker-login';
const KEY = 'config.json';

/** Runs all steps, from creating a RegistryCredential to deleting it. Rejects at the first check that fails. */
export async function play(telling: Telling): Promise<void> {
  const { stage, keep } = telling;
  // On an existing cluster, use a name that nobody else uses.
  const name = stage.prefix === '' ? 'quickstart' : stage.system;
  const there = await setTheScene(telling, name);
  const placed = await place(telling, name, there);
  const added = await addNamespace(telling, name);
  await createPod(telling, name, added);
  const early = await applyTogether(telling, name, added);
  const all = [...placed, added, ...early];
  await rotate(telling, name, all);
  await repair(telling, name, added);
  if (stage.registry) {
    await refuseRotation(telling, stage.registry, there.wanted[0] as string);
    await warnOfExpiry(telling);
  } else {
    telling.screen.heading('9. and 10. Registry checks and expiry');
    telling.screen.line(
      '  Skipped on an existing cluster: these steps need a registry on this machine. docs/verification.md describes them.',
    );
  }
  await askTheDoctor(telling, there.other);
  const tenants = await bringOwnCredential(telling);
  await refuseIntruder(telling, tenants);
  if (!keep) await takeBack(telling, name, all, tenants);
  else if (stage.registry) await leaveSomethingToDo(telling, stage.registry, there.other);
}

/** Creates the source, and namespaces without pull secrets. */
async function setTheScene(
  { stage: { api, system, prefix }, screen, source }: Telling,
  name: string,
): Promise<{ wanted: string[]; other: string }> {
  screen.heading('2. Create a source Secret and namespaces');
  const data = { [KEY]: Buffer.from(source.text).toString('base64') };
  await api.call('POST', `/api/v1/namespaces/${system}/secrets`, { body: { metadata: { name: SOURCE }, type: 'Opaque', data } });
  screen.done(`Created one Secret, ${system}/${SOURCE}, from ${source.origin}`);
  const wanted = ['team-a', 'team-b', 'team-c', 'shop', 'payments'].map((own) => prefix + own);
  const other = `${prefix}sandbox`;
  for (const namespace of [...wanted, other]) {
    await makeNamespace(api, namespace, namespace.endsWith('payments') ? { pull: name } : {});
  }
  screen.done(`Created the namespaces ${[...wanted, other].join(', ')}; none has a pull secret`);
  return { wanted, other };
}

async function place(
  { stage: { api, system, prefix, registry }, eyes, screen, source }: Telling,
  name: string,
  { wanted, other }: { wanted: string[]; other: string },
): Promise<string[]> {
  screen.heading('3. Create one RegistryCredential');
  const secretRef = { namespace: system, name: SOURCE, key: KEY };
  const from = source.server === undefined ? { dockerConfigs: [{ secretRef }] } : { registries: [{ server: source.server, secretRef }] };
  const namespaces = { names: [`${prefix}team-*`, `${prefix}shop`], selector: { matchLabels: { pull: name } } };
  // The quickstart asks no registry on the network, and the sample password works nowhere.
  const verification = registry ? { verification: { mode: 'None' } } : {};
  const spec = { ...from, ...verification, namespaces };
  const credential = { apiVersion: 'regcred.dev/v1alpha1', kind: 'RegistryCredential', metadata: { name }, spec };
  screen.quote(stringify(credential));
  screen.line();

  // For a new kind, the API server delays every create for two seconds, so that other API servers learn about the kind first
  // (serveResource in k8s.io/apiextensions-apiserver/pkg/apiserver/customresource_handler.go).
  const asked = performance.now();
  await api.call('POST', CREDENTIALS, { query: { dryRun: 'All' }, body: credential });
  screen.done('The API server accepts it (dry run; this takes 2 s for a new kind)', performance.now() - asked);

  const since = performance.now();
  await api.call('POST', CREDENTIALS, { body: credential });
  const ready = async (namespace: string) => {
    await eyes.until(`${namespace} gets its pull secret`, () => {
      mustNotFail(eyes.credentials.get('', name));
      return eyes.isPlaced(namespace, name) || undefined;
    });
    screen.done(`${namespace}: the Secret ${name} exists, and the ServiceAccount default refers to it`, performance.now() - since);
  };
  await Promise.all(wanted.map(ready));
  const message = await eyes.until('the credential becomes Ready', () => {
    const seen = mustNotFail(eyes.credentials.get('', name));
    return seen?.status === 'True' ? seen.message : undefined;
  });
  screen.done(`Ready: ${message}`, performance.now() - since);
  hold(!eyes.isPlaced(other, name), `${other} has a pull secret, but the RegistryCredential does not select it`);
  screen.done(`${other} is not selected and has no pull secret`);
  return wanted;
}

async function addNamespace({ stage: { api, prefix }, eyes, screen }: Telling, name: string): Promise<string> {
  screen.heading('4. Create a new namespace');
  const namespace = `${prefix}team-new`;
  await api.call('POST', '/api/v1/namespaces', { body: { metadata: { name: namespace } } });
  const account = eyes
    .until(`${namespace} gets its default ServiceAccount`, () => eyes.accounts.get(namespace, 'default'))
    .then(() => performance.now());
  await eyes.until(`${namespace} gets its pull secret`, () => eyes.isPlaced(namespace, name) || undefined);
  screen.done(
    `${namespace}: the Secret and the reference exist (time since its ServiceAccount was created)`,
    performance.now() - (await account),
  );
  return namespace;
}

async function createPod(telling: Telling, name: string, namespace: string): Promise<void> {
  telling.screen.heading('5. Create a pod in it, without imagePullSecrets');
  const names = await pullSecretsOfPod(telling, namespace);
  hold(names.includes(name), `the pod has imagePullSecrets [${names.join(', ')}], without ${name}`);
  telling.screen.done(`The API server set imagePullSecrets: [${names.join(', ')}]`);
}

/** Does what Helm and Argo CD do: the pod may be created before the operator can patch the ServiceAccount. */
async function applyTogether(telling: Telling, name: string, placedIn: string): Promise<string[]> {
  const { stage, eyes, screen } = telling;
  screen.heading('6. Create a namespace and a pod at the same time');
  if (!stage.hasPodPolicy) {
    screen.line(
      '  Skipped: this cluster does not serve MutatingAdmissionPolicy (Kubernetes 1.36 and newer do). Such a pod may be created too early.',
    );
    return [];
  }
  await eventually('the policy adds the name', () => policyAdds(telling, name, placedIn));
  const namespace = `${stage.prefix}team-early`;
  const since = performance.now();
  await stage.api.call('POST', '/api/v1/namespaces', { body: { metadata: { name: namespace } } });
  // The API server admits no pod before the default ServiceAccount exists, so retry.
  const names = await eventually('the pod is admitted', () => pullSecretsOfPod(telling, namespace));
  const ms = performance.now() - since;
  hold(names.includes(name), `the pod has imagePullSecrets [${names.join(', ')}], without ${name}`);
  screen.done(`The pod was admitted with imagePullSecrets: [${names.join(', ')}], from its ServiceAccount or from the policy`, ms);
  await eyes.until(`${namespace} gets its pull secret`, () => eyes.isPlaced(namespace, name) || undefined);
  screen.done('The Secret that it names exists', performance.now() - since);
  return [namespace];
}

/**
 * Throws until the API server has read the policy and the operator's rules. A pod with a name of its own gets none from its ServiceAccount,
 * so only the policy can add ours. The dry run creates no pod.
 */
async function policyAdds(telling: Telling, name: string, namespace: string): Promise<void> {
  const names = await pullSecretsOfPod(telling, namespace, { names: ['own'], dryRun: true });
  hold(names.includes(name), `the policy does not add ${name} to pods in ${namespace} yet`);
}

/** Creates a pod, by default without imagePullSecrets. Returns its names after admission. */
async function pullSecretsOfPod(
  { stage: { api }, source }: Telling,
  namespace: string,
  { names = [], dryRun = false }: { readonly names?: readonly string[]; readonly dryRun?: boolean } = {},
): Promise<string[]> {
  const spec = {
    containers: [{ name: 'shop', image: imageOf(source) }],
    imagePullSecrets: names.map((own) => ({ name: own })),
    // The scheduling gate prevents the pod from running: only the admission result matters.
    schedulingGates: [{ name: 'regcred.dev/quickstart' }],
  };
  const pod = await api.call<Pod>('POST', `/api/v1/namespaces/${namespace}/pods`, {
    query: dryRun ? { dryRun: 'All' } : {},
    body: { metadata: { name: dryRun ? 'shop-dry-run' : 'shop' }, spec },
  });
  return (pod.spec.imagePullSecrets ?? []).map((entry) => entry.name);
}

const imageOf = ({ server = 'registry.example.com' }: Source) => `${server.replace(/^https?:\/\//, '').replace('*', 'www')}/acme/shop:1`;

async function rotate({ stage: { api, system }, eyes, screen }: Telling, name: string, namespaces: string[]): Promise<void> {
  screen.heading('7. Rotate the password');
  const before = await dockerConfig(api, namespaces[0] as string, name);
  const auth = Buffer.from('octocat:sample-password-2').toString('base64');
  const auths = Object.fromEntries(Object.keys(before.auths).map((server) => [server, { auth }]));
  const hashes = new Map(namespaces.map((namespace) => [namespace, eyes.secrets.get(namespace, name)?.contentHash]));
  const since = performance.now();
  const data = { [KEY]: Buffer.from(JSON.stringify({ auths })).toString('base64') };
  await api.call('PATCH', `/api/v1/namespaces/${system}/secrets/${SOURCE}`, { body: { data } });
  await eyes.until(
    'every copy follows',
    () => namespaces.every((namespace) => eyes.secrets.get(namespace, name)?.contentHash !== hashes.get(namespace)) || undefined,
  );
  const ms = performance.now() - since;
  for (const namespace of namespaces) {
    const config = await dockerConfig(api, namespace, name);
    hold(
      Object.values(config.auths).every((entry) => entry.auth === auth),
      `${namespace} does not have the new password`,
    );
  }
  screen.done(`Changed one Secret, ${system}/${SOURCE}; all ${namespaces.length} copies have the new password`, ms);
}

async function repair({ stage: { api }, eyes, screen }: Telling, name: string, namespace: string): Promise<void> {
  screen.heading('8. Remove the reference from a ServiceAccount');
  const before = eyes.accounts.get(namespace, 'default')?.resourceVersion;
  const since = performance.now();
  const stripped = await api.call<{ metadata: { resourceVersion: string } }>(
    'PATCH',
    `/api/v1/namespaces/${namespace}/serviceaccounts/default`,
    { body: { imagePullSecrets: null } },
  );
  await eyes.until('the reference comes back', () => {
    const version = eyes.accounts.get(namespace, 'default')?.resourceVersion;
    return (version !== before && version !== stripped.metadata.resourceVersion && eyes.refersTo(namespace, name)) || undefined;
  });
  screen.done(`The operator restored the reference in the ServiceAccount default in ${namespace}`, performance.now() - since);
}

/** Runs the doctor for a namespace that the RegistryCredential does not select. */
async function askTheDoctor({ stage: { kubeconfig }, screen, source }: Telling, namespace: string): Promise<void> {
  screen.heading('11. Find out why a pod in another namespace cannot pull');
  const image = imageOf(source);
  screen.quote(`$ kubectl regcred doctor image ${image} -n ${namespace}`);
  const world = { env: {}, home: '/', program: 'kubectl regcred', input: async () => undefined, now: () => new Date(), isTerminal: false };
  const { output, exitCode } = await doctor(['image', image], { kubeconfig, namespace }, world);
  screen.quote(output);
  hold(exitCode !== 0, `the doctor reports no problem for a pod in ${namespace}, although it has no pull secret`);
}

async function takeBack(telling: Telling, name: string, namespaces: string[], tenants: Tenants): Promise<void> {
  const { stage, eyes, screen } = telling;
  const { api } = stage;
  screen.heading('14. Delete the credentials');
  if (stage.registry) await removeLocal(telling);
  await removeTenants(telling, tenants);
  const since = performance.now();
  await api.call('DELETE', `${CREDENTIALS}/${name}`);
  await eyes.until('the operator removes everything', () => {
    const left = namespaces.some((namespace) => eyes.secrets.get(namespace, name) || eyes.refersTo(namespace, name));
    return (!left && eyes.credentials.get('', name) === undefined) || undefined;
  });
  const ms = performance.now() - since;
  for (const namespace of namespaces) {
    const secret = await find(api, `/api/v1/namespaces/${namespace}/secrets/${name}`);
    hold(secret === undefined, `the Secret ${namespace}/${name} is still there`);
    const account = await api.call<{ metadata: { annotations?: object }; imagePullSecrets?: object[] }>(
      'GET',
      `/api/v1/namespaces/${namespace}/serviceaccounts/default`,
    );
    hold(
      !account.imagePullSecrets?.length && !account.metadata.annotations,
      `the ServiceAccount default in ${namespace} still has a reference or annotation of regcred`,
    );
  }
  screen.done('The operator removed every Secret and every reference in all namespaces', ms);
}

async function makeNamespace(api: KubeClient, name: string, labels: object): Promise<void> {
  await api.call('POST', '/api/v1/namespaces', { body: { metadata: { name, labels } } });
  await eventually(`${name} gets its default ServiceAccount`, () => api.call('GET', `/api/v1/namespaces/${name}/serviceaccounts/default`));
}

/** Returns the Ready condition. Throws if it is False: its message says what to do, so the quickstart ends with it. */
function mustNotFail(credential: CredentialRecord | undefined): { status: string; message: string } | undefined {
  const ready = credential?.status?.conditions?.find(({ type }) => type === 'Ready');
  if (ready?.status === 'False') throw new Error(`The RegistryCredential is not Ready (${ready.reason}): ${ready.message}`);
  return ready;
}
