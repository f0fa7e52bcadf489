import { stringify } from 'yaml';
import type { CredentialRecord } from '../../src/api/records.ts';
import { doctor } from '../../src/cli/doctor/doctor.ts';
import type { Kube } from '../../src/kube/client.ts';
import { find } from '../../test/support/api.ts';
import { eventually } from '../../test/support/eventually.ts';
import type { Eyes } from './eyes.ts';
import type { Screen } from './screen.ts';
import type { Stage } from './stage.ts';

/** The docker config that the credentials come from. */
export interface Source {
  readonly text: string;
  /** Undefined: all entries. */
  readonly server: string | undefined;
  readonly origin: string;
}

interface Telling {
  readonly stage: Stage;
  readonly eyes: Eyes;
  readonly screen: Screen;
  readonly source: Source;
  /** Leave out the deletion at the end. */
  readonly keep: boolean;
}

interface Pod {
  readonly spec: { readonly imagePullSecrets?: readonly { readonly name: string }[] };
}

const CREDENTIALS = '/apis/regcred.dev/v1alpha1/registrycredentials';
const SOURCE = 'docker-login';
const KEY = 'config.json';

/** What regcred is for, from the first RegistryCredential to the last trace of it. Rejects at the first thing that does not hold. */
export async function play(telling: Telling): Promise<void> {
  const { stage, keep } = telling;
  // On a cluster with other things in it, another name than anybody would have given.
  const name = stage.prefix === '' ? 'acme' : stage.system;
  const there = await setTheScene(telling, name);
  const placed = await place(telling, name, there);
  const added = await addNamespace(telling, name);
  await createPod(telling, name, added);
  const early = await applyTogether(telling, name);
  const all = [...placed, added, ...early];
  await rotate(telling, name, all);
  await repair(telling, name, added);
  await askTheDoctor(telling, there.other);
  if (!keep) await takeBack(telling, name, all);
}

/** The source, and the namespaces as they may be before anybody thinks of pull secrets. */
async function setTheScene(
  { stage: { api, system, prefix }, screen, source }: Telling,
  name: string,
): Promise<{ wanted: string[]; other: string }> {
  screen.heading('2. What is there before');
  const data = { [KEY]: Buffer.from(source.text).toString('base64') };
  await api.call('POST', `/api/v1/namespaces/${system}/secrets`, { body: { metadata: { name: SOURCE }, type: 'Opaque', data } });
  screen.done(`One Secret, ${system}/${SOURCE}, made from ${source.origin}`);
  const wanted = ['team-a', 'team-b', 'team-c', 'shop', 'payments'].map((own) => prefix + own);
  const other = `${prefix}sandbox`;
  for (const namespace of [...wanted, other]) {
    await makeNamespace(api, namespace, namespace.endsWith('payments') ? { pull: name } : {});
  }
  screen.done(`Namespaces ${[...wanted, other].join(', ')}; none has a pull secret`);
  return { wanted, other };
}

async function place(
  { stage: { api, system, prefix }, eyes, screen, source }: Telling,
  name: string,
  { wanted, other }: { wanted: string[]; other: string },
): Promise<string[]> {
  screen.heading('3. One RegistryCredential');
  const secretRef = { namespace: system, name: SOURCE, key: KEY };
  const from = source.server === undefined ? { dockerConfigs: [{ secretRef }] } : { registries: [{ server: source.server, secretRef }] };
  const namespaces = { names: [`${prefix}team-*`, `${prefix}shop`], selector: { matchLabels: { pull: name } } };
  const credential = { apiVersion: 'regcred.dev/v1alpha1', kind: 'RegistryCredential', metadata: { name }, spec: { ...from, namespaces } };
  screen.quote(stringify(credential));
  screen.line();

  // Of a kind that it has only just learnt the API server holds back every create for two seconds, so that its like learn
  // of the kind first (serveResource in k8s.io/apiextensions-apiserver/pkg/apiserver/customresource_handler.go).
  const asked = performance.now();
  await api.call('POST', CREDENTIALS, { query: { dryRun: 'All' }, body: credential });
  screen.done('The API server accepts it (dry run; with a kind that is new to it this takes 2 s)', performance.now() - asked);

  const since = performance.now();
  await api.call('POST', CREDENTIALS, { body: credential });
  const ready = async (namespace: string) => {
    await eyes.until(`${namespace} gets its pull secret`, () => {
      mustNotFail(eyes.credentials.get('', name));
      return eyes.isPlaced(namespace, name) || undefined;
    });
    screen.done(`${namespace}: the Secret ${name} is there, and the ServiceAccount default refers to it`, performance.now() - since);
  };
  await Promise.all(wanted.map(ready));
  const message = await eyes.until('the credential becomes Ready', () => {
    const seen = mustNotFail(eyes.credentials.get('', name));
    return seen?.status === 'True' ? seen.message : undefined;
  });
  screen.done(`Ready: ${message}`, performance.now() - since);
  hold(!eyes.isPlaced(other, name), `${other} was given a pull secret, though nothing asks for it`);
  screen.done(`${other} was left alone`);
  return wanted;
}

async function addNamespace({ stage: { api, prefix }, eyes, screen }: Telling, name: string): Promise<string> {
  screen.heading('4. A new namespace');
  const namespace = `${prefix}team-new`;
  await api.call('POST', '/api/v1/namespaces', { body: { metadata: { name: namespace } } });
  const account = eyes
    .until(`${namespace} gets its default ServiceAccount`, () => eyes.accounts.get(namespace, 'default'))
    .then(() => performance.now());
  await eyes.until(`${namespace} gets its pull secret`, () => eyes.isPlaced(namespace, name) || undefined);
  screen.done(
    `${namespace}: the Secret and the reference are in place, counted from its ServiceAccount on`,
    performance.now() - (await account),
  );
  return namespace;
}

async function createPod(telling: Telling, name: string, namespace: string): Promise<void> {
  telling.screen.heading('5. A pod in it that says nothing of pull secrets');
  const names = await pullSecretsOfPod(telling, namespace);
  hold(names.includes(name), `the pod has imagePullSecrets [${names.join(', ')}], without ${name}`);
  telling.screen.done(`The API server gave it imagePullSecrets: [${names.join(', ')}]`);
}

/** As Helm and Argo CD do it: the pod may be there before its ServiceAccount could be patched. */
async function applyTogether(telling: Telling, name: string): Promise<string[]> {
  const { stage, eyes, screen } = telling;
  screen.heading('6. A namespace and a pod in it, applied together');
  if (!stage.hasPodPolicy) {
    screen.line(
      '  Left out: this cluster does not serve MutatingAdmissionPolicy (Kubernetes 1.36 and newer do), so such a pod may be too early.',
    );
    return [];
  }
  const namespace = `${stage.prefix}team-early`;
  const since = performance.now();
  await stage.api.call('POST', '/api/v1/namespaces', { body: { metadata: { name: namespace } } });
  // Before there is a default ServiceAccount the API server admits no pod, and whoever makes it tries again.
  const names = await eventually('the pod is admitted', () => pullSecretsOfPod(telling, namespace));
  const ms = performance.now() - since;
  hold(names.includes(name), `the pod has imagePullSecrets [${names.join(', ')}], without ${name}`);
  screen.done(`The pod was admitted with imagePullSecrets: [${names.join(', ')}], by the policy if not by its ServiceAccount`, ms);
  await eyes.until(`${namespace} gets its pull secret`, () => eyes.isPlaced(namespace, name) || undefined);
  screen.done('The Secret that it names is there', performance.now() - since);
  return [namespace];
}

/** What admission makes of a pod without a list of its own. */
async function pullSecretsOfPod({ stage: { api }, source }: Telling, namespace: string): Promise<string[]> {
  // The gate keeps it from ever being run: only what admission makes of it is to be seen.
  const spec = { containers: [{ name: 'shop', image: imageOf(source) }], schedulingGates: [{ name: 'regcred.dev/quickstart' }] };
  const pod = await api.call<Pod>('POST', `/api/v1/namespaces/${namespace}/pods`, { body: { metadata: { name: 'shop' }, spec } });
  return (pod.spec.imagePullSecrets ?? []).map((entry) => entry.name);
}

const imageOf = ({ server = 'registry.example.com' }: Source) => `${server.replace(/^https?:\/\//, '').replace('*', 'www')}/acme/shop:1`;

async function rotate({ stage: { api, system }, eyes, screen }: Telling, name: string, namespaces: string[]): Promise<void> {
  screen.heading('7. The password is rotated');
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
      `${namespace} has another password than the new one`,
    );
  }
  screen.done(`One Secret was changed, ${system}/${SOURCE}; all ${namespaces.length} copies hold the new password`, ms);
}

async function repair({ stage: { api }, eyes, screen }: Telling, name: string, namespace: string): Promise<void> {
  screen.heading('8. Somebody takes the reference away');
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
  screen.done(`The ServiceAccount default in ${namespace} was stripped, and repaired`, performance.now() - since);
}

/** In the namespace that nothing asks for. */
async function askTheDoctor({ stage: { kubeconfig }, screen, source }: Telling, namespace: string): Promise<void> {
  screen.heading('9. Why could a pod elsewhere not pull?');
  const image = imageOf(source);
  screen.quote(`$ kubectl regcred doctor image ${image} -n ${namespace}`);
  const world = { program: 'kubectl regcred', input: async () => undefined, now: () => new Date() };
  const { output, exitCode } = await doctor(['image', image], { kubeconfig, namespace }, world);
  screen.quote(output);
  hold(exitCode !== 0, `the doctor finds nothing wrong with a pod in ${namespace}, though it has no pull secret`);
}

async function takeBack({ stage: { api }, eyes, screen }: Telling, name: string, namespaces: string[]): Promise<void> {
  screen.heading('10. The RegistryCredential is deleted');
  const since = performance.now();
  await api.call('DELETE', `${CREDENTIALS}/${name}`);
  await eyes.until('everything is taken back', () => {
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
      `the ServiceAccount default in ${namespace} still has traces of it`,
    );
  }
  screen.done('Every Secret and every reference is gone; nothing is left of it in any namespace', ms);
}

async function makeNamespace(api: Kube, name: string, labels: object): Promise<void> {
  await api.call('POST', '/api/v1/namespaces', { body: { metadata: { name, labels } } });
  await eventually(`${name} gets its default ServiceAccount`, () => api.call('GET', `/api/v1/namespaces/${name}/serviceaccounts/default`));
}

async function dockerConfig(api: Kube, namespace: string, name: string): Promise<{ auths: Record<string, { auth: string }> }> {
  const { data } = await api.call<{ data: Record<string, string> }>('GET', `/api/v1/namespaces/${namespace}/secrets/${name}`);
  return JSON.parse(Buffer.from(data['.dockerconfigjson'] as string, 'base64').toString());
}

/** What the credential says of itself. Where a person must act it says how: that is what the quickstart ends with, too. */
function mustNotFail(credential: CredentialRecord | undefined): { status: string; message: string } | undefined {
  const ready = credential?.status?.conditions?.find(({ type }) => type === 'Ready');
  if (ready?.status === 'False') throw new Error(`The RegistryCredential is not Ready (${ready.reason}): ${ready.message}`);
  return ready;
}

function hold(held: boolean, otherwise: string): void {
  if (!held) throw new Error(otherwise);
}
