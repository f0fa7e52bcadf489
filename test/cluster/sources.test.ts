import { expect } from 'chai';
import { type Cluster, type Scene, SOURCES, theCluster } from '../support/cluster.ts';
import { eventually } from '../support/eventually.ts';

/** Not a real password, and not a part of any message. */
const CANARY = 'canary-7f3a-not-a-password';
const base64 = (text: string) => Buffer.from(text).toString('base64');
const auth = (text = `robot:${CANARY}`) => ({ auth: base64(text) });

interface Case {
  readonly type?: string;
  readonly values: Record<string, string>;
  /** Fields of the secretRef in addition to namespace and name. */
  readonly ref?: object;
  /** Listed under dockerConfigs instead of registries. */
  readonly whole?: true;
  readonly server?: string;
}

const DOCKER_CONFIG_JSON = 'kubernetes.io/dockerconfigjson';
const opaque = (config: unknown): Case => ({
  type: 'Opaque',
  values: { 'config.json': typeof config === 'string' ? config : JSON.stringify(config) },
  ref: { key: 'config.json' },
});

describe('Sources', () => {
  let cluster: Cluster;
  let scene: Scene;
  before(async () => (cluster = await theCluster()));
  beforeEach(() => (scene = cluster.scene()));

  async function place({ type = DOCKER_CONFIG_JSON, values, ref = {}, whole, server = 'registry.example.com' }: Case): Promise<string> {
    const namespace = await scene.namespace();
    await scene.secret(SOURCES, scene.name, type, values);
    const secretRef = { namespace: SOURCES, name: scene.name, ...ref };
    await scene.credential(whole ? { dockerConfigs: [{ secretRef }] } : { registries: [{ server, secretRef }] });
    return namespace;
  }

  describe('of every kind are read', () => {
    const config = { auths: { 'registry.example.com': auth(), 'other.example.com': auth('else:sample-elsewhere') } };
    const kinds: Record<string, Case & { servers: string[] }> = {
      'basic-auth': {
        type: 'kubernetes.io/basic-auth',
        values: { username: 'robot', password: CANARY },
        servers: ['registry.example.com'],
      },
      'dockerconfigjson: only the entry for the server': {
        values: { '.dockerconfigjson': JSON.stringify(config) },
        servers: ['registry.example.com'],
      },
      'dockerconfigjson, whole': {
        values: { '.dockerconfigjson': JSON.stringify(config) },
        whole: true,
        servers: ['other.example.com', 'registry.example.com'],
      },
      'legacy dockercfg': {
        type: 'kubernetes.io/dockercfg',
        values: { '.dockercfg': JSON.stringify(config.auths) },
        servers: ['registry.example.com'],
      },
      'legacy dockercfg, whole': {
        type: 'kubernetes.io/dockercfg',
        values: { '.dockercfg': JSON.stringify(config.auths) },
        whole: true,
        servers: ['other.example.com', 'registry.example.com'],
      },
      'Opaque with username and password': {
        type: 'Opaque',
        values: { username: 'robot', password: CANARY },
        servers: ['registry.example.com'],
      },
      'Opaque with keys of other names': {
        type: 'Opaque',
        values: { user: 'robot', token: CANARY },
        ref: { usernameKey: 'user', passwordKey: 'token' },
        servers: ['registry.example.com'],
      },
      'Opaque with a docker config': { ...opaque(config), servers: ['registry.example.com'] },
      'a docker config with username and password instead of auth': {
        ...opaque({ auths: { 'registry.example.com': { username: 'robot', password: CANARY } } }),
        servers: ['registry.example.com'],
      },
    };
    for (const [what, { servers, ...source }] of Object.entries(kinds)) {
      it(what, async () => {
        const namespace = await place(source);
        await scene.ready();
        const { auths } = await scene.dockerConfigIn(namespace);
        expect(Object.keys(auths)).to.deep.equal(servers);
        expect(auths['registry.example.com']).to.deep.equal({ auth: base64(`robot:${CANARY}`), password: CANARY, username: 'robot' });
      });
    }

    it('Docker Hub under any of its names, written with the name that the kubelet looks up, and with the email', async () => {
      const namespace = await place({
        ...opaque({ auths: { 'registry-1.docker.io': { ...auth(), email: 'robot@example.com' } } }),
        server: 'docker.io',
      });
      await scene.ready();
      expect(await scene.dockerConfigIn(namespace)).to.deep.equal({
        auths: {
          'https://index.docker.io/v1/': {
            auth: base64(`robot:${CANARY}`),
            email: 'robot@example.com',
            password: CANARY,
            username: 'robot',
          },
        },
      });
    });

    it('a key file of Google with its newline at the end', async () => {
      const password = `${JSON.stringify({ type: 'service_account', private_key: CANARY }, null, 2)}\n`;
      const namespace = await place({ type: 'kubernetes.io/basic-auth', values: { username: '_json_key', password } });
      await scene.ready();
      expect((await scene.dockerConfigIn(namespace)).auths['registry.example.com']).to.deep.include({ username: '_json_key', password });
    });

    it('a whole config without the entries that no kubelet could use, which SourcesReady names', async () => {
      const auths = { 'registry.example.com': auth(), 'desktop.example.com': {}, 'oci://ghcr.io': auth(), 'ghcr.io ': auth() };
      const namespace = await place({ ...opaque({ auths, credsStore: 'desktop' }), whole: true });
      await scene.ready();
      expect(Object.keys((await scene.dockerConfigIn(namespace)).auths)).to.deep.equal(['registry.example.com']);
      const { status, message } = await scene.condition('SourcesReady');
      expect(status).to.equal('True');
      for (const text of ['desktop.example.com: the password is not in this config', 'server "oci://ghcr.io"', 'server "ghcr.io "'])
        expect(message).to.contain(text);
      expect(message).to.not.contain(CANARY);
    });

    it('registries before dockerConfigs, and later dockerConfigs before earlier ones', async () => {
      const namespace = await scene.namespace();
      // The first config has a, b and c; the second has a and b; the third has only a.
      const config = (who: string) =>
        JSON.stringify({
          auths: Object.fromEntries(
            ['a', 'b', 'c'].slice(0, 4 - Number(who)).map((host) => [`${host}.example.com`, auth(`${who}:${CANARY}`)]),
          ),
        });
      await scene.secret(SOURCES, `${scene.name}-1`, DOCKER_CONFIG_JSON, { '.dockerconfigjson': config('1') });
      await scene.secret(SOURCES, `${scene.name}-2`, DOCKER_CONFIG_JSON, { '.dockerconfigjson': config('2') });
      await scene.secret(SOURCES, `${scene.name}-3`, DOCKER_CONFIG_JSON, { '.dockerconfigjson': config('3') });
      const ref = (at: number) => ({ secretRef: { namespace: SOURCES, name: `${scene.name}-${at}` } });
      await scene.credential({ dockerConfigs: [ref(1), ref(2)], registries: [{ server: 'a.example.com', ...ref(3) }] });
      await scene.ready();
      const { auths } = await scene.dockerConfigIn(namespace);
      expect(Object.entries(auths).map(([server, { username }]) => `${server} ${username}`)).to.deep.equal([
        'a.example.com 3',
        'b.example.com 2',
        'c.example.com 1',
      ]);
    });
  });

  describe('that cannot work are reported before anything is placed, with the name and the fix:', () => {
    const traps: Record<string, Case & { reason: string; says: (string | RegExp)[] }> = {
      'not JSON': { ...opaque(`{"auths": ${CANARY}`), reason: 'NotJSON', says: ['key "config.json"', 'not a JSON object'] },
      'text in UTF-16': {
        type: 'kubernetes.io/basic-auth',
        values: { username: 'robot', password: `${CANARY}`.replace(/./g, '$&\0') },
        reason: 'WrongEncoding',
        says: ['the password is text in UTF-16'],
      },
      'the server in other letters': {
        ...opaque({ auths: { 'Registry.example.com': auth() } }),
        reason: 'ServerMissing',
        says: ['Registry.example.com, which differs only in upper and lower case', 'docker login registry.example.com'],
      },
      'one server twice': {
        ...opaque(
          `{"auths":{"registry.example.com":${JSON.stringify(auth())},"registry.example.com":${JSON.stringify(auth(`other:${CANARY}`))}}}`,
        ),
        reason: 'MalformedEntry',
        says: ['twice with different values'],
      },
      'JSON encoded in base64 twice': {
        ...opaque(base64(JSON.stringify({ auths: { 'registry.example.com': auth() } }))),
        reason: 'EncodedTwice',
        says: ['base64-encoded twice', 'stringData'],
      },
      'auths missing': {
        ...opaque({ 'registry.example.com': auth() }),
        reason: 'AuthsMissing',
        says: ['"auths"', 'legacy format', '{"auths": {…}}'],
      },
      'auth that is not base64': {
        ...opaque({ auths: { 'registry.example.com': { auth: `${CANARY}!` } } }),
        reason: 'AuthNotBase64',
        says: ['registry.example.com', 'not base64'],
      },
      'auth that is base64, but not of user:password': {
        ...opaque({ auths: { 'registry.example.com': auth(`${CANARY}!`) } }),
        reason: 'AuthNotBase64',
        says: ['no colon', 'username:password'],
      },
      'auth encoded twice': {
        ...opaque({ auths: { 'registry.example.com': auth(base64(`robot:${CANARY}`)) } }),
        reason: 'EncodedTwice',
        says: ['"auth" is base64-encoded twice'],
      },
      'auth with a trailing newline inside': {
        ...opaque({ auths: { 'registry.example.com': auth(`robot:${CANARY}\n`) } }),
        reason: 'TrailingNewline',
        says: ['newline', "printf '%s'"],
      },
      'an empty password': {
        ...opaque({ auths: { 'registry.example.com': auth('robot:') } }),
        reason: 'EmptyPassword',
        says: ['password is empty'],
      },
      'an empty password in a basic-auth Secret': {
        type: 'kubernetes.io/basic-auth',
        values: { username: CANARY, password: '' },
        reason: 'EmptyPassword',
        says: ['keys "username" and "password"', 'password is empty'],
      },
      'a username with a colon': {
        type: 'kubernetes.io/basic-auth',
        values: { username: `robot:${CANARY}`, password: CANARY },
        reason: 'ColonInUsername',
        says: ['colon'],
      },
      'the docker login of Docker Desktop': {
        ...opaque({ auths: { 'registry.example.com': {} }, credsStore: 'desktop' }),
        reason: 'PasswordInCredentialStore',
        says: ['credential store', 'basic-auth'],
      },
      'a credential helper for the server': {
        ...opaque({ auths: {}, credHelpers: { 'registry.example.com': 'gcloud' } }),
        reason: 'PasswordInCredentialStore',
        says: ['credHelpers'],
      },
      'only an identity token': {
        ...opaque({ auths: { 'registry.example.com': { auth: base64('00000000-0000:'), identitytoken: CANARY } } }),
        reason: 'IdentityTokenOnly',
        says: ['identity token', 'username and a password'],
      },
      'no entry for the server': {
        ...opaque({ auths: { 'a.example.com': auth(), 'b.example.com': auth() } }),
        reason: 'ServerMissing',
        says: ['a.example.com, b.example.com', 'no entry for registry.example.com'],
      },
      'a Secret of the wrong type': {
        type: 'kubernetes.io/tls',
        values: { 'tls.crt': CANARY, 'tls.key': CANARY },
        reason: 'WrongSecretType',
        says: ['"kubernetes.io/tls"', 'kubernetes.io/basic-auth'],
      },
      'a missing key': {
        type: 'Opaque',
        values: { user: CANARY, password: CANARY },
        reason: 'KeyMissing',
        says: ['"username"', 'password, user'],
      },
      'a missing docker config key': {
        type: 'Opaque',
        values: { 'config.yaml': CANARY },
        ref: { key: 'config.json' },
        reason: 'KeyMissing',
        says: ['"config.json"', 'config.yaml'],
      },
      'a whole config in an Opaque Secret, without a key': {
        type: 'Opaque',
        values: { 'config.json': CANARY },
        whole: true,
        reason: 'KeyMissing',
        says: ['secretRef.key'],
      },
      'a username and password under dockerConfigs': {
        type: 'kubernetes.io/basic-auth',
        values: { username: 'robot', password: CANARY },
        whole: true,
        reason: 'WrongSecretType',
        says: ['under spec.registries'],
      },
    };
    for (const [what, { reason, says, ...source }] of Object.entries(traps)) {
      it(what, async () => {
        const namespace = await place(source);
        const ready = await scene.ready('False', reason);
        const condition = await scene.condition('SourcesReady');
        expect(condition).to.include({ status: 'False', reason });
        // An entry of dockerConfigs names no server.
        const server = source.whole ? [] : ['registry.example.com'];
        for (const text of [`Secret ${SOURCES}/${scene.name}`, ...server, ...says])
          expect(ready.message).to.match(typeof text === 'string' ? new RegExp(text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')) : text);
        await scene.secretGone(namespace);
        expect(await scene.pullSecrets(namespace)).to.deep.equal([]);
        await scene.told(reason);
        const told = [
          await cluster.kubectl('get', 'regcred', scene.name, '-o', 'yaml'),
          JSON.stringify(await scene.events()),
          cluster.operator.log(),
        ].join('\n');
        for (const secret of [CANARY, base64(CANARY).replace(/=+$/, ''), base64(`robot:${CANARY}`)]) expect(told).to.not.contain(secret);
      });
    }

    it('a config of more than 1 MiB', async () => {
      await scene.namespace();
      const refs = await Promise.all(
        [1, 2, 3].map(async (at) => {
          const auths = Object.fromEntries(
            Array.from({ length: 300 }, (_, n) => [`r${at}-${n}.example.com`, auth(`robot:${'x'.repeat(700)}`)]),
          );
          await scene.secret(SOURCES, `${scene.name}-${at}`, DOCKER_CONFIG_JSON, { '.dockerconfigjson': JSON.stringify({ auths }) });
          return { secretRef: { namespace: SOURCES, name: `${scene.name}-${at}` } };
        }),
      );
      await scene.credential({ dockerConfigs: refs });
      expect((await scene.ready('False', 'TooLarge')).message).to.contain('1 MiB');
    });

    for (const [one, other] of [
      ['docker.io', 'https://index.docker.io/v1/'],
      ['ghcr.io', 'https://ghcr.io'],
    ] as const) {
      it(`two registries that mean the same server, which the API server accepts: ${one} and ${other}`, async () => {
        const secretRef = await scene.basicAuth();
        await scene.credential({ registries: [one, other].map((server) => ({ server, secretRef })) });
        expect((await scene.ready('False', 'DuplicateServer')).message).to.contain(`${one} and ${other}`);
      });
    }

    it('a source that is a copy of the credential itself', async () => {
      const [namespace] = (await scene.placed(1)) as [string];
      await scene.patchCredential({ dockerConfigs: [{ secretRef: { namespace, name: scene.name } }] });
      expect((await scene.ready('False', 'SourceIsOwnOutput')).message).to.contain(`${namespace}/${scene.name}`);
    });
  });

  it('that are missing are named, and the credential becomes Ready when they are created', async () => {
    const namespace = await scene.namespace();
    await scene.credential();
    const { message } = await scene.ready('False', 'SourceMissing');
    expect(message).to.contain(`Secret ${SOURCES}/${scene.name} (server registry.example.com) does not exist`);
    expect(await scene.pullSecrets(namespace)).to.deep.equal([]);
    await scene.basicAuth();
    await scene.ready();
    await scene.secretIn(namespace);
    await scene.pullSecretsAre(namespace, [scene.name]);
  });

  it('in a missing namespace are found once the namespace exists', async () => {
    const sources = `${scene.name}x`;
    await scene.credential({ registries: [{ server: 'registry.example.com', secretRef: { namespace: sources, name: 'late' } }] });
    await scene.ready('False', 'SourceMissing');
    await scene.namespace({}, sources);
    await scene.secret(sources, 'late', 'kubernetes.io/basic-auth', { username: 'robot', password: 'sample-password' });
    await scene.ready();
  });

  it('that become invalid leave the last valid content in place, for new namespaces too', async () => {
    const [namespace] = (await scene.placed(1)) as [string];
    const before = await scene.secretIn(namespace);
    await scene.patch(`/api/v1/namespaces/${SOURCES}/secrets/${scene.name}`, { data: { password: null } });
    await scene.ready('False', 'KeyMissing');
    const later = await scene.namespace();
    await scene.secretPlaced(later);
    await scene.pullSecretsAre(later, [scene.name]);
    await scene.deleteSecret(SOURCES);
    await scene.ready('False', 'SourceMissing');
    const after = await scene.secretIn(namespace);
    expect(after.metadata.resourceVersion).to.equal(before.metadata.resourceVersion);
    await scene.basicAuth('rotated-sample');
    await scene.ready();
    expect((await scene.dockerConfigIn(namespace)).auths['registry.example.com']?.password).to.equal('rotated-sample');
  });

  it('that are missing at a restart remove nothing, and the operator still repairs references', async () => {
    const [namespace] = (await scene.placed(1)) as [string];
    const before = await scene.secretIn(namespace);
    await cluster.restart(() => scene.deleteSecret(SOURCES));
    await scene.ready('False', 'SourceMissing');
    await scene.patchAccount(namespace, { imagePullSecrets: null });
    await scene.pullSecretsAre(namespace, [scene.name]);
    expect((await scene.secretIn(namespace)).metadata.resourceVersion).to.equal(before.metadata.resourceVersion);
    expect((await scene.status()).secretName).to.equal(scene.name);
  });

  it('are rotated: the operator updates every copy in place, without a write to the accounts', async () => {
    const namespaces = await scene.placed(3);
    const before = await Promise.all(namespaces.map((namespace) => scene.secretIn(namespace)));
    const accounts = await Promise.all(namespaces.map((namespace) => scene.account(namespace)));
    await scene.rotate('rotated-sample');
    for (const [at, namespace] of namespaces.entries()) {
      await eventually('the copy is updated', async () =>
        expect((await scene.dockerConfigIn(namespace)).auths['registry.example.com']?.password).to.equal('rotated-sample'),
      );
      expect((await scene.secretIn(namespace)).metadata.uid).to.equal(before[at]?.metadata.uid);
      expect((await scene.account(namespace)).metadata.resourceVersion).to.equal(accounts[at]?.metadata.resourceVersion);
    }
    await scene.told('Rotated');
  });

  it('that are rotated during a suspension are distributed after it, and not reported before', async () => {
    const [namespace] = (await scene.placed(1)) as [string];
    await scene.patchCredential({ suspend: true });
    await scene.ready('Unknown', 'Suspended');
    await scene.rotate('rotated-sample');
    await cluster.scene().placed(1); // By then the operator would have updated the copy.
    expect((await scene.dockerConfigIn(namespace)).auths['registry.example.com']?.password).to.equal('sample-password');
    expect((await scene.events()).map(({ reason }) => reason)).to.not.include('Rotated');
    await scene.patchCredential({ suspend: false });
    await scene.ready();
    expect((await scene.dockerConfigIn(namespace)).auths['registry.example.com']?.password).to.equal('rotated-sample');
  });

  it('that are invalid do not affect another credential', async () => {
    const [namespace] = (await scene.placed(1)) as [string];
    const broken = `${scene.name}-broken`;
    await scene.secret(SOURCES, broken, 'Opaque', { 'config.json': 'nonsense' });
    await scene.credential({ dockerConfigs: [{ secretRef: { namespace: SOURCES, name: broken, key: 'config.json' } }] }, broken);
    await scene.ready('False', 'NotJSON', broken);
    await scene.rotate('rotated-sample');
    await eventually('the other copy is updated', async () =>
      expect((await scene.dockerConfigIn(namespace)).auths['registry.example.com']?.password).to.equal('rotated-sample'),
    );
    await scene.ready();
  });

  it('do not pass their labels and annotations to the copies', async () => {
    const namespace = await scene.namespace();
    const metadata = { labels: { 'app.kubernetes.io/instance': 'argo' }, annotations: { 'argocd.argoproj.io/tracking-id': 'x' } };
    await scene.secret(SOURCES, scene.name, 'kubernetes.io/basic-auth', { username: 'robot', password: 'sample-password' }, metadata);
    await scene.credential();
    await scene.ready();
    const copy = await scene.secretIn(namespace);
    expect(copy.metadata.labels).to.not.have.property('app.kubernetes.io/instance');
    expect(copy.metadata.annotations).to.not.have.property('argocd.argoproj.io/tracking-id');
  });
});
