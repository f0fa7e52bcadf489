import { join } from 'node:path';
import { type Cluster as ClusterEntry, KubeConfig } from '@kubernetes/client-node';
import { expect } from 'chai';
import { auditedSince, endOf } from '../support/audit.ts';
import { type Cluster, type KubeObject, type Scene, SOURCES, startCluster, stopCluster } from '../support/cluster.ts';
import { allowWrites, denyWrites } from '../support/denial.ts';
import { eventually } from '../support/eventually.ts';
import { expireLease, install, leads, writeKubeconfig } from '../support/operator.ts';
import { kubectlWithPlugin, type PluginRun } from '../support/plugin.ts';

const CRD = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions/registrycredentials.regcred.dev';

// This needs a cluster of its own: the command removes everything that regcred created in the cluster, with and without an operator.
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

  /** Everything that a cleanup might change, with all fields, apart from state Secrets: the garbage collector deletes those of earlier tests. */
  async function everything(): Promise<KubeObject[]> {
    const lists = await Promise.all(
      ['/api/v1/secrets', '/api/v1/serviceaccounts', '/apis/regcred.dev/v1alpha1/registrycredentials'].map((path) =>
        scene.api.call<{ items: KubeObject[] }>('GET', path),
      ),
    );
    return lists.flatMap(({ items }) => items).filter(({ metadata }) => metadata.labels?.['regcred.dev/state'] === undefined);
  }

  async function nothingLeftIn(namespaces: readonly string[], name = scene.name): Promise<void> {
    for (const namespace of namespaces) {
      await scene.secretGone(namespace, name);
      const { metadata, imagePullSecrets } = await scene.account(namespace);
      expect(metadata.annotations ?? {}).to.not.have.property('regcred.dev/pull-secrets');
      expect(imagePullSecrets).to.equal(undefined);
    }
  }

  const ends = (code: number, said: PluginRun) => expect(said.code, said.stdout + said.stderr).to.equal(code);

  describe('with an operator', () => {
    before(operatorRuns);

    it('deletes the RegistryCredentials, and waits until the operator has cleaned up', async () => {
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
      // On a busy machine the operator stops a slow request and repeats it.
      expect([...new Set(deleted.map(({ namespace }) => namespace))]).to.have.members(namespaces);
    });

    it('says in a dry run that the operator will clean up', async () => {
      await scene.placed(1);
      const said = await cleanup([scene.name]);
      ends(1, said);
      expect(said.stderr).to.match(
        /The operator \(Lease regcred-system\/regcred, held by \S+\) runs\. It cleans up as soon as they are deleted/,
      );
      ends(0, await carriedOut([scene.name]));
    });

    it('reports the cause if the cleanup takes too long, and finishes it if the operator is killed', async () => {
      const namespaces = await scene.placed(2);
      await denyWrites(scene, namespaces[0] as string);
      const late = await carriedOut([scene.name, '--timeout', '10']);
      ends(1, late);
      expect(late.stderr).to.contain('this namespace is closed').and.contain('has not finished after 10 s');

      let killed = false;
      const said = await kubectl(['regcred', 'cleanup', scene.name, '--dry-run=none'], '', {}, (stderr) => {
        if (killed || !stderr.includes('is cleaning up; 1 credential is left')) return;
        killed = true;
        cluster.operator.signal('SIGKILL');
      });
      ends(0, said);
      expect(killed).to.equal(true);
      expect(said.stdout).to.contain(`secret "${scene.name}" deleted from ${namespaces[0]} namespace`);
      await scene.credentialGone();
      await nothingLeftIn(namespaces);
      await allowWrites(scene, namespaces[0] as string);
      await expireLease(scene.api, 'regcred-system');
      await operatorRuns();
    });
  });

  describe('without an operator', () => {
    before(operatorStops);

    /** Places copies, then stops the operator. */
    async function placedAndGone(count: number, spec?: Parameters<Scene['placed']>[1]): Promise<string[]> {
      await operatorRuns();
      const namespaces = await scene.placed(count, spec);
      await operatorStops();
      return namespaces;
    }

    it('prints each step in a dry run, and changes nothing', async () => {
      const [namespace] = (await placedAndGone(1)) as [string];
      const before = await everything();
      const { metadata } = await scene.credentialObject();
      const state = `regcred-state-${metadata.uid}`;
      const steps = (how: string) =>
        [
          `registrycredential.regcred.dev "${scene.name}" deleted (${how})`,
          `serviceaccount "default" patched in ${namespace} namespace: removed ${scene.name} from imagePullSecrets (${how})`,
          `secret "${scene.name}" deleted from ${namespace} namespace (${how})`,
          `secret "${state}" deleted from regcred-system namespace (${how})`,
          `pullsecretrules.regcred.dev "regcred" deleted (${how})`,
          `registrycredential.regcred.dev "${scene.name}" patched: removed the finalizer regcred.dev/cleanup (${how})`,
          '',
        ].join('\n');
      const plain = await cleanup([scene.name]);
      expect(plain).to.deep.equal({
        code: 1,
        stdout: steps('dry run'),
        stderr: `Nothing was done yet. No operator runs, so this command does all of it.\nTo do it: kubectl regcred cleanup ${scene.name} --dry-run=none\n`,
      });
      const asked = await cleanup([scene.name, '--dry-run=server']);
      expect(asked).to.deep.include({ code: 1, stdout: steps('server dry run') });
      expect(await everything()).to.deep.equal(before);
      await scene.secretIn('regcred-system', state);
      ends(0, await carriedOut([scene.name]));
      await scene.secretGone('regcred-system', state);
    });

    it('removes its name from the rules for new pods, and deletes them with the last credential', async () => {
      const rules = () => scene.api.call<{ spec: object }>('GET', '/apis/regcred.dev/v1alpha1/pullsecretrules/regcred');
      const other = cluster.scene();
      await operatorRuns();
      await scene.placed(1);
      await other.placed(1);
      await eventually('the rules have both names', async () => {
        const text = JSON.stringify((await rules()).spec);
        for (const { name } of [scene, other]) expect(text).to.contain(`"${name}"`);
      });
      await operatorStops();
      const said = await carriedOut([scene.name]);
      ends(0, said);
      expect(said.stdout).to.contain(`pullsecretrules.regcred.dev "regcred" patched: removed ${scene.name}\n`);
      const { spec } = await rules();
      expect(JSON.stringify(spec)).to.contain(`{"name":"${other.name}"}`).and.not.contain(`{"name":"${scene.name}"}`);
      expect(spec).to.include.keys('names', 'prefixes', 'labels');
      ends(0, await carriedOut(['--all']));
      await scene.gone('the rules', rules);
    });

    it('cleans up a credential that waits for its finalizer, and nothing of other credentials', async () => {
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
      // Without an operator, another user replaces our Secret in one namespace.
      await scene.deleteSecret(second);
      const foreign = await scene.secret(second, scene.name, 'Opaque', { other: 'sample-of-others' });
      const copiesOfBeside = await Promise.all(namespaces.map((namespace) => scene.secretIn(namespace, beside.name)));
      expect((await scene.credentialObject()).metadata.finalizers).to.deep.equal(['regcred.dev/cleanup']);

      const said = await carriedOut([scene.name]);
      ends(0, said);
      expect(said.stderr).to.contain('Checking whether the operator still runs');
      await scene.credentialGone();
      for (const namespace of [first, namespaces[2] as string]) await scene.secretGone(namespace);
      expect(await scene.secretIn(second)).to.deep.equal(foreign);
      expect(await Promise.all(namespaces.map((namespace) => scene.secretIn(namespace, beside.name)))).to.deep.equal(copiesOfBeside);
      expect(await scene.pullSecrets(first)).to.deep.equal(['theirs', beside.name]);
      expect(await scene.pullSecrets(second)).to.deep.equal([beside.name]);
      expect((await scene.account(first)).metadata.annotations).to.deep.equal({ 'regcred.dev/pull-secrets': beside.name });

      // An operator that starts again finds nothing to repair.
      await expireLease(scene.api, 'regcred-system');
      await operatorRuns();
      await beside.ready();
      ends(0, await carriedOut([beside.name]));
      await operatorStops();
    });

    it('can be run again, and reports that nothing is left', async () => {
      const namespaces = await placedAndGone(1);
      ends(0, await carriedOut([scene.name]));
      await nothingLeftIn(namespaces);
      const again = await carriedOut([scene.name, '--ignore-not-found']);
      expect(again).to.deep.equal({
        code: 0,
        stdout: '',
        stderr: `There is no RegistryCredential "${scene.name}".\nNothing is left to do.\n`,
      });
    });

    it('keeps every Secret and reference under Retain, but removes the owner references', async () => {
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
      // A later cleanup of everything keeps them, too.
      const before = await everything();
      ends(0, await carriedOut(['--all']));
      expect(await everything()).to.deep.equal(before);
      for (const one of [namespace, other]) await scene.deleteSecret(one);
    });

    it('reports a credential with the finalizers of others, but removes everything that it created', async () => {
      const namespaces = await placedAndGone(1);
      const path = `/apis/regcred.dev/v1alpha1/registrycredentials/${scene.name}`;
      await scene.patch(path, { metadata: { finalizers: ['regcred.dev/cleanup', 'example.com/hold'] } });
      const said = await carriedOut([scene.name]);
      ends(1, said);
      expect(said.stderr).to.contain(`${scene.name} is still there because of the finalizers of others: example.com/hold.`);
      await nothingLeftIn(namespaces);
      await scene.patch(path, { metadata: { finalizers: null } });
      await scene.credentialGone();
    });

    describe('with missing rights', () => {
      /** Creates a user with these rights, each written as for `kubectl create clusterrole`: `verbs resources`. Returns a kubeconfig. */
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
        // The API server reads each of these lists in order: when the last right is in force, all are.
        const has = (right: string, where: string[]) =>
          eventually(`${name} may ${right}`, async () => {
            const [verbs = '', resources = ''] = right.split(' ');
            const last = [verbs, resources].map((list) => list.split(',').at(-1) ?? '');
            await cluster.kubectl('auth', 'can-i', ...last, ...where, `--as=system:serviceaccount:${SOURCES}:${name}`);
          });
        await has(everywhere.at(-1) ?? '', ['-A']);
        for (const [namespace, rights] of Object.entries(within)) await has(rights.at(-1) ?? '', ['-n', namespace]);
        const token = (await cluster.kubectl('create', 'token', name, '-n', SOURCES)).trim();
        const admin = new KubeConfig();
        admin.loadFromFile(cluster.controlPlane.kubeconfig);
        const file = join(cluster.controlPlane.scratch, `${name}.kubeconfig`);
        writeKubeconfig(file, admin.getCurrentCluster() as ClusterEntry, { token }, 'default');
        return { KUBECONFIG: file };
      }
      const LIST =
        'list registrycredentials.regcred.dev,namespacedregistrycredentials.regcred.dev,namespaces,serviceaccounts,secrets,leases.coordination.k8s.io,pullsecretrules.regcred.dev';

      it('does nothing without the right to list everything, and names that right', async () => {
        const [namespace] = (await placedAndGone(1)) as [string];
        const before = await everything();
        const said = await carriedOut(
          [scene.name],
          await person(scene.name, [
            'list registrycredentials.regcred.dev,namespacedregistrycredentials.regcred.dev',
            'delete,patch registrycredentials.regcred.dev',
          ]),
        );
        ends(2, said);
        expect(said.stdout).to.equal('');
        expect(said.stderr)
          .to.contain('is forbidden')
          .and.contain('To find everything that was created, cleanup needs the right to list registrycredentials');
        expect((await everything()).filter(({ metadata }) => metadata.namespace === namespace)).to.deep.equal(
          before.filter(({ metadata }) => metadata.namespace === namespace),
        );
        expect((await scene.credentialObject()).metadata.deletionTimestamp).to.equal(undefined);
        ends(0, await carriedOut([scene.name]));
      });

      it('does what it may, reports the rest, and keeps the finalizer', async () => {
        const [open, closed] = (await placedAndGone(2)) as [string, string];
        const may = ['delete,patch secrets,serviceaccounts'];
        const env = await person(scene.name, [LIST, 'delete,patch registrycredentials.regcred.dev'], { [open]: may });

        const asked = await cleanup([scene.name, '--dry-run=server'], env);
        ends(1, asked);
        expect(asked.stderr).to.contain(`Failed to delete secret "${scene.name}" in namespace ${closed}: `);
        expect(asked.stderr).to.not.contain(`in namespace ${open}:`);
        expect((await scene.credentialObject()).metadata.deletionTimestamp).to.equal(undefined);

        const said = await carriedOut([scene.name], env);
        ends(1, said);
        expect(said.stderr)
          .to.contain(`Failed to delete secret "${scene.name}" in namespace ${closed}: secrets "${scene.name}" is forbidden`)
          .and.contain(`from imagePullSecrets of serviceaccount "default" in namespace ${closed}: `)
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

      it('keeps everything of a RegistryCredential that it may not delete', async () => {
        const [namespace] = (await placedAndGone(1)) as [string];
        const before = await scene.secretIn(namespace);
        const said = await carriedOut([scene.name], await person(scene.name, [LIST, 'delete,patch secrets,serviceaccounts']));
        ends(1, said);
        expect(said.stderr).to.contain(`Failed to delete registrycredential.regcred.dev "${scene.name}": `);
        expect(await scene.secretIn(namespace)).to.deep.equal(before);
        ends(0, await carriedOut([scene.name]));
      });
    });

    it('completes the deletion of the CustomResourceDefinition', async () => {
      const namespaces = await placedAndGone(2);
      await scene.api.call('DELETE', CRD);
      await eventually('the definition waits for the credential', async () =>
        expect((await scene.credentialObject()).metadata.deletionTimestamp).to.not.equal(undefined),
      );
      ends(0, await carriedOut(['--all']));
      await nothingLeftIn(namespaces);
      await scene.gone('the definition', () => scene.api.call('GET', CRD));
      // status reports this, too.
      for (const name of [[], [scene.name]]) {
        const said = await kubectl(['regcred', 'status', ...name]);
        expect([said.code, said.stdout]).to.deep.equal([2, '']);
        expect(said.stderr).to.contain('regcred is not installed on this cluster').and.contain('kubectl apply -k');
      }
      await install(cluster.controlPlane);
    });

    it('removes what is left after the deletion of the definition, and keeps what was retained', async () => {
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
    'no name': { args: [], says: 'Name the RegistryCredentials to clean up' },
    'a name beside --all': { args: ['acme', '--all'], says: 'Name the RegistryCredentials to clean up' },
    'an unknown dry run': { args: ['acme', '--dry-run=maybe'], says: 'Allowed choices are client, server, none' },
    'a timeout that is not a number': { args: ['acme', '--timeout', 'soon'], says: 'Give a whole number of seconds.' },
  };
  for (const [what, { args, says }] of Object.entries(unusable)) {
    it(`has exit code 2 for ${what}`, async () => {
      const { code, stdout, stderr } = await cleanup(args);
      expect(stderr).to.contain(says);
      expect({ code, stdout }).to.deep.equal({ code: 2, stdout: '' });
    });
  }
});
