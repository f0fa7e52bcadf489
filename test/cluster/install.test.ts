import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { parseAllDocuments, stringify } from 'yaml';
import type { Kube } from '../../src/kube/client.ts';
import { connect } from '../support/api.ts';
import { Cluster, type Scene } from '../support/cluster.ts';
import { type ControlPlane, kubectl, startControlPlane } from '../support/controlplane.ts';
import { eventually } from '../support/eventually.ts';
import { helm } from '../support/helm.ts';
import { leads, type OperatorProcess, operatorKubeconfig, startOperator } from '../support/operator.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const CHART = join(ROOT, 'charts/regcred');
/** What `kubectl kustomize .` printed before. */
const BEFORE = join(ROOT, 'test/fixtures/before.yaml');
const SYSTEM = 'regcred-system';
/** The one name that source namespaces are shipped with. */
const NAME = 'regcred';
const NARROW = { sourceNamespaces: [SYSTEM], secretNames: [NAME] };
const DEPLOYMENT = `/apis/apps/v1/namespaces/${SYSTEM}/deployments/regcred`;

interface Container {
  readonly args: readonly string[];
  readonly env?: readonly { readonly name: string; readonly value: string }[];
}
interface Deployment {
  readonly spec: { readonly template: { readonly spec: { readonly containers: readonly [Container] } } };
}

describe('Installing', () => {
  let controlPlane: ControlPlane;
  let api: Kube;
  let atFirst: string[];
  let operator: OperatorProcess | undefined;
  before(async () => {
    controlPlane = await startControlPlane((line) => console.error(line));
    api = connect(controlPlane.kubeconfig);
    await eventually('the control plane has furnished itself', async () => {
      const once = await everything();
      expect(once)
        .to.include('ServiceAccount kube-public/default')
        .and.to.deep.equal(await everything());
      atFirst = once;
    });
  });
  after(async () => {
    await api.close();
    await controlPlane.stop();
  });
  afterEach(async () => {
    await operator?.stop();
    operator = undefined;
  });

  const run = (...args: string[]) => kubectl(controlPlane, ...args);
  /** Helm, for the one release. */
  const chart = (command: 'install' | 'upgrade', from = CHART, values: object = {}) =>
    helm(controlPlane.kubeconfig, command, 'regcred', from, '-n', SYSTEM, '--create-namespace', '--set-json', JSON.stringify(values));
  const uninstallChart = () => helm(controlPlane.kubeconfig, 'uninstall', 'regcred', '-n', SYSTEM, '--wait');

  /** What there is that an installation could leave behind. */
  async function everything(): Promise<string[]> {
    const kinds =
      'namespaces,customresourcedefinitions,clusterroles,clusterrolebindings,roles,rolebindings,serviceaccounts,secrets,deployments,pods,networkpolicies,leases,mutatingadmissionpolicies,mutatingadmissionpolicybindings';
    const columns = 'KIND:.kind,NAMESPACE:.metadata.namespace,NAME:.metadata.name';
    const lines = await run('get', kinds, '--all-namespaces', '--no-headers', '-o', `custom-columns=${columns}`);
    return lines
      .trim()
      .split('\n')
      .map((line) => line.trim().split(/\s+/))
      .map(([kind, namespace, name]) => `${kind} ${namespace}/${name}`)
      .filter((line) => !line.startsWith('Lease kube-system/'))
      .sort();
  }

  /** The operator as the Deployment runs it, with the rights that are installed and no others. */
  async function start(): Promise<Cluster> {
    await run('wait', '--for=condition=Established', 'crd/registrycredentials.regcred.dev', '--timeout=30s');
    const { args, env = [] } = (await api.call<Deployment>('GET', DEPLOYMENT)).spec.template.spec.containers[0];
    const kubeconfig = await operatorKubeconfig(controlPlane.kubeconfig, SYSTEM, controlPlane.scratch);
    operator = startOperator({
      kubeconfig,
      args: args.slice(1),
      env: Object.fromEntries(env.map(({ name, value }) => [name, value])),
      logFile: join(controlPlane.scratch, 'operator.log'),
    });
    await leads(operator);
    return new Cluster(controlPlane, api, operator, kubeconfig);
  }

  /** A credential that is placed into a namespace. */
  async function place(cluster: Cluster): Promise<{ scene: Scene; namespace: string }> {
    const scene = cluster.scene();
    await scene.secret(SYSTEM, 'robot', 'kubernetes.io/basic-auth', { username: 'robot', password: 'sample-password' });
    const namespace = await scene.namespace({ of: scene.name });
    const registries = [{ server: 'registry.example.com', secretRef: { namespace: SYSTEM, name: 'robot' } }];
    await scene.credential({ registries, secretName: NAME });
    await scene.ready();
    await scene.secretIn(namespace, NAME);
    expect(await scene.pullSecrets(namespace)).to.deep.equal([NAME]);
    return { scene, namespace };
  }

  /** As docs/install.md says: first the credentials, by the operator; then itself. */
  async function takeBack(scene: Scene, namespace: string): Promise<void> {
    await run('delete', 'regcred', '--all', '--timeout=30s');
    await scene.secretGone(namespace, NAME);
    expect(await scene.pullSecrets(namespace)).to.deep.equal([]);
    await operator?.stop();
    await run('delete', 'namespace', '-l', `of=${scene.name}`, '--wait=false');
  }

  const nothingIsLeft = () => eventually('nothing is left behind', async () => expect(await everything()).to.deep.equal(atFirst), 30_000);

  const removed: Record<string, { install: () => Promise<unknown>; remove: () => Promise<unknown> }> = {
    'kubectl apply -k .': kustomization('.'),
    'kubectl apply -k overlays/one-replica': kustomization('overlays/one-replica'),
    'kubectl apply -k overlays/source-namespaces': kustomization('overlays/source-namespaces'),
    'the chart': { install: () => chart('install'), remove: removeChart },
    'the chart, for source namespaces only': { install: () => chart('install', CHART, NARROW), remove: removeChart },
  };
  function kustomization(directory: string) {
    const path = join(ROOT, directory);
    return { install: () => run('apply', '-k', path), remove: () => run('delete', '-k', path) };
  }
  async function removeChart(): Promise<void> {
    await uninstallChart();
    await run('delete', 'crd', 'registrycredentials.regcred.dev');
    await run('delete', 'namespace', SYSTEM);
  }

  for (const [how, { install, remove }] of Object.entries(removed)) {
    it(`by ${how}: the operator works with what is there, and nothing is left behind`, async () => {
      await install();
      const { scene, namespace } = await place(await start());
      expect(operator?.log()).to.not.match(/forbidden/i);
      await takeBack(scene, namespace);
      await remove();
      await nothingIsLeft();
    });
  }

  it('by the chart, and uninstalled before its credentials: regcred cleanup takes back what it placed, and nothing is left behind', async () => {
    await chart('install');
    const { scene, namespace } = await place(await start());
    await operator?.stop();
    await uninstallChart();
    const command = [join(ROOT, 'dist/main.js'), 'cleanup', '--all', '--dry-run=none'];
    await promisify(execFile)(process.execPath, command, { env: { KUBECONFIG: controlPlane.kubeconfig } });
    await takeBack(scene, namespace);
    await run('delete', 'crd', 'registrycredentials.regcred.dev');
    await run('delete', 'namespace', SYSTEM);
    await nothingIsLeft();
  });

  describe('over the version before', () => {
    const upgrades: Record<string, { before: () => Promise<unknown>; upgrade: () => Promise<unknown>; remove: () => Promise<unknown> }> = {
      'with kubectl': {
        before: () => run('apply', '-f', BEFORE),
        upgrade: () => run('apply', '-k', ROOT),
        remove: () => run('delete', '-k', ROOT),
      },
      'with the chart': { before: () => chart('install', chartBefore()), upgrade: () => chart('upgrade'), remove: removeChart },
    };

    /** The objects of that version, as the chart would have had them. */
    function chartBefore(): string {
      const directory = join(controlPlane.scratch, 'before');
      mkdirSync(join(directory, 'templates'), { recursive: true });
      writeFileSync(join(directory, 'Chart.yaml'), stringify({ apiVersion: 'v2', name: 'regcred', version: '0.0.1' }));
      const objects = parseAllDocuments(readFileSync(BEFORE, 'utf8')).map((document) => document.toJS());
      const keep = { 'helm.sh/resource-policy': 'keep' };
      const templates = objects
        .filter(({ kind }) => kind !== 'Namespace')
        .map((object) =>
          object.kind === 'CustomResourceDefinition' ? { ...object, metadata: { ...object.metadata, annotations: keep } } : object,
        );
      writeFileSync(join(directory, 'templates/all.yaml'), templates.map((object) => stringify(object)).join('---\n'));
      return directory;
    }

    /** Whether the API takes a server that it has only taken since. */
    const takesIPv6 = () => {
      const spec = {
        registries: [{ server: '[fd00::1]:5000', secretRef: { namespace: SYSTEM, name: 'robot' } }],
        namespaces: { names: ['none'] },
      };
      const body = { apiVersion: 'regcred.dev/v1alpha1', kind: 'RegistryCredential', metadata: { name: 'probe' }, spec };
      return api.call('POST', '/apis/regcred.dev/v1alpha1/registrycredentials', { body, query: { dryRun: 'All' } }).then(
        () => true,
        () => false,
      );
    };

    for (const [how, { before, upgrade, remove }] of Object.entries(upgrades)) {
      it(`${how}: the API is upgraded, and credentials and copies stay as they are`, async () => {
        await before();
        const { scene, namespace } = await place(await start());
        expect(await takesIPv6()).to.equal(false);
        const placed = [await scene.secretIn(namespace, NAME), await scene.account(namespace)];
        const { uid } = (await scene.credentialObject()).metadata;
        await operator?.stop();

        await upgrade();
        await eventually('the new API is served', async () => expect(await takesIPv6()).to.equal(true));
        await start();
        expect((await scene.credentialObject()).metadata.uid).to.equal(uid);
        // Something later is done: by then what was to be done about these would have been.
        const later = await scene.namespace({ of: scene.name });
        await scene.secretPlaced(later, NAME);
        expect([await scene.secretIn(namespace, NAME), await scene.account(namespace)]).to.deep.equal(placed);

        await takeBack(scene, namespace);
        await remove();
        await nothingIsLeft();
      });
    }
  });

  it('by the chart, and uninstalling it keeps the API, the credentials and what is placed; installed again it goes on', async () => {
    await chart('install');
    const { scene, namespace } = await place(await start());
    const placed = [await scene.credentialObject(), await scene.secretIn(namespace, NAME), await scene.account(namespace)];
    await operator?.stop();
    await uninstallChart();
    expect(await everything())
      .to.include(`ServiceAccount ${SYSTEM}/default`)
      .and.to.not.include(`ServiceAccount ${SYSTEM}/regcred`);
    expect([await scene.credentialObject(), await scene.secretIn(namespace, NAME), await scene.account(namespace)]).to.deep.equal(placed);

    await chart('install');
    await start();
    const later = await scene.namespace({ of: scene.name });
    await scene.secretPlaced(later, NAME);
    await takeBack(scene, namespace);
    await removeChart();
    await nothingIsLeft();
  });

  it('by the chart over what kubectl has installed, which it takes over without deleting any of it', async () => {
    await run('apply', '-k', ROOT);
    const { scene, namespace } = await place(await start());
    const uids = () =>
      run('get', 'crd,clusterroles,deployments', '-A', '-l', 'app.kubernetes.io/name=regcred', '-o', 'jsonpath={..metadata.uid}');
    const before = await uids();
    expect(before.split(' ')).to.have.lengthOf(3);
    const flags = ['--take-ownership', '--force-conflicts', '--set', 'image.repository=mirror.example.com/regcred'];
    await helm(controlPlane.kubeconfig, 'install', 'regcred', CHART, '-n', SYSTEM, ...flags);
    expect(await uids()).to.equal(before);
    expect(JSON.stringify(await api.call('GET', DEPLOYMENT))).to.contain('mirror.example.com/regcred:');
    // Nor does it delete the API that is left to somebody else from now on.
    await chart('upgrade', CHART, { crds: { install: false } });
    expect(await uids()).to.equal(before);
    await takeBack(scene, namespace);
    await removeChart();
    await nothingIsLeft();
  });

  it('by the chart, with helm test: by the program itself, in a pod that Pod Security admits as restricted', async () => {
    await chart('install');
    await run('label', 'namespace', SYSTEM, 'pod-security.kubernetes.io/enforce=restricted');
    const { scene, namespace } = await place(await start());
    const pod = `/api/v1/namespaces/${SYSTEM}/pods/regcred-test`;
    /** `helm test` beside a kubelet that is played: the very command runs here, and its end is written into the pod's status. */
    const tested = async () => {
      const asked = helm(controlPlane.kubeconfig, 'test', 'regcred', '-n', SYSTEM, '--timeout', '30s').then(
        () => 'passed',
        () => 'failed',
      );
      const { spec } = await eventually('the pod of the test is there', () => api.call<{ spec: { containers: [Container] } }>('GET', pod));
      const command = [join(ROOT, 'dist/main.js'), ...spec.containers[0].args];
      const env = { KUBECONFIG: join(controlPlane.scratch, 'operator.kubeconfig') };
      const phase = await promisify(execFile)(process.execPath, command, { env }).then(
        () => 'Succeeded',
        () => 'Failed',
      );
      await api.call('PATCH', `${pod}/status`, { body: { status: { phase } } });
      return asked;
    };
    expect(await tested()).to.equal('passed');
    expect(await everything()).to.not.include(`Pod ${SYSTEM}/regcred-test`);

    await scene.deleteSecret(SYSTEM, 'robot');
    await scene.ready('False', 'SourceMissing');
    expect(await tested()).to.equal('failed');
    expect(await everything()).to.include(`Pod ${SYSTEM}/regcred-test`);

    await takeBack(scene, namespace);
    await removeChart();
    await nothingIsLeft();
  });

  it('by the chart with every value set: the API server takes all of it', async () => {
    const values = {
      ...NARROW,
      image: { repository: 'mirror.example.com/regcred', digest: `sha256:${'0123'.repeat(16)}` },
      imagePullSecrets: [{ name: 'mirror' }],
      extraArgs: ['--log-level=debug'],
      nodeSelector: { 'kubernetes.io/arch': 'arm64' },
      tolerations: [{ key: 'dedicated', operator: 'Exists', effect: 'NoSchedule' }],
      affinity: {
        nodeAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: {
            nodeSelectorTerms: [{ matchExpressions: [{ key: 'zone', operator: 'Exists' }] }],
          },
        },
      },
      priorityClassName: 'system-cluster-critical',
      podLabels: { team: 'platform' },
      podAnnotations: { note: 'sample' },
      networkPolicy: { apiServerPorts: [16443] },
      podRecovery: { enabled: true },
    };
    await chart('install', CHART, values);
    const { template } = (await api.call<Deployment>('GET', DEPLOYMENT)).spec;
    expect(template.spec).to.include.keys('imagePullSecrets', 'nodeSelector', 'tolerations', 'affinity', 'priorityClassName');
    expect(await everything()).to.include.members([
      'MutatingAdmissionPolicy <none>/regcred.dev',
      'ClusterRole <none>/regcred-pod-recovery',
    ]);
    await removeChart();
    await nothingIsLeft();
  });
});
