import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { expect } from 'chai';
import { parseAllDocuments } from 'yaml';
import { connect } from '../support/api.ts';
import { Cluster, type Scene } from '../support/cluster.ts';
import { type ControlPlane, kubectl, startControlPlane } from '../support/controlplane.ts';
import { eventually } from '../support/eventually.ts';
import { yamlIn } from '../support/markdown.ts';
import { leads, operatorKubeconfig, startOperator } from '../support/operator.ts';
import { Tenant } from '../support/tenants.ts';

const ROOT = resolve(import.meta.dirname, '../..');
/** The shipped defaults: the namespace of the sources, and the only Secret name. */
const SYSTEM = 'regcred-system';
const NAME = 'regcred';

describe('Without rights to read Secrets cluster-wide', () => {
  let controlPlane: ControlPlane;
  // With manifests/components/source-namespaces as shipped, and an operator with only those rights.
  let cluster: Cluster;
  let scene: Scene;
  let made: { kind: string; metadata: { name: string }; rules?: object[] }[];

  before(async () => {
    controlPlane = await startControlPlane((line) => console.error(line));
    const directory = join(controlPlane.scratch, 'narrow');
    mkdirSync(directory);
    const to = (path: string) => relative(directory, join(ROOT, path));
    const kustomization = {
      resources: [to('crds/registrycredentials.yaml'), to('crds/namespacedregistrycredentials.yaml'), to('manifests')],
      components: [to('manifests/components/source-namespaces')],
    };
    writeFileSync(join(directory, 'kustomization.yaml'), JSON.stringify(kustomization));
    const all = await kubectl(controlPlane, 'kustomize', '--load-restrictor=LoadRestrictionsNone', directory);
    writeFileSync(join(directory, 'all.yaml'), all);
    await kubectl(controlPlane, 'apply', '-f', join(directory, 'all.yaml'));
    await kubectl(controlPlane, 'wait', '--for=condition=Established', 'crd/registrycredentials.regcred.dev', '--timeout=90s');
    made = parseAllDocuments(all).map((one) => one.toJS());
    const deployment = made.find(({ kind }) => kind === 'Deployment') as unknown as {
      spec: { template: { spec: { containers: { env: { name: string; value: string }[] }[] } } };
    };
    const env = Object.fromEntries(deployment.spec.template.spec.containers[0]?.env.map(({ name, value }) => [name, value]) ?? []);
    const kubeconfig = await operatorKubeconfig(controlPlane.kubeconfig, SYSTEM, controlPlane.scratch);
    cluster = new Cluster(controlPlane, connect(controlPlane.kubeconfig), startOperator({ kubeconfig, env }), kubeconfig, env);
    await leads(cluster.operator);
  });
  after(async () => {
    await cluster.operator.stop();
    await cluster.api.close();
    await controlPlane.stop();
  });
  beforeEach(() => (scene = cluster.scene()));
  afterEach(async () => {
    await cluster.kubectl('delete', 'regcred', '--all', '--timeout=90s');
  });

  const source = () => ({ server: 'registry.example.com', secretRef: { namespace: SYSTEM, name: scene.name } });
  async function placed(count: number, spec: Parameters<Scene['credential']>[0] = {}): Promise<string[]> {
    await scene.secret(SYSTEM, scene.name, 'kubernetes.io/basic-auth', { username: 'robot', password: 'sample-password' });
    const namespaces = await scene.namespaces(count);
    await scene.credential({ registries: [source()], secretName: NAME, ...spec });
    await scene.ready();
    return namespaces;
  }

  it('the operator can read only the sources and the Secrets with its names', async () => {
    const may = async (verb: string, ...what: string[]) =>
      (await cluster.kubectl('auth', 'can-i', verb, ...what, `--as=system:serviceaccount:${SYSTEM}:regcred`).catch(() => 'no')).trim();
    for (const verb of ['get', 'list', 'watch', 'patch', 'delete']) {
      expect(await may(verb, 'secrets', '--all-namespaces'), verb).to.equal('no');
      expect(await may(verb, 'secrets/other', '-n', 'default'), verb).to.equal('no');
    }
    expect(await may('list', `secrets/${NAME}`, '-n', 'default')).to.equal('yes');
    expect(await may('list', 'secrets', '-n', SYSTEM)).to.equal('yes');
    // For the state Secrets and the tokens of clouds, which have no name that RBAC could limit this to.
    for (const verb of ['patch', 'delete']) expect(await may(verb, 'secrets/other', '-n', SYSTEM), verb).to.equal('yes');
    expect(await may('get', 'secrets/other', '-n', SYSTEM)).to.equal('no');
    const { rules = [] } = made.find(({ kind, metadata }) => kind === 'ClusterRole' && metadata.name === 'regcred') ?? {};
    const unnamed = (rules as { resources: string[]; resourceNames?: string[]; verbs: string[] }[]).filter(
      ({ resources, resourceNames }) => resources.includes('secrets') && !resourceNames,
    );
    expect(unnamed.map(({ verbs }) => verbs)).to.deep.equal([['create']]);
  });

  it('the operator places, updates, repairs and removes the copies', async () => {
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
    await eventually('the label is restored', async () =>
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

  it('the operator keeps the state of a credential in its namespace, and works without the right to do so', async () => {
    const [namespace] = (await placed(1)) as [string];
    const state = async () => `regcred-state-${(await scene.credentialObject()).metadata.uid}`;
    await scene.secretPlaced(SYSTEM, await state());

    const role = `/apis/rbac.authorization.k8s.io/v1/namespaces/${SYSTEM}/roles/regcred-state`;
    const { rules } = await scene.api.call<{ rules: object[] }>('GET', role);
    try {
      await cluster.restart(() => scene.patch(role, { rules: [] }));
      await scene.patchSecret(SYSTEM, { stringData: { password: 'rotated-sample' } });
      await eventually('the copy follows', async () =>
        expect((await scene.dockerConfigIn(namespace, NAME)).auths['registry.example.com']?.password).to.equal('rotated-sample'),
      );
      await eventually('the missing right is logged', () =>
        expect(cluster.operator.log()).to.contain('Cannot write the state Secret; retrying.'),
      );
    } finally {
      await scene.patch(role, { rules });
    }
    const isRemembered = async () => {
      const { data } = await scene.secretIn(SYSTEM, await state());
      const text = Buffer.from(data?.['state.json'] ?? '', 'base64').toString();
      expect(text).to.contain(Buffer.from('robot:rotated-sample').toString('base64'));
    };
    await eventually('the state is written again', isRemembered);
  });

  it('the operator does not change a Secret of another owner, and creates ours when that one is deleted', async () => {
    const namespace = await scene.namespace();
    const foreign = await scene.secret(namespace, NAME, 'Opaque', { note: 'sample-of-another' });
    await scene.secret(SYSTEM, scene.name, 'kubernetes.io/basic-auth', { username: 'robot', password: 'sample-password' });
    await scene.credential({ registries: [source()], secretName: NAME });
    await scene.ready('False', 'SecretExists');
    expect(await scene.secretIn(namespace, NAME)).to.deep.equal(foreign);
    await scene.deleteSecret(namespace, NAME);
    await scene.ready();
  });

  it('the operator writes nothing at a restart, and keeps a retained Secret with its reference', async () => {
    const [kept] = (await placed(1, { deletionPolicy: 'Retain' })) as [string];
    const before = [await scene.secretIn(kept, NAME), await scene.account(kept)];
    await cluster.restart();
    await scene.ready();
    await scene.deleteCredential();
    await scene.credentialGone();
    await cluster.restart();
    // By the time that a later credential is placed, the operator would have changed these.
    scene = cluster.scene();
    await placed(1);
    expect([await scene.secretIn(kept, NAME), await scene.account(kept)]).to.deep.equal(before);
  });

  it('the operator applies a change of secretName while it runs and while it does not', async () => {
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

  it('the operator does not read a source in another namespace, and reports where sources are allowed', async () => {
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

  it('the operator reports a secretName that it has no rights for, and places nothing', async () => {
    const namespace = await scene.namespace();
    await scene.secret(SYSTEM, scene.name, 'kubernetes.io/basic-auth', { username: 'robot', password: 'sample-password' });
    await scene.credential({ registries: [source()] });
    const { message } = await scene.ready('False', 'Forbidden');
    expect(message).to.contain(`The operator may not list the Secrets named ${scene.name}`);
    await scene.gone('the Secret', () => scene.secretIn(namespace));
    expect(await scene.pullSecrets(namespace)).to.deep.equal([]);
  });

  it('the credential of a tenant works with the Role that docs/tenants.md shows, and reports what is missing without it', async () => {
    const home = await scene.namespace();
    const tenant = new Tenant(scene, home);
    await tenant.source();
    await tenant.create();
    await tenant.ready('False', 'SourceUnreadable');
    const doc = readFileSync(join(ROOT, 'docs/tenants.md'), 'utf8');
    const role = yamlIn(doc).find((text) => text.includes('kind: RoleBinding')) as string;
    const file = join(cluster.controlPlane.scratch, 'role.yaml');
    writeFileSync(file, role.replaceAll('team-a', home));
    await cluster.kubectl('apply', '-f', file);
    await tenant.ready();
    await scene.pullSecretsAre(home, [scene.name]);
    await tenant.delete();
    await scene.secretGone(home);
    await scene.pullSecretsAre(home, []);
  });
});
