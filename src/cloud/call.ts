/**
 * What the clouds share: one call to a service, and what to make of its answer. Each cloud is a chunk of its own in the bundle, and has
 * a copy of this file. So it holds no state, and only `cloud.ts`, which is not in a chunk, knows the network.
 */
import { CloudError } from '../api/cloud-token.ts';

export interface Call {
  /** For messages, in the cloud's words: `AssumeRole`. */
  readonly action: string;
  readonly method: 'GET' | 'POST' | 'PUT';
  readonly url: URL;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** A service of the node, as the metadata service: it is never asked through a proxy, and it must answer quickly. */
  readonly isLocal?: boolean;
}

export interface Reply {
  readonly status: number;
  /** Names in small letters. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly text: string;
  /** What the answer asks to wait for, in milliseconds. */
  readonly retryAfterMs: number | undefined;
}

/** What a cloud gets from the program. */
export interface CloudContext {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Sends one call. Rejects with a CloudError if there is no answer. A redirect is an answer, and is not followed. */
  readonly send: (call: Call) => Promise<Reply>;
  /** Reads a file that a variable of the environment names. Rejects with a CloudError. */
  readonly readFile: (variable: string, path: string) => Promise<string>;
  /** In milliseconds since 1970. */
  readonly now: () => number;
}

/** A call that sends a form. */
export const formCall = (action: string, url: URL, form: Readonly<Record<string, string>>): Call => ({
  action,
  method: 'POST',
  url,
  headers: { 'content-type': 'application/x-www-form-urlencoded' },
  body: new URLSearchParams(form).toString(),
});

/** Reads the cloud's error code in an answer. */
export type ReadCode = (reply: Reply) => string | undefined;

/** Sends a call. Rejects with a CloudError unless the answer is a success. */
export async function ask({ send }: CloudContext, call: Call, readCode: ReadCode): Promise<Reply> {
  const reply = await send(call);
  if (isSuccess(reply)) return reply;
  throw refusal(call, reply, codeOf(call, reply, readCode));
}

/** Whether the HTTP status is 2xx. */
export const isSuccess = ({ status }: Reply) => status >= 200 && status < 300;

/** The error code in an answer, or `HTTP 503` for an answer without one. */
export function codeOf({ headers = {}, body = '' }: Call, reply: Reply, readCode: ReadCode): string {
  const code = readCode(reply);
  // A code that was in the call is no code: a service that repeats what it got may repeat a secret.
  const isEcho = code !== undefined && [body, ...Object.values(headers)].some((sent) => sent.includes(code));
  return code === undefined || isEcho ? `HTTP ${reply.status}` : code;
}

/** The error for an answer that is no success. */
export function refusal({ action, url }: Call, { status, retryAfterMs }: Reply, code: string): CloudError {
  const said = code === `HTTP ${status}` ? code : `${code} (HTTP ${status})`;
  const more = { httpStatus: status, ...(retryAfterMs !== undefined && { retryAfterMs }) };
  return new CloudError(`${url.hostname} refuses ${action}: ${said}`, code, more);
}

/** The answer is not what the cloud documents. */
export function malformed({ action, url }: Call, { status }: Reply, what: string): CloudError {
  return new CloudError(`${url.hostname} answers ${action} with HTTP ${status}, but ${what}`, 'MalformedAnswer', { httpStatus: status });
}

/** Asks a metadata service, the last place in which an identity of the pod can be. `unset` says what else could have given one. */
export async function askMetadata(context: CloudContext, call: Call, readCode: ReadCode, unset: string): Promise<Reply> {
  try {
    return await ask(context, call, readCode);
  } catch (error) {
    if (!(error instanceof CloudError) || error.httpStatus !== undefined) throw error;
    throw new CloudError(`the operator's pod has no identity: ${unset}, and it ${error.message}`, 'NoIdentity');
  }
}

export type Json = Readonly<Record<string, unknown>>;

/** A JSON object in a text, or undefined. */
export function parseObject(text: string): Json | undefined {
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === 'object' && parsed !== null ? (parsed as Json) : undefined;
  } catch {
    return undefined;
  }
}

/** The JSON object in an answer. Throws a CloudError if it is none. */
export function objectIn(call: Call, reply: Reply): Json {
  const object = parseObject(reply.text);
  if (object === undefined) throw malformed(call, reply, 'not with a JSON object');
  return object;
}

/** A text field in an answer. Throws a CloudError if it is missing. */
export function textIn(call: Call, reply: Reply, object: Json, field: string): string {
  const value = object[field];
  if (typeof value !== 'string' || value === '') throw malformed(call, reply, `without ${field}`);
  return value;
}

/** The claims of a JWT, or undefined. The signature is not verified: nothing but times rests on them. */
export function claimsOf(token: string): Json | undefined {
  const [, claims = '', signature] = token.split('.');
  return signature === undefined ? undefined : parseObject(Buffer.from(claims, 'base64url').toString('utf8'));
}

/** When a JWT expires, in milliseconds since 1970; undefined if it does not say so. */
export function expiryOf(token: string): number | undefined {
  const exp = claimsOf(token)?.exp;
  return typeof exp === 'number' ? exp * 1000 : undefined;
}

/** A value that has the form of an error code, as `invalid_grant` or `PERMISSION_DENIED`; undefined for anything else. */
export const codeIn = (value: unknown): string | undefined =>
  typeof value === 'string' && value.length <= 64 && /^(?:[a-z]+(?:_[a-z]+){0,5}|[A-Z]+(?:_[A-Z]+){0,5})$/.test(value) ? value : undefined;
