import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import { askRegistry } from '../../src/cli/doctor/ask-registry.ts';
import { explainPullError } from '../../src/cli/doctor/pull-errors.ts';
import { type Image, parseImage } from '../../src/plan/matching/image.ts';
import { startBad, startProxy } from '../support/bad-registry.ts';
import { base64 } from '../support/builders.ts';
import { makeAuthority } from '../support/certificates.ts';
import { type Registry, ROBOT, startRegistry } from '../support/registry.ts';

const login = (username: string, password: string) => ({ username, auth: base64(`${username}:${password}`) });
const robot = login(ROBOT.username, ROBOT.password);
const wrong = login(ROBOT.username, 'sample-password-that-is-wrong');

describe('A registry', () => {
  const registries: Partial<Record<'htpasswd' | 'token', Registry>> = {};
  before(async function () {
    this.timeout(600_000);
    for (const auth of ['htpasswd', 'token'] as const) {
      const registry = await startRegistry(auth, (line) => console.error(line));
      registries[auth] = registry;
      await registry.push('acme/app', '1');
      await registry.push('public/app', '1');
    }
  });
  after(async () => {
    for (const registry of Object.values(registries)) await registry.stop();
  });

  const image = (written: string) => parseImage(written) as Image;
  async function reasonOf(auth: 'htpasswd' | 'token', path: string, as: typeof robot | undefined): Promise<string> {
    const asked = image(`${registries[auth]?.host}/${path}`);
    const answer = await askRegistry(asked, as);
    return answer.ok ? 'allowed' : (explainPullError(answer.message, asked, { as: as?.username, source: '' })?.reason ?? answer.message);
  }

  const table: Record<string, readonly [auth: 'htpasswd' | 'token', path: string, as: typeof robot | undefined, want: string]> = {
    'with htpasswd accepts the right password': ['htpasswd', 'acme/app:1', robot, 'allowed'],
    'with htpasswd refuses a wrong password': ['htpasswd', 'acme/app:1', wrong, 'Unauthorized'],
    'with htpasswd refuses a request without credentials': ['htpasswd', 'acme/app:1', undefined, 'Unauthorized'],
    'with htpasswd reports a missing image': ['htpasswd', 'acme/app:2', robot, 'NotFound'],
    'with tokens accepts the right password': ['token', 'acme/app:1', robot, 'allowed'],
    'with tokens refuses a wrong password': ['token', 'acme/app:1', wrong, 'Unauthorized'],
    'with tokens refuses a request without credentials': ['token', 'acme/app:1', undefined, 'DeniedOrNotFound'],
    'with tokens allows a public image without credentials': ['token', 'public/app:1', undefined, 'allowed'],
    'with tokens refuses an account without the right': ['token', 'other/app:1', robot, 'DeniedOrNotFound'],
    'with tokens reports a missing image': ['token', 'acme/app:2', robot, 'NotFound'],
  };
  for (const [what, [auth, path, as, want]] of Object.entries(table)) {
    it(what, async () => expect(await reasonOf(auth, path, as)).to.equal(want));
  }

  it('accepts a digest, too', async () => {
    const host = registries.htpasswd?.host;
    const manifest = await fetch(`http://${host}/v2/acme/app/manifests/1`, {
      headers: { authorization: `Basic ${robot.auth}`, accept: 'application/vnd.oci.image.manifest.v1+json' },
    });
    const digest = manifest.headers.get('docker-content-digest');
    expect(await askRegistry(image(`${host}/acme/app@${digest}`), robot)).to.deep.equal({ ok: true });
    expect(await reasonOf('htpasswd', `acme/app@sha256:${'0'.repeat(64)}`, robot)).to.equal('NotFound');
  });

  const closing: (() => unknown)[] = [];
  afterEach(() => {
    for (const close of closing.splice(0)) close();
  });

  /** A server with the same answer to each request. It records the Authorization headers. */
  async function impostor(headers: Record<string, string>, status = 401) {
    const sent: (string | undefined)[] = [];
    const server = createServer((request, response) => {
      sent.push(request.headers.authorization);
      response.writeHead(status, headers).end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    closing.push(() => server.close());
    return { sent, host: `127.0.0.1:${(server.address() as AddressInfo).port}`, close: () => server.close() };
  }

  it('gets no password for a token server without TLS, or for the host of a redirect', async () => {
    const elsewhere = await impostor({ 'www-authenticate': 'Basic realm="sample"' });
    const otherName = `http://localhost:${elsewhere.host.split(':')[1]}`;
    const byToken = await impostor({ 'www-authenticate': 'Bearer realm="http://registry.example.com/token",service="sample"' });
    const answer = await askRegistry(image(`${byToken.host}/acme/app:1`), robot);
    expect(answer).to.have.property('message').that.contains('no TLS, so no password was sent');
    const onward = await impostor({ location: `${otherName}/v2/acme/app/manifests/1` }, 307);
    await askRegistry(image(`${onward.host}/acme/app:1`), robot);
    expect(byToken.sent).to.deep.equal([undefined]);
    // The client does not even contact another host over plain HTTP.
    expect(elsewhere.sent).to.deep.equal([]);
  });

  it('without a DNS name, without an answer or without trusted TLS is reported as such', async () => {
    const gone = await impostor({});
    gone.close();
    const plain = await impostor({});
    const reason = async (written: string) => {
      const answer = await askRegistry(image(written), robot);
      return answer.ok ? 'allowed' : explainPullError(answer.message, image(written), { as: 'robot', source: '' })?.reason;
    };
    expect(await reason('registry.invalid/acme/app:1')).to.equal('NameNotResolved');
    expect(await reason(`${gone.host}/acme/app:1`)).to.equal('Unreachable');
    const { cert, key } = makeAuthority().issue(['127.0.0.1']);
    const untrusted = await startBad((_, response) => response.end(), { cert, key });
    closing.push(untrusted.close);
    expect(await reason(`${untrusted.host}/acme/app:1`)).to.equal('CertificateNotTrusted');
    // A proxy leads to this machine, where no server speaks TLS.
    const proxy = await startProxy();
    closing.push(proxy.close);
    const written = `registry.example.com:${plain.host.split(':')[1]}/acme/app:1`;
    const answer = await askRegistry(image(written), robot, { proxy: { httpsProxy: proxy.host } });
    expect(answer.ok ? 'allowed' : explainPullError(answer.message, image(written), { as: 'robot', source: '' })?.reason).to.equal(
      'CertificateNotTrusted',
    );
  });
});
