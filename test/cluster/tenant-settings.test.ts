import { expect } from 'chai';
import { type Cluster, type Scene, startCluster, stopCluster } from '../support/cluster.ts';
import { eventually } from '../support/eventually.ts';
import { leads } from '../support/operator.ts';
import { kubectlWithPlugin } from '../support/plugin.ts';
import { accept, Tenant } from '../support/tenants.ts';

const LABEL = 'capsule.clastix.io/tenant';
const CRD = 'namespacedregistrycredentials.regcred.dev';

describe('The operator and the credentials of tenants', () => {
  let cluster: Cluster;
  let scene: Scene;
  before(async () => (cluster = await startCluster([], { REGCRED_TENANT_LABEL: LABEL })));
  after(() => stopCluster(cluster));
  beforeEach(() => (scene = cluster.scene()));

  async function runWith(env: NodeJS.ProcessEnv): Promise<void> {
    await cluster.operator.stop();
    cluster.operator = cluster.start(env);
    await leads(cluster.operator);
  }

  it('with --tenant-label: namespaces of one tenant accept each other, until the label changes', async () => {
    const oil = await scene.namespace({ [LABEL]: `${scene.name}-oil` });
    const same = await scene.namespace({ [LABEL]: `${scene.name}-oil` });
    const gas = await scene.namespace({ [LABEL]: `${scene.name}-gas` });
    const none = await scene.namespace({ [LABEL]: '' });
    const tenant = new Tenant(scene, oil);
    await tenant.placed({ namespaces: { names: [`${scene.name}-*`] } });
    await scene.secretPlaced(same);
    await scene.pullSecretsAre(same, [scene.name]);
    await eventually('the summary is 2/2', async () => expect((await tenant.status()).summary).to.equal('2/2'));
    for (const other of [gas, none]) await scene.gone('the Secret', () => scene.secretIn(other));
    const doctor = await kubectlWithPlugin(cluster.controlPlane)(['regcred', 'doctor', 'image', 'registry.example.com/app:1', '-n', same]);
    expect(doctor.code, doctor.stdout).to.equal(0);
    expect(doctor.stdout).to.contain(`added by NamespacedRegistryCredential ${oil}/${scene.name}`);

    await scene.patch(`/api/v1/namespaces/${same}`, { metadata: { labels: { [LABEL]: 'other' } } });
    await scene.secretGone(same);
    await scene.patch(`/api/v1/namespaces/${gas}`, { metadata: { labels: { [LABEL]: `${scene.name}-oil` } } });
    await scene.secretPlaced(gas);
    // The label of its own namespace counts as well.
    await scene.patch(`/api/v1/namespaces/${oil}`, { metadata: { labels: { [LABEL]: null } } });
    await scene.secretGone(gas);
    await scene.pullSecretsAre(gas, []);
    await scene.secretIn(oil);
  });

  it('with --namespaced=false: removes what is placed and the finalizers, then serves nothing; and serves them again without the flag', async () => {
    const [home = '', other = ''] = await scene.namespaces(2);
    const tenant = new Tenant(scene, home);
    await accept(scene, other, home);
    await tenant.placed({ namespaces: { names: [home, other] } });
    await scene.pullSecretsAre(other, [scene.name]);
    await runWith({ REGCRED_NAMESPACED: 'false' });
    try {
      for (const namespace of [home, other]) {
        await scene.secretGone(namespace);
        await scene.pullSecretsAre(namespace, []);
      }
      const { message } = await tenant.ready('False', 'KindNotServed');
      expect(message).to.contain('--namespaced=false');
      await eventually('the finalizer is gone', async () => expect((await tenant.object()).metadata.finalizers).to.equal(undefined));
      await tenant.create({}, `${scene.name}-late`);
      await tenant.ready('False', 'KindNotServed', `${scene.name}-late`);
      await scene.gone('the Secret', () => scene.secretIn(home, `${scene.name}-late`));
      await tenant.delete(`${scene.name}-late`);
      await scene.gone('the credential', () => tenant.object(`${scene.name}-late`));
    } finally {
      await runWith({});
    }
    await tenant.ready();
    await scene.secretPlaced(other);
  });

  it('runs without their CustomResourceDefinition, says so once, and serves them when it appears', async () => {
    await scene.placed(1);
    const definition = JSON.parse(await cluster.kubectl('get', 'crd', CRD, '-o', 'json'));
    await cluster.kubectl('delete', 'crd', CRD, '--timeout=90s');
    await runWith({});
    const url = await cluster.operator.url();
    await eventually('the operator is ready', async () => expect(await (await fetch(`${url}/readyz`)).text()).to.contain('ok'));
    await scene.rotate('rotated-sample');
    const said = () =>
      cluster.operator
        .log()
        .split('\n')
        .filter((line) => line.includes(`CustomResourceDefinition ${CRD} is not installed`));
    await eventually('the log says so', () => expect(said()).to.have.lengthOf(1));
    const { name, labels } = definition.metadata;
    const body = { ...definition, metadata: { name, labels }, status: undefined };
    await scene.api.call('POST', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', { body });
    await cluster.kubectl('wait', '--for=condition=Established', `crd/${CRD}`, '--timeout=90s');
    const tenant = new Tenant(scene, await scene.namespace());
    await eventually('the kind is served', () =>
      tenant
        .source()
        .catch(() => {})
        .then(() => tenant.create({ secretName: `${scene.name}-own` })),
    );
    await tenant.ready();
    expect(said()).to.have.lengthOf(1);
  });

  it('gives edit and admin the right to write them, and view the right to read them', async () => {
    const namespace = await scene.namespace();
    const may = async (role: string, verb: string) => {
      const user = `${scene.name}-${role}`;
      return (await cluster.kubectl('auth', 'can-i', verb, 'nregcred', '-n', namespace, `--as=${user}`).catch(() => 'no')).trim();
    };
    for (const role of ['edit', 'admin', 'view'])
      await cluster.kubectl('create', 'rolebinding', role, '-n', namespace, `--clusterrole=${role}`, `--user=${scene.name}-${role}`);
    await eventually('the roles are aggregated', async () => expect(await may('edit', 'create')).to.equal('yes'));
    for (const verb of ['get', 'list', 'watch', 'create', 'update', 'patch', 'delete']) {
      for (const role of ['edit', 'admin']) expect(await may(role, verb), `${role} ${verb}`).to.equal('yes');
      expect(await may('view', verb), `view ${verb}`).to.equal(['get', 'list', 'watch'].includes(verb) ? 'yes' : 'no');
    }
    const mayClusterScoped = (
      await cluster.kubectl('auth', 'can-i', 'create', 'regcred', `--as=${scene.name}-edit`).catch(() => 'no')
    ).trim();
    expect(mayClusterScoped).to.equal('no');
  });

  it('serves no more than 32 of a namespace, and the next one when one is deleted', async () => {
    const tenant = new Tenant(scene, await scene.namespace());
    await tenant.source();
    const names = Array.from({ length: 33 }, (_, n) => `c${String(n).padStart(2, '0')}`);
    for (const name of names) await tenant.create({}, name);
    const reasons = async () =>
      Promise.all(names.map(async (name) => (await tenant.condition('Ready', name).catch(() => undefined))?.reason));
    await eventually('one is beyond the limit', async () => {
      const found = await reasons();
      expect(found.filter((reason) => reason === 'Synced')).to.have.lengthOf(32);
      expect(found.filter((reason) => reason === 'TooManyCredentials')).to.have.lengthOf(1);
    });
    await tenant.delete(names[(await reasons()).indexOf('Synced')]);
    await eventually('it is served', async () => expect((await reasons()).filter((reason) => reason === 'Synced')).to.have.lengthOf(32));
  });
});
