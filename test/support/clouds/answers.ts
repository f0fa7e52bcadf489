/** What the fakes of the clouds share: a request with its body, an answer, and refusals in the words of the cloud. */
import { randomBytes } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';

export interface CloudRequest {
  readonly method: string;
  /** The name in the TLS handshake, which is that of the header Host too; for a metadata service its address. */
  readonly host: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface CloudAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Answers the requests for some hosts; undefined for a host that is not its own. */
export type Service = (request: CloudRequest) => CloudAnswer | undefined;

export const json = (status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): CloudAnswer => ({
  status,
  headers: { 'content-type': 'application/json', ...headers },
  body: JSON.stringify(body),
});

/** A refusal that a verification of a fake throws, and that its handler writes in the form of the service. */
export class Refusal extends Error {
  readonly code: string;
  readonly status: number;

  constructor(code: string, message: string, status = 400) {
    super(message);
    this.code = code;
    this.status = status;
  }
}

/** Throws a Refusal unless the condition holds. */
export function demand(holds: boolean, code: string, message: string, status?: number): asserts holds {
  if (!holds) throw new Refusal(code, message, status);
}

/** The fields of a form. Refuses one that is not declared as a form, or that repeats a field. */
export function formOf({ headers, body }: CloudRequest, code: string): Record<string, string> {
  demand(/^application\/x-www-form-urlencoded(?:;|$)/.test(headers['content-type'] ?? ''), code, 'The body is not declared as a form.');
  const entries = [...new URLSearchParams(body)];
  demand(new Set(entries.map(([name]) => name)).size === entries.length, code, 'A field is repeated.');
  return Object.fromEntries(entries);
}

/** A secret value that is unlike any other. */
export const randomSecret = (prefix: string, bytes = 30) => `${prefix}${randomBytes(bytes).toString('base64url')}`;

/** A token that a fake gave out for a registry. */
export interface IssuedToken {
  readonly cloud: 'aws' | 'gcp' | 'azure';
  readonly username: string;
  readonly password: string;
  /** Who got it: the ARN of a role or user, the email address of a service account, the id of an application. */
  readonly principal: string;
  /** The hosts that accept it. */
  readonly hosts: RegExp;
  /** In milliseconds since 1970. */
  readonly expiresAt: number;
}

/** The clock of the clouds. */
export interface CloudClock {
  /** How far it is ahead of this machine's. */
  offsetMs: number;
  now(): number;
}
