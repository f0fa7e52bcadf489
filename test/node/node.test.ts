import { existsSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { expect } from 'chai';
import type { RegistryCredentialStatus } from '../../src/api/types.ts';
import type { KubeClient } from '../../src/kube/client.ts';
import { connect } from '../support/api.ts';
import { defaultVersion } from '../support/assets.ts';
import { keepOutput } from '../support/canary.ts';
import { makeAuthority } from '../support/certificates.ts';
import { type ControlPlane, kubectl, startControlPlane } from '../support/controlplane.ts';
import { eventually } from '../support/eventually.ts';
import { install } from '../support/operator.ts';
import { type Registry, ROBOT, ROTATED, startRegistry } from '../support/registry.ts';
import { nodeAssets } from './assets.ts';
import type { Figure } from './figures.ts';
import { imageOfOperator, imageOfProgram } from './image.ts';
import { type Machine, NODE_ADDRESS, SERVICE_ADDRESS, startMachine } from './machine.ts';
import { Workloads } from './workloads.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const SYSTEM = 'regcred-system';
const SOURCES = 'sources';
const CREDENTIALS = '/apis/regcred.dev/v1alpha1/registrycredentials';
/** Those of a cluster that Deployments and nodes need. */
const CONTROLLERS = ['deployment-controller', 'replicaset-controller', 'node-lifecycle-controller'];
const TOGETHER = 20;
const MANY = 500;
const MEBIBYTE = 2 ** 20;
const inSeconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`;
/** A kubelet tries a pull again after 10, 20, 40 … seconds. A pod that is stuck waits for ever. */
const PULLED_MS = 120_000;
/** What runtimes say when a registry answers 401. */
const REFUSED = /unauthorized|authorization failed|401|no basic auth/i;

describe('On a real node', () => {
  const directory = process.env.REGCRED_E2E_DIRECTORY as string;
  const say = (line: string) => console.error(line);
  const figures: Figure[] = [];
  const record = (what: string, value: string) => void figures.push({ what, value });
  let controlPlane: ControlPlane;
  let api: KubeClient;
  let registry: Registry;
  let machine: Machine;
  let workloads: Workloads;
  let caBundle: string;

  before(async () => {
    const authority = makeAuthority();
    caBundle = Buffer.from(authority.cert).toString('base64');
    setDefaultCACertificates([...getCACertificates(), authority.cert]);
    // Its ClusterIP is an address of this machine, so no proxy is necessary.
    controlPlane = await startControlPlane(say, [], {}, CONTROLLERS, { listenAddress: SERVICE_ADDRESS, securePort: 443 });
    api = connect(controlPlane.kubeconfig);
    registry = await startRegistry('htpasswd', say, undefined, { address: NODE_ADDRESS, tls: authority.issue([NODE_ADDRESS]) });
    const runtime = { host: registry.host, ca: authority.cert };
    machine = await startMachine({ controlPlane, directory, cgroup: process.env.REGCRED_E2E_CGROUP as string, registry: runtime, say });
    workloads = new Workloads(controlPlane, api);
    const { pause } = await nodeAssets(say);
    const names = ['old', 'rotated', 'refused', 'waiting', ...Array.from({ length: TOGETHER }, (_, n) => `together-${n}`)];
    for (const name of names) await registry.push(`acme/${name}`, '1', imageOfProgram(pause, name));
    const cgroups = existsSync('/sys/fs/cgroup/cgroup.controllers') ? 'v2' : 'v1';
    const day = new Date().toISOString().slice(0, 10);
    record('run with', `Kubernetes ${defaultVersion().slice(1)}, containerd ${machine.runtime}, cgroups ${cgroups}; ${day}`);
  });
  after(async () => {
    keepOutput('log', 0, await operatorLog().catch(() => ''));
    await machine?.stop();
    await registry?.stop();
    await api?.close();
    await controlPlane?.stop();
    writeFileSync(join(ROOT, 'dist/e2e.json'), `${JSON.stringify(figures, null, 2)}\n`);
    console.log(`\n${figures.map(({ what, value }) => `  ${what}: ${value}`).join('\n')}`);
  });

  const imageOf = (name: string) => `${registry.host}/acme/${name}:1`;
  const operatorLog = () => kubectl(controlPlane, 'logs', '-n', SYSTEM, '-l', 'app.kubernetes.io/name=regcred', '--tail=-1');

  const makeSource = (name: string, { username, password }: { username: string; password: string }) =>
    api.call('POST', `/api/v1/namespaces/${SOURCES}/secrets`, {
      body: { metadata: { name }, type: 'kubernetes.io/basic-auth', stringData: { username, password } },
    });
  const rotate = (name: string, { password }: { password: string }) =>
    api.call('PATCH', `/api/v1/namespaces/${SOURCES}/secrets/${name}`, { body: { stringData: { password } } });
  const makeCredential = (name: string, namespaces: string[], more: object = {}) =>
    api.call('POST', CREDENTIALS, {
      body: {
        apiVersion: 'regcred.dev/v1alpha1',
        kind: 'RegistryCredential',
        metadata: { name },
        spec: {
          registries: [{ server: registry.host, caBundle, secretRef: { namespace: SOURCES, name } }],
          namespaces: { names: namespaces },
          ...more,
        },
      },
    });
  const conditionIs = (name: string, type: string, status: string, reason?: string) =>
    eventually(
      `${type} of ${name} is ${status} ${reason ?? ''}`,
      async () => {
        const { status: found } = await api.call<{ status?: RegistryCredentialStatus }>('GET', `${CREDENTIALS}/${name}`);
        const condition = found?.conditions?.find((one) => one.type === type);
        expect(condition?.status, condition?.message).to.equal(status);
        if (reason !== undefined) expect(condition?.reason, condition?.message).to.equal(reason);
        return condition;
      },
      PULLED_MS,
    );

  it('the operator runs as a pod, as it is shipped', async () => {
    const operator = imageOfOperator();
    const wanted = (await kubectl(controlPlane, 'kustomize', ROOT)).match(/image: (\S+)/)?.[1] as string;
    await machine.load(wanted, operator);
    await install(controlPlane);
    await kubectl(controlPlane, 'apply', '-k', join(ROOT, 'manifests/components/pod-injection'));
    await kubectl(controlPlane, 'apply', '-f', join(ROOT, 'manifests/components/pod-recovery/rbac.yaml'));
    await api.call('POST', '/api/v1/namespaces', { body: { metadata: { name: SOURCES } } });
    await workloads.ready(SYSTEM, 'regcred', PULLED_MS);
    const pods = await workloads.podsOf(SYSTEM);
    expect(pods).to.have.length(2);
    for (const { status } of pods) expect(status.containerStatuses?.[0]?.restartCount).to.equal(0);
    const size = [operator.config, ...operator.layers].reduce((sum, { length }) => sum + length, 0);
    record('image of the operator, unpacked', `${Math.round(size / MEBIBYTE)} MiB`);
  });

  it('its registry check accepts the credential, and pods of an old namespace pull', async () => {
    await workloads.namespace('old');
    await makeSource('robot', ROBOT);
    await makeCredential('robot', ['old', 'together-*', 'rotated'], { verification: { mode: 'Require' } });
    await conditionIs('robot', 'Ready', 'True');
    await conditionIs('robot', 'Verified', 'True');
    await conditionIs('robot', 'PodInjection', 'True');
    await workloads.deploy('old', imageOf('old'));
    await workloads.ready('old', 'app', PULLED_MS);
  });

  it(`a Namespace and a Deployment that are applied together pull at once, ${TOGETHER} times`, async () => {
    const times: number[] = [];
    for (let n = 0; n < TOGETHER; n++) {
      const since = performance.now();
      await workloads.applyTogether(`together-${n}`, imageOf(`together-${n}`));
      await workloads.ready(`together-${n}`, 'app', PULLED_MS);
      times.push(performance.now() - since);
    }
    const failed = await Promise.all(times.map((_, n) => workloads.pullFailures(`together-${n}`)));
    const sorted = times.sort((a, b) => a - b);
    const seconds = (at: number) => ((sorted[at] ?? 0) / 1000).toFixed(1);
    const atOnce = failed.filter((count) => count === 0).length;
    record(
      `a Namespace and a Deployment applied together, ${TOGETHER} times: stuck; pulled at the first try`,
      `${TOGETHER - times.length}; ${atOnce}`,
    );
    record('from `kubectl apply` of both to a ready pod: median; longest', `${seconds(TOGETHER >> 1)}; ${seconds(TOGETHER - 1)} s`);
  });

  it('without a credential the registry refuses: the pulls above were not by chance', async () => {
    await workloads.namespace('apart');
    await workloads.deploy('apart', imageOf('old'));
    await workloads.pullFails('apart', REFUSED, PULLED_MS);
    await api.call('DELETE', '/api/v1/namespaces/apart');
  });

  it('after a rotation new pods pull with the new password, and a pod that failed in between is re-created', async () => {
    await api.call('PATCH', `${CREDENTIALS}/robot`, { body: { spec: { podRecovery: 'Recreate' } } });
    await conditionIs('robot', 'PodRecovery', 'True');
    await workloads.namespace('rotated');
    registry.rotate();
    await workloads.deploy('rotated', imageOf('rotated'));
    await workloads.pullFails('rotated', REFUSED, PULLED_MS);
    const [stuck] = await workloads.podsOf('rotated');
    const since = performance.now();
    await rotate('robot', ROTATED);
    await workloads.ready('rotated', 'app', PULLED_MS);
    record('from a rotated source to a ready pod in place of one that failed with the old password', inSeconds(performance.now() - since));
    const [pod] = await workloads.podsOf('rotated');
    expect(pod?.metadata.uid, 'the pod is another one').to.not.equal(stuck?.metadata.uid);
    await conditionIs('robot', 'Verified', 'True');
  });

  it('a refused password is reported and held back: pods go on to pull with the one before', async () => {
    await rotate('robot', { password: 'sample-password-that-is-refused' });
    await conditionIs('robot', 'Verified', 'False', 'RegistryRefused');
    await workloads.deploy('old', imageOf('refused'), 'second');
    await workloads.ready('old', 'second', PULLED_MS);
    await rotate('robot', ROTATED);
    await conditionIs('robot', 'Verified', 'True');
  });

  it('a pod that is stuck because it is older than its credential is re-created', async () => {
    await workloads.namespace('waiting');
    await workloads.deploy('waiting', imageOf('waiting'));
    await workloads.pullFails('waiting', REFUSED, PULLED_MS);
    const since = performance.now();
    await makeSource('later', ROTATED);
    await makeCredential('later', ['waiting'], { podRecovery: 'Recreate' });
    await workloads.ready('waiting', 'app', PULLED_MS);
    record('from a new credential to a ready pod in place of one that was stuck without it', inSeconds(performance.now() - since));
  });

  it(`its memory, as Kubernetes counts it, is far below the limit with ${MANY} namespaces`, async () => {
    const before = await settled();
    await Promise.all(Array.from({ length: 10 }, (_, n) => workloads.namespaces(`many-${n}`, MANY / 10)));
    await makeSource('many', ROTATED);
    await makeCredential('many', ['many-*']);
    await conditionIs('many', 'Ready', 'True');
    const after = await settled();
    for (const replica of ['leader', 'follower'] as const)
      record(
        `working set of the ${replica} (limit 512 MiB): idle; with ${MANY} namespaces placed`,
        `${before[replica]}; ${after[replica]} MiB`,
      );
    // The limit in the manifests is 512 MiB.
    expect(after.leader).to.be.below(256);
    expect(after.follower).to.be.below(256);
  });

  /** The working sets of both replicas in MiB, when the kubelet has measured twice and nothing changes any more. */
  async function settled(): Promise<{ leader: number; follower: number }> {
    const { spec } = await api.call<{ spec: { holderIdentity: string } }>(
      'GET',
      `/apis/coordination.k8s.io/v1/namespaces/${SYSTEM}/leases/regcred`,
    );
    const read = async () => {
      const all = Array.from(await machine.workingSets()).filter(([name]) => name.startsWith(`${SYSTEM}/`));
      const isLeader = ([name]: [string, number]) => spec.holderIdentity.startsWith(name.split('/')[1] as string);
      const inMebibytes = (found: [string, number] | undefined) => Math.round((found?.[1] ?? 0) / MEBIBYTE);
      return { leader: inMebibytes(all.find(isLeader)), follower: inMebibytes(all.find((one) => !isLeader(one))) };
    };
    let last = await read();
    return eventually(
      'the working sets are steady',
      async () => {
        await new Promise((resolve) => setTimeout(resolve, 20_000));
        const now = await read();
        const moved = Math.abs(now.leader - last.leader) + Math.abs(now.follower - last.follower);
        last = now;
        if (now.leader === 0 || now.follower === 0 || moved > 4) throw new Error(JSON.stringify(now));
        return now;
      },
      PULLED_MS * 2,
    );
  }
});
