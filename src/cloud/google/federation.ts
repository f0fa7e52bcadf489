/** Workload identity federation: a token of a ServiceAccount is exchanged for one of Google. */
import { type CloudContext, expiryOf } from '../call.ts';
import { checked } from '../checked.ts';
import { type AccessToken, askForToken, SCOPE } from './oauth.ts';

/** https://cloud.google.com/iam/docs/reference/sts/rest/v1/TopLevel/token */
export function exchange(
  { token, workloadIdentityProvider }: { readonly token: string; readonly workloadIdentityProvider: string },
  context: CloudContext,
): Promise<AccessToken> {
  const form = {
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    audience: checked('workload identity provider', workloadIdentityProvider),
    scope: SCOPE,
    requested_token_type: 'urn:ietf:params:oauth:token-type:access_token',
    subject_token: token,
    subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
  };
  // The access token never outlives the subject token.
  return askForToken(
    context,
    'the exchange of a ServiceAccount token',
    new URL('https://sts.googleapis.com/v1/token'),
    form,
    expiryOf(token),
  );
}
