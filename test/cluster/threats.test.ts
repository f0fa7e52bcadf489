import { readFileSync, writeFileSync } from 'node:fs';
import { expect } from 'chai';
import { connect } from '../support/api.ts';
import { type Cluster, type Scene, SOURCES, theCluster } from '../support/cluster.ts';
import { eventually } from '../support/eventually.ts';

const OPERATOR = 'system:serviceaccount:regcred-system:regcred';
const DOCKER_CONFIG_JSON = 'kubernetes.io/dockerconfigjson';
const config = JSON.stringify({ auths: { 'evil.example.com': { username: 'tenant', password: 'sample-of-a-tenant' } } });

/** What docs/security.md says that each can do, and cannot. */
describe('A threat', () => {
  let cluster: Cluster;
  let scene: Scene;
  before(async () => (cluster = await theCluster()));
  beforeEach(() => (scene = cluster.scene()));

  const as = (user: string, ...args: string[]) =>
    cluster.kubectl(`--as=${user}`, ...args).then(
      (output) => output,
      (error: Error) => error.message,
    );

  describe('from a tenant with all rights in one namespace', () => {
    it('who gives a Secret all the marks of ours has that one put right, and nothing else is touched', async () => {
      const [theirs, other] = (await scene.placed(2)) as [string, string];
      const { uid } = (await scene.credentialObject()).metadata;
      const before = await scene.secretIn(other);
      const marks = {
        labels: { 'app.kubernetes.io/managed-by': 'regcred', 'regcred.dev/credential-uid': uid },
        annotations: { 'regcred.dev/credential': scene.name },
      };
      // Under our name: overwritten with our content. Under another: it says that it is ours and stale, so it goes.
      await scene.patchSecret(theirs, { data: { '.dockerconfigjson': Buffer.from(config).toString('base64') } });
      await scene.secret(theirs, 'forged', DOCKER_CONFIG_JSON, { '.dockerconfigjson': config }, marks);
      await eventually('ours is put right', async () =>
        expect((await scene.dockerConfigIn(theirs)).auths).to.have.all.keys('registry.example.com'),
      );
      await scene.secretGone(theirs, 'forged');
      expect(await scene.secretIn(other)).to.deep.equal(before);
    });

    it('who forges the marks of a credential that does not exist is left alone', async () => {
      const namespace = await scene.namespace();
      const marks = { labels: { 'app.kubernetes.io/managed-by': 'regcred', 'regcred.dev/credential-uid': 'nobody' } };
      const forged = await scene.secret(namespace, 'forged', DOCKER_CONFIG_JSON, { '.dockerconfigjson': config }, marks);
      await cluster.scene().placed(1); // By then what was to be done about it would have been done.
      expect(await scene.secretIn(namespace, 'forged')).to.deep.equal(forged);
    });

    it('cannot have a Secret of theirs let out elsewhere: copies are no sources, not even after a restart', async () => {
      const [theirs, other] = (await scene.placed(2)) as [string, string];
      await cluster.restart(async () => {
        await scene.patchSecret(theirs, { data: { '.dockerconfigjson': Buffer.from(config).toString('base64') } });
        await scene.deleteSecret(SOURCES);
      });
      await scene.ready('False', 'SourceMissing');
      expect((await scene.dockerConfigIn(other)).auths).to.have.all.keys('registry.example.com');
    });

    it('who records names of others as ours in an account loses entries there, and nowhere else', async () => {
      const [theirs, other] = (await scene.placed(2)) as [string, string];
      await scene.patchAccount(other, { imagePullSecrets: [{ name: 'theirs' }, { name: scene.name }] });
      await scene.patchAccount(theirs, {
        metadata: { annotations: { 'regcred.dev/pull-secrets': `theirs,${scene.name}` } },
        imagePullSecrets: [{ name: 'theirs' }, { name: scene.name }],
      });
      await scene.pullSecretsAre(theirs, [scene.name]);
      expect(await scene.pullSecrets(other)).to.deep.equal(['theirs', scene.name]);
    });
  });

  describe('from a person who may edit RegistryCredentials and not read Secrets', () => {
    const user = 'editor@example.com';
    const credentialFile = (name: string, namespace: string) => {
      const secretRef = { namespace: SOURCES, name };
      return JSON.stringify({
        apiVersion: 'regcred.dev/v1alpha1',
        kind: 'RegistryCredential',
        metadata: { name },
        spec: { registries: [{ server: 'registry.example.com', secretRef }], namespaces: { names: [namespace] } },
      });
    };
    const post = (body: string) => cluster.api.call('POST', '/apis/regcred.dev/v1alpha1/registrycredentials', { body: JSON.parse(body) });

    before(async () => {
      await cluster.kubectl('create', 'clusterrole', 'credential-editor', '--verb=*', '--resource=registrycredentials.regcred.dev');
      await cluster.kubectl('create', 'clusterrolebinding', 'credential-editor', '--clusterrole=credential-editor', `--user=${user}`);
    });
    after(() => cluster.kubectl('delete', 'clusterrole/credential-editor', 'clusterrolebinding/credential-editor'));

    async function createAs(name: string, namespace: string, ...args: string[]): Promise<string> {
      const file = `${cluster.controlPlane.scratch}/${name}.json`;
      writeFileSync(file, credentialFile(name, namespace));
      return as(user, 'create', '-f', file, ...args);
    }

    it('is real without a policy: the copy lies where they say', async () => {
      await scene.basicAuth();
      const mine = await scene.namespace();
      expect(await as(user, 'get', 'secret', scene.name, '-n', SOURCES)).to.contain('Forbidden');
      expect(await createAs(scene.name, mine)).to.contain('created');
      await scene.ready();
      expect((await scene.dockerConfigIn(mine)).auths['registry.example.com']?.password).to.equal('sample-password');
    });

    it('is answered by the sample policy, which leaves the operator and those who may read the source alone', async () => {
      await scene.basicAuth();
      const mine = await scene.namespace();
      await cluster.kubectl('apply', '-f', 'manifests/samples/policy-sources.yaml');
      try {
        await eventually('the policy is in force', async () =>
          expect(await createAs(scene.name, mine, '--dry-run=server')).to.contain(`you may not read the Secrets in ${SOURCES}`),
        );
        await post(credentialFile(scene.name, mine)); // As an administrator.
        await scene.ready();
        const patch = JSON.stringify({ spec: { namespaces: { names: ['*'] } } });
        expect(await as(user, 'patch', 'regcred', scene.name, '--type=merge', '-p', patch)).to.contain('you may not read the Secrets');
        await scene.deleteCredential();
        await scene.credentialGone();
        await scene.secretGone(mine);
      } finally {
        await cluster.kubectl('delete', '-f', 'manifests/samples/policy-sources.yaml');
      }
    });
  });

  describe('from the operator’s own token in the wrong hands', () => {
    it('is held to what the operator is for by the sample policy, under which it goes on working', async () => {
      const namespace = await scene.namespace();
      await scene.secret(namespace, 'foreign', 'Opaque', { note: 'sample-of-another' });
      await cluster.kubectl('apply', '-f', 'manifests/samples/policy-operator.yaml');
      try {
        await eventually('the policy is in force', async () =>
          expect(await as(OPERATOR, 'create', 'secret', 'generic', 'probe', '-n', namespace, '--dry-run=server')).to.contain(
            'nothing but pull secrets with its label',
          ),
        );
        const labels = JSON.stringify({ metadata: { labels: { 'app.kubernetes.io/managed-by': 'regcred' } } });
        await scene.patchAccount(namespace, { metadata: { annotations: { note: 'a' } } });
        for (const patch of [labels, JSON.stringify({ data: { note: null } })]) {
          const path = `/api/v1/namespaces/${namespace}/secrets/foreign`;
          expect(await patchAsOperator(path, patch)).to.contain('regcred');
        }
        const annotations = JSON.stringify({ metadata: { annotations: null } });
        for (const patch of [labels, annotations]) {
          const path = `/api/v1/namespaces/${namespace}/serviceaccounts/default`;
          expect(await patchAsOperator(path, patch)).to.contain('nothing of a ServiceAccount but imagePullSecrets');
        }
        await scene.placed(2);
        await scene.rotate('rotated-sample');
        await scene.told('Rotated');
        await scene.patchAccount(namespace, { imagePullSecrets: null });
        await scene.pullSecretsAre(namespace, [scene.name]);
        await scene.patchSecret(namespace, { metadata: { labels: { 'app.kubernetes.io/managed-by': null } } });
        await eventually('the label is put back', async () =>
          expect((await scene.secretIn(namespace)).metadata.labels).to.include({ 'app.kubernetes.io/managed-by': 'regcred' }),
        );
        await scene.deleteCredential();
        await scene.credentialGone();
        await scene.secretGone(namespace);
      } finally {
        await cluster.kubectl('delete', '-f', 'manifests/samples/policy-operator.yaml');
      }
    });

    /** With the very token, since the operator may not `get`, which kubectl patch would begin with. */
    async function patchAsOperator(path: string, patch: string): Promise<string> {
      const api = connect(cluster.kubeconfig);
      const answer = await api.call('PATCH', path, { body: JSON.parse(patch), query: { dryRun: 'All' } }).then(
        () => 'it went through',
        (error: Error) => error.message,
      );
      await api.close();
      return answer;
    }

    it('reaches no Secret that is not listed by its rights, nor anything else of the cluster', async () => {
      const listed = await as(OPERATOR, 'auth', 'can-i', '--list', '-n', 'default');
      for (const forbidden of ['pods', 'configmaps', 'deployments', 'roles', 'rolebindings', 'clusterroles', 'nodes'])
        expect(listed).to.not.match(new RegExp(`^${forbidden}\\b`, 'm'));
      expect(readFileSync('manifests/rbac.yaml', 'utf8')).to.not.match(/["'[ ]\*["'\], ]/);
    });
  });
});
