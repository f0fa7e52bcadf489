import { expect } from 'chai';
import { type Cluster, type KubeObject, type Scene, SOURCES, theCluster } from '../support/cluster.ts';
import { eventually } from '../support/eventually.ts';

const DOCKER_CONFIG_JSON = 'kubernetes.io/dockerconfigjson';
const foreignConfig = {
  '.dockerconfigjson': JSON.stringify({
    auths: { 'foreign.example.com': { auth: Buffer.from('somebody:sample-of-another').toString('base64') } },
  }),
};

describe('A Secret of that name that is not ours', () => {
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

  it('is left untouched and reported, and ours takes its place when it goes away', async () => {
    const other = await scene.namespace();
    const foreign = await scene.secret(namespace, scene.name, DOCKER_CONFIG_JSON, foreignConfig);
    await scene.credential();
    const { message } = await scene.ready('False', 'SecretExists');
    expect(message).to.contain(namespace).and.to.contain('conflictPolicy: Adopt');
    await untouched(foreign);
    await scene.secretPlaced(other);
    const { summary, namespaces, failuresTotal, failures } = await scene.status();
    expect(summary).to.equal('1/2');
    expect(namespaces).to.deep.equal({ desired: 2, synced: 1, failed: 0, conflicted: 1 });
    expect(failuresTotal).to.equal(1);
    expect(failures).to.have.lengthOf(1);
    expect(failures?.[0]).to.include({ namespace, kind: 'Secret', name: scene.name, reason: 'SecretExists' });

    await scene.deleteSecret(namespace);
    await scene.ready();
    expect((await scene.dockerConfigIn(namespace)).auths).to.have.property('registry.example.com');
  });

  it('and was left behind by another credential is taken over once that one is gone', async () => {
    await scene.credential({ deletionPolicy: 'Retain' });
    await scene.ready();
    const second = await scene.credential({ secretName: scene.name, conflictPolicy: 'Adopt' }, `${scene.name}-second`);
    await scene.ready('False', 'SecretExists', second);
    await scene.deleteCredential();
    await scene.ready('True', 'Synced', second);
    expect((await scene.secretIn(namespace)).metadata.annotations?.['regcred.dev/credential']).to.equal(second);
  });

  it('and is a source of another credential is taken over once that one is gone', async () => {
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

  it('that comes after a credential was suspended is not overwritten when it goes on', async () => {
    await scene.credential({ suspend: true });
    await scene.ready('Unknown', 'Suspended');
    const foreign = await scene.secret(namespace, scene.name, DOCKER_CONFIG_JSON, foreignConfig);
    await scene.patchCredential({ suspend: false });
    await scene.ready('False', 'SecretExists');
    await untouched(foreign);
  });

  it('is taken over under Adopt, in place, and deleted with the credential', async () => {
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

  it('is taken over when the policy changes to Adopt', async () => {
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
    'controlled by somebody': {
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

  it('and is a source of credentials is a conflict even under Adopt', async () => {
    const source = await scene.secretIn(SOURCES);
    await scene.credential({ namespaces: { names: [`${scene.name}-*`, SOURCES] }, conflictPolicy: 'Adopt' });
    await scene.ready('False', 'SecretExists');
    expect(await scene.secretIn(SOURCES)).to.deep.equal(source);
    await scene.patchCredential({ dockerConfigs: null, namespaces: { names: [`${scene.name}-*`] } });
    await scene.ready();
  });

  it('but another RegistryCredential’s is named as such, whatever the policy, until that one goes', async () => {
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

  it('only because it pretends to be is left untouched', async () => {
    const foreign = await scene.secret(namespace, scene.name, DOCKER_CONFIG_JSON, foreignConfig, {
      labels: { 'app.kubernetes.io/managed-by': 'regcred', 'regcred.dev/credential-uid': '00000000-0000-0000-0000-000000000000' },
      annotations: { 'regcred.dev/credential': 'another' },
    });
    await scene.credential();
    await scene.ready('False', 'SecretExists');
    await untouched(foreign);
  });

  it('is found although it came while no operator ran', async () => {
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

  it('takes the place of ours the moment ours is deleted, and is reported', async () => {
    await scene.credential();
    await scene.ready();
    await scene.patchCredential({ suspend: true });
    await scene.ready('Unknown', 'Suspended');
    await scene.deleteSecret(namespace);
    await scene.secret(namespace, scene.name, DOCKER_CONFIG_JSON, foreignConfig);
    await scene.patchCredential({ suspend: false });
    await scene.ready('False', 'SecretExists');
    await eventually('the summary follows', async () => expect((await scene.status()).summary).to.equal('0/1'));
  });
});
