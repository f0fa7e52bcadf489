/** The audit log of the API server: which requests it got, when and from whom. The tests need no proxy for that. */
import { closeSync, openSync, readSync, statSync } from 'node:fs';

export interface Audited {
  readonly verb: string;
  readonly uri: string;
  readonly apiGroup: string;
  /** Includes the subresource, as in `registrycredentials/status`. */
  readonly resource: string;
  readonly namespace: string;
  readonly name: string;
  readonly code: number;
  /** The times of the request and of its response, in milliseconds since 1970. */
  readonly at: number;
  readonly done: number;
  /** The id of the token: each replica has its own token. */
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

/** The current end of the log: later requests are read from there. */
export const endOf = (file: string): number => statSync(file).size;

/** All requests since that position. */
export const auditedSince = (file: string, from: number): Audited[] => readAudited(file, from).audited;

/** How much is read at once: the log of hours is longer than a string can be. */
const CHUNK_BYTES = 2 ** 24;

/** All requests since that position, and the end of the last complete line, to continue from there. */
export function readAudited(file: string, from: number): { audited: Audited[]; end: number } {
  const { size } = statSync(file);
  const audited: Audited[] = [];
  const opened = openSync(file, 'r');
  let end = from;
  let incomplete = Buffer.alloc(0);
  for (let at = from; at < size; at += CHUNK_BYTES) {
    const bytes = Buffer.alloc(Math.min(CHUNK_BYTES, size - at));
    readSync(opened, bytes, 0, bytes.length, at);
    const read = Buffer.concat([incomplete, bytes]);
    const whole = read.subarray(0, read.lastIndexOf('\n') + 1);
    incomplete = read.subarray(whole.length);
    end += whole.length;
    for (const line of whole.toString('utf8').split('\n')) {
      // If the API server was killed, its last line may stay incomplete.
      if (line.startsWith('{') && line.endsWith('}')) audited.push(requestOf(line));
    }
  }
  closeSync(opened);
  return { audited, end };
}

const READS = new Set(['get', 'list', 'watch']);
export const isRead = ({ verb }: Audited) => READS.has(verb);
/** A write to the cluster, other than to the Lease. */
export const isWrite = ({ verb, resource }: Audited) => !READS.has(verb) && resource !== 'leases';

/**
 * How many objects these requests are about, by verb and resource. On a busy machine the operator stops a slow write and repeats it, so the
 * number of requests may be higher (docs/adr/0008-width.md).
 */
export function objectsOf(requests: readonly Audited[]): Record<string, number> {
  const objects = new Map<string, Set<string>>();
  for (const { verb, resource, uri, name } of requests) {
    const what = `${verb} ${resource}`;
    objects.set(what, (objects.get(what) ?? new Set()).add(`${uri} ${name}`));
  }
  return Object.fromEntries(Array.from(objects, ([what, { size }]) => [what, size]));
}

/** Writes of one verb and object that the API server carried out more than once. */
export function repeatedWrites(requests: readonly Audited[]): string[] {
  const writes = requests
    .filter((request) => isWrite(request) && request.code < 300)
    .map(({ verb, uri, name }) => `${verb} ${uri} ${name}`);
  return writes.filter((write, at) => writes.indexOf(write) !== at);
}

/** The id of a token in the audit log. */
export function tokenId(token: string): string {
  const { jti } = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as { jti: string };
  return `JTI=${jti}`;
}

function requestOf(line: string): Audited {
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
