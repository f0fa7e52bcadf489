import { expect } from 'chai';
import { interpret, type Result } from '../../src/plan/checks/interpret.ts';
import { type ProbeQuestion, type ProbeSettings, registryClient } from '../../src/registry/probe.ts';
import { type BadServer, startProxy, startTlsFront, type TunnelProxy } from '../support/bad-registry.ts';
import { base64 } from '../support/builders.ts';
import { makeAuthority } from '../support/certificates.ts';
import { type Registry, ROBOT, startRegistry } from '../support/registry.ts';

const robot = { auth: base64(`${ROBOT.username}:${ROBOT.password}`) };
const wrong = { auth: base64(`${ROBOT.username}:sample-password-that-is-wrong`) };

describe('A real registry that checks the login', () => {
  const registries = {} as Record<'htpasswd' | 'token', Registry>;
  const fronts = {} as Record<'htpasswd' | 'token', BadServer>;
  const authority = makeAuthority();
  let proxy: TunnelProxy;
  /** A registry with a token service that has a TLS address and a host name of its own. */
  let remote: { registry: Registry; front: BadServer; tokens: BadServer };

  before(async function () {
    this.timeout(600_000);
    const issued = authority.issue(['127.0.0.1', 'registry.test', 'auth.test']);
    for (const auth of ['htpasswd', 'token'] as const) {
      const registry = await startRegistry(auth, (line) => console.error(line));
      registries[auth] = registry;
      for (const repository of ['acme/app', 'public/app']) await registry.push(repository, '1');
      fronts[auth] = await startTlsFront(issued, Number(registry.host.split(':')[1]));
    }
    proxy = await startProxy();
    let tokens: BadServer | undefined;
    const registry = await startRegistry('token', console.error, async (port) => {
      tokens = await startTlsFront(issued, port);
      return `https://auth.test:${tokens.port}/token`;
    });
    await registry.push('acme/app', '1');
    await registry.push('public/app', '1');
    const front = await startTlsFront(issued, Number(registry.host.split(':')[1]));
    remote = { registry, front, tokens: tokens as BadServer };
  });
  after(async () => {
    proxy.close();
    remote.front.close();
    remote.tokens.close();
    await remote.registry.stop();
    for (const front of Object.values(fronts)) front.close();
    for (const registry of Object.values(registries)) await registry.stop();
  });

  async function check(
    question: Omit<ProbeQuestion, 'allowPrivate' | 'image'> & { image?: string },
    settings: Partial<ProbeSettings> = {},
    wasProven = false,
  ): Promise<{ result: Result; message: string }> {
    const client = registryClient({
      proxy: {},
      insecureRegistries: [question.host],
      caFile: [],
      apiServers: [],
      now: Date.now,
      ...settings,
    });
    const { image: written, ...rest } = question;
    const [repository = '', reference = ''] = written?.split(':') ?? [];
    const image = written === undefined ? {} : { image: { repository, reference } };
    const observation = await client.check({ ...rest, ...image, allowPrivate: true }, new AbortController().signal);
    const words = { server: question.host, secret: 'Secret a/robot', wasProven, ...(written !== undefined && { probeImage: written }) };
    const { result, message } = interpret(observation, words);
    expect(JSON.stringify(observation) + message)
      .to.not.contain(ROBOT.password)
      .and.not.contain(robot.auth);
    return { result, message };
  }

  type Row = readonly [
    auth: 'htpasswd' | 'token',
    login: typeof robot,
    image: string | undefined,
    want: Result,
    says: string,
    wasProven?: true,
  ];
  const table: Record<string, Row> = {
    'by htpasswd accepts the right password': ['htpasswd', robot, undefined, 'NotRefused', 'set probeImage'],
    'by htpasswd refuses a wrong password': ['htpasswd', wrong, undefined, 'Refused', 'HTTP 401, UNAUTHORIZED'],
    'by htpasswd proves the password': ['htpasswd', robot, 'acme/app:1', 'Proven', 'can pull acme/app:1'],
    'by htpasswd refuses a wrong password for an image': ['htpasswd', wrong, 'acme/app:1', 'Refused', 'HTTP 401, UNAUTHORIZED'],
    'by htpasswd reports a missing image': ['htpasswd', robot, 'acme/app:2', 'NotRefused', 'HTTP 404'],
    'by token accepts the right password': ['token', robot, undefined, 'NotRefused', 'set probeImage'],
    'by token refuses a wrong password': ['token', wrong, undefined, 'Refused', 'HTTP 401, from its token service 127.0.0.1:'],
    'by token proves the password': ['token', robot, 'acme/app:1', 'Proven', 'can pull acme/app:1'],
    'by token lets anybody pull the image': ['token', robot, 'public/app:1', 'Public', 'anybody can pull public/app:1'],
    'by token refuses a wrong password even for a public image': ['token', wrong, 'public/app:1', 'Refused', 'HTTP 401'],
    'by token denies the image': ['token', robot, 'other/app:1', 'NotRefused', 'The login itself is not refused'],
    'by token denies an image that it allowed before': ['token', robot, 'other/app:1', 'Refused', 'could pull it before', true],
    'by token reports a missing image': ['token', robot, 'acme/app:2', 'NotRefused', 'HTTP 404'],
  };
  for (const [what, [auth, login, image, want, says, wasProven = false]] of Object.entries(table)) {
    const asked = (host: string) => ({ host, login, ...(image !== undefined && { image }) });
    it(`${what}, over plain HTTP if it is listed`, async () => {
      const { result, message } = await check(asked(registries[auth].host), {}, wasProven);
      expect([result, message.includes(says), message]).to.deep.equal([want, true, message]);
    });
    it(`${what}, over TLS with its caBundle`, async () => {
      const { result, message } = await check({ ...asked(fronts[auth].host), caBundle: [authority.cert] }, {}, wasProven);
      expect([result, message.includes(says), message]).to.deep.equal([want, true, message]);
    });
    it(`${what}, over TLS through a proxy, without being listed`, async () => {
      const server = auth === 'htpasswd' ? fronts.htpasswd : remote.front;
      const settings = { insecureRegistries: [], proxy: { httpsProxy: `http://${proxy.host}` }, caFile: [authority.cert] };
      const { result, message } = await check(asked(`registry.test:${server.port}`), settings, wasProven);
      const saysHere = says.replace('127.0.0.1', 'auth.test');
      expect([result, message.includes(saysHere), message]).to.deep.equal([want, true, message]);
      const tunnels = proxy.asked.map(({ authority: at }) => at);
      expect(tunnels).to.include(`registry.test:${server.port}`);
      if (auth === 'token') expect(tunnels).to.include(`auth.test:${remote.tokens.port}`);
    });
  }

  it('gets no password if it speaks plain HTTP and is not listed', async () => {
    const { result, message } = await check({ host: registries.htpasswd.host, login: robot }, { insecureRegistries: [] });
    expect([result, message]).to.deep.equal(['NotAsked', message]);
    expect(message).to.contain('(loopback)').and.contain('--insecure-registries');
  });

  it('gets no password if its CA is not trusted', async () => {
    const { result, message } = await check({ host: fronts.htpasswd.host, login: robot });
    expect(result).to.equal('Unreachable');
    expect(message).to.contain('no trusted TLS connection').and.contain('caBundle');
  });

  it('gets no password if its token service speaks plain HTTP and is not listed', async () => {
    const settings = { insecureRegistries: [], proxy: { httpsProxy: `http://${proxy.host}` }, caFile: [authority.cert] };
    const { result, message } = await check({ host: `registry.test:${fronts.token.port}`, login: robot }, settings);
    expect(result).to.equal('Unreachable');
    expect(message).to.contain('a password is sent over TLS only');
  });

  it('is reached over TLS even if it may use plain HTTP', async () => {
    expect(await check({ host: fronts.htpasswd.host, login: robot, caBundle: [authority.cert] })).to.have.property('result', 'NotRefused');
  });
});
