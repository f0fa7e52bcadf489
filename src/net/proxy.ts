/** Which requests go through a proxy. The values are those of the environment variables of the same names; only main.ts reads them. */
import { BlockList, isIP, isIPv4 } from 'node:net';

export interface ProxySettings {
  readonly httpsProxy?: string;
  readonly httpProxy?: string;
  readonly noProxy?: string;
}

/** The settings in an environment. Each variable counts in capitals first, then in small letters. */
export function proxySettings(env: Readonly<Record<string, string | undefined>>): ProxySettings {
  const either = (name: string) => env[name] || env[name.toLowerCase()] || undefined;
  const [httpsProxy, httpProxy, noProxy] = ['HTTPS_PROXY', 'HTTP_PROXY', 'NO_PROXY'].map(either);
  return { ...(httpsProxy && { httpsProxy }), ...(httpProxy && { httpProxy }), ...(noProxy && { noProxy }) };
}

/**
 * The proxy for a URL, or undefined if it is asked directly. NO_PROXY has the meaning that it has for Kubernetes and container runtimes
 * (golang.org/x/net/http/httpproxy): a name covers its subdomains, a name with a leading dot only those; addresses and CIDR ranges
 * count for hosts that are addresses; `*` covers all; an entry may have a port. This machine is never asked through a proxy.
 */
export function proxyFor(url: URL, { httpsProxy, httpProxy, noProxy = '' }: ProxySettings): URL | 'malformed' | undefined {
  const written = url.protocol === 'https:' ? httpsProxy : httpProxy;
  if (!written) return undefined;
  const host = url.hostname.replace(/^\[|\]$|\.$/g, '').toLowerCase();
  if (/^(?:.*\.)?localhost$/.test(host) || isLoopback(host)) return undefined;
  const port = url.port || (url.protocol === 'https:' ? '443' : '80');
  const entries = noProxy.split(',').map((entry) => entry.trim().toLowerCase());
  if (entries.some((entry) => entry !== '' && covers(entry, host, port))) return undefined;
  // Not asked directly: an administrator who sets a proxy may do so to keep requests from going anywhere else.
  return parseProxy(written) ?? 'malformed';
}

/** A proxy as it is written in the environment: a URL, or `host:port` for a proxy that is spoken to over plain HTTP. Undefined if it is neither. */
export function parseProxy(written: string): URL | undefined {
  const text = /^[a-z][a-z0-9+.-]*:\/\//i.test(written) ? written : `http://${written}`;
  if (!URL.canParse(text)) return undefined;
  const url = new URL(text);
  return ['http:', 'https:'].includes(url.protocol) ? url : undefined;
}

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');
const isLoopback = (host: string) => isIP(host) !== 0 && loopback.check(host, isIPv4(host) ? 'ipv4' : 'ipv6');

function covers(entry: string, host: string, port: string): boolean {
  if (entry === '*') return true;
  if (isIP(host) !== 0) return coversAddress(entry, host, port);
  const [, name = '', onlyPort] = /^(.*?)(?::(\d+))?$/.exec(entry) ?? [];
  if (onlyPort !== undefined && onlyPort !== port) return false;
  const suffix = name.replace(/^\*/, '');
  return suffix.startsWith('.') ? host.endsWith(suffix) : host === suffix || (suffix !== '' && host.endsWith(`.${suffix}`));
}

function coversAddress(entry: string, host: string, port: string): boolean {
  const family = isIPv4(host) ? 'ipv4' : 'ipv6';
  const [network = '', bits] = entry.split('/');
  if (bits !== undefined) {
    const isRange = isIP(network) !== 0 && /^\d{1,3}$/.test(bits) && Number(bits) <= (isIPv4(network) ? 32 : 128);
    if (!isRange) return false;
    const range = new BlockList();
    range.addSubnet(network, Number(bits), isIPv4(network) ? 'ipv4' : 'ipv6');
    return range.check(host, family);
  }
  if (entry === host || entry === `[${host}]`) return true;
  return entry === (family === 'ipv4' ? `${host}:${port}` : `[${host}]:${port}`);
}
