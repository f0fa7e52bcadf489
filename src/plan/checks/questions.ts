import type { Candidate } from '../content/candidates.ts';
import { hostToAsk, nameOfServer } from './asked-host.ts';
import { parseCaBundle } from './ca-bundle.ts';
import type { Observation } from './observation.ts';
import { type ProbeImage, parseProbeImage } from './probe-image.ts';

/** What to ask one registry about one candidate. */
export interface CheckQuestion {
  /** The canonical server. */
  readonly server: string;
  /** `host[:port]` to ask. */
  readonly host: string;
  /** base64 of username:password. */
  readonly auth: string;
  readonly image?: ProbeImage;
  /** The probe image as the user wrote it. */
  readonly probeImage?: string;
  /** Whether the server may have a private address. Not for tenants: they must not reach the network of the operator. */
  readonly allowPrivate: boolean;
  /** Each certificate in PEM. */
  readonly caBundle: readonly string[];
  /** `Secret namespace/name`, for messages. */
  readonly secret: string;
  /** The login is a token that the operator fetched itself. */
  readonly isFetched: boolean;
}

/** A server of a credential: a question, or why nothing is asked. Warnings are about fields that cannot be used and are ignored. */
export interface ServerCheck {
  readonly server: string;
  readonly question?: CheckQuestion;
  readonly unanswered?: (Observation & { state: 'not-asked' })['why'];
  readonly warnings: readonly string[];
}

/** The most servers that are asked for one credential. */
export const MAX_ASKED = 64;

/**
 * What to ask about each candidate, in the order of the servers' names. A pattern such as `*.example.com` names no host to ask.
 *
 * @param isEnabled whether registries are asked at all for this credential.
 * @param allowPrivate whether they may have private addresses.
 * @param firstMalformed the number of the first PEM block that is no X.509 certificate: that takes a parser, which this folder has not.
 */
export function questionsFor(
  entries: ReadonlyMap<string, Candidate>,
  { isEnabled, allowPrivate }: { readonly isEnabled: boolean; readonly allowPrivate: boolean },
  firstMalformed: (certificates: readonly string[]) => number | undefined,
): readonly ServerCheck[] {
  let asked = 0;
  return [...entries.keys()].sort().map((server): ServerCheck => {
    const candidate = entries.get(server) as Candidate;
    const { image, caBundle, warnings } = optionsOf(server, candidate, firstMalformed);
    const host = hostToAsk(server);
    if (!isEnabled) return { server, unanswered: 'disabled', warnings };
    if (host === undefined) return { server, unanswered: 'pattern', warnings };
    if (++asked > MAX_ASKED) return { server, unanswered: 'too-many', warnings };
    const question = {
      server,
      host,
      auth: candidate.auth.auth,
      allowPrivate,
      caBundle,
      secret: `Secret ${candidate.source}`,
      isFetched: candidate.fetched !== undefined,
      ...(image && { image, probeImage: candidate.probeImage as string }),
    };
    return { server, question, warnings };
  });
}

function optionsOf(
  server: string,
  { probeImage, caBundle }: Candidate,
  firstMalformed: (certificates: readonly string[]) => number | undefined,
) {
  const image = probeImage === undefined ? undefined : parseProbeImage(probeImage, server);
  const bundle = caBundle === undefined ? undefined : parseCaBundle(caBundle, server);
  const warnings = [image, bundle].flatMap((parsed) => (parsed && !parsed.ok ? [`${parsed.message} It is ignored.`] : []));
  const malformed = bundle?.ok ? firstMalformed(bundle.certificates) : undefined;
  if (malformed !== undefined)
    warnings.push(
      `caBundle of server ${nameOfServer(server)}: certificate ${malformed} is not an X.509 certificate. The caBundle is ignored.`,
    );
  return {
    warnings,
    image: image?.ok ? image.image : undefined,
    caBundle: bundle?.ok && malformed === undefined ? bundle.certificates : [],
  };
}

/** Two questions with equal text are one: the same server, content, CA bundle, probe image and allowed addresses. It holds the password, so only a keyed hash of it is kept. */
export const textOf = ({ server, auth, image, caBundle, allowPrivate }: CheckQuestion): string =>
  JSON.stringify([server, auth, image?.repository, image?.reference, caBundle, ...(allowPrivate ? [] : ['public addresses'])]);

/** Stands for the Secret in the message of an answer: the credentials that share it may have the same login from different Secrets. */
export const SHARED_SECRET = '{secret}';

/** The message of a shared answer, for one of the questions that it answers. */
export const messageFor = (message: string, { secret }: Pick<CheckQuestion, 'secret'>): string => message.replaceAll(SHARED_SECRET, secret);

/** The name of the server for logs and messages. */
export const displayName = ({ server }: Pick<CheckQuestion, 'server'>): string => nameOfServer(server);
