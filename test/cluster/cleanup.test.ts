import { join } from 'node:path';
import { type Cluster as ClusterEntry, KubeConfig } from '@kubernetes/client-node';
import { expect } from 'chai';
import { auditedSince, endOf } from '../support/audit.ts';
import { type Cluster, type KubeObject, type Scene, SOURCES, startCluster, stopCluster } from '../support/cluster.ts';
import { allowWrites, denyWrites } from '../support/denial.ts';
import { eventually } from '../support/eventually.ts';
import { install, leads, writeKubeconfig } from '../support/operator.ts';
import { kubectlWithPlugin, type Said } from '../support/plugin.ts';

const CRD = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions/registrycredentials.regcred.dev';

// On a cluster of its own: it is about all that regcred has made there, and about operators that are no more.
describe('kubectl regcred cleanup', () => {
  let cluster: Cluster;
  let scene: Scene;
  let kubectl: ReturnType<typeof kubectlWithPlugin>;
  before(async () => {
    cluster = await startCluster();
    kubectl = kubectlWithPlugin(cluster.controlPlane);
  });
  after(() => stopCluster(cluster));
  beforeEach(() => (scene = cluster.scene()));

  const cleanup = (args: string[], env: NodeJS.ProcessEnv = {}) => kubectl(['regcred', 'cleanup', ...args], '', env);
  const carriedOut = (args: string[], env?: NodeJS.ProcessEnv) => cleanup([...args, '--dry-run=none'], env);

  async function operatorRuns(): Promise<void> {
    await cluster.operator.stop();
    cluster.operator = cluster.start();
    await leads(cluster.operator);
  }
  const operatorStops = () => cluster.operator.stop();

  /** Everything that a cleanup might touch, to the last byte. */
  async function everything(): Promise<KubeObject[]> {
    const lists = await Promise.all(
      ['/api/v1/secrets', '/api/v1/serviceaccounts', '/apis/regcred.dev/v1alpha1/registrycredentials'].map((path) =>
        scene.api.call<{ items: KubeObject[] }>('GET', path),
      ),
    );
    return lists.flatMap(({ items }) => items);
  }

  async function nothingLeftIn(namespaces: readonly string[], name = scene.name): Promise<void> {
    for (const namespace of namespaces) {
      await scene.secretGone(namespace, name);
      const { metadata, imagePullSecrets } = await scene.account(namespace);
      expect(metadata.annotations ?? {}).to.not.have.property('regcred.dev/pull-secrets');
      expect(imagePullSecrets).to.equal(undefined);
    }
  }

  const ends = (code: number, said: Said) => expect(said.code, said.stdout + said.stderr).to.equal(code);

  describe('where an operator runs', () => {
    before(operatorRuns);

    it('deletes the RegistryCredentials, and waits until the operator has taken back what they made', async () => {
      const namespaces = await scene.placed(3);
      const from = endOf(cluster.controlPlane.auditLog);
      const said = await carriedOut([scene.name]);
      ends(0, said);
      await scene.credentialGone();
      await nothingLeftIn(namespaces);
      expect(said.stdout).to.equal(`registrycredential.regcred.dev "${scene.name}" deleted\n`);
      expect(said.stderr).to.contain('The operator (Lease regcred-system/regcred, held by ').and.contain('Nothing is left to do.');
      const deleted = auditedSince(cluster.controlPlane.auditLog, from).filter(
        ({ verb, resource }) => verb === 'delete' && resource === 'secrets',
      );
      expect(deleted.map(({ namespace }) => namespace)).to.have.members(namespaces);
    });

    it('says before that it will be the operator that does it', async () => {
      await scene.placed(1);
      const said = await cleanup([scene.name]);
      ends(1, said);
      expect(said.stderr).to.match(/The operator \(Lease regcred-system\/regcred, held by \S+\) runs: it takes back what they made/);
      ends(0, await carriedOut([scene.name]));
    });

    it('says what keeps it from it when it takes too long, and finishes by itself when the operator is killed over it', async () => {
      const namespaces = await scene.placed(2);
      await denyWrites(scene, namespaces[0] as string);
      const late = await carriedOut([scene.name, '--timeout', '2']);
      ends(1, late);
      expect(late.stderr).to.contain('this namespace is closed').and.contain('is not done with that after 2 s');

      let killed = false;
      const said = await kubectl(['regcred', 'cleanup', scene.name, '--dry-run=none'], '', {}, (stderr) => {
        if (killed || !stderr.includes('takes back what 1 of them made')) return;
        killed = true;
        cluster.operator.signal('SIGKILL');
      });
      ends(0, said);
      expect(killed).to.equal(true);
      expect(said.stdout).to.contain(`secret "${scene.name}" deleted from ${namespaces[0]} namespace`);
      await scene.credentialGone();
      await nothingLeftIn(namespaces);
      await allowWrites(scene, namespaces[0] as string);
      await operatorRuns();
    });
  });

  describe('where the operator is gone', () => {
    before(operatorStops);

    /** What has been placed, and no operator any more. */
    async function placedAndGone(count: number, spec?: Parameters<Scene['placed']>[1]): Promise<string[]> {
      await operatorRuns();
      const namespaces = await scene.placed(count, spec);
      await operatorStops();
      return namespaces;
    }

    it('first only says what it would do, each step, and changes nothing', async () => {
      const [namespace] = (await placedAndGone(1)) as [string];
      const before = await everything();
      const steps = (how: string) =>
        [
          `registrycredential.regcred.dev "${scene.name}" deleted (${how})`,
          `serviceaccount "default" patched in ${namespace} namespace: imagePullSecrets without ${scene.name} (${how})`,
          `secret "${scene.name}" deleted from ${namespace} namespace (${how})`,
          `registrycredential.regcred.dev "${scene.name}" patched: without the finalizer regcred.dev/cleanup (${how})`,
          '',
        ].join('\n');
      const plain = await cleanup([scene.name]);
      expect(plain).to.deep.equal({
        code: 1,
        stdout: steps('dry run'),
        stderr: `Nothing was done yet. No operator runs: this command does all of it by itself.\nTo do it: kubectl regcred cleanup ${scene.name} --dry-run=none\n`,
      });
      const asked = await cleanup([scene.name, '--dry-run=server']);
      expect(asked).to.deep.include({ code: 1, stdout: steps('server dry run') });
      expect(await everything()).to.deep.equal(before);
      ends(0, await carriedOut([scene.name]));
    });

    it('takes back all of one that hangs on its finalizer after the operator was killed, and nothing of others', async () => {
      await operatorRuns();
      const namespaces = await scene.placed(3);
      const [first, second] = namespaces as [string, string, string];
      const beside = cluster.scene();
      await beside.basicAuth();
      await beside.credential({
        registries: [{ server: 'ghcr.io', secretRef: { namespace: SOURCES, name: beside.name } }],
        namespaces: { names: [`${scene.name}-*`] },
      });
      await beside.ready();
      await scene.patchAccount(first, { imagePullSecrets: [{ name: 'theirs' }, ...[scene.name, beside.name].map((name) => ({ name }))] });
      await cluster.operator.stop('SIGKILL');
      await scene.deleteCredential();
      // While nobody looked, somebody made ours theirs in one namespace.
      await scene.deleteSecret(second);
      const foreign = await scene.secret(second, scene.name, 'Opaque', { other: 'sample-of-others' });
      const besides = await Promise.all(namespaces.map((namespace) => scene.secretIn(namespace, beside.name)));
      expect((await scene.credentialObject()).metadata.finalizers).to.deep.equal(['regcred.dev/cleanup']);

      const said = await carriedOut([scene.name]);
      ends(0, said);
      expect(said.stderr).to.contain('looking whether it is renewed');
      await scene.credentialGone();
      for (const namespace of [first, namespaces[2] as string]) await scene.secretGone(namespace);
      expect(await scene.secretIn(second)).to.deep.equal(foreign);
      expect(await Promise.all(namespaces.map((namespace) => scene.secretIn(namespace, beside.name)))).to.deep.equal(besides);
      expect(await scene.pullSecrets(first)).to.deep.equal(['theirs', beside.name]);
      expect(await scene.pullSecrets(second)).to.deep.equal([beside.name]);
      expect((await scene.account(first)).metadata.annotations).to.deep.equal({ 'regcred.dev/pull-secrets': beside.name });

      // And an operator that comes back finds nothing to mend.
      await operatorRuns();
      await beside.ready();
      ends(0, await carriedOut([beside.name]));
      await operatorStops();
    });

    it('may be run again: it says that there is nothing left', async () => {
      const namespaces = await placedAndGone(1);
      ends(0, await carriedOut([scene.name]));
      await nothingLeftIn(namespaces);
      const again = await carriedOut([scene.name]);
      expect(again).to.deep.equal({
        code: 0,
        stdout: '',
        stderr: `There is no RegistryCredential "${scene.name}".\nNothing is left to do.\n`,
      });
    });

    it('under Retain keeps every Secret and every reference, without the owner whose end would take them along', async () => {
      const [namespace, other] = (await placedAndGone(2)) as [string, string];
      await scene.patchCredential({ deletionPolicy: 'Retain' });
      const account = await scene.account(namespace);
      const { data, metadata } = await scene.secretIn(namespace);
      const said = await carriedOut([scene.name]);
      ends(0, said);
      expect(said.stderr).to.contain(`${scene.name} has deletionPolicy Retain: its Secrets and the references to them stay.`);
      await scene.credentialGone();
      const kept = await scene.secretIn(namespace);
      expect([kept.data, kept.metadata.uid, kept.metadata.ownerReferences]).to.deep.equal([data, metadata.uid, undefined]);
      expect(await scene.account(namespace)).to.deep.equal(account);
      // Nor does a later cleanup of everything take them for leftovers.
      const before = await everything();
      ends(0, await carriedOut(['--all']));
      expect(await everything()).to.deep.equal(before);
      for (const one of [namespace, other]) await scene.deleteSecret(one);
    });

    it('leaves one that others keep, says so, and has taken back all the same', async () => {
      const namespaces = await placedAndGone(1);
      const path = `/apis/regcred.dev/v1alpha1/registrycredentials/${scene.name}`;
      await scene.patch(path, { metadata: { finalizers: ['regcred.dev/cleanup', 'example.com/hold'] } });
      const said = await carriedOut([scene.name]);
      ends(1, said);
      expect(said.stderr).to.contain(`${scene.name} is still there, for the finalizers of others: example.com/hold.`);
      await nothingLeftIn(namespaces);
      await scene.patch(path, { metadata: { finalizers: null } });
      await scene.credentialGone();
    });

    describe('with less than all rights', () => {
      /** A kubeconfig of somebody who may do this, by `kubectl create clusterrole` and role. */
      async function person(name: string, everywhere: string[], within: Record<string, string[]> = {}): Promise<NodeJS.ProcessEnv> {
        const subject = `--serviceaccount=${SOURCES}:${name}`;
        await cluster.kubectl('create', 'serviceaccount', name, '-n', SOURCES);
        for (const [at, right] of everywhere.entries()) {
          const [verbs = '', resources = ''] = right.split(' ');
          await cluster.kubectl('create', 'clusterrole', `${name}-${at}`, `--verb=${verbs}`, `--resource=${resources}`);
          await cluster.kubectl('create', 'clusterrolebinding', `${name}-${at}`, `--clusterrole=${name}-${at}`, subject);
        }
        for (const [namespace, rights] of Object.entries(within)) {
          for (const [at, right] of rights.entries()) {
            const [verbs = '', resources = ''] = right.split(' ');
            await cluster.kubectl('create', 'role', `${name}-${at}`, '-n', namespace, `--verb=${verbs}`, `--resource=${resources}`);
            await cluster.kubectl('create', 'rolebinding', `${name}-${at}`, '-n', namespace, `--role=${name}-${at}`, subject);
          }
        }
        const token = (await cluster.kubectl('create', 'token', name, '-n', SOURCES)).trim();
        const admin = new KubeConfig();
        admin.loadFromFile(cluster.controlPlane.kubeconfig);
        const file = join(cluster.controlPlane.scratch, `${name}.kubeconfig`);
        writeKubeconfig(file, admin.getCurrentCluster() as ClusterEntry, { token }, 'default');
        return { KUBECONFIG: file };
      }
      const LIST = 'list registrycredentials.regcred.dev,namespaces,serviceaccounts,secrets,leases.coordination.k8s.io';

      it('does nothing where it cannot see everything, and says what it takes', async () => {
        const [namespace] = (await placedAndGone(1)) as [string];
        const before = await everything();
        const said = await carriedOut([scene.name], await person(scene.name, ['list,delete,patch registrycredentials.regcred.dev']));
        ends(2, said);
        expect(said.stdout).to.equal('');
        expect(said.stderr).to.contain('is forbidden').and.contain('To find all that was made takes the right to list registrycredentials');
        expect((await everything()).filter(({ metadata }) => metadata.namespace === namespace)).to.deep.equal(
          before.filter(({ metadata }) => metadata.namespace === namespace),
        );
        expect((await scene.credentialObject()).metadata.deletionTimestamp).to.equal(undefined);
        ends(0, await carriedOut([scene.name]));
      });

      it('does what it may, says what it may not, and keeps the finalizer for who comes after', async () => {
        const [open, closed] = (await placedAndGone(2)) as [string, string];
        const may = ['delete,patch secrets,serviceaccounts'];
        const env = await person(scene.name, [LIST, 'delete,patch registrycredentials.regcred.dev'], { [open]: may });

        const asked = await cleanup([scene.name, '--dry-run=server'], env);
        ends(1, asked);
        expect(asked.stderr).to.contain(`Not done: secret "${scene.name}" deleted from ${closed} namespace: `);
        expect(asked.stderr).to.not.contain(`from ${open} namespace`);
        expect((await scene.credentialObject()).metadata.deletionTimestamp).to.equal(undefined);

        const said = await carriedOut([scene.name], env);
        ends(1, said);
        expect(said.stderr)
          .to.contain(`Not done: secret "${scene.name}" deleted from ${closed} namespace: secrets "${scene.name}" is forbidden`)
          .and.contain(`Not done: serviceaccount "default" patched in ${closed} namespace`)
          .and.contain('What was done stays done');
        await nothingLeftIn([open]);
        expect(await scene.pullSecrets(closed)).to.deep.equal([scene.name]);
        const { finalizers, deletionTimestamp } = (await scene.credentialObject()).metadata;
        expect(finalizers).to.deep.equal(['regcred.dev/cleanup']);
        expect(deletionTimestamp).to.not.equal(undefined);

        ends(0, await carriedOut([scene.name]));
        await nothingLeftIn([closed]);
        await scene.credentialGone();
      });

      it('takes nothing back of a RegistryCredential that it may not delete', async () => {
        const [namespace] = (await placedAndGone(1)) as [string];
        const before = await scene.secretIn(namespace);
        const said = await carriedOut([scene.name], await person(scene.name, [LIST, 'delete,patch secrets,serviceaccounts']));
        ends(1, said);
        expect(said.stderr).to.contain(`Not done: registrycredential.regcred.dev "${scene.name}" deleted: `);
        expect(await scene.secretIn(namespace)).to.deep.equal(before);
        ends(0, await carriedOut([scene.name]));
      });
    });

    it('frees a CustomResourceDefinition that hangs on being deleted', async () => {
      const namespaces = await placedAndGone(2);
      await scene.api.call('DELETE', CRD);
      await eventually('the definition waits for the credential', async () =>
        expect((await scene.credentialObject()).metadata.deletionTimestamp).to.not.equal(undefined),
      );
      ends(0, await carriedOut(['--all']));
      await nothingLeftIn(namespaces);
      await scene.gone('the definition', () => scene.api.call('GET', CRD));
      // And status says what is the case.
      for (const name of [[], [scene.name]]) {
        const said = await kubectl(['regcred', 'status', ...name]);
        expect([said.code, said.stdout]).to.deep.equal([2, '']);
        expect(said.stderr).to.contain('regcred is not installed on this cluster').and.contain('kubectl apply -k');
      }
      await install(cluster.controlPlane);
    });

    it('takes back what is left where the definition is gone already, and keeps what was retained', async () => {
      const [namespace] = (await placedAndGone(1)) as [string];
      const kept = cluster.scene();
      await operatorRuns();
      const [retained] = (await kept.placed(1, { deletionPolicy: 'Retain' })) as [string];
      await operatorStops();
      const before = [await kept.secretIn(retained), await kept.account(retained)];
      for (const name of [scene.name, kept.name])
        await scene.patch(`/apis/regcred.dev/v1alpha1/registrycredentials/${name}`, { metadata: { finalizers: null } });
      await scene.api.call('DELETE', CRD);
      await scene.gone('the definition', () => scene.api.call('GET', CRD));

      ends(0, await carriedOut(['--all']));
      await nothingLeftIn([namespace]);
      expect([await kept.secretIn(retained), await kept.account(retained)]).to.deep.equal(before);
      await install(cluster.controlPlane);
    });
  });

  const unusable: Record<string, { args: string[]; says: string }> = {
    'no name': { args: [], says: 'Say which RegistryCredentials are to go' },
    'a name beside --all': { args: ['acme', '--all'], says: 'Say which RegistryCredentials are to go' },
    'a dry run of another kind': { args: ['acme', '--dry-run=maybe'], says: 'Allowed choices are client, server, none' },
    'a timeout that is none': { args: ['acme', '--timeout', 'soon'], says: 'It is a whole number of seconds.' },
  };
  for (const [what, { args, says }] of Object.entries(unusable)) {
    it(`ends with 2 for ${what}`, async () => {
      const { code, stdout, stderr } = await cleanup(args);
      expect(stderr).to.contain(says);
      expect({ code, stdout }).to.deep.equal({ code: 2, stdout: '' });
    });
  }
});
