import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import { askRegistry } from '../../src/cli/doctor/pull.ts';
import { meaning } from '../../src/cli/doctor/words.ts';
import { type Image, parseImage } from '../../src/plan/image.ts';
import { base64 } from '../support/builders.ts';
import { type Registry, ROBOT, startRegistry } from '../support/registry.ts';

const login = (username: string, password: string) => ({ username, auth: base64(`${username}:${password}`) });
const robot = login(ROBOT.username, ROBOT.password);
const wrong = login(ROBOT.username, 'sample-password-that-is-wrong');

describe('A registry that is asked whether it lets an image be pulled', () => {
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
  async function said(auth: 'htpasswd' | 'token', path: string, as: typeof robot | undefined): Promise<string> {
    const asked = image(`${registries[auth]?.host}/${path}`);
    const answer = await askRegistry(asked, as);
    return answer.ok ? 'allowed' : (meaning(answer.words, asked, { as: as?.username, source: '' })?.reason ?? answer.words);
  }

  const table: Record<string, readonly [auth: 'htpasswd' | 'token', path: string, as: typeof robot | undefined, want: string]> = {
    'by htpasswd lets in who has the password': ['htpasswd', 'acme/app:1', robot, 'allowed'],
    'by htpasswd lets in nobody with another password': ['htpasswd', 'acme/app:1', wrong, 'Unauthorized'],
    'by htpasswd lets in nobody without': ['htpasswd', 'acme/app:1', undefined, 'Unauthorized'],
    'by htpasswd says of an image that is not there that it is not': ['htpasswd', 'acme/app:2', robot, 'NotFound'],
    'by token lets in who has the password': ['token', 'acme/app:1', robot, 'allowed'],
    'by token lets in nobody with another password': ['token', 'acme/app:1', wrong, 'Unauthorized'],
    'by token lets in nobody without': ['token', 'acme/app:1', undefined, 'DeniedOrNotFound'],
    'by token lets in anybody where the image is public': ['token', 'public/app:1', undefined, 'allowed'],
    'by token does not let a robot in where it has no rights': ['token', 'other/app:1', robot, 'DeniedOrNotFound'],
    'by token says of an image that is not there that it is not': ['token', 'acme/app:2', robot, 'NotFound'],
  };
  for (const [what, [auth, path, as, want]] of Object.entries(table)) {
    it(what, async () => expect(await said(auth, path, as)).to.equal(want));
  }

  it('is found by digest as well', async () => {
    const host = registries.htpasswd?.host;
    const manifest = await fetch(`http://${host}/v2/acme/app/manifests/1`, {
      headers: { authorization: `Basic ${robot.auth}`, accept: 'application/vnd.oci.image.manifest.v1+json' },
    });
    const digest = manifest.headers.get('docker-content-digest');
    expect(await askRegistry(image(`${host}/acme/app@${digest}`), robot)).to.deep.equal({ ok: true });
    expect(await said('htpasswd', `acme/app@sha256:${'0'.repeat(64)}`, robot)).to.equal('NotFound');
  });

  const closing: (() => unknown)[] = [];
  afterEach(() => {
    for (const close of closing.splice(0)) close();
  });

  /** Does for every request what it is told to, and keeps what was sent to it. */
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

  it('gets no password sent to a token server that is not asked by TLS, or to a host that it sends us on to', async () => {
    const elsewhere = await impostor({ 'www-authenticate': 'Basic realm="sample"' });
    const otherName = `http://localhost:${elsewhere.host.split(':')[1]}`;
    const byToken = await impostor({ 'www-authenticate': 'Bearer realm="http://registry.example.com/token",service="sample"' });
    const answer = await askRegistry(image(`${byToken.host}/acme/app:1`), robot);
    expect(answer).to.have.property('words').that.contains('is not asked by TLS, so no password was sent there');
    const onward = await impostor({ location: `${otherName}/v2/acme/app/manifests/1` }, 307);
    await askRegistry(image(`${onward.host}/acme/app:1`), robot);
    expect(byToken.sent).to.deep.equal([undefined]);
    expect(elsewhere.sent).to.deep.equal([undefined, undefined]);
  });

  it('that cannot be found, does not run, or speaks no trusted TLS is told as such', async () => {
    const gone = await impostor({});
    gone.close();
    const plain = await impostor({});
    const reason = async (written: string) => {
      const answer = await askRegistry(image(written), robot);
      return answer.ok ? 'allowed' : meaning(answer.words, image(written), { as: 'robot', source: '' })?.reason;
    };
    expect(await reason('registry.invalid/acme/app:1')).to.equal('NameNotResolved');
    expect(await reason(`${gone.host}/acme/app:1`)).to.equal('Unreachable');
    // Not a name of this machine's for us, so it is asked by TLS.
    expect(await reason(`0.0.0.0:${plain.host.split(':')[1]}/acme/app:1`)).to.equal('CertificateNotTrusted');
  });
});
