/** What a registry, or a container runtime for it, means by its words. */
import { type Image, repositoryOf, sayImage } from '../../plan/image.ts';

/** Who asked, as far as that is known, and where another password would go. */
export interface Offered {
  /** `robot of Secret shop/acme`; undefined where no credentials were offered. */
  readonly as: string | undefined;
  /** `the Secret sources/ghcr, which RegistryCredential acme is made of`. */
  readonly source: string;
}

interface Complaint {
  readonly reason: string;
  readonly words: RegExp;
  readonly means: (image: Image, offered: Offered) => string;
  readonly mend: (image: Image, offered: Offered) => string;
}

const ANONYMOUS = 'Have a RegistryCredential cover it, and the pod name its Secret; the other steps say what is missing of that.';
const NODE = 'No pull secret changes that';

/**
 * The first that fits is it. The words are those of containerd and CRI-O, and of the registries that they repeat: Docker Hub
 * says of a private repository to a stranger at once that it may not be there, that access is denied, and 401.
 */
const COMPLAINTS: readonly Complaint[] = [
  {
    reason: 'RateLimited',
    words: /toomanyrequests|too many requests|\b429\b|rate limit/i,
    means: ({ host }, { as }) => `${host} has had too many pulls from ${as ?? 'this address, which it was asked from without credentials'}`,
    mend: ({ host }, { as, source }) =>
      as === undefined
        ? `Give pods credentials for ${host}: signed in, the limit is higher and not shared with all who have the same address. Or pull through a cache of your own.`
        : `Wait until the limit lets go, use an account with a higher one in ${source}, or pull through a cache of your own.`,
  },
  {
    reason: 'ConfigRefused',
    words:
      /illegal base64|unable to parse auth field|cannot unmarshal|invalid character .* (looking for|after|in )|unexpected end of JSON/i,
    means: () => 'the kubelet cannot parse one of the pull secrets, and tries none of them',
    mend: () => 'Put the Secret right that is marked above, or take its name out of imagePullSecrets.',
  },
  {
    reason: 'DeniedOrNotFound',
    words:
      /insufficient_scope|may require ['"]?docker login|repository does not exist or may require|requested access to the resource is denied/i,
    means: ({ host, path }, { as }) =>
      `${host} does not let ${as ?? 'anybody without credentials'} pull ${path}, or there is no such repository`,
    mend: ({ path }, { as, source }) =>
      as === undefined
        ? `Check the name ${path}. ${ANONYMOUS}`
        : `Check the name ${path}, and give that account the right to pull it, or put one that has it into ${source}.`,
  },
  {
    reason: 'Unauthorized',
    words:
      /\b401\b|unauthorized|authentication required|no basic auth credentials|incorrect username or password|authorization failed|invalid username/i,
    means: ({ host }, { as }) =>
      as === undefined
        ? `${host} wants credentials, and none were offered`
        : `${host} does not accept ${as}: the password is wrong, has run out or was revoked`,
    mend: (_, { as, source }) =>
      as === undefined
        ? ANONYMOUS
        : `Put a password that is accepted into ${source}. The kubelet tries again by itself, at most five minutes later.`,
  },
  {
    reason: 'Forbidden',
    words: /\b403\b|forbidden|denied/i,
    means: ({ host, path }, { as }) => `${host} does not let ${as ?? 'anybody without credentials'} pull ${path}`,
    mend: ({ path }, { as, source }) =>
      as === undefined ? ANONYMOUS : `Give that account the right to pull ${path}, or put one that has it into ${source}.`,
  },
  {
    reason: 'NoSuchPlatform',
    words: /no match(ing manifest)? for platform|no matching manifest/i,
    means: () => "the image is not made for the node's kind of processor",
    mend: () => `Build it for that platform too, or keep the pod to nodes of another by a nodeSelector. ${NODE}.`,
  },
  {
    reason: 'NotFound',
    words: /\b404\b|not found|manifest[ _]unknown|name[ _]unknown|does not exist/i,
    means: ({ host }, { as }) =>
      `${host} has no such image, or none that ${as ?? 'somebody without credentials'} may see: many registries say "not found" for "denied"`,
    mend: ({ path, tag, digest }, { as, source }) =>
      `Check the name ${path} and ${digest ? 'the digest' : `the tag ${tag}`}. If they are right: ${as === undefined ? ANONYMOUS : `give that account the right to pull, or put one that has it into ${source}.`}`,
  },
  {
    reason: 'CertificateNotTrusted',
    words: /x509|certificate|tls:|ssl routines|wrong version number|HTTP response to HTTPS client/i,
    means: ({ host }) =>
      `no trusted TLS connection to ${host}: its certificate is unknown, for another name or past its time, or it speaks plain HTTP`,
    mend: ({ host }) =>
      `${NODE}: have the registry's certificate put right, or its CA (for plain HTTP, the host) made known to the container runtime of the nodes, with containerd in /etc/containerd/certs.d/${host}/hosts.toml.`,
  },
  {
    reason: 'NameNotResolved',
    words: /no such host|server misbehaving|name resolution|ENOTFOUND|EAI_AGAIN|\blookup \S+( on \S+)?:/i,
    means: ({ host }) => `the name ${host} cannot be resolved`,
    mend: ({ host }) =>
      `Check the spelling of ${host}. If it is right, ${NODE.toLowerCase()}: have the DNS put right that the nodes use (theirs, not that of the cluster).`,
  },
  {
    reason: 'Unreachable',
    words:
      /i\/o timeout|timed? ?out|connection refused|ECONNREFUSED|ECONNRESET|EHOSTUNREACH|ENETUNREACH|no route to host|network is unreachable|connection reset|deadline exceeded|\b50[0234]\b|unavailable|unexpected EOF/i,
    means: ({ host }) => `${host} cannot be reached, or is out of order`,
    mend: ({ host }) => `${NODE}: see whether ${host} is up, and whether firewall and proxy let the nodes reach it.`,
  },
  {
    reason: 'DiskFull',
    words: /no space left/i,
    means: () => 'the disk of the node is full',
    mend: () => `${NODE}: make room on the node.`,
  },
  {
    reason: 'KubeletHeldBack',
    words: /pull QPS exceeded/i,
    means: () => 'the kubelet holds back its pulls (registryPullQPS)',
    mend: () => 'Wait: it tries again by itself.',
  },
];

export interface Meaning {
  readonly reason: string;
  readonly means: string;
  readonly mend: string;
}

/** What the words mean for one image; undefined where they are none of those that are known. */
export function meaning(words: string, image: Image, offered: Offered): Meaning | undefined {
  // Without names and addresses, which may have any of the words in them.
  const said = words
    .replace(/"[^"\s]*[/:][^"\s]*"|https?:\/\/[^\s"]+/g, ' ')
    .replaceAll(sayImage(image), ' ')
    .replaceAll(repositoryOf(image), ' ');
  const found = COMPLAINTS.find((complaint) => complaint.words.test(said));
  return found && { reason: found.reason, means: found.means(image, offered), mend: found.mend(image, offered) };
}
