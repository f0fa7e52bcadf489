/** Roles, by the AWS Security Token Service. */
import { ask, type Call, formCall, malformed, type Reply } from '../call.ts';
import { checked } from '../checked.ts';
import { stsEndpoint } from './endpoints.ts';
import { type AwsCredentials, type AwsSession, askSigned, awsCode } from './signed.ts';

/** https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html */
export async function assumeRole(session: AwsSession, roleArn: string, credentials: AwsCredentials): Promise<AwsCredentials> {
  const { call, signingRegion } = stsCall(session, 'AssumeRole', roleArn, {});
  return credentialsIn(call, await askSigned(session, 'sts', signingRegion, credentials, call));
}

/** The token is the proof, so this call is not signed: https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html */
export async function assumeRoleWithWebIdentity(session: AwsSession, roleArn: string, token: string): Promise<AwsCredentials> {
  const { call } = stsCall(session, 'AssumeRoleWithWebIdentity', roleArn, { WebIdentityToken: token });
  return credentialsIn(call, await ask(session.context, call, awsCode));
}

function stsCall({ region, context: { env } }: AwsSession, action: string, roleArn: string, more: Readonly<Record<string, string>>) {
  const { url, signingRegion } = stsEndpoint(region, env);
  const form = {
    Action: action,
    Version: '2011-06-15',
    RoleArn: checked('AWS role', roleArn),
    RoleSessionName: env.AWS_ROLE_SESSION_NAME || 'regcred',
    ...more,
  };
  const headers = { 'content-type': 'application/x-www-form-urlencoded; charset=utf-8' };
  const call: Call = { ...formCall(action, url, form), headers };
  return { call, signingRegion };
}

/** STS answers in XML. The three values are base64, and base64 has no character that XML would escape. */
function credentialsIn(call: Call, reply: Reply): AwsCredentials {
  const read = (name: string) => {
    const [, value] = new RegExp(`<${name}>\\s*([^<\\s]+)\\s*</${name}>`).exec(reply.text) ?? [];
    if (value === undefined) throw malformed(call, reply, `without ${name}`);
    return value;
  };
  return { accessKeyId: read('AccessKeyId'), secretAccessKey: read('SecretAccessKey'), sessionToken: read('SessionToken') };
}
