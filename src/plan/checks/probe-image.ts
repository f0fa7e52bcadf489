import { hostToAsk, nameOfServer } from './asked-host.ts';

/** An image on one host. */
export interface ProbeImage {
  /** Below the host: `library/nginx`. */
  readonly repository: string;
  /** A tag or a digest. */
  readonly reference: string;
}

export type ParsedProbeImage = { readonly ok: true; readonly image: ProbeImage } | { readonly ok: false; readonly message: string };

// "Pulling manifests" in https://github.com/opencontainers/distribution-spec/blob/main/spec.md. No part can match in two ways, so
// none takes more than linear time.
const PART = '[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*';
const REPOSITORY = new RegExp(`^${PART}(?:/${PART})*$`);
const TAG = /^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/;
// The registered algorithms of https://github.com/opencontainers/image-spec/blob/main/descriptor.md#digests.
const DIGEST = /^(?:sha256:[a-f0-9]{64}|sha384:[a-f0-9]{96}|sha512:[a-f0-9]{128}|blake3:[a-f0-9]{64})$/;
/** The repository, the tag and the digest. A colon before the last slash is the port of a host. */
const PARTS = /^((?:[^@]*\/)?[^/:@]*)(?::([^/@]*))?(?:@(.*))?$/s;
const LONGEST_REPOSITORY = 255;
const LONGEST = 512;

/**
 * Parses `probeImage`: `repository[:tag|@digest]`, relative to the host of the canonical server `server`. The tag is `latest` if
 * there is neither tag nor digest; a tag beside a digest is ignored, as a pull ignores it. On Docker Hub a single name gets `library/`.
 */
export function parseProbeImage(written: string, server: string): ParsedProbeImage {
  const bad = (what: string): ParsedProbeImage => ({
    ok: false,
    message: `probeImage of server ${nameOfServer(server)}: ${what}`,
  });
  const shape = 'Write the part after the host: repository[:tag] or repository@digest, for example acme/web:1.';
  if (written === '') return bad(`the value is empty. ${shape}`);
  if (written.length > LONGEST) return bad(`the value is longer than ${LONGEST} characters. ${shape}`);
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(written)) return bad(`the value begins with a scheme such as https://. ${shape}`);
  const [, repository = '', tag, digest] = PARTS.exec(written) ?? [];
  if (namesHost(repository, server)) return bad(`the value begins with a host. Leave the host out: the field server names it. ${shape}`);
  if (repository !== repository.toLowerCase()) return bad(`the repository has capital letters. Use small letters only. ${shape}`);
  if (!REPOSITORY.test(repository)) return bad(`the value has no valid repository name. ${shape}`);
  if (digest !== undefined && !DIGEST.test(digest))
    return bad('the digest is malformed. Write sha256: and 64 hexadecimal digits in small letters.');
  if (tag !== undefined && !TAG.test(tag))
    return bad(
      'the tag is malformed. A tag has up to 128 letters, digits, dots, hyphens and underscores, and does not begin with a dot or a hyphen.',
    );
  const full = isDockerHub(server) && !repository.includes('/') ? `library/${repository}` : repository;
  if (full.length > LONGEST_REPOSITORY) return bad(`the repository name is longer than ${LONGEST_REPOSITORY} characters. ${shape}`);
  return { ok: true, image: { repository: full, reference: digest ?? tag ?? 'latest' } };
}

const isDockerHub = (server: string) => hostToAsk(server) === 'registry-1.docker.io';

/** A first part may have a dot in it. It is the host only if it is that of the server, or if it can be nothing else. */
function namesHost(repository: string, server: string): boolean {
  const [, first] = /^([^/]*)\//.exec(repository.toLowerCase()) ?? [];
  if (first === undefined) return false;
  if (first.includes(':') || first === 'localhost' || first === hostToAsk(server)) return true;
  return isDockerHub(server) && ['docker.io', 'index.docker.io'].includes(first);
}
