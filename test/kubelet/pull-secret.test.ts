import { expect } from 'chai';
import fc from 'fast-check';
import type { RegistryCredentialSpec } from '../../src/api/types.ts';
import { resolve } from '../../src/plan/content/resolve.ts';
import { base64, source, spec } from '../support/builders.ts';
import { CORPUS } from '../support/corpus.ts';
import { type Found, Keyring, NO_KEYRING, type PullSecret } from '../support/keyring.ts';
import { UNUSABLE, USABLE } from '../support/servers.ts';
import { skipBecause } from '../support/skip.ts';

/**
 * Checks our Secret with the code of the kubelet: the credentials that it finds must be those that the sources define. This file
 * computes the expected credentials in its own short way, independent of src/plan.
 */
describe('The credentials that the kubelet finds in the Secret', () => {
  let keyring: Keyring;

  before('needs the kubelet-keyring of our own build of the control plane', async function () {
    const started = await Keyring.start((line) => console.error(line));
    if (started) keyring = started;
    else skipBecause(this, NO_KEYRING);
  });
  after(() => keyring?.stop());

  const find = async (secret: PullSecret, images: readonly Image[]) =>
    keyring.lookup(
      secret,
      images.map(({ written }) => written),
    );

  describe('match the image name:', () => {
    const table: Record<string, readonly [servers: readonly string[], image: string, want: Found]> = {
      'the host': [['ghcr.io'], 'ghcr.io/acme/app:1.2', ['ghcr.io']],
      'not another host': [['ghcr.io'], 'quay.io/acme/app', []],
      'not a host below it': [['example.com'], 'eu.example.com/app', []],
      'the same port': [['r.example.com:5000'], 'r.example.com:5000/app', ['r.example.com:5000']],
      'not without a port if the server has one': [['r.example.com:5000'], 'r.example.com/app', []],
      'not with a port if the server has none': [['r.example.com'], 'r.example.com:443/app', []],
      'an image with a digest': [['ghcr.io'], `ghcr.io/app@sha256:${'0'.repeat(64)}`, ['ghcr.io']],
      'a path': [['ghcr.io/acme'], 'ghcr.io/acme/app', ['ghcr.io/acme']],
      'not another path': [['ghcr.io/acme'], 'ghcr.io/other/app', []],
      'a path as a plain prefix': [['ghcr.io/acme'], 'ghcr.io/acme-tools/app', ['ghcr.io/acme']],
      'only what is below a path with a slash at the end': [['ghcr.io/acme/'], 'ghcr.io/acme-tools/app', []],
      'a longer path before a shorter one': [
        ['ghcr.io', 'ghcr.io/acme', 'ghcr.io/acme/app'],
        'ghcr.io/acme/app',
        ['ghcr.io/acme/app', 'ghcr.io/acme', 'ghcr.io'],
      ],
      'one label for *': [['*.example.com'], 'eu.example.com/app', ['*.example.com']],
      'not two labels for one *': [['*.example.com'], 'a.eu.example.com/app', []],
      'a part of a label for *': [['eu-*.example.com'], 'eu-1.example.com/app', ['eu-*.example.com']],
      'not a port for *': [['*.example.com'], 'eu.example.com:5000/app', []],
      'the plain host before *': [['*.example.com', 'eu.example.com'], 'eu.example.com/app', ['eu.example.com', '*.example.com']],
      'an IPv6 address with its port': [['[::1]:5000'], '[::1]:5000/app', ['[::1]:5000']],
      'Docker Hub for a short name': [['docker.io'], 'nginx', ['docker.io']],
      'Docker Hub for the name of a user': [['docker.io'], 'acme/app:1.2', ['docker.io']],
      'Docker Hub for index.docker.io': [['registry-1.docker.io'], 'index.docker.io/acme/app', ['registry-1.docker.io']],
      'Docker Hub for a first part without a dot and a port': [['registry', 'docker.io'], 'registry/app', ['docker.io']],
      'a path on Docker Hub': [['index.docker.io/acme'], 'acme/app', ['index.docker.io/acme']],
      'the official images on Docker Hub': [['docker.io/library'], 'nginx', ['docker.io/library']],
      'a path on Docker Hub before the whole of Docker Hub': [['docker.io', 'docker.io/acme'], 'acme/app', ['docker.io/acme', 'docker.io']],
      'Docker Hub for localhost without a port, by a bug of the kubelet': [['docker.io'], 'localhost/app', ['docker.io']],
      'none for registry-1.docker.io, which the kubelet does not treat as Docker Hub': [
        ['registry-1.docker.io'],
        'registry-1.docker.io/acme/app',
        [],
      ],
      'none for an IPv6 address without a port, which the kubelet reads as a character class': [['[::1]'], '[::1]/app', []],
      'none for a path with *': [['ghcr.io/*'], 'ghcr.io/acme/app', []],
      'none for a host with one label': [['registry', '*'], 'registry/app', []],
      'Docker Hub before a * that matches it': [['*.io', 'docker.io'], 'acme/app', ['docker.io', '*.io']],
    };
    for (const [what, [servers, image, want]] of Object.entries(table)) {
      it(what, async () => {
        const meant = servers.map((server) => ({ server, credential: `${nameFor(server)}:sample` }));
        const named = (want as readonly string[]).map((server) => `${nameFor(server)}:sample`);
        expect(await find(placed(registries(meant)), [{ ...NO_IMAGE, written: image }])).to.deep.equal([named]);
      });
    }
    /** A username must not contain a colon. */
    const nameFor = (server: string) => server.replaceAll(':', '-');
  });

  describe('exist for a server that the API accepts:', () => {
    for (const [server, image] of Object.entries(USABLE)) {
      it(`${server} for ${image}`, async () => {
        const secret = placed(registries([{ server, credential: 'robot:sample' }]));
        expect(await find(secret, [{ ...NO_IMAGE, written: image }])).to.deep.equal([['robot:sample']]);
      });
    }
  });

  describe('do not exist for a server that the API refuses:', () => {
    for (const [server, { image }] of Object.entries(UNUSABLE)) {
      it(`${server} for ${image}`, async () => {
        const secret = dockerConfigSecret(JSON.stringify({ auths: { [server]: { auth: base64('robot:sample') } } }));
        expect(await find(secret, [{ ...NO_IMAGE, written: image }])).to.deep.equal([[]]);
      });
    }
  });

  it('exist for every malformed source that we accept: the kubelet refuses none of these Secrets', async () => {
    let taken = 0;
    for (const [what, bytes] of Object.entries(CORPUS)) {
      const secret = source('kubernetes.io/dockerconfigjson', {});
      const data = { '.dockerconfigjson': Buffer.from(bytes as string).toString('base64') };
      const wanted = { ...sources(['']), secrets: { 'config-0': { ...secret, data } } };
      const resolution = resolved(wanted);
      if (resolution.state !== 'ready') continue;
      expect(await find(placed(wanted), [APP]), what).to.have.nested.property('0.length');
      taken++;
    }
    expect(taken).to.be.above(10);
  });

  it('are those of the matching registries, the most specific first', async () => {
    const cases = fc.record({
      servers: fc.uniqueArray(server, { selector: keyOf, maxLength: 5, minLength: 1 }),
      images: someImages,
    });
    await fc.assert(
      fc.asyncProperty(cases, async ({ servers, images }) => {
        const meant = servers.map(({ written }, n) => ({ server: written, credential: `robot-${n}:sample` }));
        const entries = servers.map((one, n) => [one, `robot-${n}:sample`] as const);
        expect(await find(placed(registries(meant)), images)).to.deep.equal(images.map((image) => covering(entries, image)));
      }),
      { numRuns: 8000 },
    );
  });

  it('are those of the last source of each server', async () => {
    const config = fc.uniqueArray(server, { selector: keyOf, maxLength: 4, minLength: 1 });
    const cases = fc.record({ configs: fc.array(config, { maxLength: 3, minLength: 1 }), own: fc.option(server), images: someImages });
    await fc.assert(
      fc.asyncProperty(cases, async ({ configs, own, images }) => {
        const last = new Map<string, readonly [Server, string]>();
        const texts = configs.map((servers, n) => {
          const auths = servers.map((one, m) => {
            last.set(keyOf(one), [one, `robot-${n}-${m}:sample`]);
            return [one.written, { auth: base64(`robot-${n}-${m}:sample`) }];
          });
          return JSON.stringify({ auths: { ...Object.fromEntries(auths), ...PLAIN } });
        });
        if (own) last.set(keyOf(own), [own, 'own:sample']);
        const wanted = sources(texts, own ? [{ server: own.written, credential: 'own:sample' }] : []);
        expect(await find(placed(wanted), images)).to.deep.equal(images.map((image) => covering([...last.values()], image)));
      }),
      { numRuns: 6000 },
    );
  });

  it('are the same as in the source, for any spelling of the servers', async () => {
    const part = fc.constantFrom(
      ...['http://', 'https://', 'HTTPS://', '//', '/', ':', '@', '?', '#', '%2f', '%zz', '[', ']', '*', '\\', ' ', '\n', '.', '..', '-'],
      ...[
        'v1',
        'v2',
        'a',
        'b',
        'a.b',
        'a.b/',
        'a.b/a',
        'a.b:5000',
        '5000',
        'é',
        '密',
        '\u0000',
        '\u0085',
        '\ud800',
        '__proto__',
        'constructor',
        '1',
      ],
    );
    const odd = fc.array(part, { maxLength: 5 }).map((parts) => parts.join(''));
    const names = fc.uniqueArray(
      fc.oneof(
        odd,
        server.map(({ written }) => written),
      ),
      { maxLength: 5, minLength: 1 },
    );
    const hub = /docker|\*/; // For us, the names of Docker Hub are one server; for the kubelet they are three. The table above covers them.
    const cases = fc.record({ names: names.map((all) => all.filter((name) => !hub.test(name))), images: oddImages });
    await fc.assert(
      fc.asyncProperty(cases, async ({ names, images }) => {
        fc.pre(names.length > 0);
        // Builds the JSON as text: an object would treat __proto__ as its prototype.
        const entries = names.map((name, n) => `${JSON.stringify(name)}:{"auth":${JSON.stringify(base64(`robot-${n}:sample`))}}`);
        const text = `{"auths":{${[...entries, JSON.stringify(PLAIN).slice(1, -1)].join(',')}}}`;
        const ours = sources([text]);
        const [meant, found] = await Promise.all([find(dockerConfigSecret(text), images), find(placed(ours), images)]);
        expect(found).to.be.an('array');
        for (const [n, credentials] of (found as Found[]).entries()) compare(credentials, (meant as Found[])[n] as Found, ours);
      }),
      { numRuns: 6000 },
    );

    /** Entries for the same server: the kubelet tries all of them, in any order; we keep one. */
    function compare(found: Found, meant: Found, ours: Sourced): void {
      if ('error' in meant || 'error' in found) return void expect(found).to.deep.equal(meant);
      if (!skippedIn(ours).includes('DuplicateServer')) return void expect([...found].sort()).to.deep.equal([...meant].sort());
      expect(meant).to.include.members([...found]);
      expect(found.length > 0).to.equal(meant.length > 0);
    }
  });

  it('are the same as in the source, for any spelling of the entry; and we refuse what the kubelet refuses', async () => {
    const bytes = fc.oneof(
      fc.uint8Array({ minLength: 1, maxLength: 12 }),
      fc.string({ minLength: 1, unit: 'binary' }).map((text) => Buffer.from(text)),
    );
    const encoded = fc.tuple(bytes, bytes, fc.constantFrom('padded', 'bare', 'lines', 'url', 'half')).map(([username, password, how]) => {
      const pair = Buffer.concat([username, Buffer.from(':'), password]);
      const text = pair.toString('base64');
      if (how === 'bare') return text.replace(/=+$/, '');
      if (how === 'lines') return text.replace(/.{4}/g, '$&\r\n');
      if (how === 'url') return pair.toString('base64url');
      return how === 'half' ? text.slice(0, -1) : text;
    });
    const base64ish = fc.string({ unit: fc.constantFrom(...'AQYTpi019+/=-_ \n'), maxLength: 9 });
    const text = fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('a', 'a:b', '', ' ', '\ud800', '\u0000', '<>&\u2028'));
    const entry = fc.dictionary(
      fc.constantFrom('auth', 'username', 'password', 'email', 'Auth', 'PASSWORD', 'identitytoken', 'x'),
      fc.oneof({ weight: 4, arbitrary: encoded }, base64ish, text, fc.constantFrom(null, 1, true, {}, [])),
      { maxKeys: 5 },
    );
    let same = 0;
    await fc.assert(
      fc.asyncProperty(entry, async (fields) => {
        const config = JSON.stringify({ auths: { 'a.b': fields } });
        const ours = resolved(sources([config]));
        if (ours.state !== 'ready') return;
        const secret = { type: 'kubernetes.io/dockerconfigjson', data: { '.dockerconfigjson': ours.content.data } };
        const [meant, found] = await Promise.all([find(dockerConfigSecret(config), [APP]), find(secret, [APP])]);
        expect(found).to.deep.equal(meant);
        expect(found).to.have.nested.property('0.length', 1);
        same++;
      }),
      { numRuns: 4000 },
    );
    // If we refused nearly all of them, this would prove nothing.
    expect(same).to.be.above(400);
  });
});

// --- generators ---

/** A server: its meaning, and one of its spellings. */
interface Server {
  /** Includes the port. Docker Hub is docker.io. */
  readonly host: string;
  /** Empty, or starts with a slash. */
  readonly path: string;
  readonly written: string;
}

/** An image: its meaning, and one of its spellings. */
type Image = Server;

const NO_IMAGE: Image = { host: '', path: '', written: '' };
const APP: Image = { host: 'a.b', path: '/app', written: 'a.b/app' };
const HUB = 'docker.io';

const HOSTS = [
  ...['ghcr.io', 'registry.example.com', 'eu.example.com', 'a.eu.example.com', 'xn--bcher-kva.example', 'REGISTRY.example.com'],
  ...['registry.example.com:5000', 'eu.example.com:5000', 'localhost', 'localhost:5000', '10.0.0.1', '10.0.0.1:5000', '[::1]:5000'],
  ...[HUB, HUB, HUB, 'registry.docker.io'],
];
const GLOBS = [
  ...['*.example.com', '*.*.example.com', 'eu*.example.com', '*u.example.com', 'r*y.example.com', '*.example.com:5000', '10.0.*.1'],
  ...['*.io', '*.*', 'docker.*', 'd*r.i*', '*', '*:5000', '*.docker.io', 'ghcr.io:*'],
];

const label = fc.constantFrom('a', 'b', 'ab', 'a-b', '0');
const port = fc.constantFrom('', '', '', ':5000', ':443');
/** Few letters, so that servers and images often match. */
const anyHost = (part: fc.Arbitrary<string>) =>
  fc.tuple(fc.array(part, { minLength: 2, maxLength: 3 }), port).map(([labels, at]) => labels.join('.') + at);
const imageHost = fc.oneof(fc.constantFrom(...HOSTS), anyHost(label));
const serverHost = fc.oneof(imageHost, fc.constantFrom(...GLOBS), anyHost(fc.oneof(label, fc.constantFrom('*', 'a*', '*b'))));

const PATHS = [
  '',
  '',
  '/team',
  '/team/app',
  '/tea',
  '/team/',
  '/team-',
  '/library',
  '/library/',
  '/v1',
  '/v2',
  '/v1/app',
  '/v2/team',
  '/a',
];
const REPOSITORIES = [
  '/nginx',
  '/team',
  '/team/app',
  '/team/app/deep',
  '/team-tools/app',
  '/v1',
  '/v1/app',
  '/v2/team/app',
  '/a/b',
  '/a__b/c',
];

const server: fc.Arbitrary<Server> = fc
  .record({
    host: serverHost,
    path: fc.constantFrom(...PATHS),
    scheme: fc.constantFrom('', '', 'https://', 'http://'),
    api: fc.constantFrom('', '/v1', '/v2'),
    hub: fc.constantFrom('docker.io', 'index.docker.io', 'registry-1.docker.io'),
    slash: fc.constantFrom('', '/'),
  })
  .map(({ host, path, scheme, api, hub, slash }) => {
    const name = scheme + (host === HUB ? hub : host);
    // The server of a whole registry may have the path of its API. Below that, a path v1 or v2 has to be doubled.
    if (path === '') return { host, path, written: name + (host === HUB ? api + slash : api === '' ? slash : `${api}/`) };
    return { host, path, written: name + (api === '' && /^\/v[12]\//.test(path) ? '/v1' : api) + path };
  })
  // A repository v1 on Docker Hub can be written only after an API path.
  .filter(({ host, path, written }) => host !== HUB || !/^\/v[12]$/.test(path) || /\/v[12]\/v[12]$/.test(written));

const image: fc.Arbitrary<Image> = fc
  .record({
    host: imageHost,
    path: fc.constantFrom(...REPOSITORIES),
    tag: fc.constantFrom('', '', ':latest', ':v1.2_RC-3', ':5000', `@sha256:${'0'.repeat(64)}`, `:1@sha256:${'a'.repeat(64)}`),
    hub: fc.constantFrom('', '', 'docker.io/', 'index.docker.io/'),
    library: fc.boolean(),
  })
  .map(({ host, path, tag, hub, library }) => {
    if (host !== HUB) return { host, path, written: host + path + tag };
    const official = path.lastIndexOf('/') === 0;
    const written = hub + (official && library ? 'library/' : '') + path.slice(1) + tag;
    return { host, path: official ? `/library${path}` : path, written };
  });
const someImages = fc.array(image, { minLength: 1, maxLength: 4 });
const oddImages = fc.array(
  fc.oneof(
    image,
    fc
      .constantFrom('a.b/a', 'a.b/a/b', 'a.b/b', 'a.b:5000/a', 'a.b/v1/a', 'a.b/v2', 'a/b', 'b', 'https/a')
      .map((written) => ({ ...NO_IMAGE, written })),
  ),
  { minLength: 1, maxLength: 4 },
);

// --- the expected result ---

const keyOf = ({ host, path }: Server) => host + path;

/** The ports are equal; each label matches, where * is any part of a label; and the server's path is a prefix. */
function covers(server: Server, image: Image): boolean {
  const [glob, wanted] = [splitHost(server), splitHost(image)];
  return (
    glob.port === wanted.port &&
    glob.labels.length === wanted.labels.length &&
    glob.labels.every((label, n) => expressionOf(label).test(wanted.labels[n] as string)) &&
    image.path.startsWith(server.path)
  );
}

function splitHost({ host }: Server): { labels: string[]; port: string } {
  const [, name = '', port = ''] = /^(.*?)(:[0-9*]+)?$/.exec(host) ?? [];
  return { labels: name.split('.'), port };
}

const expressionOf = (label: string) => new RegExp(`^${label.replace(/[^a-zA-Z0-9]/g, '\\$&').replaceAll('\\*', '.*')}$`);

/** The most specific first: a longer path before a shorter one, a letter before a *. */
function covering(entries: readonly (readonly [Server, string])[], image: Image): string[] {
  const found = entries.filter(([server]) => covers(server, image));
  // The kubelet treats localhost without a port as a user on Docker Hub (isDefaultRegistryMatch in keyring.go).
  const meant = found.length === 0 && image.host === 'localhost' ? entries.filter(([server]) => keyOf(server) === HUB) : found;
  return meant.sort(([a], [b]) => (keyOf(a) < keyOf(b) ? 1 : -1)).map(([, credential]) => credential);
}

// --- the actual result ---

type Sourced = Pick<RegistryCredentialSpec, 'registries' | 'dockerConfigs'> & { secrets: Record<string, ReturnType<typeof source>> };

/** Each registry gets its credential from a Secret of another type, in turn. */
function registries(meant: readonly { server: string; credential: string }[]): Sourced {
  return sources([], meant);
}

function sources(configs: readonly string[], meant: readonly { server: string; credential: string }[] = []): Sourced {
  const secrets: Sourced['secrets'] = {};
  const refTo = (name: string, secret: ReturnType<typeof source>, key?: string) => {
    secrets[name] = secret;
    return { secretRef: { namespace: 'sources', name, ...(key !== undefined && { key }) } };
  };
  const dockerConfigs = configs.map((text, n) =>
    refTo(`config-${n}`, source('kubernetes.io/dockerconfigjson', { '.dockerconfigjson': text })),
  );
  const own = meant.map(({ server, credential }, n) => {
    const [username = '', password = ''] = credential.split(':');
    const auths = { [server]: { auth: base64(credential) }, 'other.example.com/other': { auth: base64('other:sample') } };
    const name = `registry-${n}`;
    switch (n % 4) {
      case 0:
        return { server, ...refTo(name, source('kubernetes.io/basic-auth', { username, password })) };
      case 1:
        return { server, ...refTo(name, source('kubernetes.io/dockerconfigjson', { '.dockerconfigjson': JSON.stringify({ auths }) })) };
      case 2:
        return { server, ...refTo(name, source('kubernetes.io/dockercfg', { '.dockercfg': JSON.stringify(auths) })) };
      default:
        return { server, ...refTo(name, source('Opaque', { 'config.json': JSON.stringify({ auths }) }), 'config.json') };
    }
  });
  return { registries: own, dockerConfigs, secrets };
}

function resolved({ secrets, ...given }: Sourced) {
  return resolve(spec(given), 'uid-acme', ({ name }) => {
    const secret = secrets[name];
    return secret ? { state: 'present', secret } : { state: 'missing' };
  });
}

/** The Secret that the operator would place. */
function placed(wanted: Sourced): PullSecret {
  const resolution = resolved(wanted);
  if (resolution.state !== 'ready') throw new Error(JSON.stringify(resolution));
  return { type: 'kubernetes.io/dockerconfigjson', data: { '.dockerconfigjson': resolution.content.data } };
}

const dockerConfigSecret = (text: string): PullSecret => ({
  type: 'kubernetes.io/dockerconfigjson',
  data: { '.dockerconfigjson': base64(text) },
});

/** Why entries of a whole config are not in the Secret. */
function skippedIn(wanted: Sourced): string[] {
  const resolution = resolved(wanted);
  return resolution.state === 'ready' ? resolution.skipped.map(({ reason }) => reason) : [];
}

/** An entry that every kubelet finds, for an image that no case has: a config without any such entry is not usable. */
const PLAIN = { 'plain.example.com': { auth: base64('plain:sample') } };
