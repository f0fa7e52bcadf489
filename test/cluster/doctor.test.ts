import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { KubeConfig } from '@kubernetes/client-node';
import { expect } from 'chai';
import { parse } from 'yaml';
import { type Cluster, type KubeObject, type Scene, SOURCES, theCluster } from '../support/cluster.ts';
import { eventually } from '../support/eventually.ts';
import { canaries } from '../support/hooks.ts';
import { writeKubeconfig } from '../support/operator.ts';
import { podsInherit } from '../support/pods.ts';
import { type Registry, ROBOT, startRegistry } from '../support/registry.ts';

const PROGRAM = resolve(import.meta.dirname, '../../dist/main.js');
const SERVER = 'registry.example.com';
const IMAGE = `${SERVER}/acme/app:1`;

interface Found {
  exitCode: number;
  findings: { subject: string; steps: { check: string; mark: string; reason: string; message: string; fix?: string }[] }[];
}

/** No kubelet runs here: the test writes the status and Events that a kubelet would write. */
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

  /** The findings as JSON. Checks that they agree with the exit code. */
  async function found(...args: string[]): Promise<Found> {
    const { code, stdout, stderr } = await doctor([...args, '-o', 'json']);
    expect(stderr).to.equal('');
    const answer = JSON.parse(stdout) as Found;
    expect(answer.exitCode).to.equal(code);
    return answer;
  }

  /** The first wrong step, or else the first unseen one. */
  function first({ findings }: Found) {
    const steps = findings.flatMap((finding) => finding.steps);
    return steps.find(({ mark }) => mark === 'wrong') ?? steps.find(({ mark }) => mark === 'unseen');
  }

  /** A namespace with a placed credential, whose new pods have its name. */
  async function placed(): Promise<string> {
    const [namespace = ''] = await scene.placed();
    await podsInherit(scene, namespace);
    return namespace;
  }

  async function pod(namespace: string, name: string, spec: object = {}): Promise<void> {
    const body = { metadata: { name }, spec: { containers: [{ name: 'web', image: IMAGE, imagePullPolicy: 'IfNotPresent' }], ...spec } };
    await cluster.api.call('POST', `/api/v1/namespaces/${namespace}/pods`, { body });
  }

  /** Writes the status that the kubelet would write. */
  async function waits(namespace: string, name: string, reason: string, message: string): Promise<void> {
    const status = { name: 'web', image: IMAGE, imageID: '', ready: false, restartCount: 0, state: { waiting: { reason, message } } };
    await scene.patch(`/api/v1/namespaces/${namespace}/pods/${name}/status`, { status: { containerStatuses: [status] } });
  }

  it('says to delete a pod that was created too early, and finds nothing wrong with its successor', async () => {
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
    expect(after.stdout).to.match(/^✘ .*The pod was created before ServiceAccount default had the name/m);
    expect(after.stdout).to.contain(`kubectl delete pod web-0 -n ${namespace}`);
    expect(after.code).to.equal(1);

    await cluster.api.call('DELETE', `/api/v1/namespaces/${namespace}/pods/web-0`, { query: { gracePeriodSeconds: '0' } });
    await podsInherit(scene, namespace);
    await eventually('the pod can be created again', () => pod(namespace, 'web-0'));
    const again = await doctor(['pod', 'web-0', '-n', namespace]);
    expect(again.stdout).to.match(/^✔ The pod names .* \(from ServiceAccount default, added by RegistryCredential /m);
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

  it('says where the name came from after the credential is gone, and what a new pod would have', async () => {
    const namespace = await placed();
    const own = { imagePullSecrets: [{ name: scene.name }] };
    await pod(namespace, 'inherited');
    await pod(namespace, 'written', own);
    await scene.deleteCredential();
    await scene.credentialGone();
    const inherited = await doctor(['pod/inherited', '-n', namespace]);
    expect(inherited.stdout)
      .to.contain(
        `${scene.name} (added when the pod was created, by ServiceAccount default or an admission policy, neither of which has the name now)`,
      )
      .and.contain('No RegistryCredential creates a Secret of this name.')
      .and.contain('delete the pod: the list of an existing pod cannot change. Then create it again, because no controller does');
    const written = await doctor(['pod/written', '-n', namespace]);
    expect(written.stdout)
      .to.contain(`${scene.name} (from the pod's own spec)`)
      .and.contain(`remove ${scene.name} from imagePullSecrets of the pod's own spec, and then delete the pod`);
  });

  /** Creates a workload. No controller for it runs here, so the test creates its pods. */
  async function workload(api: string, resource: string, namespace: string, spec: object): Promise<string> {
    const body = { metadata: { name: 'web' }, spec };
    return (await cluster.api.call<KubeObject>('POST', `${api}/namespaces/${namespace}/${resource}`, { body })).metadata.uid;
  }

  it('explains a Deployment by its template and its worst pod', async () => {
    const namespace = await placed();
    const labels = { app: 'web' };
    const template = { metadata: { labels }, spec: { containers: [{ name: 'web', image: IMAGE }] } };
    await workload('/apis/apps/v1', 'deployments', namespace, { selector: { matchLabels: labels }, template });
    expect((await found('deployment/web', '-n', namespace)).findings.map(({ subject }) => subject)).to.deep.equal(['deployment/web']);
    for (const name of ['web-fine', 'web-waits']) {
      const body = { metadata: { name, labels }, spec: template.spec };
      await cluster.api.call('POST', `/api/v1/namespaces/${namespace}/pods`, { body });
    }
    await waits(namespace, 'web-waits', 'ErrImagePull', '401 Unauthorized');
    await pod(namespace, 'other');
    const answer = await found('deploy', 'web', '-n', namespace);
    expect(answer.findings.map(({ subject }) => subject)).to.deep.equal(['deployment/web', 'pod/web-waits']);
    expect(first(answer)).to.include({ reason: 'PodsWait', message: '1 of 2 pods waits for an image; pod/web-waits follows below.' });
    expect(answer.findings[1]?.steps.find(({ check }) => check === 'Kubelet')).to.include({ mark: 'wrong', reason: 'Unauthorized' });
    expect((await doctor(['deployment.apps/web', '-n', namespace, '-o', 'name'])).stdout).to.equal('deployment/web\npod/web-waits\n');
  });

  it('finds the pods of a StatefulSet by their owner, and those of a CronJob by their Jobs', async () => {
    const namespace = await placed();
    const template = {
      metadata: { labels: { app: 'web' } },
      spec: { restartPolicy: 'Never', containers: [{ name: 'web', image: IMAGE }] },
    };
    const setTemplate = { ...template, spec: { containers: template.spec.containers } };
    const selector = { matchLabels: { app: 'web' } };
    const set = await workload('/apis/apps/v1', 'statefulsets', namespace, { selector, serviceName: 'web', template: setTemplate });
    const cron = await workload('/apis/batch/v1', 'cronjobs', namespace, {
      schedule: '0 0 1 1 *',
      suspend: true,
      jobTemplate: { spec: { template } },
    });
    const ownedBy = (kind: string, uid: string, name = 'web') => [
      { apiVersion: kind === 'StatefulSet' ? 'apps/v1' : 'batch/v1', kind, name, uid, controller: true },
    ];
    const job = await cluster.api.call<KubeObject>('POST', `/apis/batch/v1/namespaces/${namespace}/jobs`, {
      body: { metadata: { name: 'web-1', ownerReferences: ownedBy('CronJob', cron) }, spec: { suspend: true, template } },
    });
    for (const [name, ownerReferences] of [
      ['of-set', ownedBy('StatefulSet', set)],
      ['of-job', ownedBy('Job', job.metadata.uid, 'web-1')],
      ['of-nothing', []],
    ] as const) {
      await cluster.api.call('POST', `/api/v1/namespaces/${namespace}/pods`, {
        body: { metadata: { name, labels: { app: 'web' }, ownerReferences }, spec: template.spec },
      });
    }
    const subjects = async (...args: string[]) => (await found(...args, '-n', namespace)).findings.map(({ subject }) => subject);
    expect(await subjects('sts/web')).to.deep.equal(['statefulset/web', 'pod/of-set']);
    expect(await subjects('cronjob/web')).to.deep.equal(['cronjob/web', 'pod/of-job']);
    expect(await subjects('job/web-1')).to.deep.equal(['job/web-1', 'pod/of-job']);
  });

  it('explains a ServiceAccount by what its pods get, and by its worst pod', async () => {
    const namespace = await placed();
    await scene.makeAccount(namespace, 'builder');
    await pod(namespace, 'builds', { serviceAccountName: 'builder' });
    await pod(namespace, 'web-0');
    const selected = await found('sa/default', '-n', namespace);
    expect(selected.findings.map(({ subject }) => subject)).to.deep.equal(['serviceaccount/default', 'pod/web-0']);
    expect(selected.findings[0]?.steps.find(({ reason }) => reason === 'Referenced')?.message).to.equal(
      `Pods with ServiceAccount default get the name ${scene.name} of RegistryCredential ${scene.name}.`,
    );
    expect(selected.exitCode).to.equal(0);
    const other = await found('serviceaccount', 'builder', '-n', namespace);
    expect(other.findings.map(({ subject }) => subject)).to.deep.equal(['serviceaccount/builder', 'pod/builds']);
    expect(other.findings[0]?.steps.find(({ check }) => check === 'Credential')).to.include({ mark: 'note', reason: 'AccountNotMatched' });
  });

  it('finds with -A the pods of all namespaces that wait, and the credentials that are not Ready', async () => {
    const namespace = await placed();
    await pod(namespace, 'fine');
    await pod(namespace, 'waits');
    await waits(namespace, 'waits', 'ErrImagePull', '401 Unauthorized');
    const answer = await found('-A');
    const [all] = answer.findings;
    expect(all?.subject).to.equal('all namespaces');
    expect(all?.steps.find(({ reason }) => reason === 'PodsWait')?.message).to.contain(`${namespace} 1`);
    expect(all?.steps.map(({ message }) => message)).to.include(`RegistryCredential ${scene.name} is Ready (Synced).`);
    expect(answer.exitCode).to.equal(1);
    // With -n alone, only that namespace.
    expect((await found('-n', namespace)).findings.map(({ subject }) => subject)).to.deep.equal([`namespace ${namespace}`, 'pod/waits']);
  });

  it('reports for a namespace that everything is in place, and for each waiting pod the cause', async () => {
    const namespace = await placed();
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

  it('reads the last Event if the state of the container has no error', async () => {
    const namespace = await placed();
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

  it('reports a broken Secret with the message of the operator, and that the kubelet ignores all Secrets of the pod', async () => {
    const namespace = await placed();
    await scene.secret(namespace, 'own', 'kubernetes.io/dockerconfigjson', {
      '.dockerconfigjson': '{"auths":{"quay.io":{"auth":"c2FtcGxlLXdpdGhvdXQtY29sb24="}}}',
    });
    await pod(namespace, 'web-0', { imagePullSecrets: [{ name: scene.name }, { name: 'own' }, { name: 'nowhere' }] });
    const { findings } = await found('pod/web-0', '-n', namespace);
    const steps = (findings[0]?.steps ?? []).filter(({ mark }) => mark === 'wrong').map(({ check, reason }) => `${check} ${reason}`);
    expect(steps).to.deep.equal(['Secret AuthNotBase64', 'Secret SecretMissing', 'Entries ConfigRefused']);
  });

  it('reports for an image, and for a file that is not applied yet, what a pod would have', async () => {
    const namespace = await placed();
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

  it('names the rights that the user lacks', async () => {
    const namespace = await placed();
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

    // The context of the kubeconfig gives the namespace.
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

    it('asks the registry as the kubelet does, and finds nothing wrong after a rotation', async () => {
      await scene.basicAuth('sample-password-that-is-wrong');
      const namespace = await scene.namespace();
      await scene.credential({ registries: [{ server: registry.host, secretRef: { namespace: SOURCES, name: scene.name } }] });
      await scene.ready();
      const ask = (image: string) => found('image', `${registry.host}/${image}`, '-n', namespace, '--pull');

      const wrong = first(await ask('acme/app:1'));
      expect(wrong).to.include({ check: 'Registry', reason: 'Unauthorized' });
      expect(wrong?.fix).to.contain(`Secret ${SOURCES}/${scene.name}, the source of RegistryCredential ${scene.name}`);
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
    'a pod that does not exist': { args: ['pod/nowhere'], says: 'There is no pod default/nowhere.' },
    'a namespace that does not exist': { args: ['namespace', 'nowhere'], says: 'There is no namespace nowhere.' },
    'a file that does not exist': { args: ['-f', '/nowhere'], says: '/nowhere: the file cannot be read (ENOENT).' },
    'a name that is another path': { args: ['pod', '../secrets/x'], says: 'There is no pod default/../secrets/x.' },
    'an unknown kind': { args: ['node/web'], says: 'doctor does not know this kind' },
    'no subject': { args: [], says: 'Name the subject' },
    'two subjects': { args: ['pod/a', '-f', 'b'], says: 'are two subjects' },
  };
  for (const [what, { args, says }] of Object.entries(unusable)) {
    it(`has exit code 2 for ${what}`, async () => {
      const { code, stdout, stderr } = await doctor(args);
      expect(stderr).to.contain(says);
      expect({ code, stdout }).to.deep.equal({ code: 2, stdout: '' });
    });
  }
});
