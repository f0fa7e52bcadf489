/**
 * What the operator asks a cloud for, and what it gets: a token that a registry of that cloud accepts. A request holds secrets: never log one.
 */

/** A token for Amazon ECR. */
export interface AwsTokenRequest {
  readonly cloud: 'aws';
  readonly service: 'ecr' | 'ecr-public';
  readonly region: string;
  /** A role to assume on top of the identity. With `webIdentity`, the role of the identity is the only one. */
  readonly roleArn?: string;
  readonly identity: /** The operator's own: IRSA, EKS Pod Identity or the instance role, by the standard environment variables. */
    | { readonly kind: 'pod' }
    | { readonly kind: 'keys'; readonly accessKeyId: string; readonly secretAccessKey: string; readonly sessionToken?: string }
    /** The token of a ServiceAccount, with the audience `sts.amazonaws.com`. */
    | { readonly kind: 'webIdentity'; readonly token: string; readonly roleArn: string };
}

/** A token for Google Artifact Registry. */
export interface GcpTokenRequest {
  readonly cloud: 'gcp';
  /** The email address of a Google service account to impersonate. */
  readonly serviceAccount?: string;
  readonly identity: /** The operator's own: GKE's metadata server, or Application Default Credentials. */
    | { readonly kind: 'pod' }
    | { readonly kind: 'key'; readonly clientEmail: string; readonly privateKey: string }
    /** The token of a ServiceAccount, for which the provider exchanges a Google token. */
    | { readonly kind: 'federated'; readonly token: string; readonly workloadIdentityProvider: string };
}

/** A token for Azure Container Registry. */
export interface AzureTokenRequest {
  readonly cloud: 'azure';
  /** The registry's host, as in `acme.azurecr.io`: the token is exchanged there. */
  readonly registry: string;
  readonly identity: /** The operator's own: Azure workload identity or managed identity, by the standard environment variables. */
    | { readonly kind: 'pod'; readonly tenantId?: string; readonly clientId?: string }
    | { readonly kind: 'secret'; readonly tenantId: string; readonly clientId: string; readonly clientSecret: string }
    /** The token of a ServiceAccount, with the audience `api://AzureADTokenExchange`. */
    | { readonly kind: 'assertion'; readonly tenantId: string; readonly clientId: string; readonly token: string };
}

export type TokenRequest = AwsTokenRequest | GcpTokenRequest | AzureTokenRequest;

export interface RegistryToken {
  readonly username: string;
  readonly password: string;
  /** In milliseconds since 1970. */
  readonly expiresAt: number;
}

/** Fetches a token. Rejects with a `CloudError`, also if the cloud has not answered after some time. */
export type FetchToken = (request: TokenRequest, signal: AbortSignal) => Promise<RegistryToken>;

/** Why a cloud gave no token. Its message holds the cloud's error code, and never a secret or a part of an answer's body. */
export class CloudError extends Error {
  /**
   * The cloud's own code, as in `AccessDenied` or `AADSTS700016`; `HTTP 503` for an answer without one; a code of the connection, as in
   * `ECONNREFUSED` or `Timeout`; or `NoIdentity`, `InvalidValue` (nothing was sent) or `MalformedAnswer`.
   */
  readonly code: string;
  readonly httpStatus: number | undefined;
  readonly retryAfterMs: number | undefined;

  constructor(
    message: string,
    code: string,
    more: { readonly httpStatus?: number; readonly retryAfterMs?: number; readonly cause?: unknown } = {},
  ) {
    super(message, { cause: more.cause });
    this.name = 'CloudError';
    this.code = code;
    this.httpStatus = more.httpStatus;
    this.retryAfterMs = more.retryAfterMs;
  }
}
