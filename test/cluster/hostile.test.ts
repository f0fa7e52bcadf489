import { expect } from 'chai';
import type { RegistryCredentialSpec } from '../../src/api/types.ts';
import { auditedSince, endOf, isWrite, objectsOf, repeatedWrites } from '../support/audit.ts';
import { base64 } from '../support/builders.ts';
import { type Cluster, type Scene, SOURCES, theCluster } from '../support/cluster.ts';
import { PASSWORDS } from '../support/corpus.ts';
import { eventually } from '../support/eventually.ts';

/** Input that is large, numerous or malformed, sent through the real API server. */
describe('Extreme input', () => {
  let cluster: Cluster;
  let scene: Scene;
  before(async () => (cluster = await theCluster()));
  beforeEach(() => (scene = cluster.scene()));

  /** The operator is healthy and ready, and places a new credential. */
  async function operatorIsWell(): Promise<void> {
    const url = await cluster.operator.url();
    for (const path of ['/healthz', '/readyz'])
      await eventually(`${path} is ok`, async () => expect((await fetch(url + path)).status, path).to.equal(200));
    await cluster.scene().placed(1);
  }

  describe('A credential with the maximum in every field', () => {
    const fill = (start: string, length: number, end = '') => start + 'a'.repeat(length - start.length - end.length) + end;
    const many = <T>(count: number, make: (n: string) => T): T[] =>
      Array.from({ length: count }, (_, n) => make(String(n).padStart(3, '0')));
    // Of 512 characters. The host has the most that DNS allows, and the path about the most that an image name may have.
    const servers = many(64, (n) => fill(`${fill(`r${n}.`, 253, '.example.com')}:5000/`, 512));

    /** The largest spec that the API accepts. Its labels and names match only what the scene adds. */
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
        verification: { mode: 'Report', interval: '6h' },
      };
    }
    /** Has a dot where the operator cuts it for the name of an Event. The API server accepts that name. */
    const longName = () => fill(`${scene.name}-`, 200, '.') + 'a'.repeat(53);

    it('is accepted, placed and cleaned up, with a small status', async () => {
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
      const { registries, ...rest } = await scene.status(name);
      expect(JSON.stringify(rest).length).to.be.below(4096);
      // 64 rows: a server of at most 512 characters, a message of at most 1 KiB, and short fields.
      expect(registries).to.have.length(64);
      expect(JSON.stringify(registries).length).to.be.below(64 * 2048);
      await operatorIsWell();

      await scene.deleteCredential(name);
      await scene.credentialGone(name);
      for (const namespace of namespaces) {
        await scene.secretGone(namespace, spec.secretName);
        await scene.pullSecretsAre(namespace, []);
      }
    });

    it('whose sources are all missing has a small status, too', async () => {
      await scene.namespaces(2);
      const source = { namespace: SOURCES, name: fill(`${scene.name}-`, 253), key: fill('k', 253) };
      const name = await scene.credential(largest(source), longName());
      await scene.ready('False', 'SourceMissing', name);
      // Seven conditions of at most 1 KiB each.
      expect(JSON.stringify(await scene.status(name)).length).to.be.below(8192);
      await operatorIsWell();
      await scene.deleteCredential(name);
      await scene.credentialGone(name);
    });

    it('whose Secret the API server refuses in many namespaces has 20 failures in its status', async () => {
      await scene.basicAuth();
      const namespaces = await scene.namespaces(25);
      // The schema does not limit the length of a label key; the API server does.
      await scene.credential({ secretMetadata: { labels: { [fill('k', 200)]: 'x' } } });
      await eventually('the status counts all failures', async () => {
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

  it('in passwords reaches the Secret byte for byte', async () => {
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

  it('in the record of an account is removed, and the entries of others stay', async () => {
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

  it('of 64 credentials for the same namespaces needs one write for each Secret and few for each account, and is cleaned up', async () => {
    await scene.basicAuth();
    const namespaces = await scene.namespaces(10);
    const registries = [{ server: 'registry.example.com', secretRef: { namespace: SOURCES, name: scene.name } }];
    const names = Array.from({ length: 64 }, (_, n) => `${scene.name}.${String(n).padStart(2, '0')}`);
    const writes = () =>
      auditedSince(cluster.controlPlane.auditLog, from)
        .filter(({ namespace }) => namespace.startsWith(`${scene.name}-`))
        .filter(isWrite);
    const accountWrites = () =>
      writes().filter(({ verb, resource, code }) => `${verb} ${resource}` === 'patch serviceaccounts' && code < 300);
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
    expect(objectsOf(writes())['create secrets']).to.equal(640);
    expect(repeatedWrites(writes()).filter((write) => write.startsWith('create'))).to.deep.equal([]);
    // The operator decides them together: one write for each credential and account would be 640.
    expect(accountWrites().length).to.be.below(600);

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
    expect(objectsOf(writes())['delete secrets']).to.equal(640);
    expect(repeatedWrites(writes()).filter((write) => write.startsWith('delete'))).to.deep.equal([]);
    expect(accountWrites().length).to.be.below(600);
  });
});
