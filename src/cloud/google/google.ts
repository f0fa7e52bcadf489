/** Fetches an access token for Google Artifact Registry: one of the identity, or of a service account that it impersonates. */
import type { GcpTokenRequest, RegistryToken } from '../../api/cloud-token.ts';
import { ask, type Call, type CloudContext, malformed, objectIn, textIn } from '../call.ts';
import { checked } from '../checked.ts';
import { ownToken } from './adc.ts';
import { exchange } from './federation.ts';
import { type AccessToken, googleCode, SCOPE } from './oauth.ts';
import { tokenForKey } from './service-account-key.ts';

/** An OAuth access token of the identity, or of the service account that it may impersonate. Rejects with a CloudError. */
export async function fetchGoogleToken({ identity, serviceAccount }: GcpTokenRequest, context: CloudContext): Promise<RegistryToken> {
  const own = await tokenOf(identity, context);
  const { accessToken, expiresAt } = serviceAccount === undefined ? own : await impersonate(serviceAccount, own.accessToken, context);
  return { username: 'oauth2accesstoken', password: accessToken, expiresAt };
}

function tokenOf(identity: GcpTokenRequest['identity'], context: CloudContext): Promise<AccessToken> {
  switch (identity.kind) {
    case 'key':
      return tokenForKey(identity, context);
    case 'federated':
      return exchange(identity, context);
    case 'pod':
      return ownToken(context, impersonate);
    default:
      return identity satisfies never;
  }
}

/** https://cloud.google.com/iam/docs/reference/credentials/rest/v1/projects.serviceAccounts/generateAccessToken */
async function impersonate(serviceAccount: string, accessToken: string, context: CloudContext): Promise<AccessToken> {
  const email = checked('Google service account', serviceAccount);
  const call: Call = {
    action: 'generateAccessToken',
    method: 'POST',
    url: new URL(`https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/${email}:generateAccessToken`),
    headers: { authorization: `Bearer ${accessToken}`, 'content-type': 'application/json' },
    body: JSON.stringify({ scope: [SCOPE], lifetime: '3600s' }),
  };
  const reply = await ask(context, call, googleCode);
  const object = objectIn(call, reply);
  const expiresAt = Date.parse(textIn(call, reply, object, 'expireTime'));
  if (Number.isNaN(expiresAt)) throw malformed(call, reply, 'its expireTime is malformed');
  return { accessToken: textIn(call, reply, object, 'accessToken'), expiresAt };
}
