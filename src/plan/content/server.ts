import { matchesGlob } from '../targets/match.ts';

/**
 * The kubelet's name of Docker Hub in a docker config. The kubelet also accepts `docker.io` and `index.docker.io`, but neither
 * `registry-1.docker.io` nor this name without its last slash.
 */
export const DOCKER_HUB = 'https://index.docker.io/v1/';

const DOCKER_HUB_HOSTS = new Set(['docker.io', 'index.docker.io', 'registry-1.docker.io']);

/**
 * The name under which a registry is compared and written. Two servers are the same if their canonical names are equal. The kubelet
 * finds under the canonical name what it would find under the given name.
 *
 * The kubelet drops the scheme, and takes a leading /v1/ or /v2/ of the path for the version of the registry API
 * (BasicDockerKeyring.Add in k8s.io/kubernetes/pkg/credentialprovider/keyring.go).
 */
export function canonicalServer(server: string): string {
  const schemeless = server.replace(/^https?:\/\//, '');
  // The kubelet drops one scheme only, so a name with two schemes matches no registry. It must not become a valid name here.
  if (/^https?:\/\//.test(schemeless)) return server;
  const slash = schemeless.indexOf('/');
  const host = slash < 0 ? schemeless : schemeless.slice(0, slash);
  const path = slash < 0 ? '' : schemeless.slice(slash);
  if (!DOCKER_HUB_HOSTS.has(host)) return host + withoutApiVersion(path);
  if (/^(\/v[12])?\/?$/.test(path)) return DOCKER_HUB;
  // The kubelet looks up an image of Docker Hub as docker.io/…, so a path on Docker Hub is written under that host.
  const below = withoutApiVersion(path);
  return /^\/v[12]$/.test(below) ? `docker.io/v1${below}` : `docker.io${below}`;
}

function withoutApiVersion(path: string): string {
  const rest = /^\/v[12]\//.test(path) ? path.slice('/v1'.length) : path;
  if (rest === '/') return '';
  // A repository that is itself named v1 or v2: the kubelet strips one more prefix when it reads the written name.
  return /^\/v[12]\//.test(rest) ? `/v1${rest}` : rest;
}

/**
 * The names under which the credentials of a canonical server are written.
 *
 * The kubelet uses the entry under Docker Hub's own name only if no other entry matches docker.io/… (Lookup in keyring.go). So if
 * another entry may match, such as docker.io/team or *.io, Docker Hub is written under its host too.
 *
 * @param all every server of the docker config.
 */
export function namesOf(server: string, all: Iterable<string>): readonly string[] {
  const isHidden = server === DOCKER_HUB && Array.from(all).some((other) => matchesGlob(hostOf(other), 'docker.io'));
  return isHidden ? [server, 'docker.io'] : [server];
}

const hostOf = (server: string) => server.replace(/\/.*$/s, '');
