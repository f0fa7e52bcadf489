import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { KubeConfig } from '@kubernetes/client-node';
import { expect } from 'chai';
import { parse } from 'yaml';
import { type Cluster, type Scene, SOURCES, theCluster } from '../support/cluster.ts';
import { eventually } from '../support/eventually.ts';
import { canaries } from '../support/hooks.ts';
import { writeKubeconfig } from '../support/operator.ts';
import { type Registry, ROBOT, startRegistry } from '../support/registry.ts';

const PROGRAM = resolve(import.meta.dirname, '../../dist/main.js');
const SERVER = 'registry.example.com';
const IMAGE = `${SERVER}/acme/app:1`;

interface Found {
  exitCode: number;
  findings: { subject: string; steps: { check: string; mark: string; reason: string; message: string; mend?: string }[] }[];
}

/** There is no kubelet here: what it would say is written where it would write it. */
describe('kubectl regcred doctor', () => {
  let cluster: Cluster;
  let scene: Scene;
  before(async () => (cluster = await theCluster()));
  beforeEach(() => (scene = cluster.scene()));

  async function doctor(args: string[], { kubeconfig = cluster.controlPlane.kubeconfig, input = '' } = {}) {
    const child = spawn(process.execPath, [PROGRAM, 'doctor', ...args], {
      env: { KUBECONFIG: kubeconfig, HOME: cluster.controlPlane.scratch },
    });
    const said = { stdout: '', stderr: '' };
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => (said.stdout += chunk));
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => (said.stderr += chunk));
    child.stdin.end(input);
    const code = await new Promise<number | null>((done, reject) => child.once('error', reject).once('close', done));
    canaries.say('the doctor', said.stdout + said.stderr);
    return { code, ...said };
  }

  /** What is found, for programs; checked to be in keeping with how it ends. */
  async function found(...args: string[]): Promise<Found> {
    const { code, stdout, stderr } = await doctor([...args, '-o', 'json']);
    expect(stderr).to.equal('');
    const answer = JSON.parse(stdout) as Found;
    expect(answer.exitCode).to.equal(code);
    return answer;
  }

  /** The first step that is wrong, else the first that cannot be seen. */
  function first({ findings }: Found) {
    const steps = findings.flatMap((finding) => finding.steps);
    return steps.find(({ mark }) => mark === 'wrong') ?? steps.find(({ mark }) => mark === 'unseen');
  }

  async function pod(namespace: string, name: string, spec: object = {}): Promise<void> {
    const body = { metadata: { name }, spec: { containers: [{ name: 'web', image: IMAGE, imagePullPolicy: 'IfNotPresent' }], ...spec } };
    await cluster.api.call('POST', `/api/v1/namespaces/${namespace}/pods`, { body });
  }

  /** As the kubelet notes it. */
  async function waits(namespace: string, name: string, reason: string, message: string): Promise<void> {
    const status = { name: 'web', image: IMAGE, imageID: '', ready: false, restartCount: 0, state: { waiting: { reason, message } } };
    await scene.patch(`/api/v1/namespaces/${namespace}/pods/${name}/status`, { status: { containerStatuses: [status] } });
  }

  it('tells of a pod that was made too early to delete it, and of the one that takes its place that all is well', async () => {
    await scene.basicAuth();
    const namespace = await scene.namespace({ 'regcred.dev/exclude': 'true' });
    await scene.credential();
    await scene.ready('True', 'NoNamespaceMatches');
    await pod(namespace, 'web-0');
    await waits(namespace, 'web-0', 'ErrImagePull', `failed to resolve reference "${IMAGE}": 401 Unauthorized`);

    const before = await doctor(['pod/web-0', '-n', namespace]);
    expect(before.stdout).to.contain(`→ kubectl label namespace ${namespace} regcred.dev/exclude-`);
    expect(before.code).to.equal(1);

    await scene.patch(`/api/v1/namespaces/${namespace}`, { metadata: { labels: { 'regcred.dev/exclude': null } } });
    await scene.pullSecretsAre(namespace, [scene.name]);
    await scene.secretPlaced(namespace);
    const after = await doctor(['pod/web-0', '-n', namespace]);
    expect(after.stdout).to.match(/^✘ .*The pod was made before ServiceAccount default had the name/m);
    expect(after.stdout).to.contain(`kubectl delete pod web-0 -n ${namespace}`);
    expect(after.code).to.equal(1);

    await cluster.api.call('DELETE', `/api/v1/namespaces/${namespace}/pods/web-0`, { query: { gracePeriodSeconds: '0' } });
    await eventually('the pod can be made again', () => pod(namespace, 'web-0'));
    const again = await doctor(['pod', 'web-0', '-n', namespace]);
    expect(again.stdout).to.match(/^✔ The pod names .* \(from ServiceAccount default, put there by RegistryCredential /m);
    expect(again.stdout).to.match(
      /^✔ For .* the kubelet tries registry\.example\.com of Secret .* as robot, password fingerprint [0-9a-f]{5}, written \d+s ago\.$/m,
    );
    expect(again).to.include({ code: 0, stderr: '' });
  });

  const words: Record<string, readonly [reason: string, message: string]> = {
    Unauthorized: ['ErrImagePull', `failed to pull and unpack image "${IMAGE}": failed to authorize: 401 Unauthorized`],
    Forbidden: ['ImagePullBackOff', `Back-off pulling image "${IMAGE}": ErrImagePull: unexpected status from HEAD request: 403 Forbidden`],
    NotFound: ['ErrImagePull', `failed to resolve reference "${IMAGE}": ${IMAGE}: not found`],
    RateLimited: ['ErrImagePull', '429 Too Many Requests - Server message: toomanyrequests'],
    CertificateNotTrusted: ['ErrImagePull', 'tls: failed to verify certificate: x509: certificate signed by unknown authority'],
    NameNotResolved: ['ErrImagePull', `dial tcp: lookup ${SERVER} on 10.0.0.2:53: no such host`],
    Unreachable: ['RegistryUnavailable', 'image pull failed because the registry is unavailable'],
    ErrImageNeverPull: ['ErrImageNeverPull', `Container image "${IMAGE}" is not present with pull policy of Never`],
  };

  it('of a namespace says that all is in place, and of each pod that waits why', async () => {
    const [namespace = ''] = await scene.placed();
    const well = await found('namespace', namespace);
    expect(well.findings.flatMap(({ steps }) => steps.map(({ check, mark, reason }) => `${mark} ${check} ${reason}`))).to.include.members([
      'ok Namespace Active',
      'ok Secret Valid',
      'ok Account Referenced',
      'ok Kubelet NoneWaits',
    ]);
    await pod(namespace, 'goes');
    for (const [reason, [waiting, message]] of Object.entries(words)) {
      await pod(namespace, reason.toLowerCase());
      await waits(namespace, reason.toLowerCase(), waiting, message);
    }
    const { exitCode, findings } = await found('ns', namespace);
    expect(exitCode).to.equal(1);
    const said = findings.map(({ subject, steps }) => [
      subject,
      steps.find(({ check, mark }) => check === 'Kubelet' && mark === 'wrong')?.reason,
    ]);
    expect(Object.fromEntries(said)).to.deep.equal({
      [`namespace ${namespace}`]: 'PodsWait',
      ...Object.fromEntries(Object.keys(words).map((reason) => [`pod/${reason.toLowerCase()}`, reason])),
    });
  });

  it('hears the kubelet in Events where the state of the container says only that it waits', async () => {
    const [namespace = ''] = await scene.placed();
    await pod(namespace, 'web-0');
    await waits(namespace, 'web-0', 'ImagePullBackOff', `Back-off pulling image "${IMAGE}"`);
    const at = new Date().toISOString().replace(/\.\d+/, '');
    const involvedObject = { apiVersion: 'v1', kind: 'Pod', namespace, name: 'web-0' };
    const event = {
      involvedObject,
      reason: 'Failed',
      message: `Failed to pull image "${IMAGE}": no such host`,
      type: 'Warning',
      lastTimestamp: at,
    };
    await cluster.api.call('POST', `/api/v1/namespaces/${namespace}/events`, { body: { metadata: { name: 'web-0.1' }, ...event } });
    expect(first(await found('pod/web-0', '-n', namespace))).to.include({ check: 'Kubelet', reason: 'NameNotResolved' });
  });

  it('tells of a Secret that is broken what the operator would say of it, and that nothing is pulled with it', async () => {
    const [namespace = ''] = await scene.placed();
    await scene.secret(namespace, 'own', 'kubernetes.io/dockerconfigjson', {
      '.dockerconfigjson': '{"auths":{"quay.io":{"auth":"c2FtcGxlLXdpdGhvdXQtY29sb24="}}}',
    });
    await pod(namespace, 'web-0', { imagePullSecrets: [{ name: scene.name }, { name: 'own' }, { name: 'nowhere' }] });
    const { findings } = await found('pod/web-0', '-n', namespace);
    const steps = (findings[0]?.steps ?? []).filter(({ mark }) => mark === 'wrong').map(({ check, reason }) => `${check} ${reason}`);
    expect(steps).to.deep.equal(['Secret AuthNotBase64', 'Secret SecretMissing', 'Entries ConfigRefused']);
  });

  it('of an image, and of a file before it is applied, says what a pod there would have', async () => {
    const [namespace = ''] = await scene.placed();
    expect(await found('image', IMAGE, '-n', namespace)).to.include({ exitCode: 0 });
    await scene.makeAccount(namespace, 'builder');
    expect(first(await found('image', IMAGE, '-n', namespace, '--serviceaccount', 'builder'))).to.include({
      mark: 'wrong',
      reason: 'AccountNotMatched',
    });
    expect(first(await found('image', 'registry.nowhere.example/acme/app', '-n', namespace))).to.include({
      mark: 'unseen',
      reason: 'NotCovered',
    });

    const template = (more: object) => ({ template: { spec: { containers: [{ name: 'web', image: IMAGE }], ...more } } });
    const objects = [
      { kind: 'Service', metadata: { name: 'web' } },
      { kind: 'Deployment', metadata: { name: 'inherits', namespace }, spec: template({}) },
      {
        kind: 'CronJob',
        metadata: { name: 'builds', namespace },
        spec: { jobTemplate: { spec: template({ serviceAccountName: 'builder' }) } },
      },
    ];
    const file = join(cluster.controlPlane.scratch, `${scene.name}.yaml`);
    writeFileSync(file, objects.map((object) => JSON.stringify(object)).join('\n---\n'));
    const { findings, exitCode } = await found('-f', file);
    expect(exitCode).to.equal(1);
    expect(findings.map(({ subject, steps }) => [subject, steps.some(({ mark }) => mark === 'wrong')])).to.deep.equal([
      ['Deployment/inherits', false],
      ['CronJob/builds', true],
    ]);
    const piped = await doctor(['-f', '-', '-o', 'yaml', '-n', namespace], {
      input: JSON.stringify({ kind: 'Pod', metadata: {}, spec: template({}).template.spec }),
    });
    expect(parse(piped.stdout)).to.have.nested.property('findings[0].subject', 'Pod/');
  });

  it('says what it may not see, and which right that takes', async () => {
    const [namespace = ''] = await scene.placed();
    await pod(namespace, 'web-0');
    await scene.makeAccount(namespace, 'developer');
    const rbac = `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}`;
    const rules = [{ apiGroups: [''], resources: ['pods', 'serviceaccounts', 'events'], verbs: ['get', 'list'] }];
    await cluster.api.call('POST', `${rbac}/roles`, { body: { metadata: { name: 'developer' }, rules } });
    const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'developer' };
    const subjects = [{ kind: 'ServiceAccount', name: 'developer', namespace }];
    await cluster.api.call('POST', `${rbac}/rolebindings`, { body: { metadata: { name: 'developer' }, roleRef, subjects } });
    const spec = { expirationSeconds: 3600 };
    const made = await cluster.api.call<{ status: { token: string } }>(
      'POST',
      `/api/v1/namespaces/${namespace}/serviceaccounts/developer/token`,
      { body: { spec } },
    );
    const admin = new KubeConfig();
    admin.loadFromFile(cluster.controlPlane.kubeconfig);
    const kubeconfig = join(cluster.controlPlane.scratch, `${scene.name}.kubeconfig`);
    const server = admin.getCurrentCluster();
    if (!server) throw new Error('The kubeconfig has no cluster.');
    writeKubeconfig(kubeconfig, server, { token: made.status.token }, namespace);

    // The namespace is that of the context.
    const { code, stdout } = await eventually('the rights are known', async () => {
      const answer = await doctor(['pod/web-0'], { kubeconfig });
      expect(answer.stderr).to.equal('');
      return answer;
    });
    expect(stdout).to.contain(`? Secret ${namespace}/${scene.name} cannot be read.`);
    expect(stdout).to.contain(`Missing right: get secrets in namespace ${namespace}.`);
    expect(code).to.equal(2);
    const other = await doctor(['pod/web-0', '-n', SOURCES], { kubeconfig });
    expect(other).to.deep.equal({
      code: 2,
      stdout: '',
      stderr: `The pod ${SOURCES}/web-0 cannot be read. Missing right: get pods in namespace ${SOURCES}.\n`,
    });
  });

  describe('with --pull', () => {
    let registry: Registry;
    before(async function () {
      this.timeout(600_000);
      registry = await startRegistry('token', (line) => console.error(line));
      await registry.push('acme/app', '1');
    });
    after(() => registry?.stop());

    it('asks the registry as the kubelet would, and says after a rotation that all is well', async () => {
      await scene.basicAuth('sample-password-that-is-wrong');
      const namespace = await scene.namespace();
      await scene.credential({ registries: [{ server: registry.host, secretRef: { namespace: SOURCES, name: scene.name } }] });
      await scene.ready();
      const ask = (image: string) => found('image', `${registry.host}/${image}`, '-n', namespace, '--pull');

      const wrong = first(await ask('acme/app:1'));
      expect(wrong).to.include({ check: 'Registry', reason: 'Unauthorized' });
      expect(wrong?.mend).to.contain(`Secret ${SOURCES}/${scene.name}, the source of RegistryCredential ${scene.name}`);
      const digits = async () => /password fingerprint (\w{5})/.exec(JSON.stringify(await ask('acme/app:1')))?.[1];
      const before = await digits();
      const { data } = await scene.secretIn(namespace);

      await scene.rotate(ROBOT.password);
      await eventually('the new password is placed', async () => expect((await scene.secretIn(namespace)).data).to.not.deep.equal(data));
      const right = await ask('acme/app:1');
      expect(right.findings[0]?.steps.at(-1)).to.include({ check: 'Registry', mark: 'ok', reason: 'Allowed' });
      expect(right.exitCode).to.equal(0);
      expect(before).to.match(/^[0-9a-f]{5}$/);
      expect(await digits())
        .to.match(/^[0-9a-f]{5}$/)
        .and.not.equal(before);
      expect(first(await ask('acme/app:2'))).to.include({ check: 'Registry', reason: 'NotFound' });
      expect(first(await ask('other/app:1'))).to.include({ check: 'Registry', reason: 'DeniedOrNotFound' });
    });
  });

  const unusable: Record<string, { args: string[]; says: string }> = {
    'a pod that there is not': { args: ['pod/nowhere'], says: 'There is no pod default/nowhere.' },
    'a namespace that there is not': { args: ['namespace', 'nowhere'], says: 'There is no namespace nowhere.' },
    'a file that there is not': { args: ['-f', '/nowhere'], says: '/nowhere: it cannot be read (ENOENT).' },
    'a name that would be another path': { args: ['pod', '../secrets/x'], says: 'There is no pod default/../secrets/x.' },
    'a kind that it knows nothing of': { args: ['deployment/web'], says: 'it knows nothing of that kind' },
    'nothing that it is about': { args: [], says: 'Say what it is about' },
    'two things that it is about': { args: ['pod/a', '-f', 'b'], says: 'is too much' },
  };
  for (const [what, { args, says }] of Object.entries(unusable)) {
    it(`ends with 2 for ${what}`, async () => {
      const { code, stdout, stderr } = await doctor(args);
      expect(stderr).to.contain(says);
      expect({ code, stdout }).to.deep.equal({ code: 2, stdout: '' });
    });
  }
});
