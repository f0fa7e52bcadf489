import { type Image, repositoryOf } from './image.ts';
import { matchesGlob } from './match.ts';

/**
 * Of the entries of docker configs, those that the kubelet tries for an image, in the order in which it tries them: the
 * most specific first, and of equal ones those of the pod's first pull secret first.
 *
 * `entries` are those of all pull secrets of a pod, in the order in which the pod names them, by the server as it is
 * written there. The kubelet tries one after the other until one lets it pull (BasicDockerKeyring.Lookup in
 * k8s.io/kubernetes/pkg/credentialprovider/keyring.go).
 */
export function matching<T>(entries: Iterable<readonly [server: string, entry: T]>, image: Image): (readonly [server: string, entry: T])[] {
  const filed = Array.from(entries, (entry) => ({ key: keyOf(entry[0]), entry }));
  const found = filed.filter(({ key }) => key !== undefined && covers(key, image));
  // What stands under https://index.docker.io/v1/ is taken only where nothing else matches.
  const tried = found.length > 0 || !isTakenForDockerHub(image) ? found : filed.filter(({ key }) => key === 'index.docker.io');
  return tried.sort((a, b) => compare(b.key ?? '', a.key ?? '')).map(({ entry }) => entry);
}

/**
 * The name under which the kubelet files an entry: without scheme, user, query, and one /v1 or /v2 before the path.
 * Undefined where it leaves the entry out, because there is no server of such a name.
 */
function keyOf(server: string): string | undefined {
  const url = parseUrl(server.replace(/^https?:\/\//, ''));
  if (url === undefined) return undefined;
  const path = /^\/v[12]\//.test(url.path) ? url.path.slice('/v1'.length) : url.path;
  return path === '/' ? url.host : url.host + path;
}

/** The same port; label by label, where * is any part of one; the path as a plain prefix: /acme covers /acme-tools (URLsMatch). */
function covers(key: string, image: Image): boolean {
  const [url, wanted] = [parseUrl(key), parseUrl(repositoryOf(image))];
  if (url === undefined || wanted === undefined || !wanted.path.startsWith(url.path)) return false;
  const [glob, host] = [splitPort(url.host), splitPort(wanted.host)];
  // Go reads this as a set of characters: an address of IPv6 is found only with its port.
  if (glob.name.startsWith('[')) return false;
  const [globs, labels] = [glob.name.split('.'), host.name.split('.')];
  return glob.port === host.port && globs.length === labels.length && globs.every((label, n) => matchesGlob(label, labels[n] as string));
}

/** The kubelet takes localhost, where it has no port, for a user on Docker Hub (isDefaultRegistryMatch). */
const isTakenForDockerHub = ({ host }: Image) => host === 'docker.io' || !/[.:]/.test(host);

/**
 * As Go's net/url has it, as far as a host or a path can come of it that an image's name can have: an escape that is no
 * UTF-8, or a strange character in a host, is in no image's name.
 */
function parseUrl(text: string): { host: string; path: string } | undefined {
  if (/[\p{Cc}]/u.test(text)) return undefined;
  const [, authority = '', escaped = ''] = /^([^/?#]*)([^?#]*)/.exec(text) ?? [];
  const at = authority.lastIndexOf('@');
  const host = authority.slice(at + 1);
  if (!/^(?:[\w.~!$&'()*+,;=:@-]|%[0-9a-fA-F]{2})*$/.test(authority.slice(0, Math.max(0, at)))) return undefined;
  const [, address] = /^(\[[^\]]*\])(:\d*)?$/.exec(host) ?? [];
  if (address === undefined ? !/^[^:[]*(:\d*)?$/.test(host) : !URL.canParse(`http://${address}`)) return undefined;
  try {
    return { host, path: decodeURIComponent(escaped) };
  } catch {
    return undefined;
  }
}

function splitPort(host: string): { name: string; port: string } {
  const [, address, name = '', port = ''] = /^(?:\[(.*)\](?=:)|([^:]*|\[.*\]))(?::(\d*))?$/.exec(host) ?? [];
  return { name: address ?? name, port };
}

/** By bytes, as Go sorts: what matches is ASCII. */
const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
