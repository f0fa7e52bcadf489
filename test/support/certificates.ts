/** A certificate authority for local servers of the tests. It writes DER itself: Node.js reads certificates, but cannot create them. */
import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import { isIPv4 } from 'node:net';

export interface Issued {
  readonly cert: string;
  readonly key: string;
}

export interface Authority {
  /** In PEM. */
  readonly cert: string;
  /** Issues a certificate for names and IPv4 addresses. With `days` below zero, it has expired. */
  issue(hosts: readonly string[], days?: number): Issued;
}

const DAY = 86_400_000;

const tlv = (tag: number, ...parts: Uint8Array[]): Buffer => {
  const body = Buffer.concat(parts);
  const size = body.length < 128 ? [body.length] : body.length < 256 ? [0x81, body.length] : [0x82, body.length >> 8, body.length & 255];
  return Buffer.concat([Buffer.from([tag, ...size]), body]);
};
const sequence = (...parts: Uint8Array[]) => tlv(0x30, ...parts);
const oid = (hex: string) => tlv(0x06, Buffer.from(hex, 'hex'));
const bits = (body: Uint8Array) => tlv(0x03, Buffer.from([0]), body);
const time = (at: number) => tlv(0x18, Buffer.from(`${new Date(at).toISOString().replace(/[-:T]|\.\d+/g, '')}`));
const commonName = (name: string) => sequence(tlv(0x31, sequence(oid('550403'), tlv(0x0c, Buffer.from(name)))));
const extension = (id: string, isCritical: boolean, value: Uint8Array) =>
  sequence(oid(id), ...(isCritical ? [tlv(0x01, Buffer.from([255]))] : []), tlv(0x04, value));
const ECDSA_SHA256 = sequence(oid('2a8648ce3d040302'));

interface Content {
  readonly issuer: string;
  readonly subject: string;
  readonly publicKey: KeyObject;
  readonly signer: KeyObject;
  readonly from: number;
  readonly to: number;
  readonly extensions: readonly Buffer[];
}

/** RFC 5280, section 4.1. */
function certificate({ issuer, subject, publicKey, signer, from, to, extensions }: Content): string {
  const body = sequence(
    tlv(0xa0, tlv(0x02, Buffer.from([2]))),
    tlv(0x02, Buffer.concat([Buffer.from([1]), randomBytes(8)])),
    ECDSA_SHA256,
    commonName(issuer),
    sequence(time(from), time(to)),
    commonName(subject),
    publicKey.export({ type: 'spki', format: 'der' }),
    tlv(0xa3, sequence(...extensions)),
  );
  const der = sequence(body, ECDSA_SHA256, bits(sign('sha256', body, signer)));
  return `-----BEGIN CERTIFICATE-----\n${der
    .toString('base64')
    .match(/.{1,64}/g)
    ?.join('\n')}\n-----END CERTIFICATE-----\n`;
}

const newKey = () => generateKeyPairSync('ec', { namedCurve: 'P-256' });

/** Creates an authority that nothing trusts by default. */
export function makeAuthority(): Authority {
  const ca = newKey();
  const name = `sample CA ${createHash('sha256').update(randomBytes(8)).digest('hex').slice(0, 8)}`;
  const now = Date.now();
  const basicConstraints = extension('551d13', true, sequence(tlv(0x01, Buffer.from([255]))));
  const cert = certificate({
    ...{ issuer: name, subject: name, publicKey: ca.publicKey, signer: ca.privateKey },
    ...{ from: now - DAY, to: now + 365 * DAY, extensions: [basicConstraints] },
  });
  return {
    cert,
    issue(hosts, days = 30) {
      const own = newKey();
      const names = hosts.map((host) =>
        isIPv4(host) ? tlv(0x87, Buffer.from(host.split('.').map(Number))) : tlv(0x82, Buffer.from(host)),
      );
      const pem = certificate({
        ...{ issuer: name, subject: 'sample server', publicKey: own.publicKey, signer: ca.privateKey },
        ...{ from: now - 60 * DAY, to: now + days * DAY, extensions: [extension('551d11', false, sequence(...names))] },
      });
      return { cert: pem, key: own.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() };
    },
  };
}
