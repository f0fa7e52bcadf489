/** Azure: Entra ID, managed identity, and the exchange of container registries. Verifies what Azure verifies. */
import { randomUUID } from 'node:crypto';
import {
  type CloudAnswer,
  type CloudClock,
  type CloudRequest,
  demand,
  formOf,
  type IssuedToken,
  json,
  Refusal,
  type Service,
} from './answers.ts';
import { audiencesOf, type Issuer, makeSigner, type Signer, verifyToken } from './jwt.ts';

export interface Application {
  readonly tenantId: string;
  readonly clientId: string;
  readonly clientSecret?: string;
  /** A federated credential: the ServiceAccount `system:serviceaccount:NAMESPACE:NAME` of this issuer. */
  readonly federated?: { readonly issuer: string; readonly subject: string };
}

export interface FakeRegistry {
  readonly tenantId: string;
  /** The clients with the role AcrPull. */
  readonly pullers: readonly string[];
}

export interface FakeAzure {
  readonly applications: Application[];
  /** By host, as `acme.azurecr.io`. */
  readonly registries: Map<string, FakeRegistry>;
  /** Managed identities that the node has; the first one is the default. */
  readonly managedIdentities: Application[];
  registryTokenLifetimeMs: number;
  throttled: number;
  readonly services: readonly Service[];
  readonly local: Service;
}

/** The authority of each cloud, by the suffix of its registries. */
const AUTHORITIES: Readonly<Record<string, string>> = {
  'login.microsoftonline.com': 'io',
  'login.chinacloudapi.cn': 'cn',
  'login.microsoftonline.us': 'us',
  'login.microsoftonline.de': 'de',
};
const RESOURCE = 'https://containerregistry.azure.net';
const TOKEN_PATH = /^\/([0-9a-f-]{36})\/oauth2\/v2\.0\/token$/;
const HOUR = 3_600_000;

export function fakeAzure(clock: CloudClock, issuers: readonly Issuer[], issued: IssuedToken[]): FakeAzure {
  const entra = Object.fromEntries(Object.values(AUTHORITIES).map((cloud) => [cloud, makeSigner(`https://entra.${cloud}.test/`)]));
  const acr = makeSigner('Azure Container Registry');
  const azure: FakeAzure = {
    ...{ applications: [], registries: new Map(), managedIdentities: [], registryTokenLifetimeMs: 3 * HOUR, throttled: 0 },
    services: [authority, registry],
    local: managedIdentity,
  };

  function authority(request: CloudRequest): CloudAnswer | undefined {
    const cloud = AUTHORITIES[request.host];
    if (cloud === undefined) return undefined;
    try {
      throttle(azure);
      return clientToken(request, entra[cloud] as Signer);
    } catch (error) {
      return entraError(error as Refusal, clock);
    }
  }

  /** https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow */
  function clientToken(request: CloudRequest, signer: Signer): CloudAnswer {
    const [, tenantId] = TOKEN_PATH.exec(request.path) ?? [];
    demand(request.method === 'POST' && tenantId !== undefined, 'AADSTS900023', 'The tenant is not valid.');
    const form = formOf(request, 'AADSTS900144');
    demand(form.grant_type === 'client_credentials', 'AADSTS70003', 'The app requested an unsupported grant type.');
    demand(form.scope === `${RESOURCE}/.default`, 'AADSTS70011', 'The provided value for the input parameter scope is not valid.');
    const application = azure.applications.find((one) => one.tenantId === tenantId && one.clientId === form.client_id);
    demand(application !== undefined, 'AADSTS700016', 'Application was not found in the directory.');
    if (form.client_assertion === undefined) {
      const isRight = application.clientSecret !== undefined && form.client_secret === application.clientSecret;
      demand(isRight, 'AADSTS7000215', 'Invalid client secret provided.', 401);
    } else checkAssertion(form, application);
    return json(200, { token_type: 'Bearer', expires_in: 3599, ext_expires_in: 3599, access_token: accessToken(application, signer) });
  }

  function checkAssertion(form: Readonly<Record<string, string>>, { federated }: Application): void {
    demand(form.client_secret === undefined, 'AADSTS90014', 'Both a secret and an assertion.');
    const type = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
    demand(form.client_assertion_type === type, 'AADSTS900144', 'client_assertion_type is missing.');
    const claims = verifyToken(form.client_assertion ?? '', issuers, clock.now(), { invalid: 'AADSTS700027', expired: 'AADSTS700024' });
    demand(
      audiencesOf(claims).includes('api://AzureADTokenExchange'),
      'AADSTS700212',
      'No matching federated identity record found for the audience.',
    );
    const isFederated = claims.iss === federated?.issuer && claims.sub === federated?.subject;
    demand(isFederated, 'AADSTS700213', 'No matching federated identity record found for the subject.', 401);
  }

  const accessToken = ({ tenantId, clientId }: Application, signer: Signer) =>
    signer.write({ aud: RESOURCE, tid: tenantId, appid: clientId, jti: randomUUID() }, clock.now());

  function registry(request: CloudRequest): CloudAnswer | undefined {
    const { host, method, path } = request;
    const found = azure.registries.get(host);
    if (found === undefined || path !== '/oauth2/exchange') return undefined;
    try {
      throttle(azure);
      demand(method === 'POST', 'UNSUPPORTED', 'The operation is unsupported.', 405);
      return exchange(request, found);
    } catch (error) {
      const { code, message, status } = error as Refusal;
      return json(status, { errors: [{ code, message }] }, status === 429 ? { 'retry-after': '20' } : {});
    }
  }

  /** https://github.com/Azure/acr/blob/main/docs/AAD-OAuth.md#calling-post-oauth2exchange-to-get-an-acr-refresh-token */
  function exchange(request: CloudRequest, { tenantId, pullers }: FakeRegistry): CloudAnswer {
    const form = formOf(request, 'UNAUTHORIZED');
    demand(form.grant_type === 'access_token', 'UNSUPPORTED', 'The grant type is unsupported.');
    demand(form.service === request.host, 'UNAUTHORIZED', 'The service is another registry.', 401);
    demand(form.tenant === undefined || form.tenant === tenantId, 'UNAUTHORIZED', 'The tenant is another one.', 401);
    const cloud = request.host.slice(request.host.lastIndexOf('.') + 1);
    const signer = entra[cloud] as Signer;
    const claims = verifyToken(form.access_token ?? '', [signer], clock.now(), { invalid: 'UNAUTHORIZED', expired: 'UNAUTHORIZED' });
    const client = String(claims.appid);
    const isRight = claims.aud === RESOURCE && claims.tid === tenantId;
    demand(isRight && pullers.includes(client), 'UNAUTHORIZED', 'authentication required', 401);
    const expiresAt = clock.now() + azure.registryTokenLifetimeMs;
    const password = acr.write(
      { jti: randomUUID(), sub: client, aud: request.host, tenant: tenantId },
      clock.now(),
      azure.registryTokenLifetimeMs,
    );
    const hosts = new RegExp(`^${request.host.replaceAll('.', '\\.')}$`);
    issued.push({ cloud: 'azure', username: '00000000-0000-0000-0000-000000000000', password, principal: client, hosts, expiresAt });
    return json(200, { refresh_token: password });
  }

  /** https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token#get-a-token-using-http */
  function managedIdentity({ method, path, query, headers }: CloudRequest): CloudAnswer | undefined {
    if (path !== '/metadata/identity/oauth2/token') return undefined;
    if (method !== 'GET' || headers.metadata !== 'true' || headers['x-forwarded-for'] !== undefined)
      return json(400, { error: 'invalid_request', error_description: 'Required metadata header not specified' });
    if (query.get('api-version') !== '2018-02-01' || query.get('resource') !== RESOURCE)
      return json(400, { error: 'invalid_resource', error_description: 'AADSTS500011: The resource principal was not found.' });
    const wanted = query.get('client_id');
    const identity = azure.managedIdentities.find(({ clientId }) => wanted === null || clientId === wanted);
    if (identity === undefined) return json(400, { error: 'invalid_request', error_description: 'Identity not found' });
    const expires = String(Math.floor((clock.now() + 24 * HOUR) / 1000));
    const token = accessToken(identity, entra.io as Signer);
    return json(200, {
      access_token: token,
      client_id: identity.clientId,
      expires_in: '86399',
      expires_on: expires,
      resource: RESOURCE,
      token_type: 'Bearer',
    });
  }
  return azure;
}

function throttle(azure: FakeAzure): void {
  if (azure.throttled === 0) return;
  azure.throttled -= 1;
  throw new Refusal('TOOMANYREQUESTS', 'too many requests', 429);
}

/** https://learn.microsoft.com/entra/identity-platform/reference-error-codes */
function entraError({ code, message, status }: Refusal, clock: CloudClock): CloudAnswer {
  if (status === 429) return json(429, { error: 'temporarily_unavailable' }, { 'retry-after': '20' });
  const number = Number(code.replace('AADSTS', ''));
  const error = status === 401 ? 'invalid_client' : 'invalid_request';
  const description = `${code}: ${message} Trace ID: sample Correlation ID: sample Timestamp: ${new Date(clock.now()).toISOString()}`;
  return json(status, { error, error_description: description, error_codes: [number], timestamp: new Date(clock.now()).toISOString() });
}
