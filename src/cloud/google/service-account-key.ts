/** A token for the key of a Google service account. */
import { createPrivateKey, type KeyObject, sign } from 'node:crypto';
import { CloudError } from '../../api/cloud-token.ts';
import type { CloudContext } from '../call.ts';
import { checked } from '../checked.ts';
import { type AccessToken, askForToken, SCOPE } from './oauth.ts';

/** Fixed: the `token_uri` in a key file is never used, since a file could name any host there. */
const TOKEN_URL = 'https://oauth2.googleapis.com/token';

/** https://developers.google.com/identity/protocols/oauth2/service-account#authorizingrequests */
export function tokenForKey(
  { clientEmail, privateKey }: { readonly clientEmail: string; readonly privateKey: string },
  context: CloudContext,
): Promise<AccessToken> {
  const issuedAt = Math.floor(context.now() / 1000);
  const claims = { iss: checked('Google service account', clientEmail), scope: SCOPE, aud: TOKEN_URL, iat: issuedAt, exp: issuedAt + 3600 };
  const assertion = signedJwt(claims, readKey(privateKey));
  const form = { grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer', assertion };
  return askForToken(context, 'the token of a service account key', new URL(TOKEN_URL), form);
}

/** RFC 7515. `RSA-SHA256` is RSASSA-PKCS1-v1_5, which JWTs call RS256. */
function signedJwt(claims: object, key: KeyObject): string {
  const input = [{ alg: 'RS256', typ: 'JWT' }, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
  return `${input}.${sign('RSA-SHA256', Buffer.from(input), key).toString('base64url')}`;
}

function readKey(pem: string): KeyObject {
  let key: KeyObject | undefined;
  try {
    key = createPrivateKey(pem);
  } catch {
    // The error of OpenSSL says nothing that helps.
  }
  if (key?.asymmetricKeyType === 'rsa') return key;
  throw new CloudError('private_key of the service account key is not an RSA key in PEM', 'InvalidValue');
}
