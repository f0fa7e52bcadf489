/**
 * Which addresses may be asked. A server of a RegistryCredential, and the token service that a registry names, are the words of
 * others: they must not lead the operator to itself, to its node, to the metadata service of a cloud or to the API server.
 */
import { BlockList, isIPv4, isIPv6, SocketAddress } from 'node:net';

export interface AddressRules {
  /** False for tenants: they must not reach the private network of the operator. */
  readonly allowPrivate: boolean;
  /** Where the cluster's own API server listens: the addresses of the Service `kubernetes` and of its endpoints. */
  readonly apiServers: readonly { readonly address: string; readonly port: number }[];
}

export type AddressRefusal = 'loopback' | 'link-local' | 'unspecified' | 'multicast' | 'metadata' | 'reserved' | 'private' | 'api-server';

const NEVER: readonly (readonly [refusal: AddressRefusal, subnets: readonly string[]])[] = [
  // Azure's wire server, Alibaba Cloud's, Oracle Cloud's; AWS by IPv6, Google Cloud by IPv6. The others are link-local.
  ['metadata', ['169.254.169.254/32', '168.63.129.16/32', '100.100.100.200/32', '192.0.0.192/32', 'fd00:ec2::/32', 'fd20:ce::254/128']],
  ['loopback', ['127.0.0.0/8', '::1/128']],
  ['link-local', ['169.254.0.0/16', 'fe80::/10']],
  ['unspecified', ['0.0.0.0/8', '::/128']],
  ['multicast', ['224.0.0.0/4', 'ff00::/8']],
  ['reserved', ['240.0.0.0/4']],
];

// RFC 1918, carrier-grade NAT (RFC 6598), protocol assignments and benchmarks (RFC 6890), unique local and the former site-local IPv6.
const PRIVATE = [
  '10.0.0.0/8',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '100.64.0.0/10',
  '192.0.0.0/24',
  '198.18.0.0/15',
  'fc00::/7',
  'fec0::/10',
];

const never = NEVER.map(([refusal, subnets]) => [refusal, blockListOf(subnets)] as const);
const privately = blockListOf(PRIVATE);

function blockListOf(subnets: readonly string[]): BlockList {
  const list = new BlockList();
  for (const subnet of subnets) {
    const [network = '', bits] = subnet.split('/');
    list.addSubnet(network, Number(bits), isIPv4(network) ? 'ipv4' : 'ipv6');
  }
  return list;
}

/**
 * Why this address must not be asked, or undefined if it may be. `address` is an IPv4 or IPv6 address as a resolver returns it;
 * anything else is `reserved`. An IPv6 address that carries an IPv4 address is judged by both.
 */
export function refusalOf(address: string, port: number, { allowPrivate, apiServers }: AddressRules): AddressRefusal | undefined {
  const plain = withoutZone(address);
  if (!isIPv4(plain) && !isIPv6(plain)) return 'reserved';
  const all = [plain, ...embeddedIn(plain)];
  const [found] = never.find(([, list]) => all.some((one) => contains(list, one))) ?? [];
  if (found !== undefined) return found;
  const servers = apiServers.filter((server) => server.port === port).flatMap((server) => formsOf(server.address));
  if (all.flatMap(formsOf).some((form) => servers.includes(form))) return 'api-server';
  return !allowPrivate && all.some((one) => contains(privately, one)) ? 'private' : undefined;
}

/**
 * The address that the host of a URL is, or undefined if it is a name. All notations count: `0x7f.1`, `2130706433`, `0177.0.0.1`
 * and `[::ffff:7f00:1]` (https://url.spec.whatwg.org/#concept-ipv4-parser).
 */
export function addressOfHost(host: string): string | undefined {
  const url = `http://${host}/`;
  if (!URL.canParse(url)) return undefined;
  const hostname = new URL(url).hostname.replace(/^\[|\]$/g, '');
  return isIPv4(hostname) || isIPv6(hostname) ? hostname : undefined;
}

const contains = (list: BlockList, address: string) => list.check(address, isIPv4(address) ? 'ipv4' : 'ipv6');
const withoutZone = (address: string) => address.replace(/%.*$/, '');

/** One spelling per address, to compare by. */
function formsOf(address: string): string[] {
  const plain = withoutZone(address);
  if (isIPv4(plain)) return [plain];
  return isIPv6(plain) ? [groupsOf(plain).join(':'), ...embeddedIn(plain)] : [];
}

/** The IPv4 addresses that an IPv6 address may end up at. */
function embeddedIn(address: string): string[] {
  if (!isIPv6(address)) return [];
  const groups = groupsOf(address);
  const at = (index: number) => groups[index] as number;
  const ipv4 = (high: number, low: number) => [high >> 8, high & 255, low >> 8, low & 255].join('.');
  const last = ipv4(at(6), at(7));
  const startsWith = (...start: number[]) => start.every((group, index) => group === at(index));
  const found: string[] = [];
  // IPv4-mapped and IPv4-compatible (RFC 4291), IPv4-translated (RFC 2765). :: and ::1 are addresses of their own.
  if (startsWith(0, 0, 0, 0, 0, 0xffff) || startsWith(0, 0, 0, 0, 0xffff, 0)) found.push(last);
  if (startsWith(0, 0, 0, 0, 0, 0) && at(6) !== 0) found.push(last);
  // NAT64: the well-known prefix (RFC 6052), and the local one (RFC 8215), which has the address at the end or after 48 bits.
  if (startsWith(0x64, 0xff9b)) found.push(last);
  if (startsWith(0x64, 0xff9b, 1)) found.push(ipv4(at(3), ((at(4) & 255) << 8) | (at(5) >> 8)));
  // 6to4 (RFC 3056), Teredo (RFC 4380: its server, and its client in inverted bits), ISATAP (RFC 5214).
  if (startsWith(0x2002)) found.push(ipv4(at(1), at(2)));
  if (startsWith(0x2001, 0)) found.push(ipv4(at(2), at(3)), ipv4(at(6) ^ 0xffff, at(7) ^ 0xffff));
  if ((at(4) === 0 || at(4) === 0x200) && at(5) === 0x5efe) found.push(last);
  return found;
}

/** The eight groups of an IPv6 address. */
function groupsOf(address: string): number[] {
  const { address: canonical } = new SocketAddress({ address, family: 'ipv6' });
  const hex = canonical.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_, a, b, c, d) =>
    [(Number(a) << 8) | Number(b), (Number(c) << 8) | Number(d)].map((group) => group.toString(16)).join(':'),
  );
  const [head = '', tail] = hex.split('::');
  const read = (part: string) => (part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16)));
  if (tail === undefined) return read(head);
  const [before, after] = [read(head), read(tail)];
  return [...before, ...Array<number>(8 - before.length - after.length).fill(0), ...after];
}
