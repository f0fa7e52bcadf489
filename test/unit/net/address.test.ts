import { expect } from 'chai';
import fc from 'fast-check';
import { addressOfHost, refusalOf } from '../../../src/net/address.ts';

const API_SERVERS = [
  { address: '10.96.0.1', port: 443 },
  { address: '203.0.113.10', port: 6443 },
  { address: '2001:db8::10', port: 6443 },
];
const refusal = (address: string, { port = 443, allowPrivate = true } = {}) =>
  refusalOf(address, port, { allowPrivate, apiServers: API_SERVERS });

describe('An address that a registry may be asked at', () => {
  const table: Record<string, readonly [addresses: readonly string[], want: ReturnType<typeof refusal>]> = {
    'may be public': [
      [
        '93.184.215.14',
        '2606:4700::1',
        '::ffff:93.184.215.14',
        '64:ff9b::5db8:d70e',
        '1.0.0.0',
        '223.255.255.255',
        '2606::7f00:1',
        '2606::1:5efe:7f00:1',
        '64:ff9c::7f00:1',
        '2606:0:0:0:0:5efe:5db8:d70e',
        '2606:0:0:0:1:5efe:7f00:1',
        '2606:1:2:3:4:200:7f00:1',
      ],
      undefined,
    ],
    'may be private, for a cluster-wide credential': [['10.0.0.1', '172.31.255.255', '192.168.1.1', '100.64.0.1', 'fd12::1'], undefined],
    'is not loopback': [
      ['127.0.0.1', '127.255.255.254', '::1', '0:0:0:0:0:0:0:1', '::ffff:127.0.0.1', '::ffff:7f00:1', '::127.0.0.1', '::ffff:0:127.0.0.1'],
      'loopback',
    ],
    'is not loopback through NAT64, 6to4, Teredo or ISATAP': [
      [
        '64:ff9b::7f00:1',
        '64:ff9b:1::127.0.0.1',
        '64:ff9b:1:7f00:0:100::',
        '2002:7f00:1::',
        '2001:0:7f00:1::',
        '2001::80ff:fffe',
        '2606::5efe:7f00:1',
        '2606::200:5efe:7f00:1',
      ],
      'loopback',
    ],
    'is not link-local': [['169.254.0.1', '169.254.170.23', 'fe80::1', 'fe80::1%eth0', 'febf::1', '::ffff:169.254.0.1'], 'link-local'],
    'is not unspecified': [['0.0.0.0', '0.1.2.3', '::', '::0.1.2.3', '::ffff:0.0.0.0'], 'unspecified'],
    'is not multicast': [['224.0.0.1', '239.255.255.255', 'ff02::1', '::ffff:224.0.0.1'], 'multicast'],
    'is not reserved, and not broadcast': [['240.0.0.1', '255.255.255.255', '::ffff:255.255.255.255'], 'reserved'],
    'is not the metadata service of a cloud': [
      [
        '169.254.169.254',
        '168.63.129.16',
        '100.100.100.200',
        'fd00:ec2::254',
        'fd00:ec2:1::23',
        '::ffff:168.63.129.16',
        '::ffff:a9fe:a9fe',
        '64:ff9b::a83f:8110',
        '64:ff9b:1:a83f:81:1000::',
        '64:ff9b:1:a83f:ff81:10ff::',
        'fd20:ce::254',
      ],
      'metadata',
    ],
    'is an address': [['registry.example.com', '', '1.2.3', '256.0.0.1', '::g'], 'reserved'],
  };
  for (const [what, [addresses, want]] of Object.entries(table)) {
    for (const address of addresses) it(`${what}: ${address}`, () => expect(refusal(address)).to.equal(want));
  }

  for (const address of [
    '10.1.2.3',
    '172.16.0.1',
    '192.168.0.1',
    '100.127.255.255',
    '198.18.0.1',
    'fc00::1',
    'fdff::1',
    'fec0::1',
    '::ffff:10.0.0.1',
    '64:ff9b::a00:1',
  ])
    it(`is not private for a tenant: ${address}`, () => expect(refusal(address, { allowPrivate: false })).to.equal('private'));
  for (const address of ['172.32.0.1', '100.128.0.1', '11.0.0.1', '2606:4700::1'])
    it(`may be next to a private range for a tenant: ${address}`, () =>
      expect(refusal(address, { allowPrivate: false })).to.equal(undefined));

  it('is not the API server of the cluster, in any notation', () => {
    for (const [address, port] of [
      ['10.96.0.1', 443],
      ['::ffff:10.96.0.1', 443],
      ['64:ff9b::a60:1', 443],
      ['203.0.113.10', 6443],
      ['2001:db8:0:0::10', 6443],
    ] as const)
      expect(refusal(address, { port }), address).to.equal('api-server');
  });

  it('may be another port of the same machine', () => expect(refusal('203.0.113.10', { port: 5000 })).to.equal(undefined));

  it('is refused in every IPv6 form in which it is refused as IPv4', () => {
    fc.assert(
      fc.property(fc.ipV4(), fc.constantFrom('::ffff:', '::ffff:0:', '64:ff9b::'), fc.boolean(), (address, prefix, allowPrivate) => {
        const plain = refusal(address, { allowPrivate });
        expect(refusal(prefix + address, { allowPrivate })).to.equal(plain);
      }),
      { numRuns: 10_000 },
    );
  });

  it('is judged without a crash, whatever it is', () => {
    fc.assert(
      fc.property(fc.oneof(fc.ipV6(), fc.string(), fc.ipV4Extended()), (address) => {
        refusal(address);
        addressOfHost(address);
      }),
      { numRuns: 10_000 },
    );
  });
});

describe('The host of a URL', () => {
  const table: Record<string, string | undefined> = {
    'registry.example.com': undefined,
    'registry.example.com:5000': undefined,
    localhost: undefined,
    '127.0.0.1:5000': '127.0.0.1',
    '127.1': '127.0.0.1',
    '2130706433': '127.0.0.1',
    '0x7f000001': '127.0.0.1',
    '0x7f.0.0.1': '127.0.0.1',
    '0177.0.0.01': '127.0.0.1',
    '127.0.0.1.': '127.0.0.1',
    '0': '0.0.0.0',
    '0xa9fea9fe': '169.254.169.254',
    '１２７.0.0.1': '127.0.0.1',
    '[::1]:5000': '::1',
    '[::ffff:127.0.0.1]': '::ffff:7f00:1',
    '1.2.3.4.5.6': undefined,
    'not a host': undefined,
  };
  for (const [host, want] of Object.entries(table)) {
    it(`${host} is ${want ?? 'no address'}`, () => expect(addressOfHost(host)).to.equal(want));
  }
});
