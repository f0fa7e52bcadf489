/** Google: OAuth for service account keys, STS, impersonation, and the metadata server. Verifies what Google verifies. */
import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import {
  type CloudAnswer,
  type CloudClock,
  type CloudRequest,
  demand,
  formOf,
  type IssuedToken,
  json,
  Refusal,
  randomSecret,
  type Service,
} from './answers.ts';
import { audiencesOf, type Issuer, verifyToken, verifyWithKey } from './jwt.ts';

export interface Pool {
  readonly issuer: string;
  /** Empty: the canonical name of the provider, with or without `https:`. */
  readonly allowedAudiences?: readonly string[];
}

export interface FakeGoogle {
  /** The service accounts: the public keys of their key files, in PEM, and the principals that may impersonate them. */
  readonly serviceAccounts: Map<string, { readonly keys: string[]; readonly impersonators: string[] }>;
  /** By the name of the provider, `//iam.googleapis.com/projects/…`. */
  readonly pools: Map<string, Pool>;
  /** The service account of the metadata server; undefined if there is none. */
  metadataAccount: string | undefined;
  tokenLifetimeMs: number;
  throttled: number;
  /** Adds a service account with a key, and returns the text of its key file. */
  addServiceAccount(email: string): { readonly client_email: string; readonly private_key: string };
  readonly services: readonly Service[];
  readonly local: Service;
}

const SCOPE = 'https://www.googleapis.com/auth/cloud-platform';
const TOKEN_URL = 'https://oauth2.googleapis.com/token';
const IMPERSONATE = /^\/v1\/projects\/-\/serviceAccounts\/([^/:]+@[^/:]+):generateAccessToken$/;
const HOSTS = /^(?:[a-z0-9-]+\.)?gcr\.io$|^[a-z0-9-]+-docker\.pkg\.dev$|^docker\.[a-z0-9-]+\.rep\.pkg\.dev$/;
/** The metadata server returns the same token until it is about to expire. */
const METADATA_MARGIN_MS = 5 * 60_000;

export function fakeGoogle(clock: CloudClock, issuers: readonly Issuer[], issued: IssuedToken[]): FakeGoogle {
  const google: FakeGoogle = {
    ...{ serviceAccounts: new Map(), pools: new Map(), metadataAccount: undefined, tokenLifetimeMs: 3_600_000, throttled: 0 },
    addServiceAccount(email) {
      const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
      const account = google.serviceAccounts.get(email) ?? { keys: [], impersonators: [] };
      account.keys.push(publicKey.export({ type: 'spki', format: 'pem' }).toString());
      google.serviceAccounts.set(email, account);
      return { client_email: email, private_key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() };
    },
    services: [on('oauth2.googleapis.com', keyToken), on('sts.googleapis.com', exchange), on('iamcredentials.googleapis.com', impersonate)],
    local: metadata,
  };

  function on(host: string, handle: (request: CloudRequest) => CloudAnswer): Service {
    return (request) => {
      if (request.host !== host) return undefined;
      try {
        if (google.throttled > 0) {
          google.throttled -= 1;
          throw new Refusal('RESOURCE_EXHAUSTED', 'Quota exceeded', 429);
        }
        return handle(request);
      } catch (error) {
        return refused(host, error as Refusal);
      }
    };
  }

  function issue(principal: string, expiresAt: number): string {
    const password = randomSecret('ya29.', 80);
    issued.push({ cloud: 'gcp', username: 'oauth2accesstoken', password, principal, hosts: HOSTS, expiresAt });
    return password;
  }

  /** https://developers.google.com/identity/protocols/oauth2/service-account#httprest */
  function keyToken(request: CloudRequest): CloudAnswer {
    demand(request.method === 'POST' && request.path === '/token', 'invalid_request', 'Not found', 404);
    const form = formOf(request, 'invalid_request');
    demand(form.grant_type === 'urn:ietf:params:oauth:grant-type:jwt-bearer', 'unsupported_grant_type', 'Invalid grant_type');
    const assertion = form.assertion ?? '';
    const email = String((JSON.parse(Buffer.from(assertion.split('.')[1] ?? '', 'base64url').toString() || '{}') as { iss?: string }).iss);
    const keys = google.serviceAccounts.get(email)?.keys ?? [];
    demand(keys.length > 0, 'invalid_grant', 'Invalid grant: account not found');
    const errors = { invalid: 'invalid_grant', expired: 'invalid_grant' };
    const claims = verifyWithKey(assertion, createPublicKey(keys.at(-1) as string), clock.now(), errors);
    demand(claims.aud === TOKEN_URL, 'invalid_grant', 'Invalid JWT: Failed audience check.');
    demand(Number(claims.exp) - Number(claims.iat) <= 3600, 'invalid_grant', 'Token must be a short-lived token (60 minutes).');
    demand(claims.scope === SCOPE, 'invalid_scope', 'Invalid OAuth scope or ID token audience provided.');
    return oauthToken(issue(email, clock.now() + google.tokenLifetimeMs), google.tokenLifetimeMs);
  }

  /** https://cloud.google.com/iam/docs/reference/sts/rest/v1/TopLevel/token */
  function exchange(request: CloudRequest): CloudAnswer {
    demand(request.method === 'POST' && request.path === '/v1/token', 'invalid_request', 'Not found', 404);
    const form = formOf(request, 'invalid_request');
    demand(form.grant_type === 'urn:ietf:params:oauth:grant-type:token-exchange', 'unsupported_grant_type', 'Invalid grant_type');
    demand(
      form.requested_token_type === 'urn:ietf:params:oauth:token-type:access_token',
      'invalid_request',
      'Invalid requested_token_type',
    );
    demand(form.subject_token_type === 'urn:ietf:params:oauth:token-type:jwt', 'invalid_request', 'Invalid subject_token_type');
    demand(form.scope === SCOPE, 'invalid_scope', 'Invalid scope');
    const provider = form.audience ?? '';
    const pool = google.pools.get(provider);
    demand(pool !== undefined, 'invalid_target', 'The target service indicated by the "audience" parameters is invalid.');
    const claims = verifyToken(form.subject_token ?? '', issuers, clock.now(), { invalid: 'invalid_grant', expired: 'invalid_grant' });
    demand(claims.iss === pool.issuer, 'invalid_grant', 'The issuer in ID Token does not match the expected one.');
    const allowed = pool.allowedAudiences ?? [provider, `https:${provider}`];
    demand(
      audiencesOf(claims).some((one) => allowed.includes(String(one))),
      'invalid_grant',
      'The audience in ID Token does not match the expected audience.',
    );
    const until = Math.min(clock.now() + google.tokenLifetimeMs, Number(claims.exp) * 1000);
    const principal = `principal:${provider.replace(/\/providers\/[^/]+$/, '')}/subject/${claims.sub}`;
    return oauthToken(issue(principal, until), until - clock.now(), { issued_token_type: 'urn:ietf:params:oauth:token-type:access_token' });
  }

  /** https://cloud.google.com/iam/docs/reference/credentials/rest/v1/projects.serviceAccounts/generateAccessToken */
  function impersonate(request: CloudRequest): CloudAnswer {
    const [, email] = IMPERSONATE.exec(decodeURIComponent(request.path)) ?? [];
    demand(request.method === 'POST' && email !== undefined, 'NOT_FOUND', 'Not found', 404);
    const [, bearer] = /^Bearer (.+)$/.exec(request.headers.authorization ?? '') ?? [];
    const caller = issued.find(({ password, expiresAt }) => password === bearer && expiresAt > clock.now());
    demand(caller !== undefined, 'UNAUTHENTICATED', 'Request had invalid authentication credentials.', 401);
    const denied = "Permission 'iam.serviceAccounts.getAccessToken' denied on resource (or it may not exist).";
    demand(google.serviceAccounts.get(email)?.impersonators.includes(caller.principal) === true, 'PERMISSION_DENIED', denied, 403);
    const { scope, lifetime } = JSON.parse(request.body) as { scope?: unknown; lifetime?: unknown };
    demand(Array.isArray(scope) && scope.join() === SCOPE && lifetime === '3600s', 'INVALID_ARGUMENT', 'Invalid scope or lifetime');
    const expiresAt = clock.now() + google.tokenLifetimeMs;
    return json(200, { accessToken: issue(email, expiresAt), expireTime: new Date(expiresAt).toISOString().replace(/\.\d+Z$/, 'Z') });
  }

  let kept: { readonly token: string; readonly account: string; readonly expiresAt: number } | undefined;
  /** https://cloud.google.com/compute/docs/metadata/querying-metadata */
  function metadata({ method, path, headers }: CloudRequest): CloudAnswer | undefined {
    if (path !== '/computeMetadata/v1/instance/service-accounts/default/token') return undefined;
    const flavor = { 'metadata-flavor': 'Google', server: 'Metadata Server for VM' };
    const isProxied = headers['x-forwarded-for'] !== undefined;
    if (method !== 'GET' || headers['metadata-flavor'] !== 'Google' || isProxied)
      return { status: 403, headers: flavor, body: 'Forbidden' };
    const account = google.metadataAccount;
    if (account === undefined) return { status: 404, headers: flavor, body: 'Not Found' };
    if (kept?.account !== account || kept.expiresAt - clock.now() < METADATA_MARGIN_MS) {
      const expiresAt = clock.now() + google.tokenLifetimeMs;
      kept = { account, expiresAt, token: issue(account, expiresAt) };
    }
    const answer = oauthToken(kept.token, kept.expiresAt - clock.now());
    return { ...answer, headers: { ...answer.headers, ...flavor } };
  }
  return google;
}

const oauthToken = (token: string, lifetimeMs: number, more: object = {}) =>
  json(200, { access_token: token, expires_in: Math.floor(lifetimeMs / 1000), token_type: 'Bearer', ...more });

function refused(host: string, { code, message, status }: Refusal): CloudAnswer {
  if (host !== 'iamcredentials.googleapis.com' && status !== 429) return json(status, { error: code, error_description: message });
  return json(status, { error: { code: status, message, status: code } }, status === 429 ? { 'retry-after': '30' } : {});
}
