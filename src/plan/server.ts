import { matchesGlob } from './match.ts';

/**
 * How the kubelet writes Docker Hub in a docker config. Of Docker Hub's names it also understands `docker.io` and
 * `index.docker.io`, but not `registry-1.docker.io`, nor this one without its last slash.
 */
export const DOCKER_HUB = 'https://index.docker.io/v1/';

const DOCKER_HUB_HOSTS = new Set(['docker.io', 'index.docker.io', 'registry-1.docker.io']);

/**
 * The one name of a registry, under which it is compared and written: two servers are the same when their canonical
 * names are equal, and the kubelet finds under the canonical name what it would find under the given one.
 *
 * The kubelet drops the scheme and takes a leading /v1/ or /v2/ of the path for the API's own
 * (BasicDockerKeyring.Add in k8s.io/kubernetes/pkg/credentialprovider/keyring.go).
 */
export function canonicalServer(server: string): string {
  const schemeless = server.replace(/^https?:\/\//, '');
  // Twice a scheme is no registry, and must not become one here: only one is dropped.
  if (/^https?:\/\//.test(schemeless)) return server;
  const slash = schemeless.indexOf('/');
  const host = slash < 0 ? schemeless : schemeless.slice(0, slash);
  const path = slash < 0 ? '' : schemeless.slice(slash);
  if (!DOCKER_HUB_HOSTS.has(host)) return host + withoutApiVersion(path);
  if (/^(\/v[12])?\/?$/.test(path)) return DOCKER_HUB;
  // The kubelet looks a Hub image up as docker.io/…, so a path below the Hub has to stand under that host.
  const below = withoutApiVersion(path);
  return /^\/v[12]$/.test(below) ? `docker.io/v1${below}` : `docker.io${below}`;
}

function withoutApiVersion(path: string): string {
  const rest = /^\/v[12]\//.test(path) ? path.slice('/v1'.length) : path;
  if (rest === '/') return '';
  // A repository whose own name is v1 or v2: the kubelet strips one prefix again when it reads what we write.
  return /^\/v[12]\//.test(rest) ? `/v1${rest}` : rest;
}

/**
 * Under which names the credentials of a canonical server are written, among the others of a docker config.
 *
 * What stands under Docker Hub's own name the kubelet takes only where nothing else matches docker.io/… (Lookup in
 * keyring.go). So where something else may, be it docker.io/team or *.io, Docker Hub stands under its host as well.
 */
export function namesOf(server: string, all: Iterable<string>): readonly string[] {
  const hidden = server === DOCKER_HUB && Array.from(all).some((other) => matchesGlob(hostOf(other), 'docker.io'));
  return hidden ? [server, 'docker.io'] : [server];
}

const hostOf = (server: string) => server.split('/', 1)[0] as string;
