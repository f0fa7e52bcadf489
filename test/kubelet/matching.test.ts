import { expect } from 'chai';
import fc from 'fast-check';
import { parseImage } from '../../src/plan/matching/image.ts';
import { matchesSomeImage, matchingEntries } from '../../src/plan/matching/keyring.ts';
import { readPullSecret } from '../../src/plan/pods/pull-secret.ts';
import { base64 } from '../support/builders.ts';
import { CORPUS } from '../support/corpus.ts';
import { Keyring, NO_KEYRING } from '../support/keyring.ts';
import { UNUSABLE, USABLE } from '../support/servers.ts';
import { skipBecause } from '../support/skip.ts';

/** Checks src/plan against the code of the kubelet, also with names that no sane person would use. */
describe('src/plan predicts the kubelet:', () => {
  let keyring: Keyring;

  before('needs the kubelet-keyring of our own build of the control plane', async function () {
    const started = await Keyring.start((line) => console.error(line));
    if (started) keyring = started;
    else skipBecause(this, NO_KEYRING);
  });
  after(() => keyring?.stop());

  /** The servers whose entries the kubelet tries, in its order; or that it refuses the image name. */
  async function kubelet(servers: readonly string[], image: string): Promise<readonly string[] | 'no image'> {
    const auths = Object.fromEntries(servers.map((server, n) => [server, { auth: base64(`${n}:sample`) }]));
    const secret = { type: 'kubernetes.io/dockerconfigjson', data: { '.dockerconfigjson': base64(JSON.stringify({ auths })) } };
    const answer = await keyring.lookup(secret, [image]);
    if ('error' in answer) throw new Error(answer.error);
    const [found] = answer;
    if (found === undefined || 'error' in found) return 'no image';
    return found.map((credential) => servers[Number.parseInt(credential, 10)] as string);
  }

  function ours(servers: readonly string[], image: string): readonly string[] | 'no image' {
    const parsed = parseImage(image);
    if (parsed === undefined) return 'no image';
    return matchingEntries(
      servers.map((server) => [server, undefined]),
      parsed,
    ).map(([server]) => server);
  }

  for (const [server, image] of [
    ...Object.entries(USABLE),
    ...Object.entries(UNUSABLE).map(([name, { image }]) => [name, image] as const),
  ]) {
    it(`${JSON.stringify(server)} for ${image}`, async () => expect(ours([server], image)).to.deep.equal(await kubelet([server], image)));
  }

  it('which image names it accepts', async () => {
    let taken = 0;
    await fc.assert(
      fc.asyncProperty(anyImage, async (image) => {
        const said = ours([], image);
        expect(said, image).to.deep.equal(await kubelet([], image));
        if (said !== 'no image') taken++;
      }),
      { numRuns: 4000 },
    );
    expect(taken).to.be.within(400, 3600);
  });

  it('which entries it tries, and in which order', async () => {
    let matched = 0;
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(anyServer, { maxLength: 6 }), anyImage, async (servers, image) => {
        const [said, done] = [ours(servers, image), await kubelet(servers, image)];
        if (said === 'no image' || done === 'no image') return void expect(said).to.equal(done);
        expect(said).to.have.members(done);
        // Two spellings of one server: the kubelet's map has no order for them.
        if (new Set(said.map(bare)).size === said.length) expect(said).to.deep.equal(done);
        for (const server of done) expect(matchesSomeImage(server), server).to.equal(true);
        if (said.length > 1) matched++;
      }),
      { numRuns: 12_000 },
    );
    expect(matched).to.be.above(200);
  });

  it('which Secrets it refuses, together with all pulls of the pod', async () => {
    const otherwise: string[] = [];
    for (const [what, bytes] of Object.entries(CORPUS)) {
      const data = { '.dockerconfigjson': Buffer.from(bytes as string).toString('base64') };
      const secret = { type: 'kubernetes.io/dockerconfigjson', namespace: 'shop', name: 'own', data };
      const refused = 'error' in (await keyring.lookup(secret, [])) ? 'refused' : 'accepted';
      const { isRefused: said, problems } = readPullSecret(secret);
      if (said !== (refused === 'refused'))
        otherwise.push(`${what}: ${refused}, and ${problems.map(({ reason }) => reason).join() || 'valid'} for us`);
    }
    // Malformed JSON that no program writes. Two of these are valid for us, although the kubelet refuses them.
    expect(otherwise).to.deep.equal([
      'null: accepted, and NotJSON for us',
      'auths is a list: refused, and AuthsMissing for us',
      'auths is a string: refused, and AuthsMissing for us',
      'a server that occurs twice: refused, and valid for us',
      'an entry is null: accepted, and MalformedEntry for us',
      'a deeply nested entry, with all brackets closed: refused, and valid for us',
    ]);
  });
});

const bare = (server: string) =>
  server
    .replace(/^https?:\/\//, '')
    .replace(/^[^/]*@/, '')
    .replace(/[?#].*$/, '')
    .replace(/^([^/]*)\/v[12](?=\/)/, '$1')
    .replace(/^([^/]*)\/$/, '$1')
    .replace('%61', 'a');

const HUBS = ['docker.io', 'index.docker.io', 'registry-1.docker.io'];
const host = fc.constantFrom(
  ...[
    'a.b',
    'a.b',
    'a.b',
    'a.b:5000',
    'A.b',
    'a',
    'A',
    'localhost',
    'localhost:5000',
    '[::1]:5000',
    '[::1]',
    '[1]:5000',
    '10.0.0.1',
    'a_b.c',
  ],
  ...HUBS,
);
const glob = fc.constantFrom(
  '*.b',
  'a.*',
  '*.*',
  '*',
  '*:5000',
  '*.b:5000',
  'a*.b',
  '*.io',
  'index.*.io',
  'a.b:*',
  '[*]:5000',
  '[ab].b',
  '?.b',
);
const segment = fc.constantFrom('a', 'ab', 'a-b', 'a__b', 'library', 'v1', 'v2', 'a.b');
const path = fc.array(segment, { minLength: 1, maxLength: 3 }).map((parts) => parts.map((part) => `/${part}`).join(''));
const oddPath = fc.constantFrom(
  '',
  '',
  '/',
  '//',
  '/v1',
  '/v1/',
  '/v2/',
  '/v1/v2/',
  '/%61',
  '/%61/b',
  '/%zz',
  '/%',
  '/%3Fx',
  '/%2541',
  '/a?b',
  '/a#b',
  '?a',
  '#',
  '/A',
  '/*',
  '/a:1',
  '/ü',
);
const joined = (...parts: fc.Arbitrary<string>[]) => fc.tuple(...parts).map((texts) => texts.join(''));

const oddServer = joined(
  fc.constantFrom('', '', '', 'https://', 'http://', 'HTTPS://', 'https://https://', 'oci://'),
  fc.constantFrom('', '', '', '', '', 'user@', 'user:word@', 'a@b@', 'a b@', '%zz@'),
  fc.oneof(
    { weight: 3, arbitrary: host },
    { weight: 2, arbitrary: glob },
    fc.constantFrom('', ' a.b', 'a..b', 'a.b:', 'a.b:5000:5000', 'a\u0000.b', 'a.b]', 'ü.b'),
  ),
  fc.oneof(oddPath, path),
);

const digest = 'sha256:'.padEnd(71, '0');
const oddImage = joined(
  fc.oneof(
    { weight: 6, arbitrary: fc.tuple(host, path).map((parts) => parts.join('')) },
    segment,
    path.map((text) => text.slice(1)),
    fc.constantFrom(
      '',
      '/',
      'a/',
      '/a',
      'A',
      'a/B',
      'a.b/A',
      'a..b/a',
      'a.b//a',
      'a.b/a--b',
      'a.b/a___b',
      'a.b/a..b',
      'a.b/-a',
      'a-.b/a',
      'a.b:x/a',
      'a.b:/a',
      'ü/a',
      '0'.repeat(64),
      `a/${'0'.repeat(64)}`,
      'a'.repeat(256),
      `a.b/${'a'.repeat(255)}`,
      `a.b/${'a'.repeat(256)}`,
      `a_b.c/${'a'.repeat(250)}`,
    ),
  ),
  fc.constantFrom(
    '',
    '',
    '',
    '',
    ':1',
    ':latest',
    ':v1.2_RC-3',
    ':',
    ':-',
    ':.',
    `:${'1'.repeat(128)}`,
    `:${'1'.repeat(129)}`,
    ':a:b',
    ':a/b',
  ),
  fc.constantFrom(
    '',
    '',
    '',
    '',
    `@${digest}`,
    `@${digest}0`,
    `@${digest.toUpperCase()}`,
    `@md5:${'0'.repeat(32)}`,
    '@',
    `@sha512:${'a'.repeat(128)}`,
    `@sha384:${'a'.repeat(96)}`,
    `@sha512:${'a'.repeat(64)}`,
    '@a@b',
    `@sha256:${'A'.repeat(64)}`,
  ),
);

// Few letters, so that servers and images often match.
const likelyServer = joined(
  fc.constantFrom('', 'https://'),
  fc.constantFrom('a.b', 'a.b', '*.b', 'a.*', '*.*', ...HUBS, 'docker.*'),
  fc.constantFrom('', '', '/', '/a', '/a/', '/a/b', '/v1/', '/v2/a', '/library', '/v1'),
);
const likelyImage = joined(
  fc.constantFrom('a.b/', 'a.b/', 'a.b/', '', 'docker.io/'),
  fc.constantFrom('a', 'a/b', 'ab/a', 'v1/a', 'library/a'),
);
const anyServer = fc.oneof({ weight: 2, arbitrary: likelyServer }, oddServer);
const anyImage = fc.oneof(likelyImage, oddImage);
