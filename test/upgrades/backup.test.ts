import { expect } from 'chai';
import { type Cluster, type KubeObject, type Scene, startCluster, stopCluster } from '../support/cluster.ts';
import { eventually } from '../support/eventually.ts';
import { leads } from '../support/operator.ts';

/** What a backup tool keeps of a namespace: its objects, without uids, owners and resourceVersions. */
interface Backup {
  readonly namespace: string;
  readonly secret: KubeObject;
  readonly account: KubeObject;
}

const withoutIdentity = ({ metadata: { name, labels, annotations } }: KubeObject) => ({
  name,
  ...(labels && { labels }),
  ...(annotations && { annotations }),
});

describe('A namespace that a backup tool restores', () => {
  let cluster: Cluster;
  let scene: Scene;
  before(async () => (cluster = await startCluster()));
  after(() => stopCluster(cluster));
  beforeEach(() => (scene = cluster.scene()));

  async function backUp(namespace: string): Promise<Backup> {
    return { namespace, secret: await scene.secretIn(namespace), account: await scene.account(namespace) };
  }

  /** Deletes the namespace, and waits until it is gone. */
  async function lose(namespace: string): Promise<void> {
    await scene.api.call('DELETE', `/api/v1/namespaces/${namespace}`);
    await scene.gone(namespace, () => scene.api.call('GET', `/api/v1/namespaces/${namespace}`));
  }

  /** The order of the common tools: the namespace, Secrets, ServiceAccounts. What exists is merged, or left as it is. */
  async function restore({ namespace, secret, account }: Backup, without: readonly string[] = []): Promise<void> {
    await scene.namespace({}, namespace);
    const { type, data } = secret;
    if (!without.includes('Secret'))
      await scene.api
        .call('POST', `/api/v1/namespaces/${namespace}/secrets`, { body: { metadata: withoutIdentity(secret), type, data } })
        .catch((error: { status?: number }) => {
          if (error.status !== 409) throw error;
        });
    const { annotations } = withoutIdentity(account);
    await scene.patchAccount(namespace, { metadata: { annotations }, imagePullSecrets: account.imagePullSecrets });
  }

  /** What must be there in the end: the operator's Secret as any other, and one reference to it after that of others. */
  async function isRight(namespace: string, password: string): Promise<void> {
    const { metadata } = await scene.credentialObject();
    await eventually(
      `${namespace} is as any other`,
      async () => {
        const secret = await scene.secretIn(namespace);
        expect(secret.metadata.labels?.['regcred.dev/credential-uid']).to.equal(metadata.uid);
        expect(secret.metadata.ownerReferences?.map(({ uid }) => uid)).to.deep.equal([metadata.uid]);
        expect((await scene.dockerConfigIn(namespace)).auths['registry.example.com']?.password).to.equal(password);
        expect(await scene.pullSecrets(namespace)).to.deep.equal(['of-others', scene.name]);
        expect((await scene.account(namespace)).metadata.annotations?.['regcred.dev/pull-secrets']).to.equal(scene.name);
      },
      60_000,
    );
    await scene.ready();
    expect((await scene.status()).failures ?? []).to.deep.equal([]);
  }

  /** A namespace with a placed Secret, whose account also has a reference of others. */
  async function placedWithOthers(): Promise<string> {
    await scene.basicAuth('sample-password-at-the-backup');
    const namespace = await scene.namespace();
    await scene.patchAccount(namespace, { imagePullSecrets: [{ name: 'of-others' }] });
    await scene.credential();
    await scene.pullSecretsAre(namespace, ['of-others', scene.name]);
    await scene.ready();
    return namespace;
  }

  /** The credential of the backup's time is gone: another one with its name has another uid. */
  async function recreateCredential(): Promise<void> {
    await scene.deleteCredential();
    await scene.credentialGone();
    await scene.credential();
  }

  const cases: Record<string, { readonly isStopped?: true; readonly isRecreated?: true; readonly without?: readonly string[] }> = {
    'while the operator runs': {},
    'while no operator runs': { isStopped: true },
    'with the uid of a credential that was deleted and created again': { isRecreated: true },
    'with the uid of such a credential, while no operator runs': { isStopped: true, isRecreated: true },
    'without its Secrets, while no operator runs': { isStopped: true, without: ['Secret'] },
  };
  for (const [when, { isStopped, isRecreated, without }] of Object.entries(cases)) {
    it(`${when} is brought up to date`, async () => {
      const namespace = await placedWithOthers();
      const backup = await backUp(namespace);
      await lose(namespace);
      if (isRecreated) await recreateCredential();
      await scene.rotate('sample-password-after-the-backup');
      await scene.ready();
      if (isStopped) await cluster.restart(() => restore(backup, without));
      else await restore(backup, without);
      await isRight(namespace, 'sample-password-after-the-backup');
    });
  }

  it('that no credential selects any more loses what the operator placed there, and nothing else', async () => {
    const namespace = await placedWithOthers();
    const other = await scene.namespace();
    const backup = await backUp(namespace);
    await lose(namespace);
    await scene.patchCredential({ namespaces: { names: [other] } });
    await scene.ready();
    await cluster.restart(() => restore(backup));
    await leads(cluster.operator);
    await scene.secretGone(namespace);
    await scene.pullSecretsAre(namespace, ['of-others']);
  });
});
