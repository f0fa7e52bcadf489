/**
 * Verifies a request by Signature Version 4 as AWS does, with nothing but node:crypto
 * (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html).
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { type CloudRequest, demand } from './answers.ts';

export interface Key {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
  /** In milliseconds since 1970; a key of a user does not expire. */
  readonly expiresAt?: number;
  /** The ARN of its user or role. */
  readonly principal: string;
}

/** The codes of a service for what can be wrong. */
export interface SignatureErrors {
  readonly missing: string;
  readonly unknownKey: string;
  readonly expiredKey: string;
  readonly wrong: string;
}

const hmac = (key: string | Buffer, text: string) => createHmac('sha256', key).update(text).digest();
const hash = (text: string) => createHash('sha256').update(text).digest('hex');
const uri = (text: string) => encodeURIComponent(text).replace(/[!'()*]/g, (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`);

const FORM =
  /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/([^/]+)\/aws4_request, ?SignedHeaders=([a-z0-9;-]+), ?Signature=([0-9a-f]{64})$/;
const FIVE_MINUTES = 5 * 60_000;

/** Returns the key that signed. Throws a Refusal if anything is wrong. */
export function verifySignature(
  request: CloudRequest,
  expected: { readonly service: string; readonly region: string },
  keys: readonly Key[],
  now: number,
  errors: SignatureErrors,
): Key {
  const { headers } = request;
  const [, accessKeyId, day, region, service, signedHeaders = '', signature = ''] = FORM.exec(headers.authorization ?? '') ?? [];
  demand(accessKeyId !== undefined, errors.missing, 'Request is missing Authentication Token', 403);
  const date = String(headers['x-amz-date'] ?? '');
  demand(/^\d{8}T\d{6}Z$/.test(date) && date.startsWith(day as string), errors.wrong, 'X-Amz-Date and the credential differ.', 403);
  const right = service === expected.service && region === expected.region;
  demand(right, errors.wrong, `Credential should be scoped to ${expected.region}/${expected.service}.`, 403);
  const names = signedHeaders.split(';');
  demand(names.join() === [...names].sort().join(), errors.wrong, 'The signed headers are not sorted.', 403);
  const needed = ['host', 'x-amz-date', 'content-type', 'x-amz-target', 'x-amz-security-token'].filter((name) => name in headers);
  demand(
    needed.every((name) => names.includes(name)),
    errors.wrong,
    `Not all of ${needed.join()} are signed.`,
    403,
  );
  const key = keys.find((one) => one.accessKeyId === accessKeyId);
  demand(
    key !== undefined && headers['x-amz-security-token'] === key.sessionToken,
    errors.unknownKey,
    'The security token is invalid.',
    403,
  );
  const at = Date.parse(date.replace(/(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z/, '$1-$2-$3T$4:$5:$6Z'));
  demand(
    Math.abs(at - now) <= FIVE_MINUTES,
    errors.wrong,
    `Signature expired: ${date} is now too far from ${new Date(now).toISOString()}.`,
    403,
  );
  const scope = `${day}/${region}/${service}/aws4_request`;
  const text = ['AWS4-HMAC-SHA256', date, scope, hash(canonical(request, names))].join('\n');
  const signing = [day, region, service, 'aws4_request'].reduce<string | Buffer>(
    (one, piece) => hmac(one, piece as string),
    `AWS4${key.secretAccessKey}`,
  );
  const isRight = timingSafeEqual(Buffer.from(hmac(signing, text).toString('hex')), Buffer.from(signature));
  demand(isRight, errors.wrong, 'The request signature we calculated does not match the signature you provided.', 403);
  demand((key.expiresAt ?? now + 1) > now, errors.expiredKey, 'The security token included in the request is expired', 403);
  return key;
}

function canonical({ method, path, query, headers, body }: CloudRequest, names: readonly string[]): string {
  const pairs = [...query].map(([name, value]) => `${uri(name)}=${uri(value)}`).sort();
  const lines = names.map(
    (name) =>
      `${name}:${String(headers[name] ?? '')
        .trim()
        .replace(/ +/g, ' ')}\n`,
  );
  return [method, path.split('/').map(uri).join('/'), pairs.join('&'), lines.join(''), names.join(';'), hash(body)].join('\n');
}
