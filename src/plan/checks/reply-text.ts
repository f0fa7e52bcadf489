/** The sentences about answers and failures. Nothing but statuses, listed codes and host names goes into them. */
import type { Attempt, Failure, Observation } from './observation.ts';

/** Codes with which a registry or token service says that it is the one in trouble. */
export const TEMPORARY: readonly string[] = ['TOOMANYREQUESTS', 'UNAVAILABLE', 'temporarily_unavailable', 'server_error'];

/** `HTTP 401, UNAUTHORIZED, from its token service auth.example.com`: an answer within brackets. */
export function formatAttempt({ at, tokenHost, reply }: Attempt): string {
  if (reply.kind === 'failure') return reply.code ?? reply.why;
  const codes = [
    ...reply.codes,
    ...(reply.codes.length === 0 && reply.hasUnknownCode ? ['an error code that is not in the standards'] : []),
  ];
  const from = at === 'registry' ? [] : [`from its ${tokenServiceName(tokenHost)}`];
  return [`HTTP ${reply.status}`, ...codes, ...from].join(', ');
}

const tokenServiceName = (host: string | undefined) => (host === undefined ? 'token service' : `token service ${host}`);

/** Why a server was not asked at all. */
export function formatUnanswered(why: (Observation & { state: 'not-asked' })['why'], server: string): string {
  switch (why) {
    case 'pattern':
      return `${server} is not the name of one host, so there is nobody to ask.`;
    case 'too-many':
      return `${server} is not asked: only the first 64 servers of a credential are.`;
    case 'disabled':
      return `${server} is not asked: checks are off for this credential (spec.verification.mode None) or for the operator (--verification=off).`;
    default:
      return why satisfies never;
  }
}

/** Why an attempt says nothing about the login that comes from `secret`, and what to do about it. */
export function formatFailure(attempt: Attempt, server: string, secret: string): string {
  return `${formatCause(attempt, server)} The login of ${secret} could not be checked.`;
}

function formatCause(attempt: Attempt, server: string): string {
  const { at, tokenHost, sent, reply } = attempt;
  const who = at === 'registry' ? server : `The ${tokenServiceName(tokenHost)} of ${server}`;
  if (reply.kind === 'failure') return formatNoAnswer(reply, who, server);
  const what = formatAttempt({ ...attempt, at: 'registry' });
  if (reply.deniesAddress)
    return `${who} does not allow the address that the operator calls from (${what}). Add that address to the registry's firewall, or set spec.verification.mode to None.`;
  if (reply.isHtml)
    return `${who} answers with a web page (${what}): a proxy, a gateway or a web server answers in place of the registry. Check the server's name and port, and the proxy.`;
  if (reply.status === 429 || reply.codes.includes('TOOMANYREQUESTS'))
    return `${who} has had too many requests (${what}). The operator asks again later.`;
  if (reply.status === 407) return `A proxy on the way to ${server} wants a login (${what}). Add user and password to HTTPS_PROXY.`;
  if (reply.status >= 500 || reply.status === 408 || reply.codes.some((code) => TEMPORARY.includes(code)))
    return `${who} is out of order (${what}). The operator asks again later. Nodes may still reach it.`;
  if (reply.status === 401 && sent === 'nothing')
    return `${who} wants a login in a way that is neither Basic nor Bearer (${what}). Container runtimes cannot log in there either. Check the server's name and port.`;
  return `${who} answers with something that is not the protocol of registries (${what}). Check the server's name and port.`;
}

function formatNoAnswer({ why, code }: Failure, who: string, server: string): string {
  const because = code === undefined ? '' : ` (${code})`;
  const nodes = 'Nodes may still reach it.';
  switch (why) {
    case 'dns':
      return `${who}: the operator cannot resolve the name${because}. Check its spelling, and the DNS of the cluster. ${nodes}`;
    case 'connection-refused':
      return `${who} refuses the connection${because}. Check the port, and whether the registry runs. ${nodes}`;
    case 'network':
      return `${who}: the connection fails${because}. Check the network policies and firewalls for the operator's pod. ${nodes}`;
    case 'timeout':
      return `${who} does not answer in time. Check the network policies and firewalls for the operator's pod. ${nodes}`;
    case 'tls':
      return `${who}: no trusted TLS connection${because}. ${tlsFix(code, server)} ${nodes}`;
    case 'proxy':
      return `${who} cannot be reached through the proxy${because}. Check HTTPS_PROXY and NO_PROXY of the operator, and the rules of the proxy. ${nodes}`;
    case 'proxy-login':
      return `${who} cannot be reached: the proxy wants a login (HTTP 407). Add user and password to HTTPS_PROXY of the operator. ${nodes}`;
    case 'protocol':
      return `${who} does not speak the protocol of registries${because}. Check the server's name and port.`;
    case 'fault':
      return `${who} was not asked, because of a fault of the operator. Its log has the error: please report it. The operator asks again later.`;
    case 'redirect':
      return `${who} redirects to another place, and a password is never sent along. Set server to the host that serves the images.`;
    case 'too-large':
      return `${who} sends an answer that is too large for a registry. Check the server's name and port.`;
    case 'address':
      return `${who} is not asked: its address must not be asked${because}. If it is right, add ${server} to --insecure-registries, or for a private address to --private-registries.`;
    case 'insecure-realm':
      return `${who} is not asked: a password is sent over TLS only, and to another host only over TLS. Have the registry name a token service with https://.`;
    case 'no-token':
      return `${who} answers without a token. Check the server's name and port, and the registry's token service.`;
    default:
      return why satisfies never;
  }
}

function tlsFix(code: string | undefined, server: string): string {
  switch (code) {
    case 'CERT_HAS_EXPIRED':
      return 'The certificate has expired. Renew it.';
    case 'CERT_NOT_YET_VALID':
      return 'The certificate is not valid yet. Check the clocks of the registry and of the node.';
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
      return 'The certificate is for another name. Check the name of the server, or have a certificate issued for it.';
    case 'ERR_SSL_WRONG_VERSION_NUMBER':
    case 'ERR_SSL_PACKET_LENGTH_TOO_LONG':
      return `It does not speak TLS. If it is meant to speak plain HTTP, add ${server} to --insecure-registries.`;
    default:
      return "Set caBundle to the registry's CA, or start the operator with --registry-ca-file.";
  }
}
