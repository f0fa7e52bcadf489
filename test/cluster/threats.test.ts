import { readFileSync, writeFileSync } from 'node:fs';
import { expect } from 'chai';
import { connect } from '../support/api.ts';
import { type Cluster, type Scene, SOURCES, theCluster } from '../support/cluster.ts';
import { eventually } from '../support/eventually.ts';

const OPERATOR = 'system:serviceaccount:regcred-system:regcred';
const SYSTEM = 'regcred-system';
const DOCKER_CONFIG_JSON = 'kubernetes.io/dockerconfigjson';
const config = JSON.stringify({ auths: { 'evil.example.com': { username: 'tenant', password: 'sample-of-a-tenant' } } });

/** What each threat in docs/security.md can do, and what it cannot do. */
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
    it('a Secret with forged labels and annotations is repaired or deleted, and no other Secret changes', async () => {
      const [theirs, other] = (await scene.placed(2)) as [string, string];
      const { uid } = (await scene.credentialObject()).metadata;
      const before = await scene.secretIn(other);
      const forgedMetadata = {
        labels: { 'app.kubernetes.io/managed-by': 'regcred', 'regcred.dev/credential-uid': uid },
        annotations: { 'regcred.dev/credential': scene.name },
      };
      // Under our name, the operator restores our content. Under another name, the Secret looks like an old copy of ours, so the operator deletes it.
      await scene.patchSecret(theirs, { data: { '.dockerconfigjson': Buffer.from(config).toString('base64') } });
      await scene.secret(theirs, 'forged', DOCKER_CONFIG_JSON, { '.dockerconfigjson': config }, forgedMetadata);
      await eventually('our Secret is repaired', async () =>
        expect((await scene.dockerConfigIn(theirs)).auths).to.have.all.keys('registry.example.com'),
      );
      await scene.secretGone(theirs, 'forged');
      expect(await scene.secretIn(other)).to.deep.equal(before);
    });

    it('a Secret with the forged labels of a credential that does not exist is left unchanged', async () => {
      const namespace = await scene.namespace();
      const forgedMetadata = { labels: { 'app.kubernetes.io/managed-by': 'regcred', 'regcred.dev/credential-uid': 'nobody' } };
      const forged = await scene.secret(namespace, 'forged', DOCKER_CONFIG_JSON, { '.dockerconfigjson': config }, forgedMetadata);
      await cluster.scene().placed(1); // By then the operator would have changed the Secret.
      expect(await scene.secretIn(namespace, 'forged')).to.deep.equal(forged);
    });

    it('a forged copy is not distributed to other namespaces: copies are never sources, not even after a restart', async () => {
      const [theirs, other] = (await scene.placed(2)) as [string, string];
      await cluster.restart(async () => {
        await scene.patchSecret(theirs, { data: { '.dockerconfigjson': Buffer.from(config).toString('base64') } });
        await scene.deleteSecret(SOURCES);
      });
      await scene.ready('False', 'SourceMissing');
      expect((await scene.dockerConfigIn(other)).auths).to.have.all.keys('registry.example.com');
    });

    it('names of others that are recorded as ours in an account are removed there, and nowhere else', async () => {
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

  describe('from a user who may edit RegistryCredentials but not read Secrets', () => {
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
      await eventually('the role is in force', () =>
        cluster.kubectl('auth', 'can-i', 'create', 'registrycredentials.regcred.dev', `--as=${user}`),
      );
    });
    after(() => cluster.kubectl('delete', 'clusterrole/credential-editor', 'clusterrolebinding/credential-editor'));

    async function createAs(name: string, namespace: string, ...args: string[]): Promise<string> {
      const file = `${cluster.controlPlane.scratch}/${name}.json`;
      writeFileSync(file, credentialFile(name, namespace));
      return as(user, 'create', '-f', file, ...args);
    }

    it('works without a policy: the user gets a copy in a namespace of their choice', async () => {
      await scene.basicAuth();
      const mine = await scene.namespace();
      expect(await as(user, 'get', 'secret', scene.name, '-n', SOURCES)).to.contain('Forbidden');
      expect(await createAs(scene.name, mine)).to.contain('created');
      await scene.ready();
      expect((await scene.dockerConfigIn(mine)).auths['registry.example.com']?.password).to.equal('sample-password');
    });

    it('is blocked by the sample policy, which does not affect the operator and users who may read the source', async () => {
      await scene.basicAuth();
      const mine = await scene.namespace();
      await cluster.kubectl('apply', '-f', 'manifests/samples/policy-sources.yaml');
      try {
        await eventually('the policy is active', async () =>
          expect(await createAs(scene.name, mine, '--dry-run=server')).to.contain(`you may not read the Secrets in ${SOURCES}`),
        );
        await post(credentialFile(scene.name, mine)); // The administrator may do this.
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

  describe('from a stolen token of the operator', () => {
    it('is limited by the sample policy to the tasks of the operator, and the operator still works', async () => {
      const namespace = await scene.namespace();
      await scene.secret(namespace, 'foreign', 'Opaque', { note: 'sample-of-another' });
      await cluster.kubectl('apply', '-f', 'manifests/samples/policy-operator.yaml');
      try {
        await eventually('the policy is active', async () =>
          expect(await as(OPERATOR, 'create', 'secret', 'generic', 'probe', '-n', namespace, '--dry-run=server')).to.contain(
            'regcred may only create pull secrets that have its label',
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
          expect(await patchAsOperator(path, patch)).to.contain('may only change imagePullSecrets and the annotation');
        }
        await mayWriteTokensOnly();
        await scene.placed(2);
        await scene.rotate('rotated-sample');
        await scene.told('Rotated');
        // The state Secret is created with the first placement, and changed with the rotation.
        const { uid } = (await scene.credentialObject()).metadata;
        await eventually('the state Secret has the rotated password', async () => {
          const { data } = await scene.api.call<{ data: Record<string, string> }>(
            'GET',
            `/api/v1/namespaces/regcred-system/secrets/regcred-state-${uid}`,
          );
          expect(Buffer.from(data['state.json'] ?? '', 'base64').toString()).to.contain(
            Buffer.from('robot:rotated-sample').toString('base64'),
          );
        });
        await scene.patchAccount(namespace, { imagePullSecrets: null });
        await scene.pullSecretsAre(namespace, [scene.name]);
        await scene.patchSecret(namespace, { metadata: { labels: { 'app.kubernetes.io/managed-by': null } } });
        await eventually('the label is restored', async () =>
          expect((await scene.secretIn(namespace)).metadata.labels).to.include({ 'app.kubernetes.io/managed-by': 'regcred' }),
        );
        await scene.deleteCredential();
        await scene.credentialGone();
        await scene.secretGone(namespace);
      } finally {
        await cluster.kubectl('delete', '-f', 'manifests/samples/policy-operator.yaml');
      }
    });

    /** test/cluster/cloud-tokens.test.ts runs the operator under this policy. */
    async function mayWriteTokensOnly(): Promise<void> {
      const api = connect(cluster.kubeconfig);
      const token = { 'regcred.dev/token': 'true' };
      const secretsIn = (namespace: string) => `/api/v1/namespaces/${namespace}/secrets`;
      const annotations = { 'kubernetes.io/service-account.name': 'regcred' };
      const create = (namespace: string, name: string, labels = {}, type = 'Opaque') =>
        api.call('POST', secretsIn(namespace), { body: { type, metadata: { name, labels, annotations } }, query: { dryRun: 'All' } });
      const remove = (name: string) => api.call('DELETE', `${secretsIn(SYSTEM)}/${name}`, { query: { dryRun: 'All' } });
      const outcome = (call: Promise<unknown>) =>
        call.then(
          () => 'accepted',
          (error: Error) => error.message,
        );
      const name = `regcred-token-${scene.name}`;
      await scene.secret(SYSTEM, name, 'Opaque', {}, { labels: token });
      await scene.secret(SYSTEM, `${name}-unlabelled`, 'Opaque', { note: 'sample-of-another' });
      const path = `${secretsIn(SYSTEM)}/${name}`;
      expect(await outcome(create(SYSTEM, `${name}-new`, token))).to.equal('accepted');
      expect(await patchAsOperator(path, JSON.stringify({ data: { 'token.json': 'e30=' } }))).to.equal('it was accepted');
      expect(await outcome(remove(name))).to.equal('accepted');
      const refused: Record<string, () => Promise<unknown>> = {
        'a token in another namespace': () => create(SOURCES, `${name}-new`, token),
        'a Secret of another name': () => create(SYSTEM, scene.name, token),
        'a Secret without the label': () => create(SYSTEM, `${name}-new`),
        'a token of a ServiceAccount': () => create(SYSTEM, `${name}-new`, token, 'kubernetes.io/service-account-token'),
        'the label on a Secret of another': () => api.call('PATCH', `${path}-unlabelled`, { body: { metadata: { labels: token } } }),
        'a token without its label': () => api.call('PATCH', path, { body: { metadata: { labels: { 'regcred.dev/token': null } } } }),
        'the deletion of a Secret of another': () => remove(`${name}-unlabelled`),
      };
      for (const [what, call] of Object.entries(refused)) expect(await outcome(call()), what).to.contain('regcred may only');
      await api.close();
      for (const one of [name, `${name}-unlabelled`]) await scene.deleteSecret(SYSTEM, one);
    }

    /** Uses the operator's token directly: kubectl patch begins with a `get`, which the operator may not do. */
    async function patchAsOperator(path: string, patch: string): Promise<string> {
      const api = connect(cluster.kubeconfig);
      const answer = await api.call('PATCH', path, { body: JSON.parse(patch), query: { dryRun: 'All' } }).then(
        () => 'it was accepted',
        (error: Error) => error.message,
      );
      await api.close();
      return answer;
    }

    it('cannot access any Secret outside of its rights, nor any other kind', async () => {
      const listed = await as(OPERATOR, 'auth', 'can-i', '--list', '-n', 'default');
      for (const forbidden of ['pods', 'configmaps', 'deployments', 'roles', 'rolebindings', 'clusterroles', 'nodes'])
        expect(listed).to.not.match(new RegExp(`^${forbidden}\\b`, 'm'));
      expect(readFileSync('manifests/rbac.yaml', 'utf8')).to.not.match(/["'[ ]\*["'\], ]/);
    });
  });
});
