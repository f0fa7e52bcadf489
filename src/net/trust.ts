/** Which certificate authorities a server is trusted by. */
import { X509Certificate } from 'node:crypto';
import { createSecureContext, getCACertificates, type SecureContext } from 'node:tls';

/** The number (from 1) of the first PEM block that is no X.509 certificate, or undefined if all are. */
export function firstMalformed(certificates: readonly string[]): number | undefined {
  const index = certificates.findIndex((pem) => !isCertificate(pem));
  return index < 0 ? undefined : index + 1;
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).subject !== undefined;
  } catch {
    return false;
  }
}

/**
 * Trust in the roots of Node.js (with NODE_EXTRA_CA_CERTS), of the system and of `--registry-ca-file`, and for one server in those of
 * its caBundle. The roots are read once and only when a registry is asked: to parse them takes 50 ms.
 */
export function trustIn(caFile: readonly string[]): (caBundle: readonly string[]) => SecureContext {
  let roots: readonly string[] | undefined;
  let plain: SecureContext | undefined;
  const context = (caBundle: readonly string[]) => {
    roots ??= [...new Set([...getCACertificates('default'), ...getCACertificates('system'), ...caFile])];
    return createSecureContext({ ca: [...roots, ...caBundle] });
  };
  return (caBundle) => {
    if (caBundle.length > 0) return context(caBundle);
    plain ??= context([]);
    return plain;
  };
}
