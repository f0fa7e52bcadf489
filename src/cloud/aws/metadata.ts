/** Credentials that AWS gives to a pod (EKS Pod Identity, ECS) or to an instance (IMDSv2). */
import { CloudError } from '../../api/cloud-token.ts';
import { ask, askMetadata, type Call, type CloudContext, codeOf, objectIn, type Reply, refusal, textIn } from '../call.ts';
import { checked } from '../checked.ts';
import { type AwsCredentials, awsCode } from './signed.ts';

/** Hosts that may be asked for credentials over plain HTTP: https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html */
const LOCAL_HOST = /^(?:169\.254\.170\.2|169\.254\.170\.23|\[fd00:ec2::23\]|127(?:\.\d{1,3}){3}|\[::1\]|localhost)$/;

/** Undefined if the environment names no such endpoint. */
export async function podIdentityCredentials(context: CloudContext): Promise<AwsCredentials | undefined> {
  const { AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: relative, AWS_CONTAINER_CREDENTIALS_FULL_URI: full } = context.env;
  if (!relative && !full) return undefined;
  const url = relative ? URL.parse(`http://169.254.170.2/${relative.replace(/^\//, '')}`) : URL.parse(full as string);
  const isLocal = url?.protocol === 'http:' && LOCAL_HOST.test(url.hostname);
  if (url === null || !(isLocal || url.protocol === 'https:'))
    throw new CloudError('AWS_CONTAINER_CREDENTIALS_FULL_URI must begin with https://, or name a local address', 'InvalidValue');
  const token = await authorizationToken(context);
  const call: Call = { action: 'GetCredentials', method: 'GET', url, isLocal, ...(token && { headers: { authorization: token } }) };
  return credentialsIn(call, await ask(context, call, awsCode));
}

async function authorizationToken({ env, readFile }: CloudContext): Promise<string | undefined> {
  const { AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: file, AWS_CONTAINER_AUTHORIZATION_TOKEN: token } = env;
  // Read each time: EKS replaces the file.
  return file ? readFile('AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE', file) : token || undefined;
}

const VARIABLES = 'AWS_ACCESS_KEY_ID, AWS_WEB_IDENTITY_TOKEN_FILE and AWS_CONTAINER_CREDENTIALS_FULL_URI';

/** https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-metadata-security-credentials.html, version 2 only. */
export async function instanceCredentials(context: CloudContext): Promise<AwsCredentials> {
  const { env } = context;
  if (env.AWS_EC2_METADATA_DISABLED?.toLowerCase() === 'true')
    throw new CloudError(
      `the operator's pod has no identity: ${VARIABLES} are not set, and AWS_EC2_METADATA_DISABLED is true`,
      'NoIdentity',
    );
  const ipv6 = env.AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE?.toLowerCase() === 'ipv6';
  const base = URL.parse(env.AWS_EC2_METADATA_SERVICE_ENDPOINT || (ipv6 ? 'http://[fd00:ec2::254]' : 'http://169.254.169.254'));
  if (base === null) throw new CloudError('AWS_EC2_METADATA_SERVICE_ENDPOINT is not a URL', 'InvalidValue');
  const call = (action: string, method: 'GET' | 'PUT', path: string, headers: Record<string, string>): Call => {
    return { action, method, url: new URL(path, base), headers, isLocal: true };
  };
  const start = call('GetMetadataToken', 'PUT', '/latest/api/token', { 'x-aws-ec2-metadata-token-ttl-seconds': '300' });
  const { text: token } = await askMetadata(context, start, awsCode, `${VARIABLES} are not set`);
  const path = '/latest/meta-data/iam/security-credentials/';
  const headers = { 'x-aws-ec2-metadata-token': token.trim() };
  const roles = await ask(context, call('ListInstanceRoles', 'GET', path, headers), awsCode);
  const role = checked('AWS instance role', roles.text.trim().split('\n')[0] ?? '');
  const get = call('GetInstanceCredentials', 'GET', `${path}${role}`, headers);
  return credentialsIn(get, await ask(context, get, awsCode));
}

function credentialsIn(call: Call, reply: Reply): AwsCredentials {
  const object = objectIn(call, reply);
  // The metadata service of an instance answers with 200 and a code if AWS gives it no credentials.
  const code = codeOf(call, reply, (answer) => awsCode(answer) ?? 'Success');
  if (code !== 'Success') throw refusal(call, reply, code);
  const read = (field: string) => textIn(call, reply, object, field);
  return { accessKeyId: read('AccessKeyId'), secretAccessKey: read('SecretAccessKey'), sessionToken: read('Token') };
}
