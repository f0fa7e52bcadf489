/** AWS: STS, ECR (private and public), EKS Pod Identity and the instance metadata service. Verifies what AWS verifies. */
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
import { audiencesOf, type Issuer, verifyToken } from './jwt.ts';
import { type Key, type SignatureErrors, verifySignature } from './sigv4.ts';

export interface Role {
  /** The ServiceAccount that may assume it: `system:serviceaccount:NAMESPACE:NAME`, of this issuer. */
  readonly webIdentity?: { readonly issuer: string; readonly subject: string };
  /** The ARNs of the users and roles that may assume it. */
  readonly principals?: readonly string[];
  /** False: it may not call ecr:GetAuthorizationToken. */
  readonly mayPull?: boolean;
}

export interface FakeAws {
  readonly roles: Map<string, Role>;
  /** The keys of users and of assumed roles. */
  readonly keys: Key[];
  /** What EKS Pod Identity gives, and to whom: the content of the authorization token file. */
  podIdentity: { readonly authorization: string; readonly role: string } | undefined;
  /** The role of the instance, for IMDSv2. */
  instanceRole: string | undefined;
  /** The session tokens that the metadata service of the instance gave out. */
  readonly metadataTokens: Set<string>;
  /** How many of the next calls are throttled. */
  throttled: number;
  registryTokenLifetimeMs: number;
  /** Adds a user with a key, and returns the key. */
  addUser(arn: string): Key;
  readonly services: readonly Service[];
  /** The metadata services, at an address and not behind the proxy. */
  readonly local: Service;
}

/** The suffix of the hosts of each partition, by the beginning of its regions. */
const SUFFIXES: readonly (readonly [begin: string, suffix: string])[] = [
  ['cn-', 'amazonaws.com.cn'],
  ['eusc-', 'amazonaws.eu'],
  ['us-iso-', 'c2s.ic.gov'],
  ['us-isob-', 'sc2s.sgov.gov'],
  ['eu-isoe-', 'cloud.adc-e.uk'],
  ['us-isof-', 'csp.hci.ic.gov'],
];
const ENDPOINT = /^(?:api\.)?(ecr|ecr-public|sts)(?:-fips)?\.([a-z0-9-]+)\.([a-z0-9.-]+)$/;
const HOUR = 3_600_000;

const ECR_ERRORS: SignatureErrors = {
  missing: 'MissingAuthenticationTokenException',
  unknownKey: 'UnrecognizedClientException',
  expiredKey: 'ExpiredTokenException',
  wrong: 'InvalidSignatureException',
};
const STS_ERRORS: SignatureErrors = {
  missing: 'MissingAuthenticationToken',
  unknownKey: 'InvalidClientTokenId',
  expiredKey: 'ExpiredToken',
  wrong: 'SignatureDoesNotMatch',
};
const TARGETS: Readonly<Record<string, string>> = {
  ecr: 'AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken',
  'ecr-public': 'SpencerFrontendService.GetAuthorizationToken',
};

/** The service and region of an endpoint of AWS, or undefined if there is no such host. */
export function endpointOf(host: string): { service: string; region: string } | undefined {
  if (host === 'sts.amazonaws.com') return { service: 'sts', region: 'us-east-1' };
  const [, service = '', region = '', suffix] = ENDPOINT.exec(host) ?? [];
  const [, expected = 'amazonaws.com'] = SUFFIXES.find(([begin]) => region.startsWith(begin)) ?? [];
  const isDualStack = suffix === 'api.aws' && expected === 'amazonaws.com';
  const hasApi = host.startsWith('api.') === (service !== 'sts' && !isDualStack);
  return hasApi && (suffix === expected || isDualStack) ? { service, region } : undefined;
}

export function fakeAws(clock: CloudClock, issuers: readonly Issuer[], issued: IssuedToken[]): FakeAws {
  const aws: FakeAws = {
    ...{
      roles: new Map(),
      keys: [],
      metadataTokens: new Set(),
      podIdentity: undefined,
      instanceRole: undefined,
      throttled: 0,
      registryTokenLifetimeMs: 12 * HOUR,
    },
    addUser(principal) {
      const key = {
        accessKeyId: `AKIA${randomSecret('', 9).replace(/[_-]/g, 'X').toUpperCase()}`,
        secretAccessKey: randomSecret('', 30),
        principal,
      };
      aws.keys.push(key);
      return key;
    },
    services: [(request) => answerEndpoint(request)],
    local: (request) => answerLocal(aws, request, clock),
  };

  function answerEndpoint(request: CloudRequest): CloudAnswer | undefined {
    const endpoint = endpointOf(request.host);
    if (endpoint === undefined) return undefined;
    const isSts = endpoint.service === 'sts';
    try {
      demand(request.method === 'POST' && request.path === '/', 'UnknownOperationException', 'Unknown operation', 404);
      if (aws.throttled > 0) {
        aws.throttled -= 1;
        throw new Refusal(isSts ? 'Throttling' : 'ThrottlingException', 'Rate exceeded', 400);
      }
      return isSts ? answerSts(aws, request, endpoint, clock, issuers) : answerEcr(aws, request, endpoint, clock, issued);
    } catch (error) {
      return isSts ? stsError(error as Refusal, clock) : ecrError(error as Refusal, clock);
    }
  }
  return aws;
}

const dated = (clock: CloudClock) => ({ date: new Date(clock.now()).toUTCString() });

/** https://docs.aws.amazon.com/AmazonECR/latest/APIReference/CommonErrors.html */
const ecrError = ({ code, message, status }: Refusal, clock: CloudClock) =>
  json(status, { __type: code, message }, { ...dated(clock), 'content-type': 'application/x-amz-json-1.1', 'x-amzn-requestid': 'sample' });

/** https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html */
const stsError = ({ code, message, status }: Refusal, clock: CloudClock): CloudAnswer =>
  xml(
    status,
    `<ErrorResponse xmlns="${NAMESPACE}">\n  <Error>\n    <Type>Sender</Type>\n    <Code>${code}</Code>\n    <Message>${message}</Message>\n  </Error>\n  <RequestId>sample</RequestId>\n</ErrorResponse>`,
    clock,
  );

const NAMESPACE = 'https://sts.amazonaws.com/doc/2011-06-15/';
const xml = (status: number, body: string, clock: CloudClock): CloudAnswer => ({
  status,
  headers: { 'content-type': 'text/xml', ...dated(clock) },
  body,
});

interface Endpoint {
  readonly service: string;
  readonly region: string;
}

function answerEcr(aws: FakeAws, request: CloudRequest, endpoint: Endpoint, clock: CloudClock, issued: IssuedToken[]): CloudAnswer {
  const { service, region } = endpoint;
  demand(request.headers['content-type'] === 'application/x-amz-json-1.1', 'SerializationException', 'The content type is wrong.');
  demand(request.headers['x-amz-target'] === TARGETS[service], 'UnknownOperationException', 'Unknown operation');
  const { principal } = verifySignature(request, endpoint, aws.keys, clock.now(), ECR_ERRORS);
  const denied = aws.roles.get(principal)?.mayPull === false;
  demand(!denied, 'AccessDeniedException', `User: ${principal} is not authorized to perform: ${service}:GetAuthorizationToken`);
  demand(Object.keys(JSON.parse(request.body)).length === 0, 'InvalidParameterException', 'registryIds is deprecated.');
  const password = randomSecret('ecr-', 60);
  const expiresAt = Math.floor((clock.now() + aws.registryTokenLifetimeMs) / 1000);
  const hosts =
    service === 'ecr' ? new RegExp(`^\\d{12}\\.dkr[.-]ecr(?:-fips)?\\.${region}\\.`) : /^public\.ecr\.aws$|^ecr-public\.aws\.com$/;
  issued.push({ cloud: 'aws', username: 'AWS', password, principal, hosts, expiresAt: expiresAt * 1000 });
  const data = { authorizationToken: Buffer.from(`AWS:${password}`).toString('base64'), expiresAt };
  const proxyEndpoint = `https://000000000000.dkr.ecr.${region}.amazonaws.com`;
  const authorizationData = service === 'ecr' ? [{ ...data, proxyEndpoint }] : data;
  return json(200, { authorizationData }, { ...dated(clock), 'content-type': 'application/x-amz-json-1.1' });
}

function answerSts(aws: FakeAws, request: CloudRequest, endpoint: Endpoint, clock: CloudClock, issuers: readonly Issuer[]): CloudAnswer {
  const form = formOf(request, 'InvalidAction');
  const { Action: action = '', RoleArn: arn = '', RoleSessionName: session = '' } = form;
  demand(form.Version === '2011-06-15', 'InvalidAction', 'Could not find operation for version');
  demand(/^[\w+=,.@-]{2,64}$/.test(session), 'ValidationError', 'The session name is malformed.');
  const role = aws.roles.get(arn);
  const denied = `Not authorized to perform sts:${action}`;
  if (action === 'AssumeRoleWithWebIdentity') {
    const errors = { invalid: 'InvalidIdentityToken', expired: 'ExpiredTokenException' };
    const claims = verifyToken(form.WebIdentityToken ?? '', issuers, clock.now(), errors);
    demand(audiencesOf(claims).includes('sts.amazonaws.com'), 'InvalidIdentityToken', 'Incorrect token audience');
    const { issuer, subject } = role?.webIdentity ?? {};
    demand(claims.iss === issuer && claims.sub === subject, 'AccessDenied', denied, 403);
  } else {
    demand(action === 'AssumeRole', 'InvalidAction', `Could not find operation ${action}`);
    const { principal } = verifySignature(request, endpoint, aws.keys, clock.now(), STS_ERRORS);
    demand(role?.principals?.includes(principal) === true, 'AccessDenied', denied, 403);
  }
  const { accessKeyId, secretAccessKey, sessionToken, expiresAt } = roleKey(aws, arn, clock);
  return xml(
    200,
    `<${action}Response xmlns="${NAMESPACE}">
  <${action}Result>
    <AssumedRoleUser>
      <AssumedRoleId>AROASAMPLE:${session}</AssumedRoleId>
      <Arn>${arn.replace(':iam:', ':sts:').replace(':role/', ':assumed-role/')}/${session}</Arn>
    </AssumedRoleUser>
    <Credentials>
      <AccessKeyId>${accessKeyId}</AccessKeyId>
      <SecretAccessKey>${secretAccessKey}</SecretAccessKey>
      <SessionToken>${sessionToken}</SessionToken>
      <Expiration>${new Date(expiresAt).toISOString()}</Expiration>
    </Credentials>
  </${action}Result>
  <ResponseMetadata><RequestId>sample</RequestId></ResponseMetadata>
</${action}Response>`,
    clock,
  );
}

/** A key of a role, for an hour. */
function roleKey(aws: FakeAws, principal: string, clock: CloudClock): Required<Key> {
  const key = {
    accessKeyId: `ASIA${randomSecret('', 9).replace(/[_-]/g, 'X').toUpperCase()}`,
    secretAccessKey: randomSecret('', 30),
    sessionToken: randomSecret('session-', 150),
    expiresAt: clock.now() + HOUR,
    principal,
  };
  aws.keys.push(key);
  return key;
}

const IMDS_PATH = '/latest/meta-data/iam/security-credentials/';

function answerLocal(aws: FakeAws, request: CloudRequest, clock: CloudClock): CloudAnswer | undefined {
  const { method, path, headers } = request;
  const text = (status: number, body: string): CloudAnswer => ({
    status,
    headers: { 'content-type': 'text/plain', ...dated(clock) },
    body,
  });
  if (path === '/v1/credentials') {
    if (method !== 'GET' || aws.podIdentity === undefined || headers.authorization !== aws.podIdentity.authorization)
      return json(401, { code: 'AccessDeniedException', message: 'The authorization token is not valid.' });
    return json(200, credentialsBody(roleKey(aws, aws.podIdentity.role, clock)));
  }
  // IMDSv2 refuses what came through a proxy.
  if (!path.startsWith('/latest/') || headers['x-forwarded-for'] !== undefined) return undefined;
  if (path === '/latest/api/token') {
    const seconds = Number(headers['x-aws-ec2-metadata-token-ttl-seconds']);
    if (method !== 'PUT' || !(seconds >= 1 && seconds <= 21_600)) return text(400, 'Bad Request');
    const token = randomSecret('imds-');
    aws.metadataTokens.add(token);
    return text(200, token);
  }
  if (method !== 'GET' || !aws.metadataTokens.has(String(headers['x-aws-ec2-metadata-token']))) return text(401, 'Unauthorized');
  const name = aws.instanceRole?.split('/').at(-1);
  if (aws.instanceRole === undefined || name === undefined) return text(404, 'Not Found');
  if (path === IMDS_PATH) return text(200, name);
  if (path !== `${IMDS_PATH}${name}`) return text(404, 'Not Found');
  return json(200, {
    Code: 'Success',
    Type: 'AWS-HMAC',
    LastUpdated: new Date(clock.now()).toISOString(),
    ...credentialsBody(roleKey(aws, aws.instanceRole, clock)),
  });
}

const credentialsBody = ({ accessKeyId, secretAccessKey, sessionToken, expiresAt }: Required<Key>) => ({
  AccessKeyId: accessKeyId,
  SecretAccessKey: secretAccessKey,
  Token: sessionToken,
  Expiration: new Date(expiresAt).toISOString(),
});
