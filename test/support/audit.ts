/** The API server's own record: what was asked of it, when and by whom, without anybody having to watch. */
import { closeSync, openSync, readSync, statSync } from 'node:fs';

export interface Audited {
  readonly verb: string;
  readonly uri: string;
  readonly apiGroup: string;
  /** With the subresource, as `registrycredentials/status`. */
  readonly resource: string;
  readonly namespace: string;
  readonly name: string;
  readonly code: number;
  /** When it arrived, and when it was answered, in milliseconds since 1970. */
  readonly at: number;
  readonly done: number;
  /** The id of the token: each replica has one of its own. */
  readonly token: string;
}

interface Line {
  readonly verb: string;
  readonly requestURI: string;
  readonly objectRef?: {
    readonly apiGroup?: string;
    readonly resource?: string;
    readonly subresource?: string;
    readonly namespace?: string;
    readonly name?: string;
  };
  readonly responseStatus?: { readonly code?: number };
  readonly requestReceivedTimestamp: string;
  readonly stageTimestamp: string;
  readonly user: { readonly extra?: Readonly<Record<string, readonly string[]>> };
}

/** Where the record ends at present: what comes later is read from there. */
export const endOf = (file: string): number => statSync(file).size;

/** All that was asked since. */
export const auditedSince = (file: string, from: number): Audited[] => readAudited(file, from).audited;

/** All that was asked since, and where the last whole line ends: who asks often goes on from there. */
export function readAudited(file: string, from: number): { audited: Audited[]; end: number } {
  const bytes = Buffer.alloc(Math.max(0, statSync(file).size - from));
  const opened = openSync(file, 'r');
  readSync(opened, bytes, 0, bytes.length, from);
  closeSync(opened);
  const whole = bytes.subarray(0, bytes.lastIndexOf('\n') + 1);
  const lines = whole.toString('utf8').split('\n');
  // One that the API server was killed over is never whole.
  const audited = lines.filter((line) => line.startsWith('{') && line.endsWith('}')).map(read);
  return { audited, end: from + whole.length };
}

const READS = new Set(['get', 'list', 'watch']);
export const isRead = ({ verb }: Audited) => READS.has(verb);
/** A write that is meant for the cluster, as against those that keep the Lease. */
export const isWrite = ({ verb, resource }: Audited) => !READS.has(verb) && resource !== 'leases';

/** The id by which the audit log knows a token. */
export function tokenId(token: string): string {
  const { jti } = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as { jti: string };
  return `JTI=${jti}`;
}

function read(line: string): Audited {
  const { verb, requestURI, objectRef = {}, responseStatus, requestReceivedTimestamp, stageTimestamp, user } = JSON.parse(line) as Line;
  const { apiGroup = '', resource = '', subresource, namespace = '', name = '' } = objectRef;
  return {
    verb,
    uri: requestURI,
    apiGroup,
    resource: subresource ? `${resource}/${subresource}` : resource,
    namespace,
    name,
    code: responseStatus?.code ?? 0,
    at: Date.parse(requestReceivedTimestamp),
    done: Date.parse(stageTimestamp),
    token: user.extra?.['authentication.kubernetes.io/credential-id']?.[0] ?? '',
  };
}
