/** The API server's own record of what the operator asked for, and which replica it was. */
import { closeSync, openSync, readSync, statSync } from 'node:fs';

export interface Audited {
  readonly verb: string;
  /** With the subresource, as `registrycredentials/status`. */
  readonly resource: string;
  readonly namespace: string;
  readonly name: string;
  readonly code: number;
  /** When it arrived, in milliseconds since 1970. */
  readonly at: number;
  /** The id of the token: each replica has one of its own. */
  readonly token: string;
}

interface Line {
  readonly verb: string;
  readonly objectRef?: { readonly resource?: string; readonly subresource?: string; readonly namespace?: string; readonly name?: string };
  readonly responseStatus?: { readonly code?: number };
  readonly requestReceivedTimestamp: string;
  readonly user: { readonly extra?: Readonly<Record<string, readonly string[]>> };
}

/** Where the record ends at present: what comes later is read from there. */
export const endOf = (file: string): number => statSync(file).size;

export function auditedSince(file: string, from: number): Audited[] {
  const bytes = Buffer.alloc(Math.max(0, statSync(file).size - from));
  const opened = openSync(file, 'r');
  readSync(opened, bytes, 0, bytes.length, from);
  closeSync(opened);
  const lines = bytes.toString('utf8').split('\n');
  // The last one may not be whole yet, and one that the API server was killed over never is.
  return lines.filter((line) => line.startsWith('{') && line.endsWith('}')).map(read);
}

const READS = new Set(['get', 'list', 'watch']);
/** A write that is meant for the cluster, as against those that keep the Lease. */
export const isWrite = ({ verb, resource }: Audited) => !READS.has(verb) && resource !== 'leases';

/** The id by which the audit log knows a token. */
export function tokenId(token: string): string {
  const { jti } = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as { jti: string };
  return `JTI=${jti}`;
}

function read(line: string): Audited {
  const { verb, objectRef = {}, responseStatus, requestReceivedTimestamp, user } = JSON.parse(line) as Line;
  const { resource = '', subresource, namespace = '', name = '' } = objectRef;
  return {
    verb,
    resource: subresource ? `${resource}/${subresource}` : resource,
    namespace,
    name,
    code: responseStatus?.code ?? 0,
    at: Date.parse(requestReceivedTimestamp),
    token: user.extra?.['authentication.kubernetes.io/credential-id']?.[0] ?? '',
  };
}
