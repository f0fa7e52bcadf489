import type { Attempt, Observation, Reply } from './observation.ts';
import { formatAttempt, formatFailure, formatUnanswered, TEMPORARY } from './reply-text.ts';

/** What an answer can mean for one server (docs/verification.md). */
export const RESULTS = ['Proven', 'NotRefused', 'Public', 'Refused', 'Unreachable', 'NotAsked', 'Pending'] as const;
export type Result = (typeof RESULTS)[number];

export interface Interpretation {
  readonly result: Result;
  /** For people: the server, the Secret, the HTTP status, the error code and the fix. Never a part of an answer's body. */
  readonly message: string;
  /** How long the registry asks to be left alone. */
  readonly retryAfterSeconds?: number;
}

/** What was asked about. */
export interface AskedServer {
  /** As messages name it: `ghcr.io`, `docker.io`. */
  readonly server: string;
  /** Where the login comes from: `Secret regcred-system/robot`. */
  readonly secret: string;
  /** As the user wrote it. */
  readonly probeImage?: string;
  /** The same image was pulled before with the same content or an earlier one. Only then is its denial a refusal. */
  readonly wasProven: boolean;
  /** The login is a token that the operator fetched itself. */
  readonly isFetched?: boolean;
}

/**
 * What an observation means, for one server. A login is refused only by a clear no in the protocol of registries, since a refusal
 * may hold a Secret back; everything that may have another cause is Unreachable.
 */
export function interpret(observation: Observation, question: AskedServer): Interpretation {
  switch (observation.state) {
    case 'pending':
      return { result: 'Pending', message: `${question.server}: not asked yet.` };
    case 'not-asked':
      return { result: 'NotAsked', message: formatUnanswered(observation.why, question.server) };
    case 'asked':
      return interpretLogin(observation.login, observation.image, question);
    default:
      return observation satisfies never;
  }
}

/** What the answer to `GET /v2/` means, and with a probe image what the answers about that image mean. */
function interpretLogin(login: Attempt, image: (Observation & { state: 'asked' })['image'], question: AskedServer): Interpretation {
  const meaning = loginMeaning(login);
  if (meaning === 'unclear') return unclear(login, question);
  if (meaning === 'refused') return loginRefused(login, question);
  const isLoginAccepted = login.sent !== 'nothing';
  if (image !== undefined) return interpretImage(image, isLoginAccepted, question);
  const { server, secret } = question;
  const prove = 'To prove that it can pull, set probeImage to a private image.';
  if (!isLoginAccepted)
    return {
      result: 'Public',
      message: `${server} asks for no login, so the login of ${secret} is neither accepted nor refused. ${prove}`,
    };
  return { result: 'NotRefused', message: `${server} accepts the login of ${secret}. ${prove}` };
}

/** What the answers about the probe image mean: `anonymous` without the login, `login` with it. */
function interpretImage(
  { anonymous, login }: NonNullable<(Observation & { state: 'asked' })['image']>,
  isLoginAccepted: boolean,
  question: AskedServer,
): Interpretation {
  const { server, secret, probeImage = 'the probe image', wasProven } = question;
  const anonymousAnswer = anonymousMeaning(anonymous);
  if (anonymousAnswer === 'unclear') return unclear(anonymous, question);
  if (anonymousAnswer === 'allowed')
    return {
      result: 'Public',
      message: `${server}: anybody can pull ${probeImage}, so it proves nothing about ${secret}. Set probeImage to a private image.`,
    };
  // The registry asked for no login, neither at its root nor for the image.
  if (login === undefined || login.sent === 'nothing')
    return {
      result: 'Public',
      message: `${server} asks for no login and has no image ${probeImage} (${formatAttempt(anonymous)}). This proves nothing about ${secret}. Set probeImage to a private image that exists.`,
    };
  const meaning = imageMeaning(login);
  if (meaning === 'unclear') return unclear(login, question);
  if (meaning === 'allowed') return { result: 'Proven', message: `${server}: ${secret} can pull ${probeImage}.` };
  if (meaning === 'missing')
    return {
      result: 'NotRefused',
      message: `${server} accepts the login of ${secret}, but has no image ${probeImage} that it may see (${formatAttempt(login)}). Check probeImage.`,
    };
  // No answer has accepted this login yet, so a denial concerns the login. There are two exceptions: the token service issued a token,
  // or the registry answered about the image.
  if (!isLoginAccepted && login.sent === 'login' && (login.at === 'token service' || statusOf(login) === 401))
    return loginRefused(login, question);
  const denied = `${server} denies ${probeImage} to the login of ${secret} (${formatAttempt(login)})`;
  const grant = `Give that account the right to pull ${probeImage}, or correct probeImage.`;
  if (wasProven) return { result: 'Refused', message: `${denied}, which could pull it before. ${grant}` };
  return { result: 'NotRefused', message: `${denied}. The login itself is not refused. ${grant}` };
}

function loginRefused(attempt: Attempt, { server, secret, isFetched }: AskedServer): Interpretation {
  const { reply } = attempt;
  const isEcr = reply.kind === 'answer' && reply.isEcrRefusal;
  const fix = isFetched
    ? 'The operator fetched this token itself: check at the cloud that its identity may pull from this registry.'
    : isEcr
      ? `The token of Amazon ECR has expired or is invalid. A token lives for 12 hours: put a new one into ${secret}.`
      : `Put a password or token that ${server} accepts into ${secret}.`;
  return { result: 'Refused', message: `${server} refuses the login of ${secret} (${formatAttempt(attempt)}). ${fix}` };
}

function unclear(attempt: Attempt, { server, secret }: AskedServer): Interpretation {
  const { reply } = attempt;
  const message = formatFailure(attempt, server, secret);
  if (reply.kind === 'failure') return { result: reply.why === 'address' ? 'NotAsked' : 'Unreachable', message };
  const { retryAfterSeconds } = reply;
  return { result: 'Unreachable', message, ...(retryAfterSeconds !== undefined && { retryAfterSeconds }) };
}

const statusOf = ({ reply }: Attempt) => (reply.kind === 'answer' ? reply.status : undefined);

/** Whether an answer is about the login or the image. Other answers are about the way to the registry, or about its load. */
function isClear(reply: Reply): boolean {
  if (reply.kind === 'failure' || reply.isHtml || reply.deniesAddress) return false;
  return !reply.codes.some((code) => TEMPORARY.includes(code));
}

const hasCode = (reply: Reply) => reply.kind === 'answer' && (reply.codes.length > 0 || reply.hasUnknownCode);

/** What the answer to `GET /v2/` says about the login. */
function loginMeaning({ sent, reply }: Attempt): 'accepted' | 'refused' | 'unclear' {
  if (reply.kind === 'failure' || !isClear(reply)) return 'unclear';
  if (reply.status >= 200 && reply.status < 300) return 'accepted';
  // Without a login there is nothing to refuse.
  if (sent === 'nothing') return 'unclear';
  if (reply.isEcrRefusal && [400, 401, 403].includes(reply.status)) return 'refused';
  if (![401, 403].includes(reply.status)) return 'unclear';
  // The token service accepted the login and issued a token. The registry only misses a scope, and the operator requested none.
  if (sent === 'token' && reply.codes.includes('insufficient_scope')) return 'accepted';
  // Docker Hub's token service answers 401 without an error code. A 403 without one may come from a firewall.
  return reply.status === 401 || hasCode(reply) ? 'refused' : 'unclear';
}

/** What the answer to `HEAD` of a manifest says about the image. It has no body, so a status is all there is. */
function imageMeaning({ at, reply }: Attempt): 'allowed' | 'denied' | 'missing' | 'unclear' {
  if (reply.kind === 'failure' || !isClear(reply)) return 'unclear';
  if (reply.status >= 200 && reply.status < 300) return 'allowed';
  if (reply.status === 401 || reply.status === 403 || (reply.status === 400 && reply.isEcrRefusal)) return 'denied';
  return reply.status === 404 && at === 'registry' ? 'missing' : 'unclear';
}

/** What an answer without the login says: whether the image is public, and whether the registry answers at all. */
function anonymousMeaning(attempt: Attempt): 'allowed' | 'denied' | 'unclear' {
  const meaning = imageMeaning(attempt);
  if (meaning === 'allowed') return 'allowed';
  if (meaning !== 'unclear') return 'denied';
  const { reply } = attempt;
  if (reply.kind === 'failure') return reply.why === 'no-token' ? 'denied' : 'unclear';
  // Token services refuse a request without a login with various statuses.
  return isClear(reply) && reply.status >= 400 && reply.status < 500 && ![407, 408, 429].includes(reply.status) ? 'denied' : 'unclear';
}
