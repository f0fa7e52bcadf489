/** The steps about registry checks and expiry. They need a registry on this machine, so they run on the embedded control plane only. */
import { stringify } from 'yaml';
import { type LocalRegistry, ROBOT } from './registry.ts';
import { CREDENTIALS, dockerConfig, hold, type Telling } from './telling.ts';

/** The name of the RegistryCredential for the local registry. */
export const LOCAL = 'local';
const SOURCE = 'local-robot';
const GOOD = 'sample-password-3';
const REFUSED = 'sample-password-4';
const NEXT = 'sample-password-5';
const DAY_MS = 24 * 3_600_000;

/** Rotates to a password that the registry refuses, and to one that it accepts. */
export async function refuseRotation(telling: Telling, registry: LocalRegistry, namespace: string): Promise<void> {
  const { stage, screen } = telling;
  const { api, system } = stage;
  screen.heading('9. Rotate to a password that the registry refuses');
  const path = `/api/v1/namespaces/${system}/secrets`;
  const setPassword = (password: string) => api.call('PATCH', `${path}/${SOURCE}`, { body: { stringData: { password } } });
  const inCopy = async () => (await dockerConfig(api, namespace, LOCAL)).auths[registry.host]?.password;

  registry.accept(GOOD);
  const stringData = { username: ROBOT, password: GOOD };
  await api.call('POST', path, { body: { metadata: { name: SOURCE }, type: 'kubernetes.io/basic-auth', stringData } });
  const spec = {
    registries: [{ server: registry.host, secretRef: { namespace: system, name: SOURCE } }],
    verification: { mode: 'Require' },
    namespaces: { names: [namespace] },
  };
  const credential = { apiVersion: 'regcred.dev/v1alpha1', kind: 'RegistryCredential', metadata: { name: LOCAL }, spec };
  screen.quote(stringify(credential));
  screen.line();
  let since = performance.now();
  await api.call('POST', CREDENTIALS, { body: credential });
  await conditionIs(telling, 'Ready', 'True');
  screen.done(`Verified: ${(await conditionIs(telling, 'Verified', 'True')).message}`, performance.now() - since);

  since = performance.now();
  await setPassword(REFUSED);
  const refusal = await conditionIs(telling, 'Ready', 'False');
  screen.done(`Wrote another password into ${system}/${SOURCE}. ${refusal.reason}: ${refusal.message}`, performance.now() - since);
  hold((await inCopy()) === GOOD, `${namespace} does not have the accepted password any more`);
  screen.done(`${namespace}: the copy still has the password that the registry accepts`);

  since = performance.now();
  registry.accept(NEXT);
  await setPassword(NEXT);
  await conditionIs(telling, 'Ready', 'True');
  await telling.eyes.until('the status is about the new password', () => condition(telling, 'Verified')?.status === 'True' || undefined);
  hold((await inCopy()) === NEXT, `${namespace} does not have the new password`);
  screen.done(
    `Wrote a password that the registry accepts; ${namespace} has it, and the credential is Ready again`,
    performance.now() - since,
  );
}

/** States a date after which the password stops working. */
export async function warnOfExpiry(telling: Telling): Promise<void> {
  const { stage, screen } = telling;
  screen.heading('10. Know before a password expires');
  const date = new Date(Date.now() + 3 * DAY_MS).toISOString().replace(/\.\d+/, '');
  screen.quote(`$ kubectl annotate secret ${SOURCE} -n ${stage.system} regcred.dev/expires-at=${date}`);
  const since = performance.now();
  const annotations = { 'regcred.dev/expires-at': date };
  await stage.api.call('PATCH', `/api/v1/namespaces/${stage.system}/secrets/${SOURCE}`, { body: { metadata: { annotations } } });
  const { reason, message } = await conditionIs(telling, 'Expiring', 'True');
  screen.done(`Expiring: ${reason}: ${message}`, performance.now() - since);
}

/** Leaves a refused password and a pod that waits for an image, to be found with the commands of regcred. No kubelet runs here, so this writes the pod's status. */
export async function leaveSomethingToDo(telling: Telling, registry: LocalRegistry, namespace: string): Promise<void> {
  const { stage, screen } = telling;
  const { api, system } = stage;
  screen.heading('12. Something for you to find');
  const since = performance.now();
  await api.call('PATCH', `/api/v1/namespaces/${system}/secrets/${SOURCE}`, { body: { stringData: { password: REFUSED } } });
  const image = `${registry.host}/acme/web:1`;
  const container = { name: 'web', image };
  const pods = `/api/v1/namespaces/${namespace}/pods`;
  await api.call('POST', pods, { body: { metadata: { name: 'web-0' }, spec: { containers: [container] } } });
  const state = { waiting: { reason: 'ImagePullBackOff', message: `Back-off pulling image "${image}": ErrImagePull: 401 Unauthorized` } };
  const containerStatuses = [{ ...container, imageID: '', ready: false, restartCount: 0, state }];
  await api.call('PATCH', `${pods}/web-0/status`, { body: { status: { containerStatuses } } });
  await conditionIs(telling, 'Ready', 'False');
  screen.done(`A password that the registry refuses, and a pod in ${namespace} that cannot pull`, performance.now() - since);
}

/** Deletes the RegistryCredential for the local registry. */
export async function removeLocal({ stage: { api }, eyes }: Telling): Promise<void> {
  await api.call('DELETE', `${CREDENTIALS}/${LOCAL}`);
  await eyes.until('the credential of the local registry is gone', () => eyes.credentials.get('', LOCAL) === undefined || undefined);
}

const condition = ({ eyes }: Telling, wanted: string) =>
  eyes.credentials.get('', LOCAL)?.status?.conditions?.find(({ type }) => type === wanted);

function conditionIs(telling: Telling, type: string, status: string) {
  return telling.eyes.until(`${type} of ${LOCAL} becomes ${status}`, () => {
    const seen = condition(telling, type);
    return seen?.status === status ? seen : undefined;
  });
}
