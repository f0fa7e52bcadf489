/** The credentials of an identity: static ones, those of a role, or those that AWS gives to the operator's pod. */
import type { AwsTokenRequest } from '../../api/cloud-token.ts';
import { instanceCredentials, podIdentityCredentials } from './metadata.ts';
import type { AwsCredentials, AwsSession } from './signed.ts';
import { assumeRole, assumeRoleWithWebIdentity } from './sts.ts';

/** The credentials to ask ECR with. With a role on top of an identity, those of the role. Rejects with a CloudError. */
export async function credentialsFor({ identity, roleArn }: AwsTokenRequest, session: AwsSession): Promise<AwsCredentials> {
  if (identity.kind === 'webIdentity') return assumeRoleWithWebIdentity(session, identity.roleArn, identity.token);
  const credentials = identity.kind === 'keys' ? identity : await ownCredentials(session);
  return roleArn === undefined ? credentials : assumeRole(session, roleArn, credentials);
}

/** In the order of the AWS SDKs: static keys, IRSA, EKS Pod Identity or ECS, the instance role. */
async function ownCredentials(session: AwsSession): Promise<AwsCredentials> {
  const { env, readFile } = session.context;
  const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey, AWS_SESSION_TOKEN: sessionToken } = env;
  if (accessKeyId && secretAccessKey) return { accessKeyId, secretAccessKey, ...(sessionToken && { sessionToken }) };
  const { AWS_ROLE_ARN: role, AWS_WEB_IDENTITY_TOKEN_FILE: file } = env;
  if (role && file) return assumeRoleWithWebIdentity(session, role, await readFile('AWS_WEB_IDENTITY_TOKEN_FILE', file));
  return (await podIdentityCredentials(session.context)) ?? instanceCredentials(session.context);
}
