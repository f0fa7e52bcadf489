import { matchesGlob } from '../targets/match.ts';
import { type Image, parseImage, repositoryOf } from './image.ts';

/**
 * The entries that the kubelet tries for an image, in its order: the most specific first, and among equally specific ones those of
 * the pod's first pull secret first. The kubelet tries one after the other until one lets it pull (BasicDockerKeyring.Lookup in
 * k8s.io/kubernetes/pkg/credentialprovider/keyring.go).
 *
 * @param entries those of all pull secrets of a pod, in the pod's order, each with its server as the Secret writes it.
 */
export function matchingEntries<T>(
  entries: Iterable<readonly [server: string, entry: T]>,
  image: Image,
): (readonly [server: string, entry: T])[] {
  const keyed = Array.from(entries, (entry) => ({ key: keyOf(entry[0]), entry }));
  const found = keyed.filter(({ key }) => key !== undefined && keyMatches(key, image));
  // The kubelet uses the entry under https://index.docker.io/v1/ only if no other entry matches.
  const tried = found.length > 0 || !isTakenForDockerHub(image) ? found : keyed.filter(({ key }) => key === 'index.docker.io');
  return tried.sort((a, b) => compare(b.key ?? '', a.key ?? '')).map(({ entry }) => entry);
}

/** Longer than the longest name of an image: a host of 253 bytes with a port, and a path of 255. */
const MAX_SERVER_LENGTH = 1024;

/**
 * Whether the kubelet finds an entry for any image at all. It skips an entry whose server is not a URL, and an entry such as `oci://ghcr.io`
 * or `ghcr.io/app:1` matches no name that an image can have.
 */
export function matchesSomeImage(server: string): boolean {
  const key = server.length > MAX_SERVER_LENGTH ? undefined : keyOf(server);
  const url = key === undefined ? undefined : parseUrl(key);
  if (url === undefined) return false;
  const { name, port } = splitPort(url.host);
  const host = (port === '' ? name : `${name.includes(':') ? `[${name}]` : name}:${port}`).replaceAll('?', 'a');
  // A * matches any part of a label. A host of one label is a registry only with a capital letter or a port, or as localhost.
  const hosts = ['a', 'A', 'localhost'].map((part) => host.replaceAll('*', part));
  // The path is a prefix. It may end within a part, or after one. A path of one part on Docker Hub is below library/.
  const paths = ['', 'a', '/a', 'a/a'].map((end) => url.path.slice(1) + end);
  return hosts.some((registry) =>
    paths.some((path) => {
      const image = parseImage(`${registry}/${path}`);
      return image !== undefined && matchingEntries([[server, server]], image).length > 0;
    }),
  );
}

/**
 * The kubelet's key for an entry: the server without its scheme, user and query, and without one /v1 or /v2 at the beginning of the
 * path. Undefined if the kubelet skips the entry, because no server can have this name.
 */
function keyOf(server: string): string | undefined {
  const url = parseUrl(server.replace(/^https?:\/\//, ''));
  if (url === undefined) return undefined;
  const path = /^\/v[12]\//.test(url.path) ? url.path.slice('/v1'.length) : url.path;
  return path === '/' ? url.host : url.host + path;
}

/**
 * Whether a key matches an image (URLsMatch in keyring.go): the ports are equal; the hosts match label by label, and * stands for any
 * part of one label; the path is a plain prefix, so /acme also matches /acme-tools.
 */
function keyMatches(key: string, image: Image): boolean {
  const [keyUrl, imageUrl] = [parseUrl(key), parseUrl(repositoryOf(image))];
  if (keyUrl === undefined || imageUrl === undefined || !imageUrl.path.startsWith(keyUrl.path)) return false;
  const [keyHost, imageHost] = [splitPort(keyUrl.host), splitPort(imageUrl.host)];
  // Go's glob reads brackets as a set of characters. So the kubelet finds an IPv6 address only with its port.
  if (keyHost.name.startsWith('[')) return false;
  const [globs, labels] = [keyHost.name.split('.'), imageHost.name.split('.')];
  return (
    keyHost.port === imageHost.port && globs.length === labels.length && globs.every((glob, n) => matchesGlob(glob, labels[n] as string))
  );
}

/** The kubelet takes localhost without a port for a user on Docker Hub (isDefaultRegistryMatch). */
const isTakenForDockerHub = ({ host }: Image) => host === 'docker.io' || !/[.:]/.test(host);

/**
 * Parses as Go's net/url does, as far as an image's name can have such a host or path. No image's name has an escape that is not
 * UTF-8, or an unusual character in its host.
 */
function parseUrl(text: string): { host: string; path: string } | undefined {
  const [, authority = '', escapedPath = '', query = '', fragment = ''] = /^([^/?#]*)([^?#]*)([^#]*)(.*)$/s.exec(text) ?? [];
  if ([authority, escapedPath, query].some(hasControlCharacter) || /%(?![0-9a-fA-F]{2})/.test(fragment)) return undefined;
  const at = authority.lastIndexOf('@');
  const host = authority.slice(at + 1);
  if (!/^(?:[\w.~!$&'()*+,;=:@-]|%[0-9a-fA-F]{2})*$/.test(authority.slice(0, Math.max(0, at)))) return undefined;
  const [, address] = /^(\[[^\]]*\])(:\d*)?$/.exec(host) ?? [];
  if (address === undefined ? !/^[^:[]*(:\d*)?$/.test(host) : !URL.canParse(`http://${address}`)) return undefined;
  try {
    return { host, path: decodeURIComponent(escapedPath) };
  } catch {
    return undefined;
  }
}

/** Go's are ASCII only. */
const hasControlCharacter = (text: string) => Array.from(text).some((character) => character < ' ' || character === '\u007f');

function splitPort(host: string): { name: string; port: string } {
  const [, address, name = '', port = ''] = /^(?:\[(.*)\](?=:)|([^:]*|\[.*\]))(?::(\d*))?$/.exec(host) ?? [];
  return { name: address ?? name, port };
}

/** By bytes, as Go sorts. Keys that match are ASCII. */
const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
