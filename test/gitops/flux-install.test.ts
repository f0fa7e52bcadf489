import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { parseAllDocuments } from 'yaml';
import { expectGone } from '../support/api.ts';
import type { Cluster, KubeObject, Scene } from '../support/cluster.ts';
import { eventually } from '../support/eventually.ts';
import { yamlIn } from '../support/markdown.ts';
import { Tenant } from '../support/tenants.ts';
import { FLUX, type Flux, startFlux } from './flux.ts';
import { DEADLINE_MS, startWorld, type World } from './world.ts';

const SYSTEM = 'regcred-system';

interface Shown {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec: { url?: string; decryption?: object; readonly healthCheckExprs?: readonly object[] };
}

/** Each case continues where the one before ended: the life of an installation. */
describe('Flux with the Kustomizations of docs/gitops.md', function () {
  this.timeout(10 * 60_000);
  this.bail(true);
  let world: World;
  let flux: Flux;
  let cluster: Cluster;
  let scene: Scene;
  /** The GitRepository and the three Kustomizations of the page. */
  let shown: Shown[];
  let exprs: readonly object[];

  before(async () => {
    world = await startWorld();
    flux = await startFlux(world);
    world.git.commitOurs('regcred', 'v0.1.0');
    world.git.commit('platform', {
      'registry-sources/robot.yaml': robot('ghcr-robot'),
      'registry-credentials/acme.yaml': credential('acme'),
    });
    const blocks = yamlIn(readFileSync('docs/gitops.md', 'utf8')).map(
      (block) => parseAllDocuments(block).map((one) => one.toJS()) as Shown[],
    );
    shown = blocks.find(([first]) => first?.kind === 'GitRepository') as Shown[];
    exprs = shown.flatMap(({ spec }) => spec.healthCheckExprs ?? []);
    for (const { spec } of shown) {
      if (spec.url !== undefined) spec.url = world.git.url('regcred');
      // The page says: with SOPS. Here a plain Secret is what a tool would create.
      delete spec.decryption;
    }
  });
  after(() => world?.stop());

  const robot = (name: string) => ({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name, namespace: SYSTEM },
    type: 'kubernetes.io/basic-auth',
    stringData: { username: 'robot', password: 'sample-password' },
  });
  const credential = (name: string, source = 'ghcr-robot', names = ['team-*']) => ({
    apiVersion: 'regcred.dev/v1alpha1',
    kind: 'RegistryCredential',
    metadata: { name },
    spec: { registries: [{ server: 'ghcr.io', secretRef: { namespace: SYSTEM, name: source } }], namespaces: { names } },
  });
  /** Creates a Kustomization of a repository that has only this credential. */
  const kustomizationOf = async (name: string, object: object, spec: object) => {
    world.git.commit(name, { 'object.yaml': object });
    await flux.source(name);
    await flux.kustomization(name, name, spec);
  };

  const isGone = (name: string) =>
    eventually(`the Kustomization ${name} is gone`, async () => expect(await flux.find(name)).to.equal(undefined), DEADLINE_MS);

  it('applies each only when the one before is ready (wait, dependsOn)', async () => {
    await flux.source('platform');
    await world.apply(shown);
    await eventually(
      'the operator is installed, but does not run',
      async () => {
        const { conditions = [] } = (await flux.find('regcred-operator'))?.status ?? {};
        expect(JSON.stringify(conditions)).to.contain('Running health checks');
      },
      DEADLINE_MS,
    );
    for (const name of ['registry-sources', 'registry-credentials']) await flux.is(name, 'False', 'DependencyNotReady');
    await expectGone(world.api, '/apis/regcred.dev/v1alpha1/registrycredentials/acme');
    cluster = await world.runOperator();
    scene = cluster.scene();
    await scene.namespace({}, 'team-a');
    for (const { kind, metadata } of shown) if (kind === 'Kustomization') await flux.is(metadata.name, 'True', 'ReconciliationSucceeded');
    await scene.ready('True', 'Synced', 'acme');
    await scene.pullSecretsAre('team-a', ['acme']);
  });

  it('writes nothing to the credential when it applies the same commit again', async () => {
    const { metadata } = await scene.credentialObject('acme');
    expect((await flux.reconcile('registry-credentials', 'platform')).status).to.equal('True');
    const after = await scene.credentialObject('acme');
    expect(after.metadata.resourceVersion).to.equal(metadata.resourceVersion);
  });

  it('reports a credential that a person must fix at once, with healthCheckExprs', async () => {
    await kustomizationOf('broken', credential('broken', 'missing'), { wait: true, timeout: '10m', healthCheckExprs: exprs });
    const { message } = await flux.is('broken', 'False', 'HealthCheckFailed');
    expect(message).to.contain('RegistryCredential/broken').and.to.contain('Failed').and.to.not.contain('timeout');
    await world.apply([robot('missing')]);
    await scene.ready('True', undefined, 'broken');
    expect((await flux.reconcile('broken', 'broken')).status).to.equal('True');
  });

  it('waits for the timeout without healthCheckExprs, and is ready when Ready is True', async () => {
    await kustomizationOf('patient', credential('patient', 'late'), { wait: true, timeout: '10s' });
    const { message } = await flux.is('patient', 'False', 'HealthCheckFailed');
    expect(message).to.contain('timeout waiting for').and.to.contain('RegistryCredential/patient').and.to.contain('InProgress');
    await world.apply([robot('late')]);
    await scene.ready('True', undefined, 'patient');
    expect((await flux.reconcile('patient', 'patient')).status).to.equal('True');
  });

  it("waits for a tenant's credential", async () => {
    const tenant = new Tenant(scene, await scene.namespace({}, 'tenant-a'));
    const spec = { registries: [{ server: 'registry.example.com', secretRef: { name: 'robot' } }] };
    const metadata = { name: 'own', namespace: tenant.namespace };
    await kustomizationOf(
      'tenant',
      { apiVersion: 'regcred.dev/v1alpha1', kind: 'NamespacedRegistryCredential', metadata, spec },
      { wait: true },
    );
    await tenant.ready('False', 'SourceMissing', 'own');
    await tenant.source();
    await flux.is('tenant', 'True');
    await scene.pullSecretsAre(tenant.namespace, ['own']);
    await flux.delete('tenant');
    await scene.pullSecretsAre(tenant.namespace, []);
    await scene.secretGone(tenant.namespace, 'own');
  });

  it('removes all that a credential placed when it is pruned', async () => {
    world.git.commit('platform', { 'registry-credentials/other.yaml': credential('other') });
    await flux.reconcile('registry-credentials', 'platform');
    await eventually('both are placed', async () => expect(await scene.pullSecrets('team-a')).to.include.members(['acme', 'other']));
    world.git.commit('platform', { 'registry-credentials/other.yaml': undefined });
    await flux.reconcile('registry-credentials', 'platform');
    await scene.credentialGone('other');
    await scene.secretGone('team-a', 'other');
    await eventually('its name is gone', async () => expect(await scene.pullSecrets('team-a')).to.not.include('other'));
  });

  const deletions: Record<string, { spec: object; waits: boolean }> = {
    'at once by default, while the operator still cleans up': { spec: {}, waits: false },
    'only after the cleanup with WaitForTermination': { spec: { deletionPolicy: 'WaitForTermination', timeout: '10m' }, waits: true },
    'after its timeout with WaitForTermination': { spec: { deletionPolicy: 'WaitForTermination', timeout: '5s' }, waits: false },
  };
  for (const [at, [when, { spec, waits }]] of Object.entries(deletions).entries()) {
    it(`is gone ${when}`, async () => {
      const name = `deleted-${at}`;
      await kustomizationOf(name, credential(name), spec);
      await flux.is(name, 'True');
      await scene.ready('True', undefined, name);
      cluster.operator.signal('SIGSTOP');
      await flux.delete(name);
      await eventually('the credential is in deletion', async () =>
        expect((await scene.credentialObject(name)).metadata.deletionTimestamp).to.be.a('string'),
      );
      if (!waits) {
        await isGone(name);
        await scene.credentialObject(name);
      }
      cluster.operator.signal('SIGCONT');
      await isGone(name);
      if (waits) await expectGone(world.api, `/apis/regcred.dev/v1alpha1/registrycredentials/${name}`);
      await scene.credentialGone(name);
      await scene.secretGone('team-a', name);
    });
  }

  it('leaves nothing but the CustomResourceDefinitions and the namespace when all are deleted, the credentials first', async () => {
    for (const name of ['registry-credentials', 'broken', 'patient', 'registry-sources', 'regcred-operator']) {
      await flux.delete(name);
      await isGone(name);
      if (name === 'patient') for (const gone of ['acme', 'broken', 'patient']) await scene.credentialGone(gone);
    }
    await scene.pullSecretsAre('team-a', []);
    await expectGone(world.api, `/apis/apps/v1/namespaces/${SYSTEM}/deployments/regcred`);
    await expectGone(world.api, '/apis/rbac.authorization.k8s.io/v1/clusterroles/regcred');
    await expectGone(world.api, `/api/v1/namespaces/${SYSTEM}/secrets/ghcr-robot`);
    const { items } = await world.api.call<{ items: KubeObject[] }>('GET', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions');
    const ours = items.map(({ metadata }) => metadata.name).filter((name) => name.endsWith('.regcred.dev'));
    expect(ours.sort()).to.deep.equal([
      'namespacedregistrycredentials.regcred.dev',
      'pullsecretrules.regcred.dev',
      'registrycredentials.regcred.dev',
    ]);
    await world.kubectl('get', 'namespace', SYSTEM, FLUX);
  });
});
