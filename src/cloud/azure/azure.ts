/** Fetches a token for Azure Container Registry: one of Entra ID, which the registry exchanges for its own. */
import type { AzureTokenRequest, RegistryToken } from '../../api/cloud-token.ts';
import { ask, type CloudContext, expiryOf, formCall, malformed, objectIn, textIn } from '../call.ts';
import { checked } from '../checked.ts';
import { azureCode } from './code.ts';
import { type EntraToken, entraToken } from './entra.ts';

/** The user of a token: https://learn.microsoft.com/azure/container-registry/container-registry-authentication */
const USERNAME = '00000000-0000-0000-0000-000000000000';

/** Exchanges a token of Entra ID for a refresh token of the registry, which lives for three hours. Rejects with a CloudError. */
export async function fetchAzureToken({ registry, identity }: AzureTokenRequest, context: CloudContext): Promise<RegistryToken> {
  const host = checked('Azure registry', registry);
  return exchange(host, await entraToken(host, identity, context), context);
}

/** https://github.com/Azure/acr/blob/main/docs/AAD-OAuth.md#calling-post-oauth2exchange-to-get-an-acr-refresh-token */
async function exchange(registry: string, { accessToken, tenantId }: EntraToken, context: CloudContext): Promise<RegistryToken> {
  const form = { grant_type: 'access_token', service: registry, ...(tenantId && { tenant: tenantId }), access_token: accessToken };
  const call = formCall('the exchange of an Entra token', new URL(`https://${registry}/oauth2/exchange`), form);
  const reply = await ask(context, call, azureCode);
  const password = textIn(call, reply, objectIn(call, reply), 'refresh_token');
  const expiresAt = expiryOf(password);
  if (expiresAt === undefined) throw malformed(call, reply, 'its refresh_token has no exp');
  return { username: USERNAME, password, expiresAt };
}
