import { expect } from 'chai';
import { type Image, parseImage } from '../../../src/plan/image.ts';
import { matching } from '../../../src/plan/keyring.ts';

/** That the kubelet does the same is asked of the kubelet: test/kubelet/matching.test.ts. */
describe('Of the entries of all pull secrets the kubelet tries', () => {
  const table: Record<string, readonly [entries: readonly string[], image: string, tried: readonly string[]]> = {
    'those that cover the image, the most specific first, whichever Secret holds it': [
      ['ghcr.io first', 'quay.io first', 'ghcr.io/acme second'],
      'ghcr.io/acme/app',
      ['ghcr.io/acme second', 'ghcr.io first'],
    ],
    'of the same server that of the first Secret first': [
      ['ghcr.io z', 'https://ghcr.io/ a'],
      'ghcr.io/acme/app',
      ['ghcr.io z', 'https://ghcr.io/ a'],
    ],
    'Docker Hub under the name that docker login writes': [
      ['https://index.docker.io/v1/ a', 'ghcr.io a'],
      'nginx',
      ['https://index.docker.io/v1/ a'],
    ],
    'not that name where another matches, of whatever Secret': [['https://index.docker.io/v1/ a', '*.io b'], 'nginx', ['*.io b']],
    'none that leaves out the last slash of that name': [['https://index.docker.io/v1 a'], 'nginx', []],
    'none of registry-1.docker.io, where images of Docker Hub are really pulled from': [['registry-1.docker.io a'], 'nginx', []],
    'none where none covers it': [['ghcr.io a'], 'quay.io/acme/app', []],
  };
  for (const [what, [entries, image, tried]] of Object.entries(table)) {
    it(what, () => {
      const given = entries.map((text) => text.split(' ') as [string, string]);
      expect(matching(given, parseImage(image) as Image).map((entry) => entry.join(' '))).to.deep.equal(tried);
    });
  }
});
