import { expect } from 'chai';
import { request } from '../../src/cluster/requests.ts';
import { classify } from '../../src/kube/errors.ts';
import { identityOf } from '../../src/kube/object.ts';
import { type Cluster, type KubeObject, type Scene, SOURCES, theCluster } from '../support/cluster.ts';
import { allowWrites, denyWrites } from '../support/denial.ts';
import { eventually } from '../support/eventually.ts';

describe('The status', () => {
  let cluster: Cluster;
  let scene: Scene;
  before(async () => (cluster = await theCluster()));
  beforeEach(() => (scene = cluster.scene()));

  it('lets kubectl wait for Ready', async () => {
    await scene.basicAuth();
    await scene.namespaces(3);
    await scene.credential();
    await cluster.kubectl('wait', '--for=condition=Ready', `regcred/${scene.name}`, '--timeout=90s');
  });

  it('is readable in kubectl get', async () => {
    await scene.placed(2, { secretName: `${scene.name}-pull` });
    const lines = (await cluster.kubectl('get', 'regcred', scene.name, '-o', 'wide')).trim().split('\n');
    expect(lines[0]?.split(/\s+/)).to.deep.equal([
      'NAME',
      'READY',
      'REASON',
      'NAMESPACES',
      'SECRET',
      'AGE',
      'VERIFIED',
      'EXPIRES',
      'MESSAGE',
    ]);
    expect(lines[1]).to.match(
      new RegExp(
        `^${scene.name} +True +Synced +2/2 +${scene.name}-pull +\\S+ +VerificationDisabled +(?:<none> +)?The Secret ${scene.name}-pull is in place in 2 namespaces, and 2 ServiceAccounts refer to it\\.`,
      ),
    );
    expect(await cluster.kubectl('get', 'regcred', scene.name)).to.not.contain('MESSAGE');
  });

  it('has conditions that kubectl describe shows, and an Event', async () => {
    await scene.placed(1);
    await eventually('there is an Event', async () => expect(await scene.events()).to.have.lengthOf(1));
    const described = await cluster.kubectl('describe', 'regcred', scene.name);
    for (const text of [
      'SourcesReady',
      'SecretsSynced',
      'ServiceAccountsSynced',
      'PodInjection',
      'Normal  Synced',
      'is in place in 1 namespace',
    ])
      expect(described).to.contain(text);
  });

  it('has seven conditions, each with a generation, a CamelCase reason and a message', async () => {
    await scene.placed(2);
    const { metadata } = await scene.credentialObject();
    const { conditions, observedGeneration, ...counts } = await scene.status();
    expect(observedGeneration).to.equal(metadata.generation);
    expect(conditions?.map(({ type, status }) => `${type}=${status}`)).to.have.members([
      'Ready=True',
      'SourcesReady=True',
      'SecretsSynced=True',
      'ServiceAccountsSynced=True',
      // The operator of these tests asks no registry.
      'Verified=Unknown',
      'Expiring=False',
      'PodInjection=False',
    ]);
    for (const condition of conditions ?? []) {
      expect(condition.observedGeneration).to.equal(metadata.generation);
      expect(condition.reason).to.match(/^[A-Z][A-Za-z]+$/);
      expect(condition.message).to.match(/^[A-Z].*\.$/);
      expect(Date.parse(condition.lastTransitionTime)).to.be.closeTo(Date.now(), 60_000);
    }
    expect(counts).to.deep.equal({
      secretName: scene.name,
      summary: '2/2',
      namespaces: { desired: 2, synced: 2, failed: 0, conflicted: 0 },
      serviceAccounts: { desired: 2, synced: 2, failed: 0, conflicted: 0 },
      registries: [
        {
          server: 'registry.example.com',
          result: 'NotAsked',
          message:
            'registry.example.com is not asked: checks are off for this credential (spec.verification.mode None) or for the operator (--verification=off).',
        },
      ],
      failuresTotal: 0,
      failures: [],
    });
  });

  it('has the generation of the spec, and keeps the transition time of an unchanged condition', async () => {
    await scene.placed(1);
    const before = await scene.condition('Ready');
    await scene.patchCredential({ secretMetadata: { labels: { a: 'b' } } });
    const after = await scene.ready();
    expect(after.observedGeneration).to.equal((before.observedGeneration ?? 0) + 1);
    expect(after.lastTransitionTime).to.equal(before.lastTransitionTime);
  });

  it('is not written if nothing changes, not even after a repair or a restart', async () => {
    const [namespace] = (await scene.placed(3)) as [string];
    const before = await scene.credentialObject();
    await scene.patchAccount(namespace, { imagePullSecrets: null });
    await scene.pullSecretsAre(namespace, [scene.name]);
    await cluster.restart();
    // By the time that a later credential is placed, the operator would have written this status, too.
    const later = cluster.scene();
    await later.placed(1);
    expect((await scene.credentialObject()).metadata.resourceVersion).to.equal(before.metadata.resourceVersion);
  });

  it('has at most 20 failures, ordered by namespace, and the total number of failures', async () => {
    await scene.basicAuth();
    const namespaces = await scene.namespaces(25);
    await Promise.all(namespaces.map((namespace) => scene.secret(namespace, scene.name, 'Opaque', { note: 'sample-of-another' })));
    await scene.credential();
    await eventually('the status counts all failures', async () => expect((await scene.status()).failuresTotal).to.equal(25));
    const { failures, namespaces: counters, summary } = await scene.status();
    expect(failures?.map(({ namespace }) => namespace)).to.deep.equal([...namespaces].sort().slice(0, 20));
    expect(counters).to.deep.equal({ desired: 25, synced: 0, failed: 0, conflicted: 25 });
    expect(summary).to.equal('0/25');
    expect((await scene.condition('Ready')).message)
      .to.contain('And 22 more, see status.failures.')
      .and.have.lengthOf.below(1025);
  });

  it('is written at most about once per second during many changes', async () => {
    await scene.basicAuth();
    await scene.credential();
    await scene.ready('True', 'NoNamespaceMatches');
    const first = Number((await scene.credentialObject()).metadata.resourceVersion);
    const versions = new Set<string>();
    const begun = performance.now();
    const made = scene.namespaces(60);
    let done = false;
    void made.finally(() => (done = true));
    while (!done || (await scene.status()).summary !== '60/60') versions.add((await scene.credentialObject()).metadata.resourceVersion);
    await made;
    expect(first).to.be.above(0);
    expect(versions.size).to.be.at.most(3 + (performance.now() - begun) / 1000);
  });

  it('reports a suspended credential, which is neither placed nor repaired nor cleaned up', async () => {
    const [namespace] = (await scene.placed(1)) as [string];
    await scene.patchCredential({ suspend: true });
    const { message } = await scene.ready('Unknown', 'Suspended');
    expect(message).to.contain('spec.suspend is true');
    await scene.patchAccount(namespace, { imagePullSecrets: null });
    await scene.patch(`/api/v1/namespaces/${namespace}`, { metadata: { labels: { 'regcred.dev/exclude': 'true' } } });
    await scene.rotate('rotated-sample');
    const later = cluster.scene();
    await later.placed(1);
    expect((await scene.dockerConfigIn(namespace)).auths['registry.example.com']?.password).to.equal('sample-password');
    expect(await scene.pullSecrets(namespace)).to.deep.equal([]);
    expect((await scene.status()).summary).to.equal('1/1');
    await scene.patch(`/api/v1/namespaces/${namespace}`, { metadata: { labels: { 'regcred.dev/exclude': null } } });
    await scene.patchCredential({ suspend: false });
    await scene.ready();
    await scene.pullSecretsAre(namespace, [scene.name]);
    await eventually('the password is rotated', async () =>
      expect((await scene.dockerConfigIn(namespace)).auths['registry.example.com']?.password).to.equal('rotated-sample'),
    );
  });

  it('reports a missing right to list Secrets, and recovers when the right is back', async () => {
    const role = '/apis/rbac.authorization.k8s.io/v1/clusterroles/regcred';
    const { rules } = await scene.api.call<{ rules: { resources: string[] }[] }>('GET', role);
    await scene.basicAuth();
    await scene.namespace();
    try {
      await scene.patch(role, { rules: rules.filter(({ resources }) => !resources.includes('secrets')) });
      await eventually('the right is missing', async () => {
        const asked = cluster.kubectl('auth', 'can-i', 'list', 'secrets', '--as=system:serviceaccount:regcred-system:regcred');
        if ((await asked.catch(() => 'no')).startsWith('yes')) throw new Error('the right is still there');
      });
      await scene.credential();
      const { message } = await scene.ready('False', 'Forbidden');
      expect(message).to.contain('cannot list resource "secrets"').and.to.contain('manifests/rbac.yaml');
    } finally {
      await scene.patch(role, { rules });
    }
    await scene.ready();
  });

  it('reports a write that is denied in one namespace with the message of the API server, and the other namespaces are placed', async () => {
    await scene.basicAuth();
    const [closed, open] = (await scene.namespaces(2)) as [string, string];
    await denyWrites(scene, closed);
    await scene.credential();
    const { message } = await scene.ready('False', 'Forbidden');
    expect(message).to.contain(closed).and.to.contain('this namespace is closed');
    await scene.secretPlaced(open);
    await scene.pullSecretsAre(open, [scene.name]);
    await eventually('the status counts both namespaces', async () => {
      const { namespaces, serviceAccounts, failures } = await scene.status();
      expect(namespaces).to.deep.equal({ desired: 2, synced: 1, failed: 1, conflicted: 0 });
      expect(serviceAccounts).to.deep.equal({ desired: 2, synced: 1, failed: 1, conflicted: 0 });
      expect(failures?.map(({ kind, name, reason }) => `${kind} ${name} ${reason}`)).to.have.members([
        `Secret ${scene.name} Forbidden`,
        'ServiceAccount default Forbidden',
      ]);
    });
    await allowWrites(scene, closed);
    await scene.ready();
    await scene.secretIn(closed);
  });

  it('has an Event for each change of state, and not for each write', async () => {
    const namespaces = await scene.placed(5);
    await scene.deleteSecret(namespaces[0] as string);
    await scene.secretPlaced(namespaces[0] as string);
    await scene.deleteSecret(SOURCES);
    await scene.ready('False', 'SourceMissing');
    await scene.basicAuth();
    await scene.ready();
    await eventually('three Events', async () =>
      expect((await scene.events()).map(({ type, reason }) => `${type} ${reason}`)).to.have.members([
        'Normal Synced',
        'Warning SourceMissing',
        'Normal Synced',
      ]),
    );
  });

  describe('that arrives late', () => {
    const late = async (wasAbout: KubeObject) => {
      const credential = { kind: 'RegistryCredential' as const, ...identityOf(wasAbout as Parameters<typeof identityOf>[0]) };
      const { method, path, body } = request.patchCredentialStatus(credential, { summary: 'late' });
      return scene.api.call(method, path, { body }).then(
        () => 'accepted',
        (error: unknown) => classify(error),
      );
    };

    it('does not replace a newer one', async () => {
      await scene.placed(1);
      const before = await scene.credentialObject();
      await scene.namespace();
      await eventually('it counts the new namespace', async () => expect((await scene.status()).summary).to.equal('2/2'));
      expect(await late(before)).to.equal('stale');
      expect((await scene.status()).summary).to.equal('2/2');
    });

    it('does not land on a credential that was created again under the same name', async () => {
      await scene.placed(1);
      const before = await scene.credentialObject();
      await scene.deleteCredential();
      await scene.credentialGone();
      await scene.credential();
      await scene.ready();
      expect(await late(before)).to.equal('stale');
      expect((await scene.status()).summary).to.equal('1/1');
    });
  });
});
