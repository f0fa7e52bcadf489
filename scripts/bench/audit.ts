import { closeSync, openSync, readSync, statSync } from 'node:fs';

/** One request, as the API server noted it. */
export interface Request {
  readonly verb: string;
  readonly resource: string;
  readonly namespace: string;
  readonly name: string;
  /** Milliseconds since 1970. */
  readonly begun: number;
  readonly done: number;
}

interface Line {
  readonly verb: string;
  readonly objectRef?: { readonly resource?: string; readonly subresource?: string; readonly namespace?: string; readonly name?: string };
  readonly requestReceivedTimestamp: string;
  readonly stageTimestamp: string;
}

const READS = new Set(['list', 'watch', 'get']);

/** The API server's own record: what was asked of it, and when, without anybody having to watch. */
export class AuditLog {
  readonly #file: string;
  #offset = 0;
  #requests: Request[] = [];

  constructor(file: string) {
    this.#file = file;
  }

  /** From here on. */
  mark(): void {
    this.#offset = statSync(this.#file).size;
    this.#requests = [];
  }

  /** All requests since the mark, those for the Lease aside. */
  since(): readonly Request[] {
    // What was read before is not read again: whoever polls must not take the cores from those who are measured.
    const { size } = statSync(this.#file);
    const bytes = Buffer.alloc(size - this.#offset);
    const file = openSync(this.#file, 'r');
    readSync(file, bytes, 0, bytes.length, this.#offset);
    closeSync(file);
    const whole = bytes.subarray(0, bytes.lastIndexOf('\n') + 1);
    this.#offset += whole.length;
    const lines = whole.toString('utf8').split('\n').filter(Boolean);
    this.#requests.push(...lines.map(read).filter(({ resource }) => resource !== 'leases'));
    return this.#requests;
  }
}

export const isWrite = ({ verb }: Request) => !READS.has(verb);
export const isPlacement = ({ resource, verb }: Request) => (resource === 'secrets' || resource === 'serviceaccounts') && !READS.has(verb);

/** From the first request's arrival to the last one's answer. */
export function phaseMs(requests: readonly Request[]): number {
  const begun = requests.reduce((least, request) => Math.min(least, request.begun), Number.POSITIVE_INFINITY);
  const done = requests.reduce((most, request) => Math.max(most, request.done), 0);
  return done - begun;
}

function read(text: string): Request {
  const { verb, objectRef = {}, requestReceivedTimestamp, stageTimestamp } = JSON.parse(text) as Line;
  const { resource = '', subresource, namespace = '', name = '' } = objectRef;
  return {
    verb,
    resource: subresource ? `${resource}/${subresource}` : resource,
    namespace,
    name,
    begun: Date.parse(requestReceivedTimestamp),
    done: Date.parse(stageTimestamp),
  };
}
