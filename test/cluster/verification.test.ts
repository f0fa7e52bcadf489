import { expect } from 'chai';
import type { RegistryCredentialSpec } from '../../src/api/types.ts';
import { type Cluster, type Scene, SOURCES, startCluster, stopCluster } from '../support/cluster.ts';
import { eventually } from '../support/eventually.ts';
import { leads } from '../support/operator.ts';
import { type Registry, ROBOT, startRegistry } from '../support/registry.ts';
import { type SampleRegistry, startSampleRegistry } from '../support/sample-registry.ts';

type Verification = RegistryCredentialSpec['verification'];
type Row = { server: string; result: string; message?: string; checkedAt?: string; expiresAt?: string; expirySource?: string };

const GOOD = 'sample-password-that-is-good';
const BETTER = 'sample-password-that-is-better';
const BAD = 'sample-password-that-is-refused';
const REQUIRE: Verification = { mode: 'Require', interval: '6h' };
const REPORT: Verification = { mode: 'Report', interval: '6h' };
/** Each test has registries of its own, because their names are fixed when the operator starts. */
const REGISTRIES = 24;

describe('Verification', () => {
  let cluster: Cluster;
  let scene: Scene;
  let real: Registry;
  const registries: SampleRegistry[] = [];
  let used = 0;
  /** Asked before all other tests, so that nobody has to wait for a minute. */
  let requested: { scene: Scene; at: SampleRegistry; since: number };

  before(async function () {
    this.timeout(600_000);
    for (let n = 0; n < REGISTRIES; n++) registries.push(await startSampleRegistry());
    real = await startRegistry('token', (line) => console.error(line));
    await real.push('acme/app', '1');
    const hosts = [real, ...registries].map(({ host }) => host).join();
    cluster = await startCluster([], { REGCRED_VERIFICATION: 'on', REGCRED_INSECURE_REGISTRIES: hosts, REGCRED_LOG_LEVEL: 'debug' });

    scene = cluster.scene();
    requested = { scene, at: registry(GOOD), since: Date.now() };
    await credential(requested.at, GOOD, REPORT);
    await rowIs('NotRefused', requested.at.host);
  });
  after(async () => {
    for (const registry of registries) registry.close();
    if (cluster) await stopCluster(cluster);
    await real?.stop();
  });
  beforeEach(() => (scene = cluster.scene()));

  /** A registry that no other test uses. It accepts these passwords. */
  function registry(...passwords: string[]): SampleRegistry {
    const next = registries[used++] as SampleRegistry;
    for (const password of passwords) next.passwords.add(password);
    return next;
  }

  const serverOf = (host: string, suffix = '', more: object = {}) => ({
    server: host,
    secretRef: { namespace: SOURCES, name: `${scene.name}${suffix}` },
    ...more,
  });

  const passwordIn = async (namespace: string, { host }: Pick<SampleRegistry, 'host'>) =>
    (await scene.dockerConfigIn(namespace)).auths[host]?.password;
  const isPlaced = (namespace: string, at: Pick<SampleRegistry, 'host'>, password: string) =>
    eventually(`${namespace} has the password ${password}`, async () => expect(await passwordIn(namespace, at)).to.equal(password));
  const rows = async () => ((await scene.status()).registries ?? []) as Row[];
  const rowIs = (result: string, host: string) =>
    eventually(`${host} is ${result}`, async () => {
      const row = (await rows()).find(({ server }) => server === host);
      expect(row?.result, row?.message).to.equal(result);
      return row as Row;
    });
  const verifiedIs = (status: string, reason: string) =>
    eventually(`Verified is ${status} ${reason}`, async () => {
      const condition = await scene.condition('Verified');
      expect([condition.status, condition.reason], condition.message).to.deep.equal([status, reason]);
      return condition;
    });
  const stateSecret = async () => {
    const { metadata } = await scene.credentialObject();
    return `/api/v1/namespaces/regcred-system/secrets/regcred-state-${metadata.uid}`;
  };
  const readState = async () => {
    const { data } = await cluster.api.call<{ data: Record<string, string> }>('GET', await stateSecret());
    return JSON.parse(Buffer.from(data['state.json'] ?? '', 'base64').toString()) as {
      released: [string, { auth: string }][];
      checks: [string, { result: string }][];
      key: string;
    };
  };

  /** A credential for one registry, with one namespace, from a Secret with this password. */
  async function credential(at: Pick<SampleRegistry, 'host'>, password: string, verification: Verification, more: object = {}) {
    await scene.basicAuth(password);
    const namespace = await scene.namespace();
    await scene.credential({ registries: [serverOf(at.host, '', more)], verification });
    return namespace;
  }

  describe('under Require', () => {
    it('holds back a refused password over a restart, serves and repairs with the last one, and releases the next good one', async () => {
      const at = registry(GOOD, BETTER);
      const namespace = await credential(at, GOOD, REQUIRE);
      await scene.ready();
      await rowIs('NotRefused', at.host);

      await scene.rotate(BAD);
      const { message } = await scene.ready('False', 'RegistryRefused');
      expect(message).to.contain(`${at.host} refuses the login of Secret ${SOURCES}/${scene.name}`);
      expect(message).to.contain('401').and.contain('The last accepted entry stays in place.').and.not.contain('sample-text');
      expect(await passwordIn(namespace, at)).to.equal(GOOD);
      const placed = await scene.secretIn(namespace);
      await scene.told('RegistryRefused');

      // The state is written a moment after the status.
      await eventually('the refusal is remembered', async () =>
        expect((await readState()).checks.map(([, { result }]) => result)).to.include('Refused'),
      );
      const logins = at.logins();
      await cluster.restart();
      const later = await scene.namespace();
      await isPlaced(later, at, GOOD);
      await scene.deleteSecret(namespace);
      await scene.secretPlaced(namespace);
      await isPlaced(namespace, at, GOOD);
      expect((await scene.secretIn(namespace)).metadata.uid).to.not.equal(placed.metadata.uid);
      await scene.ready('False', 'RegistryRefused');
      expect(at.logins()).to.equal(logins);

      await scene.rotate(BETTER);
      await isPlaced(namespace, at, BETTER);
      await isPlaced(later, at, BETTER);
      await scene.ready();
      await verifiedIs('True', 'NotRefused');
      await eventually('an Event of the recovery', async () =>
        expect((await scene.events()).filter(({ reason, type }) => reason === 'NotRefused' && type === 'Normal')).to.have.lengthOf(1),
      );
    });

    it('holds back one of two servers, and releases the other', async () => {
      const [one, two] = [registry(GOOD, BETTER), registry(GOOD)];
      for (const suffix of ['-1', '-2']) await scene.basicAuth(GOOD, suffix);
      const namespace = await scene.namespace();
      await scene.credential({ registries: [serverOf(one.host, '-1'), serverOf(two.host, '-2')], verification: REQUIRE });
      await scene.ready();
      for (const suffix of ['-1', '-2']) await scene.rotate(BETTER, suffix);
      await isPlaced(namespace, one, BETTER);
      const { message } = await scene.ready('False', 'RegistryRefused');
      expect(message).to.contain(two.host).and.not.contain(one.host);
      expect(await passwordIn(namespace, two)).to.equal(GOOD);
      two.passwords.add(BETTER);
      await scene.rotate(`${BETTER}-2`, '-2');
      two.passwords.add(`${BETTER}-2`);
      await scene.rotate(GOOD, '-2');
      await scene.ready();
    });

    it('keeps the entry of a source that was deleted, and releases a rotation of another', async () => {
      const [one, two] = [registry(GOOD), registry(GOOD, BETTER)];
      for (const suffix of ['-1', '-2']) await scene.basicAuth(GOOD, suffix);
      const namespace = await scene.namespace();
      await scene.credential({ registries: [serverOf(one.host, '-1'), serverOf(two.host, '-2')], verification: REQUIRE });
      await scene.ready();
      await cluster.api.call('DELETE', `/api/v1/namespaces/${SOURCES}/secrets/${scene.name}-1`);
      await scene.rotate(BETTER, '-2');
      await isPlaced(namespace, two, BETTER);
      expect(await passwordIn(namespace, one)).to.equal(GOOD);
      const { message } = await scene.ready('False', 'SourceMissing');
      expect(message).to.contain(`${SOURCES}/${scene.name}-1`);
      const later = await scene.namespace();
      await isPlaced(later, one, GOOD);
      await isPlaced(later, two, BETTER);
      await scene.basicAuth(GOOD, '-1');
      await scene.ready();
    });

    it('places nothing at first if the password is refused', async () => {
      const at = registry(GOOD);
      const namespace = await credential(at, BAD, REQUIRE);
      const { message } = await scene.ready('False', 'RegistryRefused');
      expect(message).to.contain('Nothing is placed until the registry accepts it.');
      await scene.gone('a Secret', () => scene.secretIn(namespace));
      await scene.rotate(GOOD);
      await scene.ready();
      expect(await passwordIn(namespace, at)).to.equal(GOOD);
    });

    it('waits at first for a registry that hangs, and then places', async () => {
      const at = registry(GOOD);
      at.isHanging = true;
      const namespace = await credential(at, GOOD, REQUIRE);
      await scene.ready('Unknown', 'Verifying');
      await scene.gone('a Secret', () => scene.secretIn(namespace));
      await eventually('the Secret is placed', async () => expect(await passwordIn(namespace, at)).to.equal(GOOD), 60_000);
      await scene.ready();
      await verifiedIs('Unknown', 'RegistryUnreachable');
    });

    it('releases what is held back when it is left, and withdraws nothing when it is entered again', async () => {
      const at = registry(GOOD);
      const namespace = await credential(at, GOOD, REQUIRE);
      await scene.ready();
      await scene.rotate(BAD);
      await scene.ready('False', 'RegistryRefused');
      await scene.patchCredential({ verification: { mode: 'Report' } });
      await isPlaced(namespace, at, BAD);
      await scene.ready();
      await scene.patchCredential({ verification: { mode: 'Require' } });
      await scene.ready();
      expect(await passwordIn(namespace, at)).to.equal(BAD);
      await verifiedIs('False', 'RegistryRefused');
    });

    it('keeps asking while it is suspended, and places nothing', async () => {
      const at = registry(GOOD);
      const namespace = await credential(at, GOOD, REQUIRE);
      await scene.ready();
      await scene.patchCredential({ suspend: true });
      await scene.ready('Unknown', 'Suspended');
      await scene.rotate(BAD);
      await rowIs('Refused', at.host);
      expect(await passwordIn(namespace, at)).to.equal(GOOD);
      at.passwords.add(BETTER);
      await scene.rotate(BETTER);
      await rowIs('NotRefused', at.host);
      expect(await passwordIn(namespace, at)).to.equal(GOOD);
      await scene.patchCredential({ suspend: false });
      await isPlaced(namespace, at, BETTER);
    });
  });

  describe('under Report', () => {
    it('reports a refused password, and places it', async () => {
      const at = registry(GOOD);
      const namespace = await credential(at, GOOD, REPORT);
      await scene.ready();
      await verifiedIs('True', 'NotRefused');
      await scene.rotate(BAD);
      await isPlaced(namespace, at, BAD);
      const { message } = await verifiedIs('False', 'RegistryRefused');
      expect(message).to.contain(at.host);
      expect((await scene.ready()).status).to.equal('True');
    });

    it('does not delay a placement, while a registry hangs', async () => {
      const at = registry(GOOD);
      at.isHanging = true;
      const begun = performance.now();
      const namespace = await credential(at, GOOD, REPORT);
      await isPlaced(namespace, at, GOOD);
      await scene.ready();
      // A question takes 20 s here.
      expect(performance.now() - begun).to.be.below(15_000);
      expect((await rows())[0]?.result).to.equal('Pending');
      await scene.rotate(BETTER);
      await isPlaced(namespace, at, BETTER);
    });

    it('asks no registry with mode None', async () => {
      const at = registry(GOOD);
      await credential(at, GOOD, { mode: 'None', interval: '6h' });
      await scene.ready();
      await verifiedIs('Unknown', 'VerificationDisabled');
      expect(at.requests()).to.equal(0);
    });
  });

  describe('of a probe image', () => {
    it('proves that it can be pulled, and reports a refusal when that ends', async () => {
      const at = registry(GOOD, BETTER);
      at.images.set('acme/web:1', [GOOD]);
      const namespace = await credential(at, GOOD, REQUIRE, { probeImage: 'acme/web:1' });
      await scene.ready();
      await verifiedIs('True', 'Proven');
      await scene.rotate(BETTER);
      const { message } = await scene.ready('False', 'RegistryRefused');
      expect(message).to.contain('acme/web:1').and.contain('could pull it before');
      expect(await passwordIn(namespace, at)).to.equal(GOOD);
    });

    it('that never could be pulled is no refusal', async () => {
      const at = registry(GOOD);
      at.images.set('acme/web:1', []);
      await credential(at, GOOD, REQUIRE, { probeImage: 'acme/web:1' });
      await scene.ready();
      const { message } = await rowIs('NotRefused', at.host);
      expect(message).to.contain('denies acme/web:1');
    });

    it('in a real registry is proven, and a wrong password is refused', async () => {
      const namespace = await credential(real, ROBOT.password, REQUIRE, { probeImage: 'acme/app:1' });
      await scene.ready();
      await verifiedIs('True', 'Proven');
      await scene.rotate(BAD);
      await scene.ready('False', 'RegistryRefused');
      expect(await passwordIn(namespace, real)).to.equal(ROBOT.password);
    });

    it('that cannot be parsed is reported with the caBundle, and the login is asked about all the same', async () => {
      const at = registry(GOOD);
      const namespace = await scene.namespace();
      await scene.basicAuth(GOOD);
      await scene.credential({
        registries: [serverOf(at.host, '', { probeImage: 'acme/-web', caBundle: Buffer.from('no certificate').toString('base64') })],
      });
      await scene.ready();
      const { message } = await rowIs('NotRefused', at.host);
      expect(message).to.contain('probeImage').and.contain('caBundle').and.contain('It is ignored.');
      await isPlaced(namespace, at, GOOD);
    });
  });

  it('reports an expiry in a condition, a column and one Event', async () => {
    const at = registry(GOOD);
    await credential(at, GOOD, REPORT);
    await scene.ready();
    const source = `/api/v1/namespaces/${SOURCES}/secrets/${scene.name}`;
    const soon = new Date(Date.now() + 3 * 86_400_000).toISOString().replace(/\.\d+Z$/, 'Z');
    await scene.patch(source, { metadata: { annotations: { 'regcred.dev/expires-at': soon } } });
    await eventually('it is expiring', async () => {
      const { status, reason, message } = await scene.condition('Expiring');
      expect([status, reason]).to.deep.equal(['True', 'ExpiresSoon']);
      expect(message).to.contain(soon).and.contain(`${SOURCES}/${scene.name}`).and.contain(at.host);
    });
    expect((await scene.status()).expiresAt).to.equal(soon);
    expect((await rows())[0]).to.deep.include({ expiresAt: soon, expirySource: 'Annotation' });
    expect(await cluster.kubectl('get', 'regcred', scene.name, '-o', 'wide'))
      .to.contain(soon)
      .and.contain('NotRefused');
    await scene.told('ExpiresSoon');
    await cluster.restart();
    await scene.ready();
    await scene.patch(source, { metadata: { annotations: { 'regcred.dev/expires-at': 'tomorrow' } } });
    await eventually('the annotation is reported', async () => {
      const { reason, message } = await scene.condition('Expiring');
      expect(reason).to.equal('NoExpiryKnown');
      expect(message).to.contain('is not an RFC 3339 time and is ignored');
    });
    await scene.told('NoExpiryKnown');
    expect((await scene.events()).filter(({ reason }) => reason === 'ExpiresSoon')).to.have.lengthOf(1);
    expect((await scene.status()).expiresAt).to.equal(undefined);
  });

  it('asks nothing before its time: not after a restart, not under another leader, not for a new namespace', async () => {
    const [good, bad] = [registry(GOOD), registry(GOOD)];
    await scene.basicAuth(GOOD, '-1');
    await scene.basicAuth(BAD, '-2');
    await scene.namespace();
    await scene.credential({ registries: [serverOf(good.host, '-1'), serverOf(bad.host, '-2')], verification: REPORT });
    await rowIs('Refused', bad.host);
    await rowIs('NotRefused', good.host);
    await eventually('both answers are remembered', async () => expect((await readState()).checks).to.have.lengthOf(2));
    const before = [good.requests(), bad.requests()];

    await cluster.restart();
    const next = cluster.start();
    await cluster.operator.stop();
    cluster.operator = next;
    await leads(next);
    const namespace = await scene.namespace();
    await scene.secretPlaced(namespace);
    await scene.patchCredential({ verification: { interval: '1h' } });
    await eventually('the new generation is observed', async () =>
      expect((await scene.status()).observedGeneration).to.equal((await scene.credentialObject()).metadata.generation),
    );
    await rowIs('Refused', bad.host);
    expect([good.requests(), bad.requests()]).to.deep.equal(before);
    expect([good.logins(), bad.logins()]).to.deep.equal([1, 1]);
  });

  it('shares one question between credentials, and names the Secret of each', async () => {
    const at = registry(GOOD);
    at.isHanging = true;
    await scene.namespace();
    const names = [1, 2, 3].map((n) => `${scene.name}-${n}`);
    for (const [n, name] of names.entries()) {
      await scene.basicAuth(BAD, `-${n + 1}`);
      await scene.credential({ registries: [serverOf(at.host, `-${n + 1}`)], namespaces: { names: [`${scene.name}-*`] } }, name);
    }
    for (const name of names) await scene.ready('True', undefined, name);
    at.isHanging = false;
    // The first question hangs for 20 s, and is repeated after a minute. A new password is asked about at once.
    for (const n of [1, 2, 3]) await scene.rotate(`${BAD}-too`, `-${n}`);
    for (const name of names) {
      await eventually(
        `${name} is refused`,
        async () => {
          const [row] = ((await scene.status(name)).registries ?? []) as Row[];
          expect(row?.result).to.equal('Refused');
          expect(row?.message).to.contain(`Secret ${SOURCES}/${name} `);
        },
        60_000,
      );
    }
    expect(at.logins()).to.equal(1);
  });

  it('keeps its state in a Secret that is restored, and that goes with the credential', async () => {
    const at = registry(GOOD);
    await credential(at, GOOD, REPORT);
    await rowIs('NotRefused', at.host);
    await eventually('the answer is remembered', async () => expect((await readState()).checks).to.have.lengthOf(1));
    const path = await stateSecret();
    const state = await readState();
    expect(state.released.map(([server]) => server)).to.deep.equal([at.host]);
    await cluster.api.call('DELETE', path);
    await eventually('the state is restored', async () => expect(await readState()).to.deep.equal(state));

    // Neither the key nor a hash is in anything that users read.
    const status = JSON.stringify(await scene.credentialObject());
    const events = JSON.stringify(await scene.events());
    const metrics = await (await fetch(`${await cluster.operator.url()}/metrics`)).text();
    for (const secret of [state.key, ...state.checks.map(([hash]) => hash)]) {
      for (const text of [status, events, metrics, cluster.operator.log()]) expect(text).to.not.contain(secret);
    }
    expect(metrics).to.contain(`regcred_registry_check_result{credential="${scene.name}",server="${at.host}",result="NotRefused"} 1`);

    await scene.deleteCredential();
    await scene.credentialGone();
    await scene.gone('the state Secret', () => cluster.api.call('GET', path));
  });

  describe('on request', () => {
    it('asks again, once, and a minute after the last time at the earliest', async () => {
      scene = requested.scene;
      const { at } = requested;
      const logins = at.logins();
      expect(logins).to.equal(1);
      at.passwords.clear();
      const path = `/apis/regcred.dev/v1alpha1/registrycredentials/${scene.name}`;
      await scene.patch(path, { metadata: { annotations: { 'regcred.dev/check-now': 'now' } } });
      await eventually('it is asked again', () => expect(at.logins()).to.equal(logins + 1));
      expect(Date.now() - requested.since).to.be.above(60_000);
      await rowIs('Refused', at.host);
      await cluster.restart();
      await scene.secretPlaced(await scene.namespace());
      expect(at.logins()).to.equal(logins + 1);
    });
  });
});
