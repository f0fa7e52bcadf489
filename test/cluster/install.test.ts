import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { parseAllDocuments, stringify } from 'yaml';
import type { KubeClient } from '../../src/kube/client.ts';
import { connect } from '../support/api.ts';
import { Cluster, type Scene } from '../support/cluster.ts';
import { type ControlPlane, kubectl, startControlPlane } from '../support/controlplane.ts';
import { eventually } from '../support/eventually.ts';
import { helm, valuesFlag } from '../support/helm.ts';
import { leads, type OperatorProcess, operatorKubeconfig, startOperator } from '../support/operator.ts';
import { policyKinds, servesPolicies } from '../support/policy-api.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const CRDS = ['registrycredentials', 'namespacedregistrycredentials', 'pullsecretrules'].map((plural) => `${plural}.regcred.dev`);
const CHART = join(ROOT, 'charts/regcred');
/** The output of `kubectl kustomize .` at the previous version. */
const BEFORE = join(ROOT, 'test/fixtures/before.yaml');
const SYSTEM = 'regcred-system';
/** The only Secret name that the shipped source-namespaces overlay allows. */
const NAME = 'regcred';
const NARROW = { sourceNamespaces: [SYSTEM], secretNames: [NAME] };
const DEPLOYMENT = `/apis/apps/v1/namespaces/${SYSTEM}/deployments/regcred`;

interface Container {
  readonly args: readonly string[];
  readonly env?: readonly { readonly name: string; readonly value: string }[];
}
interface Deployment {
  readonly spec: { readonly template: { readonly metadata: object; readonly spec: { readonly containers: readonly [Container] } } };
}

describe('Installing', () => {
  let controlPlane: ControlPlane;
  let api: KubeClient;
  let atFirst: string[];
  let operator: OperatorProcess | undefined;
  before(async () => {
    controlPlane = await startControlPlane((line) => console.error(line));
    api = connect(controlPlane.kubeconfig);
    await eventually('the control plane has created its own objects', async () => {
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
  /** Runs Helm for the one release. */
  const chart = (command: 'install' | 'upgrade', from = CHART, values: object = {}) =>
    helm(controlPlane.kubeconfig, command, 'regcred', from, '-n', SYSTEM, '--create-namespace', valuesFlag(values));
  const uninstallChart = () => helm(controlPlane.kubeconfig, 'uninstall', 'regcred', '-n', SYSTEM, '--wait');

  /** All objects of the kinds that an installation could leave behind. */
  async function everything(): Promise<string[]> {
    const kinds = [
      'namespaces,customresourcedefinitions,clusterroles,clusterrolebindings,roles,rolebindings,serviceaccounts,secrets,deployments,pods,networkpolicies,poddisruptionbudgets,leases',
      ...policyKinds(controlPlane.assets),
    ].join();
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

  /** Starts the operator with the arguments of the Deployment, and with only the installed rights. */
  async function start(): Promise<Cluster> {
    await run('wait', '--for=condition=Established', 'crd/registrycredentials.regcred.dev', '--timeout=90s');
    const { args, env = [] } = (await api.call<Deployment>('GET', DEPLOYMENT)).spec.template.spec.containers[0];
    const kubeconfig = await operatorKubeconfig(controlPlane.kubeconfig, SYSTEM, controlPlane.scratch);
    // All installations have these rights. With those for source namespaces, the operator may list Secrets of this name only.
    await eventually('the rights are in force', async () => {
      const operatorsOwn = `--as=system:serviceaccount:${SYSTEM}:regcred`;
      await run('auth', 'can-i', 'list', `secrets/${NAME}`, '-A', operatorsOwn);
      await run('auth', 'can-i', 'update', 'leases.coordination.k8s.io/regcred', '-n', SYSTEM, operatorsOwn);
    });
    operator = startOperator({
      kubeconfig,
      args: args.slice(1),
      env: Object.fromEntries(env.map(({ name, value }) => [name, value])),
      logFile: join(controlPlane.scratch, 'operator.log'),
    });
    await leads(operator);
    return new Cluster(controlPlane, api, operator, kubeconfig);
  }

  /** Places a credential in a namespace. */
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

  /** Follows docs/install.md: first delete the credentials, so that the operator cleans up, then stop the operator. */
  async function takeBack(scene: Scene, namespace: string): Promise<void> {
    await run('delete', 'regcred', '--all', '--timeout=90s');
    await scene.secretGone(namespace, NAME);
    expect(await scene.pullSecrets(namespace)).to.deep.equal([]);
    await operator?.stop();
    await run('delete', 'namespace', '-l', `of=${scene.name}`, '--wait=false');
  }

  const nothingIsLeft = () => eventually('nothing is left', async () => expect(await everything()).to.deep.equal(atFirst));

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
    await run('delete', 'crd', ...CRDS);
    await run('delete', 'namespace', SYSTEM);
  }

  for (const [how, { install, remove }] of Object.entries(removed)) {
    it(`by ${how}: the operator works with the installed objects, and nothing is left after the removal`, async () => {
      await install();
      const { scene, namespace } = await place(await start());
      expect(operator?.log()).to.not.match(/forbidden/i);
      await takeBack(scene, namespace);
      await remove();
      await nothingIsLeft();
    });
  }

  it('by the chart, and uninstalling it before its credentials: regcred cleanup removes the copies, and nothing is left', async () => {
    await chart('install');
    const { scene, namespace } = await place(await start());
    await operator?.stop();
    await uninstallChart();
    const command = [join(ROOT, 'dist/main.js'), 'cleanup', '--all', '--dry-run=none'];
    await promisify(execFile)(process.execPath, command, { env: { KUBECONFIG: controlPlane.kubeconfig } });
    await takeBack(scene, namespace);
    await run('delete', 'crd', ...CRDS);
    await run('delete', 'namespace', SYSTEM);
    await nothingIsLeft();
  });

  describe('over the previous version', () => {
    const upgrades: Record<string, { before: () => Promise<unknown>; upgrade: () => Promise<unknown>; remove: () => Promise<unknown> }> = {
      'with kubectl': {
        before: () => run('apply', '-f', BEFORE),
        upgrade: async () => {
          await run('apply', '-k', ROOT);
          await run('delete', 'role,rolebinding', 'regcred-events', '-n', 'default');
        },
        remove: () => run('delete', '-k', ROOT),
      },
      'with the chart': { before: () => chart('install', chartBefore()), upgrade: () => chart('upgrade'), remove: removeChart },
    };

    /** A chart with the objects of the previous version. */
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

    /** Whether the API accepts a server that the previous version refused. */
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
      it(`${how}: upgrades the API, and keeps credentials and copies unchanged`, async () => {
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
        // By the time that a later namespace is served, the operator would have changed these.
        const later = await scene.namespace({ of: scene.name });
        await scene.secretPlaced(later, NAME);
        expect([await scene.secretIn(namespace, NAME), await scene.account(namespace)]).to.deep.equal(placed);

        await takeBack(scene, namespace);
        await remove();
        await nothingIsLeft();
      });
    }
  });

  it('by the chart: uninstalling it keeps the API, the credentials and the copies, and a new installation continues with them', async () => {
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

  it('by the chart over an installation by kubectl: Helm takes it over and deletes nothing', async () => {
    await run('apply', '-k', ROOT);
    const { scene, namespace } = await place(await start());
    const uids = () =>
      run('get', 'crd,clusterroles,deployments', '-A', '-l', 'app.kubernetes.io/name=regcred', '-o', 'jsonpath={..metadata.uid}');
    const before = await uids();
    expect(before.split(' ')).to.have.lengthOf(8);
    // Helm 3 does not apply server-side, so it has no conflicts and does not know the flag.
    const isHelm3 = (await helm(undefined, 'version', '--short')).startsWith('v3');
    const flags = ['--take-ownership', ...(isHelm3 ? [] : ['--force-conflicts']), '--set', 'image.repository=mirror.example.com/regcred'];
    await helm(controlPlane.kubeconfig, 'install', 'regcred', CHART, '-n', SYSTEM, ...flags);
    expect(await uids()).to.equal(before);
    expect(JSON.stringify(await api.call('GET', DEPLOYMENT))).to.contain('mirror.example.com/regcred:');
    // Helm does not delete the CustomResourceDefinition either if the chart no longer manages it.
    await chart('upgrade', CHART, { crds: { install: false } });
    expect(await uids()).to.equal(before);
    await takeBack(scene, namespace);
    await removeChart();
    await nothingIsLeft();
  });

  it('by the chart, with helm test: the program tests itself in a pod that Pod Security admits as restricted', async () => {
    await chart('install');
    await run('label', 'namespace', SYSTEM, 'pod-security.kubernetes.io/enforce=restricted');
    const { scene, namespace } = await place(await start());
    const pod = `/api/v1/namespaces/${SYSTEM}/pods/regcred-test`;
    /** Runs `helm test`, and does the work of the kubelet: runs the command of the pod here, and writes the result to the pod's status. */
    const tested = async () => {
      const asked = helm(controlPlane.kubeconfig, 'test', 'regcred', '-n', SYSTEM, '--timeout', '30s').then(
        () => 'passed',
        () => 'failed',
      );
      const { spec } = await eventually('the test pod exists', () => api.call<{ spec: { containers: [Container] } }>('GET', pod));
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

  /** Creates a pod of the Deployment in a namespace that enforces the Pod Security Standard restricted. Gives the refusal, if there is one. */
  async function podAdmitted(): Promise<string> {
    await run('label', 'namespace', SYSTEM, 'pod-security.kubernetes.io/enforce=restricted', '--overwrite');
    const { metadata, spec } = (await api.call<Deployment>('GET', DEPLOYMENT)).spec.template;
    const pods = `/api/v1/namespaces/${SYSTEM}/pods`;
    return api.call('POST', pods, { body: { metadata: { ...metadata, name: 'admitted' }, spec } }).then(
      async () => {
        await api.call('DELETE', `${pods}/admitted`, { body: { gracePeriodSeconds: 0 } });
        return 'admitted';
      },
      (error: Error) => error.message,
    );
  }

  it('by the chart: Pod Security admits its pods as restricted, and refuses them if a value weakens them', async () => {
    await chart('install');
    expect(await podAdmitted()).to.equal('admitted');
    await chart('upgrade', CHART, { securityContext: { allowPrivilegeEscalation: true } });
    expect(await podAdmitted())
      .to.contain('violates PodSecurity')
      .and.to.contain('allowPrivilegeEscalation');
    await removeChart();
    await nothingIsLeft();
  });

  it('by the chart with every value set: the API server accepts all objects', async () => {
    const values = {
      ...NARROW,
      imagePullSecrets: [{ name: 'mirror' }],
      image: { repository: 'mirror.example.com/regcred', digest: `sha256:${'0123'.repeat(16)}`, pullPolicy: 'Always' },
      commonLabels: { team: 'platform' },
      serviceAccount: { annotations: { 'eks.amazonaws.com/role-arn': 'arn:aws:iam::123456789012:role/regcred' } },
      log: { level: 'debug', format: 'text' },
      extraArgs: ['--concurrency=16'],
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
      networkPolicy: { apiServerPorts: [16443], registryPorts: [443, 5000] },
      verification: { insecureRegistries: ['127.0.0.1:5000'], registryCa: { configMap: 'registry-ca' } },
      expiry: { warning: '72h', lookup: 'github' },
      extraEnv: [{ name: 'NO_PROXY', value: '.example.com' }],
      extraVolumes: [{ name: 'extra', emptyDir: { sizeLimit: '1Mi' } }],
      extraVolumeMounts: [{ name: 'extra', mountPath: '/extra' }],
      podSecurityContext: { fsGroup: 1000 },
      securityContext: { seLinuxOptions: { type: 'container_t' } },
      livenessProbe: { timeoutSeconds: 5 },
      readinessProbe: { successThreshold: 2 },
      topologySpreadConstraints: [],
      strategy: { rollingUpdate: { maxUnavailable: 0 } },
      revisionHistoryLimit: 3,
      podDisruptionBudget: { enabled: true, minAvailable: '50%' },
      podRecovery: { enabled: true },
    };
    await chart('install', CHART, values);
    const { template } = (await api.call<Deployment>('GET', DEPLOYMENT)).spec;
    expect(template.spec).to.include.keys('imagePullSecrets', 'nodeSelector', 'tolerations', 'affinity', 'priorityClassName');
    expect(template.spec.containers[0]).to.have.nested.property('volumeMounts.length', 3);
    expect(await podAdmitted()).to.equal('admitted');
    expect(await everything()).to.include.members([
      ...(servesPolicies(controlPlane.assets) ? ['MutatingAdmissionPolicy <none>/regcred.dev'] : []),
      'ClusterRole <none>/regcred-pod-recovery',
      `PodDisruptionBudget ${SYSTEM}/regcred`,
    ]);
    await removeChart();
    await nothingIsLeft();
  });
});
