/** An image's name, parsed as the kubelet parses it. */
export interface Image {
  /** With the port, if there is one. For Docker Hub always docker.io, even if the name has another of its hosts, or none. */
  readonly host: string;
  /** The path below the host, without a leading slash: `library/nginx`. */
  readonly path: string;
  /** `latest` if the name has neither tag nor digest. */
  readonly tag?: string;
  readonly digest?: string;
}

const DOCKER_HUB_HOST = 'docker.io';

// The grammar of an image's name (regexp.go in github.com/distribution/reference). Anyone who may create a pod can write such a
// name, so none of these expressions may take more than linear time.
const LABEL = '(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])';
const HOST = `(?:${LABEL}(?:[.]${LABEL})*|\\[[a-fA-F0-9:]+\\])(?::[0-9]+)?`;
const PART = '[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*';
const PATH = `${PART}(?:/${PART})*`;
const NAME = new RegExp(`^(?:${HOST}/)?(${PATH})$`);
const TAG = /^\w[\w.-]{0,127}$/;
const DIGEST = /^(sha256:[a-f0-9]{64}|sha384:[a-f0-9]{96}|sha512:[a-f0-9]{128})$/;

/**
 * Parses the image of a container; undefined if the kubelet would report InvalidImageName.
 *
 * As ParseImageName in k8s.io/kubernetes/pkg/util/parsers and ParseNormalizedNamed in github.com/distribution/reference do it: the
 * first part is a registry if it contains a dot, a colon or a capital, or is localhost. Every other image is on Docker Hub.
 */
export function parseImage(written: string): Image | undefined {
  // The id of an image. It names an image on the node, and cannot be pulled.
  if (/^[a-f0-9]{64}$/.test(written)) return undefined;
  const { host, rest } = splitHost(written);
  const [, path = '', tag, digest] = /^([^:@]*)(?::([^@]*))?(?:@(.*))?$/s.exec(rest) ?? [];
  const [, counted = ''] = NAME.exec(`${host}/${path}`) ?? [];
  if (counted === '' || counted.length > 255) return undefined;
  if (tag !== undefined && !TAG.test(tag)) return undefined;
  if (digest !== undefined && !DIGEST.test(digest)) return undefined;
  if (digest === undefined) return { host, path, tag: tag ?? 'latest' };
  return tag === undefined ? { host, path, digest } : { host, path, tag, digest };
}

/** The full name of the repository, by which the kubelet looks up credentials: `docker.io/library/nginx`. */
export const repositoryOf = ({ host, path }: Image) => `${host}/${path}`;

/** The full name of the image, without relying on any default. */
export const formatImage = (image: Image) =>
  repositoryOf(image) + (image.tag === undefined ? '' : `:${image.tag}`) + (image.digest === undefined ? '' : `@${image.digest}`);

/** As splitDockerDomain in normalize.go of github.com/distribution/reference does it. */
function splitHost(written: string): { host: string; rest: string } {
  const [, first = '', below = ''] = /^([^/]*)\/(.*)$/s.exec(written) ?? [];
  const isHost = first === 'localhost' || /[.:A-Z]/.test(first);
  const host = isHost && first !== 'index.docker.io' ? first : DOCKER_HUB_HOST;
  const rest = isHost ? below : written;
  // Docker's own images: nginx means library/nginx.
  return host === DOCKER_HUB_HOST && !rest.includes('/') ? { host, rest: `library/${rest}` } : { host, rest };
}
