/** Calls that AWS verifies by a signature (Signature Version 4). */
import aws4 from 'aws4';
import { ask, type Call, type CloudContext, codeOf, isSuccess, parseObject, type Reply, refusal } from '../call.ts';

export interface AwsCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

/** What the calls for one token share. */
export interface AwsSession {
  readonly context: CloudContext;
  readonly region: string;
  /** How far the clock of AWS is ahead of this machine's. AWS refuses signatures that are more than five minutes off. */
  clockOffsetMs: number;
}

/** The codes with which AWS refuses a signature for its time, or for its time among other reasons. */
const CLOCK_CODES = new Set([
  ...['RequestTimeTooSkewed', 'RequestExpired', 'RequestInTheFuture', 'SignatureDoesNotMatch', 'InvalidSignatureException', 'AuthFailure'],
]);
/** A smaller difference is not the reason of a refusal. */
const SMALLEST_OFFSET_MS = 60_000;

/** Signs a call and sends it. If AWS refuses it and its clock differs from this machine's, the call is signed by the clock of AWS, once. */
export async function askSigned(
  session: AwsSession,
  service: string,
  signingRegion: string,
  credentials: AwsCredentials,
  call: Call,
): Promise<Reply> {
  const { context } = session;
  const signed = () => signedCall(call, service, signingRegion, credentials, context.now() + session.clockOffsetMs);
  const first = signed();
  const reply = await context.send(first);
  if (isSuccess(reply)) return reply;
  const code = codeOf(first, reply, awsCode);
  const offset = Date.parse(reply.headers.date ?? '') - context.now();
  if (!CLOCK_CODES.has(code) || !(Math.abs(offset - session.clockOffsetMs) > SMALLEST_OFFSET_MS)) throw refusal(call, reply, code);
  session.clockOffsetMs = offset;
  return ask(context, signed(), awsCode);
}

function signedCall(call: Call, service: string, region: string, credentials: AwsCredentials, at: number): Call {
  const { method, url, headers, body } = call;
  const amzDate = new Date(at).toISOString().replace(/[-:]|\.\d{3}/g, '');
  const request = aws4.sign(
    { method, host: url.host, path: url.pathname, service, region, headers: { ...headers, 'X-Amz-Date': amzDate }, ...(body && { body }) },
    credentials,
  );
  const { Host, 'Content-Length': length, ...rest } = request.headers as Record<string, string>;
  return { ...call, headers: { ...rest, host: Host ?? url.host, ...(length !== undefined && { 'content-length': String(length) }) } };
}

/** The code of an error: in a header, in JSON (`__type`) or in XML (`<Code>`). A prefix such as `com.amazonaws.ecr#` is dropped. */
export function awsCode({ headers, text }: Reply): string | undefined {
  const json = parseObject(text);
  const written = headers['x-amzn-errortype'] ?? json?.__type ?? json?.code ?? json?.Code ?? /<Code>([^<]{1,100})<\/Code>/.exec(text)?.[1];
  return typeof written === 'string' ? /^(?:[\w.]+#)?([A-Z][A-Za-z]{2,63})(?:\.\w+)?(?::.*)?$/.exec(written)?.[1] : undefined;
}
