/** A token of Entra ID for registries, by a secret, by the token of a ServiceAccount, or by what Azure gives to the operator's pod. */
import { type AzureTokenRequest, CloudError } from '../../api/cloud-token.ts';
import { ask, askMetadata, type Call, type CloudContext, claimsOf, formCall, objectIn, textIn } from '../call.ts';
import { checked } from '../checked.ts';
import { azureCode } from './code.ts';

export interface EntraToken {
  readonly accessToken: string;
  /** Undefined for a managed identity whose token does not say it. */
  readonly tenantId: string | undefined;
}

/** Valid for registries only. Other tools ask for the management API, which lets a stolen token do much more. */
const RESOURCE = 'https://containerregistry.azure.net';

/** A token of Entra ID for `RESOURCE`, by the kind of the identity. Rejects with a CloudError. */
export function entraToken(registry: string, identity: AzureTokenRequest['identity'], context: CloudContext): Promise<EntraToken> {
  switch (identity.kind) {
    case 'secret':
      return clientToken(registry, identity, { client_secret: identity.clientSecret }, context);
    case 'assertion':
      return clientToken(registry, identity, assertion(identity.token), context);
    case 'pod':
      return ownToken(registry, identity, context);
    default:
      return identity satisfies never;
  }
}

const assertion = (token: string) => ({
  client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
  client_assertion: token,
});

/** In the order of Azure's SDKs: a secret, workload identity, managed identity. */
async function ownToken(
  registry: string,
  own: { readonly tenantId?: string; readonly clientId?: string },
  context: CloudContext,
): Promise<EntraToken> {
  const { env } = context;
  const [tenantId, clientId] = [own.tenantId ?? env.AZURE_TENANT_ID, own.clientId ?? env.AZURE_CLIENT_ID];
  const { AZURE_CLIENT_SECRET: secret, AZURE_FEDERATED_TOKEN_FILE: file } = env;
  if (tenantId && clientId && secret) return clientToken(registry, { tenantId, clientId }, { client_secret: secret }, context);
  if (tenantId && clientId && file) {
    const token = await context.readFile('AZURE_FEDERATED_TOKEN_FILE', file);
    return clientToken(registry, { tenantId, clientId }, assertion(token), context);
  }
  return managedIdentityToken(tenantId || undefined, clientId || undefined, context);
}

/** https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow */
async function clientToken(
  registry: string,
  { tenantId, clientId }: { readonly tenantId: string; readonly clientId: string },
  proof: Readonly<Record<string, string>>,
  context: CloudContext,
): Promise<EntraToken> {
  const [tenant, client] = [checked('Azure tenant', tenantId), checked('Azure client', clientId)];
  const form = { grant_type: 'client_credentials', client_id: client, scope: `${RESOURCE}/.default`, ...proof };
  const url = new URL(`${authorityFor(registry, context)}/${tenant}/oauth2/v2.0/token`);
  const call = formCall('the token of an application', url, form);
  const reply = await ask(context, call, azureCode);
  return { accessToken: textIn(call, reply, objectIn(call, reply), 'access_token'), tenantId: tenant };
}

/** By the suffix of the registry: https://learn.microsoft.com/entra/identity-platform/authentication-national-cloud */
const AUTHORITIES: Readonly<Record<string, string>> = {
  io: 'https://login.microsoftonline.com',
  cn: 'https://login.chinacloudapi.cn',
  us: 'https://login.microsoftonline.us',
  de: 'https://login.microsoftonline.de',
};

/**
 * The authority of the registry's cloud, or the one of AZURE_AUTHORITY_HOST. Azure sets that variable in every pod with workload identity:
 * if it names the authority of another cloud, it is for other registries than this one.
 */
function authorityFor(registry: string, { env: { AZURE_AUTHORITY_HOST: configured } }: CloudContext): string {
  const authority = AUTHORITIES[registry.slice(registry.lastIndexOf('.') + 1)] as string;
  if (!configured) return authority;
  const url = URL.parse(configured.includes('://') ? configured : `https://${configured}`);
  if (url?.protocol !== 'https:') throw new CloudError('AZURE_AUTHORITY_HOST is not a URL that begins with https://', 'InvalidValue');
  return Object.values(AUTHORITIES).includes(url.origin) ? authority : url.origin;
}

/** https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token#get-a-token-using-http */
async function managedIdentityToken(
  tenantId: string | undefined,
  clientId: string | undefined,
  context: CloudContext,
): Promise<EntraToken> {
  const base = URL.parse(context.env.AZURE_POD_IDENTITY_AUTHORITY_HOST || 'http://169.254.169.254');
  if (base === null) throw new CloudError('AZURE_POD_IDENTITY_AUTHORITY_HOST is not a URL', 'InvalidValue');
  const url = new URL('/metadata/identity/oauth2/token', base);
  url.search = new URLSearchParams({
    'api-version': '2018-02-01',
    resource: RESOURCE,
    ...(clientId && { client_id: checked('Azure client', clientId) }),
  }).toString();
  const tenant = tenantId === undefined ? undefined : checked('Azure tenant', tenantId);
  const call: Call = { action: 'the token of a managed identity', method: 'GET', url, headers: { metadata: 'true' }, isLocal: true };
  const reply = await askMetadata(context, call, azureCode, 'AZURE_CLIENT_SECRET and AZURE_FEDERATED_TOKEN_FILE are not usable');
  const accessToken = textIn(call, reply, objectIn(call, reply), 'access_token');
  const tid = claimsOf(accessToken)?.tid;
  return { accessToken, tenantId: tenant ?? (typeof tid === 'string' ? tid : undefined) };
}
