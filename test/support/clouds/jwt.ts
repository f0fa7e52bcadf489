/** Verifies and writes JWTs (RFC 7519) with nothing but node:crypto, as the clouds do with the tokens of a cluster. */
import { createPublicKey, generateKeyPairSync, type JsonWebKey, type KeyObject, sign, verify } from 'node:crypto';
import { demand, Refusal } from './answers.ts';

export type Claims = Readonly<Record<string, unknown>>;

/** An issuer of tokens whose keys the clouds know. */
export interface Issuer {
  readonly issuer: string;
  /** As in the JWKS document of a cluster: `kid` and the public key. */
  readonly keys: readonly (JsonWebKey & { readonly kid?: string })[];
}

/** The errors of the cloud that verifies. */
export interface JwtErrors {
  readonly invalid: string;
  readonly expired: string;
}

const part = (text: string, errors: JwtErrors): Claims => {
  try {
    return JSON.parse(Buffer.from(text, 'base64url').toString('utf8')) as Claims;
  } catch {
    throw new Refusal(errors.invalid, 'The token is not a JWT.');
  }
};

/** Checks the signature (RS256), the issuer and the times, and returns the claims. `now` in milliseconds. */
export function verifyToken(token: string, issuers: readonly Issuer[], now: number, errors: JwtErrors): Claims {
  const [header = '', claims = '', signature = '', more] = token.split('.');
  demand(signature !== '' && more === undefined, errors.invalid, 'The token is not a JWT.');
  const { alg, kid } = part(header, errors);
  const parsed = part(claims, errors);
  const issuer = issuers.find((one) => one.issuer === parsed.iss);
  demand(issuer !== undefined, errors.invalid, 'The issuer is not known.');
  const key = issuer.keys.find((one) => one.kid === kid);
  demand(alg === 'RS256' && key !== undefined, errors.invalid, 'The key is not known.');
  const publicKey = createPublicKey({ key, format: 'jwk' });
  demand(isSigned(`${header}.${claims}`, signature, publicKey), errors.invalid, 'The signature is wrong.');
  checkTimes(parsed, now, errors);
  return parsed;
}

/** Checks a JWT that its sender signed with a known RSA key. */
export function verifyWithKey(token: string, key: KeyObject, now: number, errors: JwtErrors): Claims {
  const [header = '', claims = '', signature = '', more] = token.split('.');
  demand(more === undefined && part(header, errors).alg === 'RS256', errors.invalid, 'The token is not a JWT signed by RS256.');
  demand(isSigned(`${header}.${claims}`, signature, key), errors.invalid, 'Invalid JWT Signature.');
  const parsed = part(claims, errors);
  checkTimes(parsed, now, errors);
  return parsed;
}

const isSigned = (input: string, signature: string, key: KeyObject) =>
  verify('RSA-SHA256', Buffer.from(input), key, Buffer.from(signature, 'base64url'));

function checkTimes({ exp, nbf, iat }: Claims, now: number, errors: JwtErrors): void {
  demand(typeof exp === 'number' && typeof iat === 'number', errors.invalid, 'The token has no times.');
  demand(exp * 1000 > now, errors.expired, 'The token has expired.');
  const begin = typeof nbf === 'number' ? Math.max(nbf, iat) : iat;
  demand(begin * 1000 <= now + 60_000, errors.invalid, 'The token is not valid yet.');
}

export const audiencesOf = ({ aud }: Claims): readonly unknown[] => (Array.isArray(aud) ? aud : [aud]);

/** An issuer of the tests, which can write tokens. */
export interface Signer extends Issuer {
  /** Writes a token. Times in milliseconds; it is valid for an hour. */
  write(claims: Claims, now: number, lifetimeMs?: number): string;
}

/** The keys are made when they are needed first: that takes a tenth of a second. */
export function makeSigner(issuer: string): Signer {
  const kid = `key-of-${issuer}`;
  let pair: { readonly publicKey: KeyObject; readonly privateKey: KeyObject } | undefined;
  const keyPair = () => {
    pair ??= generateKeyPairSync('rsa', { modulusLength: 2048 });
    return pair;
  };
  return {
    issuer,
    get keys() {
      return [{ ...keyPair().publicKey.export({ format: 'jwk' }), kid }];
    },
    write(claims, now, lifetimeMs = 3_600_000) {
      const iat = Math.floor(now / 1000);
      const all = { iss: issuer, iat, nbf: iat, exp: iat + Math.floor(lifetimeMs / 1000), ...claims };
      const input = [{ alg: 'RS256', kid }, all].map((one) => Buffer.from(JSON.stringify(one)).toString('base64url')).join('.');
      return `${input}.${sign('RSA-SHA256', Buffer.from(input), keyPair().privateKey).toString('base64url')}`;
    },
  };
}
