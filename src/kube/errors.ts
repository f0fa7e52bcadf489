/** The part of metav1.Status that decisions rest on. */
export interface Status {
  readonly code?: number;
  readonly reason?: string;
  readonly message?: string;
  readonly details?: { readonly causes?: readonly { readonly reason?: string }[]; readonly retryAfterSeconds?: number };
}

/** The API server said no, or could not be reached (status 0). The message is the API server's own words. */
export class KubeError extends Error {
  override readonly name = 'KubeError';
  readonly status: number;
  readonly reason: string;
  readonly causes: readonly string[];
  readonly retryAfterMs: number | undefined;

  constructor(message: string, status: number, body?: Status, retryAfterMs?: number, options?: ErrorOptions) {
    super(message, options);
    this.status = status;
    this.reason = body?.reason ?? '';
    this.causes = (body?.details?.causes ?? []).flatMap(({ reason }) => reason ?? []);
    this.retryAfterMs = retryAfterMs;
  }
}

/**
 * What a failed call means for the one who made it:
 * - gone: the object, or the namespace it was to be in, is no more; nothing is left to do
 * - stale: what was decided on is no longer so; decide again on what the watch brings
 * - refused: the same call will be refused until a person changes something
 * - passing: it may go through if tried again later
 */
export type Failure = 'gone' | 'stale' | 'refused' | 'passing';

export function classify(error: unknown): Failure {
  if (!(error instanceof KubeError)) return 'passing';
  // A namespace on its way out refuses new objects with 403 and this cause (namespace lifecycle admission).
  if (error.causes.includes('NamespaceTerminating')) return 'gone';
  switch (error.status) {
    case 404:
      return 'gone';
    case 409:
      return 'stale';
    case 400:
    case 403:
    case 405:
    case 413:
    case 415:
    case 422:
      return 'refused';
    default:
      return 'passing';
  }
}

/** The resourceVersion is too old to go on from: list again. https://kubernetes.io/docs/reference/using-api/api-concepts/#410-gone-responses */
export const isExpired = (error: unknown) => error instanceof KubeError && (error.status === 410 || error.reason === 'Expired');

export const isNotFound = (error: unknown): error is KubeError => error instanceof KubeError && error.status === 404;

/** The API server has no time for us: whatever is asked of it next is likely to fare no better. */
export const isOverloaded = (error: unknown) => error instanceof KubeError && [429, 503].includes(error.status);

/** For how long the API server asks to be left alone, in milliseconds; 0 where it does not. */
export const retryAfterMsOf = (error: unknown) => (error instanceof KubeError && error.retryAfterMs) || 0;
