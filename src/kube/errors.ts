/** The part of metav1.Status that decisions depend on. */
export interface Status {
  readonly code?: number;
  readonly reason?: string;
  readonly message?: string;
  readonly details?: { readonly causes?: readonly { readonly reason?: string }[]; readonly retryAfterSeconds?: number };
}

/** The API server refused a request, or could not be reached (status 0). The message is the API server's own. */
export class KubeError extends Error {
  override readonly name = 'KubeError';
  readonly status: number;
  readonly reason: string;
  readonly causes: readonly string[];
  /** Whether the answer had a metav1.Status. An answer without one comes from a filter before the API server's handlers, or from a proxy. */
  readonly hasStatus: boolean;
  readonly retryAfterMs: number | undefined;

  constructor(message: string, status: number, body?: Status, retryAfterMs?: number, options?: ErrorOptions) {
    super(message, options);
    this.status = status;
    this.reason = body?.reason ?? '';
    this.hasStatus = body !== undefined;
    this.causes = (body?.details?.causes ?? []).flatMap(({ reason }) => reason ?? []);
    this.retryAfterMs = retryAfterMs;
  }
}

/**
 * What a failed call means:
 * - gone: the object or its namespace does not exist, so there is nothing to do
 * - stale: the object has changed since the decision; decide again with the next event
 * - refused: the same call will be refused until a person changes something
 * - passing: the same call may succeed later
 */
export type ErrorKind = 'gone' | 'stale' | 'refused' | 'passing';

/** What a failed call means. An error that is not of the API server counts as passing. */
export function classify(error: unknown): ErrorKind {
  if (!(error instanceof KubeError)) return 'passing';
  // A Terminating namespace refuses new objects with 403 and this cause (namespace lifecycle admission).
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

/** No answer came in time, although there is a connection. */
export const isUnanswered = (error: unknown): boolean =>
  error instanceof KubeError && (error.cause as { readonly code?: string } | undefined)?.code === 'UND_ERR_HEADERS_TIMEOUT';

/** The resourceVersion is too old to resume from: list again. https://kubernetes.io/docs/reference/using-api/api-concepts/#410-gone-responses */
export const isExpired = (error: unknown) => error instanceof KubeError && (error.status === 410 || error.reason === 'Expired');

/** The object does not exist, or the API server does not serve its kind. */
export const isNotFound = (error: unknown): error is KubeError => error instanceof KubeError && error.status === 404;

/**
 * The API server as a whole is overloaded, so the next call is likely to fail too. API Priority and Fairness and a shutdown refuse with
 * plain text (tooManyRequests in k8s.io/apiserver/pkg/server/filters). A 429 or 503 with a Status concerns one object or kind: an admission
 * webhook or a PodDisruptionBudget refuses it. The API server still answers other calls.
 */
export const isOverloaded = (error: unknown) => error instanceof KubeError && [429, 503].includes(error.status) && !error.hasStatus;

/** How long the API server asks to wait, in milliseconds; 0 if it does not. */
export const retryAfterMsOf = (error: unknown) => (error instanceof KubeError && error.retryAfterMs) || 0;
