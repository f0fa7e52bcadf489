import { nameOfServer } from './asked-host.ts';

export type ParsedCaBundle =
  /** Each certificate as its own PEM block. Whether it is X.509 is left to src/net/trust.ts: that takes a parser. */
  { readonly ok: true; readonly certificates: readonly string[] } | { readonly ok: false; readonly message: string };

const LARGEST = 262_144;
const BLOCK = /-----BEGIN ([A-Z0-9 ]{1,40})-----([A-Za-z0-9+/=\s]*)-----END \1-----/g;

/** Parses `caBundle`: base64 of one or more certificates in PEM. */
export function parseCaBundle(caBundle: string, server: string): ParsedCaBundle {
  const bad = (what: string): ParsedCaBundle => ({ ok: false, message: `caBundle of server ${nameOfServer(server)}: ${what}` });
  const shape = 'Set it to the output of: base64 -w0 ca.crt';
  if (caBundle.length > LARGEST)
    return bad(`the value is larger than ${LARGEST / 1024} KiB. Leave in the certificates of this server only.`);
  if (caBundle.startsWith('-----BEGIN')) return bad(`the value is PEM, not base64 of it. ${shape}`);
  const bare = caBundle.replace(/\s/g, '');
  if (bare === '') return bad(`the value is empty. ${shape}`);
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(bare) || bare.length % 4 !== 0) return bad(`the value is not base64. ${shape}`);
  const pem = Buffer.from(bare, 'base64').toString('latin1');
  const { certificates, hasPrivateKey } = readPem(pem);
  if (hasPrivateKey)
    return bad('the value has a private key in it. Remove it, and replace that key: everybody who can read this object could read it.');
  if (certificates.length === 0) return bad(`the value has no certificate in PEM (-----BEGIN CERTIFICATE-----) in it. ${shape}`);
  return { ok: true, certificates };
}

/** The certificates in PEM, each as its own block. Text between the blocks is ignored, as OpenSSL ignores it. */
export function readPem(pem: string): { readonly certificates: readonly string[]; readonly hasPrivateKey: boolean } {
  const blocks = Array.from(pem.matchAll(BLOCK), ([text, label = '']) => ({ text, label }));
  return {
    certificates: blocks.filter(({ label }) => /^(?:X509 )?CERTIFICATE$/.test(label)).map(({ text }) => text),
    hasPrivateKey: blocks.some(({ label }) => label.endsWith('PRIVATE KEY')),
  };
}
