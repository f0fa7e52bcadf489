import { expect } from 'chai';
import fc from 'fast-check';
import { hostToAsk, nameOfServer } from '../../../../src/plan/checks/asked-host.ts';
import { parseProbeImage } from '../../../../src/plan/checks/probe-image.ts';
import { DOCKER_HUB } from '../../../../src/plan/content/server.ts';

const HEX = 'a'.repeat(64);

describe('The host that is asked for a server', () => {
  const table: Record<string, string | undefined> = {
    'ghcr.io': 'ghcr.io',
    'GHCR.io/acme': 'ghcr.io',
    'registry.example.com:5000/team/a': 'registry.example.com:5000',
    'registry_1:5000': 'registry_1:5000',
    '[::1]:5000': '[::1]:5000',
    [DOCKER_HUB]: 'registry-1.docker.io',
    'docker.io/team': 'registry-1.docker.io',
    '*.example.com': undefined,
    'registry?.example.com': undefined,
    '[a-z].example.com': undefined,
    'user@evil.example.com': undefined,
    'evil.example.com#.ghcr.io': undefined,
    'evil.example.com\\ghcr.io': undefined,
    'ftp://ghcr.io': undefined,
    '': undefined,
    'host:': undefined,
  };
  for (const [server, want] of Object.entries(table)) {
    it(`of ${server || 'nothing'} is ${want ?? 'none'}`, () => expect(hostToAsk(server)).to.equal(want));
  }

  it('of any server is a host of a URL, and nothing else of one', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.webAuthority({ withPort: true, withUserInfo: true })), (server) => {
        const host = hostToAsk(server);
        if (host === undefined || !URL.canParse(`https://${host}`)) return;
        const { username, pathname, search, hash } = new URL(`https://${host}`);
        expect([username, pathname, search, hash]).to.deep.equal(['', '/', '', '']);
      }),
      { numRuns: 10_000 },
    );
  });

  it('is called docker.io for Docker Hub', () => expect([DOCKER_HUB, 'ghcr.io'].map(nameOfServer)).to.deep.equal(['docker.io', 'ghcr.io']));
});

describe('A probe image', () => {
  const good: Record<string, { written: string; server?: string; repository: string; reference: string }> = {
    'with a tag': { written: 'acme/web:1', repository: 'acme/web', reference: '1' },
    'without a tag is latest': { written: 'acme/web', repository: 'acme/web', reference: 'latest' },
    'with a digest': { written: `acme/web@sha256:${HEX}`, repository: 'acme/web', reference: `sha256:${HEX}` },
    'with both goes by the digest': { written: `acme/web:1@sha256:${HEX}`, repository: 'acme/web', reference: `sha256:${HEX}` },
    'with separators': { written: 'a.b/c_d/e__f/g---h:v1.0_x-y', repository: 'a.b/c_d/e__f/g---h', reference: 'v1.0_x-y' },
    'with a single name on another host keeps it': { written: 'web:1', repository: 'web', reference: '1' },
    'with a single name on Docker Hub gets library/': {
      written: 'nginx',
      server: DOCKER_HUB,
      repository: 'library/nginx',
      reference: 'latest',
    },
    'of a team on Docker Hub keeps it': { written: 'acme/web:1', server: DOCKER_HUB, repository: 'acme/web', reference: '1' },
    'may have a name of 255 and a tag of 128 characters': {
      written: `${'a'.repeat(255)}:${'1'.repeat(128)}`,
      repository: 'a'.repeat(255),
      reference: '1'.repeat(128),
    },
    'may begin with a part that has a dot': { written: 'acme.com/web:1', repository: 'acme.com/web', reference: '1' },
  };
  for (const [what, { written, server = 'ghcr.io', repository, reference }] of Object.entries(good)) {
    it(what, () => expect(parseProbeImage(written, server)).to.deep.equal({ ok: true, image: { repository, reference } }));
  }

  const bad: Record<string, { written: string; server?: string; says: string }> = {
    'that is empty': { written: '', says: 'empty' },
    'that is a URL': { written: 'https://ghcr.io/acme/web', says: 'scheme' },
    'with the host of its server': { written: 'ghcr.io/acme/web:1', says: 'begins with a host' },
    'with a host and a port': { written: 'registry:5000/acme/web:1', says: 'begins with a host' },
    'with docker.io on Docker Hub': { written: 'docker.io/library/nginx', server: DOCKER_HUB, says: 'begins with a host' },
    'with capitals': { written: 'Acme/web', says: 'capital letters' },
    'with two slashes': { written: 'acme//web', says: 'no valid repository' },
    'that leads upwards': { written: '../../v2/_catalog', says: 'no valid repository' },
    'with a query': { written: 'acme/web?x=1', says: 'no valid repository' },
    'with white space': { written: ' acme/web', says: 'no valid repository' },
    'with localhost': { written: 'localhost/acme/web:1', says: 'begins with a host' },
    'with index.docker.io on Docker Hub': { written: 'index.docker.io/library/nginx', server: DOCKER_HUB, says: 'begins with a host' },
    'with nothing but a tag': { written: ':1', says: 'no valid repository' },
    'with nothing but a digest': { written: `@sha256:${HEX}`, says: 'no valid repository' },
    'with two digests': { written: `acme/web@sha256:${HEX}@sha256:${HEX}`, says: 'the digest is malformed' },
    'with a port behind the digest': { written: 'acme/web@sha256:1/x', says: 'the digest is malformed' },
    'with two tags': { written: 'acme/web:1:2', says: 'the tag is malformed' },
    'with an empty tag': { written: 'acme/web:', says: 'the tag is malformed' },
    'with a tag that is a path': { written: 'acme/web:../x', says: 'no valid repository' },
    'with a short digest': { written: 'acme/web@sha256:abc', says: 'the digest is malformed' },
    'with an unknown digest': { written: `acme/web@md5:${HEX}`, says: 'the digest is malformed' },
    'with a long name': { written: 'a'.repeat(256), says: 'longer than 255' },
    'of 512 characters': { written: 'a'.repeat(512), says: 'longer than 255' },
    'of 513 characters': { written: 'a'.repeat(513), says: 'longer than 512' },
  };
  for (const [what, { written, server = 'ghcr.io', says }] of Object.entries(bad)) {
    it(`${what} is refused, with the fix`, () => {
      const parsed = parseProbeImage(written, server);
      expect(parsed).to.have.property('ok', false);
      expect(parsed)
        .to.have.property('message')
        .that.matches(/^probeImage of server (ghcr|docker)\.io: /);
      expect(parsed).to.have.property('message').that.contains(says);
    });
  }

  it('is a plain path of a URL, whatever was written', () => {
    const piece = fc.constantFrom('a', 'B', '/', ':', '@', '.', '..', '-', '_', '%2f', '?', '#', '\\', ' ', `sha256:${HEX}`);
    const written = fc.oneof(
      fc.string(),
      fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join('')),
    );
    fc.assert(
      fc.property(written, fc.constantFrom('ghcr.io', DOCKER_HUB), (text, server) => {
        const parsed = parseProbeImage(text, server);
        if (!parsed.ok) return;
        const path = `/v2/${parsed.image.repository}/manifests/${parsed.image.reference}`;
        expect(new URL(path, 'https://ghcr.io').href).to.equal(`https://ghcr.io${path}`);
      }),
      { numRuns: 10_000 },
    );
  });
});
