import { expect } from 'chai';
import { type Cluster, type KubeObject, type Scene, SOURCES, theCluster } from '../support/cluster.ts';
import { eventually } from '../support/eventually.ts';

const DOCKER_CONFIG_JSON = 'kubernetes.io/dockerconfigjson';
const foreignConfig = {
  '.dockerconfigjson': JSON.stringify({
    auths: { 'foreign.example.com': { auth: Buffer.from('somebody:sample-of-another').toString('base64') } },
  }),
};

describe('A Secret with the name of ours that the operator did not create', () => {
  let cluster: Cluster;
  let scene: Scene;
  let namespace: string;
  before(async () => (cluster = await theCluster()));
  beforeEach(async () => {
    scene = cluster.scene();
    await scene.basicAuth();
    namespace = await scene.namespace();
  });

  const untouched = async (foreign: KubeObject) => expect(await scene.secretIn(namespace)).to.deep.equal(foreign);

  it('is left unchanged and reported, and the operator creates ours when it is deleted', async () => {
    const other = await scene.namespace();
    const foreign = await scene.secret(namespace, scene.name, DOCKER_CONFIG_JSON, foreignConfig);
    await scene.credential();
    const { message } = await scene.ready('False', 'SecretExists');
    expect(message).to.contain(namespace).and.to.contain('conflictPolicy: Adopt');
    await untouched(foreign);
    await eventually('the people of the namespace read about it', async () => {
      const events = JSON.parse(await cluster.kubectl('get', 'events', '-n', namespace, '-o', 'json'));
      expect(events.items).to.have.lengthOf(1);
      expect(events.items[0]).to.include({ type: 'Warning', reason: 'SecretExists' });
      expect(events.items[0].involvedObject).to.include({ kind: 'Secret', name: scene.name, uid: foreign.metadata.uid });
      expect(events.items[0].message).to.contain(`RegistryCredential ${scene.name} cannot put its pull secret here.`);
    });
    await scene.secretPlaced(other);
    await eventually('the status counts both namespaces', async () => {
      const { summary, namespaces, failuresTotal, failures } = await scene.status();
      expect(summary).to.equal('1/2');
      expect(namespaces).to.deep.equal({ desired: 2, synced: 1, failed: 0, conflicted: 1 });
      expect(failuresTotal).to.equal(1);
      expect(failures).to.have.lengthOf(1);
      expect(failures?.[0]).to.include({ namespace, kind: 'Secret', name: scene.name, reason: 'SecretExists' });
    });

    await scene.deleteSecret(namespace);
    await scene.ready();
    expect((await scene.dockerConfigIn(namespace)).auths).to.have.property('registry.example.com');
  });

  it('that another credential left behind is adopted once that credential is deleted', async () => {
    await scene.credential({ deletionPolicy: 'Retain' });
    await scene.ready();
    const second = await scene.credential({ secretName: scene.name, conflictPolicy: 'Adopt' }, `${scene.name}-second`);
    await scene.ready('False', 'SecretExists', second);
    await scene.deleteCredential();
    await scene.ready('True', 'Synced', second);
    expect((await scene.secretIn(namespace)).metadata.annotations?.['regcred.dev/credential']).to.equal(second);
  });

  it('that is a source of another credential is adopted once that credential is deleted', async () => {
    const config = {
      '.dockerconfigjson': JSON.stringify({
        auths: { 'a.example.com': { auth: Buffer.from('robot:sample-password').toString('base64') } },
      }),
    };
    await scene.secret(namespace, scene.name, DOCKER_CONFIG_JSON, config);
    const other = await scene.credential(
      { dockerConfigs: [{ secretRef: { namespace, name: scene.name } }], namespaces: { names: ['nowhere'] } },
      `${scene.name}-other`,
    );
    await scene.ready('True', 'NoNamespaceMatches', other);
    await scene.credential({ conflictPolicy: 'Adopt' });
    await scene.ready('False', 'SecretExists');
    await scene.deleteCredential(other);
    await scene.ready();
  });

  it('that is created during a suspension is not overwritten after it', async () => {
    await scene.credential({ suspend: true });
    await scene.ready('Unknown', 'Suspended');
    const foreign = await scene.secret(namespace, scene.name, DOCKER_CONFIG_JSON, foreignConfig);
    await scene.patchCredential({ suspend: false });
    await scene.ready('False', 'SecretExists');
    await untouched(foreign);
  });

  it('is adopted in place under Adopt, and deleted with the credential', async () => {
    const foreign = await scene.secret(
      namespace,
      scene.name,
      DOCKER_CONFIG_JSON,
      { ...foreignConfig, stray: 'sample-of-another' },
      { labels: { team: 'a' } },
    );
    await scene.credential({ conflictPolicy: 'Adopt' });
    await scene.ready();
    const adopted = await scene.secretIn(namespace);
    expect(adopted.metadata.uid).to.equal(foreign.metadata.uid);
    expect(adopted.metadata.labels).to.include({ team: 'a', 'app.kubernetes.io/managed-by': 'regcred' });
    expect(Object.keys(adopted.data ?? {})).to.deep.equal(['.dockerconfigjson']);
    expect((await scene.dockerConfigIn(namespace)).auths).to.have.all.keys('registry.example.com');
    await scene.deleteCredential();
    await scene.credentialGone();
    await scene.secretGone(namespace);
  });

  it('is adopted when the policy changes to Adopt', async () => {
    await scene.secret(namespace, scene.name, DOCKER_CONFIG_JSON, foreignConfig);
    await scene.credential();
    await scene.ready('False', 'SecretExists');
    await scene.patchCredential({ conflictPolicy: 'Adopt' });
    await scene.ready();
  });

  const hopeless: Record<string, { make: () => Promise<KubeObject>; says: string }> = {
    'of another type': {
      make: () => scene.secret(namespace, scene.name, 'Opaque', { note: 'sample-of-another' }),
      says: 'type of a Secret cannot be changed',
    },
    'marked immutable': {
      make: async () => {
        await scene.secret(namespace, scene.name, DOCKER_CONFIG_JSON, foreignConfig);
        return scene.patchSecret(namespace, { immutable: true });
      },
      says: 'immutable',
    },
    'controlled by another object': {
      make: async () => {
        const owner = await scene.account(namespace);
        const reference = { apiVersion: 'v1', kind: 'ServiceAccount', name: 'default', uid: owner.metadata.uid, controller: true };
        return scene.secret(namespace, scene.name, DOCKER_CONFIG_JSON, foreignConfig, { ownerReferences: [reference] });
      },
      says: 'controlled by ServiceAccount default',
    },
  };
  for (const [what, { make, says }] of Object.entries(hopeless)) {
    it(`${what} is a conflict even under Adopt`, async () => {
      const foreign = await make();
      await scene.credential({ conflictPolicy: 'Adopt' });
      expect((await scene.ready('False')).message).to.contain(says);
      await untouched(foreign);
      await scene.deleteSecret(namespace);
      await scene.ready();
    });
  }

  it('that is a source of credentials is a conflict even under Adopt', async () => {
    const source = await scene.secretIn(SOURCES);
    await scene.credential({ namespaces: { names: [`${scene.name}-*`, SOURCES] }, conflictPolicy: 'Adopt' });
    await scene.ready('False', 'SecretExists');
    expect(await scene.secretIn(SOURCES)).to.deep.equal(source);
    await scene.patchCredential({ dockerConfigs: null, namespaces: { names: [`${scene.name}-*`] } });
    await scene.ready();
  });

  it('of another RegistryCredential is reported with that name under any policy, until that one is deleted', async () => {
    const first = `${scene.name}-first`;
    await scene.credential({ secretName: scene.name }, first);
    await scene.ready('True', 'Synced', first);
    await scene.credential({ conflictPolicy: 'Adopt' });
    expect((await scene.ready('False', 'SecretExists')).message).to.contain(`RegistryCredential ${first}`);
    await scene.ready('True', 'Synced', first);
    await scene.deleteCredential(first);
    await scene.credentialGone(first);
    await scene.ready();
    expect((await scene.secretIn(namespace)).metadata.annotations).to.include({ 'regcred.dev/credential': scene.name });
    await scene.pullSecretsAre(namespace, [scene.name]);
  });

  it('that has forged labels and annotations of ours is left unchanged', async () => {
    const foreign = await scene.secret(namespace, scene.name, DOCKER_CONFIG_JSON, foreignConfig, {
      labels: { 'app.kubernetes.io/managed-by': 'regcred', 'regcred.dev/credential-uid': '00000000-0000-0000-0000-000000000000' },
      annotations: { 'regcred.dev/credential': 'another' },
    });
    await scene.credential();
    await scene.ready('False', 'SecretExists');
    await untouched(foreign);
  });

  it('that was created while no operator ran is found', async () => {
    await scene.credential();
    await scene.ready();
    let foreign: KubeObject | undefined;
    await cluster.restart(async () => {
      await scene.deleteSecret(namespace);
      foreign = await scene.secret(namespace, scene.name, DOCKER_CONFIG_JSON, foreignConfig);
    });
    await scene.ready('False', 'SecretExists');
    await untouched(foreign as KubeObject);
  });

  it('that replaces ours immediately is reported', async () => {
    await scene.credential();
    await scene.ready();
    await scene.patchCredential({ suspend: true });
    await scene.ready('Unknown', 'Suspended');
    await scene.deleteSecret(namespace);
    await scene.secret(namespace, scene.name, DOCKER_CONFIG_JSON, foreignConfig);
    await scene.patchCredential({ suspend: false });
    await scene.ready('False', 'SecretExists');
    await eventually('the summary reports it', async () => expect((await scene.status()).summary).to.equal('0/1'));
  });

  it('is swapped by two RegistryCredentials that swap their secretName', async () => {
    const other = `${scene.name}-other`;
    await scene.basicAuth('sample-of-the-other', '-other');
    const secretRef = { namespace: SOURCES, name: other };
    await scene.credential();
    await scene.credential({ registries: [{ server: 'other.example.com', secretRef }] }, other);
    await scene.ready();
    await scene.ready('True', 'Synced', other);
    await scene.patchCredential({ secretName: other });
    await scene.ready('False', 'SecretExists');
    await scene.patchCredential({ secretName: scene.name }, other);
    await scene.ready();
    await scene.ready('True', 'Synced', other);
    expect((await scene.dockerConfigIn(namespace, other)).auths).to.have.all.keys('registry.example.com');
    expect((await scene.dockerConfigIn(namespace)).auths).to.have.all.keys('other.example.com');
    await eventually('both references are there', async () =>
      expect(await scene.pullSecrets(namespace)).to.have.members([scene.name, other]),
    );
  });

  it('is not deleted by advice where it is the source, as in a credential with the name of its source for every namespace', async () => {
    const name = `${scene.name}-source`;
    await scene.secret(SOURCES, name, 'kubernetes.io/basic-auth', { username: 'robot', password: 'sample-password' });
    const registries = [{ server: 'docker.io', secretRef: { namespace: SOURCES, name } }];
    await scene.credential({ registries, namespaces: { names: [`${scene.name}-*`, SOURCES] } }, name);
    const { message } = await scene.ready('False', 'SecretExists', name);
    expect(message)
      .to.contain('is a source of credentials')
      .and.to.not.match(/delete it/i);
    await scene.deleteSecret(SOURCES, name);
    await scene.ready('False', 'SourceMissing', name);
    await eventually('the status follows', async () =>
      expect((await scene.condition('SecretsSynced', name)).message).to.contain('uses it as a source'),
    );
    await scene.secret(SOURCES, name, 'kubernetes.io/basic-auth', { username: 'robot', password: 'sample-password-2' });
    await scene.ready('False', 'SecretExists', name);
    expect((await scene.dockerConfigIn(namespace, name)).auths).to.have.property('https://index.docker.io/v1/');
  });
});
