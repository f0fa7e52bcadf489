import { expect } from 'chai';
import fc from 'fast-check';
import type { RegistryCredentialSpec } from '../../src/api/types.ts';
import { resolve } from '../../src/plan/resolve.ts';
import { base64, source, spec } from '../support/builders.ts';
import { CORPUS } from '../support/corpus.ts';
import { type Found, Keyring, type PullSecret } from '../support/keyring.ts';
import { UNUSABLE, USABLE } from '../support/servers.ts';

/**
 * The kubelet as judge: it is asked what it finds in the Secret that we would place, and that must be what the sources
 * meant. What they meant is said here a second time, in few words, without a look at how src/plan does it.
 */
describe('What the kubelet finds in the Secret', () => {
  let keyring: Keyring;

  before('needs the kubelet-keyring of our own build of the control plane', async function () {
    const started = await Keyring.start((line) => console.error(line));
    if (started) keyring = started;
    else this.skip();
  });
  after(() => keyring?.stop());

  const find = async (secret: PullSecret, images: readonly Image[]) =>
    keyring.lookup(
      secret,
      images.map(({ written }) => written),
    );

  describe('is what the servers cover:', () => {
    const table: Record<string, readonly [servers: readonly string[], image: string, want: Found]> = {
      'the host': [['ghcr.io'], 'ghcr.io/acme/app:1.2', ['ghcr.io']],
      'no other host': [['ghcr.io'], 'quay.io/acme/app', []],
      'no host below it': [['example.com'], 'eu.example.com/app', []],
      'the same port': [['r.example.com:5000'], 'r.example.com:5000/app', ['r.example.com:5000']],
      'no port where one is given': [['r.example.com:5000'], 'r.example.com/app', []],
      'no other port where none is given': [['r.example.com'], 'r.example.com:443/app', []],
      'an image by its digest': [['ghcr.io'], `ghcr.io/app@sha256:${'0'.repeat(64)}`, ['ghcr.io']],
      'a path': [['ghcr.io/acme'], 'ghcr.io/acme/app', ['ghcr.io/acme']],
      'no other path': [['ghcr.io/acme'], 'ghcr.io/other/app', []],
      'a path as a plain prefix': [['ghcr.io/acme'], 'ghcr.io/acme-tools/app', ['ghcr.io/acme']],
      'with a slash at its end, only what is below': [['ghcr.io/acme/'], 'ghcr.io/acme-tools/app', []],
      'the longer path first, then the shorter': [
        ['ghcr.io', 'ghcr.io/acme', 'ghcr.io/acme/app'],
        'ghcr.io/acme/app',
        ['ghcr.io/acme/app', 'ghcr.io/acme', 'ghcr.io'],
      ],
      'one label by *': [['*.example.com'], 'eu.example.com/app', ['*.example.com']],
      'not two labels by one *': [['*.example.com'], 'a.eu.example.com/app', []],
      'a part of a label by *': [['eu-*.example.com'], 'eu-1.example.com/app', ['eu-*.example.com']],
      'no port by *': [['*.example.com'], 'eu.example.com:5000/app', []],
      'the plain host before *': [['*.example.com', 'eu.example.com'], 'eu.example.com/app', ['eu.example.com', '*.example.com']],
      'an address of IPv6 with its port': [['[::1]:5000'], '[::1]:5000/app', ['[::1]:5000']],
      'Docker Hub by its short names': [['docker.io'], 'nginx', ['docker.io']],
      'Docker Hub by names of users': [['docker.io'], 'acme/app:1.2', ['docker.io']],
      'Docker Hub under index.docker.io': [['registry-1.docker.io'], 'index.docker.io/acme/app', ['registry-1.docker.io']],
      'Docker Hub where a name has no dot and no port': [['registry', 'docker.io'], 'registry/app', ['docker.io']],
      'a path on Docker Hub': [['index.docker.io/acme'], 'acme/app', ['index.docker.io/acme']],
      'the official images on Docker Hub': [['docker.io/library'], 'nginx', ['docker.io/library']],
      'a path on Docker Hub first, then the rest of it': [['docker.io', 'docker.io/acme'], 'acme/app', ['docker.io/acme', 'docker.io']],
      'Docker Hub, by a mistake of the kubelet, for localhost without a port': [['docker.io'], 'localhost/app', ['docker.io']],
      'nothing for registry-1.docker.io, which the kubelet does not take for Docker Hub': [
        ['registry-1.docker.io'],
        'registry-1.docker.io/acme/app',
        [],
      ],
      'nothing for an address of IPv6 without a port, which the kubelet reads as a set of characters': [['[::1]'], '[::1]/app', []],
      'nothing for a path with *': [['ghcr.io/*'], 'ghcr.io/acme/app', []],
      'nothing for a host of one label': [['registry', '*'], 'registry/app', []],
      'Docker Hub before a * that covers it': [['*.io', 'docker.io'], 'acme/app', ['docker.io', '*.io']],
    };
    for (const [what, [servers, image, want]] of Object.entries(table)) {
      it(what, async () => {
        const meant = servers.map((server) => ({ server, credential: `${nameFor(server)}:sample` }));
        const named = (want as readonly string[]).map((server) => `${nameFor(server)}:sample`);
        expect(await find(placed(registries(meant)), [{ ...NO_IMAGE, written: image }])).to.deep.equal([named]);
      });
    }
    /** A username can have no colon in it. */
    const nameFor = (server: string) => server.replaceAll(':', '-');
  });

  describe('is, of servers that the API takes,', () => {
    for (const [server, image] of Object.entries(USABLE)) {
      it(`${server} for ${image}`, async () => {
        const secret = placed(registries([{ server, credential: 'robot:sample' }]));
        expect(await find(secret, [{ ...NO_IMAGE, written: image }])).to.deep.equal([['robot:sample']]);
      });
    }
  });

  describe('is nothing, of servers that the API refuses:', () => {
    for (const [server, { image }] of Object.entries(UNUSABLE)) {
      it(`${server} for ${image}`, async () => {
        const secret = dockerConfigSecret(JSON.stringify({ auths: { [server]: { auth: base64('robot:sample') } } }));
        expect(await find(secret, [{ ...NO_IMAGE, written: image }])).to.deep.equal([[]]);
      });
    }
  });

  it('is something, of hostile sources that we take: none of them makes it refuse the Secret', async () => {
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

  it('is, of any registries, what covers the image, the most specific first', async () => {
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

  it('is, of any docker configs and registries, the last word about each server', async () => {
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
          return JSON.stringify({ auths: Object.fromEntries(auths) });
        });
        if (own) last.set(keyOf(own), [own, 'own:sample']);
        const wanted = sources(texts, own ? [{ server: own.written, credential: 'own:sample' }] : []);
        expect(await find(placed(wanted), images)).to.deep.equal(images.map((image) => covering([...last.values()], image)));
      }),
      { numRuns: 6000 },
    );
  });

  it('is what it finds in the source itself, however odd its servers', async () => {
    const part = fc.constantFrom(
      ...['http://', 'https://', 'HTTPS://', '//', '/', ':', '@', '?', '#', '%2f', '%zz', '[', ']', '*', '\\', ' ', '\n', '.', '..', '-'],
      ...['v1', 'v2', 'a', 'b', 'a.b', 'a.b/', 'a.b/a', 'a.b:5000', '5000', 'é', '密', '\u0000', '\ud800', '__proto__', 'constructor', '1'],
    );
    const odd = fc.array(part, { maxLength: 5 }).map((parts) => parts.join(''));
    const names = fc.uniqueArray(
      fc.oneof(
        odd,
        server.map(({ written }) => written),
      ),
      { maxLength: 5, minLength: 1 },
    );
    const hub = /docker|\*/; // Docker Hub's names are one to us, and three to the kubelet: that is looked at above.
    const cases = fc.record({ names: names.map((all) => all.filter((name) => !hub.test(name))), images: oddImages });
    await fc.assert(
      fc.asyncProperty(cases, async ({ names, images }) => {
        fc.pre(names.length > 0);
        // Put together by hand: an object would take __proto__ for its prototype.
        const entries = names.map((name, n) => `${JSON.stringify(name)}:{"auth":${JSON.stringify(base64(`robot-${n}:sample`))}}`);
        const text = `{"auths":{${entries.join(',')}}}`;
        const ours = placed(sources([text]));
        const [meant, found] = await Promise.all([find(dockerConfigSecret(text), images), find(ours, images)]);
        expect(found).to.be.an('array');
        for (const [n, credentials] of (found as Found[]).entries()) compare(credentials, (meant as Found[])[n] as Found, names, ours);
      }),
      { numRuns: 6000 },
    );

    /** Entries for the same server: the kubelet tries all of them, in any order; we keep one. */
    function compare(found: Found, meant: Found, names: readonly string[], ours: PullSecret): void {
      if ('error' in meant || 'error' in found) return void expect(found).to.deep.equal(meant);
      if (Object.keys(authsIn(ours)).length === names.length) return void expect([...found].sort()).to.deep.equal([...meant].sort());
      expect(meant).to.include.members([...found]);
      expect(found.length > 0).to.equal(meant.length > 0);
    }
  });

  it('is what it finds in the source itself, however the entry is written; and what it refuses, we do', async () => {
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
    // It would prove nothing if nearly all of them were refused.
    expect(same).to.be.above(400);
  });
});

// --- what there is to choose from ---

/** A server by its meaning, and one of the ways to write that. */
interface Server {
  /** With the port. Docker Hub is docker.io. */
  readonly host: string;
  /** Empty, or beginning with a slash. */
  readonly path: string;
  readonly written: string;
}

/** An image by its meaning, and one of the ways to write that. */
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
/** Few letters, so that servers and images meet often. */
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
    // The whole of a registry can be written with the address of its API; below that, a path v1 or v2 has to be doubled.
    if (path === '') return { host, path, written: name + (host === HUB ? api + slash : api === '' ? slash : `${api}/`) };
    return { host, path, written: name + (api === '' && /^\/v[12]\//.test(path) ? '/v1' : api) + path };
  })
  // A repository v1 on Docker Hub can only be written with an API before it.
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

// --- what it means ---

const keyOf = ({ host, path }: Server) => host + path;

/** The same port; label by label, where * is any part of one; and the path as a prefix. */
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
  // The kubelet takes localhost, where it has no port, for a user on Docker Hub (isDefaultRegistryMatch in keyring.go).
  const meant = found.length === 0 && image.host === 'localhost' ? entries.filter(([server]) => keyOf(server) === HUB) : found;
  return meant.sort(([a], [b]) => (keyOf(a) < keyOf(b) ? 1 : -1)).map(([, credential]) => credential);
}

// --- what we make of it ---

type Sourced = Pick<RegistryCredentialSpec, 'registries' | 'dockerConfigs'> & { secrets: Record<string, ReturnType<typeof source>> };

/** Each from a Secret of another type, one after the other. */
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

/** The Secret that is placed. */
function placed(wanted: Sourced): PullSecret {
  const resolution = resolved(wanted);
  if (resolution.state !== 'ready') throw new Error(JSON.stringify(resolution));
  return { type: 'kubernetes.io/dockerconfigjson', data: { '.dockerconfigjson': resolution.content.data } };
}

const dockerConfigSecret = (text: string): PullSecret => ({
  type: 'kubernetes.io/dockerconfigjson',
  data: { '.dockerconfigjson': base64(text) },
});

const authsIn = ({ data }: PullSecret): object =>
  (JSON.parse(Buffer.from(data['.dockerconfigjson'] as string, 'base64').toString()) as { auths: object }).auths;
