import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { expectGone } from '../support/api.ts';
import type { Cluster, KubeObject, Scene } from '../support/cluster.ts';
import { eventually } from '../support/eventually.ts';
import { type SampleRegistry, startSampleRegistry } from '../support/sample-registry.ts';
import { Tenant } from '../support/tenants.ts';
import { ARGOCD, type ArgoCd, startArgoCd } from './argocd.ts';
import { DEADLINE_MS, startWorld, type World } from './world.ts';

const SYSTEM = 'regcred-system';
const GOOD = 'sample-password-that-is-good';

/** Each case continues where the one before ended: the life of an installation. */
describe('Argo CD with manifests/argocd as it is shipped', function () {
  this.timeout(10 * 60_000);
  this.bail(true);
  let world: World;
  let argo: ArgoCd;
  let cluster: Cluster;
  let scene: Scene;
  let registry: SampleRegistry;

  before(async () => {
    registry = await startSampleRegistry();
    registry.passwords.add(GOOD);
    world = await startWorld();
    argo = await startArgoCd(world);
    world.git.commitOurs('regcred', 'v0.1.0');
    world.git.commit('registry-credentials', { 'acme.yaml': credential('acme') });
    world.git.commit(
      'argocd',
      Object.fromEntries(readdirSync(join(ARGOCD, 'apps')).map((file) => [`regcred/apps/${file}`, shipped(`apps/${file}`)])),
    );
  });
  after(async () => {
    await world?.stop();
    registry?.close();
  });

  /** A file with the URLs of our repositories, as docs/gitops.md says. */
  const shipped = (file: string) =>
    readFileSync(join(ARGOCD, file), 'utf8')
      .replaceAll('https://github.com/regcred/regcred.git', world.git.url('regcred'))
      .replaceAll('https://git.example.com/platform/registry-credentials.git', world.git.url('registry-credentials'))
      .replaceAll('https://git.example.com/platform/argocd.git', world.git.url('argocd'));
  const credential = (name: string, spec: object = {}, annotations: object = {}) => ({
    apiVersion: 'regcred.dev/v1alpha1',
    kind: 'RegistryCredential',
    metadata: { name, annotations },
    spec: {
      registries: [{ server: registry.host, secretRef: { namespace: SYSTEM, name: 'ghcr-robot' } }],
      namespaces: { names: ['team-*'] },
      verification: { mode: 'None' },
      ...spec,
    },
  });
  const commit = (files: Record<string, object | undefined>) => {
    world.git.commit('registry-credentials', files);
    return argo.refreshed('registry-credentials');
  };
  const healthIs = (kind: string, name: string, status: string, ...says: string[]) =>
    eventually(
      `${kind} ${name} is ${status}`,
      async () => {
        // Argo CD follows the status at once, but a message alone only when it compares the Application again.
        await argo.refreshed('registry-credentials');
        const health = await argo.healthOf('registry-credentials', kind, name);
        expect(health.status, health.message).to.equal(status);
        for (const words of says) expect(health.message).to.contain(words);
      },
      DEADLINE_MS,
    );
  const source = async (password: string) => {
    await scene.patchSecret(SYSTEM, { stringData: { password } }, 'ghcr-robot');
  };

  it('does not create the credentials before the operator runs', async () => {
    await world.apply(shipped('app-of-apps.yaml'));
    await argo.is('regcred-operator', 'Synced', 'Progressing');
    await eventually(
      'the app of apps waits for the operator',
      async () =>
        expect((await argo.application('regcred')).status?.operationState?.message).to.contain(
          'waiting for healthy state of argoproj.io/Application/regcred-operator',
        ),
      DEADLINE_MS,
    );
    expect(await argo.find('registry-credentials')).to.equal(undefined);
    cluster = await world.runOperator({ REGCRED_VERIFICATION: 'on', REGCRED_INSECURE_REGISTRIES: registry.host });
    scene = cluster.scene();
    await argo.is('regcred-operator', 'Synced', 'Healthy');
    await eventually('the next wave begins', () => argo.application('registry-credentials'), DEADLINE_MS);
  });

  it('shows a credential without its source as Degraded, and as Healthy when the source exists, without a commit', async () => {
    await scene.namespace({}, 'team-a');
    await argo.is('registry-credentials', 'Synced', 'Degraded');
    await healthIs('RegistryCredential', 'acme', 'Degraded', 'SourceMissing: ', `${SYSTEM}/ghcr-robot`, 'Create it');
    await scene.secret(SYSTEM, 'ghcr-robot', 'kubernetes.io/basic-auth', { username: 'robot', password: GOOD });
    await healthIs('RegistryCredential', 'acme', 'Healthy', 'Synced: ');
    await argo.is('registry-credentials', 'Synced', 'Healthy');
    await scene.pullSecretsAre('team-a', ['acme']);
  });

  it('ends with the app of apps Synced and Healthy, and everything that the operator has written is no difference', async () => {
    await argo.is('regcred', 'Synced', 'Healthy');
    for (const name of ['regcred', 'regcred-operator', 'registry-credentials']) {
      const { status } = await argo.refreshed(name);
      expect(status?.sync?.status, name).to.equal('Synced');
      expect(status?.conditions, name).to.equal(undefined);
    }
  });

  it('shows the links on a credential, and on nothing else', async () => {
    const group = 'regcred.dev';
    const links = await argo.links('registry-credentials', { group, version: 'v1alpha1', kind: 'RegistryCredential', name: 'acme' });
    expect(Object.fromEntries(links)).to.deep.equal({
      'What its reason means': 'https://github.com/regcred/regcred/blob/main/docs/troubleshooting.md#what-each-reason-means',
      Dashboard: 'https://grafana.example.com/d/regcred?var-credential=acme',
    });
    const deployment = { group: 'apps', version: 'v1', kind: 'Deployment', namespace: SYSTEM, name: 'regcred' };
    expect(Object.fromEntries(await argo.links('regcred-operator', deployment))).to.deep.equal({});
  });

  it('shows a refused or expired password as Healthy with a message, if it only reports', async () => {
    await commit({ 'acme.yaml': credential('acme', { verification: { mode: 'Report', interval: '6h' } }) });
    await argo.is('registry-credentials', 'Synced', 'Healthy');
    await source('sample-password-that-is-refused');
    await healthIs('RegistryCredential', 'acme', 'Healthy', 'Synced: ', 'RegistryRefused: ');
    await source(GOOD);
    await scene.patchSecret(SYSTEM, { metadata: { annotations: { 'regcred.dev/expires-at': '2020-01-31T00:00:00Z' } } }, 'ghcr-robot');
    await healthIs('RegistryCredential', 'acme', 'Healthy', 'Expired: ');
    await scene.patchSecret(SYSTEM, { metadata: { annotations: { 'regcred.dev/expires-at': null } } }, 'ghcr-robot');
  });

  it('shows a password that is refused under mode Require as Degraded', async () => {
    await commit({ 'acme.yaml': credential('acme', { verification: { mode: 'Require', interval: '6h' } }) });
    await argo.is('registry-credentials', 'Synced', 'Healthy');
    await scene.ready('True', undefined, 'acme');
    await source('sample-password-that-is-refused-again');
    await healthIs('RegistryCredential', 'acme', 'Degraded', 'RegistryRefused: ');
    await source(GOOD);
    await healthIs('RegistryCredential', 'acme', 'Healthy');
  });

  it('shows a suspended credential as Suspended', async () => {
    await commit({ 'acme.yaml': credential('acme', { suspend: true }) });
    await healthIs('RegistryCredential', 'acme', 'Suspended', 'remove spec.suspend in Git');
    await commit({ 'acme.yaml': credential('acme') });
    await healthIs('RegistryCredential', 'acme', 'Healthy');
  });

  it('does not create what the project does not allow, a plain Secret, and recovers from it with the next commit', async () => {
    const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'plain' }, stringData: { key: 'sample-value' } };
    await commit({ 'secret.yaml': secret });
    await eventually(
      'the sync is refused',
      async () => {
        const state = (await argo.application('registry-credentials')).status?.operationState;
        const says = state?.syncResult?.resources?.map(({ message }) => message);
        expect(says?.join(), state?.message).to.contain('is not permitted in project registry-credentials');
      },
      DEADLINE_MS,
    );
    await expectGone(world.api, `/api/v1/namespaces/${SYSTEM}/secrets/plain`);
    await commit({ 'secret.yaml': undefined, 'acme.yaml': credential('acme', { secretMetadata: { labels: { fixed: 'yes' } } }) });
    await eventually(
      'the fix is applied',
      async () => expect((await scene.secretIn('team-a', 'acme')).metadata.labels).to.include({ fixed: 'yes' }),
      DEADLINE_MS,
    );
    await argo.is('registry-credentials', 'Synced', 'Healthy');
  });

  it("shows the health of a tenant's credential in the Application of the tenant", async () => {
    const tenant = new Tenant(scene, await scene.namespace({}, 'tenant-a'));
    const own = {
      apiVersion: 'regcred.dev/v1alpha1',
      kind: 'NamespacedRegistryCredential',
      metadata: { name: 'own' },
      spec: { registries: [{ server: 'registry.example.com', secretRef: { name: 'robot' } }] },
    };
    world.git.commit('tenant', { 'own.yaml': own });
    await argo.create('tenant', 'tenant', tenant.namespace, { syncPolicy: { automated: {} } });
    await argo.is('tenant', 'Synced', 'Degraded');
    expect((await argo.healthOf('tenant', 'NamespacedRegistryCredential', 'own')).message).to.contain('SourceMissing: ');
    await tenant.source();
    await argo.is('tenant', 'Synced', 'Healthy');
    await scene.pullSecretsAre(tenant.namespace, ['own']);
    const links = await argo.links('tenant', {
      ...{ group: 'regcred.dev', version: 'v1alpha1', kind: 'NamespacedRegistryCredential' },
      ...{ namespace: tenant.namespace, name: 'own' },
    });
    expect([...links.keys()]).to.deep.equal(['What its reason means']);
    await argo.patch('tenant', { metadata: { finalizers: ['resources-finalizer.argocd.argoproj.io'] } });
    await argo.delete('tenant');
    await argo.gone('tenant');
    await scene.pullSecretsAre(tenant.namespace, []);
    await scene.secretGone(tenant.namespace, 'own');
  });

  it('replaces a renamed credential with PruneLast without a moment in which pods cannot pull', async () => {
    const last = { 'argocd.argoproj.io/sync-options': 'PruneLast=true' };
    await commit({ 'acme.yaml': credential('acme', {}, last) });
    await argo.is('registry-credentials', 'Synced', 'Healthy');
    const seen = new Set<string>();
    const watching = new AbortController();
    const watched = watchNames(seen, watching.signal);
    await commit({ 'acme.yaml': undefined, 'renamed.yaml': credential('renamed') });
    await scene.credentialGone('acme');
    await scene.pullSecretsAre('team-a', ['renamed']);
    watching.abort();
    await watched;
    expect([...seen])
      .to.include('renamed')
      .and.to.not.include('');
    await argo.is('registry-credentials', 'Synced', 'Healthy');
  });

  /** Keeps every list that the account has, until it is stopped. */
  async function watchNames(seen: Set<string>, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) seen.add((await scene.pullSecrets('team-a')).join());
  }

  it('removes all that a credential placed when it is pruned, and is Progressing until the cleanup is done', async () => {
    await commit({ 'renamed.yaml': credential('renamed'), 'kept.yaml': credential('kept') });
    await scene.pullSecretsAre('team-a', ['renamed', 'kept']);
    cluster.operator.signal('SIGSTOP');
    await commit({ 'renamed.yaml': undefined });
    await healthIs('RegistryCredential', 'renamed', 'Progressing', 'Pending deletion');
    cluster.operator.signal('SIGCONT');
    await scene.credentialGone('renamed');
    await scene.secretGone('team-a', 'renamed');
    await scene.pullSecretsAre('team-a', ['kept']);
    await argo.is('registry-credentials', 'Synced', 'Healthy');
  });

  it('leaves the credentials of an Application that is deleted without cascade', async () => {
    world.git.commit('loose', { 'loose.yaml': credential('loose') });
    await argo.create('loose', 'loose', SYSTEM, { syncPolicy: { automated: {} } });
    await argo.is('loose', 'Synced', 'Healthy');
    await argo.delete('loose');
    await argo.gone('loose');
    await scene.ready('True', undefined, 'loose');
    await scene.deleteCredential('loose');
    await scene.credentialGone('loose');
  });

  it('cleans up before it deletes the operator, and keeps the CustomResourceDefinitions and the namespace of the sources', async () => {
    cluster.operator.signal('SIGSTOP');
    await argo.delete('regcred');
    await healthIs('RegistryCredential', 'kept', 'Progressing');
    expect((await argo.application('regcred-operator')).metadata.deletionTimestamp).to.equal(undefined);
    cluster.operator.signal('SIGCONT');
    for (const name of ['registry-credentials', 'regcred-operator', 'regcred']) await argo.gone(name);
    await scene.secretGone('team-a', 'kept');
    await scene.pullSecretsAre('team-a', []);
    await expectGone(world.api, `/apis/apps/v1/namespaces/${SYSTEM}/deployments/regcred`);
    await expectGone(world.api, '/apis/rbac.authorization.k8s.io/v1/clusterroles/regcred');
    await scene.secretIn(SYSTEM, 'ghcr-robot');
    const { items } = await world.api.call<{ items: KubeObject[] }>('GET', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions');
    const ours = items.map(({ metadata }) => metadata.name).filter((name) => name.endsWith('.regcred.dev'));
    expect(ours.sort()).to.deep.equal([
      'namespacedregistrycredentials.regcred.dev',
      'pullsecretrules.regcred.dev',
      'registrycredentials.regcred.dev',
    ]);
  });
});
