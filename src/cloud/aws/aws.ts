/** Fetches a token for Amazon ECR: finds the credentials of the identity, assumes a role, and asks ECR. */
import type { AwsTokenRequest, RegistryToken } from '../../api/cloud-token.ts';
import { type CloudContext, type Json, malformed, objectIn, textIn } from '../call.ts';
import { checked } from '../checked.ts';
import { credentialsFor } from './credentials.ts';
import { ecrEndpoint } from './endpoints.ts';
import { type AwsCredentials, type AwsSession, askSigned } from './signed.ts';

/** The operation of each service. The private one has a list in its answer, the public one an object. */
const TARGETS = {
  ecr: 'AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken',
  'ecr-public': 'SpencerFrontendService.GetAuthorizationToken',
} as const;

/** https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_GetAuthorizationToken.html */
export async function fetchAwsToken(request: AwsTokenRequest, context: CloudContext): Promise<RegistryToken> {
  const session: AwsSession = { context, region: checked('AWS region', request.region), clockOffsetMs: 0 };
  const credentials = await credentialsFor(request, session);
  return registryToken(request.service, session, credentials);
}

async function registryToken(
  service: AwsTokenRequest['service'],
  session: AwsSession,
  credentials: AwsCredentials,
): Promise<RegistryToken> {
  const call = {
    action: 'GetAuthorizationToken',
    method: 'POST',
    url: ecrEndpoint(service, session.region, session.context.env),
    headers: { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': TARGETS[service] },
    body: '{}',
  } as const;
  const reply = await askSigned(session, service, session.region, credentials, call);
  const { authorizationData } = objectIn(call, reply);
  const data = ((Array.isArray(authorizationData) ? authorizationData[0] : authorizationData) ?? {}) as Json;
  const [, username, password] =
    /^([^:]+):(.+)$/s.exec(Buffer.from(textIn(call, reply, data, 'authorizationToken'), 'base64').toString('utf8')) ?? [];
  if (username === undefined || password === undefined) throw malformed(call, reply, 'its authorizationToken is malformed');
  if (typeof data.expiresAt !== 'number') throw malformed(call, reply, 'without expiresAt');
  return { username, password, expiresAt: Math.floor(data.expiresAt * 1000) };
}
