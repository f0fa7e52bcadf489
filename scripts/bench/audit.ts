import { type Audited, endOf, isWrite, readAudited } from '../../test/support/audit.ts';

/** The API server's own record, read on and on, the requests for the Lease left out. */
export class AuditLog {
  readonly #file: string;
  #offset = 0;
  #requests: Audited[] = [];

  constructor(file: string) {
    this.#file = file;
  }

  /** From here on. */
  mark(): void {
    this.#offset = endOf(this.#file);
    this.#requests = [];
  }

  /** All requests since the mark. What was read before is not read again: whoever polls must not take the cores from those who are measured. */
  since(): readonly Audited[] {
    const { audited, end } = readAudited(this.#file, this.#offset);
    this.#offset = end;
    this.#requests.push(...audited.filter(({ resource }) => resource !== 'leases'));
    return this.#requests;
  }
}

export const isPlacement = (request: Audited) =>
  (request.resource === 'secrets' || request.resource === 'serviceaccounts') && isWrite(request);

/** From the first request's arrival to the last one's answer. */
export function phaseMs(requests: readonly Audited[]): number {
  const begun = requests.reduce((least, request) => Math.min(least, request.at), Number.POSITIVE_INFINITY);
  const done = requests.reduce((most, request) => Math.max(most, request.done), 0);
  return done - begun;
}
