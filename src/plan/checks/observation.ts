/**
 * The words of plan/checks, the folder that decides what to ask a registry, when to ask it again, what its answers mean, and when a
 * password expires. It knows neither HTTP nor a clock.
 *
 * What was observed when a registry was asked. It holds facts and no decision: src/registry writes it, interpret.ts reads it.
 * It holds no part of an answer's body, so that everything in it may be shown.
 */

/** Why there is no answer that could be interpreted. */
export type FailureClass =
  | 'dns'
  | 'connection-refused'
  | 'network'
  | 'timeout'
  | 'tls'
  /** The proxy does not let the request through, or cannot be reached. */
  | 'proxy'
  /** The proxy wants a login (407). */
  | 'proxy-login'
  /** The answer is not HTTP, or not what the protocol of registries says. */
  | 'protocol'
  | 'redirect'
  | 'too-large'
  /** The name leads to an address that must not be asked. */
  | 'address'
  /** The registry names a token service that a password must not be sent to: it is not asked over TLS. */
  | 'insecure-realm'
  /** The token service answered without a token. */
  | 'no-token'
  /** A fault of the program. */
  | 'fault';

export interface Failure {
  readonly kind: 'failure';
  readonly why: FailureClass;
  /** The code of Node.js or OpenSSL, such as `ENOTFOUND` or `CERT_HAS_EXPIRED`. */
  readonly code?: string;
}

export interface Answer {
  readonly kind: 'answer';
  readonly status: number;
  /** Error codes of the OCI distribution spec and of OAuth, from a fixed list. */
  readonly codes: readonly string[];
  /** The answer has an error code that is on no list. It counts, and is not shown: a registry may write anything there. */
  readonly hasUnknownCode: boolean;
  readonly isHtml: boolean;
  /** The answer says that the address of the operator is not allowed. */
  readonly deniesAddress: boolean;
  /** The answer has the text with which Amazon ECR refuses a token. */
  readonly isEcrRefusal: boolean;
  readonly retryAfterSeconds?: number;
}

export type Reply = Answer | Failure;

/** The end of one exchange: the last reply, who gave it, and what had been sent to get it. */
export interface Attempt {
  readonly at: 'registry' | 'token service';
  /** The host of the token service, where it may be shown. */
  readonly tokenHost?: string;
  /** `login`: username and password. `token`: a token that the token service issued, for the login if there was one. */
  readonly sent: 'nothing' | 'login' | 'token';
  readonly reply: Reply;
}

export type Observation =
  | { readonly state: 'pending' }
  | { readonly state: 'not-asked'; readonly why: 'pattern' | 'too-many' | 'disabled' }
  | {
      readonly state: 'asked';
      /** `GET /v2/` with the login. */
      readonly login: Attempt;
      /** `HEAD` of the manifest of the probe image, first without the login. Undefined without a probe image, or after a failed login. */
      readonly image?: { readonly anonymous: Attempt; readonly login?: Attempt };
      /** Undefined unless GitHub was asked as well. */
      readonly githubExpiry?: GitHubExpiry;
    };

/** When a token expires by GitHub's own words: the value of its header, no expiry, or no answer. */
export type GitHubExpiry = { readonly at: string } | 'none' | 'unknown';
