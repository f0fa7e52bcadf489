/** The registries of the clouds, as far as a login goes: `GET /v2/` with a token that the fakes gave out. */
import { type CloudAnswer, type CloudClock, type CloudRequest, type IssuedToken, json, type Service } from './answers.ts';

const SUFFIX = String.raw`amazonaws\.com(?:\.cn)?|amazonaws\.eu|on\.aws|on\.amazonwebservices\.com\.cn|c2s\.ic\.gov|sc2s\.sgov\.gov|csp\.hci\.ic\.gov|cloud\.adc-e\.uk`;
const ECR = new RegExp(String.raw`^\d{12}\.dkr[.-]ecr(?:-fips)?\.[a-z0-9-]+\.(?:${SUFFIX})$|^public\.ecr\.aws$`);
const GOOGLE = /^(?:[a-z0-9-]+\.)?gcr\.io$|^[a-z0-9-]+-docker\.pkg\.dev$|^docker\.[a-z0-9-]+\.rep\.pkg\.dev$/;
const AZURE = /^[a-z0-9-]+\.azurecr\.(?:io|cn|us|de)$/;

/** Whether a cloud has such a registry. */
export const isRegistry = (host: string) => [ECR, GOOGLE, AZURE].some((hosts) => hosts.test(host));

export function fakeRegistries(clock: CloudClock, issued: readonly IssuedToken[]): Service {
  return (request) => {
    if (!isRegistry(request.host) || !['/v2/', '/v2/token'].includes(request.path)) return undefined;
    const [scheme = '', value = ''] = (request.headers.authorization ?? '').split(' ');
    const [username, ...rest] = scheme === 'Basic' ? Buffer.from(value, 'base64').toString().split(':') : [];
    const password = scheme === 'Bearer' ? value : rest.join(':');
    const token = issued.find((one) => one.password === password && one.hosts.test(request.host));
    const isGood = token !== undefined && token.expiresAt > clock.now() && (scheme === 'Bearer' || token.username === username);
    if (token?.cloud === 'aws' || ECR.test(request.host)) return ecr(isGood, token);
    return bearer(request, isGood, password);
  };
}

/** ECR takes the token by Basic, and refuses an expired one in plain text. */
function ecr(isGood: boolean, token: IssuedToken | undefined): CloudAnswer {
  if (isGood) return json(200, {});
  if (token !== undefined)
    return {
      status: 403,
      headers: { 'content-type': 'text/plain' },
      body: 'Your authorization token has expired. Reauthenticate and try again.',
    };
  return json(
    401,
    { errors: [{ code: 'UNAUTHORIZED', message: 'Not Authorized' }] },
    { 'www-authenticate': 'Basic realm="ecr",service="ecr.amazonaws.com"' },
  );
}

/** Google and Azure exchange the token for another one first; these fakes return it as it is. */
function bearer({ host, path }: CloudRequest, isGood: boolean, password: string): CloudAnswer {
  if (isGood) return path === '/v2/token' ? json(200, { token: password, access_token: password }) : json(200, {});
  const challenge = `Bearer realm="https://${host}/v2/token",service="${host}"`;
  return json(
    401,
    { errors: [{ code: 'UNAUTHORIZED', message: 'authentication failed' }] },
    path === '/v2/' ? { 'www-authenticate': challenge } : {},
  );
}
