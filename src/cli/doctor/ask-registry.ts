/**
 * Asks a registry whether it lets an image be pulled, as a container runtime would: the manifest, then what the registry
 * wants for it, a password or a token of its token server, then the manifest again. Nothing is downloaded: HEAD does not
 * count as a pull at Docker Hub.
 */
import { STATUS_CODES } from 'node:http';
import { addressOfHost } from '../../net/address.ts';
import { hostToAsk } from '../../plan/checks/asked-host.ts';
import type { Attempt, Failure } from '../../plan/checks/observation.ts';
import type { Image } from '../../plan/matching/image.ts';
import type { Login } from '../../registry/exchange.ts';
import { type ProbeSettings, registryClient } from '../../registry/probe.ts';
import type { RegistryAnswer } from './observed.ts';

export type AskSettings = Partial<Pick<ProbeSettings, 'proxy' | 'caFile' | 'resolve'>>;

/** What the registry says to one who asks with the login, or without. */
export async function askRegistry(image: Image, login: Login | undefined, settings: AskSettings = {}): Promise<RegistryAnswer> {
  const host = hostToAsk(image.host) ?? image.host;
  // As container runtimes have it: TLS, but for a registry on the same machine.
  const insecureRegistries = isLoopback(host) ? [host] : [];
  const client = registryClient({ proxy: {}, caFile: [], apiServers: [], insecureRegistries, now: Date.now, ...settings });
  const wanted = { repository: image.path, reference: image.digest ?? image.tag ?? 'latest' };
  const attempt = await client.pull({ host, login, image: wanted, allowPrivate: true }, new AbortController().signal);
  const { reply } = attempt;
  if (reply.kind === 'answer' && reply.status >= 200 && reply.status < 300 && !reply.isHtml) return { ok: true };
  return { ok: false, message: messageOf(attempt) };
}

function isLoopback(host: string): boolean {
  const address = addressOfHost(host);
  return address === undefined ? /^localhost(?::\d+)?$/.test(host) : address === '::1' || address.startsWith('127.');
}

/** In the words of container runtimes, so that they are understood like those (pull-errors.ts). */
function messageOf({ at, tokenHost, reply }: Attempt): string {
  const from = at === 'registry' ? '' : ` of its token server${tokenHost === undefined ? '' : ` ${tokenHost}`}`;
  if (reply.kind === 'failure') return `${failureMessage(reply)}${reply.code === undefined ? '' : ` (${reply.code})`}${from}`;
  if (reply.isHtml) return `${reply.status} and a web page, not the answer of a registry${from}`;
  return [reply.status, STATUS_CODES[reply.status] ?? '', ...reply.codes].filter((word) => word !== '').join(' ') + from;
}

function failureMessage({ why }: Failure): string {
  switch (why) {
    case 'dns':
      return 'the name resolution fails';
    case 'connection-refused':
      return 'connection refused';
    case 'network':
      return 'connection reset';
    case 'timeout':
      return 'timed out';
    case 'tls':
      return 'no TLS connection with a certificate that is trusted';
    case 'proxy':
      return 'the proxy is unavailable';
    case 'proxy-login':
      return 'the proxy wants a login';
    case 'protocol':
      return 'no answer in the protocol of registries';
    case 'redirect':
      return 'a redirect to a place that is not asked';
    case 'too-large':
      return 'an answer that is too large for a registry';
    case 'address':
      return 'an address that must not be asked';
    case 'insecure-realm':
      return 'no TLS, so no password was sent to the address';
    case 'no-token':
      return 'no token';
    case 'fault':
      return 'a fault of this program';
    default:
      return why satisfies never;
  }
}
