/** What the error messages of registries and container runtimes mean, and what to do about them. */
import { formatImage, type Image, repositoryOf } from '../../plan/matching/image.ts';

/** The credentials that the registry was asked with, as far as they are known, and where a person has to change them. */
export interface TriedCredentials {
  /** `robot of Secret acme`; undefined if there were none. */
  readonly as: string | undefined;
  /** `Secret sources/ghcr, the source of RegistryCredential acme (not in the copy)`. */
  readonly source: string;
}

export interface PullError {
  readonly reason: string;
  /** A clause without a final full stop. */
  readonly meaning: string;
  readonly fix: string;
}

interface KnownError {
  readonly reason: string;
  readonly pattern: RegExp;
  readonly meaning: (image: Image, tried: TriedCredentials) => string;
  readonly fix: (image: Image, tried: TriedCredentials) => string;
}

const ADD_CREDENTIALS = 'Let a RegistryCredential cover it, and let the pod name its Secret; the other steps show what is missing.';
const NOT_THE_CAUSE = 'Pull secrets are not the cause';
const ANONYMOUS = 'a request without credentials';

/**
 * The first match counts. The patterns are for the messages of containerd and CRI-O, and of the registries that they repeat. For a
 * private repository, for example, Docker Hub answers in one message that it may not exist, that access is denied, and 401.
 */
const KNOWN_ERRORS: readonly KnownError[] = [
  {
    reason: 'RateLimited',
    pattern: /toomanyrequests|too many requests|\b429\b|rate limit/i,
    meaning: ({ host }, { as }) =>
      `${host} limits the pulls of ${as ?? 'this IP address, because the request had no credentials'}, and the limit is reached`,
    fix: ({ host }, { as, source }) =>
      as === undefined
        ? `Give the pods credentials for ${host}: the limit for accounts is higher, and not shared with others behind the same IP address. Or pull through a cache.`
        : `Wait until the limit is over, put an account with a higher limit into ${source}, or pull through a cache.`,
  },
  {
    reason: 'ConfigRefused',
    pattern:
      /illegal base64|unable to parse auth field|cannot unmarshal|invalid character .* (looking for|after|in )|unexpected end of JSON/i,
    meaning: () => 'the kubelet cannot parse one of the pull secrets, and then ignores all of them',
    fix: () => 'Fix the Secret that is marked above, or remove its name from imagePullSecrets.',
  },
  {
    reason: 'DeniedOrNotFound',
    pattern:
      /insufficient_scope|may require ['"]?docker login|repository does not exist or may require|requested access to the resource is denied/i,
    meaning: ({ host, path }, { as }) => `${host} does not let ${as ?? ANONYMOUS} pull ${path}, or this repository does not exist`,
    fix: ({ path }, { as, source }) =>
      as === undefined
        ? `Check the name ${path}. ${ADD_CREDENTIALS}`
        : `Check the name ${path}. Then give this account the right to pull it, or put another account into ${source}.`,
  },
  {
    reason: 'Unauthorized',
    pattern:
      /\b401\b|unauthorized|authentication required|no basic auth credentials|incorrect username or password|authorization failed|invalid username/i,
    meaning: ({ host }, { as }) =>
      as === undefined
        ? `${host} requires credentials, and the request had none`
        : `${host} does not accept ${as}: the password is wrong, has expired or was revoked`,
    fix: (_, { as, source }) =>
      as === undefined ? ADD_CREDENTIALS : `Put a valid password into ${source}. The kubelet retries by itself, within five minutes.`,
  },
  {
    reason: 'Forbidden',
    pattern: /\b403\b|forbidden|denied/i,
    meaning: ({ host, path }, { as }) => `${host} does not let ${as ?? ANONYMOUS} pull ${path}`,
    fix: ({ path }, { as, source }) =>
      as === undefined ? ADD_CREDENTIALS : `Give this account the right to pull ${path}, or put another account into ${source}.`,
  },
  {
    reason: 'NoSuchPlatform',
    pattern: /no match(ing manifest)? for platform|no matching manifest/i,
    meaning: () => "the image does not exist for the node's processor architecture",
    fix: () => `Build the image for that architecture too, or choose other nodes with a nodeSelector. ${NOT_THE_CAUSE}.`,
  },
  {
    reason: 'NotFound',
    pattern: /\b404\b|not found|manifest[ _]unknown|name[ _]unknown|does not exist/i,
    meaning: ({ host }, { as }) =>
      `${host} has no such image, or hides it from ${as ?? ANONYMOUS}: many registries answer "not found" for "denied"`,
    fix: ({ path, tag, digest }, { as, source }) =>
      `Check the name ${path} and ${digest ? 'the digest' : `the tag ${tag}`}. If they are correct: ${as === undefined ? ADD_CREDENTIALS : `give this account the right to pull, or put another account into ${source}.`}`,
  },
  {
    reason: 'CertificateNotTrusted',
    pattern: /x509|certificate|tls:|ssl routines|wrong version number|HTTP response to HTTPS client/i,
    meaning: ({ host }) =>
      `there is no trusted TLS connection to ${host}: its certificate is from an unknown CA, for another name or expired, or it uses plain HTTP`,
    fix: ({ host }) =>
      `${NOT_THE_CAUSE}. Fix the certificate of the registry, or add its CA (for plain HTTP: the host) to the container runtime of the nodes, with containerd in /etc/containerd/certs.d/${host}/hosts.toml.`,
  },
  {
    reason: 'NameNotResolved',
    pattern: /no such host|server misbehaving|name resolution|ENOTFOUND|EAI_AGAIN|\blookup \S+( on \S+)?:/i,
    meaning: ({ host }) => `DNS has no address for ${host}`,
    fix: ({ host }) =>
      `Check the spelling of ${host}. If it is correct, fix the DNS of the nodes (not the DNS of the cluster). ${NOT_THE_CAUSE}.`,
  },
  {
    reason: 'Unreachable',
    pattern:
      /i\/o timeout|timed? ?out|connection refused|ECONNREFUSED|ECONNRESET|EHOSTUNREACH|ENETUNREACH|no route to host|network is unreachable|connection reset|deadline exceeded|\b50[0234]\b|unavailable|unexpected EOF/i,
    meaning: ({ host }) => `${host} cannot be reached, or does not work at present`,
    fix: ({ host }) => `${NOT_THE_CAUSE}. Check whether ${host} works, and whether firewalls and proxies let the nodes reach it.`,
  },
  {
    reason: 'DiskFull',
    pattern: /no space left/i,
    meaning: () => 'the disk of the node is full',
    fix: () => `Free disk space on the node. ${NOT_THE_CAUSE}.`,
  },
  {
    reason: 'KubeletHeldBack',
    pattern: /pull QPS exceeded/i,
    meaning: () => 'the kubelet limits its own pulls (registryPullQPS)',
    fix: () => 'Wait: the kubelet retries by itself.',
  },
];

/** Explains an error message about one image; undefined if it is not a known one. */
export function explainPullError(message: string, image: Image, tried: TriedCredentials): PullError | undefined {
  // Names and addresses can contain any word, so they must not match.
  const withoutNames = message
    .replace(/"[^"\s]*[/:][^"\s]*"|https?:\/\/[^\s"]+/g, ' ')
    .replaceAll(formatImage(image), ' ')
    .replaceAll(repositoryOf(image), ' ');
  const found = KNOWN_ERRORS.find(({ pattern }) => pattern.test(withoutNames));
  return found && { reason: found.reason, meaning: found.meaning(image, tried), fix: found.fix(image, tried) };
}
