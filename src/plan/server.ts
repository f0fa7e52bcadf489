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
  const slash = schemeless.indexOf('/');
  const host = slash < 0 ? schemeless : schemeless.slice(0, slash);
  const path = slash < 0 ? '' : withoutApiVersion(schemeless.slice(slash));
  if (!DOCKER_HUB_HOSTS.has(host)) return host + path;
  // The kubelet looks a Hub image up as docker.io/…, so a path below the Hub has to stand under that host.
  return path === '' || path === '/v1' || path === '/v2' ? DOCKER_HUB : `docker.io${path}`;
}

function withoutApiVersion(path: string): string {
  const rest = /^\/v[12]\//.test(path) ? path.slice('/v1'.length) : path;
  if (rest === '/') return '';
  // A repository whose own name is v1 or v2: the kubelet strips one prefix again when it reads what we write.
  return /^\/v[12]\//.test(rest) ? `/v1${rest}` : rest;
}
