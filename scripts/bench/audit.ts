import { type Audited, endOf, isWrite, readAudited } from '../../test/support/audit.ts';

/** Where the operator runs, with its sources and its memory. */
export const SYSTEM = 'regcred-system';

/** Reads the audit log of the API server incrementally. Omits the requests for the Lease. */
export class AuditLog {
  readonly #file: string;
  #offset = 0;
  #requests: Audited[] = [];

  constructor(file: string) {
    this.#file = file;
  }

  /** `since` returns only requests after this call. */
  mark(): void {
    this.#offset = endOf(this.#file);
    this.#requests = [];
  }

  /** Returns all requests since the mark. Does not read old lines again: polling must not take CPU time from the measured program. */
  since(): readonly Audited[] {
    const { audited, end } = readAudited(this.#file, this.#offset);
    this.#offset = end;
    this.#requests.push(...audited.filter(({ resource }) => resource !== 'leases'));
    return this.#requests;
  }
}

/** Whether it writes a Secret or a ServiceAccount of a namespace. The operator's memory of a credential is a Secret, too, in its own namespace. */
export const isPlacement = (request: Audited) =>
  request.namespace !== SYSTEM && (request.resource === 'secrets' || request.resource === 'serviceaccounts') && isWrite(request);

/** The time from the arrival of the first request to the last response, in milliseconds. */
export function phaseMs(requests: readonly Audited[]): number {
  const begun = requests.reduce((least, request) => Math.min(least, request.at), Number.POSITIVE_INFINITY);
  const done = requests.reduce((most, request) => Math.max(most, request.done), 0);
  return done - begun;
}
