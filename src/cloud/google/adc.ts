/**
 * The operator's own identity at Google: the file of GOOGLE_APPLICATION_CREDENTIALS, else the metadata server of GKE.
 * The file belongs to the operator's Deployment. Even so, no URL in it is followed: only the hosts that are fixed in this folder are asked.
 */
import { CloudError } from '../../api/cloud-token.ts';
import { askMetadata, type Call, type CloudContext, type Json, malformed, parseObject } from '../call.ts';
import { checked } from '../checked.ts';
import { exchange } from './federation.ts';
import { type AccessToken, googleCode, tokenIn } from './oauth.ts';
import { tokenForKey } from './service-account-key.ts';

export type Impersonate = (serviceAccount: string, accessToken: string, context: CloudContext) => Promise<AccessToken>;

const VARIABLE = 'GOOGLE_APPLICATION_CREDENTIALS';

/** https://cloud.google.com/docs/authentication/application-default-credentials */
export async function ownToken(context: CloudContext, impersonate: Impersonate): Promise<AccessToken> {
  const path = context.env[VARIABLE];
  if (!path) return metadataToken(context);
  const file = parseObject(await context.readFile(VARIABLE, path));
  if (file?.type === 'service_account')
    return tokenForKey({ clientEmail: text(file, 'client_email'), privateKey: text(file, 'private_key') }, context);
  if (file?.type === 'external_account') return externalAccount(file, context, impersonate);
  throw new CloudError(`the file of ${VARIABLE} has an unknown type. Use a service_account or an external_account`, 'InvalidValue');
}

async function externalAccount(file: Json, context: CloudContext, impersonate: Impersonate): Promise<AccessToken> {
  const source = (file.credential_source ?? {}) as Json;
  const written = await context.readFile(`credential_source in the file of ${VARIABLE}`, text(source, 'file'));
  const field = (source.format as Json | undefined)?.subject_token_field_name;
  const token = typeof field === 'string' ? text(parseObject(written) ?? {}, field) : written;
  const own = await exchange({ token, workloadIdentityProvider: text(file, 'audience') }, context);
  const { service_account_impersonation_url: url } = file;
  if (url === undefined) return own;
  const [, email] = /\/serviceAccounts\/([^/:]+):generateAccessToken$/.exec(String(url)) ?? [];
  return impersonate(email ?? '', own.accessToken, context);
}

function text(object: Json, field: string): string {
  const value = object[field];
  if (typeof value === 'string' && value !== '') return value;
  throw new CloudError(`the file of ${VARIABLE} has no ${field}`, 'InvalidValue');
}

/** https://cloud.google.com/compute/docs/access/authenticate-workloads#applications */
async function metadataToken(context: CloudContext): Promise<AccessToken> {
  const { GCE_METADATA_IP: ip, GCE_METADATA_HOST: name } = context.env;
  const host = checked('metadata host', ip || name || 'metadata.google.internal');
  const headers = { 'metadata-flavor': 'Google' };
  const call: Call = {
    action: 'the token of the metadata server',
    method: 'GET',
    url: new URL(`http://${host}/computeMetadata/v1/instance/service-accounts/default/token`),
    headers,
    isLocal: true,
  };
  const reply = await askMetadata(context, call, googleCode, `${VARIABLE} is not set`);
  // Anything may answer at a host name: a captive portal, or another service on this address.
  if (reply.headers['metadata-flavor'] !== 'Google') throw malformed(call, reply, 'without the header Metadata-Flavor');
  return tokenIn(call, reply, context.now());
}
