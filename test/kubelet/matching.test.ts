import { expect } from 'chai';
import fc from 'fast-check';
import { parseImage } from '../../src/plan/image.ts';
import { matching } from '../../src/plan/keyring.ts';
import { base64 } from '../support/builders.ts';
import { Keyring } from '../support/keyring.ts';
import { UNUSABLE, USABLE } from '../support/servers.ts';

/** The kubelet as judge over what src/plan says it would do, with names that nobody in his senses would write as well. */
describe('What is said of the kubelet is what it does:', () => {
  let keyring: Keyring;

  before('needs the kubelet-keyring of our own build of the control plane', async function () {
    const started = await Keyring.start((line) => console.error(line));
    if (started) keyring = started;
    else this.skip();
  });
  after(() => keyring?.stop());

  /** The servers whose entries it tries, in its order; or that it refuses the image's name. */
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
    return matching(
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

  it('which images have a name that it takes', async () => {
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
        // Two ways to write one server: the kubelet's map has no order for these.
        if (new Set(said.map(bare)).size === said.length) expect(said).to.deep.equal(done);
        if (said.length > 1) matched++;
      }),
      { numRuns: 12_000 },
    );
    expect(matched).to.be.above(200);
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

// Few letters, so that they meet often.
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
