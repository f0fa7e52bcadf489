import { expect } from 'chai';
import { type Image, parseImage } from '../../../../src/plan/matching/image.ts';
import { matchesSomeImage, matchingEntries } from '../../../../src/plan/matching/keyring.ts';

/** test/kubelet/matching.test.ts proves that the kubelet does the same. */
describe('Of the entries of all pull secrets, the kubelet tries', () => {
  const table: Record<string, readonly [entries: readonly string[], image: string, tried: readonly string[]]> = {
    'those that match the image, the most specific first, no matter in which Secret': [
      ['ghcr.io first', 'quay.io first', 'ghcr.io/acme second'],
      'ghcr.io/acme/app',
      ['ghcr.io/acme second', 'ghcr.io first'],
    ],
    'for one server, the entry of the first Secret first': [
      ['ghcr.io z', 'https://ghcr.io/ a'],
      'ghcr.io/acme/app',
      ['ghcr.io z', 'https://ghcr.io/ a'],
    ],
    'Docker Hub under the name that docker login writes': [
      ['https://index.docker.io/v1/ a', 'ghcr.io a'],
      'nginx',
      ['https://index.docker.io/v1/ a'],
    ],
    'not that name if another entry matches, no matter in which Secret': [['https://index.docker.io/v1/ a', '*.io b'], 'nginx', ['*.io b']],
    'none under that name without its last slash': [['https://index.docker.io/v1 a'], 'nginx', []],
    'none under registry-1.docker.io, although images of Docker Hub are pulled from there': [['registry-1.docker.io a'], 'nginx', []],
    'Docker Hub for localhost without a port, which the kubelet takes for a user there': [
      ['https://index.docker.io/v1/ a', 'ghcr.io a'],
      'localhost/app',
      ['https://index.docker.io/v1/ a'],
    ],
    'not Docker Hub for localhost with a port': [['https://index.docker.io/v1/ a'], 'localhost:5000/app', []],
    'not Docker Hub for another registry': [['https://index.docker.io/v1/ a'], 'quay.io/acme/app', []],
    'only those with the port of the image': [
      ['r.example.com a', 'r.example.com:5000 b', 'r.example.com:5001 c'],
      'r.example.com:5000/app',
      ['r.example.com:5000 b'],
    ],
    'those whose path is the beginning of the name': [
      ['ghcr.io/acme a', 'ghcr.io/acme-tools b', 'ghcr.io/acme-tools-2 c', 'ghcr.io/v2/acme d'],
      'ghcr.io/acme-tools/app',
      ['ghcr.io/acme-tools b', 'ghcr.io/acme a', 'ghcr.io/v2/acme d'],
    ],
    'a wildcard for one part of the host only': [['*.example.com a', '*.com b'], 'a.example.com/app', ['*.example.com a']],
    'an IPv6 address with its port only': [['[::1]:5000 a', '[::1] b'], '[::1]:5000/app', ['[::1]:5000 a']],
    'none if none matches': [['ghcr.io a'], 'quay.io/acme/app', []],
  };
  for (const [what, [entries, image, tried]] of Object.entries(table)) {
    it(what, () => {
      const given = entries.map((text) => text.split(' ') as [string, string]);
      expect(matchingEntries(given, parseImage(image) as Image).map((entry) => entry.join(' '))).to.deep.equal(tried);
    });
  }
});

describe('The kubelet finds an entry', () => {
  const findable = [
    ...['ghcr.io', 'https://ghcr.io/', 'ghcr.io/acme', 'ghcr.io/acme/', 'ghcr.io/acme-', 'r.example.com:5000/a', 'MyRegistry.azurecr.io'],
    ...['*.example.com', 'a*.example.com', '*', 'Registry', 'localhost', 'localhost:5000', '[::1]:5000', 'robot@ghcr.io', 'ghcr.io:'],
    ...['https://index.docker.io/v1/', 'docker.io', 'index.docker.io', 'docker.io/library', 'docker.io/acme'],
  ];
  for (const server of findable) it(`of ${server} for some image`, () => expect(matchesSomeImage(server)).to.equal(true));

  const lost = [
    ...[
      '',
      'https://',
      'http:///',
      'ghcr.io ',
      ' ghcr.io',
      'oci://ghcr.io',
      'https://https://ghcr.io',
      'ghcr.io/acme/app:1',
      'ghcr.io/Acme',
    ],
    ...[
      'ghcr.io//acme',
      'registry',
      '[::1]',
      'ghcr.io:port',
      'registry-1.docker.io.',
      'a b',
      'ghcr.io/a@sha256',
      '%zz',
      'ghcr.io/acme\u0001',
      'ghcr.io#%zz',
      `${'a'.repeat(2000)}.b`,
    ],
  ];
  for (const server of lost)
    it(`of ${JSON.stringify(server.slice(0, 40))} for no image`, () => expect(matchesSomeImage(server)).to.equal(false));
});
