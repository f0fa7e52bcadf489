import { setTimeout } from 'node:timers/promises';
import { expect } from 'chai';

import type { KubeClient } from '../../src/kube/client.ts';
import type { KubeError } from '../../src/kube/errors.ts';
import { type Cluster, type Scene, startCluster, stopCluster } from '../support/cluster.ts';
import { eventually } from '../support/eventually.ts';
import { hangs, POD_CONTROLLERS, podEvents, pods, replaced, workload } from '../support/pods.ts';
import { userOf } from '../support/tenant-user.ts';
import { accept, Tenant } from '../support/tenants.ts';

/**
 * The table of docs/security.md#a-tenant-who-brings-credentials: one case for each row, which names it (test/unit/docs.test.ts). Mallory has the ClusterRole edit in her namespace and
 * no other right. The operator runs with its shipped rights, and asks registries.
 */
describe('A tenant with edit in one namespace', () => {
  let cluster: Cluster;
  let scene: Scene;
  let home: string;
  let victim: string;
  let user: KubeClient;
  let mallory: Tenant;
  before(async () => {
    cluster = await startCluster(POD_CONTROLLERS, { REGCRED_VERIFICATION: 'on' });
    await cluster.kubectl('apply', '-f', 'manifests/components/pod-recovery/rbac.yaml');
  });
  after(() => stopCluster(cluster));
  beforeEach(async () => {
    scene = cluster.scene();
    [home = '', victim = ''] = await scene.namespaces(2);
    user = await userOf(cluster.api, cluster.controlPlane.kubeconfig, home);
    mallory = new Tenant(scene, home, user);
  });
  afterEach(() => user.close());

  const quiet = { verification: { mode: 'None' } } as const;
  const refused = (work: Promise<unknown>) =>
    work.then(
      () => expect.fail('it was accepted'),
      (error: unknown) => expect((error as KubeError).status).to.equal(403),
    );
  const passwordsIn = async (namespace: string) => {
    const { items } = await scene.api.call<{ items: { data?: Record<string, string> }[] }>(
      'GET',
      `/api/v1/namespaces/${namespace}/secrets`,
    );
    return items.map(({ data = {} }) => Object.values(data).map((value) => Buffer.from(value, 'base64').toString())).join();
  };

  it('reads no Secret of another namespace through secretRef', async () => {
    await scene.secret(victim, 'robot', 'kubernetes.io/basic-auth', { username: 'robot', password: 'victim-sample' });
    await mallory.create({ ...quiet, registries: [{ server: 'registry.example.com', secretRef: { namespace: victim, name: 'robot' } }] });
    const { message } = await mallory.ready('False', 'SourceMissing');
    expect(message).to.contain(`Secret ${home}/robot (server registry.example.com) does not exist`);
    expect(await passwordsIn(home)).to.not.contain('victim-sample');
    expect((await mallory.object()).spec).to.not.have.nested.property('registries[0].secretRef.namespace');
  });

  it('reads no Secret of another namespace through dockerConfigs', async () => {
    const config = JSON.stringify({ auths: { 'registry.example.com': { username: 'robot', password: 'victim-sample' } } });
    await scene.secret(victim, 'pull', 'kubernetes.io/dockerconfigjson', { '.dockerconfigjson': config });
    await mallory.create({ ...quiet, dockerConfigs: [{ secretRef: { namespace: victim, name: 'pull' } }] });
    await mallory.ready('False', 'SourceMissing');
    expect(await passwordsIn(home)).to.not.contain('victim-sample');
  });

  const ECR = '123456789012.dkr.ecr.eu-central-1.amazonaws.com';

  it('uses no ServiceAccount of another namespace for a token', async () => {
    await scene.makeAccount(victim, 'puller');
    const token = { aws: { serviceAccountRef: { namespace: victim, name: 'puller' }, roleArn: 'arn:aws:iam::123456789012:role/puller' } };
    await mallory.create({ ...quiet, registries: [{ server: ECR, token }] });
    const { message } = await mallory.ready('False', 'SourceMissing');
    expect(message).to.contain(`ServiceAccount ${home}/puller`);
  });

  it("does not use the operator's own identity at a cloud, not for a role either", async () => {
    for (const aws of [{}, { roleArn: 'arn:aws:iam::123456789012:role/admin' }]) {
      const created = mallory.create({ ...quiet, registries: [{ server: ECR, token: { aws } }] });
      const error = await created.then(
        () => expect.fail('it was accepted'),
        (error: KubeError) => error,
      );
      expect(error.status).to.equal(422);
      expect(error.message).to.contain("the operator's own identity is not used for credentials of a namespace");
    }
  });

  it('learns no names or labels of namespaces that she may not list', async () => {
    const labelled = await scene.namespace({ secret: 'yes' });
    await mallory.source();
    const statusWith = async (namespaces: object) => {
      await mallory.patch({ ...quiet, namespaces: { names: null, selector: null, ...namespaces } });
      await mallory.ready();
      const { summary, namespaces: counters, serviceAccounts, failures, conditions = [] } = await mallory.status();
      return JSON.stringify({ summary, counters, serviceAccounts, failures, messages: conditions.map(({ message }) => message) });
    };
    await mallory.create({ ...quiet, namespaces: { names: [home] } });
    const hit = await statusWith({ selector: { matchLabels: { secret: 'yes' } } });
    const miss = await statusWith({ selector: { matchLabels: { secret: 'no' } } });
    expect(hit).to.equal(miss);
    const glob = await statusWith({ names: [`${scene.name}-*`, home] });
    expect(glob).to.not.contain(labelled).and.not.contain(victim);
    const there = await statusWith({ names: [home, victim] });
    const notThere = await statusWith({ names: [home, `${scene.name}-9`] });
    expect(there.replaceAll(victim, 'NAME')).to.equal(notThere.replaceAll(`${scene.name}-9`, 'NAME'));
  });

  it('makes the operator ask no address of the internal network', async () => {
    await mallory.source();
    const servers = ['10.0.0.1:5000', '192.168.1.1', '127.0.0.1:5000', '169.254.169.254', '[fd00::1]:443', '100.64.0.1'];
    await mallory.create({ registries: servers.map((server) => ({ server, secretRef: { name: 'robot' } })) });
    await eventually('no registry was asked', async () => {
      const { registries = [] } = await mallory.status();
      expect(registries.map(({ result }) => result)).to.deep.equal(servers.map(() => 'NotAsked'));
      for (const { message } of registries) expect(message).to.contain('its address must not be asked');
    });
  });

  it('has no pods of other namespaces evicted', async () => {
    await accept(scene, victim, home);
    const theirs = await workload(scene, victim, 'ReplicaSet');
    const own = await workload(scene, home, 'ReplicaSet');
    for (const pod of [...theirs, ...own]) await hangs(scene, pod);
    await mallory.source();
    await mallory.create({ ...quiet, podRecovery: 'Recreate', namespaces: { names: [home, victim] } });
    await scene.pullSecretsAre(victim, [scene.name]);
    // By then, the pods of the victim have been stuck for longer.
    await replaced(scene, home, own);
    expect((await pods(scene, victim)).map(({ metadata }) => metadata.uid)).to.deep.equal(theirs.map(({ metadata }) => metadata.uid));
    expect(await podEvents(scene, victim)).to.deep.equal([]);
  });

  it('writes nothing into a namespace that does not accept it, and cannot make it accept', async () => {
    await mallory.source();
    await mallory.create({ ...quiet, namespaces: { names: [home, victim], selector: {} } });
    await mallory.ready();
    await scene.gone('the Secret', () => scene.secretIn(victim));
    expect(await scene.pullSecrets(victim)).to.deep.equal([]);
    const acceptance = { metadata: { annotations: { 'regcred.dev/accept-from': home } } };
    for (const namespace of [home, victim]) await refused(user.call('PATCH', `/api/v1/namespaces/${namespace}`, { body: acceptance }));
  });

  it('does not take over the Secret of a RegistryCredential, whatever she does to the copy in her namespace', async () => {
    await scene.basicAuth('cluster-sample');
    await scene.credential({ namespaces: { names: [home] } });
    await scene.ready();
    await mallory.source();
    const { metadata } = await mallory.create({ ...quiet, conflictPolicy: 'Adopt' });
    await mallory.ready('False', 'SecretExists');
    const isRepaired = () =>
      eventually('the copy is repaired', async () => {
        expect((await scene.dockerConfigIn(home)).auths['registry.example.com']?.password).to.equal('cluster-sample');
        expect((await scene.secretIn(home)).metadata.annotations?.['regcred.dev/credential']).to.equal(scene.name);
      });
    await user.call('DELETE', `/api/v1/namespaces/${home}/secrets/${scene.name}`);
    await isRepaired();
    const owner = { apiVersion: 'regcred.dev/v1alpha1', kind: 'NamespacedRegistryCredential', name: scene.name, uid: metadata.uid };
    const forged = {
      labels: { 'regcred.dev/credential-uid': metadata.uid },
      annotations: { 'regcred.dev/credential': `${home}/${scene.name}` },
      ownerReferences: [owner],
    };
    await user.call('PATCH', `/api/v1/namespaces/${home}/secrets/${scene.name}`, { body: { metadata: forged } });
    await isRepaired();
    await mallory.ready('False', 'SecretExists');
  });

  it('gains nothing with forged labels, annotations and owner references on her own Secrets', async () => {
    const robin = new Tenant(scene, victim);
    await robin.source('victim-sample');
    const { metadata } = await robin.create(quiet);
    await robin.ready();
    const body = {
      metadata: {
        name: scene.name,
        labels: { 'app.kubernetes.io/managed-by': 'regcred', 'regcred.dev/credential-uid': metadata.uid },
        annotations: { 'regcred.dev/credential': `${victim}/${scene.name}` },
      },
      type: 'kubernetes.io/dockerconfigjson',
      stringData: { '.dockerconfigjson': '{"auths":{}}' },
    };
    await user.call('POST', `/api/v1/namespaces/${home}/secrets`, { body });
    // The operator takes it for a copy that is no longer desired.
    await scene.secretGone(home);
    expect(await passwordsIn(home)).to.not.contain('victim-sample');
    await robin.ready();
    expect((await scene.dockerConfigIn(victim)).auths['registry.example.com']?.password).to.equal('victim-sample');
  });

  it('makes the operator delete no objects of others by deleting her own', async () => {
    await mallory.source();
    await mallory.create(quiet);
    await mallory.ready();
    const forged = {
      annotations: { 'regcred.dev/credential': `${home}/${scene.name}` },
      labels: { 'app.kubernetes.io/managed-by': 'regcred' },
    };
    await scene.secret(victim, scene.name, 'kubernetes.io/dockerconfigjson', { '.dockerconfigjson': '{"auths":{}}' }, forged);
    await scene.secret(home, 'own', 'Opaque', { note: 'sample-note-that-stays' }, forged);
    await scene.patchAccount(victim, { imagePullSecrets: [{ name: scene.name }] });
    await mallory.delete();
    await scene.secretGone(home);
    await scene.pullSecretsAre(home, []);
    await scene.secretIn(victim);
    await scene.secretIn(home, 'own');
    expect(await scene.pullSecrets(victim)).to.deep.equal([scene.name]);
  });

  it('cannot change a status, and cannot create a RegistryCredential', async () => {
    await mallory.source();
    await mallory.create(quiet);
    await mallory.ready();
    const at = `/apis/regcred.dev/v1alpha1/namespaces/${home}/namespacedregistrycredentials/${scene.name}/status`;
    await refused(user.call('PATCH', at, { body: { status: { summary: '9/9' } } }));
    const body = { apiVersion: 'regcred.dev/v1alpha1', kind: 'RegistryCredential', metadata: { name: scene.name }, spec: {} };
    await refused(user.call('POST', '/apis/regcred.dev/v1alpha1/registrycredentials', { body }));
  });

  it('can neither read nor write the rules for new pods', async () => {
    const at = '/apis/regcred.dev/v1alpha1/pullsecretrules';
    await eventually('the operator has written them', () => scene.api.call('GET', `${at}/regcred`));
    const body = { apiVersion: 'regcred.dev/v1alpha1', kind: 'PullSecretRules', metadata: { name: 'regcred' }, spec: {} };
    for (const method of ['GET', 'PUT', 'PATCH', 'DELETE'] as const) await refused(user.call(method, `${at}/regcred`, { body }));
    for (const method of ['GET', 'POST'] as const) await refused(user.call(method, at, { body }));
  });

  it('does not delay another tenant with a flood: hundreds of objects with large specs that change all the time', async () => {
    const robin = new Tenant(scene, victim);
    await robin.source();
    await robin.create({ ...quiet, namespaces: { names: [`${scene.name}-*`] } });
    await robin.ready();
    let count = 0;
    /**
     * The median times in milliseconds from a new namespace that accepts it to its Secret, and to the ServiceAccount that Kubernetes' own
     * controller creates: a flood slows the API server down for both.
     */
    const delay = async () => {
      const times: { readonly secret: number; readonly account: number }[] = [];
      for (let n = 0; n < 9; n++) {
        const name = `${scene.name}-new-${count++}`;
        const startedAt = performance.now();
        const metadata = { name, annotations: { 'regcred.dev/accept-from': victim } };
        await scene.api.call('POST', '/api/v1/namespaces', { body: { metadata } });
        const since = async (read: () => Promise<unknown>) => {
          while (!(await read().catch(() => undefined))) await setTimeout(2);
          return performance.now() - startedAt;
        };
        const [secret, account] = await Promise.all([since(() => scene.secretIn(name)), since(() => scene.account(name))]);
        times.push({ secret, account });
      }
      const median = (of: 'secret' | 'account') => times.map((time) => time[of]).sort((a, b) => a - b)[4] as number;
      return { secret: median('secret'), account: median('account') };
    };
    await delay();
    const before = await delay();
    await mallory.source();
    const registries = Array.from({ length: 64 }, (_, n) => ({ server: `r${n}.example.com`, secretRef: { name: 'robot' } }));
    const large = { names: Array.from({ length: 250 }, (_, n) => `*a${n}*b*c*d*e*`) };
    const names = Array.from({ length: 300 }, (_, n) => `flood-${n}`);
    let isOver = false;
    const flood = (async () => {
      for (const name of names) if (!isOver) await mallory.create({ ...quiet, registries, namespaces: large }, name);
      for (let n = 0; !isOver; n++) await mallory.patch({ secretName: `s${n}` }, names[n % names.length]);
    })();
    await eventually('the flood rises', async () => void (await mallory.object(names[60])));
    const during = await delay();
    isOver = true;
    await flood;
    const format = ({ secret, account }: typeof before) => `Secret ${secret.toFixed(0)} ms, ServiceAccount ${account.toFixed(0)} ms`;
    console.error(`      quiet: ${format(before)}; during the flood: ${format(during)}`);
    // The addition is for a busy machine with few cores, where the API server, the flood and the operator take turns.
    expect(during.secret).to.be.below(2 * Math.max(before.secret, during.account) + 3_000);
    // The limit for each namespace is what bounds the operator's work.
    await eventually('those beyond the limit report it', async () => {
      const reasons = await Promise.all(names.slice(40, 50).map(async (name) => (await mallory.condition('Ready', name)).reason));
      expect(reasons).to.include('TooManyCredentials');
    });
  });
});
