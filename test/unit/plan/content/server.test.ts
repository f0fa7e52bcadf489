import { expect } from 'chai';
import fc from 'fast-check';
import { canonicalServer, DOCKER_HUB } from '../../../../src/plan/content/server.ts';

describe('A server', () => {
  const names: Record<string, readonly string[]> = {
    [DOCKER_HUB]: [
      'docker.io',
      'index.docker.io',
      'registry-1.docker.io',
      'https://index.docker.io/v1/',
      'https://index.docker.io/v1',
      'index.docker.io/v1/',
      'http://docker.io/',
      'registry-1.docker.io/v2/',
    ],
    'ghcr.io': ['ghcr.io', 'https://ghcr.io', 'http://ghcr.io/', 'ghcr.io/v1/', 'https://ghcr.io/v2/'],
    'registry.example.com:5000': ['registry.example.com:5000', 'https://registry.example.com:5000/v2/'],
    'registry.gitlab.com/acme': ['registry.gitlab.com/acme', 'https://registry.gitlab.com/v2/acme'],
    'registry.gitlab.com/acme/': ['registry.gitlab.com/acme/'],
    'registry.gitlab.com/v2': ['registry.gitlab.com/v2', 'registry.gitlab.com/v1/v2'],
    // Below a repository named v2, the kubelet strips one prefix, and the other must stay.
    'registry.gitlab.com/v1/v2/acme': ['registry.gitlab.com/v1/v2/acme', 'registry.gitlab.com/v2/v2/acme'],
    'docker.io/acme': ['docker.io/acme', 'index.docker.io/acme', 'https://index.docker.io/v1/acme', 'registry-1.docker.io/v2/acme'],
    // Not all of Docker Hub: only what begins with v2 there.
    'docker.io/v1/v2': ['docker.io/v1/v2', 'https://index.docker.io/v2/v2'],
    // The kubelet drops only one scheme, so this name matches no registry.
    'https://http://ghcr.io': ['https://http://ghcr.io'],
    'registry.docker.io': ['registry.docker.io'],
    // No host: no image matches it, and it must not become a valid name.
    '/acme': ['/acme'],
    '*.example.com': ['*.example.com', 'https://*.example.com/'],
  };
  for (const [canonical, written] of Object.entries(names)) {
    for (const server of written)
      it(`written as ${server} has the canonical name ${canonical}`, () => expect(canonicalServer(server)).to.equal(canonical));
  }

  const hubs = ['docker.io', 'index.docker.io', 'registry-1.docker.io'];
  const hosts = ['ghcr.io', 'registry.example.com:5000', '*.example.com', 'v1'];
  const path = fc.array(fc.constantFrom('v1', 'v2', 'acme', ''), { maxLength: 4 }).map((parts) => parts.map((part) => `/${part}`).join(''));
  const scheme = fc.constantFrom('', 'http://', 'https://');
  const server = (...of: string[]) => fc.tuple(fc.constantFrom(...of), path).map((parts) => parts.join(''));

  it('that is canonical stays the same', () => {
    fc.assert(
      fc.property(scheme, server(...hubs, ...hosts), (prefix, name) => {
        const canonical = canonicalServer(prefix + name);
        expect(canonicalServer(canonical)).to.equal(canonical);
      }),
    );
  });

  it('is the same with every scheme', () => {
    fc.assert(
      fc.property(scheme, server(...hubs, ...hosts), (prefix, name) => {
        expect(canonicalServer(prefix + name)).to.equal(canonicalServer(name));
      }),
    );
  });

  it('on Docker Hub is the same under all its hosts, for every path', () => {
    fc.assert(
      fc.property(path, (below) => {
        expect(new Set(hubs.map((host) => canonicalServer(host + below)))).to.have.property('size', 1);
      }),
    );
  });

  it('is found by the kubelet under its canonical name if and only if it is found under the given name', () => {
    fc.assert(
      fc.property(server(...hosts), server(...hosts), (one, other) => {
        expect(kubeletKey(canonicalServer(one))).to.equal(kubeletKey(one));
        expect(canonicalServer(one) === canonicalServer(other)).to.equal(kubeletKey(one) === kubeletKey(other));
      }),
    );
  });

  /** BasicDockerKeyring.Add in k8s.io/kubernetes/pkg/credentialprovider/keyring.go. */
  function kubeletKey(name: string): string {
    const [, host, given] = /^(?:https?:\/\/)?([^/]*)(.*)$/.exec(name) as unknown as [string, string, string];
    const effective = given.startsWith('/v2/') || given.startsWith('/v1/') ? given.slice(3) : given;
    return effective === '/' ? host : host + effective;
  }
});
