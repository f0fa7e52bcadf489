import { expect } from 'chai';
import { type Cluster, type KubeObject, type Scene, theCluster } from '../support/cluster.ts';
import { eventually } from '../support/eventually.ts';
import { inForce, type Mutation, mutate } from '../support/mutation.ts';
import { needsPolicies } from '../support/policy-api.ts';

const MANAGED_BY = 'app.kubernetes.io/managed-by';

/** Policies that change what the operator writes, and answer 200. */
describe('A mutating admission policy', () => {
  let cluster: Cluster;
  let scene: Scene;
  let namespace: string;
  let remove: () => Promise<void>;
  before(async function () {
    cluster = await theCluster();
    needsPolicies(this, cluster.controlPlane.assets, 'v1');
  });
  beforeEach(async () => {
    scene = cluster.scene();
    namespace = await scene.namespace();
    await scene.basicAuth();
    remove = async () => {};
  });
  afterEach(async () => remove());

  /** Installs a policy for the namespace of the scene, and waits until a dry run shows it. */
  async function install(mutation: Omit<Mutation, 'condition'>, isChanged: (object: KubeObject) => boolean): Promise<void> {
    remove = await mutate(scene, { ...mutation, condition: `request.namespace == '${namespace}'` });
    const ownerReferences = [{ apiVersion: 'v1', kind: 'ConfigMap', name: 'sample', uid: 'sample' }];
    const content = { type: 'kubernetes.io/dockerconfigjson', data: { '.dockerconfigjson': 'e30=' } };
    const body = { metadata: { name: 'probe', ownerReferences }, ...(mutation.resource === 'secrets' && content) };
    const path = `/api/v1/namespaces/${namespace}/${mutation.resource}`;
    await inForce(async () => isChanged(await scene.api.call<KubeObject>('POST', path, { query: { dryRun: 'All' }, body })));
  }
  async function uninstall(): Promise<void> {
    await remove();
    remove = async () => {};
  }

  const relabel = (value: string): Omit<Mutation, 'condition'> => ({
    resource: 'secrets',
    patches: `has(object.metadata.labels) ? [JSONPatch{op: 'add', path: '/metadata/labels/app.kubernetes.io~1managed-by', value: '${value}'}] : [JSONPatch{op: 'add', path: '/metadata/labels', value: {'${MANAGED_BY}': '${value}'}}]`,
  });
  const isRelabelled = (value: string) => (object: KubeObject) => object.metadata.labels?.[MANAGED_BY] === value;

  it('that replaces the imagePullSecrets of every account is reported as Contested, and Ready heals when it is gone', async () => {
    await install(
      { resource: 'serviceaccounts', patches: "[JSONPatch{op: 'add', path: '/imagePullSecrets', value: [{'name': 'corp'}]}]" },
      ({ imagePullSecrets }) => imagePullSecrets?.[0]?.name === 'corp',
    );
    await scene.credential();
    const { message } = await scene.ready('False', 'Contested');
    expect(message).to.contain(`${namespace}/default`).and.to.contain('changes imagePullSecrets whenever');
    expect(await scene.pullSecrets(namespace)).to.deep.equal(['corp']);
    await uninstall();
    await scene.ready();
    await scene.pullSecretsAre(namespace, ['corp', scene.name]);
  });

  it('that adds an entry to every account is no conflict', async () => {
    await install(
      {
        resource: 'serviceaccounts',
        patches:
          "has(object.imagePullSecrets) ? (object.imagePullSecrets.exists(one, one.name == 'corp') ? [] : [JSONPatch{op: 'add', path: '/imagePullSecrets/-', value: {'name': 'corp'}}]) : [JSONPatch{op: 'add', path: '/imagePullSecrets', value: [{'name': 'corp'}]}]",
      },
      ({ imagePullSecrets }) => imagePullSecrets?.[0]?.name === 'corp',
    );
    await scene.credential();
    await scene.ready();
    await scene.pullSecretsAre(namespace, [scene.name, 'corp']);
  });

  it('that replaces the label managed-by is reported, is not answered in a loop, and does not hold up the deletion', async () => {
    await install(relabel('platform'), isRelabelled('platform'));
    await scene.credential();
    expect((await scene.ready('False', 'Contested')).message).to.contain(`changes metadata.labels["${MANAGED_BY}"] whenever`);
    const versions = new Set<string>();
    const until = performance.now() + 2500;
    await eventually('two waits have passed', async () => {
      versions.add((await scene.secretIn(namespace)).metadata.resourceVersion);
      if (performance.now() < until) throw new Error(`${versions.size} versions`);
    });
    expect(versions.size).to.be.at.most(3);
    await scene.ready('False', 'Contested');
    await scene.deleteCredential();
    await scene.credentialGone();
    await scene.secretGone(namespace);
    expect((await scene.events()).map(({ reason }) => reason)).to.not.include('CleanupIncomplete');
  });

  it('that replaces the label managed-by is forgotten when it is gone', async () => {
    await install(relabel('platform'), isRelabelled('platform'));
    await scene.credential();
    await scene.ready('False', 'Contested');
    await uninstall();
    await scene.ready();
    expect((await scene.secretIn(namespace)).metadata.labels).to.include({ [MANAGED_BY]: 'regcred' });
  });

  it('that takes the label of a placed Secret keeps it known, also to an operator that starts then', async () => {
    await scene.credential();
    await scene.ready();
    await install(relabel('platform'), isRelabelled('platform'));
    await scene.rotate('rotated-sample');
    await scene.ready('False', 'Contested');
    expect((await scene.dockerConfigIn(namespace)).auths['registry.example.com']?.password).to.equal('rotated-sample');
    await cluster.restart();
    await scene.ready('False', 'Contested');
    await scene.pullSecretsAre(namespace, [scene.name]);
    await scene.deleteCredential();
    await scene.credentialGone();
    await scene.secretGone(namespace);
  });

  it('that adds labels to every Secret, as sidecars do, is no conflict', async () => {
    await install(
      {
        resource: 'secrets',
        patches:
          "has(object.metadata.labels) ? [JSONPatch{op: 'add', path: '/metadata/labels/sidecar', value: 'a'}] : [JSONPatch{op: 'add', path: '/metadata/labels', value: {'sidecar': 'a'}}]",
      },
      ({ metadata }) => metadata.labels?.sidecar === 'a',
    );
    await scene.credential();
    await scene.ready();
    const { metadata } = await scene.secretIn(namespace);
    expect(metadata.labels).to.include({ sidecar: 'a', [MANAGED_BY]: 'regcred' });
    await scene.rotate('rotated-sample');
    await eventually('it is rotated', async () =>
      expect((await scene.dockerConfigIn(namespace)).auths['registry.example.com']?.password).to.equal('rotated-sample'),
    );
    await scene.ready();
  });

  const fields: Record<string, { patches: string; field: string; isChanged: (object: KubeObject) => boolean }> = {
    'the content': {
      patches: "[JSONPatch{op: 'add', path: '/data', value: {'.dockerconfigjson': 'eyJhdXRocyI6e319'}}]",
      field: 'data[".dockerconfigjson"]',
      isChanged: ({ data }) => data?.['.dockerconfigjson'] === 'eyJhdXRocyI6e319',
    },
    'the owner': {
      patches: "has(object.metadata.ownerReferences) ? [JSONPatch{op: 'remove', path: '/metadata/ownerReferences'}] : []",
      field: 'metadata.ownerReferences',
      isChanged: ({ metadata }) => metadata.ownerReferences === undefined,
    },
    immutable: {
      patches: "[JSONPatch{op: 'add', path: '/immutable', value: true}]",
      field: 'immutable',
      isChanged: ({ immutable }) => immutable === true,
    },
  };
  for (const [what, { patches, field, isChanged }] of Object.entries(fields)) {
    it(`that changes ${what} of a Secret is named with the field`, async () => {
      await install({ resource: 'secrets', patches }, isChanged);
      await scene.credential();
      expect((await scene.ready('False', 'Contested')).message).to.contain(`changes ${field} whenever`);
    });
  }

  it('that takes the finalizer is reported, and nothing is placed before it is gone', async () => {
    const policy = await mutate(scene, {
      resource: 'registrycredentials',
      apiGroup: 'regcred.dev',
      condition: `object.metadata.name == '${scene.name}' && has(object.metadata.finalizers)`,
      patches: "[JSONPatch{op: 'remove', path: '/metadata/finalizers'}]",
    });
    remove = policy;
    const probe = {
      apiVersion: 'regcred.dev/v1alpha1',
      kind: 'RegistryCredential',
      metadata: { name: scene.name, finalizers: ['regcred.dev/cleanup'] },
      spec: { registries: [{ server: 'a.example.com', secretRef: { namespace: 'a', name: 'a' } }], namespaces: { names: ['a'] } },
    };
    await inForce(async () => {
      const answer = await scene.api.call<KubeObject>('POST', '/apis/regcred.dev/v1alpha1/registrycredentials', {
        query: { dryRun: 'All' },
        body: probe,
      });
      return answer.metadata.finalizers === undefined;
    });
    await scene.credential();
    expect((await scene.ready('False', 'Contested')).message).to.contain('changes metadata.finalizers whenever');
    expect(await scene.pullSecrets(namespace)).to.deep.equal([]);
    await uninstall();
    await scene.ready();
  });
});
