/** An image's name as the kubelet reads it. */
export interface Image {
  /** With the port, if it has one. Docker Hub is docker.io, whatever of its names was written, or none. */
  readonly host: string;
  /** Below the host, without a slash before it: `library/nginx`. */
  readonly path: string;
  /** `latest` where there is neither tag nor digest. */
  readonly tag?: string;
  readonly digest?: string;
}

const DOCKER_HUB_HOST = 'docker.io';

// What an image's name is made of (regexp.go in github.com/distribution/reference). Written by anybody who may create a
// pod, so none of these may take more than linear time.
const LABEL = '(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])';
const HOST = `(?:${LABEL}(?:[.]${LABEL})*|\\[[a-fA-F0-9:]+\\])(?::[0-9]+)?`;
const PART = '[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*';
const PATH = `${PART}(?:/${PART})*`;
const NAME = new RegExp(`^(?:${HOST}/)?(${PATH})$`);
const TAG = /^\w[\w.-]{0,127}$/;
const DIGEST = /^(sha256:[a-f0-9]{64}|sha384:[a-f0-9]{96}|sha512:[a-f0-9]{128})$/;

/**
 * Reads the image of a container; undefined where the kubelet would say InvalidImageName.
 *
 * ParseImageName in k8s.io/kubernetes/pkg/util/parsers, and ParseNormalizedNamed in github.com/distribution/reference: the
 * first part is a registry if it has a dot, a colon or a capital in it, or is localhost. Everything else is on Docker Hub.
 */
export function parseImage(written: string): Image | undefined {
  // The id of an image, which can only be had where it is already.
  if (/^[a-f0-9]{64}$/.test(written)) return undefined;
  const { host, rest } = splitHost(written);
  const at = rest.indexOf('@');
  const digest = at < 0 ? undefined : rest.slice(at + 1);
  const named = at < 0 ? rest : rest.slice(0, at);
  const colon = named.indexOf(':');
  const tag = colon < 0 ? undefined : named.slice(colon + 1);
  const path = colon < 0 ? named : named.slice(0, colon);
  const [, counted = ''] = NAME.exec(`${host}/${path}`) ?? [];
  if (counted === '' || counted.length > 255) return undefined;
  if (tag !== undefined && !TAG.test(tag)) return undefined;
  if (digest !== undefined && !DIGEST.test(digest)) return undefined;
  if (digest === undefined) return { host, path, tag: tag ?? 'latest' };
  return tag === undefined ? { host, path, digest } : { host, path, tag, digest };
}

/** The name of its repository in full, by which the kubelet looks for credentials: `docker.io/library/nginx`. */
export const repositoryOf = ({ host, path }: Image) => `${host}/${path}`;

/** The image's name in full, as one would have to write it so that nothing is left to a default. */
export const sayImage = (image: Image) =>
  repositoryOf(image) + (image.tag === undefined ? '' : `:${image.tag}`) + (image.digest === undefined ? '' : `@${image.digest}`);

/** splitDockerDomain in normalize.go of github.com/distribution/reference. */
function splitHost(written: string): { host: string; rest: string } {
  const slash = written.indexOf('/');
  const first = slash < 0 ? '' : written.slice(0, slash);
  const isHost = first === 'localhost' || /[.:A-Z]/.test(first);
  const host = isHost && first !== 'index.docker.io' ? first : DOCKER_HUB_HOST;
  const rest = isHost ? written.slice(slash + 1) : written;
  // What Docker itself publishes: nginx is library/nginx.
  return host === DOCKER_HUB_HOST && !rest.includes('/') ? { host, rest: `library/${rest}` } : { host, rest };
}
