import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { expect } from 'chai';
import { parseAllDocuments } from 'yaml';
import { connect } from '../support/api.ts';
import { Cluster, type Scene } from '../support/cluster.ts';
import { type ControlPlane, kubectl, startControlPlane } from '../support/controlplane.ts';
import { eventually } from '../support/eventually.ts';
import { leads, operatorKubeconfig, startOperator } from '../support/operator.ts';

const ROOT = resolve(import.meta.dirname, '../..');
/** As it is shipped: where sources may be, and the one name that may be used. */
const SYSTEM = 'regcred-system';
const NAME = 'regcred';

/** A cluster of its own, with manifests/components/source-namespaces as it is shipped and an operator under those rights. */
class Narrow extends Cluster {
  env: NodeJS.ProcessEnv = {};

  override start() {
    return super.start(this.env);
  }
}

describe('Without rights to read Secrets cluster-wide', () => {
  let controlPlane: ControlPlane;
  let cluster: Narrow;
  let scene: Scene;
  let made: { kind: string; metadata: { name: string }; rules?: object[] }[];

  before(async () => {
    controlPlane = await startControlPlane((line) => console.error(line));
    const directory = join(controlPlane.scratch, 'narrow');
    mkdirSync(directory);
    const to = (path: string) => relative(directory, join(ROOT, path));
    const kustomization = {
      resources: [to('crds/registrycredentials.yaml'), to('manifests')],
      components: [to('manifests/components/source-namespaces')],
    };
    writeFileSync(join(directory, 'kustomization.yaml'), JSON.stringify(kustomization));
    const all = await kubectl(controlPlane, 'kustomize', '--load-restrictor=LoadRestrictionsNone', directory);
    writeFileSync(join(directory, 'all.yaml'), all);
    await kubectl(controlPlane, 'apply', '-f', join(directory, 'all.yaml'));
    await kubectl(controlPlane, 'wait', '--for=condition=Established', 'crd/registrycredentials.regcred.dev', '--timeout=30s');
    made = parseAllDocuments(all).map((one) => one.toJS());
    const deployment = made.find(({ kind }) => kind === 'Deployment') as unknown as {
      spec: { template: { spec: { containers: { env: { name: string; value: string }[] }[] } } };
    };
    const env = Object.fromEntries(deployment.spec.template.spec.containers[0]?.env.map(({ name, value }) => [name, value]) ?? []);
    const kubeconfig = await operatorKubeconfig(controlPlane.kubeconfig, SYSTEM, controlPlane.scratch);
    cluster = new Narrow(controlPlane, connect(controlPlane.kubeconfig), startOperator({ kubeconfig, env }), kubeconfig);
    cluster.env = env;
    await leads(cluster.operator);
  });
  after(async () => {
    await cluster.operator.stop();
    await cluster.api.close();
    await controlPlane.stop();
  });
  beforeEach(() => (scene = cluster.scene()));
  afterEach(async () => {
    await cluster.kubectl('delete', 'regcred', '--all', '--timeout=30s');
  });

  const source = () => ({ server: 'registry.example.com', secretRef: { namespace: SYSTEM, name: scene.name } });
  async function placed(count: number, spec: Parameters<Scene['credential']>[0] = {}): Promise<string[]> {
    await scene.secret(SYSTEM, scene.name, 'kubernetes.io/basic-auth', { username: 'robot', password: 'sample-password' });
    const namespaces = await scene.namespaces(count);
    await scene.credential({ registries: [source()], secretName: NAME, ...spec });
    await scene.ready();
    return namespaces;
  }

  it('the operator cannot read any Secret but the sources and those of its names', async () => {
    const may = async (verb: string, ...what: string[]) =>
      (await cluster.kubectl('auth', 'can-i', verb, ...what, `--as=system:serviceaccount:${SYSTEM}:regcred`).catch(() => 'no')).trim();
    for (const verb of ['get', 'list', 'watch', 'patch', 'delete']) {
      expect(await may(verb, 'secrets', '--all-namespaces'), verb).to.equal('no');
      expect(await may(verb, 'secrets/other', '-n', 'default'), verb).to.equal('no');
    }
    expect(await may('list', `secrets/${NAME}`, '-n', 'default')).to.equal('yes');
    expect(await may('list', 'secrets', '-n', SYSTEM)).to.equal('yes');
    expect(await may('patch', 'secrets/other', '-n', SYSTEM)).to.equal('no');
    const { rules = [] } = made.find(({ kind, metadata }) => kind === 'ClusterRole' && metadata.name === 'regcred') ?? {};
    const unnamed = (rules as { resources: string[]; resourceNames?: string[]; verbs: string[] }[]).filter(
      ({ resources, resourceNames }) => resources.includes('secrets') && !resourceNames,
    );
    expect(unnamed.map(({ verbs }) => verbs)).to.deep.equal([['create']]);
  });

  it('places, follows a rotation, repairs and takes back', async () => {
    const [first, second] = (await placed(2)) as [string, string];
    await scene.patchSecret(SYSTEM, { stringData: { password: 'rotated-sample' } });
    for (const namespace of [first, second]) {
      await eventually('the copy follows', async () =>
        expect((await scene.dockerConfigIn(namespace, NAME)).auths['registry.example.com']?.password).to.equal('rotated-sample'),
      );
    }
    await scene.deleteSecret(first, NAME);
    await scene.secretPlaced(first, NAME);
    await scene.patchSecret(second, { metadata: { labels: { 'app.kubernetes.io/managed-by': null } } }, NAME);
    await eventually('the label is put back', async () =>
      expect((await scene.secretIn(second, NAME)).metadata.labels).to.include({ 'app.kubernetes.io/managed-by': 'regcred' }),
    );
    await scene.patch(`/api/v1/namespaces/${first}`, { metadata: { labels: { 'regcred.dev/exclude': 'true' } } });
    await scene.secretGone(first, NAME);
    await scene.pullSecretsAre(first, []);
    await scene.deleteCredential();
    await scene.credentialGone();
    await scene.secretGone(second, NAME);
    await scene.pullSecretsAre(second, []);
  });

  it('leaves a Secret of somebody else’s untouched, and takes its place when it goes', async () => {
    const namespace = await scene.namespace();
    const foreign = await scene.secret(namespace, NAME, 'Opaque', { note: 'sample-of-another' });
    await scene.secret(SYSTEM, scene.name, 'kubernetes.io/basic-auth', { username: 'robot', password: 'sample-password' });
    await scene.credential({ registries: [source()], secretName: NAME });
    await scene.ready('False', 'SecretExists');
    expect(await scene.secretIn(namespace, NAME)).to.deep.equal(foreign);
    await scene.deleteSecret(namespace, NAME);
    await scene.ready();
  });

  it('writes nothing at a restart, and keeps what was retained, with its reference', async () => {
    const [kept] = (await placed(1, { deletionPolicy: 'Retain' })) as [string];
    const before = [await scene.secretIn(kept, NAME), await scene.account(kept)];
    await cluster.restart();
    await scene.ready();
    await scene.deleteCredential();
    await scene.credentialGone();
    await cluster.restart();
    // Something later is done: by then what was to be done about this would have been.
    scene = cluster.scene();
    await placed(1);
    expect([await scene.secretIn(kept, NAME), await scene.account(kept)]).to.deep.equal(before);
  });

  it('follows a change of the name, while it runs and while it does not', async () => {
    const role = '/apis/rbac.authorization.k8s.io/v1/clusterroles/regcred';
    const { rules } = await scene.api.call<{ rules: { resourceNames?: string[] }[] }>('GET', role);
    const names = (...resourceNames: string[]) =>
      scene.patch(role, { rules: rules.map((rule) => (rule.resourceNames ? { ...rule, resourceNames } : rule)) });
    const [namespace] = (await placed(1)) as [string];
    try {
      await names(NAME, 'second', 'third');
      await scene.patchCredential({ secretName: 'second' });
      await scene.secretPlaced(namespace, 'second');
      await scene.secretGone(namespace, NAME);
      await scene.pullSecretsAre(namespace, ['second']);
      await scene.ready();
      await cluster.restart(() => scene.patchCredential({ secretName: 'third' }));
      await scene.secretPlaced(namespace, 'third');
      await scene.secretGone(namespace, 'second');
      await scene.pullSecretsAre(namespace, ['third']);
    } finally {
      await scene.deleteCredential();
      await scene.credentialGone();
      await names(NAME);
    }
  });

  it('a source elsewhere is not read, and the condition says where sources may be', async () => {
    const namespace = await scene.namespace();
    await scene.secret(namespace, 'robot', 'kubernetes.io/basic-auth', { username: 'robot', password: 'sample-password' });
    await scene.credential({
      registries: [{ server: 'registry.example.com', secretRef: { namespace, name: 'robot' } }],
      secretName: NAME,
    });
    const { message } = await scene.ready('False', 'SourceNotAllowed');
    expect(message).to.contain(`${namespace}/robot`).and.to.contain('--source-namespaces=regcred-system');
    const asked = readFileSync(controlPlane.auditLog, 'utf8');
    expect(asked).to.not.contain(`/namespaces/${namespace}/secrets`);
    await scene.secret(SYSTEM, scene.name, 'kubernetes.io/basic-auth', { username: 'robot', password: 'sample-password' });
    await scene.patchCredential({ registries: [source()] });
    await scene.ready();
  });

  it('a name that is not among the operator’s is reported, and nothing is placed', async () => {
    const namespace = await scene.namespace();
    await scene.secret(SYSTEM, scene.name, 'kubernetes.io/basic-auth', { username: 'robot', password: 'sample-password' });
    await scene.credential({ registries: [source()] });
    const { message } = await scene.ready('False', 'Forbidden');
    expect(message).to.contain(`The Secrets named ${scene.name} cannot be listed`);
    await scene.gone('the Secret', () => scene.secretIn(namespace));
    expect(await scene.pullSecrets(namespace)).to.deep.equal([]);
  });
});
