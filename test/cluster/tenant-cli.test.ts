import { join } from 'node:path';
import { type Cluster as ClusterEntry, KubeConfig } from '@kubernetes/client-node';
import { expect } from 'chai';
import { type Cluster, type Scene, startCluster, stopCluster } from '../support/cluster.ts';
import { writeKubeconfig } from '../support/operator.ts';
import { kubectlWithPlugin, type PluginRun } from '../support/plugin.ts';
import { userOf } from '../support/tenant-user.ts';
import { accept, Tenant } from '../support/tenants.ts';

// This needs a cluster of its own: one case stops the operator and removes everything.
describe('kubectl regcred for tenants', () => {
  let cluster: Cluster;
  let scene: Scene;
  let kubectl: ReturnType<typeof kubectlWithPlugin>;
  let home: string;
  let tenant: Tenant;
  before(async () => {
    cluster = await startCluster();
    kubectl = kubectlWithPlugin(cluster.controlPlane);
  });
  after(() => stopCluster(cluster));
  beforeEach(async () => {
    scene = cluster.scene();
    home = await scene.namespace();
    tenant = new Tenant(scene, home);
  });
  const regcred = (...args: string[]) => kubectl(['regcred', ...args]);
  const ends = (code: number, said: PluginRun) => expect(said.code, said.stdout + said.stderr).to.equal(code);

  it('create -n: prints a source and a credential of one namespace, which becomes Ready', async () => {
    const login = ['--server', 'registry.example.com', '--username', 'robot', '--password-stdin'];
    const printed = await kubectl(['regcred', 'create', scene.name, '-n', home, ...login], 'sample-password');
    ends(0, printed);
    expect(printed.stdout).to.contain('kind: NamespacedRegistryCredential').and.not.contain('regcred-system');
    ends(0, await kubectl(['apply', '-f', '-'], printed.stdout));
    await tenant.ready();
    expect((await scene.dockerConfigIn(home)).auths['registry.example.com']?.password).to.equal('sample-password');
  });

  it('create --namespaced: leaves the namespace to kubectl apply -n', async () => {
    const login = ['--server', 'registry.example.com', '--username', 'robot', '--password-stdin'];
    const printed = await kubectl(['regcred', 'create', scene.name, '--namespaced', ...login], 'sample-password');
    ends(0, printed);
    expect(printed.stdout).to.not.match(/namespace:/);
    ends(0, await kubectl(['apply', '-n', home, '-f', '-'], printed.stdout));
    await tenant.ready();
  });

  it('status -n: shows those of the namespace, and one in detail', async () => {
    await tenant.placed();
    const all = await regcred('status', '-n', home);
    ends(0, all);
    expect(all.stdout).to.match(new RegExp(`${scene.name} .*True .*1/1`));
    const one = await regcred('status', `nregcred/${scene.name}`, '-n', home);
    ends(0, one);
    expect(one.stdout).to.contain('SecretsSynced');
    expect((await regcred('status', '-n', home, '-o', 'name')).stdout).to.equal(`namespacedregistrycredential.regcred.dev/${scene.name}\n`);
    const none = await regcred('status', 'missing', '-n', home);
    ends(2, none);
    expect(none.stderr).to.contain(
      `There is no NamespacedRegistryCredential "missing" in namespace ${home}. kubectl regcred status -n ${home}`,
    );
  });

  it('doctor: explains an image by the credential of the namespace', async () => {
    await tenant.placed();
    const said = await regcred('doctor', 'image', 'registry.example.com/app:1', '-n', home);
    ends(0, said);
    expect(said.stdout).to.contain(scene.name);
    await tenant.patch({ suspend: true });
    await tenant.ready('Unknown', 'Suspended');
    await scene.patchAccount(home, { imagePullSecrets: null });
    const suspended = await regcred('doctor', 'image', 'registry.example.com/app:1', '-n', home);
    ends(1, suspended);
    expect(suspended.stdout).to.contain(`NamespacedRegistryCredential ${home}/${scene.name} is suspended`);
    expect(suspended.stdout).to.contain(`kubectl edit nregcred ${scene.name} -n ${home}`);
  });

  it('doctor: with the rights of edit in the namespace, explains an image by its credential', async () => {
    await tenant.placed();
    const user = await userOf(cluster.api, cluster.controlPlane.kubeconfig, home);
    await user.close();
    const token = (await cluster.kubectl('create', 'token', 'user-edit', '-n', home)).trim();
    const admin = new KubeConfig();
    admin.loadFromFile(cluster.controlPlane.kubeconfig);
    const file = join(cluster.controlPlane.scratch, `${home}.kubeconfig`);
    writeKubeconfig(file, admin.getCurrentCluster() as ClusterEntry, { token }, home);
    const asTenant = (image: string) => kubectl(['regcred', 'doctor', 'image', image], '', { KUBECONFIG: file });
    const said = await asTenant('registry.example.com/app:1');
    ends(0, said);
    expect(said.stdout).to.contain(`added by NamespacedRegistryCredential ${home}/${scene.name}`);
    const other = await asTenant('other.example.com/app:1');
    expect(other.stdout)
      .to.contain('You may not list RegistryCredentials')
      .and.contain('Missing right: list registrycredentials.regcred.dev');
    await tenant.patch({ suspend: true });
    await tenant.ready('Unknown', 'Suspended');
    await scene.patchAccount(home, { imagePullSecrets: null });
    const suspended = await asTenant('registry.example.com/app:1');
    ends(1, suspended);
    expect(suspended.stdout).to.contain(`NamespacedRegistryCredential ${home}/${scene.name} is suspended`);
  });

  it('completes the names of the namespace', async () => {
    await tenant.placed();
    expect((await regcred('__complete', 'status', '-n', home, '')).stdout).to.contain(scene.name);
  });

  for (const isRunning of [true, false]) {
    it(`cleanup -n: removes everything of one, in every namespace, ${isRunning ? 'with' : 'without'} an operator`, async () => {
      const other = await scene.namespace();
      await accept(scene, other, home);
      await tenant.placed({ namespaces: { names: [home, other] } });
      await tenant.create({}, `${scene.name}-kept`);
      await tenant.ready('True', undefined, `${scene.name}-kept`);
      await scene.pullSecretsAre(other, [scene.name]);
      if (!isRunning) await cluster.operator.stop();
      try {
        const said = await regcred('cleanup', scene.name, '-n', home, '--dry-run=none');
        ends(0, said);
        await scene.gone('the credential', () => tenant.object());
        await scene.secretGone(home);
        await scene.secretGone(other);
        await scene.pullSecretsAre(home, [`${scene.name}-kept`]);
        await scene.pullSecretsAre(other, []);
        await tenant.object(`${scene.name}-kept`);
      } finally {
        if (!isRunning) await cluster.restart();
      }
    });
  }

  it('cleanup -n --ignore-not-found: removes what is left elsewhere of a credential that no longer exists', async () => {
    const other = await scene.namespace();
    await accept(scene, other, home);
    await tenant.placed({ namespaces: { names: [home, other] } });
    await scene.pullSecretsAre(other, [scene.name]);
    // As after a cleanup that was refused until the namespace of the credential was gone.
    await cluster.restart(async () => {
      const at = `/apis/regcred.dev/v1alpha1/namespaces/${home}/namespacedregistrycredentials/${scene.name}`;
      await scene.patch(at, { metadata: { finalizers: null } });
      await tenant.delete();
    });
    ends(0, await regcred('cleanup', scene.name, '-n', home, '--ignore-not-found', '--dry-run=none'));
    await scene.secretGone(other);
    await scene.pullSecretsAre(other, []);
  });

  it('cleanup --all: removes those of tenants, too, without an operator', async () => {
    await tenant.placed();
    await cluster.operator.stop();
    try {
      ends(0, await regcred('cleanup', '--all', '--dry-run=none'));
      await scene.gone('the credential', () => tenant.object());
      await scene.secretGone(home);
      await scene.pullSecretsAre(home, []);
    } finally {
      await cluster.restart();
    }
  });
});
