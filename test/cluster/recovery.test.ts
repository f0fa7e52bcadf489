import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { parseAllDocuments } from 'yaml';
import type { RegistryCredentialSpec } from '../../src/api/types.ts';
import { auditedSince, endOf } from '../support/audit.ts';
import { type Cluster, type Scene, startCluster, stopCluster } from '../support/cluster.ts';
import { eventually } from '../support/eventually.ts';
import { barePod, hangs, POD_CONTROLLERS, type Pod, podEvents, pods, replaced, type Workload, workload } from '../support/pods.ts';

const COMPONENT = 'manifests/components/pod-recovery/rbac.yaml';
const RECREATE = { podRecovery: 'Recreate' } as const;

const pullSecretsOf = ({ spec }: Pod) => (spec.imagePullSecrets ?? []).map(({ name }) => name);
const uidsOf = (made: readonly Pod[]) => made.map(({ metadata }) => metadata.uid).sort();

describe('Pods that cannot pull', () => {
  let cluster: Cluster;
  let scene: Scene;
  before(async () => (cluster = await startCluster(POD_CONTROLLERS)));
  after(() => stopCluster(cluster));
  beforeEach(() => (scene = cluster.scene()));
  // The operator watches all pods for as long as one credential needs it.
  afterEach(() => cluster.kubectl('delete', 'regcred', '--all', '--timeout=90s'));

  const asked = (from: number) => auditedSince(cluster.controlPlane.auditLog, from).filter(({ resource }) => resource.startsWith('pods'));
  const recoveryIs = (status: string, reason: string, of = scene) =>
    eventually(`PodRecovery is ${status} ${reason}`, async () => {
      const condition = await of.condition('PodRecovery');
      expect(`${condition.status} ${condition.reason}`, condition.message).to.equal(`${status} ${reason}`);
      return condition;
    });

  /** Pods that were created before the credential, and the credential that is created later. */
  async function tooEarly(
    kind: Workload = 'ReplicaSet',
    spec: object = {},
    credential: Partial<RegistryCredentialSpec> = RECREATE,
    of = scene,
  ) {
    await of.basicAuth();
    const namespace = await of.namespace();
    const early = await workload(of, namespace, kind, spec);
    for (const pod of early) {
      expect(pullSecretsOf(pod)).to.deep.equal([]);
      await hangs(of, pod);
    }
    await of.credential(credential);
    return { namespace, early };
  }

  /** By the time that a pod of another credential has been replaced, the pods of this one would have been replaced, too. */
  async function laterIsDone(): Promise<void> {
    const later = cluster.scene();
    const { namespace, early } = await tooEarly('ReplicaSet', {}, RECREATE, later);
    await replaced(later, namespace, early);
  }

  it('are not watched if no credential enables recovery', async () => {
    await tooEarly('ReplicaSet', {}, {});
    await scene.ready();
    expect((await scene.status()).conditions?.map(({ type }) => type)).to.not.include('PodRecovery');
    expect(asked(0)).to.deep.equal([]);
  });

  it('are not watched without the rights; PodRecovery reports it, and Ready does not change', async () => {
    const { namespace, early } = await tooEarly();
    const { message } = await recoveryIs('False', 'Forbidden');
    expect(message).to.contain('cannot list resource "pods"').and.to.contain('manifests/components/pod-recovery');
    await scene.ready();
    await cluster.kubectl('apply', '-f', COMPONENT);
    await recoveryIs('True', 'WatchingPods');
    await replaced(scene, namespace, early);
  });

  it('because they were created too early are each re-created once, and an Event says why', async () => {
    const { namespace, early } = await tooEarly('ReplicaSet', { replicas: 3 });
    const successors = await replaced(scene, namespace, early);
    expect(successors.map(pullSecretsOf)).to.deep.equal([[scene.name], [scene.name], [scene.name]]);
    await eventually('each pod has an Event', async () =>
      expect((await podEvents(scene, namespace)).map(({ involvedObject }) => involvedObject.uid).sort()).to.deep.equal(uidsOf(early)),
    );
    const [event] = await podEvents(scene, namespace);
    expect(event?.reason).to.equal('EvictedToPullAgain');
    expect(event?.message).to.equal(
      `The operator evicted this pod, so that ReplicaSet ${scene.name}-replicaset re-creates it: RegistryCredential ${scene.name} covers registry.example.com/team/app:1.2, but the pod was created before ServiceAccount default referred to the Secret ${scene.name}, and the pull secrets of a pod cannot be changed.`,
    );
    const metrics = await (await fetch(`${await cluster.operator.url()}/metrics`)).text();
    expect(metrics).to.contain(`regcred_pods_recreated_total{credential="${scene.name}"} 3`);

    for (const pod of successors) await hangs(scene, pod, 'ErrImagePull');
    await laterIsDone();
    expect(uidsOf(await pods(scene, namespace))).to.deep.equal(uidsOf(successors));
    await cluster.restart();
    await laterIsDone();
    expect(uidsOf(await pods(scene, namespace))).to.deep.equal(uidsOf(successors));
  });

  it('because the password was wrong are re-created when it changes, but not again for the same content', async () => {
    const [namespace] = (await scene.placed(1, RECREATE)) as [string];
    await recoveryIs('True', 'WatchingPods');
    const first = await workload(scene, namespace, 'ReplicaSet');
    expect(first.map(pullSecretsOf)).to.deep.equal([[scene.name]]);
    for (const pod of first) await hangs(scene, pod, 'ErrImagePull');
    // A change of the Secret's metadata does not change the content.
    await scene.patchCredential({ secretMetadata: { labels: { team: 'shop' } } });
    await laterIsDone();
    for (const pod of first) await hangs(scene, pod);
    expect(uidsOf(await pods(scene, namespace))).to.deep.equal(uidsOf(first));

    await scene.rotate('rotated-sample');
    const second = await replaced(scene, namespace, first);
    await eventually('an Event says why', async () =>
      expect((await podEvents(scene, namespace)).map(({ message }) => message).join(' ')).to.contain(
        `the last pull failed with an earlier content of the Secret ${scene.name}`,
      ),
    );
    for (const pod of second) await hangs(scene, pod, 'ErrImagePull');
    await laterIsDone();
    expect(uidsOf(await pods(scene, namespace))).to.deep.equal(uidsOf(second));

    await scene.rotate('rotated-again-sample');
    await replaced(scene, namespace, second);
  });

  it('in an older namespace are re-created', async () => {
    await scene.basicAuth();
    const early = await workload(scene, 'default', 'ReplicaSet');
    for (const pod of early) await hangs(scene, pod);
    await scene.credential({ ...RECREATE, namespaces: { names: ['default'] } });
    expect((await replaced(scene, 'default', early)).map(pullSecretsOf)).to.deep.equal([[scene.name]]);
  });

  it('are reported and left unchanged while another of their containers runs', async () => {
    await scene.basicAuth();
    const namespace = await scene.namespace();
    const [early] = (await workload(scene, namespace, 'ReplicaSet')) as [Pod];
    await hangs(scene, early, 'ImagePullBackOff', false, [{ name: 'other', state: { running: {} } }]);
    await scene.credential(RECREATE);
    const [event] = await eventually('there is an Event', async () => {
      const events = await podEvents(scene, namespace);
      expect(events).to.have.lengthOf(1);
      return events;
    });
    expect(event?.reason).to.equal('StuckWithoutPullSecret');
    expect(event?.message).to.contain('The operator did not evict this pod, because that would stop its running containers');
    expect(uidsOf(await pods(scene, namespace))).to.deep.equal(uidsOf([early]));
  });

  it('of a StatefulSet, a DaemonSet and a Job are re-created', async () => {
    // A DaemonSet creates no pod on a node with a taint.
    await cluster.api.call('POST', '/api/v1/nodes', { body: { metadata: { name: 'node-1' } } });
    await cluster.api.call('PATCH', '/api/v1/nodes/node-1', { body: { spec: { taints: null } } });
    const isReplaced = async (kind: Workload) => {
      const of = cluster.scene();
      const { namespace, early } = await tooEarly(kind, {}, RECREATE, of);
      expect((await replaced(of, namespace, early)).map(pullSecretsOf), kind).to.deep.equal([[of.name]]);
    };
    await Promise.all((['StatefulSet', 'DaemonSet', 'Job'] as const).map(isReplaced));
  });

  it('of a Job that allows no failure are reported and left unchanged', async () => {
    const { namespace, early } = await tooEarly('Job', { backoffLimit: 0 });
    const [event] = await eventually('there is an Event', async () => {
      const events = await podEvents(scene, namespace);
      expect(events).to.have.lengthOf(1);
      return events;
    });
    expect(event?.reason).to.equal('StuckWithoutPullSecret');
    expect(event?.message).to.contain(
      `The operator did not evict this pod, because Job ${scene.name}-job would count that as a failure, and might fail`,
    );
    expect(uidsOf(await pods(scene, namespace))).to.deep.equal(uidsOf(early));
  });

  it('are reported once and left unchanged if no controller would re-create them', async () => {
    await scene.basicAuth();
    const namespace = await scene.namespace();
    const bare = await barePod(scene, namespace, 'bare', { initContainers: [{ name: 'init', image: 'registry.example.com/init' }] });
    await hangs(scene, bare, 'ImagePullBackOff', true);
    await scene.credential(RECREATE);
    await eventually('there is an Event', async () => expect(await podEvents(scene, namespace)).to.have.lengthOf(1));
    await hangs(scene, bare, 'ErrImagePull', true);
    await laterIsDone();
    const [event, ...more] = await podEvents(scene, namespace);
    expect(more).to.deep.equal([]);
    expect(event?.message).to.match(
      /^The operator did not evict this pod, because nothing would re-create it: .*registry\.example\.com\/init.* Delete the pod and create it again\.$/,
    );
    expect(uidsOf(await pods(scene, namespace))).to.deep.equal([bare.metadata.uid]);
    const metrics = await (await fetch(`${await cluster.operator.url()}/metrics`)).text();
    expect(metrics).to.contain(`regcred_pods_not_recreated_total{credential="${scene.name}"} 1`);
  });

  it('for another reason are left unchanged', async () => {
    await scene.basicAuth();
    const namespaces = await scene.namespaces(3);
    const [elsewhere, own, out] = namespaces as [string, string, string];
    await workload(scene, elsewhere, 'ReplicaSet', {}, { containers: [{ name: 'main', image: 'elsewhere.example.com/app' }] });
    await workload(scene, own, 'ReplicaSet', {}, { imagePullSecrets: [{ name: 'own' }] });
    const [excluded] = await workload(scene, out, 'ReplicaSet');
    await scene.patch(`/api/v1/namespaces/${out}/pods/${excluded?.metadata.name}`, {
      metadata: { labels: { 'regcred.dev/exclude': 'true' } },
    });
    const before = await Promise.all(namespaces.map((namespace) => pods(scene, namespace)));
    for (const pod of before.flat()) await hangs(scene, pod);
    await scene.credential(RECREATE);
    await scene.ready();
    await laterIsDone();
    expect((await Promise.all(namespaces.map((namespace) => pods(scene, namespace)))).map(uidsOf)).to.deep.equal(before.map(uidsOf));
  });

  it('in large numbers are re-created ten at once, and then two per second', async () => {
    const from = endOf(cluster.controlPlane.auditLog);
    const { namespace, early } = await tooEarly('ReplicaSet', { replicas: 16 });
    await replaced(scene, namespace, early);
    const times = asked(from)
      .filter(({ resource, code }) => resource === 'pods/eviction' && code < 300)
      .map(({ at }) => at);
    expect(times).to.have.lengthOf(16);
    expect(Math.max(...times) - Math.min(...times)).to.be.within(2000, 60_000);
  });

  it('are no longer watched when no credential enables recovery', async () => {
    await scene.placed(1, RECREATE);
    await recoveryIs('True', 'WatchingPods');
    const from = endOf(cluster.controlPlane.auditLog);
    await scene.patchCredential({ podRecovery: 'None' });
    await eventually('the watch has ended', () => expect(asked(from).map(({ verb }) => verb)).to.deep.equal(['watch']));
    await scene.ready();
    expect((await scene.status()).conditions?.map(({ type }) => type)).to.not.include('PodRecovery');
  });

  describe('without the right to', () => {
    const [role] = parseAllDocuments(readFileSync(COMPONENT, 'utf8')).map((document) => document.toJS()) as [
      { metadata: { name: string }; rules: { apiGroups: string[]; resources: string[]; verbs: string[] }[] },
    ];
    const url = `/apis/rbac.authorization.k8s.io/v1/clusterroles/${role.metadata.name}`;
    const grants = role.rules.flatMap(({ resources, verbs }) => verbs.map((verb) => `${verb} ${resources[0]}`));
    const mayIs = (grant: string, want: 'yes' | 'no') =>
      eventually(`${grant}: ${want}`, async () => {
        const [verb = '', resource = '', subresource = ''] = grant.split(/[ /]/);
        const who = '--as=system:serviceaccount:regcred-system:regcred';
        const answer = cluster.kubectl('auth', 'can-i', verb, resource, `--subresource=${subresource}`, '-A', who);
        expect((await answer.catch(() => 'no')).trim()).to.equal(want);
      });
    const saying = (grant: string) => async () => {
      const [verb, resource] = grant.split(' ');
      expect((await recoveryIs('False', 'Forbidden')).message)
        .to.contain(`cannot ${verb} resource "${resource}"`)
        .and.to.contain('manifests/components/pod-recovery');
    };
    const cases: Record<string, { kind?: Workload; seen: () => Promise<unknown> }> = {
      'list pods': { seen: saying('list pods') },
      'watch pods': { seen: saying('watch pods') },
      'create pods/eviction': { seen: saying('create pods/eviction') },
      'get jobs': { kind: 'Job', seen: saying('get jobs') },
    };

    it('(every granted right has a case here)', () => expect(Object.keys(cases)).to.have.members(grants));

    for (const [grant, { kind, seen }] of Object.entries(cases))
      it(`${grant}, the operator reports it, and recovers when the right is back`, async () => {
        const [verb = '', resource = ''] = grant.split(' ');
        const without = role.rules.map((rule) =>
          rule.resources.includes(resource) ? { ...rule, verbs: rule.verbs.filter((one) => one !== verb) } : rule,
        );
        let made: Awaited<ReturnType<typeof tooEarly>>;
        try {
          await scene.patch(url, { rules: without.filter(({ verbs }) => verbs.length > 0) });
          await mayIs(grant, 'no');
          made = await tooEarly(kind);
          await seen();
        } finally {
          await scene.patch(url, { rules: role.rules });
          await mayIs(grant, 'yes');
        }
        await replaced(scene, made.namespace, made.early);
        await recoveryIs('True', 'WatchingPods');
      });

    it('(every granted right is used)', () => {
      const done = auditedSince(cluster.controlPlane.auditLog, 0).filter(
        ({ code, namespace }) => code > 0 && code < 300 && namespace !== 'default',
      );
      expect(done.map(({ verb, resource }) => `${verb} ${resource}`)).to.include.members(grants);
    });
  });
});
