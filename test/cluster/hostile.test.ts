import { expect } from 'chai';
import type { RegistryCredentialSpec } from '../../src/api/types.ts';
import { auditedSince, endOf } from '../support/audit.ts';
import { base64 } from '../support/builders.ts';
import { type Cluster, type Scene, SOURCES, theCluster } from '../support/cluster.ts';
import { PASSWORDS } from '../support/corpus.ts';
import { eventually } from '../support/eventually.ts';

/** What is large, many or odd, through the real API server. */
describe('Hostile input', () => {
  let cluster: Cluster;
  let scene: Scene;
  before(async () => (cluster = await theCluster()));
  beforeEach(() => (scene = cluster.scene()));

  /** Healthy, ready, and at work: a credential made now is placed. */
  async function operatorIsWell(): Promise<void> {
    const url = await cluster.operator.url();
    for (const path of ['/healthz', '/readyz']) expect((await fetch(url + path)).status, path).to.equal(200);
    await cluster.scene().placed(1);
  }

  describe('A credential with the most of everything that the API takes', () => {
    const fill = (start: string, length: number, end = '') => start + 'a'.repeat(length - start.length - end.length) + end;
    const many = <T>(count: number, make: (n: string) => T): T[] =>
      Array.from({ length: count }, (_, n) => make(String(n).padStart(3, '0')));
    const servers = many(64, (n) => fill(`r${n}.example.com/`, 512));

    /** As large as may be; the labels and names match nothing but what the scene adds. */
    function largest(source: { namespace: string; name: string; key: string }): RegistryCredentialSpec {
      const labels = Object.fromEntries(many(64, (n) => [fill('example.com/', 75, n), fill('x', 63)]));
      const selector = {
        matchLabels: labels,
        matchExpressions: many(64, (n) => ({
          key: fill('example.com/', 317, n),
          operator: 'In' as const,
          values: many(64, (m) => fill('y', 63, m)),
        })),
      };
      return {
        registries: servers.map((server) => ({ server, secretRef: source })),
        dockerConfigs: many(16, () => ({ secretRef: source })),
        namespaces: {
          names: [`${scene.name}-*`, ...many(255, (n) => fill('*a', 63, n))],
          selector,
          exclude: { names: many(256, (n) => fill('z', 63, n)), selector },
        },
        serviceAccounts: { names: ['default', ...many(255, (n) => fill('*a', 253, n))], selector },
        podInjection: 'Append',
        secretName: fill(`${scene.name}.`, 253),
        secretMetadata: {
          labels: Object.fromEntries(many(32, (n) => [fill(`${'d.'.repeat(126)}d/`, 316, n), fill('x', 63)])),
          annotations: Object.fromEntries(many(32, (n) => [fill(`${'d.'.repeat(126)}d/`, 316, n), fill('x', 4096)])),
        },
        conflictPolicy: 'Fail',
        deletionPolicy: 'Delete',
        podRecovery: 'None',
        suspend: false,
      };
    }
    /** With a dot where it is cut for the name of an Event: the API server takes that. */
    const longName = () => fill(`${scene.name}-`, 200, '.') + 'a'.repeat(53);

    it('is accepted, placed and taken back, with a small status', async () => {
      const namespaces = await scene.namespaces(2);
      const source = { namespace: SOURCES, name: fill(`${scene.name}-`, 253), key: fill('k', 253) };
      const auths = Object.fromEntries(servers.map((server, n) => [server, { auth: base64(`robot-${n}:sample-password`) }]));
      await scene.secret(SOURCES, source.name, 'Opaque', { [source.key]: JSON.stringify({ auths }) });
      const spec = largest(source);
      const name = await scene.credential(spec, longName());
      expect((await scene.credentialObject(name)).spec).to.deep.equal(spec);

      await scene.ready('True', 'Synced', name);
      await scene.told('Synced', name);
      for (const namespace of namespaces) {
        expect(Object.keys((await scene.dockerConfigIn(namespace, spec.secretName)).auths)).to.deep.equal([...servers].sort());
        await scene.pullSecretsAre(namespace, [spec.secretName as string]);
      }
      expect(JSON.stringify(await scene.status(name)).length).to.be.below(4096);
      await operatorIsWell();

      await scene.deleteCredential(name);
      await scene.credentialGone(name);
      for (const namespace of namespaces) {
        await scene.secretGone(namespace, spec.secretName);
        await scene.pullSecretsAre(namespace, []);
      }
    });

    it('of which nothing is right has a small status, too', async () => {
      await scene.namespaces(2);
      const source = { namespace: SOURCES, name: fill(`${scene.name}-`, 253), key: fill('k', 253) };
      const name = await scene.credential(largest(source), longName());
      await scene.ready('False', 'SourceMissing', name);
      // Five conditions of 1 KiB at most.
      expect(JSON.stringify(await scene.status(name)).length).to.be.below(8192);
      await operatorIsWell();
      await scene.deleteCredential(name);
      await scene.credentialGone(name);
    });

    it('whose Secret the API server refuses in many namespaces has a status that holds 20 failures', async () => {
      await scene.basicAuth();
      const namespaces = await scene.namespaces(25);
      // The schema does not know how long the key of a label may be; the API server does.
      await scene.credential({ secretMetadata: { labels: { [fill('k', 200)]: 'x' } } });
      await eventually('all failures are counted', async () => {
        const { failuresTotal, failures } = await scene.status();
        expect({ failuresTotal, shown: failures?.length }).to.deep.equal({ failuresTotal: namespaces.length, shown: 20 });
      });
      const ready = await scene.condition('Ready');
      expect(ready).to.include({ status: 'False', reason: 'Refused' });
      expect(JSON.stringify(await scene.status()).length).to.be.below(32 * 1024);
      await operatorIsWell();
      await scene.deleteCredential();
      await scene.credentialGone();
    });
  });

  it('in passwords comes through to the Secret byte for byte', async () => {
    const [namespace] = (await scene.namespaces(1)) as [string];
    const passwords = Object.values(PASSWORDS).map((password, n) => ({
      server: `r${n}.example.com`,
      password,
      name: `${scene.name}-${n}`,
    }));
    const auths = Object.fromEntries(passwords.map(({ server, password }) => [`${server}/whole`, { username: 'robot', password }]));
    await scene.secret(SOURCES, scene.name, 'kubernetes.io/dockerconfigjson', { '.dockerconfigjson': JSON.stringify({ auths }) });
    for (const { name, password } of passwords)
      await scene.secret(SOURCES, name, 'kubernetes.io/basic-auth', { username: 'robot', password });
    await scene.credential({
      registries: passwords.map(({ server, name }) => ({ server, secretRef: { namespace: SOURCES, name } })),
      dockerConfigs: [{ secretRef: { namespace: SOURCES, name: scene.name } }],
    });
    await scene.ready();
    const placed = (await scene.dockerConfigIn(namespace)).auths;
    for (const { server, password } of passwords) {
      const want = { username: 'robot', password, auth: base64(`robot:${password}`) };
      expect(placed[server]).to.deep.equal(want);
      expect(placed[`${server}/whole`]).to.deep.equal(want);
    }
  });

  it('in the record of an account is cleared away, and what others put into the list stays', async () => {
    const [namespace] = (await scene.namespaces(1)) as [string];
    const record = Array.from({ length: 40_000 }, (_, n) => n.toString(36)).join(',');
    const metadata = { annotations: { 'regcred.dev/pull-secrets': record } };
    await scene.patchAccount(namespace, { metadata, imagePullSecrets: [{ name: 'theirs' }] });
    await scene.basicAuth();
    await scene.credential();
    await scene.ready();
    await scene.pullSecretsAre(namespace, ['theirs', scene.name]);
    expect((await scene.account(namespace)).metadata.annotations).to.deep.equal({ 'regcred.dev/pull-secrets': scene.name });
    await operatorIsWell();
  });

  it('64 credentials over the same namespaces are placed with one write for each Secret and few for each account, and taken back', async () => {
    await scene.basicAuth();
    const namespaces = await scene.namespaces(10);
    const registries = [{ server: 'registry.example.com', secretRef: { namespace: SOURCES, name: scene.name } }];
    const names = Array.from({ length: 64 }, (_, n) => `${scene.name}.${String(n).padStart(2, '0')}`);
    const writes = () => {
      const counts: Record<string, number> = {};
      for (const { verb, resource, namespace, code } of auditedSince(cluster.controlPlane.auditLog, from)) {
        if (!namespace.startsWith(`${scene.name}-`)) continue;
        const what = `${verb} ${resource}${code >= 400 ? ' refused' : ''}`;
        counts[what] = (counts[what] ?? 0) + 1;
      }
      return counts;
    };
    let from = endOf(cluster.controlPlane.auditLog);

    await Promise.all(names.map((name) => scene.credential({ registries }, name)));
    for (const name of names) await scene.ready('True', 'Synced', name);
    for (const namespace of namespaces) {
      expect((await scene.pullSecrets(namespace)).sort()).to.deep.equal(names);
      const { metadata } = await scene.account(namespace);
      expect(metadata.annotations?.['regcred.dev/pull-secrets']).to.equal(names.join());
    }
    for (const name of names) {
      expect(await scene.status(name)).to.deep.include({
        summary: '10/10',
        namespaces: { desired: 10, synced: 10, failed: 0, conflicted: 0 },
        serviceAccounts: { desired: 10, synced: 10, failed: 0, conflicted: 0 },
        failuresTotal: 0,
      });
    }
    expect(writes()['create secrets']).to.equal(640);
    // Decided together: a write for each credential and account would be 640.
    expect(writes()['patch serviceaccounts']).to.be.below(320);

    from = endOf(cluster.controlPlane.auditLog);
    await Promise.all(names.map((name) => scene.deleteCredential(name)));
    for (const name of names) await scene.credentialGone(name);
    for (const namespace of namespaces) {
      const account = await scene.account(namespace);
      expect(account.imagePullSecrets).to.equal(undefined);
      expect(account.metadata.annotations ?? {}).to.not.have.property('regcred.dev/pull-secrets');
      const { items } = await scene.api.call<{ items: object[] }>('GET', `/api/v1/namespaces/${namespace}/secrets`);
      expect(items).to.deep.equal([]);
    }
    expect(writes()['delete secrets']).to.equal(640);
    expect(writes()['patch serviceaccounts']).to.be.below(320);
  }).timeout(120_000);
});
