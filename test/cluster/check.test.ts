import { join } from 'node:path';
import { type Cluster as ClusterEntry, KubeConfig } from '@kubernetes/client-node';
import { expect } from 'chai';
import { type BadServer, startBad } from '../support/bad-registry.ts';
import { base64 } from '../support/builders.ts';
import { type Cluster, type KubeObject, type Scene, SOURCES, startCluster, stopCluster } from '../support/cluster.ts';
import { eventually } from '../support/eventually.ts';
import { leads, writeKubeconfig } from '../support/operator.ts';
import { kubectlWithPlugin } from '../support/plugin.ts';
import { Tenant } from '../support/tenants.ts';

const IMAGE = 'acme/web:1';

interface LocalRegistry extends BadServer {
  /** The passwords that it accepts. */
  readonly passwords: Set<string>;
}

/** A registry that wants a login for everything, and has every image. */
async function startLocalRegistry(): Promise<LocalRegistry> {
  const passwords = new Set<string>();
  const server = await startBad((request, response) => {
    const isAccepted = [...passwords].some((password) => request.headers.authorization === `Basic ${base64(`robot:${password}`)}`);
    if (isAccepted) response.writeHead(200).end();
    else response.writeHead(401, { 'www-authenticate': 'Basic realm="sample"' }).end('{"errors":[{"code":"UNAUTHORIZED"}]}');
  });
  return Object.assign(server, { passwords });
}

/** The operator asks a registry once a minute at most. */
const MORE_THAN_A_MINUTE_MS = 61_000;

/** The cluster is not shared: its operator asks the registries of all credentials, and no test asks one on the network. */
describe('kubectl regcred check', () => {
  let cluster: Cluster;
  let scene: Scene;
  let kubectl: ReturnType<typeof kubectlWithPlugin>;
  let registry: LocalRegistry;
  let other: LocalRegistry;
  before(async () => {
    [registry, other] = await Promise.all([startLocalRegistry(), startLocalRegistry()]);
    cluster = await startCluster();
    kubectl = kubectlWithPlugin(cluster.controlPlane);
    await startAsking();
  });
  beforeEach(() => (scene = cluster.scene()));
  after(async () => {
    for (const server of [registry, other]) server?.close();
    if (cluster) await stopCluster(cluster);
  });

  async function startAsking(): Promise<void> {
    await cluster.operator.stop();
    cluster.operator = cluster.start({ REGCRED_VERIFICATION: 'on', REGCRED_INSECURE_REGISTRIES: `${registry.host},${other.host}` });
    await leads(cluster.operator);
  }

  /** Credentials with equal passwords would share one check. */
  const passwordOf = ({ name }: Scene) => `sample-password-of-${name}`;

  /** A credential for one registry, which accepts it, in one namespace. */
  async function credentialFor(
    { host: server, passwords }: LocalRegistry,
    { mode = 'Report', probeImage = '', expiresAt = '' } = {},
  ): Promise<string> {
    const namespace = await scene.namespace();
    const password = passwordOf(scene);
    passwords.add(password);
    const annotations = expiresAt === '' ? {} : { 'regcred.dev/expires-at': expiresAt };
    await scene.secret(SOURCES, scene.name, 'kubernetes.io/basic-auth', { username: 'robot', password }, { annotations });
    await scene.credential({
      registries: [{ server, secretRef: { namespace: SOURCES, name: scene.name }, ...(probeImage !== '' && { probeImage }) }],
      verification: { mode: mode as 'Report', interval: '6h' },
    });
    return namespace;
  }

  const resultIs = (result: string) =>
    eventually(`the result for ${scene.name} is ${result}`, async () => {
      const { registries = [] } = await scene.status();
      if (registries[0]?.result !== result) throw new Error(JSON.stringify(registries));
    });
  const check = (...args: string[]) => kubectl(['regcred', 'check', ...args]);

  /** Makes the operator believe that it asked the registries of these credentials more than a minute ago: the state Secrets say when. */
  async function age(...scenes: readonly Scene[]): Promise<void> {
    await cluster.operator.stop();
    for (const { name } of scenes) {
      const { metadata } = await scene.credentialObject(name);
      const at = `/api/v1/namespaces/regcred-system/secrets/regcred-state-${metadata.uid}`;
      const { data } = await cluster.api.call<KubeObject>('GET', at);
      const state = JSON.parse(Buffer.from(data?.['state.json'] ?? '', 'base64').toString());
      for (const [, record] of state.checks) record.at -= MORE_THAN_A_MINUTE_MS;
      await scene.patch(at, { data: { 'state.json': base64(JSON.stringify(state)) } });
    }
    await startAsking();
    for (const { name } of scenes) {
      await eventually(`the status of ${name} has the time`, async () => {
        const [row] = (await scene.status(name)).registries ?? [];
        if (Date.now() - Date.parse(row?.checkedAt ?? '') < MORE_THAN_A_MINUTE_MS) throw new Error(row?.checkedAt);
      });
    }
  }

  /** A credential of its own, which its registry accepts. */
  async function accepted(by: LocalRegistry, result: string, options: { probeImage?: string } = {}): Promise<Scene> {
    scene = cluster.scene();
    await credentialFor(by, options);
    await resultIs(result);
    return scene;
  }

  it('asks again, and reports what the registries say now: a refusal, no answer, and that another password still can pull', async () => {
    const revoked = await accepted(registry, 'Proven', { probeImage: IMAGE });
    const kept = await accepted(registry, 'Proven', { probeImage: IMAGE });
    const silenced = await accepted(other, 'NotRefused');
    await age(revoked, kept, silenced);
    registry.passwords.delete(passwordOf(revoked));
    other.close();

    // The interval is 6 hours, so only the annotation makes the operator ask about unchanged passwords.
    const [refused, proven, silent] = await Promise.all([check(revoked.name), check(kept.name), check(silenced.name)]);
    expect(refused.stderr).to.equal('');
    expect(refused.stdout)
      .to.match(/^REGISTRY +RESULT +ASKED +EXPIRES +MESSAGE$/m)
      .and.match(
        new RegExp(`^${registry.host} +Refused +\\d+s ago +${registry.host} refuses the login of Secret ${SOURCES}/${revoked.name} `, 'm'),
      );
    expect(proven.stdout).to.match(new RegExp(`^${registry.host} +Proven +\\d+s ago `, 'm'));
    expect(silent.stdout).to.match(new RegExp(`^${other.host} +Unreachable +\\d+s ago `, 'm'));
    expect([refused.code, proven.code, silent.code]).to.deep.equal([1, 0, 1]);
    const { metadata } = await revoked.credentialObject();
    expect(metadata.annotations?.['regcred.dev/check-now']).to.match(/^\d{4}-\d\d-\d\dT/);

    const doctor = await kubectl(['regcred', 'doctor', 'image', `${registry.host}/${IMAGE}`, '-n', `${revoked.name}-1`]);
    expect(doctor.stdout)
      .to.match(new RegExp(`^✘ The operator asked ${registry.host} \\d+s ago`, 'm'))
      .and.contain(`Put a valid password into Secret ${SOURCES}/${revoked.name}`);
    expect(doctor.code).to.equal(1);
  });

  it('-n asks about the credential of a tenant', async () => {
    const home = await scene.namespace();
    const tenant = new Tenant(scene, home);
    registry.passwords.add(passwordOf(scene));
    await tenant.source(passwordOf(scene));
    await tenant.create({ registries: [{ server: registry.host, secretRef: { name: 'robot' } }] });
    await eventually('the registry accepts it', async () =>
      expect((await tenant.status()).registries?.map(({ result }) => result)).to.deep.equal(['NotRefused']),
    );
    const { code, stdout, stderr } = await check(scene.name, '-n', home, '--timeout', '1');
    expect(code, stderr).to.equal(2);
    expect(stdout).to.match(new RegExp(`^${registry.host} +NotRefused `, 'm'));
    expect(stderr).to.contain(`kubectl regcred status ${scene.name} -n ${home} shows the last one`);
    expect((await tenant.object()).metadata.annotations).to.include.keys('regcred.dev/check-now');
  });

  it('with a short --timeout prints what is known, and explains the limit of one request a minute, with exit code 2', async () => {
    await credentialFor(registry);
    await resultIs('NotRefused');
    const { code, stdout, stderr } = await check(scene.name, '--timeout', '1');
    expect(stdout).to.match(new RegExp(`^${registry.host} +NotRefused `, 'm'));
    expect(stderr).to.match(/^After 1 s there is no new answer of .* once a minute at most, .* Wait longer with --timeout\.$/m);
    expect(code).to.equal(2);
  });

  it('shows in status what the registry says and when the password expires, and so does doctor', async () => {
    const expiresAt = new Date(Date.now() + 3.5 * 86_400_000).toISOString().replace(/\.\d+/, '');
    const namespace = await credentialFor(registry, { expiresAt });
    await resultIs('NotRefused');
    const one = await kubectl(['regcred', 'status', scene.name]);
    expect(one.stdout).to.match(new RegExp(`^${registry.host} +NotRefused +\\d+s ago +in 3 days +${registry.host} accepts the login`, 'm'));
    const all = await kubectl(['regcred', 'status']);
    expect(all.stdout).to.match(new RegExp(`^${scene.name} +True +Synced +1/1 +${scene.name} +NotRefused +in 3 days +\\d+s$`, 'm'));
    await scene.ready();
    const doctor = await kubectl(['regcred', 'doctor', 'image', `${registry.host}/${IMAGE}`, '-n', namespace]);
    expect(doctor.stdout).to.contain(`expires in 3 days, on ${expiresAt} (known from: Annotation)`);
  });

  it('has exit code 2, and writes nothing, if the credential has mode None', async () => {
    await credentialFor(registry, { mode: 'None' });
    const { code, stdout, stderr } = await check(scene.name);
    expect(stderr).to.contain('has spec.verification.mode None').and.contain('Set it to Report or Require.');
    expect({ code, stdout }).to.deep.equal({ code: 2, stdout: '' });
    expect((await scene.credentialObject()).metadata.annotations).to.equal(undefined);
  });

  it('has exit code 2 if the sources hold no credentials, and names the cause', async () => {
    await scene.credential({ registries: [{ server: registry.host, secretRef: { namespace: SOURCES, name: scene.name } }] });
    await scene.ready('False', 'SourceMissing');
    const { code, stdout, stderr } = await check(scene.name, '--timeout', '1');
    expect(stderr).to.contain('has no credentials for any registry.').and.contain(`Secret ${SOURCES}/${scene.name}`);
    expect({ code, stdout }).to.deep.equal({ code: 2, stdout: '' });
  });

  it('has exit code 2 if it may not patch, and names the right', async () => {
    await credentialFor(registry);
    const config = new KubeConfig();
    config.loadFromFile(cluster.controlPlane.kubeconfig);
    const file = join(cluster.controlPlane.scratch, `${scene.name}.kubeconfig`);
    await viewer(file, config.getCurrentCluster() as ClusterEntry);
    const { code, stderr } = await check(scene.name, '--kubeconfig', file);
    expect(stderr).to.contain('the right to get and patch registrycredentials.regcred.dev');
    expect(code).to.equal(2);
  });

  /** Writes a kubeconfig of a ServiceAccount that may only read RegistryCredentials. */
  async function viewer(file: string, entry: ClusterEntry): Promise<void> {
    const { api } = cluster;
    await scene.makeAccount(SOURCES, scene.name);
    const rbac = '/apis/rbac.authorization.k8s.io/v1';
    const rules = [{ apiGroups: ['regcred.dev'], resources: ['registrycredentials'], verbs: ['get', 'list'] }];
    await api.call('POST', `${rbac}/clusterroles`, { body: { metadata: { name: scene.name }, rules } });
    const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: scene.name };
    const subjects = [{ kind: 'ServiceAccount', namespace: SOURCES, name: scene.name }];
    await api.call('POST', `${rbac}/clusterrolebindings`, { body: { metadata: { name: scene.name }, roleRef, subjects } });
    const spec = { expirationSeconds: 3600 };
    const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec };
    const path = `/api/v1/namespaces/${SOURCES}/serviceaccounts/${scene.name}/token`;
    const { status } = await api.call<{ status: { token: string } }>('POST', path, { body });
    writeKubeconfig(file, entry, { token: status.token }, 'default');
  }

  it('has exit code 2 for a name that does not exist', async () => {
    const { code, stdout, stderr } = await check('nowhere');
    expect(stderr).to.contain('There is no RegistryCredential "nowhere".');
    expect({ code, stdout }).to.deep.equal({ code: 2, stdout: '' });
  });

  it('has exit code 2 if the operator asks no registry', async () => {
    await credentialFor(registry);
    await resultIs('NotRefused');
    await cluster.restart();
    await eventually('the status says so', async () => {
      const { reason } = await scene.condition('Verified');
      if (reason !== 'VerificationDisabled') throw new Error(reason);
    });
    const { code, stdout, stderr } = await check(scene.name);
    expect(stderr).to.contain('The operator runs with --verification=off');
    expect({ code, stdout }).to.deep.equal({ code: 2, stdout: '' });
  });
});
